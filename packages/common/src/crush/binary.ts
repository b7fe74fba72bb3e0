/**
 * The binary CRUSH map, as `crushtool -o` and `ceph osd getcrushmap` write it. What is read is
 * checked until the mapper can trust it; what is written from a decoded map is the same to the byte.
 * Ceph counterpart: CrushWrapper::encode, CrushWrapper::decode. cluster.md §2.3.
 */
import { InvariantError } from "../errors.ts";
import { derive_bucket, with_derived } from "./bucket.ts";
import { CrushWrapper } from "./CrushWrapper.ts";
import { find_crush_fault } from "./check.ts";
import { encoding_of } from "./encoding.ts";
import { LeReader, LeWriter, less_number } from "./le_bytes.ts";
import { LEGACY_TUNABLES } from "./tunables.ts";
import {
  CRUSH_BUCKET_LIST,
  CRUSH_BUCKET_STRAW,
  CRUSH_BUCKET_TREE,
  CRUSH_BUCKET_UNIFORM,
  CRUSH_RULE_OPS,
  type crush_algorithm,
  type crush_bucket,
  type crush_choose_arg,
  type crush_map,
  type crush_op,
  type crush_rule,
  type crush_rule_step,
  type crush_tunables,
} from "./types.ts";

const CRUSH_MAGIC = 0x00010000;
const MAX_BUCKETS = 1 << 20;
const MAX_DEVICES = 1 << 20;
/** A rule id is one byte. */
const MAX_RULES = 256;
/** A tree bucket counts its nodes in one byte. */
const MAX_TREE_NODES = 255;

const ALGS: readonly crush_algorithm[] = [1, 2, 3, 4, 5];
const OPS: readonly crush_op[] = Object.values(CRUSH_RULE_OPS);

export interface crush_decode_options {
  /**
   * Take maps that end where the map of an older release did, for when something else vouches for
   * their length. A bare file that ends there may as well have been cut off.
   */
  readonly allow_older?: boolean;
}

/** Throws MapError that names the byte. */
export function decode_crush_binary(
  bytes: Uint8Array,
  options: crush_decode_options = {},
): CrushWrapper {
  const r = new LeReader(bytes);
  if (r.u32() !== CRUSH_MAGIC) r.fail("not a CRUSH map: wrong magic number", 0);
  const max_buckets = limited(r, r.i32(), MAX_BUCKETS, "max_buckets");
  const max_rules = limited(r, r.i32(), MAX_RULES, "max_rules");
  const max_devices = limited(r, r.i32(), MAX_DEVICES, "max_devices");
  const bucket_at = new Map<number, number>();
  const raw_buckets: raw_bucket[] = [];
  for (let slot = 0; slot < max_buckets; slot++) {
    const at = r.pos;
    const alg = r.u32();
    if (alg === 0) continue;
    const b = read_bucket(r, slot, alg);
    bucket_at.set(b.bucket.id, at);
    raw_buckets.push(b);
  }
  const bare_rules: Omit<crush_rule, "name">[] = [];
  for (let id = 0; id < max_rules; id++) {
    const exists = r.u32();
    if (exists > 1) r.fail(`rule ${id} is neither there nor not`, r.pos - 4);
    if (exists === 1) bare_rules.push(read_rule(r, id));
  }
  const type_names = read_names(r, type_number(r));
  const item_names = read_names(r, item_id(r));
  const rule_names = read_names(r, whole(r));
  const { sections, ...tail } = read_tail(r, options.allow_older === true);
  const rules = new Map(
    bare_rules.map((rule) => [rule.id, { ...rule, name: rule_names.get(rule.id) ?? "" }]),
  );
  const version = tail.tunables.straw_calc_version;
  const m: crush_map = {
    max_devices,
    buckets: new Map(
      raw_buckets.map((b) => [
        b.bucket.id,
        b.derived ? with_derived(b.bucket, b.derived, version) : b.bucket,
      ]),
    ),
    rules,
    type_names,
    item_names,
    ...tail,
    encoding: {
      max_buckets,
      max_rules,
      sections,
      stale_rule_names: new Map([...rule_names].filter(([id]) => !rules.has(id))),
    },
  };
  const fault = find_crush_fault(m);
  if (fault) r.fail(fault.what, bucket_at.get(fault.bucket ?? 0) ?? r.pos);
  return new CrushWrapper(m);
}

