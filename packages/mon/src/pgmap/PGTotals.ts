/**
 * Sums over the PGs, and which of them need a look, kept in step with every single change: an epoch
 * or a report must not cost what all PGs together cost.
 * Ceph counterpart: PGMap::stat_pg_add, stat_pg_sub, pg_sum, pg_pool_sum. cluster.md §3.17.
 */
import { object_stat_sum_t, pg_pool, type pg_t, stat_sum_add, stat_sum_diff } from "@tako/common";
import type { pg_stat_t } from "./pg_stat.ts";

const NO_SUM: Readonly<object_stat_sum_t> = object_stat_sum_t();

/** Sums over PGs. */
export interface PGSum {
  readonly stat_sum: object_stat_sum_t;
  num_pgs: number;
  log_size: number;
  ondisk_log_size: number;
  up: number;
  acting: number;
}
function new_sum(): PGSum {
  return {
    stat_sum: object_stat_sum_t(),
    num_pgs: 0,
    log_size: 0,
    ondisk_log_size: 0,
    up: 0,
    acting: 0,
  };
}

export class PGTotals {
  readonly #all = new_sum();
  readonly #pools = new Map<number, PGSum>();
  readonly #by_primary = new Map<number, Set<pg_t>>();
  /** PGs that are not just active+clean. */
  readonly #in_other_states = new Set<pg_t>();
  /** No PG was scrubbed before these (ms since 1970); stamps of 0 say nothing. */
  #oldest_scrub = Number.POSITIVE_INFINITY;
  #oldest_deep_scrub = Number.POSITIVE_INFINITY;

  /**
   * A PG has got another record: its first one without `was`, none any more without `is`. Returns by how
   * much the sums changed.
   */
  replace(
    pg: pg_t,
    was: pg_stat_t | undefined,
    is: pg_stat_t | undefined,
  ): Partial<object_stat_sum_t> {
    const id = pg_pool(pg);
    const pool = this.#pools.get(id) ?? new_sum();
    const delta = stat_sum_diff(is?.stat_sum ?? NO_SUM, was?.stat_sum ?? NO_SUM);
    for (const sum of [this.#all, pool]) {
      stat_sum_add(sum.stat_sum, delta);
      if (was) count(sum, was, -1);
      if (is) count(sum, is, 1);
    }
    if (pool.num_pgs > 0) this.#pools.set(id, pool);
    else this.#pools.delete(id);
    if (is && is.state !== "active+clean") this.#in_other_states.add(pg);
    else this.#in_other_states.delete(pg);
    if (was?.acting_primary !== is?.acting_primary) this.#move(pg, was, is);
    if (is) this.#note_stamps(is);
    return delta;
  }
  #note_stamps(s: pg_stat_t): void {
    const { last_scrub_stamp: scrub, last_deep_scrub_stamp: deep } = s;
    if (scrub > 0 && scrub < this.#oldest_scrub) this.#oldest_scrub = scrub;
    if (deep > 0 && deep < this.#oldest_deep_scrub) this.#oldest_deep_scrub = deep;
  }
  #move(pg: pg_t, was: pg_stat_t | undefined, is: pg_stat_t | undefined): void {
    if (was) {
      const pgs = this.#by_primary.get(was.acting_primary);
      pgs?.delete(pg);
      if (pgs?.size === 0) this.#by_primary.delete(was.acting_primary);
    }
    if (!is) return;
    const pgs = this.#by_primary.get(is.acting_primary);
    if (pgs) pgs.add(pg);
    else this.#by_primary.set(is.acting_primary, new Set([pg]));
  }

  /** Over all PGs, or those of one pool. Goes on with the PGs: read, do not keep. */
  sum(pool?: number): Readonly<PGSum> {
    return pool === undefined ? this.#all : (this.#pools.get(pool) ?? new_sum());
  }
  /** OSDs that PGs name as their acting primary, -1 (none) included. */
  primaries(): number[] {
    return [...this.#by_primary.keys()];
  }
  /** PGs that name it. */
  led_by(osd: number): pg_t[] {
    return [...(this.#by_primary.get(osd) ?? [])];
  }
  /** May a PG's last scrub be older than `scrub_ms`, or its last deep one than `deep_ms`? */
  any_scrubbed_before(scrub_ms: number, deep_ms: number): boolean {
    return this.#oldest_scrub < scrub_ms || this.#oldest_deep_scrub < deep_ms;
  }
  /** PGs have been scrubbed since: the oldest stamps are those of `stats`, which are all. */
  note_oldest_scrubs(stats: Iterable<pg_stat_t>): void {
    this.#oldest_scrub = Number.POSITIVE_INFINITY;
    this.#oldest_deep_scrub = Number.POSITIVE_INFINITY;
    for (const s of stats) this.#note_stamps(s);
  }
  in_other_states(): pg_t[] {
    return [...this.#in_other_states];
  }
}

function count(sum: PGSum, s: pg_stat_t, sign: 1 | -1): void {
  sum.num_pgs += sign;
  sum.log_size += sign * s.log_size;
  sum.ondisk_log_size += sign * s.ondisk_log_size;
  sum.up += sign * s.up.length;
  sum.acting += sign * s.acting.length;
}
