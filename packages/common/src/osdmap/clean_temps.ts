/**
 * Which overrides of a map no longer do any good. The monitor asks this about the map it is about
 * to propose, and drops them in the same incremental.
 * Ceph counterpart: OSDMap::clean_temps. cluster.md §3.6.
 */
import { pg_pool, type pg_t, spg_cmp } from "../types/osd_types.ts";
import type { Incremental } from "./Incremental.ts";
import type { OSDMap } from "./OSDMap.ts";

export type pg_temp_drop =
  | "pg_does_not_exist"
  | "all_members_down"
  | "same_as_computed_up_set"
  | "larger_than_pool_size";
export type primary_temp_drop = "target_down" | "redundant";

export interface clean_temps_result {
  readonly pg_temp: ReadonlyMap<pg_t, pg_temp_drop>;
  readonly primary_temp: ReadonlyMap<pg_t, primary_temp_drop>;
}

/** What to drop from `next`, by ascending pg, and why. */
export function find_stale_temps(next: OSDMap): clean_temps_result {
  const pg_temp = new Map<pg_t, pg_temp_drop>();
  for (const pg of [...next.pg_temp.keys()].sort(spg_cmp)) {
    const why = why_drop_pg_temp(next, pg, next.pg_temp.get(pg) ?? []);
    if (why) pg_temp.set(pg, why);
  }
  const primary_temp = new Map<pg_t, primary_temp_drop>();
  for (const pg of [...next.primary_temp.keys()].sort(spg_cmp)) {
    const why = why_drop_primary_temp(next, pg, next.primary_temp.get(pg) ?? -1);
    if (why) primary_temp.set(pg, why);
  }
  return { pg_temp, primary_temp };
}

function why_drop_pg_temp(m: OSDMap, pg: pg_t, temp: readonly number[]): pg_temp_drop | undefined {
  const pool = m.get_pg_pool(pg_pool(pg));
  if (!pool || !m.pg_exists(pg)) return "pg_does_not_exist";
  if (!temp.some((o) => m.is_up(o))) return "all_members_down";
  const { up } = m.pg_to_raw_up(pg);
  if (up.length === temp.length && up.every((o, i) => o === temp[i])) {
    return "same_as_computed_up_set";
  }
  return temp.length > pool.size ? "larger_than_pool_size" : undefined;
}

function why_drop_primary_temp(
  m: OSDMap,
  pg: pg_t,
  primary: number,
): primary_temp_drop | undefined {
  if (!m.is_up(primary)) return "target_down";
  // Of a PG beyond pg_num the one is looked at that has its objects.
  const there = m.raw_pg_to_pg(pg) ?? pg;
  const { acting_primary } = m.pg_to_up_acting_osds(there);
  return acting_primary === m.pg_to_raw_up(there).up_primary ? "redundant" : undefined;
}

/**
 * Changes `pending`, whose result on top of `osdmap` is `next`, so that it leaves no stale
 * override. True when there was one.
 */
export function clean_temps(osdmap: OSDMap, next: OSDMap, pending: Incremental): boolean {
  const stale = find_stale_temps(next);
  for (const pg of stale.pg_temp.keys()) {
    if (osdmap.pg_temp.has(pg)) pending.new_pg_temp.set(pg, []);
    else pending.new_pg_temp.delete(pg);
  }
  for (const pg of stale.primary_temp.keys()) {
    if (osdmap.primary_temp.has(pg)) pending.new_primary_temp.set(pg, -1);
    else pending.new_primary_temp.delete(pg);
  }
  return stale.pg_temp.size + stale.primary_temp.size > 0;
}
