/**
 * From a CRUSH text to a map. Every refusal names line and column.
 * Ceph counterpart: CrushCompiler::compile. cluster.md §2.9.
 */
import { CrushWrapper } from "./CrushWrapper.ts";
import { find_crush_fault, MAX_NUM_REP, MAX_TRIES } from "./check.ts";
import { populate_classes } from "./classes.ts";
import { DEFAULT_SET_TEXT, TEXT_TUNABLES } from "./decompile.ts";
import { type Token, TokenReader } from "./tokens.ts";
import {
  CRUSH_ALG_NAMES,
  CRUSH_BUCKET_TREE,
  CRUSH_BUCKET_UNIFORM,
  CRUSH_RULE_OPS,
  type crush_algorithm,
  type crush_bucket,
  type crush_choose_arg,
  type crush_map,
  type crush_rule,
  type crush_rule_step,
  type crush_tunables,
  DEFAULT_CHOOSE_ARGS,
} from "./types.ts";

const MAX_ID = 1 << 20;
/** Ceph's bounds: 100 for a device, 65535 for a bucket. */
const MAX_DEVICE_WEIGHT = 100 * 0x10000;
const MAX_BUCKET_WEIGHT = 65535 * 0x10000;
const MAX_U32 = 0xffffffff;
/** A tree bucket counts its nodes, two an item and rounded up, in one byte. */
const MAX_TREE_ITEMS = 64;

/** Throws CrushTextError. */
export function compile_crush(text: string): CrushWrapper {
  return new Compiler(new TokenReader(text)).run();
}

interface ItemLine {
  readonly id: number;
  readonly weight: number;
  readonly pos: number | undefined;
  readonly at: Token;
}

class Compiler {
  readonly #t: TokenReader;
  #tunables: crush_tunables = { ...TEXT_TUNABLES };
  readonly #type_ids = new Map<string, number>();
  readonly #type_names = new Map<number, string>();
  readonly #item_ids = new Map<string, number>();
  readonly #item_names = new Map<number, string>();
  readonly #item_weights = new Map<number, number>();
  readonly #buckets = new Map<number, crush_bucket>();
  readonly #class_ids = new Map<string, number>();
  readonly #class_map = new Map<number, number>();
  /** Ids that the text gives to shadow buckets, and where. */
  readonly #class_bucket = new Map<number, Map<number, number>>();
  readonly #shadow_at = new Map<number, Token>();
  readonly #rules = new Map<number, crush_rule>();
  readonly #rule_names = new Set<string>();
  readonly #choose_args = new Map<number, Map<number, crush_choose_arg>>();
  #max_devices = 0;
  /** The map so far with its shadow trees: made when the first rule needs it. */
  #with_classes: crush_map | undefined;

  constructor(t: TokenReader) {
    this.#t = t;
  }

