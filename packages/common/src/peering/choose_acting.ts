/**
 * Which acting set would serve the PG best: the members that have or can get everything by log, in
 * the order the PG wants them, and who has to be backfilled or recovered beside it.
 * Pure choices among infos; asking the mon for the result is PeeringState's (choose_acting, §6.8).
 * Ceph counterpart: calc_replicated_acting, calc_ec_acting, choose_async_recovery_* in
 * PeeringState.cc. peering.md §6.6, §6.7.
 */
import { InvariantError } from "../errors.ts";
import { type IsPGRecoverablePredicate, list_to_shards } from "../osdmap/intervals.ts";
import {
  CRUSH_ITEM_NONE,
  ev_cmp,
  ev_ge,
  ev_min,
  type eversion_t,
  info_is_incomplete,
  pg_shard,
  type pg_shard_t,
  shard_cmp,
  shard_id,
  shard_osd,
} from "../types/osd_types.ts";
import { sort_few } from "../types/sorted.ts";
import type { copy_info_t, copy_infos_t } from "./find_best_info.ts";

export interface calc_acting_input {
  /** Winner of find_best_info. */
  readonly auth_log_shard: pg_shard_t;
  /** Size of the pool. */
  readonly size: number;
  readonly up: readonly number[];
  readonly acting: readonly number[];
  /** Replicated only; null when up is empty. */
  readonly up_primary: pg_shard_t | null;
  /** Of all known peers and of ourselves. A shard without info is not considered. */
  readonly all_info: copy_infos_t;
  /** Take nobody from outside up and acting. */
  readonly restrict_to_up_acting: boolean;
  /** osd_force_auth_primary_missing_objects. Replicated only. */
  readonly force_auth_primary_missing_objects: number;
}

export interface calc_acting_result {
  /** Ordered OSD ids; CRUSH_ITEM_NONE = hole (EC). */
  readonly want: readonly number[];
  /** Members of up whose logs do not join, or whose copies are incomplete. */
  readonly backfill: ReadonlySet<pg_shard_t>;
  /** acting_recovery_backfill: want and backfill. */
  readonly acting_backfill: ReadonlySet<pg_shard_t>;
}

function info_of(infos: copy_infos_t, s: pg_shard_t): copy_info_t {
  const i = infos.get(s);
  if (!i) throw new InvariantError("choose_acting: no info of the authority", { shard: s });
  return i;
}
/** Can it be brought up to date from a log that reaches back to `oldest`? */
function joins(i: copy_info_t, oldest: eversion_t): boolean {
  return !info_is_incomplete(i) && ev_ge(i.last_update, oldest);
}

// ---------------------------------------------------------------- replicated

/** The first of up leads if it is close enough to the authority, else the authority itself. */
function select_replicated_primary(input: calc_acting_input): pg_shard_t {
  const { auth_log_shard, up_primary, all_info } = input;
  const auth = info_of(all_info, auth_log_shard);
  const primary = up_primary === null ? undefined : all_info.get(up_primary);
  if (up_primary === null || !primary || !joins(primary, auth.log_tail)) return auth_log_shard;
  // A primary that misses much would make every op wait for recovery.
  const distance = approx_missing_objects(primary, auth);
  return distance > input.force_auth_primary_missing_objects ? auth_log_shard : up_primary;
}

/** What it is known to miss and, at most, what the logs differ by. */
function approx_missing_objects(i: copy_info_t, auth: copy_info_t): number {
  const known = i.stats.stat_sum.num_objects_missing;
  return known + Math.abs(auth.last_update.version - i.last_update.version);
}

/** The acting set that a replicated PG should have, and who is to be backfilled. peering.md §6. */
export function calc_replicated_acting(input: calc_acting_input): calc_acting_result {
  const { all_info, size } = input;
  const primary = select_replicated_primary(input);
  const oldest_auth_log_entry = ev_min(
    info_of(all_info, primary).log_tail,
    info_of(all_info, input.auth_log_shard).log_tail,
  );
  const want = [primary];
  const backfill = new Set<pg_shard_t>();
  const up = list_to_shards(input.up, false);
  // In the order of up, which list_to_shards does not keep.
  for (const osd of input.up) {
    const s = pg_shard(osd);
    const info = all_info.get(s);
    if (osd === CRUSH_ITEM_NONE || s === primary || !info) continue;
    if (joins(info, oldest_auth_log_entry)) want.push(s);
    else backfill.add(s);
  }
  const usable = (shards: Iterable<pg_shard_t>, taken: readonly pg_shard_t[]): pg_shard_t[] => {
    const found: [pg_shard_t, copy_info_t][] = [];
    for (const s of shards) {
      const info = all_info.get(s);
      if (s === primary || taken.includes(s) || !info) continue;
      if (joins(info, oldest_auth_log_entry)) found.push([s, info]);
    }
    // The newest have the least to recover.
    found.sort(([s, a], [t, b]) => ev_cmp(b.last_update, a.last_update) || shard_cmp(s, t));
    return found.map(([s]) => s);
  };
  const fill = (shards: readonly pg_shard_t[]) => {
    want.push(...shards.slice(0, Math.max(0, size - want.length)));
  };
  const acting = list_to_shards(input.acting, false);
  fill(usable(acting, up));
  if (!input.restrict_to_up_acting) fill(usable(all_info.keys(), [...up, ...acting]));
  return { want: want.map(shard_osd), backfill, acting_backfill: new Set([...want, ...backfill]) };
}

