/**
 * What runs have passed: states and lines of the peering chart, and points of interest in the code.
 * Counts are of the whole process; a run's are the difference between its end and its beginning.
 * They add up over seeds, and over processes as JSON.
 */
import { PROFILES, type ProfileName } from "@tako/client/chaos";
import { coverage_report, SOMETIMES, sometimes_counts } from "@tako/common";
import { type PeeringCoverage, peering_chart, peering_coverage, peering_row_name } from "@tako/osd";
import { UNREACHABLE } from "./unreachable.ts";

export type Counts = Readonly<Record<string, number>>;
export interface RunCoverage {
  readonly states: Counts;
  readonly rows: Counts;
  readonly sometimes: Counts;
}
export const NO_COVERAGE: RunCoverage = { states: {}, rows: {}, sometimes: {} };

/** Since this process began. */
export function coverage_now(): RunCoverage {
  const { states, rows } = coverage_report(peering_chart, peering_coverage);
  return {
    states: Object.fromEntries(states.map((s) => [s.state, s.count])),
    rows: Object.fromEntries(rows.map((r) => [peering_row_name(r), r.count])),
    sometimes: Object.fromEntries(sometimes_counts()),
  };
}

export function coverage_since(before: RunCoverage): RunCoverage {
  return combine(coverage_now(), before, (now, then) => now - then);
}
export function merge_coverage(a: RunCoverage, b: RunCoverage): RunCoverage {
  return combine(a, b, (x, y) => x + y);
}
function combine(a: RunCoverage, b: RunCoverage, fn: (x: number, y: number) => number) {
  const of = (x: Counts, y: Counts): Counts => {
    const names = [...new Set([...Object.keys(x), ...Object.keys(y)])].sort();
    return Object.fromEntries(names.map((n) => [n, fn(x[n] ?? 0, y[n] ?? 0)]));
  };
  return {
    states: of(a.states, b.states),
    rows: of(a.rows, b.rows),
    sometimes: of(a.sometimes, b.sometimes),
  };
}

/** Of a set of runs. */
export interface RunSet {
  readonly profile: ProfileName;
  /** How long each is. */
  readonly seconds: number;
  readonly seeds: number;
}
/** With so many each thing is expected in ten runs or more: none is missed for want of luck. */
const SEEDS_TO_PASS_ALL = 1000;
/**
 * Is what such a set has never passed a failure? Fewer or shorter runs cannot be asked to have been
 * everywhere, and other profiles leave things out.
 */
export function must_pass_all({ profile, seconds, seeds }: RunSet): boolean {
  const whole = seconds >= PROFILES.default.seconds;
  return profile === "default" && whole && seeds >= SEEDS_TO_PASS_ALL;
}

/** States, transitions and points that many seeds should have passed and did not, by name. */
export function unreached(c: RunCoverage): string[] {
  const states = peering_chart.names.filter((n) => !c.states[n]);
  const transitions = peering_chart.rows
    .filter((r) => r.target !== null)
    .map(peering_row_name)
    .filter((n) => !c.rows[n]);
  const points = Object.keys(SOMETIMES).filter((n) => !c.sometimes[n]);
  return [
    ...states.map((n) => `state ${n}`),
    ...transitions.map((n) => `transition ${n}`),
    ...points.map((n) => `point "${n}"`),
  ].filter((n) => !(n in UNREACHABLE));
}

/** `37/37 states, 80/82 transitions, 29/30 points` */
export function coverage_summary(c: RunCoverage): string {
  const share = (names: readonly string[], counts: Counts) =>
    `${names.filter((n) => counts[n]).length}/${names.length}`;
  const transitions = peering_chart.rows.filter((r) => r.target !== null).map(peering_row_name);
  const states = share(peering_chart.names, c.states);
  const points = share(Object.keys(SOMETIMES), c.sometimes);
  return `${states} states, ${share(transitions, c.rows)} transitions, ${points} points`;
}

/** What `--coverage FILE` writes, and docs/peering-states.md is made from. */
export function coverage_file(c: RunCoverage, command: string): string {
  const file: PeeringCoverage = { command, ...c, unreachable: UNREACHABLE };
  return `${JSON.stringify(file, null, 2)}\n`;
}
