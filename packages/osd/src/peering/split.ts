/**
 * Splitting: what of a PG's info, past, log and missing set a child PG starts with, and what the
 * parent keeps. Both go on with the same head, tail and bounds, so that versions stay comparable
 * between shards. Ceph counterpart: PeeringState::split_into. peering.md §9.2.
 */
import {
  info_is_incomplete,
  object_stat_sum_t as no_stats,
  type object_stat_sum_t,
  pg_info_copy,
  pg_ps,
} from "@tako/common";
import type { Transaction } from "../store/Transaction.ts";
import { same_osds, set_mapping_of_map } from "./interval.ts";
import { inherit_leases } from "./leases.ts";
import type { PeeringState } from "./PeeringState.ts";
import { write_if_dirty } from "./persist.ts";

/**
 * Moves to `child`, a new instance at the same map, what belongs to the objects whose hash ends in
 * its seed, seen through `bits` bits. The child's metadata goes into `t`, in which its collection
 * has been created. The statistics are the caller's: see divide_stats, set_stats.
 */
export function split_into(
  ps: PeeringState,
  child: PeeringState,
  bits: number,
  t: Transaction,
): void {
  const epoch = ps.get_osdmap_epoch();
  set_mapping_of_map(child);
  child.info = { ...pg_info_copy(ps.info), pgid: child.spgid };
  const { history } = child.info;
  history.epoch_created = epoch;
  history.last_epoch_split = epoch;
  // The parent's interval starts at this map already; the child's is measured by the same past.
  if (ps.primary !== child.primary) history.same_primary_since = epoch;
  if (!same_osds(ps.up, child.up)) history.same_up_since = epoch;
  inherit_leases(ps, child);
  child.past_intervals = ps.past_intervals.copy();
  child.map_gap_end = ps.map_gap_end;
  child.split_pg_num = ps.pool.info.pg_num;
  ps.pg_log.split_into(pg_ps(child.spgid), bits, child.pg_log);
  settle(ps);
  settle(child);
  child.last_complete_ondisk = child.info.last_complete;
  child.last_update_applied = child.info.last_update;
  write_if_dirty(child, t);
}

/** What one side of a split has to put right in its own info. */
function settle(ps: PeeringState): void {
  const { info, pg_log } = ps;
  if (info_is_incomplete(info)) {
    // How far the scan had come says nothing about either half: it starts anew.
    info.last_backfill = "MIN";
    pg_log.reset_backfill();
  }
  pg_log.reset_complete_to(info);
  ps.dirty_info = true;
  ps.dirty_big_info = true;
}

/** An equal part of the sums for each of the children, the rest for the parent. */
export function divide_stats(ps: PeeringState, children: readonly PeeringState[]): void {
  const parts = children.length + 1;
  const whole = ps.info.stats.stat_sum;
  const part = no_stats();
  const rest = no_stats();
  let name: keyof object_stat_sum_t;
  for (name in whole) {
    part[name] = Math.trunc(whole[name] / parts);
    rest[name] = whole[name] - part[name] * children.length;
  }
  for (const c of children) c.info.stats = { stat_sum: { ...part }, stats_invalid: true };
  ps.info.stats = { stat_sum: rest, stats_invalid: true };
}
