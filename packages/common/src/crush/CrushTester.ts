/**
 * Tries a range of inputs on a map and says what came out: mappings, statistics, utilization,
 * mappings with too few devices.
 * Ceph counterpart: src/crush/CrushTester.cc, `crushtool --test`.
 */
import { CRUSH_ITEM_NONE } from "../types/osd_types.ts";
import { encoding_of } from "./binary.ts";
import type { CrushWrapper } from "./CrushWrapper.ts";
import { crush_hash32_2 } from "./hash.ts";
import { print_ostream_float } from "./print_float.ts";
import type { crush_rule } from "./types.ts";

/** The set of choose_args that tests consult. */
const TEST_CHOOSE_ARGS = 0;

export interface crush_tester_options {
  /** In/out weights, 1 = in, by device. Others are in when the hierarchy has them. */
  readonly weights?: ReadonlyMap<number, number>;
  /** Hashes the inputs as this pool does. */
  readonly pool_id?: number | undefined;
}

export class CrushTester {
  readonly #crush: CrushWrapper;
  readonly #pool_id: number | undefined;
  /** 16.16 by device. */
  readonly weights: readonly number[];

  constructor(crush: CrushWrapper, options: crush_tester_options = {}) {
    this.#crush = crush;
    this.#pool_id = options.pool_id;
    const present = new Set([...crush.map.buckets.values()].flatMap((b) => b.items));
    this.weights = Array.from({ length: crush.get_max_devices() }, (_, o) => {
      const w = options.weights?.get(o);
      if (w === undefined) return present.has(o) ? 0x10000 : 0;
      return Math.min(0x10000, Math.max(0, Math.trunc(Math.fround(w) * 0x10000)));
    });
  }

  /** What rule `rule` gives for input `x`. */
  map(rule: number, x: number, num_rep: number): number[] {
    const real_x = this.#pool_id === undefined ? x : crush_hash32_2(x, this.#pool_id);
    return this.#crush.do_rule(rule, real_x, num_rep, this.weights, TEST_CHOOSE_ARGS);
  }
}

export interface crush_test_options extends crush_tester_options {
  /** One rule; all of them unless given. */
  readonly rule?: number | undefined;
  /** The sizes the rule names unless given. */
  readonly num_rep?: number | undefined;
  /** Both or none; 0 and 1023 by default. */
  readonly min_x?: number | undefined;
  readonly max_x?: number | undefined;
  readonly show_mappings?: boolean;
  readonly show_statistics?: boolean;
  readonly show_utilization?: boolean;
  /** Devices that hold nothing, too. */
  readonly show_utilization_all?: boolean;
  readonly show_bad_mappings?: boolean;
}

export interface crush_test_device {
  readonly device: number;
  readonly stored: number;
  readonly expected: number;
}
export interface crush_test_run {
  readonly rule_id: number;
  readonly rule_name: string;
  readonly num_rep: number;
  readonly min_x: number;
  readonly max_x: number;
  /** How many results had how many positions. */
  readonly result_sizes: readonly { readonly size: number; readonly count: number }[];
  readonly mappings: readonly { readonly x: number; readonly osds: readonly number[] }[];
  readonly bad_mappings: readonly { readonly x: number; readonly osds: readonly number[] }[];
  readonly devices: readonly crush_test_device[];
}
export interface crush_test_result {
  /** As the original prints it. */
  readonly text: string;
  readonly runs: readonly crush_test_run[];
}

export function crush_test(c: CrushWrapper, o: crush_test_options): crush_test_result {
  const tester = new CrushTester(c, o);
  const whole = o.min_x === undefined || o.max_x === undefined;
  const [min_x, max_x] = whole ? [0, 1023] : [o.min_x ?? 0, o.max_x ?? 0];
  const statistics =
    o.show_statistics === true || o.show_utilization === true || o.show_utilization_all === true;
  const lines: string[] = [];
  const runs: crush_test_run[] = [];
  for (const id of rules_to_test(c, o.rule)) {
    const rule = c.get_rule(id);
    if (!rule) {
      if (statistics) lines.push(`rule ${id} dne`);
      continue;
    }
    const first = o.num_rep ?? rule.min_size;
    const last = o.num_rep ?? rule.max_size;
    if (statistics) {
      lines.push(`rule ${id} (${rule.name}), x = ${min_x}..${max_x}, numrep = ${first}..${last}`);
    }
    // Nothing can be placed: nothing is tried.
    if (tester.weights.every((w) => w === 0)) continue;
    for (let n = first; n <= last; n++) {
      const run = test_rule(c, tester, rule, n, min_x, max_x);
      print_run(lines, run, o, statistics);
      runs.push(run);
    }
  }
  return { text: lines.map((l) => `${l}\n`).join(""), runs };
}

