/**
 * Down: writes may have been acknowledged in a past interval none of whose members can be asked.
 * The decision is PriorSet's (peering.md §6.4); here it is told from what the query shows of it.
 */
import { ec_recoverable } from "../peering/recoverable.ts";
import { type pg_shard_t, shard_osd } from "../types/osd_types.ts";
import { type CauseRule, cause } from "./cause.ts";
import { lost_osd } from "./drastic.ts";
import type { explain_fact } from "./explanation.ts";
import type { PGCase } from "./PGCase.ts";
import type { past_interval_view } from "./QueryView.ts";
import { are, listed, osd_name, osd_names, unique } from "./words.ts";

interface blocking_interval {
  readonly interval: past_interval_view;
  /** Members that cannot be asked. */
  readonly missing: readonly number[];
  /** Members that can. */
  readonly heard: readonly pg_shard_t[];
}

/** Blocked PGs without a state of their own (Jewel stays in GetInfo with the bit set). */
function is_blocked(c: PGCase): boolean {
  return c.is("down") || (c.query?.peering?.at("blocked").str() ?? "") !== "";
}

export const down_causes: CauseRule = (c) => {
  if (!is_blocked(c)) return [];
  const blockers = blocking_osds(c);
  const intervals = blocking_intervals(c, blockers);
  const { query } = c;
  const les = query?.history.at("last_epoch_started");
  const some = intervals.length > 0;
  const who = blockers.length > 0 ? osd_names(blockers, "or") : "the OSDs that are down";
  return [
    cause("down.blocked", "unavailable", {
      say: [
        some
          ? `The PG is down: ${listed(intervals.map((i) => interval_words(c, i)))}; writes ` +
            "acknowledged then may be on no OSD that can be asked now."
          : "The PG is down: writes may have been acknowledged that are on no OSD that can be asked " +
            "now.",
        blockers.length > 0
          ? `It waits for ${c.osds_words(blockers)}.`
          : "Which OSDs it waits for, the sources do not tell.",
        query && les?.exists
          ? `What ${c.primary_name} itself has ends at ${c.last_update}, and it knows that the PG ` +
            `was last active in the interval of epoch ${les.num()} (last_epoch_started). Going on ` +
            "from there would silently drop what came after it, so no I/O is served."
          : undefined,
      ],
      facts: [
        c.state_doc.fact("the state that the primary reports"),
        query?.peering?.at("blocked").str()
          ? query.peering.at("blocked").fact("peering says itself that it is blocked")
          : undefined,
        ...intervals.flatMap((i) => interval_facts(c, i)),
        les?.exists
          ? les.fact("intervals that ended before it need not be asked about")
          : undefined,
        ...blocker_facts(c, blockers),
        query?.peering?.at("probing_osds").exists
          ? query.peering.at("probing_osds").fact("these can be asked; they do not suffice")
          : undefined,
      ],
      osds: blockers,
      unblocks: unblocks(c, blockers, intervals),
      drastic: blockers.map((o) => lost_osd(o, lost_words(c, o, intervals, who))),
    }),
  ];
};

/** Who must come back: as peering says; else as the statistics say. */
export function blocking_osds(c: PGCase): number[] {
  const { query } = c;
  const said = (query?.blocked_by ?? []).flatMap((d) => d.at("osd").num() ?? []);
  if (said.length > 0) return unique(said);
  const stat = c.stat.at("blocked_by").ints();
  if (stat.length > 0) return unique(stat);
  return unique((query?.down_would_probe ?? []).flatMap((d) => d.num() ?? []));
}

function blocking_intervals(c: PGCase, blockers: readonly number[]): blocking_interval[] {
  const { query } = c;
  if (!query) return [];
  const les = query.history.at("last_epoch_started").num() ?? 0;
  const found = query.past_intervals
    .filter((i) => i.last >= les)
    .map((interval) => {
      const lost = (o: number) => (c.osd(o)?.lost_at ?? 0) > interval.first;
      const gone = (s: pg_shard_t) => {
        const o = shard_osd(s);
        return !lost(o) && (blockers.includes(o) || c.is_down(o));
      };
      const missing = unique(interval.acting.filter(gone).map(shard_osd));
      return { interval, missing, heard: interval.acting.filter((s) => !gone(s)) };
    });
  return found.filter((i) => {
    if (!i.missing.some((o) => blockers.includes(o))) return false;
    const k = c.pool?.k;
    if (!c.erasure) return i.heard.length === 0;
    return k === undefined || !ec_recoverable(k)(new Set(i.heard));
  });
}

