/**
 * What recovery and backfill change in the knowledge about objects and copies, and the priorities
 * with which they ask for reservations.
 * Ceph counterpart: recover_got, begin_peer_recover, on_peer_recover, object_recovered,
 * update_backfill_progress, update_peer_last_backfill, get_*_priority in PeeringState.cc.
 * peering.md §6.13, §7.2-7.4.
 */
import {
  EVERSION_ZERO,
  ev_gt,
  type eversion_t,
  hobject_cmp,
  type hobject_t,
  invariant,
  type object_stat_sum_t,
  type pg_missing_item_t,
  type pg_shard_t,
  type pg_stats_t,
  stat_sum_add,
} from "@tako/common";
import type { pg_missing_t } from "../pg/pg_missing.ts";
import type { Transaction } from "../store/Transaction.ts";
import type { PeeringState } from "./PeeringState.ts";
import { data_chunks } from "./pool_kind.ts";
import { get_backfill_priority, get_recovery_priority } from "./priority.ts";

export function recover_got(
  ps: PeeringState,
  soid: hobject_t,
  v: eversion_t,
  is_delete: boolean,
  t: Transaction,
): void {
  if (ev_gt(v, ps.pg_log.get_can_rollback_to())) {
    // The recovered object is what later entries build upon: nothing up to it can be undone.
    ps.pg_log.roll_forward_to(v, ps.log_entry_handler(t));
    ps.last_rollback_info_trimmed_to_applied = v;
  }
  ps.pg_log.recover_got(soid, v, ps.info);
  if (ps.is_primary() && !is_delete && ps.missing_loc.needs_recovery(soid)) {
    ps.missing_loc.add_location(soid, ps.pg_whoami);
  }
  ps.dirty_info = true;
  ps.write_if_dirty(t);
}

function missing_of_peer(ps: PeeringState, peer: pg_shard_t): pg_missing_t {
  const pm = ps.peer_missing.get(peer);
  invariant(pm, "no missing set of this peer", { pg: ps.spgid, peer });
  return pm;
}

export function begin_peer_recover(ps: PeeringState, peer: pg_shard_t, soid: hobject_t): void {
  missing_of_peer(ps, peer).revise_have(soid, EVERSION_ZERO);
}

export function on_peer_recover(
  ps: PeeringState,
  peer: pg_shard_t,
  soid: hobject_t,
  v: eversion_t,
): void {
  const pm = missing_of_peer(ps, peer);
  const was = pm.get(soid);
  // Objects that backfill copied were never on the missing list.
  if (was) pm.got(soid, v);
  if (was && !was.is_delete && ps.missing_loc.needs_recovery(soid)) {
    ps.missing_loc.add_location(soid, peer);
  }
}

export function object_recovered(
  ps: PeeringState,
  soid: hobject_t,
  delta: Partial<object_stat_sum_t>,
): void {
  stat_sum_add(ps.info.stats.stat_sum, delta);
  ps.dirty_info = true;
  ps.missing_loc.recovered(soid);
}

/** `peer` has no good copy of that version: it is to be given one. */
export function force_object_missing(
  ps: PeeringState,
  peer: pg_shard_t,
  soid: hobject_t,
  need: eversion_t,
  t: Transaction,
): void {
  force_missing(ps, peer, soid, { need, have: EVERSION_ZERO, is_delete: false }, t);
}
/** `peer` has a copy of what was deleted at `need`: it is to be removed. */
export function force_object_deleted(
  ps: PeeringState,
  peer: pg_shard_t,
  soid: hobject_t,
  need: eversion_t,
  t: Transaction,
): void {
  force_missing(ps, peer, soid, { need, have: EVERSION_ZERO, is_delete: true }, t);
}
function force_missing(
  ps: PeeringState,
  peer: pg_shard_t,
  soid: hobject_t,
  { need, have, is_delete }: pg_missing_item_t,
  t: Transaction,
): void {
  ps.state_set("repair");
  if (peer === ps.pg_whoami) {
    ps.missing.add(soid, need, have, is_delete);
    ps.pg_log.reset_complete_to(ps.info);
    ps.dirty_info = true;
    ps.write_if_dirty(t);
  } else {
    missing_of_peer(ps, peer).add(soid, need, have, is_delete);
  }
  ps.missing_loc.rebuild_object(ps, soid);
}

