/**
 * BackfillState: how far the primary's backfill has come. Lives from activation to the next interval.
 * Ceph counterpart: the backfill members of PrimaryLogPG. peering.md §7.3.
 *
 * For every target t: t.last_backfill <= last_backfill_started <= what is not dealt with. Between the
 * two lie the objects in flight and those whose completion t has not been told yet.
 */
import { hobject_cmp, type hobject_t, type object_stat_sum_t, type pg_shard_t } from "@tako/common";
import { BackfillInterval } from "./BackfillInterval.ts";

type Sums = { -readonly [K in keyof object_stat_sum_t]?: number };

export class BackfillState {
  /** Highest object dealt with. */
  last_backfill_started: hobject_t = "MIN";
  readonly backfill_info = new BackfillInterval("MIN");
  readonly peer_backfill_info = new Map<pg_shard_t, BackfillInterval>();
  /** Targets whose scan is outstanding; together they count as one recovery operation. */
  readonly waiting_on_backfill = new Set<pg_shard_t>();
  /** Targets that have been told FINISH and have not answered; each one recovery operation. */
  readonly waiting_on_finish = new Set<pg_shard_t>();
  /** Objects being pushed. */
  readonly backfills_in_flight = new Set<hobject_t>();
  /**
   * Of these, those that could not be read here: they are pushed once recovery has brought a good copy.
   * Until then they hold back what targets are told.
   */
  readonly unreadable = new Set<hobject_t>();
  /** Objects dealt with that no target has been told of, with what they add to its sums. */
  readonly pending_backfill_updates = new Map<hobject_t, Sums>();
  /** The intervals are to be set up. */
  new_backfill = false;
  num_backfilled = 0;

  /** on_activate_complete: goes on from the target that has least. */
  start(earliest: hobject_t): void {
    this.reset();
    this.last_backfill_started = earliest;
    this.new_backfill = true;
  }
  reset(): void {
    this.last_backfill_started = "MIN";
    this.backfill_info.reset("MIN");
    this.peer_backfill_info.clear();
    this.waiting_on_backfill.clear();
    this.waiting_on_finish.clear();
    this.backfills_in_flight.clear();
    this.unreadable.clear();
    this.pending_backfill_updates.clear();
    this.new_backfill = false;
    this.num_backfilled = 0;
  }

  add_pending(soid: hobject_t, delta: Partial<object_stat_sum_t>): void {
    const sums = this.pending_backfill_updates.get(soid) ?? {};
    for (const [name, n] of Object.entries(delta) as [keyof object_stat_sum_t, number][]) {
      sums[name] = (sums[name] ?? 0) + n;
    }
    this.pending_backfill_updates.set(soid, sums);
  }
  /** Those below `bound` in order, removed. */
  take_pending_below(bound: hobject_t): [hobject_t, Sums][] {
    const taken = [...this.pending_backfill_updates]
      .filter(([soid]) => hobject_cmp(soid, bound) < 0)
      .sort((a, b) => hobject_cmp(a[0], b[0]));
    for (const [soid] of taken) this.pending_backfill_updates.delete(soid);
    return taken;
  }
  earliest_in_flight(): hobject_t | undefined {
    let min: hobject_t | undefined;
    for (const soid of this.backfills_in_flight) {
      if (min === undefined || hobject_cmp(soid, min) < 0) min = soid;
    }
    return min;
  }
  earliest_peer_backfill(): hobject_t {
    let min: hobject_t = "MAX";
    for (const { begin } of this.peer_backfill_info.values()) {
      if (hobject_cmp(begin, min) < 0) min = begin;
    }
    return min;
  }
  all_peers_done(): boolean {
    for (const pbi of this.peer_backfill_info.values()) {
      if (!pbi.extends_to_end || !pbi.empty) return false;
    }
    return true;
  }
}
