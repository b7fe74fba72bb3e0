/** A CRUSH map from the JSON that dump.ts prints. */
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { CommandError } from "../errors.ts";
import { CrushWrapper } from "./CrushWrapper.ts";
import { find_crush_fault } from "./check.ts";
import {
  CRUSH_ALG_NAMES,
  CRUSH_RULE_OPS,
  type crush_bucket,
  type crush_choose_arg,
  type crush_map,
  type crush_rule,
  type crush_rule_step,
  type crush_tunables,
} from "./types.ts";

const device_id = Type.Integer({ minimum: 0, maximum: 0x7fffffff });
const item_id = Type.Integer({ minimum: -0x80000000, maximum: 0x7fffffff });
const bucket_id = Type.Integer({ minimum: -0x80000000, maximum: -1 });
// Those from 32768.0 on show as negative ones.
const weight = Type.Integer({ minimum: -0x80000000, maximum: 0xffffffff });
const small = Type.Integer({ minimum: 0, maximum: 0xff });
const tries = Type.Integer({ minimum: 0, maximum: 0x7fffffff });

const Dump = Type.Object({
  devices: Type.Array(
    Type.Object({ id: device_id, name: Type.String(), class: Type.Optional(Type.String()) }),
  ),
  types: Type.Array(
    Type.Object({ type_id: Type.Integer({ minimum: 0, maximum: 0xffff }), name: Type.String() }),
  ),
  buckets: Type.Array(
    Type.Object({
      id: bucket_id,
      name: Type.String(),
      type_id: Type.Integer({ minimum: 1, maximum: 0xffff }),
      weight,
      alg: Type.Union([
        Type.Literal("uniform"),
        Type.Literal("list"),
        Type.Literal("tree"),
        Type.Literal("straw"),
        Type.Literal("straw2"),
      ]),
      hash: Type.Literal("rjenkins1"),
      items: Type.Array(Type.Object({ id: item_id, weight })),
    }),
  ),
  rules: Type.Array(
    Type.Object({
      rule_id: small,
      rule_name: Type.Optional(Type.String()),
      type: small,
      min_size: small,
      max_size: small,
      steps: Type.Array(
        Type.Object({
          op: Type.Optional(Type.String()),
          opcode: Type.Optional(small),
          arg1: Type.Optional(item_id),
          arg2: Type.Optional(item_id),
          item: Type.Optional(item_id),
          num: Type.Optional(item_id),
          type: Type.Optional(Type.String()),
        }),
      ),
    }),
  ),
  tunables: Type.Object({
    choose_local_tries: tries,
    choose_local_fallback_tries: tries,
    choose_total_tries: tries,
    chooseleaf_descend_once: tries,
    chooseleaf_vary_r: small,
    chooseleaf_stable: small,
    straw_calc_version: small,
    allowed_bucket_algs: tries,
  }),
  choose_args: Type.Record(
    Type.String({ pattern: "^-?[0-9]{1,15}$" }),
    Type.Array(
      Type.Object({
        bucket_id,
        weight_set: Type.Optional(Type.Array(Type.Array(Type.Number({ minimum: 0 })))),
        ids: Type.Optional(Type.Array(item_id)),
      }),
    ),
    // A key that is no number is nobody's.
    { additionalProperties: false },
  ),
});
type Dump = Static<typeof Dump>;

/** The map that `crush_dump` printed. Throws CommandError EINVAL when `json` is not such a dump. */
export function crush_from_dump(json: unknown): CrushWrapper {
  if (!Value.Check(Dump, json)) {
    const first = Value.Errors(Dump, json).First();
    throw new CommandError("EINVAL", `not a crush dump: ${first?.path}: ${first?.message}`);
  }
  check_unique(json);
  const item_names = new Map<number, string>();
  for (const d of real_devices(json)) item_names.set(d.id, d.name);
  for (const b of json.buckets) item_names.set(b.id, b.name);
  const m: crush_map = {
    max_devices: json.devices.reduce((max, d) => Math.max(max, d.id + 1), 0),
    buckets: new Map(json.buckets.map((b) => [b.id, load_bucket(b)])),
    rules: new Map(json.rules.map((r, i) => [r.rule_id, load_rule(r, i, json)])),
    tunables: load_tunables(json.tunables),
    type_names: new Map(json.types.map((t) => [t.type_id, t.name])),
    item_names,
    ...load_classes(json),
    choose_args: new Map(
      Object.entries(json.choose_args).map(([id, set]) => [
        Number(id),
        new Map(set.map((a) => [a.bucket_id, load_choose_arg(a)])),
      ]),
    ),
  };
  const fault = find_crush_fault(m);
  if (fault) throw new CommandError("EINVAL", `not a crush dump: ${fault.what}`);
  return new CrushWrapper(m);
}

