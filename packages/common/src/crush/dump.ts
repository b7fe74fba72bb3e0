/**
 * The JSON of `ceph osd crush dump`.
 * Ceph counterpart: CrushWrapper::dump*. Straw lengths and tree node weights are not part of it;
 * the mapper works them out again.
 */

import type { CrushWrapper } from "./CrushWrapper.ts";
import { usable_choose_args } from "./choose_args.ts";
import { has_legacy_tunables, has_optimal_tunables, tunables_profile } from "./tunables.ts";
import {
  CRUSH_ALG_NAMES,
  CRUSH_RULE_OPS,
  type crush_algorithm,
  type crush_choose_arg,
  type crush_map,
  type crush_op,
  type crush_rule_step,
} from "./types.ts";

const by_id = (a: number, b: number) => a - b;
const falling = (a: number, b: number) => b - a;

/** `straw2` and so on; `unknown` for a number that is none. */
export function alg_name(alg: crush_algorithm): string {
  return Object.entries(CRUSH_ALG_NAMES).find(([, a]) => a === alg)?.[0] ?? "unknown";
}
function op_name(op: crush_op): string {
  return Object.entries(CRUSH_RULE_OPS).find(([, o]) => o === op)?.[0] ?? "unknown";
}

export function crush_dump(c: CrushWrapper): Record<string, unknown> {
  const m = c.map;
  const devices = Array.from({ length: m.max_devices }, (_, id) => {
    const cls = c.get_item_class(id);
    const device = { id, name: c.get_item_name(id) ?? `device${id}` };
    return cls === undefined ? device : { ...device, class: cls };
  });
  const types = [...m.type_names.keys()].sort(by_id);
  if (types.length > 0 && types[0] !== 0) types.unshift(0);
  const args = [...usable_choose_args(m)].sort(([a], [b]) => a - b);
  return {
    devices,
    types: types.map((type_id) => ({ type_id, name: m.type_names.get(type_id) ?? "device" })),
    buckets: [...m.buckets.keys()].sort(falling).map((id) => dump_bucket(c, id)),
    rules: c.rule_ids().map((id) => crush_rule_dump(c, id)),
    tunables: dump_tunables(m),
    choose_args: Object.fromEntries(
      args.map(([id, set]) => [
        id,
        [...set.values()].sort((x, y) => y.bucket_id - x.bucket_id).map(dump_choose_arg),
      ]),
    ),
  };
}

function dump_bucket(c: CrushWrapper, id: number): Record<string, unknown> {
  const b = c.get_bucket(id);
  if (!b) return {};
  return {
    id,
    name: c.get_item_name(id) ?? "",
    type_id: b.type,
    type_name: c.get_type_name(b.type) ?? "",
    // Ceph takes weights for signed numbers when it prints them.
    weight: b.weight | 0,
    alg: alg_name(b.alg),
    hash: "rjenkins1",
    items: b.items.map((item, pos) => ({ id: item, weight: (b.item_weights[pos] ?? 0) | 0, pos })),
  };
}

/** One element of `ceph osd crush rule dump`. */
export function crush_rule_dump(c: CrushWrapper, id: number): Record<string, unknown> {
  const r = c.get_rule(id);
  if (!r) return {};
  return {
    rule_id: r.id,
    ...(r.name === "" ? {} : { rule_name: r.name }),
    ruleset: r.ruleset ?? r.id,
    type: r.type,
    min_size: r.min_size,
    max_size: r.max_size,
    steps: r.steps.map((s) => dump_step(c, s)),
  };
}

function dump_step(c: CrushWrapper, s: crush_rule_step): Record<string, unknown> {
  switch (s.op) {
    case CRUSH_RULE_OPS.noop:
    case CRUSH_RULE_OPS.emit:
      return { op: op_name(s.op) };
    case CRUSH_RULE_OPS.take:
      return { op: "take", item: s.arg1, item_name: c.get_item_name(s.arg1) ?? "" };
    case CRUSH_RULE_OPS.set_choose_tries:
    case CRUSH_RULE_OPS.set_chooseleaf_tries:
      return { op: op_name(s.op), num: s.arg1 };
    case CRUSH_RULE_OPS.set_choose_local_tries:
    case CRUSH_RULE_OPS.set_choose_local_fallback_tries:
    case CRUSH_RULE_OPS.set_chooseleaf_vary_r:
    case CRUSH_RULE_OPS.set_chooseleaf_stable:
      // Ceph has no words for these in its dump.
      return { opcode: s.op, arg1: s.arg1, arg2: s.arg2 };
    default:
      return { op: op_name(s.op), num: s.arg1, type: c.get_type_name(s.arg2) ?? "" };
  }
}

