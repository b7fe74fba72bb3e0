/**
 * choose_args while a map is edited: kept as long as the buckets they are for.
 * Ceph counterpart: CrushWrapper::choose_args_adjust_item_weight and callers.
 */
import type { crush_choose_arg, crush_map } from "./types.ts";

export class ChooseArgsDraft {
  readonly sets: Map<number, Map<number, crush_choose_arg>>;

  constructor(sets: crush_map["choose_args"]) {
    this.sets = new Map([...sets].map(([id, args]) => [id, new Map(args)]));
  }

  add_item(bucket: number, item: number): void {
    this.#edit(bucket, (a) => ({
      ...a,
      weight_set: a.weight_set.map((ws) => [...ws, 0]),
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
  /**
   * A weight set by an operator replaces what a balancer put there. A bucket that has weights of
   * its own in the set counts with the sum of those.
   */
  set_weight(bucket: number, pos: number, item: number, w: number): void {
    for (const args of this.sets.values()) {
      const a = args.get(bucket);
      if (!a) continue;
      const own = args.get(item)?.weight_set ?? [];
      const weight = (position: number) =>
        own[Math.min(position, own.length - 1)]?.reduce((s, x) => s + x, 0) ?? w;
      args.set(bucket, { ...a, weight_set: a.weight_set.map((ws, p) => ws.with(pos, weight(p))) });
    }
  }
  remove_bucket(bucket: number): void {
    for (const args of this.sets.values()) args.delete(bucket);
  }

  #edit(bucket: number, fn: (a: crush_choose_arg) => crush_choose_arg): void {
    for (const args of this.sets.values()) {
      const a = args.get(bucket);
      if (a) args.set(bucket, fn(a));
    }
  }
}
