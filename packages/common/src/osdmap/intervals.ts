/**
 * Intervals: when does a map change make a PG peer again, and which earlier sets of OSDs may hold
 * writes that the new one has to hear of.
 * Ceph counterpart: PastIntervals (src/osd/osd_types.{h,cc}). peering.md §2.5, §6.2, §6.3.
 */
import {
  CRUSH_ITEM_NONE,
  type epoch_t,
  NO_SHARD,
  type past_intervals_wire_t,
  type pg_history_t,
  pg_pool,
  pg_shard,
  type pg_shard_t,
  type pg_t,
  shard_cmp,
} from "../types/osd_types.ts";
import { sort_few } from "../types/sorted.ts";
import type { osdmap_flag_t } from "./flags.ts";
import type { up_acting_t } from "./mapping.ts";
import { is_erasure, type pg_pool_t } from "./pg_pool_t.ts";
import { is_merge_source, is_merge_target, is_split } from "./pg_split.ts";

/** The part of OSDMap that intervals depend on. */
export interface interval_map {
  readonly epoch: epoch_t;
  get_pg_pool(id: number): pg_pool_t | undefined;
  test_flag(flag: osdmap_flag_t): boolean;
  get_up_from(o: number): epoch_t;
  get_up_thru(o: number): epoch_t;
}

/** Can data be had from these shards? Replicated: from any one; erasure: from k positions. */
export type IsPGRecoverablePredicate = (have: ReadonlySet<pg_shard_t>) => boolean;

function same_list(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((v, i) => v === b[i]));
}

/** Is one of source and target of a merge from `from` to `to` PGs? */
function in_merge(pg: pg_t, from: number, to: number): boolean {
  return to < from && (is_merge_source(pg, from, to) || is_merge_target(pg, from, to));
}

/** Did a merge happen, or has one been announced or withdrawn, that `pg` has part in? */
function merge_changed(pg: pg_t, last: pg_pool_t, cur: pg_pool_t): boolean {
  if (in_merge(pg, last.pg_num, cur.pg_num)) return true;
  if (last.pg_num_pending === cur.pg_num_pending) return false;
  return (
    in_merge(pg, cur.pg_num, cur.pg_num_pending) || in_merge(pg, last.pg_num, last.pg_num_pending)
  );
}

/** Does going from `lastmap` (mapping `old`) to `osdmap` (mapping `cur`) end the PG's interval? */
export function is_new_interval(
  old: up_acting_t,
  cur: up_acting_t,
  lastmap: interval_map,
  osdmap: interval_map,
  pg: pg_t,
): boolean {
  const last_pool = lastmap.get_pg_pool(pg_pool(pg));
  // Not there before: nothing can have changed. Gone now: the PG has to learn of it, once.
  if (!last_pool) return false;
  const pool = osdmap.get_pg_pool(pg_pool(pg));
  if (!pool) return true;
  return (
    old.acting_primary !== cur.acting_primary ||
    old.up_primary !== cur.up_primary ||
    !same_list(old.acting, cur.acting) ||
    !same_list(old.up, cur.up) ||
    last_pool.size !== pool.size ||
    last_pool.min_size !== pool.min_size ||
    is_split(pg, last_pool.pg_num, pool.pg_num) ||
    merge_changed(pg, last_pool, pool) ||
    lastmap.test_flag("sortbitwise") !== osdmap.test_flag("sortbitwise") ||
    lastmap.test_flag("recovery_deletes") !== osdmap.test_flag("recovery_deletes") ||
    last_pool.peering_crush_bucket_count !== pool.peering_crush_bucket_count ||
    last_pool.peering_crush_bucket_target !== pool.peering_crush_bucket_target ||
    last_pool.peering_crush_bucket_barrier !== pool.peering_crush_bucket_barrier ||
    last_pool.peering_crush_bucket_mandatory_member !== pool.peering_crush_bucket_mandatory_member
  );
}

