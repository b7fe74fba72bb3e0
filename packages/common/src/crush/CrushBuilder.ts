/**
 * Edits of a CRUSH map: a draft that starts as a copy, and becomes a map again with `build`.
 * A refused edit throws CommandError; the caller then drops the draft. What an edit leaves behind
 * is what Ceph's leaves, to the ids of shadow buckets: ids and weights decide placement.
 * Ceph counterpart: the changing half of CrushWrapper. cluster.md §2.8, §2.9.
 */
import { CommandError } from "../errors.ts";
import { derive_bucket, reweighted_bucket } from "./bucket.ts";
import { CrushDraft, type weight_set_mode } from "./CrushDraft.ts";
import { class_in_use_by, set_device_class } from "./edit_classes.ts";
import { add_rule, add_simple_rule, type simple_rule_options } from "./edit_rules.ts";
import { crush_weight, is_valid_crush_name, need_crush_name } from "./names.ts";
import { reclassify, type reclassify_options } from "./reclassify.ts";
import { TUNABLE_PROFILES } from "./tunables.ts";
import {
  CRUSH_BUCKET_LIST,
  CRUSH_BUCKET_STRAW,
  CRUSH_BUCKET_STRAW2,
  CRUSH_BUCKET_TREE,
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
import {
  choose_args_adjust_item_weight,
  choose_args_reweight,
  get_choose_args_positions,
} from "./WeightSets.ts";

/** New buckets get the first of these that the tunables permit. */
const PREFERRED_ALGS: readonly crush_algorithm[] = [
  CRUSH_BUCKET_STRAW2,
  CRUSH_BUCKET_STRAW,
  CRUSH_BUCKET_TREE,
  CRUSH_BUCKET_LIST,
  CRUSH_BUCKET_UNIFORM,
];

/**
 * A CRUSH map being edited: see `CrushWrapper.edit`, which makes one and builds the result. Every
 * edit throws CommandError with Ceph's errno when Ceph would refuse it.
 */
export class CrushBuilder {
  readonly #d: CrushDraft;

  constructor(map: crush_map) {
    this.#d = new CrushDraft(map);
  }

  /** The draft as a map, with its shadow trees as they have to be. */
  build(): crush_map {
    return this.#d.build();
  }

  // ---------------------------------------------------------------- look up

  get_item_id(name: string): number | undefined {
    return this.#d.get_item_id(name);
  }
  #need_type(name: string): number {
    return this.#d.get_type_id(name) ?? refuse("EINVAL", `type '${name}' does not exist`);
  }
  #shown(item: number): string {
    return this.#d.get_item_name(item) ?? `item ${item}`;
  }
  #need_bucket(id: number): { bucket: crush_bucket; name: string } {
    if (id >= 0) return refuse("EINVAL", `${this.#shown(id)} is not a bucket`);
    const bucket = this.#d.buckets.get(id);
    const name = this.#d.get_item_name(id);
    if (!bucket || name === undefined) return refuse("ENOENT", `there is no bucket ${id}`);
    return { bucket, name };
  }

  // ---------------------------------------------------------------- types, buckets

  set_type_name(type: number, name: string): void {
    need_crush_name(name);
    this.#d.type_names.set(type, name);
  }

  /** A new empty bucket; returns its id. */
  add_bucket(name: string, type: string, alg = this.#default_alg()): number {
    const type_id = this.#need_type(type);
    if (type_id === 0) refuse("EINVAL", `type '${type}' is for devices, not buckets`);
    if (!is_valid_crush_name(name)) refuse("EINVAL", `error setting bucket name to '${name}'`);
    if (this.#d.get_item_id(name) !== undefined) {
      refuse("EEXIST", `bucket '${name}' already exists`);
    }
    const id = this.#d.add_bucket(type_id, alg);
    this.#d.set_item_name(id, name);
    return id;
  }
  #default_alg(): crush_algorithm {
    const allowed = this.#d.tunables.allowed_bucket_algs;
    return (
      PREFERRED_ALGS.find((alg) => allowed & (1 << alg)) ??
      refuse("EINVAL", "the tunables permit no algorithm of buckets")
    );
  }

  /** The shadow buckets keep their names until the next edit of the tree. */
  rename_bucket(from: string, to: string): void {
    const id = this.#d.get_item_id(from);
    if (id === undefined) return refuse("ENOENT", `srcname = '${from}' does not exist`);
    if (this.#d.get_item_id(to) !== undefined) refuse("EEXIST", `dstname = '${to}' already exists`);
    if (!is_valid_crush_name(to)) {
      refuse("EINVAL", `dstname = '${to}' does not match [-_.0-9a-zA-Z]+`);
    }
    if (id >= 0) {
      refuse("ENOTDIR", `srcname = '${from}' is not a bucket because its id = ${id} is >= 0`);
    }
    this.#d.set_item_name(id, to);
  }

  /** Two buckets change contents, weights and names; what is above them sees the same two names. */
  swap_bucket(a: number, b: number): void {
    const one = this.#need_bucket(a);
    const two = this.#need_bucket(b);
    if (this.#d.subtree_contains(a, b) || this.#d.subtree_contains(b, a)) {
      refuse("EINVAL", `one of ${one.name} and ${two.name} is in the other`);
    }
    this.#d.adjust_item_weight(a, two.bucket.weight, "keep_weight_sets");
    this.#d.adjust_item_weight(b, one.bucket.weight, "keep_weight_sets");
    const [from_a, from_b] = [this.#take_items(a), this.#take_items(b)];
    for (const [item, w] of from_b) this.#d.bucket_add_item(a, item, w);
    for (const [item, w] of from_a.sort(([x], [y]) => x - y)) this.#d.bucket_add_item(b, item, w);
    this.#d.delete_item_name(a);
    this.#d.set_item_name(b, one.name);
    this.#d.set_item_name(a, two.name);
    this.#d.rebuild_shadows_later();
  }
  #take_items(id: number): [item: number, weight: number][] {
    const b = this.#d.buckets.get(id);
    const items = (b?.items ?? []).map((item, pos): [number, number] => [
      item,
      b?.item_weights[pos] ?? 0,
    ]);
    for (const [item] of items) this.#d.bucket_remove_item(id, item);
    return items;
  }

  /** How many buckets have changed? */
  set_all_straw_buckets_to_straw2(): number {
    const straw = [...this.#d.buckets.values()].filter((b) => b.alg === CRUSH_BUCKET_STRAW);
    for (const b of straw) this.#d.put_bucket({ ...b, alg: CRUSH_BUCKET_STRAW2 });
    return straw.length;
  }

  // ---------------------------------------------------------------- items

  /**
   * Puts a device or bucket below `loc`, even if it is elsewhere, too. Ancestors that do not exist
   * are made. `weight` 1.0 is usually 1 TiB.
   */
  insert_item(
    item: number,
    weight: number,
    name: string,
    loc: crush_location,
    mode: weight_set_mode = item >= 0 ? "update_weight_sets" : "keep_weight_sets",
  ): void {
    need_crush_name(name);
    const levels = this.#levels(loc);
    const w = crush_weight(weight);
    const taken = this.#d.get_item_id(name);
    if (taken !== undefined && taken !== item) {
      refuse("EEXIST", `the name ${name} is taken by item ${taken}`);
    }
    this.#d.set_item_name(item, name);
    let cur = item;
    for (const [type, parent_name] of levels) {
      const parent = this.#d.get_item_id(parent_name);
      if (parent === undefined) {
        cur = this.#d.add_bucket(type, this.#default_alg(), cur);
        this.#d.set_item_name(cur, parent_name);
        continue;
      }
      this.#check_parent(parent, parent_name, type, cur);
      this.#d.bucket_add_item(parent, cur, 0);
      break;
    }
    const at = levels.flatMap(([, n]) => this.#d.get_item_id(n) ?? []);
    const placed = at.filter((b) => this.#d.adjust_item_weight_in_bucket(item, w, b, mode));
    if (placed.length === 0) refuse("EINVAL", `there is no place for ${name} in ${loc_str(loc)}`);
    this.#d.rebuild_shadows_later();
  }
  #check_parent(parent: number, parent_name: string, type: number, item: number): void {
    const bucket = this.#d.buckets.get(parent);
    if (!bucket) return refuse("EINVAL", `${parent_name} is not a bucket`);
    const name = this.#shown(item);
    if (this.#d.subtree_contains(parent, item)) {
      refuse("EINVAL", `${name} is already beneath ${parent_name}`);
    }
    if (bucket.type !== type) {
      refuse("EINVAL", `${parent_name} is not a ${this.#d.type_names.get(type)}`);
    }
    if (this.#d.subtree_contains(item, parent)) {
      refuse("ELOOP", `${parent_name} is beneath ${name}`);
    }
  }

  /** Levels of a location, nearest to the devices first. */
  #levels(loc: crush_location): [type: number, name: string][] {
    const levels = [...loc].map(([type, name]): [number, string] => [this.#need_type(type), name]);
    if (levels.length === 0) refuse("EINVAL", "the location is empty");
    for (const [type, name] of levels) {
      need_crush_name(name);
      if (type === 0) refuse("EINVAL", `${name}: nothing is below a device`);
    }
    return levels.sort((a, b) => a[0] - b[0]);
  }
  /** Is `item` right below the nearest level of `loc`? */
  check_item_loc(item: number, loc: crush_location): boolean {
    return this.#weight_at(item, loc) !== undefined;
  }
  #weight_at(item: number, loc: crush_location): number | undefined {
    const nearest = this.#levels(loc)[0]?.[1] ?? "";
    const bucket = this.#d.buckets.get(this.#d.get_item_id(nearest) ?? 0);
    return bucket?.item_weights[bucket.items.indexOf(item)];
  }

  /** As a daemon does at its start: the item moves, a weight it has stays. True if it changed. */
  create_or_move_item(
    item: number,
    weight: number,
    name: string,
    loc: crush_location,
    mode: weight_set_mode = "update_weight_sets",
  ): boolean {
    need_crush_name(name);
    if (this.check_item_loc(item, loc)) return false;
    const holder = this.#d.holders(item)[0];
    const had = holder?.item_weights[holder.items.indexOf(item)];
    if (had !== undefined) this.#unlink(item);
    this.insert_item(item, had === undefined ? weight : had / 0x10000, name, loc, mode);
    return true;
  }

  /** As create_or_move_item, but the weight is set too. */
  update_item(item: number, weight: number, name: string, loc: crush_location): boolean {
    need_crush_name(name);
    const w = crush_weight(weight);
    const had = this.#weight_at(item, loc);
    if (had === undefined) {
      this.#unlink(item);
      this.insert_item(item, weight, name, loc);
      return true;
    }
    if (had !== w) {
      const at = this.#levels(loc).flatMap(([, n]) => this.#d.get_item_id(n) ?? []);
      for (const b of at) this.#d.adjust_item_weight_in_bucket(item, w, b, "update_weight_sets");
      this.#d.rebuild_shadows_later();
    }
    const renamed = this.#d.get_item_name(item) !== name;
    if (renamed) this.#d.set_item_name(item, name);
    return had !== w || renamed;
  }

  /** Moves a bucket with all it holds. */
  move_bucket(id: number, loc: crush_location): void {
    const { bucket, name } = this.#need_bucket(id);
    const parent = this.#d.get_immediate_parent(id);
    if (parent) this.#d.take_out(id, parent.id);
    this.insert_item(id, bucket.weight / 0x10000, name, loc);
  }

  /** Puts a bucket below a second place, too. */
  link_bucket(id: number, loc: crush_location): void {
    const { bucket, name } = this.#need_bucket(id);
    this.insert_item(id, bucket.weight / 0x10000, name, loc);
  }

  // ---------------------------------------------------------------- removal

  /** Takes a device or an empty bucket out of the map. False when there was nothing to do. */
  remove_item(item: number): boolean {
    if (item < 0) this.#check_removable(item);
    const held = this.#unlink_everywhere(item);
    return this.#maybe_remove_last_instance(item) || held;
  }
  /** Takes an item out of where it is; a bucket stays a root of its own. */
  unlink_item(item: number): boolean {
    return this.#unlink(item);
  }
  #unlink(item: number): boolean {
    const held = this.#unlink_everywhere(item);
    return this.#maybe_forget_unlinked(item) || held;
  }

  /** Takes an item out of the subtree of `ancestor` only; forgets it when it was nowhere else. */
  remove_item_under(item: number, ancestor: number): boolean {
    if (item < 0) this.#check_in_use(item);
    const found = this.#remove_under(item, ancestor);
    if (!found) return false;
    if ((this.#d.buckets.get(item)?.items.length ?? 0) > 0) this.#not_empty(item);
    this.#maybe_remove_last_instance(item);
    return true;
  }
  unlink_item_under(item: number, ancestor: number): boolean {
    const found = this.#remove_under(item, ancestor);
    if (found) this.#maybe_forget_unlinked(item);
    return found;
  }

  #unlink_everywhere(item: number): boolean {
    const holders = this.#d.holders(item);
    for (const b of holders) this.#d.take_out(item, b.id);
    return holders.length > 0;
  }
  #remove_under(item: number, ancestor: number): boolean {
    if (ancestor >= 0) refuse("EINVAL", `${this.#shown(ancestor)} is not a bucket`);
    const items = this.#d.buckets.get(ancestor)?.items ?? [];
    let found = false;
    for (const i of items) {
      if (i === item) {
        this.#d.take_out(item, ancestor);
        found = true;
      } else if (i < 0 && this.#remove_under(item, i)) found = true;
    }
    return found;
  }

  #check_removable(bucket: number): void {
    const { bucket: b } = this.#need_bucket(bucket);
    if (b.items.length > 0) this.#not_empty(bucket);
    this.#check_in_use(bucket);
  }
  #not_empty(bucket: number): never {
    return refuse("ENOTEMPTY", `${this.#shown(bucket)} is not empty`);
  }
  #check_in_use(bucket: number): void {
    const user = this.#user_of(bucket);
    if (user !== undefined) refuse("EBUSY", `${this.#shown(bucket)} is in use by ${user}`);
  }
  /** What needs the bucket: a rule takes it, or it is a shadow. */
  #user_of(bucket: number): string | undefined {
    if ([...this.#d.class_bucket.values()].some((m) => [...m.values()].includes(bucket))) {
      return "its device class";
    }
    const shadows = [...(this.#d.class_bucket.get(bucket)?.values() ?? []), bucket];
    const takes = (r: crush_rule) =>
      r.steps.some((s) => s.op === CRUSH_RULE_OPS.take && shadows.includes(s.arg1));
    const rule = [...this.#d.rules.values()].find(takes);
    return rule && `rule ${rule.name}`;
  }

  #maybe_remove_last_instance(item: number): boolean {
    if (this.#d.holders(item).length > 0) return false;
    if (item < 0) {
      if (this.#user_of(item) !== undefined) return false;
      this.#d.delete_bucket(item);
    } else this.#d.class_map.delete(item);
    this.#d.delete_item_name(item);
    this.#d.rebuild_shadows_later();
    return true;
  }
  /** A device that is nowhere loses its name, but not its class. */
  #maybe_forget_unlinked(item: number): boolean {
    if (this.#d.holders(item).length > 0) return false;
    if (item < 0 && this.#user_of(item) !== undefined) return false;
    if (item >= 0) this.#d.delete_item_name(item);
    this.#d.rebuild_shadows_later();
    return true;
  }

  // ---------------------------------------------------------------- weights

  /** Sets an item's weight wherever it is. True if that changed anything. */
  adjust_item_weight(
    item: number,
    weight: number,
    mode: weight_set_mode = "update_weight_sets",
  ): boolean {
    const w = crush_weight(weight);
    const holders = this.#d.holders(item);
    if (holders.length === 0) refuse("ENOENT", `${this.#shown(item)} is in no bucket`);
    const differs = holders.some((b) => b.item_weights[b.items.indexOf(item)] !== w);
    this.#d.adjust_item_weight(item, w, mode);
    return differs;
  }
  /** Sets the weight of every device below `id`. */
  adjust_subtree_weight(
    id: number,
    weight: number,
    mode: weight_set_mode = "update_weight_sets",
  ): void {
    const w = crush_weight(weight);
    this.#need_bucket(id);
    for (const queue = [id]; queue.length > 0; ) {
      const at = queue.shift() ?? 0;
      for (const item of this.#d.buckets.get(at)?.items ?? []) {
        if (item < 0) queue.push(item);
        else this.#d.adjust_item_weight_in_bucket(item, w, at, mode);
      }
    }
    this.#d.rebuild_shadows_later();
  }

  /** Sums up all weights anew, from the devices to the roots. */
  reweight(): void {
    for (const b of [...this.#d.buckets.values()].sort((x, y) => x.id - y.id)) {
      if (this.#d.holders(b.id).length > 0 || this.#d.is_shadow_item(b.id)) continue;
      this.#reweight_bucket(b.id);
      for (const args of this.#d.weight_sets.sets.values()) {
        choose_args_reweight(args, this.#d.buckets, b.id);
      }
    }
    this.#d.rebuild_shadows_later();
  }
  #reweight_bucket(id: number): number {
    const b = this.#d.buckets.get(id);
    if (!b) return 0;
    const below = b.items.map((i, pos) =>
      i < 0 ? this.#reweight_bucket(i) : (b.item_weights[pos] ?? 0),
    );
    const sum = (l: readonly number[]) => l.reduce((s, w) => s + w, 0);
    let item_weights = below;
    if (b.alg === CRUSH_BUCKET_UNIFORM) {
      // Items that are mostly buckets get the average of those; else the weight stays.
      const buckets = below.filter((_, pos) => (b.items[pos] ?? 0) < 0);
      const w = Math.trunc(sum(buckets) / Math.max(1, buckets.length));
      if (buckets.length > b.items.length / 2) item_weights = b.items.map(() => w);
      else item_weights = [...b.item_weights];
    }
    const weight = sum(item_weights);
    this.#d.put_bucket({ ...b, item_weights, weight });
    const { straw_calc_version } = this.#d.tunables;
    this.#d.buckets.set(id, reweighted_bucket(b, item_weights, weight, straw_calc_version));
    return weight;
  }

  // ---------------------------------------------------------------- weight sets

  /** False when there is such a set. `positions` is 1, or the size of the pool. */
  create_choose_args(set: number, positions: number): boolean {
    if (this.#d.weight_sets.sets.has(set)) return false;
    this.#d.weight_sets.create(set, positions, this.#d.buckets);
    return true;
  }
  rm_choose_args(set: number): boolean {
    return this.#d.weight_sets.sets.delete(set);
  }
  /** One weight for each position of the set. */
  choose_args_adjust_item_weight(set: number, item: number, weights: readonly number[]): void {
    const args = this.#d.weight_sets.sets.get(set);
    if (!args) return refuse("ENOENT", `there is no weight-set ${set}`);
    const positions = get_choose_args_positions(args);
    if (weights.length !== positions) {
      refuse("EINVAL", `must specify exact ${positions} weight values`);
    }
    const fixed = weights.map(crush_weight);
    if (choose_args_adjust_item_weight(args, this.#d.buckets, item, fixed) === 0) {
      refuse("ENOENT", `item ${item} not found in crush map`);
    }
  }

  // ---------------------------------------------------------------- classes

  /**
   * Gives a device its class, and a name when it is nowhere yet. Refused when it has another class:
   * that one has to be removed first. True if that changed anything.
   */
  set_device_class(device: number, cls: string): boolean {
    return set_device_class(this.#d, device, cls);
  }
  remove_device_class(device: number): boolean {
    if (!this.#d.class_map.has(device)) return false;
    if (!this.#d.item_exists(device)) refuse("ENOENT", `osd.${device} does not have a name`);
    this.#d.class_map.delete(device);
    this.#d.rebuild_shadows_later();
    return true;
  }
  /** A class that no device has: it lasts until the next edit of the tree. */
  create_class(cls: string): number {
    need_crush_name(cls);
    const known = this.#d.get_class_id(cls);
    if (known !== undefined) return known;
    const id = Math.max(-1, ...this.#d.class_names.keys()) + 1;
    this.#d.class_names.set(id, cls);
    return id;
  }
  /** Takes the class from all devices that have it. Refused while rules need it. */
  remove_class(cls: string): void {
    const id = this.#d.get_class_id(cls);
    if (id === undefined) return refuse("ENOENT", `class '${cls}' does not exist`);
    const rules = class_in_use_by(this.#d, id);
    if (rules.length > 0) {
      const names = rules.map((r) => `'${r.name}'`).join(",");
      refuse("EBUSY", `class '${cls}' still referenced by crush_rule(s): ${names}`);
    }
    const devices = [...this.#d.class_map].filter(([o, c]) => o >= 0 && c === id);
    for (const [o] of devices.sort(([a], [b]) => a - b)) this.remove_device_class(o);
    if (devices.length === 0) this.#d.class_names.delete(id);
  }
  /** Gives all devices below the class, whatever they had. The shadow trees stay as they are. */
  set_subtree_class(bucket: string, cls: string): void {
    const root = this.#d.get_item_id(bucket);
    if (root === undefined) return;
    const id = this.create_class(cls);
    for (const queue = [root]; queue.length > 0; ) {
      const item = queue.shift() ?? 0;
      if (item < 0) queue.push(...(this.#d.buckets.get(item)?.items ?? []));
      else this.#d.class_map.set(item, id);
    }
  }
  /** Makes the shadow trees anew even if nothing has changed. */
  rebuild_roots_with_classes(): void {
    this.#d.rebuild_shadows_later();
  }
  reclassify(options: reclassify_options): void {
    reclassify(this.#d, this, options);
  }
  rename_device_class(from: string, to: string): void {
    need_crush_name(to);
    const id = this.#d.get_class_id(from);
    if (id === undefined) {
      return refuse(
        "ENOENT",
        `fail to rename '${from}' to '${to}' : (2) No such file or directory`,
      );
    }
    if (this.#d.get_class_id(to) !== undefined) {
      refuse("EEXIST", `fail to rename '${from}' to '${to}' : (17) File exists`);
    }
    this.#d.class_names.set(id, to);
    for (const [item, cls] of this.#d.class_map) {
      const name = this.#d.get_item_name(item);
      if (item >= 0 || cls !== id || name === undefined) continue;
      this.#d.set_item_name(item, `${name.split("~")[0]}~${to}`);
    }
  }

  // ---------------------------------------------------------------- rules, tunables

  /** Choose devices in different `failure_domain`s below `root`. Returns the rule's id. */
  add_simple_rule(
    name: string,
    root: string,
    failure_domain: string,
    options: simple_rule_options = {},
  ): number {
    return add_simple_rule(this.#d, name, root, failure_domain, options);
  }
  add_rule(
    name: string,
    type: number,
    steps: readonly crush_rule_step[],
    min_size = 1,
    max_size = 10,
  ): number {
    return add_rule(this.#d, { name, type, steps, min_size, max_size });
  }
  remove_rule(id: number): void {
    if (!this.#d.rules.delete(id)) refuse("ENOENT", `rule ${id} does not exist`);
    this.#d.rebuild_shadows_later();
  }
  rename_rule(from: string, to: string): void {
    const rules = [...this.#d.rules.values()];
    const taken = rules.some((r) => r.name === to);
    const rule = rules.find((r) => r.name === from);
    if (!rule) return refuse("ENOENT", `source rule name '${from}' does not exist`);
    if (taken) refuse("EEXIST", `destination rule name '${to}' already exists`);
    need_crush_name(to);
    this.#d.rules.set(rule.id, { ...rule, name: to });
  }

  /** Straws stay as long as they are until something changes in their buckets. */
  set_tunables(t: Partial<crush_tunables>): void {
    const { straw_calc_version } = this.#d.tunables;
    this.#d.tunables = { ...this.#d.tunables, ...t };
    if ((t.straw_calc_version ?? straw_calc_version) === straw_calc_version) return;
    for (const b of this.#d.buckets.values()) {
      if (b.alg !== CRUSH_BUCKET_STRAW || b.derived) continue;
      this.#d.buckets.set(b.id, { ...b, derived: derive_bucket(b, straw_calc_version) });
    }
  }
  set_tunables_profile(profile: string): void {
    const t = Object.hasOwn(TUNABLE_PROFILES, profile) ? TUNABLE_PROFILES[profile] : undefined;
    if (!t) return refuse("EINVAL", `unrecognized profile '${profile}'`);
    this.set_tunables(t);
  }
}

function refuse(code: ConstructorParameters<typeof CommandError>[0], text: string): never {
  throw new CommandError(code, text);
}
function loc_str(loc: crush_location): string {
  return [...loc].map(([t, n]) => `${t}=${n}`).join(" ");
}
