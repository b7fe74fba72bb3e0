/**
 * The sums of a PG, kept exact by every change of an object.
 * Ceph counterpart: PrimaryLogPG::apply_stats, PeeringState::apply_op_stats. peering.md §7.3.
 */
import { hobject_cmp, type hobject_t, type object_stat_sum_t as stat_sum_t } from "@tako/common";
import type { OpDelta } from "./OpContext.ts";
import type { PG } from "./PG.ts";

/**
 * A write to `soid`: ours, those of targets that have the object, and of objects that the scan has
 * passed and a target has not confirmed, as part of what it will be told.
 */
export function apply_stats(pg: PG, soid: hobject_t, delta: OpDelta): void {
  const { peering, backfill } = pg;
  peering.update_stats((s) => add_delta(s.stat_sum, delta));
  if (peering.backfill_targets.size === 0) return;
  const sum: Partial<stat_sum_t> = { ...delta, num_objects_dirty: delta.num_objects };
  let passed = false;
  for (const target of peering.backfill_targets) {
    const { last_backfill } = peering.get_peer_info(target);
    if (hobject_cmp(soid, last_backfill) <= 0) {
      peering.update_complete_backfill_object_stats(target, sum);
    } else if (hobject_cmp(soid, backfill.last_backfill_started) <= 0) passed = true;
  }
  if (passed) backfill.add_pending(soid, object_part(sum));
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

/** The sums of one object that exists. */
export function object_stats(oi: { size: number; omap: boolean }): Partial<stat_sum_t> {
  return {
    num_objects: 1,
    num_objects_dirty: 1,
    num_bytes: oi.size,
    num_objects_omap: oi.omap ? 1 : 0,
  };
}
