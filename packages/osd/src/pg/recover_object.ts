/**
 * One object's recovery: its beginning, the locks and the accounting it holds, and its end.
 * Ceph counterpart: PrimaryLogPG::start_recovery_op, on_local_recover, on_global_recover,
 * PG::finish_recovery_op, clear_recovery_state. peering.md §7.2.
 */
import type { hobject_t, object_stat_sum_t, pg_shard_t } from "@tako/common";
import { get_recovery_read, type ObjectContext } from "./ObjectContext.ts";
import type { OpRequest } from "./OpTracker.ts";
import type { PG } from "./PG.ts";
import { in_order } from "./wait_lists.ts";

/** A progress line each so many objects. */
const LOG_EVERY = 100;

// ---------------------------------------------------------------- accounting

/** One operation of osd_recovery_max_active. */
export function start_recovery_op(pg: PG): void {
  pg.recovery.ops_active++;
  pg.host.start_recovery_op(pg);
}
export function finish_recovery_op(pg: PG): void {
  if (pg.recovery.ops_active === 0) return;
  pg.recovery.ops_active--;
  pg.host.finish_recovery_op(pg);
  pg.host.queue_recovery(pg);
}
/** A new interval: pulls, pushes and scans of the old one are nobody's business any more. */
export function clear_recovery_state(pg: PG): void {
  for (; pg.recovery.ops_active > 0; pg.recovery.ops_active--) pg.host.finish_recovery_op(pg);
  pg.host.cancel_recovery(pg);
  pg.recovery.clear();
  pg.backfill.reset();
}

// ---------------------------------------------------------------- begin

/** Whom to push to: all that lack it, at once. */
export function peers_missing(pg: PG, soid: hobject_t): pg_shard_t[] {
  return pg.peers.filter((p) => pg.peering.peer_missing.get(p)?.is_missing(soid));
}

/** No writes while the object is read for others; undefined: writes are in flight, try again later. */
export function lock_for_push(pg: PG, soid: hobject_t): ObjectContext | undefined {
  const obc = pg.objects.get(soid);
  if (get_recovery_read(obc)) return obc;
  pg.recovery.blocked_by_writes.add(soid);
  return undefined;
}

/** A write to the object is over, or came to nothing: recovery may have waited for it. */
export function recovery_unblocked(pg: PG, { soid, writes, rmw }: ObjectContext): void {
  if (writes > 0 || rmw) return;
  if (pg.recovery.blocked_by_writes.delete(soid)) pg.host.queue_recovery(pg);
}

export function begin_recovery(pg: PG, soid: hobject_t, obc: ObjectContext | null): void {
  pg.recovery.recovering.set(soid, obc);
  start_recovery_op(pg);
}

// ---------------------------------------------------------------- ends

/** The primary has it now: whoever only waited to read may go on, unless it has too few shards. */
export function on_local_recover(pg: PG, soid: hobject_t): void {
  pg.objects.reload(soid);
  pg.host.publish_stats(pg);
  if (pg.peering.is_unreadable_object(soid)) return;
  pg.requeue(pg.waits.take_keyed(pg.waits.waiting_for_unreadable_object, soid));
}

/** Nobody lacks it any more. */
export function on_global_recover(
  pg: PG,
  soid: hobject_t,
  delta: Partial<object_stat_sum_t>,
): void {
  pg.peering.object_recovered(soid, delta);
  pg.recovery.num_recovered++;
  end_recovery(pg, soid);
  pg.host.publish_stats(pg);
  if (pg.recovery.num_recovered % LOG_EVERY === 0) log_progress(pg);
}

/** Recovery of the object is over, whether it succeeded or not: gives up locks, wakes who waits. */
export function end_recovery(pg: PG, soid: hobject_t): void {
  const { recovery, waits } = pg;
  const obc = recovery.recovering.get(soid);
  if (obc === undefined) return;
  recovery.recovering.delete(soid);
  if (!pg.backfill.unreadable.has(soid)) pg.backfill.backfills_in_flight.delete(soid);
  const ops: OpRequest[] = waits.take_keyed(waits.waiting_for_degraded_object, soid);
  if (!pg.peering.is_unreadable_object(soid)) {
    ops.push(...waits.take_keyed(waits.waiting_for_unreadable_object, soid));
  }
  if (obc) {
    obc.recovery_read = false;
    ops.push(...waits.take_keyed(waits.waiting_for_rw_lock, soid));
  }
  finish_recovery_op(pg);
  pg.requeue(in_order(ops));
}

export function log_progress(pg: PG): void {
  const { peering, recovery } = pg;
  if (recovery.num_recovered === 0) return;
  const missing = peering.missing_loc.num_needs_recovery();
  const unfound = peering.get_num_unfound();
  const recovered = recovery.num_recovered;
  pg.log.info({ epoch: pg.osdmap_epoch, recovered, missing, unfound }, "recovery_progress");
}
