/**
 * Tries a range of inputs on a map and says what came out: mappings, statistics, utilization,
 * mappings with too few devices, how often a search was tried again.
 * Ceph counterpart: src/crush/CrushTester.cc, `crushtool --test`.
 */
import { CRUSH_ITEM_NONE } from "../types/osd_types.ts";
import type { CrushWrapper } from "./CrushWrapper.ts";
import { encoding_of } from "./encoding.ts";
import { crush_hash32_2 } from "./hash.ts";
import { print_ostream_float } from "./print_float.ts";
import { RandomPlacement } from "./random_placement.ts";
import { get_maximum_affected_by_rule } from "./rule_reach.ts";
import type { crush_rule } from "./types.ts";

/** The set of choose_args that tests consult. */
const TEST_CHOOSE_ARGS = 0;
const DEFAULT_MAX_X = 1023;

export interface crush_tester_options {
  /** In/out weights, 1 = in, by device. Others are in when the hierarchy has them. */
  readonly weights?: ReadonlyMap<number, number>;
  /** Hashes the inputs as this pool does. */
  readonly pool_id?: number | undefined;
}

/** Runs rules with given device weights, as `crushtool --test` does. */
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

export interface crush_test_range extends crush_tester_options {
  /** Both or none; every rule by default. */
  readonly min_rule?: number | undefined;
  readonly max_rule?: number | undefined;
  /** Only rules of this ruleset. */
  readonly ruleset?: number | undefined;
  /** Both or none; the sizes that the rule names by default. */
  readonly min_rep?: number | undefined;
  readonly max_rep?: number | undefined;
  /** Both or none; 0 and 1023 by default. */
  readonly min_x?: number | undefined;
  readonly max_x?: number | undefined;
}

export interface crush_test_options extends crush_test_range {
  /** Places at random instead, where the rule would allow it. */
  readonly simulate?: boolean;
  /** Counts the inputs in so many parts, too. */
  readonly batches?: number;
  readonly show_mappings?: boolean;
  readonly show_statistics?: boolean;
  readonly show_utilization?: boolean;
  /** Devices that hold nothing, too. */
  readonly show_utilization_all?: boolean;
  readonly show_bad_mappings?: boolean;
  readonly show_choose_tries?: boolean;
  /** Gets the lines that the original prints, when there is something to print. */
  readonly print?: (line: string) => void;
  /** Keeps the mappings for the result. */
  readonly keep_mappings?: boolean;
}

export interface crush_test_mapping {
  readonly x: number;
  readonly osds: readonly number[];
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
  readonly mappings?: readonly crush_test_mapping[];
  /** Those with fewer devices than asked for. */
  readonly bad_mappings: readonly crush_test_mapping[];
  readonly devices: readonly crush_test_device[];
  /** What each device got in each batch. */
  readonly batches: readonly (readonly number[])[];
}
export interface crush_test_result {
  /** 16.16 by device. */
  readonly weights: readonly number[];
  readonly runs: readonly crush_test_run[];
  readonly choose_tries?: readonly number[];
}

/**
 * What `crushtool --test` says of a map: its text line by line through `print`, and the runs as
 * data.
 */
export function crush_test(c: CrushWrapper, o: crush_test_options): crush_test_result {
  const tester = new CrushTester(c, o);
  const random = o.simulate ? new RandomPlacement(c, tester.weights) : undefined;
  const runs: crush_test_run[] = [];
  const any_weight = tester.weights.some((w) => w > 0);
  if (o.show_choose_tries) c.start_choose_profile();
  for (const { id, rule, first, last } of rules_to_test(c, o)) {
    if (!rule) {
      if (statistics(o)) o.print?.(`rule ${id} dne`);
      continue;
    }
    const { min_x, max_x } = inputs(o);
    if (statistics(o)) {
      o.print?.(`rule ${id} (${rule.name}), x = ${min_x}..${max_x}, numrep = ${first}..${last}`);
    }
    // Nothing can be placed: nothing is tried.
    for (let n = first; n <= last && any_weight; n++) {
      runs.push(test_rule(c, tester, random, rule, n, o));
    }
  }
  const choose_tries = [...c.get_choose_profile()];
  if (o.show_choose_tries) c.stop_choose_profile();
  choose_tries.forEach((count, tries) => {
    o.print?.(`${String(tries).padStart(2)}: ${String(count).padStart(9)}`);
  });
  return { weights: tester.weights, runs, ...(o.show_choose_tries && { choose_tries }) };
}

const statistics = (o: crush_test_options) =>
  o.show_statistics === true || o.show_utilization === true || o.show_utilization_all === true;

function inputs(o: crush_test_range): { min_x: number; max_x: number } {
  const { min_x = -1, max_x = -1 } = o;
  return min_x < 0 || max_x < 0 ? { min_x: 0, max_x: DEFAULT_MAX_X } : { min_x, max_x };
}

interface rule_to_test {
  readonly id: number;
  /** undefined: there is none. */
  readonly rule: crush_rule | undefined;
  /** Sizes to test it with. */
  readonly first: number;
  readonly last: number;
}
function* rules_to_test(c: CrushWrapper, o: crush_test_range): Generator<rule_to_test> {
  const { min_rule = -1, max_rule = -1, min_rep = -1, max_rep = -1 } = o;
  const all = min_rule < 0 || max_rule < 0;
  // Numbers that no rule has are tested, too: they do not exist.
  const end = encoding_of(c.map).max_rules;
  for (let id = all ? 0 : min_rule; id < end && (all || id <= max_rule); id++) {
    const rule = c.get_rule(id);
    if (rule && o.ruleset !== undefined && o.ruleset >= 0) {
      if ((rule.ruleset ?? rule.id) !== o.ruleset) continue;
    }
    const own = min_rep < 0 || max_rep < 0;
    const first = own ? (rule?.min_size ?? 0) : min_rep;
    yield { id, rule, first, last: own ? (rule?.max_size ?? 0) : max_rep };
  }
}

