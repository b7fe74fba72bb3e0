/**
 * A CRUSH map while it is edited: the tables, open to change, and the few bucket operations that
 * every edit is made of. They keep the sums right upwards, in the weight sets too, and treat shadow
 * buckets as any other.
 * Ceph counterpart: the private half of CrushWrapper and src/crush/builder.c. cluster.md §2.3.
 */
import { CommandError } from "../errors.ts";
import { usable_choose_args } from "./choose_args.ts";
import { rebuild_roots_with_classes } from "./classes.ts";
import { written_today } from "./encoding.ts";
import {
  CRUSH_BUCKET_UNIFORM,
  type crush_bucket,
  type crush_encoding,
  type crush_map,
  type crush_rule,
  type crush_tunables,
} from "./types.ts";
import { choose_args_keep_sums, WeightSets } from "./WeightSets.ts";

/** Should weight sets take over a weight, or only see that their sums go on to hold? */
export type weight_set_mode = "update_weight_sets" | "keep_weight_sets";

const MAX_BUCKET_WEIGHT = 0xffffffff;

export class CrushDraft {
  tunables: crush_tunables;
  buckets: Map<number, crush_bucket>;
  readonly rules: Map<number, crush_rule>;
  readonly type_names: Map<number, string>;
  class_names: Map<number, string>;
  class_map: Map<number, number>;
  class_bucket: Map<number, ReadonlyMap<number, number>>;
  weight_sets: WeightSets;
  #item_names: Map<number, string>;
  #encoding: crush_encoding | undefined;
  // Both derived, made when first asked for.
  #ids: Map<string, number> | undefined;
  #parents: Map<number, number[]> | undefined;
  /** An edit that Ceph follows with a rebuild of the shadow trees has been made. */
  #shadows_are_stale = false;

  constructor(map: crush_map) {
    this.tunables = map.tunables;
    this.buckets = new Map(map.buckets);
    this.rules = new Map(map.rules);
    this.type_names = new Map(map.type_names);
    this.class_names = new Map(map.class_names);
    this.class_map = new Map(map.class_map);
    this.class_bucket = new Map(map.class_bucket);
    this.weight_sets = new WeightSets(usable_choose_args(map));
    this.#item_names = new Map(map.item_names);
    this.#encoding = map.encoding;
  }

  /** The draft as a map, with its shadow trees as they have to be. */
  build(): crush_map {
    this.settle_shadows();
    this.weight_sets.strip(this.buckets);
    return this.#as_map();
  }
  #as_map(): crush_map {
    return {
      max_devices: this.#max_devices(),
      buckets: this.buckets,
      rules: this.rules,
      tunables: this.tunables,
      type_names: this.type_names,
      item_names: this.#item_names,
      class_names: this.class_names,
      class_map: this.class_map,
      class_bucket: this.class_bucket,
      choose_args: new Map([...this.weight_sets.sets].sort(([a], [b]) => a - b)),
      ...(this.#encoding && { encoding: written_today(this, this.#encoding) }),
    };
  }

  /** As Ceph counts when it loads a map: devices that have a place or a name. */
  #max_devices(): number {
    const ids = [...this.#item_names.keys(), ...this.#parent_table().keys()];
    return ids.reduce((max, id) => Math.max(max, id + 1), 0);
  }

  // ---------------------------------------------------------------- shadow trees

