/**
 * A CRUSH map with its names, ready to compute placements. Immutable: `edit` returns a new one.
 * Ceph counterpart: src/crush/CrushWrapper.h. cluster.md §2.
 */
import { CrushBuilder } from "./CrushBuilder.ts";
import { crush_dump } from "./dump.ts";
import { type CrushMapper, compile_mapper } from "./mapper.ts";
import { DEFAULT_TUNABLES } from "./tunables.ts";
import {
  type crush_bucket,
  type crush_map,
  type crush_rule,
  DEFAULT_CHOOSE_ARGS,
} from "./types.ts";

export const DEFAULT_TYPE_NAMES: readonly string[] = [
  "osd",
  "host",
  "chassis",
  "rack",
  "row",
  "pdu",
  "pod",
  "room",
  "datacenter",
  "zone",
  "region",
  "root",
];

const EMPTY: crush_map = {
  max_devices: 0,
  buckets: new Map(),
  rules: new Map(),
  tunables: DEFAULT_TUNABLES,
  type_names: new Map(),
  item_names: new Map(),
  class_names: new Map(),
  class_map: new Map(),
  class_bucket: new Map(),
  choose_args: new Map(),
};

/**
 * A CRUSH map and what can be asked of it. Immutable: {@link CrushWrapper.edit} makes another one.
 * Weights are 16.16 fixed point, device ids from 0 up, bucket ids from -1 down.
 */
export class CrushWrapper {
  readonly map: crush_map;
  // Derived from `map` when first asked for.
  #mapper: CrushMapper | undefined;
  #names: Map<string, number> | undefined;
  #parents: Map<number, number[]> | undefined;
  #rulesets: ReadonlyMap<number, readonly crush_rule[]> | undefined;

  constructor(map: crush_map = EMPTY) {
    this.map = map;
  }

  /** A changed copy. What `fn` throws leaves this map as it is. */
  edit(fn: (b: CrushBuilder) => void): CrushWrapper {
    const b = new CrushBuilder(this.map);
    fn(b);
    return new CrushWrapper(b.build());
  }

  /**
   * The devices rule `ruleno` picks for input x (u32 or int32), at most `result_max`. `weights`
   * are the in/out weights by device id, 16.16. Indep rules leave CRUSH_ITEM_NONE in holes.
   * `tested` gets the devices whose weights were looked at: the result depends on no others.
   */
  do_rule(
    ruleno: number,
    x: number,
    result_max: number,
    weights: readonly number[],
    choose_args_index: number = DEFAULT_CHOOSE_ARGS,
    tested?: number[],
  ): number[] {
    this.#mapper ??= compile_mapper(this.map);
    return this.#mapper.do_rule(ruleno, x, result_max, weights, choose_args_index, tested);
  }