// ---------------------------------------------------------------- erasure-coded

/** Position by position: a shard's data is of use in its own position only. */
export function calc_ec_acting(input: calc_acting_input): calc_acting_result {
  const { all_info } = input;
  const auth_tail = info_of(all_info, input.auth_log_shard).log_tail;
  const usable = (s: pg_shard_t) => {
    const info = all_info.get(s);
    return info !== undefined && joins(info, auth_tail);
  };
  const known = sort_few([...all_info.keys()], shard_cmp);
  const want: number[] = [];
  const backfill = new Set<pg_shard_t>();
  for (let i = 0; i < input.size; i++) {
    const up = input.up[i] ?? CRUSH_ITEM_NONE;
    const acting = input.acting[i] ?? CRUSH_ITEM_NONE;
    if (up !== CRUSH_ITEM_NONE && usable(pg_shard(up, i))) {
      want.push(up);
      continue;
    }
    if (up !== CRUSH_ITEM_NONE && all_info.has(pg_shard(up, i))) backfill.add(pg_shard(up, i));
    if (acting !== CRUSH_ITEM_NONE && usable(pg_shard(acting, i))) {
      want.push(acting);
      continue;
    }
    const stray = input.restrict_to_up_acting
      ? undefined
      : known.find((s) => shard_id(s) === i && usable(s));
    want.push(stray === undefined ? CRUSH_ITEM_NONE : shard_osd(stray));
  }
  return { want, backfill, acting_backfill: new Set([...list_to_shards(want, true), ...backfill]) };
}

// ---------------------------------------------------------------- is it enough?

/** Can the PG recover with `want`, and may it? (recoverable() of §6.8) */
export function recoverable_acting(
  want: readonly number[],
  opts: {
    readonly ec_pool: boolean;
    readonly min_size: number;
    readonly allow_recovery_below_min_size: boolean;
    readonly pcontdec: IsPGRecoverablePredicate;
  },
): boolean {
  const have = list_to_shards(want, opts.ec_pool);
  if (have.length < opts.min_size && !opts.allow_recovery_below_min_size) return false;
  return opts.pcontdec(new Set(have));
}

// ---------------------------------------------------------------- async recovery

export interface async_recovery_input {
  readonly auth_log_shard: pg_shard_t;
  readonly all_info: copy_infos_t;
  readonly up: readonly number[];
  readonly ec_pool: boolean;
  readonly min_size: number;
  readonly pcontdec: IsPGRecoverablePredicate;
  /** osd_async_recovery_min_cost */
  readonly min_cost: number;
}

/**
 * Takes members of up that have much to recover out of `want`, the costliest first, so that writes
 * do not wait for them; as long as min_size is kept and the data can be had.
 */
export function choose_async_recovery(
  want: readonly number[],
  input: async_recovery_input,
): { readonly want: readonly number[]; readonly async_recovery: ReadonlySet<pg_shard_t> } {
  const async_recovery = new Set<pg_shard_t>();
  let kept = want;
  for (const s of async_candidates(want, input)) {
    const fewer = input.ec_pool
      ? kept.map((o, i) => (i === shard_id(s) ? CRUSH_ITEM_NONE : o))
      : kept.filter((o) => o !== shard_osd(s));
    const have = list_to_shards(fewer, input.ec_pool);
    if (have.length < input.min_size || !input.pcontdec(new Set(have))) continue;
    kept = fewer;
    async_recovery.add(s);
  }
  return { want: kept, async_recovery };
}

/** Costliest first. Strays stay in: out of acting they would not be recovered at all. */
function async_candidates(want: readonly number[], input: async_recovery_input): pg_shard_t[] {
  const auth = info_of(input.all_info, input.auth_log_shard);
  const up = new Set(list_to_shards(input.up, input.ec_pool));
  const found: [cost: number, pg_shard_t][] = [];
  for (const s of list_to_shards(want, input.ec_pool)) {
    const info = input.all_info.get(s);
    if (!info || !up.has(s)) continue;
    // What an erasure-coded shard has beyond the authority is rolled back before activation.
    const ahead = input.ec_pool && info.last_update.version > auth.last_update.version;
    const cost = ahead
      ? info.stats.stat_sum.num_objects_missing
      : approx_missing_objects(info, auth);
    if (cost > input.min_cost) found.push([cost, s]);
  }
  return found.sort(([a, s], [b, t]) => b - a || shard_cmp(t, s)).map(([, s]) => s);
}