function limited(r: LeReader, n: number, max: number, what: string): number {
  return n >= 0 && n <= max ? n : r.fail(`${what} ${n} is out of range`, r.pos - 4);
}

// ---------------------------------------------------------------- buckets

interface raw_bucket {
  readonly bucket: crush_bucket;
  /** undefined: the algorithm has none. */
  readonly derived: readonly number[] | undefined;
}

function read_bucket(r: LeReader, slot: number, outer_alg: number): raw_bucket {
  const id_at = r.pos;
  const id = r.i32();
  if (id !== -1 - slot) r.fail(`bucket ${id} in the place of bucket ${-1 - slot}`, id_at);
  const type = r.u16();
  const alg_at = r.pos;
  const alg_number = r.u8();
  const alg = ALGS.find((a) => a === alg_number);
  if (alg === undefined || alg_number !== outer_alg) {
    return r.fail(`bucket ${id}: unknown algorithm ${alg ? outer_alg : alg_number}`, alg_at);
  }
  const hash = r.u8();
  if (hash !== 0) r.fail(`bucket ${id}: unknown hash ${hash}`, alg_at + 1);
  const weight = r.u32();
  const items = r.list(4, () => r.i32());
  const { item_weights, derived } = read_weights(r, alg, items.length);
  const bucket = { id, type, alg, hash, weight, items, item_weights };
  return { bucket, derived };
}

function read_weights(
  r: LeReader,
  alg: crush_algorithm,
  n: number,
): { item_weights: number[]; derived: number[] | undefined } {
  const item_weights: number[] = [];
  const derived: number[] = [];
  switch (alg) {
    case CRUSH_BUCKET_UNIFORM: {
      const w = r.u32();
      return {
        item_weights: new Array<number>(n).fill(w),
        derived: n === 0 && w > 0 ? [w] : undefined,
      };
    }
    case CRUSH_BUCKET_TREE: {
      for (let nodes = r.u8(); nodes > 0; nodes--) derived.push(r.u32());
      if (derived.length < 2 * n) r.fail(`a tree of ${derived.length} nodes for ${n} items`);
      return {
        item_weights: Array.from({ length: n }, (_, i) => derived[2 * i + 1] ?? 0),
        derived,
      };
    }
    case CRUSH_BUCKET_LIST:
    case CRUSH_BUCKET_STRAW:
      for (let i = 0; i < n; i++) {
        item_weights.push(r.u32());
        derived.push(r.u32());
      }
      return { item_weights, derived };
    default:
      for (let i = 0; i < n; i++) item_weights.push(r.u32());
      return { item_weights, derived: undefined };
  }
}

// ---------------------------------------------------------------- rules and names

function read_rule(r: LeReader, id: number): Omit<crush_rule, "name"> {
  const len_at = r.pos;
  const len = r.u32();
  const ruleset = r.u8();
  const type = r.u8();
  const min_size = r.u8();
  const max_size = r.u8();
  if (len * 12 > r.left) r.fail(`rule ${id}: truncated: ${len} steps announced`, len_at);
  const steps: crush_rule_step[] = [];
  for (let i = 0; i < len; i++) {
    const at = r.pos;
    const number = r.u32();
    const op = OPS.find((o) => o === number);
    if (op === undefined) return r.fail(`rule ${id}: unknown step ${number}`, at);
    steps.push({ op, arg1: r.i32(), arg2: r.i32() });
  }
  return { id, ...(ruleset === id ? {} : { ruleset }), type, min_size, max_size, steps };
}

/** Readers of an i32 that refuse what no map can mean. */
const ranged = (what: string, min: number, max: number) => (r: LeReader) => () => {
  const at = r.pos;
  const v = r.i32();
  return v >= min && v <= max ? v : r.fail(`${what} ${v} is out of range`, at);
};
const item_id = ranged("item id", -MAX_BUCKETS, MAX_DEVICES - 1);
const bucket_id = ranged("bucket id", -MAX_BUCKETS, -1);
const type_number = ranged("type", 0, 0xffff);
const whole = ranged("id", 0, 0x7fffffff);

