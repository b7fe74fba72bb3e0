/**
 * The sums of a PG, kept exact by every change of an object, and counted anew when they were not.
 * Ceph counterpart: PrimaryLogPG::apply_stats, PeeringState::apply_op_stats. peering.md §7.3.
 */
import {
  hobject_cmp,
  type hobject_t,
  object_stat_sum_t,
  type pg_stats_t,
  stat_sum_add,
  type object_stat_sum_t as stat_sum_t,
} from "@tako/common";
import type { Transaction } from "../store/Transaction.ts";
import type { OpDelta } from "./OpContext.ts";
import { decode_object_info, OI_ATTR, type object_info_t } from "./object_info.ts";
import type { PG } from "./PG.ts";

/**
 * A write to `soid`: ours, those of targets that have the object, and of objects that the scan has
 * passed and a target has not confirmed, as part of what it will be told.
 */
export function apply_stats(pg: PG, soid: hobject_t, delta: OpDelta): void {
  const { peering, backfill } = pg;
  peering.update_stats((s) => add_delta(s.stat_sum, delta));
  pg.scrubber.stats_of_handled_objects(soid, object_part(with_dirty(delta)));
  if (peering.backfill_targets.size === 0) return;
  const sum = with_dirty(delta);
  let passed = false;
  for (const target of peering.backfill_targets) {
    const { last_backfill } = peering.get_peer_info(target);
    if (hobject_cmp(soid, last_backfill) <= 0) {
      peering.update_complete_backfill_object_stats(target, sum);
    } else if (hobject_cmp(soid, backfill.last_backfill_started) <= 0) passed = true;
  }
  if (passed) backfill.add_pending(soid, object_part(sum));
}

/** Every object counts as dirty: nothing here cleans one. */
function with_dirty(delta: OpDelta): Partial<stat_sum_t> {
  return { ...delta, num_objects_dirty: delta.num_objects };
}

/** stat_sum_add of the few sums that a write changes: once a write, and there are forty. */
function add_delta(sum: stat_sum_t, d: OpDelta): void {
  sum.num_objects += d.num_objects;
  sum.num_objects_dirty += d.num_objects;
  sum.num_objects_omap += d.num_objects_omap;
  sum.num_bytes += d.num_bytes;
  sum.num_read += d.num_read;
  sum.num_read_kb += d.num_read_kb;
  sum.num_write += d.num_write;
  sum.num_write_kb += d.num_write_kb;
}

/** What belongs to the object; counts of operations are not. */
function object_part(sum: Partial<stat_sum_t>): Partial<stat_sum_t> {
  const { num_objects = 0, num_bytes = 0, num_objects_omap = 0, num_objects_dirty = 0 } = sum;
  return { num_objects, num_bytes, num_objects_omap, num_objects_dirty };
}

/**
 * Queues `t`, which changes `objects` on a copy that is being filled. Such a copy counts its bytes
 * itself: its primary cannot know what else lies there. They reach the disk with the next progress.
 */
export function queue_counted(
  pg: PG,
  objects: readonly hobject_t[],
  t: Transaction,
  on_commit?: () => void,
): void {
  const { store } = pg.host;
  const partial = pg.peering.is_incomplete();
  const bytes = () => objects.reduce((n, o) => n + (store.stat(pg.coll, o)?.size ?? 0), 0);
  const before = partial ? bytes() : 0;
  store.queue_transaction(t, on_commit);
  if (partial) pg.peering.info.stats.stat_sum.num_bytes += bytes() - before;
}

/** Above this many objects sums that are not exact stay so until a scrub counts. */
export const MAX_COUNTED = 10_000;

/**
 * Sums that went wrong when objects were given up as lost, or when a copy that was not whole was
 * divided, are counted anew once everything is here. True when they changed.
 */
export function recount_invalid_stats(pg: PG): boolean {
  const { info } = pg.peering;
  if (!info.stats.stats_invalid || info.stats.stat_sum.num_objects > MAX_COUNTED) return false;
  const sum = object_stat_sum_t();
  if (!each_object(pg, (_, oi) => stat_sum_add(sum, object_stats(oi)))) return false;
  pg.peering.update_stats((s) => set_counted(s, sum));
  return true;
}

/** Visits the objects of clients. False: the information on one is unreadable, it ends there. */
export function each_object(pg: PG, fn: (o: hobject_t, oi: object_info_t) => void): boolean {
  const { store } = pg.host;
  const { objects } = store.collection_list(pg.coll, "MIN", "MAX", Number.MAX_SAFE_INTEGER);
  for (const o of objects) {
    if (o === pg.pgmeta_oid) continue;
    const attr = store.getattr(pg.coll, o, OI_ATTR);
    const oi = attr && decode_object_info(attr);
    if (!oi) return false;
    fn(o, oi);
  }
  return true;
}
/** The sums that a count of objects gives; the others are history. */
export function set_counted(stats: pg_stats_t, sum: stat_sum_t): void {
  const { num_objects, num_bytes, num_objects_omap, num_objects_dirty } = sum;
  Object.assign(stats.stat_sum, { num_objects, num_bytes, num_objects_omap, num_objects_dirty });
  stats.stats_invalid = false;
}

/** The sums of one object that exists. */
export function object_stats(oi: { size: number; omap: boolean }): Partial<stat_sum_t> {
  return {
    num_objects: 1,
    num_objects_dirty: 1,
    num_bytes: oi.size,
    num_objects_omap: oi.omap ? 1 : 0,
  };
}
