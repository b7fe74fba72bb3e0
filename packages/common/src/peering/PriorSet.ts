/**
 * PriorSet: whom the primary must hear before the PG may go active, because they may hold writes
 * that were acknowledged since it was last active; and whether too many of those are down.
 * A decision at one map; it is made anew when affected_by_map says so.
 * Ceph counterpart: PastIntervals::PriorSet (src/osd/osd_types.h). peering.md §6.4.
 */
import {
  type IsPGRecoverablePredicate,
  list_to_shards,
  type PastIntervals,
} from "../osdmap/intervals.ts";
import { type pg_pool_t, TYPE_ERASURE } from "../osdmap/pg_pool_t.ts";
import { type epoch_t, type pg_shard_t, shard_osd } from "../types/osd_types.ts";

/** The part of OSDMap that is asked here. */
export interface prior_set_map {
  is_up(osd: number): boolean;
  exists(osd: number): boolean;
  get_lost_at(osd: number): epoch_t;
}

/** What is known when the set is built; a PeeringState is one. */
export interface prior_set_input_t {
  readonly past_intervals: Pick<PastIntervals, "get_all_participants" | "iterate_mayberw_back_to">;
  readonly osdmap: prior_set_map;
  readonly up: readonly number[];
  readonly acting: readonly number[];
  readonly info: { readonly history: { readonly last_epoch_started: epoch_t } };
  readonly pool: { readonly info: Pick<pg_pool_t, "type"> };
  /** pcontdec */
  is_recoverable(have: ReadonlySet<pg_shard_t>): boolean;
}

/** Who has to be asked before a PG may go on: see the top of the file. */
export class PriorSet {
  readonly ec_pool: boolean;
  /** To be asked: all of them are up. */
  readonly probe = new Set<pg_shard_t>();
  /** Participants that are not up; the value tells whether the OSD existed then. */
  readonly down = new Map<number, boolean>();
  /** OSDs that must come back, or be declared lost; the value is the lost_at seen. */
  readonly blocked_by = new Map<number, epoch_t>();
  /** Some interval cannot be accounted for. */
  pg_down = false;

  private constructor(ec_pool: boolean) {
    this.ec_pool = ec_pool;
  }

  static build(input: prior_set_input_t): PriorSet {
    const { osdmap: map, past_intervals } = input;
    const p = new PriorSet(input.pool.info.type === TYPE_ERASURE);
    for (const s of list_to_shards(input.acting, p.ec_pool)) p.probe.add(s);
    for (const s of list_to_shards(input.up, p.ec_pool)) p.probe.add(s);
    for (const s of past_intervals.get_all_participants()) {
      const osd = shard_osd(s);
      if (map.is_up(osd)) p.probe.add(s);
      else p.down.set(osd, map.exists(osd));
    }
    const les = input.info.history.last_epoch_started;
    past_intervals.iterate_mayberw_back_to(les, (first, acting) => {
      p.#account_for(first, acting, map, (have) => input.is_recoverable(have));
    });
    return p;
  }

  /** Are those of an interval that can still be heard enough to know all its writes? */
  #account_for(
    first: epoch_t,
    acting: readonly pg_shard_t[],
    map: prior_set_map,
    pcontdec: IsPGRecoverablePredicate,
  ): void {
    const up_now = new Set<pg_shard_t>();
    const candidates = new Map<number, epoch_t>();
    for (const s of acting) {
      const osd = shard_osd(s);
      if (map.is_up(osd)) {
        up_now.add(s);
      } else if (map.exists(osd)) {
        const lost_at = map.get_lost_at(osd);
        // The operator accepted the loss: as good as having heard it say "nothing".
        if (lost_at > first) up_now.add(s);
        else candidates.set(osd, lost_at);
      }
    }
    if (candidates.size === 0 || pcontdec(up_now)) return;
    this.pg_down = true;
    for (const [osd, lost_at] of candidates) this.blocked_by.set(osd, lost_at);
  }

  /** Could the set come out differently with `map`? */
  affected_by_map(map: prior_set_map): boolean {
    for (const s of this.probe) {
      const osd = shard_osd(s);
      if (!map.is_up(osd) && !this.down.has(osd)) return true;
    }
    for (const [osd, lost_at] of this.blocked_by) {
      if (!map.exists(osd) || map.get_lost_at(osd) !== lost_at) return true;
    }
    // An OSD that was gone then and still is is no news: it would restart peering at every map.
    for (const [osd, existed] of this.down) {
      if (map.is_up(osd) || map.exists(osd) !== existed) return true;
    }
    return false;
  }
}