function test_rule(
  c: CrushWrapper,
  tester: CrushTester,
  random: RandomPlacement | undefined,
  rule: crush_rule,
  num_rep: number,
  o: crush_test_options,
): crush_test_run {
  const { min_x, max_x } = inputs(o);
  const batches = make_batches(c, o.batches ?? 1, max_x - min_x + 1);
  const sizes = new Map<number, number>();
  const mappings: crush_test_mapping[] = [];
  const bad_mappings: crush_test_mapping[] = [];
  for (let x = min_x; x <= max_x; x++) {
    const osds = random?.map(rule, num_rep) ?? tester.map(rule.id, x, num_rep);
    const stored = batches.of(x - min_x);
    for (const dev of osds) if (dev !== CRUSH_ITEM_NONE) stored[dev] = (stored[dev] ?? 0) + 1;
    sizes.set(osds.length, (sizes.get(osds.length) ?? 0) + 1);
    if (o.keep_mappings) mappings.push({ x, osds });
    const bad = osds.length !== num_rep || osds.includes(CRUSH_ITEM_NONE);
    if (bad) bad_mappings.push({ x, osds });
    if (!o.print) continue;
    const where = `rule ${rule.id} x ${x}`;
    const list = `[${osds.join(",")}]`;
    if (o.show_mappings) o.print(`${random ? "RNG" : "CRUSH"} ${where} ${list}`);
    if (o.show_bad_mappings && bad) {
      o.print(`bad mapping ${where} num_rep ${num_rep} result ${list}`);
    }
  }
  const run = {
    rule_id: rule.id,
    rule_name: rule.name,
    num_rep,
    min_x,
    max_x,
    result_sizes: [...sizes].sort(([a], [b]) => a - b).map(([size, count]) => ({ size, count })),
    ...(o.keep_mappings && { mappings }),
    bad_mappings,
    devices: utilization(
      tester,
      batches.all,
      expected_objects(c, rule, num_rep, max_x - min_x + 1),
    ),
    batches: batches.all,
  };
  if (o.print) print_statistics(o.print, run, o);
  return run;
}

/** Where the inputs of each batch are counted. The last one takes what is left over. */
function make_batches(c: CrushWrapper, n: number, inputs: number) {
  const all = Array.from({ length: n }, () => new Array<number>(c.get_max_devices()).fill(0));
  const size = Math.floor(inputs / n);
  const batch = (nth: number) => (size === 0 ? n - 1 : Math.min(n - 1, Math.floor(nth / size)));
  return { all, of: (nth: number) => all[batch(nth)] ?? [] };
}

// Floats, as the original counts.
function expected_objects(c: CrushWrapper, rule: crush_rule, n: number, inputs: number): number {
  return Math.fround(Math.min(n, get_maximum_affected_by_rule(c, rule)) * inputs);
}
function utilization(
  tester: CrushTester,
  batches: readonly (readonly number[])[],
  objects: number,
): crush_test_device[] {
  const shares = proportional_weights(tester.weights);
  return shares.map((share, device) => ({
    device,
    stored: batches.reduce((sum, b) => sum + (b[device] ?? 0), 0),
    expected: Math.fround(share * objects),
  }));
}
/** Of each device, its part of all the weight. */
export function proportional_weights(weights: readonly number[]): number[] {
  const total = Math.fround(weights.reduce((s, w) => s + w, 0));
  return weights.map((w) => (total > 0 ? Math.fround(w / total) : 0));
}

function print_statistics(
  print: (line: string) => void,
  run: crush_test_run,
  o: crush_test_options,
): void {
  if (!statistics(o)) return;
  const total = run.max_x - run.min_x + 1;
  for (const { size, count } of run.result_sizes) {
    const what = `rule ${run.rule_id} (${run.rule_name}) num_rep ${run.num_rep}`;
    print(`${what} result size == ${size}:\t${count}/${total}`);
  }
  for (const d of run.devices) {
    const shown = o.show_utilization
      ? d.expected > 0 && d.stored > 0
      : o.show_utilization_all === true;
    if (!shown) continue;
    const expected = print_ostream_float(d.expected);
    print(`  device ${d.device}:\t\t stored : ${d.stored}\t expected : ${expected}`);
  }
}

// ---------------------------------------------------------------- comparing

export interface crush_comparison {
  readonly rule_id: number;
  readonly tried: number;
  /** How many of them the two maps map differently. */
  readonly mismatched: number;
}

/** How many inputs `other` maps differently, by rule. The in/out weights are those of `c`. */
export function crush_compare(
  c: CrushWrapper,
  other: CrushWrapper,
  o: crush_test_range,
): crush_comparison[] {
  const { weights } = new CrushTester(c, o);
  const { min_x, max_x } = inputs(o);
  const out: crush_comparison[] = [];
  for (const { id, rule, first, last } of rules_to_test(c, o)) {
    if (!rule) continue;
    let mismatched = 0;
    for (let n = first; n <= last; n++) {
      for (let x = min_x; x <= max_x; x++) {
        const a = c.do_rule(id, x, n, weights, TEST_CHOOSE_ARGS);
        const b = other.do_rule(id, x, n, weights, TEST_CHOOSE_ARGS);
        if (a.length !== b.length || a.some((osd, i) => osd !== b[i])) mismatched++;
      }
    }
    out.push({ rule_id: id, tried: (last - first + 1) * (max_x - min_x + 1), mismatched });
  }
  return out;
}