/** The shard under which `osd` leads `osds`; null for none. */
export function primary_shard(
  osd: number,
  osds: readonly number[],
  ec_pool: boolean,
): pg_shard_t | null {
  if (osd < 0 || osd === CRUSH_ITEM_NONE) return null;
  return pg_shard(osd, ec_pool ? osds.indexOf(osd) : NO_SHARD);
}

/**
 * Sets same_up_since and same_primary_since where going from `old` to `cur` changes what they are
 * about. The monitor has the same rule for PGs that nobody has made yet: the copies that there are
 * must agree with what it tells the next primary. (Ceph's monitor compares less.)
 */
export function note_mapping_change(
  history: pg_history_t,
  old: up_acting_t,
  cur: up_acting_t,
  ec_pool: boolean,
  epoch: epoch_t,
): void {
  if (old.up_primary !== cur.up_primary || !same_list(old.up, cur.up)) {
    history.same_up_since = epoch;
  }
  // The primary with its rank: the same OSD under another one is another shard.
  const was = primary_shard(old.acting_primary, old.acting, ec_pool);
  const is = primary_shard(cur.acting_primary, cur.acting, ec_pool);
  if (was !== is) history.same_primary_since = epoch;
}

/** An ended interval with all that is known about it (pg_interval_t). */
export interface pg_interval_t {
  readonly first: epoch_t;
  readonly last: epoch_t;
  readonly up: readonly number[];
  readonly acting: readonly number[];
  readonly primary: number;
  readonly up_primary: number;
  /** Could writes have been acknowledged in it? */
  readonly maybe_went_rw: boolean;
}

/** An interval as it is kept. */
export interface compact_interval_t {
  readonly first: epoch_t;
  readonly last: epoch_t;
  /** Ordered by {@link shard_cmp}. */
  readonly acting: readonly pg_shard_t[];
}

/** Members of a list as shards: with their position in an erasure pool, without in a replicated. */
export function list_to_shards(osds: readonly number[], ec_pool: boolean): pg_shard_t[] {
  const shards: pg_shard_t[] = [];
  osds.forEach((o, i) => {
    if (o !== CRUSH_ITEM_NONE) shards.push(pg_shard(o, ec_pool ? i : NO_SHARD));
  });
  return sort_few(shards, shard_cmp);
}

/**
 * The intervals since the PG was last clean, in the compact form: who took part in any of them, and
 * one record for each that may have taken writes and that no later record makes superfluous.
 */
export class PastIntervals {
  #first: epoch_t = 0;
  #last: epoch_t = 0;
  readonly #all_participants = new Set<pg_shard_t>();
  #intervals: readonly compact_interval_t[] = [];
  /** As it travels; until the next change. */
  #wire: past_intervals_wire_t | undefined;