/** Numbers below the highest rule's that no rule has are tested, too: they do not exist. */
function rules_to_test(c: CrushWrapper, wanted: number | undefined): number[] {
  const { max_rules } = encoding_of(c.map);
  const all = Array.from({ length: max_rules }, (_, id) => id);
  return wanted === undefined ? all : all.filter((id) => id === wanted);
}

function test_rule(
  c: CrushWrapper,
  tester: CrushTester,
  rule: crush_rule,
  num_rep: number,
  min_x: number,
  max_x: number,
): crush_test_run {
  const stored = new Array<number>(c.get_max_devices()).fill(0);
  const sizes = new Map<number, number>();
  const mappings: { x: number; osds: number[] }[] = [];
  const bad_mappings: { x: number; osds: number[] }[] = [];
  for (let x = min_x; x <= max_x; x++) {
    const osds = tester.map(rule.id, x, num_rep);
    mappings.push({ x, osds });
    for (const dev of osds) if (dev !== CRUSH_ITEM_NONE) stored[dev] = (stored[dev] ?? 0) + 1;
    sizes.set(osds.length, (sizes.get(osds.length) ?? 0) + 1);
    if (osds.length !== num_rep || osds.includes(CRUSH_ITEM_NONE)) bad_mappings.push({ x, osds });
  }
  // Floats, as the original counts.
  const copies = Math.min(num_rep, get_maximum_affected_by_rule(c, rule));
  const objects = Math.fround(copies * (max_x - min_x + 1));
  const total = Math.fround(tester.weights.reduce((s, w) => s + w, 0));
  return {
    rule_id: rule.id,
    rule_name: rule.name,
    num_rep,
    min_x,
    max_x,
    result_sizes: [...sizes].sort(([a], [b]) => a - b).map(([size, count]) => ({ size, count })),
    mappings,
    bad_mappings,
    devices: stored.map((n, device) => {
      const share = total > 0 ? Math.fround((tester.weights[device] ?? 0) / total) : 0;
      return { device, stored: n, expected: Math.fround(share * objects) };
    }),
  };
}

/** In how many places a rule can put copies: as many as there are buckets of the type it spreads over. */
export function get_maximum_affected_by_rule(c: CrushWrapper, rule: crush_rule): number {
  const steps = rule.steps.filter((s) => s.op >= 2 && s.op !== 4);
  let max = Math.max(encoding_of(c.map).max_buckets, c.get_max_devices());
  for (const type of new Set(steps.map((s) => s.arg2))) {
    const of_type = steps.filter((s) => s.arg2 === type);
    // A type that is chosen from twice counts twice; the last step says how many are wanted.
    const buckets = [...c.map.buckets.values()].filter((b) => b.type === type).length;
    const there = buckets * of_type.length;
    const wanted = of_type.at(-1)?.arg1 ?? 0;
    const usable = wanted > 0 && wanted < there ? wanted : there;
    if (usable > 0) max = Math.min(max, usable);
  }
  return max;
}

function print_run(
  lines: string[],
  run: crush_test_run,
  o: crush_test_options,
  statistics: boolean,
): void {
  const bad = new Set(run.bad_mappings.map((m) => m.x));
  if (o.show_mappings || o.show_bad_mappings) {
    for (const { x, osds } of run.mappings) {
      const list = `[${osds.join(",")}]`;
      if (o.show_mappings) lines.push(`CRUSH rule ${run.rule_id} x ${x} ${list}`);
      if (o.show_bad_mappings && bad.has(x)) {
        lines.push(`bad mapping rule ${run.rule_id} x ${x} num_rep ${run.num_rep} result ${list}`);
      }
    }
  }
  if (!statistics) return;
  const total = run.max_x - run.min_x + 1;
  for (const { size, count } of run.result_sizes) {
    const what = `rule ${run.rule_id} (${run.rule_name}) num_rep ${run.num_rep}`;
    lines.push(`${what} result size == ${size}:\t${count}/${total}`);
  }
  for (const d of run.devices) {
    const shown = o.show_utilization
      ? d.expected > 0 && d.stored > 0
      : o.show_utilization_all === true;
    if (!shown) continue;
    const expected = print_ostream_float(d.expected);
    lines.push(`  device ${d.device}:\t\t stored : ${d.stored}\t expected : ${expected}`);
  }
}
