/**
 * Fullness: MOSDFull sets the OSD's bits, and pools with a PG on a full OSD become full. Pure.
 * Ceph counterpart: OSDMonitor::prepare_full, update_pools_status; pool flags in encode_pending.
 * cluster.md §3.13.
 */
import {
  CEPH_OSD_BACKFILLFULL,
  CEPH_OSD_FULL,
  CEPH_OSD_NEARFULL,
  type Incremental,
  type Msg,
  type OSDMap,
  type OSDMapMapping,
  POOL_FLAGS,
  pg_pool,
  type pg_pool_t,
} from "@tako/common";
import { is_up_instance } from "./alive.ts";
import { pending_state, type View, xor_state } from "./pending.ts";
import {
  commit_then_maps,
  drop,
  PREPARE,
  type Prepared,
  type Preprocessed,
  type Sender,
  send_maps,
} from "./verdict.ts";

type Full = Msg<"osd_full">;
const FULL_BITS = CEPH_OSD_FULL | CEPH_OSD_BACKFILLFULL | CEPH_OSD_NEARFULL;

function wanted_bits(m: Full): number {
  return (
    (m.full ? CEPH_OSD_FULL : 0) |
    (m.backfillfull ? CEPH_OSD_BACKFILLFULL : 0) |
    (m.nearfull ? CEPH_OSD_NEARFULL : 0)
  );
}

export function preprocess_full(v: View, from: Sender, m: Full): Preprocessed {
  if (!is_up_instance(v, from)) return drop("not up at this address");
  if ((v.osdmap.get_state(from.osd) & FULL_BITS) === wanted_bits(m))
    return send_maps(m.version + 1);
  return PREPARE;
}

export function prepare_full(v: View, from: Sender, m: Full): Prepared {
  const diff = (pending_state(v, from.osd) & FULL_BITS) ^ wanted_bits(m);
  if (diff !== 0) xor_state(v, from.osd, diff);
  return commit_then_maps(m.version + 1);
}

/**
 * At encode: gives the pools of `next` the flags that its OSDs justify; `mapping` is that of `next`.
 * True when any changed.
 */
export function update_pool_full_flags(
  next: OSDMap,
  mapping: OSDMapMapping,
  inc: Incremental,
): boolean {
  const worst = worst_state_of_pools(next, mapping);
  let changed = false;
  for (const id of next.pool_ids()) {
    const pool = next.get_pg_pool(id);
    if (!pool) continue;
    const flags = with_full_flags(pool, worst.get(id) ?? 0);
    if (flags === pool.flags) continue;
    inc.new_pools.set(id, { ...pool, flags });
    changed = true;
  }
  return changed;
}

function with_full_flags(pool: pg_pool_t, state: number): number {
  const { full, full_quota, backfillfull, nearfull } = POOL_FLAGS;
  const rest = pool.flags & ~(full | backfillfull | nearfull);
  if (pool.flags & full_quota) return rest | full;
  if (state & CEPH_OSD_FULL) return rest | full;
  if (state & CEPH_OSD_BACKFILLFULL) return rest | backfillfull;
  return state & CEPH_OSD_NEARFULL ? rest | nearfull : rest;
}

function worst_state_of_pools(map: OSDMap, mapping: OSDMapMapping): Map<number, number> {
  const worst = new Map<number, number>();
  for (const o of map.get_up_osds()) {
    const bits = map.get_state(o) & FULL_BITS;
    if (bits === 0 || !map.is_in(o)) continue;
    for (const pg of mapping.get_osd_acting_pgs(o)) {
      worst.set(pg_pool(pg), (worst.get(pg_pool(pg)) ?? 0) | bits);
    }
  }
  return worst;
}
