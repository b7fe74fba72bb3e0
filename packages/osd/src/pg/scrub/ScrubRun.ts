/**
 * ScrubRun: one scrub of a PG, on its primary, from the reservations to the last chunk.
 * Ceph counterpart: the members of PgScrubber that last as long as a scrub (src/osd/scrubber).
 * peering.md §11.
 */
import {
  EVERSION_ZERO,
  type epoch_t,
  type eversion_t,
  hobject_cmp,
  type hobject_t,
  type Msg,
  object_stat_sum_t,
  type pg_shard_t,
  stat_sum_add,
} from "@tako/common";
import type { Repairable } from "./compare_maps.ts";
import type { inconsistent_obj_t } from "./inconsistent.ts";
import { type ScrubMap, scrub_map_from_wire } from "./ScrubMap.ts";
import type { ScrubScan } from "./ScrubScan.ts";
import type { ScrubMode } from "./schedule.ts";

export type ScrubState =
  | "ReservingReplicas"
  | "NewChunk"
  | "RangeBlocked"
  | "WaitPushes"
  | "WaitLastUpdate"
  | "BuildMap"
  | "WaitReplicas"
  | "WaitDigestUpdate";

export class ScrubRun {
  readonly mode: ScrubMode;
  readonly tid: number;
  readonly epoch_start: epoch_t;
  state: ScrubState = "ReservingReplicas";
  /** Bad copies are to be replaced: ordered, or turned on by osd_scrub_auto_repair. */
  repair: boolean;

  // The chunk
  start: hobject_t = "MIN";
  end: hobject_t = "MIN";
  max_end: hobject_t = "MIN";
  /** Writes into [start, end) wait. */
  range_held = false;
  subset_last_update: eversion_t = EVERSION_ZERO;
  scan: ScrubScan | null = null;
  /** Who has yet to grant a slot, or to send a map of the chunk. */
  readonly waiting_on_whom = new Set<pg_shard_t>();
  readonly maps = new Map<pg_shard_t, ScrubMap>();
  digest_updates_pending = 0;

  // What was found so far
  shallow_errors = 0;
  deep_errors = 0;
  fixed = 0;
  readonly repairable: Repairable[] = [];
  readonly unexpected: { readonly soid: hobject_t; readonly shards: readonly pg_shard_t[] }[] = [];
  readonly inconsistent: inconsistent_obj_t[] = [];
  /** Sums of the objects before `counted_to` as they are now. */
  readonly sums = object_stat_sum_t();
  counted_to: hobject_t = "MIN";

  constructor(mode: ScrubMode, tid: number, epoch_start: epoch_t) {
    this.mode = mode;
    this.tid = tid;
    this.epoch_start = epoch_start;
    this.repair = mode.repair || mode.auto_repair;
  }

  /** As the cluster log calls it. */
  get name(): "repair" | "deep-scrub" | "scrub" {
    if (this.repair && !this.mode.auto_repair) return "repair";
    return this.mode.deep ? "deep-scrub" : "scrub";
  }
  /** A member's. */
  add_map(m: Msg<"rep_scrub_map">): void {
    this.maps.set(m.from, scrub_map_from_wire(m));
  }
  in_range(soid: hobject_t): boolean {
    return hobject_cmp(soid, this.start) >= 0 && hobject_cmp(soid, this.end) < 0;
  }
  /** A write has changed the sums of an object: of one that was counted already, ours too. */
  stats_of_handled_objects(soid: hobject_t, delta: Partial<object_stat_sum_t>): void {
    if (hobject_cmp(soid, this.counted_to) < 0) stat_sum_add(this.sums, delta);
  }
}
