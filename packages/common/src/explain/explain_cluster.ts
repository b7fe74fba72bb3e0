/** What ails a whole cluster: PGs that hang for the same reason together, then OSDs and flags. */
import { cause } from "./cause.ts";
import { pause_cause } from "./causes_io.ts";
import { ExplainInputError } from "./errors.ts";
import { by_kind, explain_case } from "./explain_pg.ts";
import { CAUSE_KINDS, type explained_cause, type pg_explanation } from "./explanation.ts";
import { full_osds } from "./fullness.ts";
import { ClusterCase, type explain_sources, PGCase } from "./PGCase.ts";
import { are, counted, listed, osd_name } from "./words.ts";

/** PGs in the same state for the same causes, by the same OSDs. */
export interface pg_group {
  readonly pgids: readonly string[];
  /** Of the first: it stands for all. */
  readonly explanation: pg_explanation;
}
export interface cluster_explanation {
  readonly epoch: number | undefined;
  readonly num_pgs: number;
  readonly num_active_clean: number;
  readonly num_inactive: number;
  readonly summary: string;
  /** OSDs that are down, flags, fullness. */
  readonly causes: readonly explained_cause[];
  readonly groups: readonly pg_group[];
}
export interface cluster_sources extends Omit<explain_sources, "query" | "query_error" | "pg_map"> {
  /** What was asked of single PGs. */
  readonly pgs?: ReadonlyMap<string, explain_sources>;
}

const IDLE = new Set(["active", "clean", "scrubbing", "deep", "snaptrim", "snaptrim_wait"]);
/** Is there something to explain in that state? */
export function needs_explaining(state: string): boolean {
  const bits = state.split("+");
  return !bits.includes("active") || !bits.includes("clean") || bits.some((b) => !IDLE.has(b));
}

/** The PGs of a dump that there is something to explain in: id and state. */
export function pgs_to_explain(pg_dump: unknown): { pgid: string; state: string; row: unknown }[] {
  const { dump } = new ClusterCase({ pg_dump });
  return [...(dump?.pgs ?? [])].flatMap(([pgid, row]) => {
    const state = row.at("state").str() ?? "unknown";
    return needs_explaining(state) ? [{ pgid, state, row: row.value }] : [];
  });
}

/** Why PGs of a cluster are not active+clean, those of one cause together. Throws ExplainInputError. */
export function explain_cluster(s: cluster_sources): cluster_explanation {
  const cluster = new ClusterCase(s);
  const rows = cluster.dump?.pgs;
  if (!rows) throw new ExplainInputError("the whole cluster cannot be explained without a pg dump");
  const groups = new Map<string, { pgids: string[]; explanation: pg_explanation }>();
  let idle = 0;
  let inactive = 0;
  for (const [pgid, row] of rows) {
    const state = row.at("state").str() ?? "unknown";
    if (!needs_explaining(state)) {
      idle++;
      continue;
    }
    const bits = state.split("+");
    if (!bits.includes("active") || bits.includes("stale")) inactive++;
    const explanation = explain_case(new PGCase(cluster, pgid, s.pgs?.get(pgid) ?? {}));
    const key = group_key(explanation);
    const group = groups.get(key);
    if (group) group.pgids.push(pgid);
    else groups.set(key, { pgids: [pgid], explanation });
  }
  const found = [...groups.values()].sort((a, b) => rank(a.explanation) - rank(b.explanation));
  return {
    epoch: cluster.map?.epoch,
    num_pgs: rows.size,
    num_active_clean: idle,
    num_inactive: inactive,
    summary: summary(rows.size, idle, inactive, found.length),
    causes: cluster_causes(cluster),
    groups: found,
  };
}

function group_key(x: pg_explanation): string {
  const causes = x.causes.map((y) => `${y.id}(${y.osds.join()})`);
  return [x.state, ...causes].join(" ");
}
function rank(x: pg_explanation): number {
  const kind = x.causes[0]?.kind;
  return kind === undefined ? CAUSE_KINDS.length : CAUSE_KINDS.indexOf(kind);
}
function summary(all: number, idle: number, inactive: number, reasons: number): string {
  if (idle === all) return `All ${counted(all, "PG")} are active+clean.`;
  const bad = all - idle;
  const rest =
    inactive > 0 ? `; ${inactive} of them ${are(inactive)} not active` : "; all of them serve I/O";
  const why = reasons === 1 ? "one reason" : `${reasons} different reasons`;
  return `${bad} of ${counted(all, "PG")} ${are(bad)} not active+clean, for ${why}${rest}.`;
}

// ---------------------------------------------------------------- beside the PGs

/** Flags that hold something back, and what. */
const FLAGS: Readonly<Record<string, string>> = {
  noup: "OSDs that start are not marked up",
  nodown: "OSDs that are dead are not marked down, and PGs wait for them",
  noout: "OSDs that are down are not marked out, and no copies are made elsewhere",
  noin: "OSDs that come back are not marked in",
  nobackfill: "no copies are moved or made by backfill",
  norebalance: "copies of PGs that lack nothing are not moved",
  norecover: "missing objects are not copied",
  noscrub: "no scrub begins",
  "nodeep-scrub": "no deep scrub begins",
  nosnaptrim: "deleted snapshots are not trimmed",
  notieragent: "cache tiers are not flushed",
  full: "clients may not write",
};

function cluster_causes(c: ClusterCase): explained_cause[] {
  const { map } = c;
  if (!map) return [];
  const pause = pause_cause(map);
  const out = pause ? [pause] : [];
  for (const o of map.osds.values()) {
    if (o.up) continue;
    const n = [...(c.dump?.pgs.values() ?? [])].filter((row) =>
      row.at("blocked_by").ints().includes(o.osd),
    ).length;
    const waits = n > 0 ? ` ${counted(n, "PG waits", "PGs wait")} for it.` : "";
    const never = o.up_from === 0 && o.down_at === 0;
    const since = never ? "has never been up" : `is down since epoch ${o.down_at}`;
    out.push(
      cause("osd.down", n > 0 ? "unavailable" : "redundancy", {
        say: [`${osd_name(o.osd)} ${since} (${o.in ? "in" : "out"}).${waits}`],
        facts: [
          o.doc.at("up").fact("0: down"),
          o.doc.at("down_at").fact("marked down in this epoch"),
        ],
        osds: [o.osd],
        unblocks: [`Start ${osd_name(o.osd)}; its log says why it ended.`],
      }),
    );
  }
  const full = full_osds({ cluster: c }, map.osds.keys());
  for (const f of full) {
    out.push(
      cause(f.level === "full" ? "io.osd_full" : "osd.nearly_full", full_kind(f.level), {
        say: [`${f.words}.${f.level === "full" ? " Writes to its pools wait or fail." : ""}`],
        facts: f.facts,
        osds: [f.osd],
        unblocks: ["Make room: add OSDs, or let others take more (reweight, balancer)."],
      }),
    );
  }
  const flags = [...map.flags].filter((f) => Object.hasOwn(FLAGS, f));
  if (flags.length > 0) {
    out.push(
      cause("cluster.flags", "remark", {
        say: [`Flags are set: ${listed(flags.map((f) => `${f} (${FLAGS[f]})`))}.`],
        facts: [map.doc.at("flags").fact("set by an operator, until unset")],
        unblocks: [`'osd unset ${flags[0]}' when it is no longer needed.`],
      }),
    );
  }
  return by_kind(out);
}
function full_kind(level: string): "unavailable" | "redundancy" {
  return level === "full" ? "unavailable" : "redundancy";
}
