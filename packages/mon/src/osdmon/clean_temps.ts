/**
 * Before an epoch is committed: takes out pg_temp and primary_temp entries that say nothing or that
 * nobody can serve. Without it PGs stay `remapped` for ever. Pure.
 * Ceph counterpart: OSDMap::clean_temps. cluster.md §3.6.
 */
import { CRUSH_ITEM_NONE, type Incremental, type OSDMap, pg_pool, type pg_t } from "@tako/common";

/** Edits `inc` (which leads from `osdmap` to `next`). True when it changed anything. */
export function clean_temps(osdmap: OSDMap, next: OSDMap, inc: Incremental): boolean {
  let changed = false;
  for (const [pg, osds] of sorted(next.pg_temp)) {
    if (is_pg_temp_of_use(next, pg, osds)) continue;
    if (osdmap.pg_temp.has(pg)) inc.new_pg_temp.set(pg, []);
    else inc.new_pg_temp.delete(pg);
    changed = true;
  }
  for (const [pg, primary] of sorted(next.primary_temp)) {
    if (is_primary_temp_of_use(next, pg, primary)) continue;
    if (osdmap.primary_temp.has(pg)) inc.new_primary_temp.set(pg, -1);
    else inc.new_primary_temp.delete(pg);
    changed = true;
  }
  return changed;
}

function sorted<T>(m: ReadonlyMap<pg_t, T>): [pg_t, T][] {
  return [...m].sort(([a], [b]) => (a < b ? -1 : 1));
}

function is_pg_temp_of_use(next: OSDMap, pg: pg_t, osds: readonly number[]): boolean {
  const pool = next.get_pg_pool(pg_pool(pg));
  if (!pool || !next.pg_exists(pg)) return false;
  if (osds.length > pool.size) return false;
  if (!osds.some((o) => o !== CRUSH_ITEM_NONE && next.is_up(o))) return false;
  const { up } = next.pg_to_raw_up(pg);
  return osds.length !== up.length || osds.some((o, i) => o !== up[i]);
}

function is_primary_temp_of_use(next: OSDMap, pg: pg_t, primary: number): boolean {
  if (!next.pg_exists(pg) || next.is_down(primary)) return false;
  // The primary that pg_temp or up would give anyway.
  const temp = next.pg_temp.get(pg)?.filter((o) => o !== CRUSH_ITEM_NONE && next.is_up(o));
  const without = temp?.[0] ?? next.pg_to_raw_up(pg).up_primary;
  return without !== primary;
}
