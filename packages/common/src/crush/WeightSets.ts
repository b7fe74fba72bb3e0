/**
 * choose_args while a map is edited: weights that replace those of a bucket, for one pool or
 * (set -1) for all that have no set of their own. They follow the items of their buckets.
 * Ceph counterpart: CrushWrapper::choose_args, _choose_args_adjust_item_weight_in_bucket,
 * update_choose_args.
 */
import { CRUSH_BUCKET_STRAW2, type crush_bucket, type crush_choose_arg } from "./types.ts";

type Buckets = ReadonlyMap<number, crush_bucket>;
type Args = Map<number, crush_choose_arg>;

export class WeightSets {
  readonly sets: Map<number, Args>;

  constructor(sets: ReadonlyMap<number, ReadonlyMap<number, crush_choose_arg>>) {
    this.sets = new Map([...sets].map(([id, args]) => [id, new Map(args)]));
  }

  /** A new set starts with the weights that the buckets have. */
  create(set: number, positions: number, buckets: Buckets): void {
    const args: Args = new Map();
    for (const b of buckets.values()) {
      if (b.alg === CRUSH_BUCKET_STRAW2) args.set(b.id, fresh_arg(b.id, b.item_weights, positions));
    }
    this.sets.set(set, args);
  }

  add_bucket(id: number, weights: readonly number[]): void {
    for (const args of this.sets.values()) {
      args.set(id, fresh_arg(id, weights, get_choose_args_positions(args)));
    }
  }
  add_item(bucket: number, item: number, w: number): void {
    this.#edit(bucket, (a) => ({
      ...a,
      weight_set: a.weight_set.map((ws) => [...ws, w]),
      ids: a.ids.length > 0 ? [...a.ids, item] : a.ids,
    }));
  }
  remove_item(bucket: number, pos: number): void {
    this.#edit(bucket, (a) => ({
      ...a,
      weight_set: a.weight_set.map((ws) => ws.toSpliced(pos, 1)),
      ids: a.ids.length > 0 ? a.ids.toSpliced(pos, 1) : a.ids,
    }));
  }
  /** What an operator says replaces what a balancer put there. */
  set_weight(bucket: number, pos: number, w: number): void {
    this.#edit(bucket, (a) => ({ ...a, weight_set: a.weight_set.map((ws) => ws.with(pos, w)) }));
  }
  /** Forgets buckets that are gone, or choose by another algorithm now. */
  strip(buckets: Buckets): void {
    for (const args of this.sets.values()) {
      for (const id of [...args.keys()]) {
        if (buckets.get(id)?.alg !== CRUSH_BUCKET_STRAW2) args.delete(id);
      }
    }
  }
  #edit(bucket: number, fn: (a: crush_choose_arg) => crush_choose_arg): void {
    for (const args of this.sets.values()) {
      const a = args.get(bucket);
      if (a) args.set(bucket, fn(a));
    }
  }
}

function fresh_arg(id: number, weights: readonly number[], positions: number): crush_choose_arg {
  return { bucket_id: id, weight_set: Array(positions).fill([...weights]), ids: [] };
}

/** How many positions a set distinguishes: 1, or as many as its pool has copies. */
export function get_choose_args_positions(args: ReadonlyMap<number, crush_choose_arg>): number {
  for (const a of args.values()) if (a.weight_set.length > 0) return a.weight_set.length;
  return 1;
}

/** Weight of a bucket in a set, by position. */
function sums(a: crush_choose_arg): number[] {
  return a.weight_set.map((ws) => ws.reduce((s, w) => s + w, 0));
}
function set_entry(a: crush_choose_arg, item_pos: number, w: readonly number[]): crush_choose_arg {
  return { ...a, weight_set: a.weight_set.map((ws, p) => ws.with(item_pos, w[p] ?? 0)) };
}

/** Buckets that have no weights of their own in the set get those of the map. */
function complete(args: Args, buckets: Buckets): void {
  const positions = get_choose_args_positions(args);
  for (const b of buckets.values()) {
    const a = args.get(b.id);
    if (!a || a.weight_set.length === 0) args.set(b.id, complete_arg(a, b, positions));
  }
}
function complete_arg(
  a: crush_choose_arg | undefined,
  b: crush_bucket,
  positions: number,
): crush_choose_arg {
  return { ...fresh_arg(b.id, b.item_weights, positions), ids: a?.ids ?? [] };
}

/** In every set, each bucket weighs in the one above what its own weights add up to. */
export function choose_args_keep_sums(weight_sets: WeightSets, buckets: Buckets): void {
  for (const args of weight_sets.sets.values()) {
    if (![...args.values()].some((a) => a.weight_set.length > 0)) continue;
    complete(args, buckets);
    const done = new Set<number>();
    const settle = (id: number) => {
      const b = buckets.get(id);
      if (!b || done.has(id)) return;
      done.add(id);
      b.items.forEach((item, pos) => {
        if (item >= 0) return;
        settle(item);
        const [own, below] = [args.get(id), args.get(item)];
        if (own && below && own.weight_set.length === below.weight_set.length) {
          args.set(id, set_entry(own, pos, sums(below)));
        }
      });
    };
    for (const id of buckets.keys()) settle(id);
  }
}

/**
 * Gives an item its weights, one a position, in every bucket that holds it, and the buckets above
 * the weights that follow. Buckets without weights in the set get those of the map on the way: how
 * many buckets have changed?
 */
export function choose_args_adjust_item_weight(
  args: Args,
  buckets: Buckets,
  item: number,
  weights: readonly number[],
): number {
  const positions = get_choose_args_positions(args);
  let changed = 0;
  for (const b of [...buckets.values()].sort((x, y) => y.id - x.id)) {
    const own = args.get(b.id);
    const is_fresh = !own || own.weight_set.length === 0;
    const a = is_fresh ? complete_arg(own, b, positions) : own;
    if (is_fresh) args.set(b.id, a);
    if (a.weight_set.length !== weights.length) continue;
    const pos = b.items.indexOf(item);
    if (pos < 0 && !is_fresh) continue;
    const next = pos < 0 ? a : set_entry(a, pos, weights);
    args.set(b.id, next);
    changed += 1 + choose_args_adjust_item_weight(args, buckets, b.id, sums(next));
  }
  return changed;
}

/**
 * Weighs the buckets below `id` anew by what they hold. Ceph writes the sums of all positions to
 * the first one; so does this, for the sets have to come out the same.
 */
export function choose_args_reweight(args: Args, buckets: Buckets, id: number): number[] {
  const b = buckets.get(id);
  const positions = args.get(id)?.weight_set.length ?? 0;
  const total = Array<number>(positions).fill(0);
  b?.items.forEach((item, pos) => {
    const below = item < 0 ? choose_args_reweight(args, buckets, item) : [];
    for (let p = 0; p < positions; p++) {
      const a = args.get(id);
      if (!a) continue;
      const w = item < 0 ? (below[p] ?? 0) : (a.weight_set[0]?.[pos] ?? 0);
      total[p] = (total[p] ?? 0) + w;
      if (item < 0) {
        const [first = [], ...rest] = a.weight_set;
        args.set(id, { ...a, weight_set: [first.with(pos, w), ...rest] });
      }
    }
  });
  return total;
}