function interval_words(c: PGCase, { interval, heard }: blocking_interval): string {
  const { first, last, acting } = interval;
  const when = first === last ? `in epoch ${first}` : `in epochs ${first} to ${last}`;
  const alone = acting.length === 1 ? " alone" : "";
  const k = c.pool?.k;
  const rest =
    c.erasure && heard.length > 0
      ? `, of which only ${osd_names(heard.map(shard_osd))} can be asked` +
        (k === undefined ? "" : ` (${k} shards are needed)`)
      : "";
  return `${when} ${osd_names(acting.map(shard_osd))}${alone} served the PG${rest}`;
}

function interval_facts(c: PGCase, { interval, missing }: blocking_interval): explain_fact[] {
  const facts = [
    interval.doc.fact("an interval in which writes may have happened, with its acting set"),
  ];
  for (const o of missing) {
    const v = c.osd(o);
    if (v && v.up_thru >= interval.first) {
      facts.push(
        v.doc
          .at("up_thru")
          .fact(`recorded alive in epoch ${v.up_thru}: the interval may have gone active`),
      );
    }
  }
  return facts;
}

function blocker_facts(c: PGCase, blockers: readonly number[]): explain_fact[] {
  const facts: explain_fact[] = [];
  for (const d of c.query?.blocked_by ?? []) {
    facts.push(d.at("osd").fact("must be up again (or be given up) before peering can go on"));
    const lost_at = d.at("current_lost_at");
    if (lost_at.exists) {
      const n = lost_at.num() ?? 0;
      facts.push(lost_at.fact(n === 0 ? "nobody gave it up" : `given up in epoch ${n}, too early`));
    }
  }
  const stat = c.stat.at("blocked_by");
  if (stat.ints().length > 0)
    facts.push(stat.fact("in the PG's statistics: who is down and would be asked"));
  return [...facts, ...c.osd_facts(blockers)];
}

function unblocks(
  c: PGCase,
  blockers: readonly number[],
  intervals: readonly blocking_interval[],
): string[] {
  if (blockers.length === 0) return ["Start the OSDs of the PG that are down."];
  const sets = intervals.map((i) => i.missing.filter((o) => blockers.includes(o)));
  const wanted = sets.length > 0 ? sets : [blockers];
  const keys = [...new Set(wanted.map((s) => s.join()))].map((k) => k.split(",").map(Number));
  const starts = keys.map((s) => {
    if (s.length === 1) return `${osd_names(s)}`;
    return `${needed(c, s, intervals)} of ${osd_names(s)}`;
  });
  const noup = c.map?.noup(blockers);
  return [
    ...(noup === undefined ? [] : [noup]),
    `Start ${listed(starts)}: the PG asks ${blockers.length === 1 ? "it" : "them"} and goes on, ` +
      "and nothing is lost.",
    "If a daemon cannot start but its disk can be read: move the disk to another host and start it " +
      "there, or export the PG from it with ceph-objectstore-tool and import it into an OSD that is " +
      "stopped for the purpose.",
  ];
}

/** How many of `osds` must come back for the intervals that they are missing in. */
function needed(
  c: PGCase,
  osds: readonly number[],
  intervals: readonly blocking_interval[],
): string {
  const k = c.erasure ? c.pool?.k : 1;
  if (k === undefined) return "enough";
  const own = intervals.filter((i) => i.missing.some((o) => osds.includes(o)));
  const n = Math.max(1, ...own.map((i) => k - i.heard.length));
  return n === 1 ? "one" : n >= osds.length ? "all" : String(n);
}

function lost_words(
  c: PGCase,
  osd: number,
  intervals: readonly blocking_interval[],
  who: string,
): string {
  const own = intervals.filter((i) => i.missing.includes(osd)).map((i) => i.interval);
  const when = own.map((i) => (i.first === i.last ? `${i.first}` : `${i.first} to ${i.last}`));
  const epochs = when.length > 0 ? ` acknowledged in epochs ${listed(when)}` : "";
  const others = pgs_blocked_by(c, osd);
  const more =
    others.length > 0
      ? ` The same holds for pg ${listed(others)}, which ${are(others)} blocked by ` +
        `${osd_name(osd)}, too.`
      : "";
  const what = c.erasure ? `that cannot be decoded without ${who}` : `that only ${who} has`;
  return (
    `every write${epochs} ${what}: the PG would go on from ${c.last_update}. How many ` +
    `that are nobody who can be asked knows; it holds for every PG that ${osd_name(osd)} has.${more}`
  );
}
function pgs_blocked_by(c: PGCase, osd: number): string[] {
  const rows = [...(c.cluster.dump?.pgs ?? [])];
  return rows
    .filter(([pgid, row]) => pgid !== c.pgid && row.at("blocked_by").ints().includes(osd))
    .filter(([, row]) => row.at("state").str()?.split("+").includes("down") ?? false)
    .map(([pgid]) => pgid);
}
