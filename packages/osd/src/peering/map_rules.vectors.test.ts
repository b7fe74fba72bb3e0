/** Intervals, PG arithmetic and names against the vectors in testdata/vectors/peering. */
import {
  check_new_interval,
  get_ancestor,
  get_merge_parent,
  get_pg_children,
  get_pg_num_divisor,
  is_hobject,
  is_merge_source,
  is_merge_target,
  is_new_interval,
  is_split,
  make_hobject,
  type OSDMap,
  PastIntervals,
  parse_hobject,
  pg_ps,
  pg_t,
  pg_pool_t as pool_t,
} from "@tako/common";
import { describe, expect, test } from "vitest";
import { is_coll } from "../store/TransactionOp.ts";
import { read_vectors } from "../testing/log_vectors.ts";

interface MapVector {
  epoch: number;
  pool: { id: number; min_size: number; pg_num: number; pg_num_pending: number; size?: number };
  up_thru: Record<string, number>;
  up_from: Record<string, number>;
}
interface IntervalCase {
  input: {
    old_acting_primary: number;
    new_acting_primary: number;
    old_acting: number[];
    new_acting: number[];
    old_up_primary: number;
    new_up_primary: number;
    old_up: number[];
    new_up: number[];
    same_interval_since: number;
    last_epoch_clean: number;
    pg: `${number}.${string}`;
    old_map: MapVector;
    new_map: MapVector;
  };
  expected: {
    new_interval: boolean;
    ended_interval?: { first: number; last: number; maybe_went_rw: boolean };
  };
}

/** As much of a map as intervals look at. */
function map_of(v: MapVector): OSDMap {
  const { id, ...rest } = v.pool;
  const pool = pool_t(rest);
  const seen = {
    epoch: v.epoch,
    get_pg_pool: (p: number) => (p === id ? pool : undefined),
    get_pg_num: (p: number) => (p === id ? pool.pg_num : 0),
    get_up_thru: (o: number) => v.up_thru[o] ?? 0,
    get_up_from: (o: number) => v.up_from[o] ?? 0,
    test_flag: () => false,
  };
  return seen as unknown as OSDMap;
}

const intervals = read_vectors<IntervalCase>("intervals").cases;
describe.skipIf(intervals.length === 0)("intervals vectors", () => {
  test.each(intervals)("$name", ({ input: v, expected }) => {
    const old = {
      up: v.old_up,
      up_primary: v.old_up_primary,
      acting: v.old_acting,
      acting_primary: v.old_acting_primary,
    };
    const cur = {
      up: v.new_up,
      up_primary: v.new_up_primary,
      acting: v.new_acting,
      acting_primary: v.new_acting_primary,
    };
    const [lastmap, osdmap] = [map_of(v.old_map), map_of(v.new_map)];
    expect(is_new_interval(old, cur, lastmap, osdmap, v.pg)).toBe(expected.new_interval);
    const ended = check_new_interval({
      old,
      cur,
      same_interval_since: v.same_interval_since,
      last_epoch_clean: v.last_epoch_clean,
      osdmap,
      lastmap,
      pg: v.pg,
      could_have_gone_active: (have) => have.size > 0,
      past_intervals: new PastIntervals(),
    });
    expect(ended !== undefined).toBe(expected.new_interval);
    if (!expected.ended_interval) return;
    const { first, last, maybe_went_rw } = expected.ended_interval;
    expect(ended).toMatchObject({ first, last, maybe_went_rw });
  });
});

interface SplitCase {
  operation: string;
  input: Record<string, number> & { pg_num_steps: number[]; text: string; hash: string };
  expected: Record<string, unknown>;
}

const CHECKS: Record<string, (i: SplitCase["input"]) => Record<string, unknown>> = {
  ancestor: (i) => ({ seed: pg_ps(i.pg_num_steps.reduce(get_ancestor, pg_t(1, i.seed ?? 0))) }),
  split: (i) => {
    const [pg, from, to] = [pg_t(1, i.seed ?? 0), i.old_pg_num ?? 0, i.new_pg_num ?? 0];
    return {
      is_split: is_split(pg, from, to),
      children: get_pg_children(pg, from, to).map(pg_ps),
    };
  },
  merge_source: (i) => {
    const [pg, from, to] = [pg_t(1, i.seed ?? 0), i.old_pg_num ?? 0, i.new_pg_num ?? 0];
    const source = is_merge_source(pg, from, to);
    if (!source) return { is_merge_source: false, parent: null };
    const parent = get_merge_parent(pg, to);
    return {
      is_merge_source: true,
      parent: pg_ps(parent),
      parent_is_merge_target: is_merge_target(parent, from, to),
    };
  },
  merge_target: (i) => ({
    is_merge_target: is_merge_target(pg_t(1, i.seed ?? 0), i.old_pg_num ?? 0, i.new_pg_num ?? 0),
  }),
  divisor: (i) => ({
    divisors_by_seed: Array.from({ length: i.pg_num ?? 0 }, (_, s) =>
      get_pg_num_divisor(pg_t(1, s), i.pg_num ?? 0),
    ),
  }),
  parse_collection_name: ({ text }) => ({
    valid: is_coll(text) && /^(meta|\d+\.[0-9a-f]+(s\d+)?_(head|TEMP))$/.test(text),
  }),
  parse_object_id: ({ text }) => {
    const o = is_hobject(text) ? parse_hobject(text) : undefined;
    return { roundtrip: o ? make_hobject(o) === text : text === "MIN" || text === "MAX" };
  },
};

// The prefixes of hashes are names of FileStore's directories: our stores have no such thing.
const NOT_OURS = "hash_prefixes";
const split = read_vectors<SplitCase>("pg_split_merge").cases.filter(
  (c) => c.operation !== NOT_OURS,
);
describe.skipIf(split.length === 0)("pg_split_merge vectors", () => {
  test.each(split)("$name", ({ operation, input, expected }) => {
    const check = CHECKS[operation];
    expect(check, `operation ${operation}`).toBeDefined();
    expect(check?.(input)).toMatchObject(expected);
  });
});
