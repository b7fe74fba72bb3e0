/**
 * A CRUSH map as text, laid out as `crushtool -d` does. Shadow trees show as `id -5 class hdd`.
 * Ceph counterpart: CrushCompiler::decompile. cluster.md §2.9.
 */

import type { CrushWrapper } from "./CrushWrapper.ts";
import { usable_choose_args } from "./choose_args.ts";
import { alg_name } from "./dump.ts";
import {
  CRUSH_BUCKET_LIST,
  CRUSH_BUCKET_TREE,
  CRUSH_BUCKET_UNIFORM,
  CRUSH_RULE_OPS,
  type crush_bucket,
  type crush_choose_arg,
  type crush_rule,
  type crush_rule_step,
  type crush_tunables,
  DEFAULT_CHOOSE_ARGS,
} from "./types.ts";

/** What a text that names no tunables means; only others are printed, in this order. */
export const TEXT_TUNABLES: crush_tunables = {
  choose_local_tries: 2,
  choose_local_fallback_tries: 5,
  choose_total_tries: 19,
  chooseleaf_descend_once: 0,
  chooseleaf_vary_r: 0,
  chooseleaf_stable: 0,
  straw_calc_version: 0,
  allowed_bucket_algs: 22,
};

/**
 * A 16.16 number with three decimals, as C prints the nearest float: a tie goes to the even digit,
 * where toFixed would go up. From 32768.0 on it prints as the negative number of the same bits.
 */
export function print_fixedpoint(w: number): string {
  if (w >= 2 ** 31) return `-${print_fixedpoint(2 ** 32 - w)}`;
  const thousandths = (Math.fround(w) / 0x10000) * 1000;
  let n = Math.floor(thousandths);
  const rest = thousandths - n;
  if (rest > 0.5 || (rest === 0.5 && n % 2 === 1)) n++;
  return `${Math.floor(n / 1000)}.${String(n % 1000).padStart(3, "0")}`;
}

/** The map as `crushtool -d` prints it: {@link compile_crush} makes the same map of it. */
export function decompile_crush(c: CrushWrapper): string {
  const out: string[] = ["# begin crush map"];
  for (const [name, usual] of Object.entries(TEXT_TUNABLES)) {
    const v = c.map.tunables[name as keyof crush_tunables];
    if (v !== usual) out.push(`tunable ${name} ${v}`);
  }
  out.push("", "# devices");
  for (let id = 0; id < c.map.max_devices; id++) {
    const name = c.get_item_name(id);
    if (name !== undefined) out.push(`device ${id} ${name}${class_suffix(c, id)}`);
  }
  out.push("", "# types");
  if (c.map.type_names.size > 0 && !c.map.type_names.has(0)) out.push("type 0 osd");
  for (const [id, name] of [...c.map.type_names].sort(([a], [b]) => a - b)) {
    out.push(`type ${id} ${name}`);
  }
  out.push("", "# buckets");
  for (const b of children_first(c)) print_bucket(out, c, b);
  out.push("", "# rules");
  for (const id of c.rule_ids()) {
    const rule = c.get_rule(id);
    if (rule) print_rule(out, c, rule);
  }
  if (c.map.choose_args.size > 0) {
    out.push("", "# choose_args");
    for (const [id, args] of [...usable_choose_args(c.map)].sort(([a], [b]) => a - b)) {
      print_choose_args(out, id, [...args.values()]);
    }
  }
  out.push("", "# end crush map", "");
  return out.join("\n");
}

function class_suffix(c: CrushWrapper, id: number): string {
  const name = c.get_item_class(id);
  return name === undefined ? "" : ` class ${name}`;
}
function item_name(c: CrushWrapper, id: number): string {
  return c.get_item_name(id) ?? (id >= 0 ? `device${id}` : `bucket${-1 - id}`);
}
function type_name(c: CrushWrapper, id: number): string {
  return c.get_type_name(id) ?? (id === 0 ? "device" : `type${id}`);
}

/** Real buckets from id -1 down, each after those that it holds. */
function children_first(c: CrushWrapper): crush_bucket[] {
  const out: crush_bucket[] = [];
  const seen = new Set<number>();
  const visit = (id: number) => {
    const b = c.get_bucket(id);
    if (!b || seen.has(id) || c.is_shadow_item(id)) return;
    seen.add(id);
    for (const item of b.items) if (item < 0) visit(item);
    out.push(b);
  };
  for (const id of [...c.map.buckets.keys()].sort((a, b) => b - a)) visit(id);
  return out;
}