  /** Not every edit does: a class without devices stays until the next one that does. */
  rebuild_shadows_later(): void {
    this.#shadows_are_stale = true;
  }
  settle_shadows(): void {
    if (!this.#shadows_are_stale) return;
    this.#shadows_are_stale = false;
    // Ceph strips with every shadow tree that it takes down.
    if (this.class_bucket.size > 0) this.weight_sets.strip(this.buckets);
    const m = rebuild_roots_with_classes(this.#as_map());
    this.buckets = new Map(m.buckets);
    this.class_names = new Map(m.class_names);
    this.class_map = new Map(m.class_map);
    this.class_bucket = new Map(m.class_bucket);
    this.weight_sets = new WeightSets(m.choose_args);
    this.#item_names = new Map(m.item_names);
    this.#ids = undefined;
    this.#parents = undefined;
  }

  // ---------------------------------------------------------------- look up

  get_item_id(name: string): number | undefined {
    this.#ids ??= new Map([...this.#item_names].map(([id, n]) => [n, id]));
    return this.#ids.get(name);
  }
  get_item_name(id: number): string | undefined {
    return this.#item_names.get(id);
  }
  item_exists(id: number): boolean {
    return this.#item_names.has(id);
  }
  get_type_id(name: string): number | undefined {
    return [...this.type_names].find(([, n]) => n === name)?.[0];
  }
  get_class_id(name: string): number | undefined {
    return [...this.class_names].find(([, n]) => n === name)?.[0];
  }
  is_shadow_item(id: number): boolean {
    return id < 0 && (this.#item_names.get(id)?.includes("~") ?? false);
  }
  /** Buckets that hold `item`, shadow ones too, in the order of their slots. */
  holders(item: number): crush_bucket[] {
    const ids = this.#parent_table().get(item) ?? [];
    return ids.flatMap((id) => this.buckets.get(id) ?? []).sort((a, b) => b.id - a.id);
  }
  /** The first real bucket that holds `item`. */
  get_immediate_parent(item: number): crush_bucket | undefined {
    return this.holders(item).find((b) => !this.is_shadow_item(b.id));
  }
  subtree_contains(root: number, item: number): boolean {
    if (root === item) return true;
    return this.buckets.get(root)?.items.some((i) => this.subtree_contains(i, item)) ?? false;
  }
  #parent_table(): Map<number, number[]> {
    if (!this.#parents) {
      this.#parents = new Map();
      for (const b of this.buckets.values()) for (const i of b.items) this.#note_parent(i, b.id);
    }
    return this.#parents;
  }
  #note_parent(item: number, bucket: number): void {
    const known = this.#parents?.get(item);
    if (known) known.push(bucket);
    else this.#parents?.set(item, [bucket]);
  }

  // ---------------------------------------------------------------- names, buckets

  set_item_name(id: number, name: string): void {
    const old = this.#item_names.get(id);
    if (old !== undefined) this.#ids?.delete(old);
    this.#item_names.set(id, name);
    this.#ids?.set(name, id);
  }
  delete_item_name(id: number): void {
    const old = this.#item_names.get(id);
    if (old !== undefined) this.#ids?.delete(old);
    this.#item_names.delete(id);
  }

  /** A bucket in the first free slot, empty or with one item that does not weigh anything yet. */
  add_bucket(type: number, alg: crush_bucket["alg"], item?: number): number {
    let id = -1;
    while (this.buckets.has(id)) id--;
    const items = item === undefined ? [] : [item];
    const item_weights = items.map(() => 0);
    this.buckets.set(id, { id, type, alg, hash: 0, weight: 0, items, item_weights });
    if (item !== undefined) {
      this.#note_parent(item, id);
      this.weight_sets.add_bucket(id, item_weights);
    }
    return id;
  }
  delete_bucket(id: number): void {
    this.buckets.delete(id);
    this.class_bucket.delete(id);
    this.class_map.delete(id);
    this.weight_sets.strip(this.buckets);
    this.#parents = undefined;
  }
  /** The next bucket may take a slot of its own, where Ceph would double their number. */
  reserve_bucket_slot(): void {
    const now = written_today(this, this.#encoding);
    const full = this.buckets.size >= now.max_buckets;
    this.#encoding = { ...now, max_buckets: now.max_buckets + (full ? 1 : 0) };
  }
  put_bucket(b: crush_bucket): void {
    if (b.weight > MAX_BUCKET_WEIGHT) {
      const name = this.#item_names.get(b.id) ?? String(b.id);
      throw new CommandError("ERANGE", `the weights in ${name} add up to more than 65536`);
    }
    // Straw lengths and the like were those of the weights before.
    const { derived: _, ...plain } = b;
    this.buckets.set(b.id, plain);
  }

  bucket_add_item(id: number, item: number, w: number): void {
    const b = this.buckets.get(id);
    if (!b) return;
    // All items of a uniform bucket weigh the same.
    const weight = b.alg === CRUSH_BUCKET_UNIFORM ? (b.item_weights[0] ?? w) : w;
    this.put_bucket({
      ...b,
      items: [...b.items, item],
      item_weights: [...b.item_weights, weight],
      weight: b.weight + weight,
    });
    this.#note_parent(item, id);
    this.weight_sets.add_item(id, item, weight);
  }
  bucket_remove_item(id: number, item: number): void {
    const b = this.buckets.get(id);
    const pos = b?.items.indexOf(item) ?? -1;
    if (!b || pos < 0) return;
    this.put_bucket({
      ...b,
      items: b.items.toSpliced(pos, 1),
      item_weights: b.item_weights.toSpliced(pos, 1),
      weight: Math.max(0, b.weight - (b.item_weights[pos] ?? 0)),
    });
    const parents = this.#parents?.get(item);
    parents?.splice(parents.indexOf(id), 1);
    this.weight_sets.remove_item(id, pos);
  }

  // ---------------------------------------------------------------- weights

  /** Sets an item's weight wherever it is. In how many places was that? */
  adjust_item_weight(item: number, w: number, mode: weight_set_mode): number {
    const holders = this.holders(item);
    for (const b of holders) this.#set_weight(b.id, item, w, mode);
    if (holders.length > 0) choose_args_keep_sums(this.weight_sets, this.buckets);
    return holders.length;
  }
  /** In one bucket, and what follows from it in those above. */
  adjust_item_weight_in_bucket(
    item: number,
    w: number,
    bucket: number,
    mode: weight_set_mode,
  ): boolean {
    if (!this.buckets.get(bucket)?.items.includes(item)) return false;
    this.#set_weight(bucket, item, w, mode);
    choose_args_keep_sums(this.weight_sets, this.buckets);
    return true;
  }
  /** Takes an item out of a bucket, and its weight out of those above. */
  take_out(item: number, bucket: number): void {
    const alg = this.buckets.get(bucket)?.alg;
    // In a uniform bucket a weight is everybody's: Ceph has what stays there weigh nothing.
    if (alg !== CRUSH_BUCKET_UNIFORM) {
      this.adjust_item_weight_in_bucket(item, 0, bucket, "update_weight_sets");
      this.bucket_remove_item(bucket, item);
      return;
    }
    this.bucket_remove_item(bucket, item);
    const weight = this.buckets.get(bucket)?.weight ?? 0;
    this.adjust_item_weight(bucket, weight, "update_weight_sets");
  }
  #set_weight(id: number, item: number, w: number, mode: weight_set_mode): void {
    const b = this.buckets.get(id);
    const pos = b?.items.indexOf(item) ?? -1;
    if (!b || pos < 0) return;
    const uniform = b.alg === CRUSH_BUCKET_UNIFORM;
    const item_weights = b.item_weights.map((old, i) => (uniform || i === pos ? w : old));
    const sum = (l: readonly number[]) => l.reduce((s, x) => s + x, 0);
    const weight = Math.max(0, b.weight + sum(item_weights) - sum(b.item_weights));
    this.put_bucket({ ...b, item_weights, weight });
    if (mode === "update_weight_sets") this.weight_sets.set_weight(id, pos, w);
    for (const parent of this.holders(id))
      this.#set_weight(parent.id, id, weight, "keep_weight_sets");
  }
}
