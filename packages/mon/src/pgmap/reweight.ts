/**
 * How evenly PGs lie on the OSDs, and override weights that would even out their use. Pure.
 * Ceph counterpart: reweight::by_utilization (src/mon/PGMap.cc), OSDMap::summarize_mapping_stats.
 * cluster.md §7.1.
 */
import {
  CEPH_OSD_IN,
  CommandError,
  type Config,
  is_erasure,
  new_incremental,
  type OSDMap,
} from "@tako/common";
import type { PGMap } from "./PGMap.ts";

/** What of the statistics counts. */
export type UseStats = Pick<PGMap, "pg_stat" | "sorted_osds">;

/** Single precision, as Ceph keeps these. */
const f32 = Math.fround;

export interface ReweightWish {
  /** In percent of the average. */
  readonly oload: number;
  readonly max_change: number;
  readonly max_osds: number;
  readonly no_increasing: boolean;
  /** Count PGs; otherwise bytes. */
  readonly by_pg: boolean;
  /** Only the PGs of these pools; undefined: all. */
  readonly pools: ReadonlySet<number> | undefined;
}
export interface Reweight {
  readonly osd: number;
  readonly weight: number;
  readonly new_weight: number;
}

function refuse(code: "EINVAL" | "EDOM", text: string): never {
  // Of either command: that is how Ceph words it.
  throw new CommandError(code, `${text}\nFAILED reweight-by-pg`);
}

/** `average` and, of each OSD that counts, the use that is compared with it. */
interface Use {
  readonly average: number;
  readonly of: readonly (readonly [osd: number, use: number])[];
}

export interface ReweightPlan {
  readonly average_utilization: number;
  readonly overload_utilization: number;
  /** Weights in 16.16. */
  readonly reweights: readonly Reweight[];
}

export function reweight_plan(
  map: OSDMap,
  pgmap: UseStats,
  config: Config,
  wish: ReweightWish,
): ReweightPlan {
  if (wish.oload <= 100) {
    refuse(
      "EINVAL",
      "You must give a percentage higher than 100. The reweighting threshold will be calculated " +
        "as <average-utilization> times <input-percentage>. For example, an argument of 200 would " +
        "reweight OSDs which are twice as utilized as the average OSD.",
    );
  }
  const use = wish.by_pg ? use_by_pg(map, pgmap, config, wish.pools) : use_by_bytes(pgmap, config);
  const overload = (use.average * wish.oload) / 100;
  const far = (u: number) => Math.abs(u - use.average);
  const worst_first = [...use.of].sort((a, b) => far(b[1]) - far(a[1]) || a[0] - b[0]);
  const reweights: Reweight[] = [];
  for (const [osd, util] of worst_first) {
    const weight = map.get_weight(osd);
    const new_weight = better_weight(weight, util, use.average, overload, wish);
    if (new_weight === undefined) continue;
    reweights.push({ osd, weight, new_weight });
    if (reweights.length >= wish.max_osds) break;
  }
  return { average_utilization: use.average, overload_utilization: overload, reweights };
}

/** undefined: it is right as it is, or the OSD is out. */
function better_weight(
  weight: number,
  util: number,
  average: number,
  overload: number,
  wish: ReweightWish,
): number | undefined {
  if (weight === 0) return undefined;
  const step = Math.trunc(wish.max_change * CEPH_OSD_IN);
  const fair = util > 0 ? Math.trunc((average / util) * weight) : CEPH_OSD_IN;
  if (util >= overload) return Math.max(fair, weight - step, 0);
  if (wish.no_increasing || util > average) return undefined;
  const more = Math.min(fair, weight + step, CEPH_OSD_IN);
  return more > weight ? more : undefined;
}

function use_by_bytes(pgmap: UseStats, config: Config): Use {
  const stats = pgmap.sorted_osds();
  const num = Math.max(1, stats.length);
  const least = config.get("mon_reweight_min_bytes_per_osd");
  let kb = 0;
  let kb_used = 0;
  for (const [, s] of stats) {
    kb += s.kb;
    kb_used += s.kb_used;
  }
  const too_little = (what: string) =>
    `Refusing to reweight: we only have ${what} across all osds!`;
  if ((kb * 1024) / num < least) refuse("EDOM", too_little(`${kb} kb`));
  if ((kb_used * 1024) / num < least) refuse("EDOM", too_little(`${kb_used} kb used`));
  return { average: kb_used / kb, of: stats.map(([o, s]) => [o, f32(s.kb_used / s.kb)]) };
}

