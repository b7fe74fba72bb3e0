/**
 * How a bucket picks one of its items for an input x and an attempt r: the five algorithms.
 * Ceph counterpart: bucket_*_choose (src/crush/mapper.c), the weights they need (builder.c).
 * cluster.md §2.4.
 */
import { crush_hash32_3, crush_hash32_4 } from "./hash.ts";
import { crush_ln_table } from "./ln.ts";
import {
  CRUSH_BUCKET_LIST,
  CRUSH_BUCKET_STRAW,
  CRUSH_BUCKET_STRAW2,
  CRUSH_BUCKET_TREE,
  type crush_algorithm,
  type crush_bucket,
} from "./types.ts";

/** A bucket with what its algorithm needs worked out. */
export interface CompiledBucket {
  readonly id: number;
  readonly type: number;
  readonly alg: crush_algorithm;
  readonly items: Int32Array;
  readonly weights: Float64Array;
  /** straw: lengths. list: sums up to each item. tree: weights by node. Else empty. */
  readonly derived: Float64Array;
}
/** A choose_arg, as the mapper reads it. */
export interface CompiledArg {
  readonly weight_set: readonly Float64Array[];
  readonly ids: Int32Array | null;
}

export function compile_bucket(b: crush_bucket, straw_calc_version: number): CompiledBucket {
  return {
    id: b.id,
    type: b.type,
    alg: b.alg,
    items: Int32Array.from(b.items),
    weights:
      b.alg === CRUSH_BUCKET_STRAW2
        ? straw2_weights(b.item_weights)
        : Float64Array.from(b.item_weights),
    derived: Float64Array.from(b.derived ?? derive_bucket(b, straw_calc_version)),
  };
}
/** A draw divides by the weight as a signed number: from 32768.0 on an item outdraws all others. */
export function straw2_weights(weights: readonly number[]): Float64Array {
  return Float64Array.from(weights, (w) => w | 0);
}
/** What choosing needs beside the weights: see CompiledBucket. */
export function derive_bucket(b: crush_bucket, straw_calc_version: number): number[] {
  switch (b.alg) {
    case CRUSH_BUCKET_STRAW:
      return crush_calc_straw(b.item_weights, straw_calc_version);
    case CRUSH_BUCKET_LIST: {
      let sum = 0;
      return b.item_weights.map((w) => (sum += w));
    }
    case CRUSH_BUCKET_TREE:
      return crush_tree_weights(b.item_weights);
    default:
      return [];
  }
}

/** With `derived` for its own, unless that is what we would work out. */
export function with_derived(
  b: crush_bucket,
  derived: readonly number[],
  straw_calc_version: number,
): crush_bucket {
  const { derived: _, ...plain } = b;
  const ours = derive_bucket(plain, straw_calc_version);
  const same = ours.length === derived.length && ours.every((v, i) => v === derived[i]);
  return same ? plain : { ...plain, derived };
}

/**
 * `b` after a reweight: Ceph's leaves the sums of lists and of the inner nodes of trees as they
 * were. So does ours, for they decide placement.
 */
export function reweighted_bucket(
  b: crush_bucket,
  item_weights: readonly number[],
  weight: number,
  straw_calc_version: number,
): crush_bucket {
  const { derived, ...plain } = b;
  const now = { ...plain, item_weights, weight };
  if (b.alg !== CRUSH_BUCKET_LIST && b.alg !== CRUSH_BUCKET_TREE) return now;
  const before = derived ?? derive_bucket(b, straw_calc_version);
  const leaf = (node: number) => (node % 2 === 1 ? item_weights[(node - 1) / 2] : undefined);
  const after = b.alg === CRUSH_BUCKET_LIST ? before : before.map((w, node) => leaf(node) ?? w);
  return with_derived(now, after, straw_calc_version);
}

export function bucket_choose(
  b: CompiledBucket,
  x: number,
  r: number,
  arg: CompiledArg | undefined,
  position: number,
): number {
  switch (b.alg) {
    case CRUSH_BUCKET_STRAW2:
      return straw2_choose(b, x, r, arg, position);
    case CRUSH_BUCKET_STRAW:
      return straw_choose(b, x, r);
    case CRUSH_BUCKET_LIST:
      return list_choose(b, x, r);
    case CRUSH_BUCKET_TREE:
      return tree_choose(b, x, r);
    default:
      return bucket_perm_choose(b, x, r);
  }
}

function straw2_choose(
  b: CompiledBucket,
  x: number,
  r: number,
  arg: CompiledArg | undefined,
  position: number,
): number {
  const lnv = crush_ln_table();
  let weights = b.weights;
  let ids = b.items;
  if (arg) {
    const set = arg.weight_set;
    weights = set[Math.min(position, set.length - 1)] ?? weights;
    ids = arg.ids ?? ids;
  }
  let high = 0;
  let high_draw = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < ids.length; i++) {
    const w = weights[i] ?? 0;
    if (w === 0) continue;
    const u = crush_hash32_3(x, ids[i] ?? 0, r) & 0xffff;
    const draw = Math.trunc((lnv[u] ?? 0) / w);
    if (draw > high_draw) {
      high = i;
      high_draw = draw;
    }
  }
  return b.items[high] ?? 0;
}

