/**
 * Shrinking: from a seed that fails to a run with as few faults, OSDs, pools and operations as still
 * fail in the same way. Faults keep their times and the chance that they were made of, so taking one
 * away leaves the others alone. Model: delta debugging (ddmin), and the reductions of QuickCheck.
 */
import { DEFAULT_LOAD, PROFILES, type SimScenario, type Strike } from "@tako/client/chaos";
import type { RunOptions, RunResult } from "../run_seed.ts";

export function run_options_of(s: SimScenario): RunOptions {
  return { seed: s.seed, profile: s.profile, seconds: s.seconds, script: s.script };
}

export interface ShrinkOptions {
  readonly run: (o: RunOptions) => Promise<RunResult>;
  /** Most runs to spend. */
  readonly max_runs: number;
  /** No more time for it. */
  readonly expired?: () => boolean;
  /** Told of each smaller run. */
  readonly on_step?: (s: SimScenario, runs: number) => void;
}
export interface Shrunk {
  readonly scenario: SimScenario;
  readonly runs: number;
  /** Of the run that it began with. */
  readonly from: RunResult;
  /** Of the smallest run. */
  readonly to: RunResult;
}

/** What went wrong, without what it went wrong for. */
export function failure_of(r: RunResult): string | undefined {
  if (r.ok) return undefined;
  const text = r.error instanceof Error ? r.error.message : String(r.error);
  const [first = ""] = text.split("\n");
  return first.split(": ").slice(0, 2).join(": ").trim() || "failed";
}
/** Failures of one kind differ in their numbers only; I12 is the name of an invariant. */
export function failure_kind(text: string): string {
  return text.replace(/(?<!\w)\d[0-9a-f.]*/g, "N");
}

/** undefined: the run does not fail. */
export async function shrink(o: RunOptions, s: ShrinkOptions): Promise<Shrunk | undefined> {
  const from = await s.run(o);
  const why = failure_of(from);
  if (why === undefined) return undefined;
  const profile = o.profile ?? "quick";
  const scenario: SimScenario = {
    comments: [],
    seed: o.seed,
    profile,
    seconds: o.seconds ?? PROFILES[profile].seconds,
    script: {
      osds: from.osds,
      pools: PROFILES[profile].pools.map((p) => p.name),
      load: { ...DEFAULT_LOAD, ...PROFILES[profile].load },
      ...o.script,
      strikes: from.strikes,
    },
    fails: why,
  };
  const shrinker = new Shrinker(scenario, from, s);
  await shrinker.reduce();
  return { scenario: shrinker.best, runs: shrinker.runs, from, to: shrinker.result };
}

type Change = (s: SimScenario) => SimScenario | undefined;

class Shrinker {
  readonly #o: ShrinkOptions;
  readonly #kind: string;
  best: SimScenario;
  result: RunResult;
  runs = 1;

  constructor(scenario: SimScenario, result: RunResult, o: ShrinkOptions) {
    this.#o = o;
    this.#kind = failure_kind(scenario.fails ?? "");
    this.best = scenario;
    this.result = result;
  }
  get #spent(): boolean {
    return this.runs >= this.#o.max_runs || this.#o.expired?.() === true;
  }
  /** Until nothing can be left out, or the runs are spent. */
  async reduce(): Promise<void> {
    for (let smaller = true; smaller && !this.#spent; ) {
      smaller = await this.#strikes();
      for (const change of CHANGES) while (await this.#try(change(this.best))) smaller = true;
    }
  }
  /** True: it fails in the same way, and is the best from now on. */
  async #try(candidate: SimScenario | undefined): Promise<boolean> {
    if (!candidate || this.#spent) return false;
    this.runs++;
    const r = await this.#o.run(run_options_of(candidate));
    const why = failure_of(r);
    if (why === undefined || failure_kind(why) !== this.#kind) return false;
    this.best = { ...candidate, fails: why };
    this.result = r;
    this.#o.on_step?.(this.best, this.runs);
    return true;
  }
  /** ddmin: without larger parts first, then without smaller ones. */
  async #strikes(): Promise<boolean> {
    let smaller = false;
    let parts = 2;
    for (;;) {
      const all = this.best.script.strikes ?? [];
      if (all.length === 0) return smaller;
      const size = Math.ceil(all.length / parts);
      let cut = false;
      // From the end: what came late is seldom the cause.
      for (let at = Math.floor((all.length - 1) / size) * size; at >= 0 && !cut; at -= size) {
        cut = await this.#try(
          with_strikes(this.best, [...all.slice(0, at), ...all.slice(at + size)]),
        );
      }
      if (cut) {
        smaller = true;
        parts = Math.max(2, parts - 1);
      } else if (size === 1 || this.#spent) return smaller;
      else parts = Math.min(all.length, parts * 2);
    }
  }
}

function with_strikes(s: SimScenario, strikes: readonly Strike[]): SimScenario {
  return { ...s, script: { ...s.script, strikes } };
}
type Load = NonNullable<SimScenario["script"]["load"]>;

function with_load(name: keyof Load, less: (n: number) => number): Change {
  return (s) => {
    const before = s.script.load?.[name];
    if (before === undefined) return undefined;
    const after = less(before);
    if (!(after < before)) return undefined;
    return { ...s, script: { ...s.script, load: { ...s.script.load, [name]: after } } };
  };
}
/** Steps towards less; each is done as long as the run still fails. */
const CHANGES: readonly Change[] = [
  (s) => shorter(s),
  (s) => fewer_pools(s, 0),
  (s) => fewer_pools(s, 1),
  (s) => fewer_osds(s),
  with_load("kill_mean_ms", () => 0),
  with_load("cold", (n) => Math.floor(n / 2)),
  with_load("hot", (n) => Math.max(1, n - 1)),
  with_load("ops_per_second", (n) => Math.max(0.25, n / 2)),
  with_load("clients", (n) => Math.max(1, n - 1)),
];

/** Faults and load end soon after the last fault. */
function shorter(s: SimScenario): SimScenario | undefined {
  const last_s = Math.max(0, ...(s.script.strikes ?? []).map((x) => x.at_ms / 1000));
  const seconds = Math.ceil((s.seconds + last_s) / 2);
  return seconds < s.seconds ? { ...s, seconds } : undefined;
}
function fewer_pools(s: SimScenario, which: number): SimScenario | undefined {
  const pools = s.script.pools ?? [];
  if (pools.length < 2 || which >= pools.length) return undefined;
  const left = pools.filter((_, i) => i !== which);
  return { ...s, script: { ...s.script, pools: left } };
}
function fewer_osds(s: SimScenario): SimScenario | undefined {
  const { osds } = s.script;
  return osds !== undefined && osds > 3
    ? { ...s, script: { ...s.script, osds: osds - 1 } }
    : undefined;
}