const ALG_NOTES: Readonly<Record<number, (n: number) => string>> = {
  [CRUSH_BUCKET_UNIFORM]: (n) => `\t# do not change bucket size (${n}) unnecessarily`,
  [CRUSH_BUCKET_LIST]: () => "\t# add new items at the end; do not change order unnecessarily",
  [CRUSH_BUCKET_TREE]: () => "\t# do not change pos for existing items unnecessarily",
};

function print_bucket(out: string[], c: CrushWrapper, b: crush_bucket): void {
  const keep = "\t\t# do not change unnecessarily";
  out.push(`${type_name(c, b.type)} ${item_name(c, b.id)} {`, `\tid ${b.id}${keep}`);
  const shadows = [...(c.map.class_bucket.get(b.id) ?? [])].sort(([x], [y]) => x - y);
  for (const [cls, id] of shadows) {
    out.push(`\tid ${id} class ${c.map.class_names.get(cls) ?? cls}${keep}`);
  }
  out.push(`\t# weight ${print_fixedpoint(b.weight)}`);
  out.push(`\talg ${alg_name(b.alg)}${ALG_NOTES[b.alg]?.(b.items.length) ?? ""}`);
  out.push(`\thash ${b.hash}\t# rjenkins1`);
  const with_pos = b.alg === CRUSH_BUCKET_UNIFORM || b.alg === CRUSH_BUCKET_TREE;
  b.items.forEach((item, pos) => {
    const weight = print_fixedpoint(b.item_weights[pos] ?? 0);
    out.push(`\titem ${item_name(c, item)} weight ${weight}${with_pos ? ` pos ${pos}` : ""}`);
  });
  out.push("}");
}

function print_rule(out: string[], c: CrushWrapper, r: crush_rule): void {
  out.push(`rule ${r.name} {`, `\tid ${r.id}`);
  if (r.ruleset !== undefined) {
    const why = "this will not recompile to the same map";
    out.push(`\t# WARNING: ruleset ${r.ruleset} != id ${r.id}; ${why}`);
  }
  const type = r.type === 1 ? "replicated" : r.type === 3 ? "erasure" : String(r.type);
  out.push(`\ttype ${type}`, `\tmin_size ${r.min_size}`, `\tmax_size ${r.max_size}`);
  for (const s of r.steps) out.push(`\tstep ${print_step(c, s)}`);
  out.push("}");
}

function print_step(c: CrushWrapper, s: crush_rule_step): string {
  const choose = (words: string) => `${words} ${s.arg1} type ${type_name(c, s.arg2)}`;
  switch (s.op) {
    case CRUSH_RULE_OPS.noop:
      return "noop";
    case CRUSH_RULE_OPS.emit:
      return "emit";
    case CRUSH_RULE_OPS.take: {
      const [name = ""] = item_name(c, s.arg1).split("~");
      return `take ${name}${s.arg1 < 0 ? class_suffix(c, s.arg1) : ""}`;
    }
    case CRUSH_RULE_OPS.choose_firstn:
      return choose("choose firstn");
    case CRUSH_RULE_OPS.choose_indep:
      return choose("choose indep");
    case CRUSH_RULE_OPS.chooseleaf_firstn:
      return choose("chooseleaf firstn");
    case CRUSH_RULE_OPS.chooseleaf_indep:
      return choose("chooseleaf indep");
    default: {
      const op = Object.entries(CRUSH_RULE_OPS).find(([, o]) => o === s.op)?.[0];
      return `${op} ${s.arg1}`;
    }
  }
}

/** The original prints ids without a sign, and cannot read this one again; we can. */
export const DEFAULT_SET_TEXT = "18446744073709551615";

function print_choose_args(out: string[], set: number, args: crush_choose_arg[]): void {
  const list = (values: readonly (string | number)[]) =>
    `[ ${values.map((v) => `${v} `).join("")}]`;
  out.push(`choose_args ${set === DEFAULT_CHOOSE_ARGS ? DEFAULT_SET_TEXT : set} {`);
  for (const a of args.sort((x, y) => y.bucket_id - x.bucket_id)) {
    if (a.weight_set.length + a.ids.length === 0) continue;
    out.push("  {", `    bucket_id ${a.bucket_id}`);
    if (a.weight_set.length > 0) {
      out.push("    weight_set [");
      for (const ws of a.weight_set) out.push(`      ${list(ws.map(print_fixedpoint))}`);
      out.push("    ]");
    }
    if (a.ids.length > 0) out.push(`    ids ${list(a.ids)}`);
    out.push("  }");
  }
  out.push("}");
}
