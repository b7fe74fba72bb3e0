/**
 * Health checks of PGs, from the PGMap. Pure.
 * Ceph counterpart: PGMap::get_health_checks. cluster.md §8.
 */
import { CRUSH_ITEM_NONE, type pg_t } from "@tako/common";
import type { pg_stat_t } from "../pgmap/pg_stat.ts";
import { percent } from "../pgmap/summary.ts";
import {
  error,
  type HealthCheck,
  type HealthChecks,
  type HealthInput,
  warn,
} from "./health_types.ts";

type Group =
  | "PG_AVAILABILITY"
  | "PG_DEGRADED"
  | "PG_DAMAGED"
  | "PG_BACKFILL_FULL"
  | "PG_RECOVERY_FULL";

interface Rule {
  readonly state: string;
  readonly group: Group;
  /** Undefined: counts at once. Otherwise only when older than mon_pg_stuck_threshold. */
  readonly since?: (s: pg_stat_t) => number;
  /** How the summary calls it. */
  readonly as?: string;
}

const RULES: readonly Rule[] = [
  { state: "incomplete", group: "PG_AVAILABILITY" },
  { state: "down", group: "PG_AVAILABILITY" },
  {
    state: "peering",
    group: "PG_AVAILABILITY",
    since: (s) => Math.max(s.last_active, s.last_peered),
  },
  { state: "stale", group: "PG_AVAILABILITY", since: (s) => s.last_unstale },
  { state: "degraded", group: "PG_DEGRADED" },
  { state: "undersized", group: "PG_DEGRADED", since: (s) => s.last_fullsized },
  { state: "inconsistent", group: "PG_DAMAGED" },
  { state: "snaptrim_error", group: "PG_DAMAGED" },
  { state: "recovery_unfound", group: "PG_DAMAGED" },
  { state: "backfill_unfound", group: "PG_DAMAGED" },
  { state: "backfill_toofull", group: "PG_BACKFILL_FULL" },
  { state: "recovery_toofull", group: "PG_RECOVERY_FULL" },
];
const INACTIVE: Rule = {
  state: "inactive",
  group: "PG_AVAILABILITY",
  since: (s) => s.last_active,
};

const TITLES: Readonly<Record<Group, string>> = {
  PG_AVAILABILITY: "Reduced data availability",
  PG_DEGRADED: "Degraded data redundancy",
  PG_DAMAGED: "Possible data damage",
  PG_BACKFILL_FULL: "Low space hindering backfill (add storage if this doesn't resolve itself)",
  PG_RECOVERY_FULL: "Full OSDs blocking recovery",
};

interface Found {
  /** State -> number of PGs. */
  readonly counts: Map<string, number>;
  readonly detail: string[];
  pgs: number;
}

export function pg_health_checks(h: HealthInput): HealthChecks {
  const out: HealthChecks = new Map();
  const groups = group_pgs(h);
  const sum = h.pgmap.sum().stat_sum;
  const copies = sum.num_object_copies;
  for (const [group, f] of groups) {
    const parts = [...f.counts].map(([state, n]) => `${n} pg${n === 1 ? "" : "s"} ${state}`);
    if (group === "PG_DEGRADED" && sum.num_objects_degraded > 0 && copies > 0) {
      const d = sum.num_objects_degraded;
      parts.unshift(`${d}/${copies} objects degraded (${percent(d, copies)})`);
    }
    const summary = `${TITLES[group]}: ${parts.join(", ")}`;
    const bad = group === "PG_DAMAGED" || group === "PG_RECOVERY_FULL";
    out.set(group, (bad ? error : warn)(summary, f.detail, f.pgs));
  }
  if (sum.num_objects_degraded > 0 && copies > 0 && !groups.has("PG_DEGRADED")) {
    const d = sum.num_objects_degraded;
    const text = `${d}/${copies} objects degraded (${percent(d, copies)})`;
    out.set("PG_DEGRADED", warn(`${TITLES.PG_DEGRADED}: ${text}`, [], 1));
  }
  add_object_checks(h, out);
  add_pg_count_checks(h, out);
  add_scrub_checks(h, out);
  add_slow_ops(h, out);
  return out;
}

