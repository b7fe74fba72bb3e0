/**
 * Edits of a CRUSH map: a draft that starts as a copy, and becomes a map again with `build`.
 * A refused edit throws CommandError; the caller then drops the draft.
 * Ceph counterpart: the changing half of CrushWrapper. cluster.md §2.8, §2.9.
 */
import { CommandError } from "../errors.ts";
import { usable_choose_args } from "./choose_args.ts";
import { ChooseArgsDraft } from "./choose_args_draft.ts";
import { rebuild_roots_with_classes } from "./classes.ts";
import { TUNABLE_PROFILES } from "./tunables.ts";
import {
  CRUSH_BUCKET_STRAW,
  CRUSH_BUCKET_STRAW2,
  CRUSH_BUCKET_UNIFORM,
  CRUSH_RULE_OPS,
  type crush_algorithm,
  type crush_bucket,
  type crush_location,
  type crush_map,
  type crush_rule,
  type crush_rule_step,
  type crush_tunables,
} from "./types.ts";

export interface simple_rule_options {
  /** Only devices of this class. */
  readonly device_class?: string;
  /** firstn (default) for replicated pools, indep for erasure-coded ones. */
  readonly mode?: "firstn" | "indep";
}

export function is_valid_crush_name(name: string): boolean {
  return /^[A-Za-z0-9_.-]+$/.test(name);
}

/** 1.0 as 0x10000. */
export function crush_weight(weight: number): number {
  const w = Math.trunc(weight * 0x10000);
  if (!(w >= 0 && w <= 0xffffffff))
    throw new CommandError("EINVAL", `weight ${weight} out of range`);
  return w;
}

export class CrushBuilder {
  #max_devices: number;
  #tunables: crush_tunables;
  readonly #buckets: Map<number, crush_bucket>;
  readonly #rules: Map<number, crush_rule>;
  readonly #type_names: Map<number, string>;
  readonly #item_names: Map<number, string>;
  readonly #class_names: Map<number, string>;
  readonly #class_map: Map<number, number>;
  readonly #class_bucket: crush_map["class_bucket"];
  readonly #choose_args: ChooseArgsDraft;

  constructor(map: crush_map) {
    this.#max_devices = map.max_devices;
    this.#tunables = map.tunables;
    this.#buckets = new Map(map.buckets);
    this.#rules = new Map(map.rules);
    this.#type_names = new Map(map.type_names);
    this.#item_names = new Map(map.item_names);
    this.#class_names = new Map(map.class_names);
    this.#class_map = new Map(map.class_map);
    this.#class_bucket = map.class_bucket;
    this.#choose_args = new ChooseArgsDraft(usable_choose_args(map));
  }

  /** The draft as a map, with its shadow trees made anew. */
  build(): crush_map {
    return rebuild_roots_with_classes({
      max_devices: this.#max_devices,
      buckets: this.#buckets,
      rules: this.#rules,
      tunables: this.#tunables,
      type_names: this.#type_names,
      item_names: this.#item_names,
      class_names: this.#class_names,
      class_map: this.#class_map,
      class_bucket: this.#class_bucket,
      choose_args: this.#choose_args.sets,
    });
  }

  // ---------------------------------------------------------------- look up