function read_names(r: LeReader, key: () => number): Map<number, string> {
  const name = () => {
    // Very old writers gave the keys 64 bits: the upper half reads as an empty name.
    if (r.left >= 8 && r.peek_u32() === 0) r.u32();
    return r.text();
  };
  return r.map(8, key, name, less_number);
}
function write_names(w: LeWriter, names: ReadonlyMap<number, string>): void {
  w.map(
    names,
    less_number,
    (k) => w.i32(k),
    (s) => w.text(s),
  );
}

// ---------------------------------------------------------------- what later releases added

type Tail = Pick<
  crush_map,
  "tunables" | "class_map" | "class_names" | "class_bucket" | "choose_args"
>;
type MutableTail = { -readonly [K in keyof Tail]: Tail[K] };

interface Section {
  /** The release that added it. */
  readonly since: string;
  read(r: LeReader, m: MutableTail): void;
  write(w: LeWriter, m: crush_map): void;
}

function tunable(
  since: string,
  read: (r: LeReader) => Partial<crush_tunables>,
  write: (w: LeWriter, t: crush_tunables) => void,
): Section {
  return {
    since,
    read: (r, m) => {
      m.tunables = { ...m.tunables, ...read(r) };
    },
    write: (w, m) => write(w, m.tunables),
  };
}

/** In the order in which they follow; a map may end after any of the LATER_SECTIONS. */
const SECTIONS: readonly Section[] = [
  tunable(
    "argonaut",
    (r) => ({
      choose_local_tries: r.u32(),
      choose_local_fallback_tries: r.u32(),
      choose_total_tries: r.u32(),
    }),
    (w, t) => {
      w.u32(t.choose_local_tries);
      w.u32(t.choose_local_fallback_tries);
      w.u32(t.choose_total_tries);
    },
  ),
  tunable(
    "bobtail",
    (r) => ({ chooseleaf_descend_once: r.u32() }),
    (w, t) => w.u32(t.chooseleaf_descend_once),
  ),
  tunable(
    "firefly",
    (r) => ({ chooseleaf_vary_r: r.u8() }),
    (w, t) => w.u8(t.chooseleaf_vary_r),
  ),
  tunable(
    "firefly",
    (r) => ({ straw_calc_version: r.u8() }),
    (w, t) => w.u8(t.straw_calc_version),
  ),
  tunable(
    "hammer",
    (r) => ({ allowed_bucket_algs: r.u32() }),
    (w, t) => w.u32(t.allowed_bucket_algs),
  ),
  tunable(
    "jewel",
    (r) => ({ chooseleaf_stable: r.u8() }),
    (w, t) => w.u8(t.chooseleaf_stable),
  ),
  { since: "luminous", read: read_classes, write: write_classes },
  { since: "luminous", read: read_choose_args, write: write_choose_args },
];

function read_tail(r: LeReader, allow_older: boolean): Tail & { sections: number } {
  const tail: MutableTail = {
    // What applied before there were tunables.
    tunables: { ...LEGACY_TUNABLES },
    class_map: new Map(),
    class_names: new Map(),
    class_bucket: new Map(),
    choose_args: new Map(),
  };
  let sections = 0;
  for (const s of SECTIONS) {
    if (r.left === 0) {
      if (allow_older) break;
      r.fail(
        `truncated, or written by a release before ${s.since}: allow maps of older releases if so`,
      );
    }
    s.read(r, tail);
    sections++;
  }
  r.end();
  return { ...tail, sections };
}

function read_classes(r: LeReader, m: MutableTail): void {
  m.class_map = r.map(8, item_id(r), whole(r), less_number);
  m.class_names = read_names(r, whole(r));
  const shadows = () => r.map(8, whole(r), bucket_id(r), less_number);
  m.class_bucket = r.map(8, bucket_id(r), shadows, less_number);
}
function write_classes(w: LeWriter, m: crush_map): void {
  const i32 = (v: number) => w.i32(v);
  w.map(m.class_map, less_number, i32, i32);
  write_names(w, m.class_names);
  w.map(m.class_bucket, less_number, i32, (by_class) => w.map(by_class, less_number, i32, i32));
}