  /**
   * Counts from now on, by the number of retries, the searches of do_rule that took so many;
   * crush_tunables.choose_total_tries and more are left out.
   */
  start_choose_profile(): void {
    this.#mapper ??= compile_mapper(this.map);
    this.#mapper.choose_tries = new Array(this.map.tunables.choose_total_tries).fill(0);
  }
  get_choose_profile(): readonly number[] {
    return this.#mapper?.choose_tries ?? [];
  }
  stop_choose_profile(): void {
    if (this.#mapper) this.#mapper.choose_tries = undefined;
  }

  // ---------------------------------------------------------------- names

  get_item_name(id: number): string | undefined {
    return this.map.item_names.get(id);
  }
  /** undefined when nothing has this name. */
  get_item_id(name: string): number | undefined {
    this.#names ??= new Map([...this.map.item_names].map(([id, n]) => [n, id]));
    return this.#names.get(name);
  }
  name_exists(name: string): boolean {
    return this.get_item_id(name) !== undefined;
  }
  get_type_name(type: number): string | undefined {
    return this.map.type_names.get(type);
  }
  get_type_id(name: string): number | undefined {
    for (const [id, n] of this.map.type_names) if (n === name) return id;
    return undefined;
  }
  /** Class of a device or shadow bucket. */
  get_item_class(id: number): string | undefined {
    const c = this.map.class_map.get(id);
    return c === undefined ? undefined : this.map.class_names.get(c);
  }
  get_class_id(name: string): number | undefined {
    for (const [id, n] of this.map.class_names) if (n === name) return id;
    return undefined;
  }
  get_max_devices(): number {
    return this.map.max_devices;
  }

  // ---------------------------------------------------------------- rules

  rule_exists(id: number): boolean {
    return this.map.rules.has(id);
  }
  get_rule(id: number): crush_rule | undefined {
    return this.map.rules.get(id);
  }
  /**
   * The rule of a pool: rules name the type and the sizes of the pools that they are for. Without
   * one, nothing is placed.
   */
  find_rule(ruleset: number, type: number, size: number): number | undefined {
    const fits = (r: crush_rule) => r.type === type && r.min_size <= size && size <= r.max_size;
    this.#rulesets ??= rules_by_ruleset(this.map);
    return this.#rulesets.get(ruleset)?.find(fits)?.id;
  }
  get_rule_id(name: string): number | undefined {
    for (const r of this.map.rules.values()) if (r.name === name) return r.id;
    return undefined;
  }
  /** Rule ids, ascending. */
  rule_ids(): number[] {
    return [...this.map.rules.keys()].sort((a, b) => a - b);
  }

  // ---------------------------------------------------------------- tree

  get_bucket(id: number): crush_bucket | undefined {
    return this.map.buckets.get(id);
  }
  /** Type of a bucket, 0 for anything else. */
  get_item_type(id: number): number {
    return this.map.buckets.get(id)?.type ?? 0;
  }
  item_exists(id: number): boolean {
    return this.map.item_names.has(id);
  }
  is_shadow_item(id: number): boolean {
    return this.map.item_names.get(id)?.includes("~") ?? false;
  }
  /** Buckets nobody holds, ascending: shadow roots too. */
  find_roots(): number[] {
    const parents = this.#parent_table();
    return [...this.map.buckets.keys()].filter((id) => !parents.has(id)).sort((a, b) => a - b);
  }
  find_nonshadow_roots(): number[] {
    return this.find_roots().filter((id) => !this.is_shadow_item(id));
  }
  /** Buckets that hold `id`, shadow ones left out, ascending. Linked items have several. */
  get_parents(id: number): readonly number[] {
    return (this.#parent_table().get(id) ?? []).filter((p) => !this.is_shadow_item(p));
  }
  get_immediate_parent_id(id: number): number | undefined {
    return this.get_parents(id)[0];
  }
  /** Nearest ancestor of this type. */
  get_parent_of_type(id: number, type: number): number | undefined {
    let cur = this.get_immediate_parent_id(id);
    // A cycle cannot be built, but a decoded map is not ours: stop after as many steps as buckets.
    for (let n = this.map.buckets.size; cur !== undefined && n > 0; n--) {
      if (this.get_item_type(cur) === type) return cur;
      cur = this.get_immediate_parent_id(cur);
    }
    return undefined;
  }
  /** type -> name of every ancestor of `id`, nearest first. */
  get_full_location(id: number): Map<string, string> {
    const loc = new Map<string, string>();
    let cur = this.get_immediate_parent_id(id);
    for (let n = this.map.buckets.size; cur !== undefined && n > 0; n--) {
      const type = this.get_type_name(this.get_item_type(cur));
      if (type !== undefined) loc.set(type, this.get_item_name(cur) ?? String(cur));
      cur = this.get_immediate_parent_id(cur);
    }
    return loc;
  }
  /** 16.16 weight of an item in the first bucket that holds it; a bucket's own at a root. */
  get_item_weight(id: number): number | undefined {
    const parent = this.map.buckets.get(this.get_immediate_parent_id(id) ?? 0);
    if (!parent) return this.map.buckets.get(id)?.weight;
    return parent.item_weights[parent.items.indexOf(id)];
  }
  get_item_weightf(id: number): number {
    return (this.get_item_weight(id) ?? 0) / 0x10000;
  }
  subtree_contains(root: number, item: number): boolean {
    if (root === item) return true;
    const b = this.map.buckets.get(root);
    return b?.items.some((i) => this.subtree_contains(i, item)) ?? false;
  }
  /** Devices below `id`, ascending, each once. */
  get_leaves(id: number): number[] {
    const found = new Set<number>();
    const walk = (item: number) => {
      if (item >= 0) found.add(item);
      else for (const i of this.map.buckets.get(item)?.items ?? []) walk(i);
    };
    walk(id);
    return [...found].sort((a, b) => a - b);
  }
  /** The items of a type at or below `id`, in the order of the tree. */
  get_children_of_type(id: number, type: number): number[] {
    if (id >= 0) return type === 0 ? [id] : [];
    const b = this.map.buckets.get(id);
    if (!b || b.type < type) return [];
    if (b.type === type) return [id];
    return b.items.flatMap((i) => this.get_children_of_type(i, type));
  }
  /** Roots that a rule takes: what its pools can be placed under. */
  find_takes_by_rule(ruleno: number): number[] {
    const takes = (this.map.rules.get(ruleno)?.steps ?? []).filter((s) => s.op === 1);
    return [...new Set(takes.map((s) => s.arg1))].sort((a, b) => a - b);
  }

  /** JSON as `ceph osd crush dump`. */
  dump(): Record<string, unknown> {
    return crush_dump(this);
  }

  #parent_table(): Map<number, number[]> {
    if (!this.#parents) {
      this.#parents = new Map();
      for (const id of [...this.map.buckets.keys()].sort((a, b) => b - a)) {
        for (const item of this.map.buckets.get(id)?.items ?? []) {
          const p = this.#parents.get(item);
          if (p) p.push(id);
          else this.#parents.set(item, [id]);
        }
      }
    }
    return this.#parents;
  }
}

/** By ascending id. Only maps from before luminous have several rules in a set. */
function rules_by_ruleset(m: crush_map): Map<number, crush_rule[]> {
  const sets = new Map<number, crush_rule[]>();
  for (const r of [...m.rules.values()].sort((a, b) => a.id - b.id)) {
    const set = sets.get(r.ruleset ?? r.id);
    if (set) set.push(r);
    else sets.set(r.ruleset ?? r.id, [r]);
  }
  return sets;
}

/** Types, the root and one replicated rule: the map of a new cluster. */
export function build_simple_crush_map(failure_domain = "host"): CrushWrapper {
  return new CrushWrapper().edit((b) => {
    DEFAULT_TYPE_NAMES.forEach((name, type) => {
      b.set_type_name(type, name);
    });
    b.add_bucket("default", "root");
    b.add_simple_rule("replicated_rule", "default", failure_domain);
  });
}