  static from_wire(w: past_intervals_wire_t | null): PastIntervals {
    const p = new PastIntervals();
    if (!w) return p;
    p.#first = w.first;
    p.#last = w.last;
    for (const s of w.all_participants) p.#all_participants.add(s);
    p.#intervals = w.intervals.map((i) => ({ ...i, acting: [...i.acting] }));
    return p;
  }
  get first(): epoch_t {
    return this.#first;
  }
  /** Ends where the current interval starts: last + 1 == same_interval_since. */
  get last(): epoch_t {
    return this.#last;
  }
  get all_participants(): ReadonlySet<pg_shard_t> {
    return this.#all_participants;
  }
  /** Oldest first. */
  get intervals(): readonly compact_interval_t[] {
    return this.#intervals;
  }
  to_wire(): past_intervals_wire_t {
    this.#wire ??= {
      first: this.first,
      last: this.last,
      all_participants: sort_few([...this.all_participants], shard_cmp),
      intervals: this.#intervals,
    };
    return this.#wire;
  }
  copy(): PastIntervals {
    return PastIntervals.from_wire(this.to_wire());
  }

  /** No interval has ended since the history was last cleared. */
  empty(): boolean {
    return this.last === 0;
  }
  clear(): void {
    this.#wire = undefined;
    this.#first = 0;
    this.#last = 0;
    this.#all_participants.clear();
    this.#intervals = [];
  }
  /** Half open: [first, last + 1). [0, 0) when empty. */
  get_bounds(): [first: epoch_t, end: epoch_t] {
    return this.empty() ? [0, 0] : [this.first, this.last + 1];
  }
  /** Number of records kept. */
  size(): number {
    return this.intervals.length;
  }
  get_all_participants(): ReadonlySet<pg_shard_t> {
    return this.all_participants;
  }

  /** Intervals are added as they end, each starting where the one before ended. */
  add_interval(ec_pool: boolean, iv: pg_interval_t): void {
    this.#wire = undefined;
    if (this.empty()) this.#first = iv.first;
    this.#last = iv.last;
    const acting = list_to_shards(iv.acting, ec_pool);
    for (const s of acting) this.#all_participants.add(s);
    if (!iv.maybe_went_rw) return;
    // Survivors enough for the newer record are among an older one's members when that holds them
    // all: asking them satisfies both.
    const covers = (older: compact_interval_t) => acting.every((s) => older.acting.includes(s));
    const kept = this.intervals.filter((older) => !covers(older));
    this.#intervals = [...kept, { first: iv.first, last: iv.last, acting }];
  }

  /** Calls `fn` for each interval that may have taken writes and reaches `les`, newest first. */
  iterate_mayberw_back_to(
    les: epoch_t,
    fn: (first: epoch_t, acting: readonly pg_shard_t[], last: epoch_t) => void,
  ): void {
    for (let i = this.intervals.length - 1; i >= 0; i--) {
      const iv = this.intervals[i];
      if (!iv || iv.last < les) return;
      fn(iv.first, iv.acting, iv.last);
    }
  }

  /** `[10,14] {0,1,2} (10,12)={0,1} (13,14)={1,2}`: for logs. */
  toString(): string {
    if (this.empty()) return "()";
    const ivs = this.intervals.map((i) => ` (${i.first},${i.last})={${i.acting.join(",")}}`);
    const all = this.to_wire().all_participants.join(",");
    return `[${this.first},${this.last}] {${all}}${ivs.join("")}`;
  }
}

export interface check_new_interval_args {
  readonly old: up_acting_t;
  readonly cur: up_acting_t;
  readonly same_interval_since: epoch_t;
  readonly last_epoch_clean: epoch_t;
  readonly osdmap: interval_map;
  readonly lastmap: interval_map;
  readonly pg: pg_t;
  readonly could_have_gone_active: IsPGRecoverablePredicate;
  readonly past_intervals: PastIntervals;
}

/**
 * Adds the interval that ends with `lastmap` to `past_intervals`, if it ends. Returns it, or
 * undefined when nothing changed for the PG.
 */
export function check_new_interval(a: check_new_interval_args): pg_interval_t | undefined {
  if (!is_new_interval(a.old, a.cur, a.lastmap, a.osdmap, a.pg)) return undefined;
  const pool = a.lastmap.get_pg_pool(pg_pool(a.pg));
  if (!pool) return undefined;
  const { up, acting, up_primary, acting_primary: primary } = a.old;
  const first = a.same_interval_since;
  const last = a.osdmap.epoch - 1;
  const iv = {
    first,
    last,
    up,
    acting,
    primary,
    up_primary,
    maybe_went_rw: may_have_gone_rw(a, pool, first, last),
  };
  a.past_intervals.add_interval(is_erasure(pool), iv);
  return iv;
}

function may_have_gone_rw(
  a: check_new_interval_args,
  pool: pg_pool_t,
  first: epoch_t,
  last: epoch_t,
): boolean {
  const { acting, acting_primary: primary } = a.old;
  const shards = list_to_shards(acting, is_erasure(pool));
  if (shards.length === 0 || primary === -1 || shards.length < pool.min_size) return false;
  if (!a.could_have_gone_active(new Set(shards))) return false;
  // up_thru as of the end of the interval; of another incarnation of the primary it says nothing.
  if (a.lastmap.get_up_thru(primary) >= first && a.lastmap.get_up_from(primary) <= first) {
    return true;
  }
  // It was clean in this interval, hence active.
  return a.last_epoch_clean >= first && a.last_epoch_clean <= last;
}