  run(): CrushWrapper {
    const t = this.#t;
    while (!t.at_end()) {
      if (t.accept("choose_args")) this.#choose_args_set();
      else if (this.#choose_args.size > 0) t.fail("choose_args come last");
      else if (t.accept("rule")) this.#rule();
      else if (!this.#head()) this.#bucket();
    }
    // As the original: a map without rules gets no shadow trees.
    const m = this.#with_classes ?? this.#draft();
    const map = {
      ...m,
      tunables: this.#tunables,
      rules: this.#rules,
      choose_args: this.#choose_args,
    };
    const fault = find_crush_fault(map);
    if (fault) t.fail(fault.what);
    return new CrushWrapper(map);
  }

  /** One of what comes before the buckets. */
  #head(): boolean {
    const t = this.#t;
    const word = ["tunable", "device", "type"].find((w) => t.accept(w));
    if (word === undefined) return false;
    if (this.#buckets.size > 0 || this.#with_classes) {
      t.fail("tunables, devices and types come before buckets and rules", t.last());
    }
    if (word === "tunable") this.#tunable();
    else if (word === "device") this.#device();
    else this.#type();
    return true;
  }

  #draft(): crush_map {
    return {
      max_devices: this.#max_devices,
      buckets: this.#buckets,
      rules: new Map(),
      tunables: this.#tunables,
      type_names: this.#type_names,
      item_names: this.#item_names,
      class_names: new Map([...this.#class_ids].map(([name, id]) => [id, name])),
      class_map: this.#class_map,
      class_bucket: new Map(),
      choose_args: new Map(),
    };
  }

  #tunable(): void {
    const t = this.#t;
    const name = t.name("a tunable");
    if (!Object.hasOwn(TEXT_TUNABLES, name)) t.fail(`tunable ${name} not recognized`, t.last());
    const byte = ["chooseleaf_vary_r", "chooseleaf_stable", "straw_calc_version"].includes(name);
    const tries = name.endsWith("_tries") ? MAX_TRIES : 0x7fffffff;
    const v = t.int("a number", 0, byte ? 0xff : tries);
    // This one is kept as yes or no.
    const kept = name === "chooseleaf_descend_once" ? Math.min(v, 1) : v;
    this.#tunables = { ...this.#tunables, [name]: kept };
  }

  #device(): void {
    const t = this.#t;
    const id = t.int("a device id", 0, MAX_ID - 1);
    if (this.#item_names.has(id)) t.fail(`device ${id} is already defined`, t.last());
    this.#define(id, t.name("a device name"));
    this.#max_devices = Math.max(this.#max_devices, id + 1);
    if (t.accept("class")) this.#class_map.set(id, this.#class_id(t.name("a class")));
  }
  #define(id: number, name: string): void {
    if (this.#item_ids.has(name)) {
      this.#t.fail(`bucket or device '${name}' is already defined`, this.#t.last());
    }
    this.#item_ids.set(name, id);
    this.#item_names.set(id, name);
  }
  #class_id(name: string): number {
    const id = this.#class_ids.get(name) ?? this.#class_ids.size;
    this.#class_ids.set(name, id);
    return id;
  }

  #type(): void {
    const t = this.#t;
    const id = t.int("a type number", 0, 0xffff);
    if (this.#type_names.has(id)) t.fail(`type ${id} is already defined`, t.last());
    const name = t.name("a type name");
    if (this.#type_ids.has(name)) t.fail(`type '${name}' is already defined`, t.last());
    this.#type_ids.set(name, id);
    this.#type_names.set(id, name);
  }
  #type_of(what: string): number {
    const name = this.#t.name(what);
    const id = this.#type_ids.get(name);
    return id ?? this.#t.fail(`type '${name}' not defined`, this.#t.last());
  }

  // ---------------------------------------------------------------- buckets

  #bucket(): void {
    const t = this.#t;
    const type = this.#type_of("tunable, device, type, rule, choose_args or a bucket's type");
    if (type === 0) t.fail("a bucket cannot have the type of devices", t.last());
    if (this.#with_classes) t.fail("buckets come before rules", t.last());
    const name = t.name("a bucket name");
    const name_at = t.last();
    if (this.#item_ids.has(name)) t.fail(`bucket or device '${name}' is already defined`, name_at);
    t.expect("{");
    const { own, shadows } = this.#bucket_ids();
    t.expect("alg");
    const alg = this.#alg();
    while (t.accept("hash")) if (!t.accept("rjenkins1")) t.int("hash", 0, 0);
    const lines: ItemLine[] = [];
    while (t.accept("item")) lines.push(this.#item_line(name));
    t.expect("}");
    const id = own ?? this.#free_id();
    const placed = this.#place(name, alg, lines);
    const weight = placed.reduce((s, i) => s + i.weight, 0);
    if (weight > MAX_U32) t.fail(`the weight of bucket '${name}' is out of range`, name_at);
    this.#define(id, name);
    this.#item_weights.set(id, weight);
    this.#buckets.set(id, {
      id,
      type,
      alg,
      hash: 0,
      weight,
      items: placed.map((i) => i.id),
      item_weights: placed.map((i) => i.weight),
    });
    if (shadows.size > 0) this.#class_bucket.set(id, shadows);
  }

  #bucket_ids(): { own: number | undefined; shadows: Map<number, number> } {
    const t = this.#t;
    let own: number | undefined;
    const shadows = new Map<number, number>();
    while (t.accept("id")) {
      const id = t.int("a bucket id", -MAX_ID, -1);
      const at = t.last();
      if (this.#buckets.has(id) || this.#shadow_at.has(id)) t.fail(`duplicate bucket id ${id}`, at);
      if (t.accept("class")) {
        const cls = this.#class_id(t.name("a class"));
        if (shadows.has(cls)) t.fail("a second id for the same class", t.last());
        shadows.set(cls, id);
        this.#shadow_at.set(id, at);
      } else if (own !== undefined) t.fail("a second id", at);
      else own = id;
    }
    const shadow_at = this.#shadow_at.get(own ?? 0);
    if (shadow_at) t.fail(`duplicate bucket id ${own}`, shadow_at);
    return { own, shadows };
  }
  #free_id(): number {
    let id = -1;
    const used = (i: number) =>
      this.#buckets.has(i) || this.#shadow_at.has(i) || this.#t.first_ids.has(i);
    while (used(id)) id--;
    return id;
  }
  #alg(): crush_algorithm {
    const name = this.#t.name("an algorithm");
    const found = Object.entries(CRUSH_ALG_NAMES).find(([n]) => n === name)?.[1];
    return found ?? this.#t.fail(`unknown bucket alg '${name}'`, this.#t.last());
  }

  #item_line(bucket: string): ItemLine {
    const t = this.#t;
    const name = t.name("an item");
    const at = t.last();
    const id = this.#item_ids.get(name);
    if (id === undefined) return t.fail(`item '${name}' in bucket '${bucket}' is not defined`, at);
    const max = id >= 0 ? MAX_DEVICE_WEIGHT : MAX_BUCKET_WEIGHT;
    const usual = this.#item_weights.get(id) ?? 0x10000;
    const weight = t.accept("weight") ? t.weight(max) : usual;
    const pos = t.accept("pos") ? t.int("a position", 0, MAX_ID) : undefined;
    return { id, weight, pos, at };
  }

  /** Items in the order of their positions; those without one fill the gaps. */
  #place(bucket: string, alg: crush_algorithm, lines: readonly ItemLine[]): ItemLine[] {
    const t = this.#t;
    const first = lines[0];
    if (alg === CRUSH_BUCKET_UNIFORM && first) {
      const odd = lines.find((l) => l.weight !== first.weight);
      if (odd) t.fail(`items of uniform bucket '${bucket}' must have identical weights`, odd.at);
    }
    if (alg === CRUSH_BUCKET_TREE && lines.length > MAX_TREE_ITEMS) {
      t.fail(`tree bucket '${bucket}' has more than ${MAX_TREE_ITEMS} items`, lines.at(-1)?.at);
    }
    const slots = new Array<ItemLine | undefined>(lines.length).fill(undefined);
    for (const l of lines) {
      if (l.pos === undefined) continue;
      if (l.pos >= lines.length) {
        t.fail(`pos ${l.pos} in bucket '${bucket}' of ${lines.length} items`, l.at);
      }
      if (slots[l.pos]) t.fail(`pos ${l.pos} in bucket '${bucket}' is already taken`, l.at);
      slots[l.pos] = l;
    }
    const rest = lines.filter((l) => l.pos === undefined);
    let next = 0;
    return slots.flatMap((l) => l ?? rest[next++] ?? []);
  }

  // ---------------------------------------------------------------- rules

  /** The buckets with their shadow trees. */
  #classes(): crush_map {
    if (!this.#with_classes) {
      const draft = this.#draft();
      for (const [id, at] of this.#shadow_at) {
        if (this.#buckets.has(id)) this.#t.fail(`duplicate bucket id ${id}`, at);
      }
      this.#with_classes = populate_classes({ ...draft, class_bucket: this.#class_bucket }, true);
    }
    return this.#with_classes;
  }

  #rule(): void {
    const t = this.#t;
    const m = this.#classes();
    const name = t.peek().text === "{" ? "" : t.name("a rule name");
    const name_at = t.last();
    if (name !== "" && this.#rule_names.has(name)) {
      t.fail(`rule '${name}' is already defined`, name_at);
    }
    t.expect("{");
    if (!t.accept("ruleset")) t.expect("id");
    const id = t.int("a rule id", 0, 0xff);
    if (this.#rules.has(id)) t.fail(`rule ${id} is already defined`, t.last());
    t.expect("type");
    const type = this.#rule_type();
    // Gone from Quincy's text.
    const min_size = t.accept("min_size") ? t.int("min_size", 0, 0xff) : 1;
    const max_size = t.accept("max_size") ? t.int("max_size", 0, 0xff) : 10;
    const steps: crush_rule_step[] = [];
    while (t.accept("step")) steps.push(this.#step(name, m));
    if (steps.length === 0) t.expect("step");
    t.expect("}");
    this.#rule_names.add(name);
    this.#rules.set(id, { id, name, type, min_size, max_size, steps });
  }
  #rule_type(): number {
    if (this.#t.accept("replicated")) return 1;
    if (this.#t.accept("erasure")) return 3;
    return this.#t.int("replicated or erasure", 0, 0xff);
  }

  #step(rule: string, m: crush_map): crush_rule_step {
    const t = this.#t;
    const word = t.name("a step");
    switch (word) {
      case "take":
        return { op: CRUSH_RULE_OPS.take, arg1: this.#take(rule, m), arg2: 0 };
      case "emit":
        return { op: CRUSH_RULE_OPS.emit, arg1: 0, arg2: 0 };
      case "noop":
        return { op: CRUSH_RULE_OPS.noop, arg1: 0, arg2: 0 };
      case "choose":
      case "chooseleaf": {
        const firstn = t.accept("firstn");
        if (!firstn) t.expect("indep");
        const arg1 = t.int("a number", -MAX_NUM_REP, MAX_NUM_REP);
        t.expect("type");
        const op = CRUSH_RULE_OPS[`${word}_${firstn ? "firstn" : "indep"}`];
        return { op, arg1, arg2: this.#type_of("a type") };
      }
      case "set_choose_tries":
      case "set_chooseleaf_tries":
      case "set_choose_local_tries":
      case "set_choose_local_fallback_tries":
      case "set_chooseleaf_vary_r":
      case "set_chooseleaf_stable":
        return { op: CRUSH_RULE_OPS[word], arg1: t.int("a number", 0, MAX_TRIES), arg2: 0 };
      default:
        return t.fail(`unknown step '${word}'`, t.last());
    }
  }

  #take(rule: string, m: crush_map): number {
    const t = this.#t;
    const name = t.name("an item");
    const id = this.#item_ids.get(name);
    if (id === undefined) return t.fail(`in rule '${rule}' item '${name}' not defined`, t.last());
    if (!t.accept("class")) return id;
    const cls = t.name("a class");
    const class_id = this.#class_ids.get(cls);
    if (class_id === undefined) {
      return t.fail(`in rule '${rule}' class '${cls}' not defined`, t.last());
    }
    const shadow = m.class_bucket.get(id)?.get(class_id);
    if (shadow === undefined) {
      return t.fail(`in rule '${rule}' item '${name}' has no class '${cls}'`, t.last());
    }
    return shadow;
  }

  // ---------------------------------------------------------------- choose_args

  #choose_args_set(): void {
    const t = this.#t;
    const m = this.#with_classes ?? this.#draft();
    const set = t.accept(DEFAULT_SET_TEXT)
      ? DEFAULT_CHOOSE_ARGS
      : t.int("a choose_args id", -1, Number.MAX_SAFE_INTEGER / 4);
    if (this.#choose_args.has(set)) t.fail(`choose_args ${set} is already defined`, t.last());
    const args = new Map<number, crush_choose_arg>();
    t.expect("{");
    while (t.accept("{")) {
      const arg = this.#choose_arg(m);
      if (args.has(arg.bucket_id)) t.fail(`bucket_id ${arg.bucket_id} a second time`, t.last());
      args.set(arg.bucket_id, arg);
      t.expect("}");
    }
    t.expect("}");
    this.#choose_args.set(set, args);
  }

  #choose_arg(m: crush_map): crush_choose_arg {
    const t = this.#t;
    t.expect("bucket_id");
    const bucket_id = t.int("a bucket id", -MAX_ID, -1);
    const size = m.buckets.get(bucket_id)?.items.length;
    if (size === undefined) return t.fail(`${bucket_id} is not a bucket`, t.last());
    const weight_set: number[][] = [];
    if (t.accept("weight_set")) {
      t.expect("[");
      while (t.peek().text === "[") {
        weight_set.push(this.#list(size, () => t.weight(MAX_U32)));
      }
      t.expect("]");
    }
    const ids = t.accept("ids")
      ? this.#list(size, () => t.int("an id", -0x80000000, 0x7fffffff))
      : [];
    return { bucket_id, weight_set, ids };
  }
  #list(size: number, element: () => number): number[] {
    const t = this.#t;
    const at = t.peek();
    t.expect("[");
    const out: number[] = [];
    while (t.peek().text !== "]") out.push(element());
    t.expect("]");
    if (out.length !== size) t.fail(`${out.length} values for a bucket of ${size} items`, at);
    return out;
  }
}
