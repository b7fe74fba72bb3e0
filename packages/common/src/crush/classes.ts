/**
 * Device classes: for each class a shadow copy of the tree that holds only its devices, so that a
 * rule can take `default~ssd`. Shadow buckets hash with their own ids; an id once given stays.
 * Ceph counterpart: CrushWrapper::rebuild_roots_with_classes, device_class_clone. cluster.md §2.8.
 */
import {
  CRUSH_BUCKET_UNIFORM,
  CRUSH_RULE_OPS,
  type crush_bucket,
  type crush_choose_arg,
  type crush_map,
} from "./types.ts";

/** `m` with the shadow trees that its devices and classes call for. */
export function rebuild_roots_with_classes(m: crush_map): crush_map {
  const class_names = live_classes(m);
  if (class_names.size === 0 && m.class_bucket.size === 0) return { ...m, class_names };
  return populate_classes({ ...m, class_names });
}

/**
 * `m` with a shadow tree for each of its classes under each root. `as_compiler` gives up where
 * crushtool does, which cannot make a shadow of a uniform bucket that weighs anything: the trees
 * made so far stay.
 */
export function populate_classes(m: crush_map, as_compiler = false): crush_map {
  const r = new ShadowTrees(m, as_compiler);
  const classes = [...m.class_names.keys()].sort((a, b) => a - b);
  const trees = r.real_roots().flatMap((root) => classes.map((cls) => ({ root, cls })));
  trees.every(({ root, cls }) => r.device_class_clone(root, cls) !== undefined);
  return { ...m, ...r.result() };
}

/** Classes that a device has or a rule asks for. */
function live_classes(m: crush_map): Map<number, string> {
  const used = new Set<number>();
  for (const [id, cls] of m.class_map) if (id >= 0) used.add(cls);
  for (const rule of m.rules.values()) {
    for (const s of rule.steps) {
      const cls = s.op === CRUSH_RULE_OPS.take && s.arg1 < 0 ? m.class_map.get(s.arg1) : undefined;
      if (cls !== undefined) used.add(cls);
    }
  }
  return new Map([...m.class_names].filter(([id]) => used.has(id)));
}

class ShadowTrees {
  readonly #old: crush_map;
  readonly #used_ids = new Set<number>();
  readonly #buckets: Map<number, crush_bucket>;
  readonly #item_names: Map<number, string>;
  readonly #class_map: Map<number, number>;
  readonly #class_bucket = new Map<number, Map<number, number>>();
  readonly #choose_args: Map<number, Map<number, crush_choose_arg>>;
  readonly #give_up: boolean;

  constructor(m: crush_map, give_up: boolean) {
    this.#old = m;
    this.#give_up = give_up;
    for (const by_class of m.class_bucket.values()) {
      for (const id of by_class.values()) this.#used_ids.add(id);
    }
    const is_shadow = (id: number) =>
      this.#used_ids.has(id) || (id < 0 && (m.item_names.get(id)?.includes("~") ?? false));
    const real = <V>(entries: Iterable<[number, V]>) =>
      new Map([...entries].filter(([id]) => !is_shadow(id)));
    this.#buckets = real(m.buckets);
    this.#item_names = real(m.item_names);
    this.#class_map = real(m.class_map);
    this.#choose_args = new Map([...m.choose_args].map(([set, args]) => [set, real(args)]));
  }

  /** Ascending. */
  real_roots(): number[] {
    const held = new Set([...this.#buckets.values()].flatMap((b) => b.items));
    return [...this.#buckets.keys()].filter((id) => !held.has(id)).sort((a, b) => a - b);
  }

  /**
   * The shadow of `original` for a class, made when it is not there yet; children come first.
   * undefined when giving up.
   */
  device_class_clone(original: number, cls: number): number | undefined {
    const known = this.#class_bucket.get(original)?.get(cls);
    if (known !== undefined) return known;
    const b = this.#buckets.get(original);
    if (!b) return 0;
    const items: number[] = [];
    const item_weights: number[] = [];
    /** Where each item was in the original. */
    const from: number[] = [];
    for (const [pos, item] of b.items.entries()) {
      const own = item >= 0 && this.#class_map.get(item) === cls;
      if (item >= 0 && !own) continue;
      const shadow = own ? item : this.device_class_clone(item, cls);
      if (shadow === undefined) return undefined;
      const w = own ? (b.item_weights[pos] ?? 0) : (this.#buckets.get(shadow)?.weight ?? 0);
      if (this.#give_up && b.alg === CRUSH_BUCKET_UNIFORM && w !== 0) return undefined;
      items.push(shadow);
      item_weights.push(w);
      from.push(pos);
    }
    const weight = item_weights.reduce((s, w) => s + w, 0);
    const id = this.#shadow_id(original, cls);
    const { derived: _, ...plain } = b;
    this.#buckets.set(id, { ...plain, id, items, item_weights, weight });
    this.#item_names.set(
      id,
      `${this.#old.item_names.get(original)}~${this.#old.class_names.get(cls)}`,
    );
    this.#class_map.set(id, cls);
    const by_class = this.#class_bucket.get(original) ?? new Map<number, number>();
    this.#class_bucket.set(original, by_class.set(cls, id));
    this.#clone_choose_args(original, id, items, from);
    return id;
  }

  #shadow_id(original: number, cls: number): number {
    const old = this.#old.class_bucket.get(original)?.get(cls);
    if (old !== undefined) return old;
    let id = -1;
    while (this.#buckets.has(id) || this.#used_ids.has(id)) id--;
    return id;
  }

  #clone_choose_args(
    original: number,
    id: number,
    items: readonly number[],
    from: readonly number[],
  ): void {
    for (const args of this.#choose_args.values()) {
      const a = args.get(original);
      if (!a || a.weight_set.length === 0) continue;
      const last = a.weight_set.length - 1;
      const weight_of = (item: number, i: number, position: number) => {
        if (item >= 0) return a.weight_set[position]?.[from[i] ?? 0] ?? 0;
        // Ceph's shadow trees weigh nested buckets at the last position only: theirs are ours.
        if (position < last) return 0;
        return (args.get(item)?.weight_set[position] ?? []).reduce((s, w) => s + w, 0);
      };
      const weight_set = a.weight_set.map((_, p) => items.map((item, i) => weight_of(item, i, p)));
      args.set(id, { bucket_id: id, weight_set, ids: [] });
    }
  }

  result(): Pick<
    crush_map,
    "buckets" | "item_names" | "class_map" | "class_bucket" | "choose_args"
  > {
    return {
      buckets: this.#buckets,
      item_names: this.#item_names,
      class_map: this.#class_map,
      class_bucket: this.#class_bucket,
      choose_args: this.#choose_args,
    };
  }
}