function straw_choose(b: CompiledBucket, x: number, r: number): number {
  let high = 0;
  let high_draw = -1;
  for (let i = 0; i < b.items.length; i++) {
    const draw = (crush_hash32_3(x, b.items[i] ?? 0, r) & 0xffff) * (b.derived[i] ?? 0);
    if (draw > high_draw) {
      high = i;
      high_draw = draw;
    }
  }
  return b.items[high] ?? 0;
}

function list_choose(b: CompiledBucket, x: number, r: number): number {
  for (let i = b.items.length - 1; i >= 0; i--) {
    const u = crush_hash32_4(x, b.items[i] ?? 0, r, b.id) & 0xffff;
    const w = Math.floor((u * (b.derived[i] ?? 0)) / 0x10000);
    if (w < (b.weights[i] ?? 0)) return b.items[i] ?? 0;
  }
  return b.items[0] ?? 0;
}

function tree_choose(b: CompiledBucket, x: number, r: number): number {
  let node = b.derived.length / 2;
  while ((node & 1) === 0) {
    const w = b.derived[node] ?? 0;
    const h = crush_hash32_4(x, node, r, b.id);
    // (h * w) >> 32 without a 64-bit product.
    const t = Math.floor(
      (h * Math.floor(w / 65536) + Math.floor((h * (w % 65536)) / 65536)) / 65536,
    );
    const half = (node & -node) >> 1;
    node = t < (b.derived[node - half] ?? 0) ? node - half : node + half;
  }
  return b.items[node >> 1] ?? 0;
}

/** Item at position r of a permutation that x and the bucket's id determine. */
export function bucket_perm_choose(b: CompiledBucket, x: number, r: number): number {
  const n = b.items.length;
  const pr = (r >>> 0) % n;
  const perm = Array.from({ length: n }, (_, i) => i);
  for (let p = 0; p <= pr && p < n - 1; p++) {
    const other = p + (crush_hash32_3(x, b.id, p) % (n - p));
    const taken = perm[other] ?? 0;
    perm[other] = perm[p] ?? 0;
    perm[p] = taken;
  }
  return b.items[perm[pr] ?? 0] ?? 0;
}

/** As C on a 64-bit machine cuts a double to 32 bits: what does not fit is gone. */
function u32_of_double(v: number): number {
  return v < 2 ** 63 ? Math.trunc(v) % 2 ** 32 : 0;
}

/** Lengths of the straws: each item's chance of the longest draw becomes its share of weight. */
export function crush_calc_straw(weights: readonly number[], version: number): number[] {
  const order = weights.map((_, i) => i).sort((a, b) => (weights[a] ?? 0) - (weights[b] ?? 0));
  const at = (i: number) => weights[order[i] ?? 0] ?? 0;
  const straws = weights.map(() => 0);
  let straw = 1;
  let below = 0;
  let last = 0;
  let left = weights.length;
  for (let i = 0; i < order.length; i++) {
    if (at(i) === 0) {
      // Version 0 forgot to take these out of the number of those left.
      if (version >= 1) left--;
      continue;
    }
    straws[order[i] ?? 0] = u32_of_double(straw * 0x10000);
    if (i + 1 === order.length) break;
    if (version === 0) {
      if (at(i + 1) === at(i)) continue;
      below += (at(i) - last) * left;
      for (let j = i + 1; j < order.length && at(j) === at(i + 1); j++) left--;
    } else {
      below += (at(i) - last) * left;
      left--;
    }
    // Ceph multiplies these two in 32 bits.
    const next = (left * (at(i + 1) - at(i))) % 2 ** 32;
    const ratio = 1 / (below / (below + next));
    // With none left this is 1 to the power of infinity, which C's pow takes for 1.
    if (ratio !== 1) straw *= ratio ** (1 / left);
    last = at(i);
  }
  return straws;
}

/** Node weights of a tree bucket: leaf i at 2i + 1, inner nodes at the even places between. */
export function crush_tree_weights(weights: readonly number[]): number[] {
  const n = weights.length;
  if (n === 0) return [];
  const depth = 1 + (n === 1 ? 0 : 32 - Math.clz32(n - 1));
  const nodes = new Array<number>(2 ** depth).fill(0);
  weights.forEach((w, i) => {
    let node = 2 * i + 1;
    nodes[node] = w;
    for (let level = 1; level < depth; level++) {
      const height = node & -node;
      node = node & (height << 1) ? node - height : node + height;
      nodes[node] = (nodes[node] ?? 0) + w;
    }
  });
  return nodes;
}