function use_by_pg(
  map: OSDMap,
  pgmap: UseStats,
  config: Config,
  pools: ReadonlySet<number> | undefined,
): Use {
  const pgs = new Map<number, number>();
  let copies = 0;
  for (const [pg, s] of pgmap.pg_stat) {
    if (pools && !pools.has(Number.parseInt(pg, 10))) continue;
    for (const o of s.acting) {
      if (!map.exists(o) || map.crush.get_item_weightf(o) <= 0) continue;
      pgs.set(o, (pgs.get(o) ?? 0) + 1);
      copies++;
    }
  }
  const osds = [...pgs].sort(([a], [b]) => a - b);
  if (osds.length === 0 || copies / osds.length < config.get("mon_reweight_min_pgs_per_osd")) {
    const have = `${copies} PGs across ${osds.length} osds`;
    refuse("EDOM", `Refusing to reweight: we only have ${have}!`);
  }
  const weights = osds.reduce((sum, [o]) => sum + map.crush.get_item_weightf(o), 0);
  const reporting = new Set(pgmap.sorted_osds().map(([o]) => o));
  return {
    average: copies / weights,
    of: osds
      .filter(([o]) => reporting.has(o))
      .map(([o, n]) => [o, f32(n / map.crush.get_item_weightf(o))]),
  };
}

/** The map with these weights. */
export function with_weights(map: OSDMap, reweights: readonly Reweight[]): OSDMap {
  const inc = new_incremental(map);
  for (const { osd, new_weight } of reweights) inc.new_weight.set(osd, new_weight);
  return map.apply_incremental(inc);
}

// ---------------------------------------------------------------- how even it is

/** Undefined when no OSD is up and in. `next`: what it would be on another map. */
export function mapping_stats(
  map: OSDMap,
  next: OSDMap | undefined,
  pools: ReadonlySet<number> | undefined,
): Record<string, number> | undefined {
  const base = new Map<number, number>();
  const then = new Map<number, number>();
  const add = (to: Map<number, number>, osds: readonly number[]) => {
    for (const o of osds) to.set(o, (to.get(o) ?? 0) + 1);
  };
  let total = 0;
  let moved = 0;
  for (const [id, pool] of map.pools) {
    if (pools && !pools.has(id)) continue;
    for (const pg of map.get_pgs(id)) {
      total += pool.size;
      const { up } = map.pg_to_up_acting_osds(pg);
      add(base, up);
      if (!next) continue;
      const to = next.pg_to_up_acting_osds(pg).up;
      add(then, to);
      moved += up.filter((o, i) => (is_erasure(pool) ? to[i] !== o : !to.includes(o))).length;
    }
  }
  const osds = map.get_all_osds().filter((o) => map.is_up(o) && map.is_in(o));
  if (osds.length === 0) return undefined;
  const average = f32(total / osds.length);
  const count = (o: number) => base.get(o) ?? 0;
  const least = osds.reduce((a, b) => (count(b) < count(a) ? b : a));
  const most = osds.reduce((a, b) => (count(b) > count(a) ? b : a));
  return {
    ...(next && { moved_pgs: moved, total_pgs: total }),
    avg_pgs: average,
    std_dev: std_dev(osds, base, average),
    expected_baseline_std_dev: f32(Math.sqrt(average * (1 - 1 / osds.length))),
    ...(next && { new_std_dev: std_dev(osds, then, average) }),
    min_osd: least,
    min_osd_pgs: count(least),
    ...(next && { new_min_osd_pgs: then.get(least) ?? 0 }),
    max_osd: most,
    max_osd_pgs: count(most),
    ...(next && { new_max_osd_pgs: then.get(most) ?? 0 }),
  };
}

function std_dev(
  osds: readonly number[],
  pgs: ReadonlyMap<number, number>,
  average: number,
): number {
  let sum = 0;
  for (const o of osds) {
    const diff = f32((pgs.get(o) ?? 0) - average);
    sum = f32(sum + f32(diff * diff));
  }
  return f32(Math.sqrt(f32(sum / osds.length)));
}
