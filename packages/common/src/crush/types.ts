/**
 * The CRUSH map as plain data. Records are immutable; CrushBuilder makes changed copies.
 * Ceph counterpart: src/crush/crush.h, the name tables of CrushWrapper. cluster.md §2.3.
 */

/** Algorithms a bucket chooses its items with. */
export const CRUSH_BUCKET_UNIFORM = 1;
export const CRUSH_BUCKET_LIST = 2;
export const CRUSH_BUCKET_TREE = 3;
export const CRUSH_BUCKET_STRAW = 4;
export const CRUSH_BUCKET_STRAW2 = 5;
export type crush_algorithm = 1 | 2 | 3 | 4 | 5;
export const CRUSH_ALG_NAMES = {
  uniform: CRUSH_BUCKET_UNIFORM,
  list: CRUSH_BUCKET_LIST,
  tree: CRUSH_BUCKET_TREE,
  straw: CRUSH_BUCKET_STRAW,
  straw2: CRUSH_BUCKET_STRAW2,
} as const;

/** Set 0 is consulted by test tools, -1 is the set of pools without one of their own. */
export const DEFAULT_CHOOSE_ARGS = -1;

/** An inner node: id < 0. Weights are 16.16 fixed point. */
export interface crush_bucket {
  readonly id: number;
  readonly type: number;
  readonly alg: crush_algorithm;
  /** 0 = rjenkins1, the only one. */
  readonly hash: number;
  readonly weight: number;
  readonly items: readonly number[];
  readonly item_weights: readonly number[];
  /**
   * What the algorithm works with, where a map came with other values than its weights give today:
   * straw lengths, sums of a list, nodes of a tree, the weight of a uniform bucket without items.
   */
  readonly derived?: readonly number[];
}

export const CRUSH_RULE_OPS = {
  noop: 0,
  take: 1,
  choose_firstn: 2,
  choose_indep: 3,
  emit: 4,
  chooseleaf_firstn: 6,
  chooseleaf_indep: 7,
  set_choose_tries: 8,
  set_chooseleaf_tries: 9,
  set_choose_local_tries: 10,
  set_choose_local_fallback_tries: 11,
  set_chooseleaf_vary_r: 12,
  set_chooseleaf_stable: 13,
} as const;
export type crush_op_name = keyof typeof CRUSH_RULE_OPS;
export type crush_op = (typeof CRUSH_RULE_OPS)[crush_op_name];

/** arg1: item of take, number of choose, value of set; arg2: type of choose. */
export interface crush_rule_step {
  readonly op: crush_op;
  readonly arg1: number;
  readonly arg2: number;
}

export interface crush_rule {
  readonly id: number;
  /** Empty for a rule that has none. */
  readonly name: string;
  /** Where an old map numbers it otherwise than `id`. */
  readonly ruleset?: number;
  /** 1 replicated, 3 erasure */
  readonly type: number;
  /** Ignored since Luminous, still printed. */
  readonly min_size: number;
  readonly max_size: number;
  readonly steps: readonly crush_rule_step[];
}

export interface crush_tunables {
  readonly choose_local_tries: number;
  readonly choose_local_fallback_tries: number;
  readonly choose_total_tries: number;
  readonly chooseleaf_descend_once: number;
  readonly chooseleaf_vary_r: number;
  readonly chooseleaf_stable: number;
  readonly straw_calc_version: number;
  /** Bit (1 << alg) for each permitted algorithm. */
  readonly allowed_bucket_algs: number;
}

/** Replaces a bucket's weights, and the ids it hashes with, for the pools that use the set. */
export interface crush_choose_arg {
  readonly bucket_id: number;
  /** One list of 16.16 weights per position; the last one serves all later positions. */
  readonly weight_set: readonly (readonly number[])[];
  /** Empty: the items themselves. */
  readonly ids: readonly number[];
}

export interface crush_map {
  /** Highest device id + 1. */
  readonly max_devices: number;
  readonly buckets: ReadonlyMap<number, crush_bucket>;
  readonly rules: ReadonlyMap<number, crush_rule>;
  readonly tunables: crush_tunables;
  readonly type_names: ReadonlyMap<number, string>;
  /** Devices and buckets, shadow buckets (`name~class`) too. */
  readonly item_names: ReadonlyMap<number, string>;
  readonly class_names: ReadonlyMap<number, string>;
  /** Device or shadow bucket -> class id. */
  readonly class_map: ReadonlyMap<number, number>;
  /** Bucket -> class id -> shadow bucket. */
  readonly class_bucket: ReadonlyMap<number, ReadonlyMap<number, number>>;
  /** Set id -> bucket id -> argument. */
  readonly choose_args: ReadonlyMap<number, ReadonlyMap<number, crush_choose_arg>>;
  /** How the binary map was written that this one, or what it was before edits, is decoded from. */
  readonly encoding?: crush_encoding;
}

/** What of a binary map is not content, but has to be the same to get the same bytes again. */
export interface crush_encoding {
  readonly max_buckets: number;
  readonly max_rules: number;
  /** How many of the sections after the names there were: later releases added some. */
  readonly sections: number;
  /** Names of rules that are gone. */
  readonly stale_rule_names: ReadonlyMap<number, string>;
}

/** type name -> bucket name, e.g. root -> default, host -> node1. */
export type crush_location = ReadonlyMap<string, string>;