  get_item_id(name: string): number | undefined {
    for (const [id, n] of this.#item_names) if (n === name) return id;
    return undefined;
  }
  #need_item(name: string): number {
    const id = this.get_item_id(name);
    if (id === undefined) throw new CommandError("ENOENT", `item ${name} does not exist`);
    return id;
  }
  #need_type(name: string): number {
    for (const [id, n] of this.#type_names) if (n === name) return id;
    throw new CommandError("EINVAL", `unknown type ${name}`);
  }
  #need_name(name: string): void {
    if (is_valid_crush_name(name)) return;
    throw new CommandError("EINVAL", `${JSON.stringify(name)}: only A-Z a-z 0-9 _ . - in names`);
  }
  #is_shadow(id: number): boolean {
    return id < 0 && (this.#item_names.get(id)?.includes("~") ?? false);
  }
  /** Real buckets that hold `item`. */
  #holders(item: number): crush_bucket[] {
    return [...this.#buckets.values()]
      .filter((b) => b.items.includes(item) && !this.#is_shadow(b.id))
      .sort((a, b) => b.id - a.id);
  }
  #contains(root: number, item: number): boolean {
    if (root === item) return true;
    return this.#buckets.get(root)?.items.some((i) => this.#contains(i, item)) ?? false;
  }

  // ---------------------------------------------------------------- types, buckets

  set_type_name(type: number, name: string): void {
    this.#need_name(name);
    this.#type_names.set(type, name);
  }

  /** A new empty bucket; returns its id. */
  add_bucket(name: string, type: string, alg = this.#default_alg()): number {
    this.#need_name(name);
    const type_id = this.#need_type(type);
    if (type_id === 0) throw new CommandError("EINVAL", `${type} is the type of devices`);
    if (this.get_item_id(name) !== undefined) {
      throw new CommandError("EEXIST", `bucket '${name}' already exists`);
    }
    let id = -1;
    while (this.#buckets.has(id)) id--;
    const empty = { items: [], item_weights: [], weight: 0, hash: 0 };
    this.#buckets.set(id, { id, type: type_id, alg, ...empty });
    this.#item_names.set(id, name);
    return id;
  }
  #default_alg(): crush_algorithm {
    const allowed = this.#tunables.allowed_bucket_algs;
    return allowed & (1 << CRUSH_BUCKET_STRAW2) ? CRUSH_BUCKET_STRAW2 : CRUSH_BUCKET_STRAW;
  }

  rename_bucket(from: string, to: string): void {
    const id = this.#need_item(from);
    if (id >= 0) throw new CommandError("EINVAL", `${from} is not a bucket`);
    this.#need_name(to);
    const taken = this.get_item_id(to);
    if (taken !== undefined && taken !== id) {
      throw new CommandError("EEXIST", `bucket '${to}' already exists`);
    }
    this.#item_names.set(id, to);
  }

  // ---------------------------------------------------------------- items

  /**
   * Puts a device or bucket that is not in the tree there yet below `loc`. Ancestors that do not
   * exist are made. `weight` 1.0 is usually 1 TiB.
   */
  insert_item(item: number, weight: number, name: string, loc: crush_location): void {
    this.#need_name(name);
    const taken = this.get_item_id(name);
    if (taken !== undefined && taken !== item) {
      throw new CommandError("EEXIST", `the name ${name} is taken by item ${taken}`);
    }
    const w = crush_weight(weight);
    if (item >= 0) this.#max_devices = Math.max(this.#max_devices, item + 1);
    this.#item_names.set(item, name);
    let cur = item;
    for (const [type, parent_name] of this.#levels(loc)) {
      const parent = this.get_item_id(parent_name);
      if (parent === undefined) {
        const made = this.add_bucket(parent_name, this.#type_names.get(type) ?? "");
        this.#add_to_bucket(made, cur);
        cur = made;
        continue;
      }
      const bucket = this.#buckets.get(parent);
      if (!bucket || bucket.type !== type) {
        throw new CommandError("EINVAL", `${parent_name} is not a ${this.#type_names.get(type)}`);
      }
      if (this.#contains(parent, cur)) {
        throw new CommandError("EINVAL", `${name} is already beneath ${parent_name}`);
      }
      if (this.#contains(cur, parent)) {
        throw new CommandError("EINVAL", `${parent_name} is beneath ${name}`);
      }
      this.#add_to_bucket(parent, cur);
      break;
    }
    const nearest = this.#nearest(loc);
    if (nearest !== undefined) this.#set_weight_in(nearest, item, w);
  }

  /** Levels of a location, nearest to the devices first. */
  #levels(loc: crush_location): [type: number, name: string][] {
    const levels = [...loc].map(([type, name]): [number, string] => [this.#need_type(type), name]);
    if (levels.length === 0) throw new CommandError("EINVAL", "the location is empty");
    for (const [, name] of levels) this.#need_name(name);
    return levels.sort((a, b) => a[0] - b[0]);
  }
  #nearest(loc: crush_location): number | undefined {
    const name = this.#levels(loc)[0]?.[1];
    return name === undefined ? undefined : this.get_item_id(name);
  }
  /** Is `item` right below the nearest level of `loc`? */
  check_item_loc(item: number, loc: crush_location): boolean {
    const bucket = this.#buckets.get(this.#nearest(loc) ?? 0);
    return bucket?.items.includes(item) ?? false;
  }

  /** As a daemon does at its start: the item moves, a weight it has stays. True if it changed. */
  create_or_move_item(item: number, weight: number, name: string, loc: crush_location): boolean {
    if (this.check_item_loc(item, loc)) return false;
    const holder = this.#holders(item)[0];
    const had = holder?.item_weights[holder.items.indexOf(item)];
    this.#unlink(item);
    this.insert_item(item, had === undefined ? weight : had / 0x10000, name, loc);
    return true;
  }

  /** As create_or_move_item, but the weight is set too. */
  update_item(item: number, weight: number, name: string, loc: crush_location): boolean {
    if (this.check_item_loc(item, loc)) {
      const renamed = this.#item_names.get(item) !== name;
      if (renamed) {
        this.#need_name(name);
        this.#item_names.set(item, name);
      }
      return this.adjust_item_weight(item, weight) || renamed;
    }
    this.#unlink(item);
    this.insert_item(item, weight, name, loc);
    return true;
  }

  /** Moves a bucket with all it holds. */
  move_bucket(id: number, loc: crush_location): void {
    const bucket = this.#buckets.get(id);
    const name = this.#item_names.get(id);
    if (!bucket || name === undefined) throw new CommandError("ENOENT", `no bucket ${id}`);
    this.#unlink(id);
    this.insert_item(id, bucket.weight / 0x10000, name, loc);
  }

  /** Puts a bucket below a second place, too. */
  link_bucket(id: number, loc: crush_location): void {
    const bucket = this.#buckets.get(id);
    const name = this.#item_names.get(id);
    if (!bucket || name === undefined) throw new CommandError("ENOENT", `no bucket ${id}`);
    this.insert_item(id, bucket.weight / 0x10000, name, loc);
  }

  /** Takes a device or an empty bucket out of the map. */
  remove_item(item: number): void {
    const name = this.#item_names.get(item) ?? `item ${item}`;
    if ((this.#buckets.get(item)?.items.length ?? 0) > 0) {
      throw new CommandError("ENOTEMPTY", `${name} is not empty`);
    }
    const shadows = [...(this.#class_bucket.get(item)?.values() ?? []), item];
    for (const r of this.#rules.values()) {
      if (r.steps.some((s) => s.op === CRUSH_RULE_OPS.take && shadows.includes(s.arg1))) {
        throw new CommandError("EBUSY", `${name} is in use by rule ${r.name}`);
      }
    }
    this.#unlink(item);
    this.#forget(item);
  }

  /** Takes an item out of the subtree of `ancestor` only; forgets it when it was nowhere else. */
  remove_item_under(item: number, ancestor: number): void {
    const holders = this.#holders(item).filter((b) => this.#contains(ancestor, b.id));
    for (const b of holders) this.#remove_from_bucket(b.id, item);
    if (item >= 0 && this.#holders(item).length === 0) this.#forget(item);
  }

  #forget(item: number): void {
    this.#buckets.delete(item);
    this.#item_names.delete(item);
    this.#class_map.delete(item);
    this.#choose_args.remove_bucket(item);
  }
  #unlink(item: number): void {
    for (const b of this.#holders(item)) this.#remove_from_bucket(b.id, item);
  }

  /** Sets an item's weight wherever it is. True if that changed anything. */
  adjust_item_weight(item: number, weight: number): boolean {
    const w = crush_weight(weight);
    const holders = this.#holders(item);
    if (holders.length === 0) {
      throw new CommandError("ENOENT", `${this.#item_names.get(item) ?? item} is in no bucket`);
    }
    const differs = holders.some((b) => b.item_weights[b.items.indexOf(item)] !== w);
    for (const b of holders) this.#set_weight_in(b.id, item, w);
    return differs;
  }
  /** Sets the weight of every device below `id`. */
  adjust_subtree_weight(id: number, weight: number): void {
    if (id >= 0) {
      this.adjust_item_weight(id, weight);
      return;
    }
    for (const item of this.#buckets.get(id)?.items ?? []) this.adjust_subtree_weight(item, weight);
  }

  #add_to_bucket(id: number, item: number): void {
    const b = this.#buckets.get(id);
    if (!b) return;
    const items = [...b.items, item];
    this.#buckets.set(id, { ...b, items, item_weights: [...b.item_weights, 0] });
    this.#choose_args.add_item(id, item);
  }
  #remove_from_bucket(id: number, item: number): void {
    this.#set_weight_in(id, item, 0);
    const b = this.#buckets.get(id);
    if (!b) return;
    const pos = b.items.indexOf(item);
    const items = b.items.toSpliced(pos, 1);
    this.#buckets.set(id, { ...b, items, item_weights: b.item_weights.toSpliced(pos, 1) });
    this.#choose_args.remove_item(id, pos);
  }
  /** Sets the weight of `item` in one bucket, and what follows from it in those above. */
  #set_weight_in(id: number, item: number, w: number): void {
    const b = this.#buckets.get(id);
    if (!b) return;
    const pos = b.items.indexOf(item);
    // Items of a uniform bucket weigh the same. One that leaves takes its own weight only.
    const all = b.alg === CRUSH_BUCKET_UNIFORM && w !== 0;
    const item_weights = b.item_weights.map((old, i) => (all || i === pos ? w : old));
    const sum = (l: readonly number[]) => l.reduce((s, x) => s + x, 0);
    const weight = Math.max(0, b.weight + sum(item_weights) - sum(b.item_weights));
    this.#buckets.set(id, { ...b, item_weights, weight });
    this.#choose_args.set_weight(id, pos, item, w);
    for (const parent of this.#holders(id)) this.#set_weight_in(parent.id, id, weight);
  }

  // ---------------------------------------------------------------- classes

  /** Refused when the device has another class: that one has to be removed first. */
  set_device_class(device: number, cls: string): void {
    this.#need_name(cls);
    const name = this.#item_names.get(device);
    if (name === undefined) throw new CommandError("ENOENT", `device ${device} does not exist`);
    const old = this.#class_names.get(this.#class_map.get(device) ?? -1);
    if (old !== undefined && old !== cls) {
      throw new CommandError(
        "EBUSY",
        `${name} has already bound to class '${old}', can not reset class to '${cls}'; ` +
          "use 'osd crush rm-device-class <id>' to remove old class first",
      );
    }
    let id = [...this.#class_names].find(([, n]) => n === cls)?.[0];
    if (id === undefined) {
      id = Math.max(-1, ...this.#class_names.keys()) + 1;
      this.#class_names.set(id, cls);
    }
    this.#class_map.set(device, id);
  }
  remove_device_class(device: number): void {
    this.#class_map.delete(device);
  }
  rename_device_class(from: string, to: string): void {
    this.#need_name(to);
    const id = [...this.#class_names].find(([, n]) => n === from)?.[0];
    if (id === undefined) throw new CommandError("ENOENT", `class ${from} does not exist`);
    if ([...this.#class_names.values()].includes(to)) {
      throw new CommandError("EEXIST", `class ${to} already exists`);
    }
    this.#class_names.set(id, to);
  }

  // ---------------------------------------------------------------- rules, tunables

  /** Choose devices in different `failure_domain`s below `root`. Returns the rule's id. */
  add_simple_rule(
    name: string,
    root: string,
    failure_domain: string,
    options: simple_rule_options = {},
  ): number {
    const type = this.#need_type(failure_domain);
    const indep = options.mode === "indep";
    const ops = CRUSH_RULE_OPS;
    const choose = indep ? ops.choose_indep : ops.choose_firstn;
    const chooseleaf = indep ? ops.chooseleaf_indep : ops.chooseleaf_firstn;
    const steps: crush_rule_step[] = [
      { op: ops.take, arg1: this.#take_root(root, options.device_class), arg2: 0 },
      { op: type === 0 ? choose : chooseleaf, arg1: 0, arg2: type },
      { op: ops.emit, arg1: 0, arg2: 0 },
    ];
    if (!indep) return this.add_rule(name, 1, steps, 1, 10);
    const patience: crush_rule_step[] = [
      { op: ops.set_chooseleaf_tries, arg1: 5, arg2: 0 },
      { op: ops.set_choose_tries, arg1: 100, arg2: 0 },
    ];
    return this.add_rule(name, 3, [...patience, ...steps], 3, 20);
  }
  #take_root(root: string, device_class: string | undefined): number {
    const id = this.get_item_id(root);
    if (id === undefined) throw new CommandError("ENOENT", `root item ${root} does not exist`);
    if (device_class === undefined || device_class === "") return id;
    const cls = [...this.#class_names].find(([, n]) => n === device_class)?.[0];
    if (cls === undefined) {
      throw new CommandError("EINVAL", `device class ${device_class} does not exist`);
    }
    // A class given in this very draft has no shadow trees before the draft is built.
    const shadow = this.build().class_bucket.get(id)?.get(cls);
    if (shadow === undefined) {
      throw new CommandError("EINVAL", `root ${root} has no devices with class ${device_class}`);
    }
    return shadow;
  }

  add_rule(
    name: string,
    type: number,
    steps: readonly crush_rule_step[],
    min_size = 1,
    max_size = 10,
  ): number {
    this.#need_name(name);
    if ([...this.#rules.values()].some((r) => r.name === name)) {
      throw new CommandError("EEXIST", `rule ${name} already exists`);
    }
    let id = 0;
    while (this.#rules.has(id)) id++;
    if (id > 0xff) throw new CommandError("ENOSPC", "there are 256 rules already");
    this.#rules.set(id, { id, name, type, min_size, max_size, steps });
    return id;
  }
  remove_rule(id: number): void {
    if (!this.#rules.delete(id)) throw new CommandError("ENOENT", `rule ${id} does not exist`);
  }
  rename_rule(from: string, to: string): void {
    this.#need_name(to);
    const rule = [...this.#rules.values()].find((r) => r.name === from);
    if (!rule) throw new CommandError("ENOENT", `rule ${from} does not exist`);
    if ([...this.#rules.values()].some((r) => r.name === to && r !== rule)) {
      throw new CommandError("EEXIST", `rule ${to} already exists`);
    }
    this.#rules.set(rule.id, { ...rule, name: to });
  }

  set_tunables(t: Partial<crush_tunables>): void {
    this.#tunables = { ...this.#tunables, ...t };
  }
  set_tunables_profile(profile: string): void {
    const t = Object.hasOwn(TUNABLE_PROFILES, profile) ? TUNABLE_PROFILES[profile] : undefined;
    if (!t) throw new CommandError("EINVAL", `unknown tunables profile ${profile}`);
    this.set_tunables(t);
  }
}