/** What a client must understand to compute with this map; 0 and 1 as Ceph prints them. */
export function crush_requirements(m: crush_map) {
  const t = m.tunables;
  const ops = new Set([...m.rules.values()].flatMap((r) => r.steps.map((s) => s.op)));
  const bit = (b: boolean) => (b ? 1 : 0);
  return {
    require_feature_tunables: bit(
      t.choose_local_tries !== 2 ||
        t.choose_local_fallback_tries !== 5 ||
        t.choose_total_tries !== 19,
    ),
    require_feature_tunables2: bit(t.chooseleaf_descend_once !== 0),
    has_v2_rules: bit(
      ops.has(CRUSH_RULE_OPS.choose_indep) ||
        ops.has(CRUSH_RULE_OPS.chooseleaf_indep) ||
        ops.has(CRUSH_RULE_OPS.set_choose_tries) ||
        ops.has(CRUSH_RULE_OPS.set_chooseleaf_tries),
    ),
    require_feature_tunables3: bit(t.chooseleaf_vary_r !== 0),
    has_v3_rules: bit(ops.has(CRUSH_RULE_OPS.set_chooseleaf_vary_r)),
    has_v4_buckets: bit([...m.buckets.values()].some((b) => b.alg === CRUSH_ALG_NAMES.straw2)),
    require_feature_tunables5: bit(t.chooseleaf_stable !== 0),
    has_v5_rules: bit(ops.has(CRUSH_RULE_OPS.set_chooseleaf_stable)),
  };
}

/** Oldest release whose clients can place with this map. */
export function crush_min_required_version(m: crush_map): string {
  const q = crush_requirements(m);
  if (q.has_v5_rules || q.require_feature_tunables5) return "jewel";
  if (q.has_v4_buckets) return "hammer";
  if (q.require_feature_tunables3) return "firefly";
  return q.require_feature_tunables2 || q.require_feature_tunables ? "bobtail" : "argonaut";
}

function dump_tunables(m: crush_map): Record<string, unknown> {
  const t = m.tunables;
  const q = crush_requirements(m);
  return {
    choose_local_tries: t.choose_local_tries,
    choose_local_fallback_tries: t.choose_local_fallback_tries,
    choose_total_tries: t.choose_total_tries,
    chooseleaf_descend_once: t.chooseleaf_descend_once,
    chooseleaf_vary_r: t.chooseleaf_vary_r,
    chooseleaf_stable: t.chooseleaf_stable,
    straw_calc_version: t.straw_calc_version,
    allowed_bucket_algs: t.allowed_bucket_algs,
    profile: tunables_profile(t),
    optimal_tunables: has_optimal_tunables(t) ? 1 : 0,
    legacy_tunables: has_legacy_tunables(t) ? 1 : 0,
    minimum_required_version: crush_min_required_version(m),
    require_feature_tunables: q.require_feature_tunables,
    require_feature_tunables2: q.require_feature_tunables2,
    has_v2_rules: q.has_v2_rules,
    require_feature_tunables3: q.require_feature_tunables3,
    has_v3_rules: q.has_v3_rules,
    has_v4_buckets: q.has_v4_buckets,
    require_feature_tunables5: q.require_feature_tunables5,
    has_v5_rules: q.has_v5_rules,
  };
}

function dump_choose_arg(a: crush_choose_arg): Record<string, unknown> {
  // Floats of 24 bits there.
  const weight_set = a.weight_set.map((ws) => ws.map((w) => Math.fround(w) / 0x10000));
  return {
    bucket_id: a.bucket_id,
    ...(weight_set.length > 0 ? { weight_set } : {}),
    ...(a.ids.length > 0 ? { ids: [...a.ids] } : {}),
  };
}