/** Of two things with one id or name, one would be lost. */
function check_unique(json: Dump): void {
  const once = (values: Iterable<readonly [path: string, value: string | number]>) => {
    const seen = new Set<string | number>();
    for (const [path, value] of values) {
      if (seen.has(value)) bad(path, `${value} is there twice`);
      seen.add(value);
    }
  };
  const { devices, types, buckets, rules } = json;
  once(devices.map((d, i) => [`/devices/${i}/id`, d.id]));
  once(types.map((t, i) => [`/types/${i}/type_id`, t.type_id]));
  once(types.map((t, i) => [`/types/${i}/name`, t.name]));
  once(buckets.map((b, i) => [`/buckets/${i}/id`, b.id]));
  once([
    ...devices.map((d, i) => [`/devices/${i}/name`, d.name] as const),
    ...buckets.map((b, i) => [`/buckets/${i}/name`, b.name] as const),
  ]);
  once(rules.map((r, i) => [`/rules/${i}/rule_id`, r.rule_id]));
  for (const [id, set] of Object.entries(json.choose_args)) {
    once(set.map((a, i) => [`/choose_args/${id}/${i}/bucket_id`, a.bucket_id]));
  }
}
function bad(path: string, what: string): never {
  throw new CommandError("EINVAL", `not a crush dump: ${path}: ${what}`);
}

/** Numbers that no device has show as devices, too, named `device5`: without class, in no bucket. */
function real_devices(json: Dump): Dump["devices"] {
  const held = new Set(json.buckets.flatMap((b) => b.items.map((i) => i.id)));
  return json.devices.filter(
    (d) => d.name !== `device${d.id}` || d.class !== undefined || held.has(d.id),
  );
}

function load_bucket(b: Dump["buckets"][number]): crush_bucket {
  return {
    id: b.id,
    type: b.type_id,
    alg: CRUSH_ALG_NAMES[b.alg],
    hash: 0,
    weight: b.weight >>> 0,
    items: b.items.map((i) => i.id),
    item_weights: b.items.map((i) => i.weight >>> 0),
  };
}

function load_rule(r: Dump["rules"][number], at: number, json: Dump): crush_rule {
  const steps = r.steps.map((s, i): crush_rule_step => {
    const op = Object.entries(CRUSH_RULE_OPS).find(([n, o]) => n === s.op || o === s.opcode)?.[1];
    if (op === undefined) {
      throw new CommandError("EINVAL", `rule ${r.rule_id}: unknown step ${s.op ?? s.opcode}`);
    }
    const type = json.types.find((t) => t.name === s.type)?.type_id;
    if (s.type !== undefined && type === undefined) {
      bad(`/rules/${at}/steps/${i}/type`, `no type ${s.type}`);
    }
    return { op, arg1: s.item ?? s.num ?? s.arg1 ?? 0, arg2: type ?? s.arg2 ?? 0 };
  });
  const { rule_id: id, rule_name: name = "", type, min_size, max_size } = r;
  return { id, name, type, min_size, max_size, steps };
}

function load_tunables(t: Dump["tunables"]): crush_tunables {
  return {
    choose_local_tries: t.choose_local_tries,
    choose_local_fallback_tries: t.choose_local_fallback_tries,
    choose_total_tries: t.choose_total_tries,
    chooseleaf_descend_once: t.chooseleaf_descend_once,
    chooseleaf_vary_r: t.chooseleaf_vary_r,
    chooseleaf_stable: t.chooseleaf_stable,
    straw_calc_version: t.straw_calc_version,
    allowed_bucket_algs: t.allowed_bucket_algs,
  };
}

// A dump has class names only; ids are given in order of first appearance, as the compiler does.
function load_classes(json: Dump): Pick<crush_map, "class_names" | "class_map" | "class_bucket"> {
  const ids = new Map<string, number>();
  const id_of = (name: string) => {
    const id = ids.get(name) ?? ids.size;
    ids.set(name, id);
    return id;
  };
  const class_map = new Map<number, number>();
  for (const d of json.devices) if (d.class !== undefined) class_map.set(d.id, id_of(d.class));
  const class_bucket = new Map<number, Map<number, number>>();
  for (const b of json.buckets) {
    const [base, cls] = b.name.split("~");
    const real = json.buckets.find((o) => o.name === base);
    if (cls === undefined || !real) continue;
    class_map.set(b.id, id_of(cls));
    const by_class = class_bucket.get(real.id) ?? new Map<number, number>();
    class_bucket.set(real.id, by_class.set(id_of(cls), b.id));
  }
  return {
    class_map,
    class_bucket,
    class_names: new Map([...ids].map(([name, id]) => [id, name])),
  };
}

function load_choose_arg(a: {
  bucket_id: number;
  weight_set?: number[][];
  ids?: number[];
}): crush_choose_arg {
  return {
    bucket_id: a.bucket_id,
    weight_set: (a.weight_set ?? []).map((ws) => ws.map((w) => Math.trunc(w * 0x10000))),
    ids: a.ids ?? [],
  };
}