function group_pgs(h: HealthInput): Map<Group, Found> {
  const cutoff = h.now_ms - h.config.get("mon_pg_stuck_threshold") * 1000;
  const groups = new Map<Group, Found>();
  // No rule is about a PG that is active+clean and nothing else.
  for (const [pg, s] of h.pgmap.sorted_pgs_in_other_states()) {
    const seen = new Set<Group>();
    const rules = s.states.has("active") ? RULES : [INACTIVE, ...RULES];
    for (const r of rules) {
      if (r !== INACTIVE && !s.states.has(r.state)) continue;
      const since = r.since?.(s);
      if (since !== undefined && since >= cutoff) continue;
      const f: Found = groups.get(r.group) ?? { counts: new Map(), detail: [], pgs: 0 };
      groups.set(r.group, f);
      f.counts.set(r.state, (f.counts.get(r.state) ?? 0) + 1);
      if (seen.has(r.group)) continue;
      seen.add(r.group);
      f.pgs++;
      f.detail.push(detail_line(h, pg, s, r, since));
    }
  }
  return groups;
}

function detail_line(
  h: HealthInput,
  pg: pg_t,
  s: pg_stat_t,
  r: Rule,
  since: number | undefined,
): string {
  const acting = osd_list(s.acting);
  if (since !== undefined) {
    const age = since === 0 ? "since forever" : `for ${timespan(h.now_ms - since)}`;
    return `pg ${pg} is stuck ${r.state} ${age}, current state ${s.state}, last acting ${acting}`;
  }
  let line = `pg ${pg} is ${s.state}, acting ${acting}`;
  const unfound = s.stat_sum.num_objects_unfound;
  if (unfound > 0) line += `, ${unfound} unfound`;
  if (r.state === "incomplete") {
    const pool = Number.parseInt(pg, 10);
    const p = h.osdmap.get_pg_pool(pool);
    if (p && p.min_size > 1) {
      const name = h.osdmap.get_pool_name(pool) ?? String(pool);
      const hint = "may help; search ceph.com/docs for 'incomplete'";
      line += ` (reducing pool ${name} min_size from ${p.min_size} ${hint})`;
    }
  }
  return line;
}

/** `[5,0,NONE]` */
export function osd_list(osds: readonly number[]): string {
  return `[${osds.map((o) => (o === CRUSH_ITEM_NONE ? "NONE" : o)).join(",")}]`;
}