// ---------------------------------------------------------------- backfill

export function update_backfill_progress(
  ps: PeeringState,
  last_backfill: hobject_t,
  s: pg_stats_t,
  t: Transaction,
): void {
  const { info } = ps;
  invariant(hobject_cmp(last_backfill, info.last_backfill) >= 0, "last_backfill would go back", {
    pg: ps.spgid,
    from: info.last_backfill,
    to: last_backfill,
  });
  info.last_backfill = last_backfill;
  // Of a part the primary knows the objects; how much lies in the store we know better.
  const num_bytes = last_backfill === "MAX" ? s.stat_sum.num_bytes : info.stats.stat_sum.num_bytes;
  info.stats = { ...s, stat_sum: { ...s.stat_sum, num_bytes } };
  ps.dirty_info = true;
  ps.write_if_dirty(t);
}

export function update_peer_last_backfill(
  ps: PeeringState,
  peer: pg_shard_t,
  last_backfill: hobject_t,
): void {
  const pi = ps.get_peer_info(peer);
  pi.last_backfill = last_backfill;
  if (last_backfill !== "MAX") return;
  // Sums of a copy that was also recovered by log meanwhile are not exact; now it equals ours.
  pi.stats = { ...ps.info.stats, stat_sum: { ...ps.info.stats.stat_sum } };
}

export function add_peer_stats(
  ps: PeeringState,
  peer: pg_shard_t,
  delta: Partial<object_stat_sum_t>,
): void {
  stat_sum_add(ps.get_peer_info(peer).stats.stat_sum, delta);
}

/** What is missing here of a copy of `bytes` bytes. */
export function pending_backfill(ps: PeeringState, bytes: number): number {
  return Math.max(0, bytes - ps.info.stats.stat_sum.num_bytes);
}
/** Size of one shard of a PG of `bytes` bytes; each object may take a chunk more. */
export function shard_bytes(ps: PeeringState, bytes: number, objects: number): number {
  const k = data_chunks(ps.pool);
  if (k === null) return bytes;
  return Math.ceil(bytes / k) + Math.ceil(ps.pool.info.stripe_width / k) * objects;
}

// ---------------------------------------------------------------- objects

export function is_degraded_object(ps: PeeringState, soid: hobject_t): boolean {
  if (ps.missing.is_missing(soid)) return true;
  return ps
    .peers()
    .some((p) => !ps.is_async_recovery_target(p) && ps.peer_missing.get(p)?.is_missing(soid));
}
export function is_unreadable_object(ps: PeeringState, soid: hobject_t): boolean {
  return ps.missing.is_missing(soid) || !ps.missing_loc.readable_with_acting(soid, ps.actingset);
}

// ---------------------------------------------------------------- priorities

function pool_recovery_priority(ps: PeeringState): number {
  const p = Number(ps.pool.info.opts.get("recovery_priority") ?? 0);
  return Number.isFinite(p) ? p : 0;
}

export function recovery_priority(ps: PeeringState): number {
  return get_recovery_priority({
    forced: ps.state_test("forced_recovery"),
    pool_recovery_priority: pool_recovery_priority(ps),
    min_size: ps.pool.info.min_size,
    degraded: ps.is_degraded(),
    copies_missing_nothing: [...ps.actingset].filter(
      (s) => !(ps.get_shard_missing(s)?.have_missing() ?? true),
    ).length,
  });
}
export function backfill_priority(ps: PeeringState): number {
  return get_backfill_priority({
    forced: ps.state_test("forced_backfill"),
    pool_recovery_priority: pool_recovery_priority(ps),
    size: ps.pool.info.size,
    min_size: ps.pool.info.min_size,
    num_acting: ps.actingset.size,
    undersized: ps.is_undersized(),
    degraded: ps.is_degraded(),
  });
}