function read_choose_args(r: LeReader, m: MutableTail): void {
  const set = () => {
    const args = new Map<number, crush_choose_arg>();
    for (const a of r.list(12, () => read_choose_arg(r))) {
      if (args.has(a.bucket_id)) r.fail(`choose_args of bucket ${a.bucket_id} twice`);
      args.set(a.bucket_id, a);
    }
    return args;
  };
  // In whatever order: it is kept.
  const sets = new Map<number, ReadonlyMap<number, crush_choose_arg>>();
  for (let n = r.count(12); n > 0; n--) {
    const at = r.pos;
    const id = r.safe_i64("choose_args set");
    if (sets.has(id)) r.fail(`choose_args set ${id} twice`, at);
    sets.set(id, set());
  }
  m.choose_args = sets;
}
function read_choose_arg(r: LeReader): crush_choose_arg {
  return {
    bucket_id: -1 - limited(r, r.i32(), MAX_BUCKETS, "bucket index"),
    weight_set: r.list(4, () => r.list(4, () => r.u32())),
    ids: r.list(4, () => r.i32()),
  };
}
function write_choose_args(w: LeWriter, m: crush_map): void {
  const write_set = (set: ReadonlyMap<number, crush_choose_arg>) => {
    const used = [...set.values()].filter((a) => a.weight_set.length + a.ids.length > 0);
    w.list(
      used.sort((a, b) => b.bucket_id - a.bucket_id),
      (a) => {
        w.i32(-1 - a.bucket_id);
        w.list(a.weight_set, (ws) => w.list(ws, (v) => w.u32(v)));
        w.list(a.ids, (id) => w.i32(id));
      },
    );
  };
  w.u32(m.choose_args.size);
  const sets = [...m.choose_args];
  if (!m.encoding) sets.sort(([a], [b]) => a - b);
  for (const [id, set] of sets) {
    w.i64(BigInt(id));
    write_set(set);
  }
}

// ---------------------------------------------------------------- writing

/** The bytes `crushtool` would write; for a decoded map those that it was decoded from. */
export function encode_crush_binary(c: CrushWrapper): Uint8Array {
  const m = c.map;
  const how = encoding_of(m);
  const w = new LeWriter();
  w.u32(CRUSH_MAGIC);
  w.i32(how.max_buckets);
  w.i32(how.max_rules);
  w.i32(m.max_devices);
  for (let slot = 0; slot < how.max_buckets; slot++) {
    const b = m.buckets.get(-1 - slot);
    w.u32(b?.alg ?? 0);
    if (b) write_bucket(w, b, m.tunables.straw_calc_version);
  }
  for (let id = 0; id < how.max_rules; id++) {
    const rule = m.rules.get(id);
    w.u32(rule ? 1 : 0);
    if (rule) write_rule(w, rule);
  }
  write_names(w, m.type_names);
  write_names(w, m.item_names);
  const named = [...m.rules.values()].filter((rule) => rule.name !== "");
  write_names(w, new Map([...how.stale_rule_names, ...named.map((x) => [x.id, x.name] as const)]));
  for (const s of SECTIONS.slice(0, how.sections)) s.write(w, m);
  return w.done();
}

function write_bucket(w: LeWriter, b: crush_bucket, straw_calc_version: number): void {
  w.i32(b.id);
  w.u16(b.type);
  w.u8(b.alg);
  w.u8(b.hash);
  w.u32(b.weight);
  w.list(b.items, (i) => w.i32(i));
  const derived = b.derived ?? derive_bucket(b, straw_calc_version);
  switch (b.alg) {
    case CRUSH_BUCKET_UNIFORM:
      w.u32(b.item_weights[0] ?? derived[0] ?? 0);
      break;
    case CRUSH_BUCKET_TREE:
      if (derived.length > MAX_TREE_NODES) {
        throw new InvariantError("too many items for a tree bucket", { bucket: b.id });
      }
      w.u8(derived.length);
      for (const v of derived) w.u32(v);
      break;
    case CRUSH_BUCKET_LIST:
    case CRUSH_BUCKET_STRAW:
      b.item_weights.forEach((v, i) => {
        w.u32(v);
        w.u32(derived[i] ?? 0);
      });
      break;
    default:
      for (const v of b.item_weights) w.u32(v);
  }
}

function write_rule(w: LeWriter, rule: crush_rule): void {
  w.u32(rule.steps.length);
  w.u8(rule.ruleset ?? rule.id);
  w.u8(rule.type);
  w.u8(rule.min_size);
  w.u8(rule.max_size);
  for (const s of rule.steps) {
    w.u32(s.op);
    w.i32(s.arg1);
    w.i32(s.arg2);
  }
}