/** As Ceph's timespan_str: `45s`, `2m`, `3h`, `5d`. */
export function timespan(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 120) return `${s}s`;
  if (s < 120 * 60) return `${Math.floor(s / 60)}m`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)}h`;
  return `${Math.floor(s / 86400)}d`;
}

function add_object_checks(h: HealthInput, out: HealthChecks): void {
  const sum = h.pgmap.sum().stat_sum;
  const { num_objects_unfound: unfound, num_objects: objects } = sum;
  if (unfound > 0 && objects > 0) {
    const detail = h.pgmap
      .sorted_pgs()
      .filter(([, s]) => s.stat_sum.num_objects_unfound > 0)
      .map(([pg, s]) => `pg ${pg} has ${s.stat_sum.num_objects_unfound} unfound objects`);
    const text = `${unfound}/${objects} objects unfound (${percent(unfound, objects)})`;
    out.set("OBJECT_UNFOUND", warn(text, detail, 1));
  }
  const { num_objects_misplaced: misplaced, num_object_copies: copies } = sum;
  if (misplaced > 0 && copies > 0 && h.config.get("mon_warn_on_misplaced")) {
    const text = `${misplaced}/${copies} objects misplaced (${percent(misplaced, copies)})`;
    out.set("OBJECT_MISPLACED", warn(text, [], 1));
  }
  if (sum.num_scrub_errors > 0) {
    out.set("OSD_SCRUB_ERRORS", error(`${sum.num_scrub_errors} scrub errors`, [], 1));
  }
  if (sum.num_large_omap_objects > 0) {
    out.set("LARGE_OMAP_OBJECTS", warn(`${sum.num_large_omap_objects} large omap objects`, [], 1));
  }
}

function add_pg_count_checks(h: HealthInput, out: HealthChecks): void {
  const num_in = h.osdmap.get_num_in_osds();
  if (num_in === 0) return;
  let copies = 0;
  for (const p of h.osdmap.pools.values()) copies += p.pg_num * p.size;
  const per_osd = Math.floor(copies / num_in);
  const min = h.config.get("mon_pg_warn_min_per_osd");
  const max = h.config.get("mon_max_pg_per_osd");
  if (min > 0 && h.osdmap.pools.size > 0 && per_osd < min) {
    out.set("TOO_FEW_PGS", warn(`too few PGs per OSD (${per_osd} < min ${min})`));
  }
  if (per_osd > max)
    out.set("TOO_MANY_PGS", warn(`too many PGs per OSD (${per_osd} > max ${max})`));
}

function add_scrub_checks(h: HealthInput, out: HealthChecks): void {
  const c = h.config;
  // A PG is late when its stamp is before this; one that is 0 says nothing.
  const limit = (interval_s: number, ratio: number) =>
    interval_s > 0 ? h.now_ms - interval_s * (1 + ratio) * 1000 : 0;
  const scrub_limit = limit(
    c.get("osd_scrub_max_interval"),
    c.get("mon_warn_pg_not_scrubbed_ratio"),
  );
  const deep_limit = limit(
    c.get("osd_deep_scrub_interval"),
    c.get("mon_warn_pg_not_deep_scrubbed_ratio"),
  );
  const is_late = (stamp: number, before: number) => stamp > 0 && stamp < before;
  const scrub: string[] = [];
  const deep: string[] = [];
  for (const [pg, s] of h.pgmap.sorted_pgs_scrubbed_before(scrub_limit, deep_limit)) {
    if (is_late(s.last_scrub_stamp, scrub_limit)) {
      scrub.push(`pg ${pg} not scrubbed since ${s.last_scrub}`);
    }
    if (is_late(s.last_deep_scrub_stamp, deep_limit)) {
      deep.push(`pg ${pg} not deep-scrubbed since ${s.last_deep_scrub}`);
    }
  }
  const n = (list: string[]) => `${list.length} pgs`;
  if (scrub.length > 0) {
    out.set("PG_NOT_SCRUBBED", warn(`${n(scrub)} not scrubbed in time`, scrub, scrub.length));
  }
  if (deep.length > 0) {
    out.set(
      "PG_NOT_DEEP_SCRUBBED",
      warn(`${n(deep)} not deep-scrubbed in time`, deep, deep.length),
    );
  }
}

function add_slow_ops(h: HealthInput, out: HealthChecks): void {
  let ops = 0;
  let oldest = 0;
  const osds: string[] = [];
  for (const [o, s] of h.pgmap.sorted_osds()) {
    if (s.slow_ops <= 0 || h.osdmap.is_down(o)) continue;
    ops += s.slow_ops;
    oldest = Math.max(oldest, s.oldest_slow_op_s);
    osds.push(`osd.${o}`);
  }
  if (ops === 0) return;
  const who = osds.length > 1 ? `daemons [${osds.join(",")}] have` : `${osds[0]} has`;
  const text = `${ops} slow ops, oldest one blocked for ${Math.floor(oldest)} sec, ${who} slow ops`;
  const check: HealthCheck = warn(text, [], ops);
  out.set("SLOW_OPS", check);
}
