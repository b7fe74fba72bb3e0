/**
 * The scenario file of a seeded run: which part of what the seed has is played, and how it ends. It
 * is what shrinking gives, and what `npm run scenario FILE` repeats. docs/scenario-files.md.
 */
import { CommandError, parse_scenario, scenario_ms, scenario_options } from "@tako/common";
import { is_profile, type Profile, type ProfileName } from "./profiles.ts";
import { SimRng } from "./SimRng.ts";

/** One blow: what is to be repeated to have it again. */
export interface Strike {
  /** Since the faults began, ms; virtual in the simulator. */
  readonly at_ms: number;
  readonly kind: string;
  /** Which stream of chance decides whom it hits, and how hard. */
  readonly stream: number;
}
/** Streams of chance from here on are those of strikes. */
const STRIKES = 100_000;
export function rng_of_strike(seed: number, stream: number): SimRng {
  return new SimRng(seed, STRIKES + stream);
}

/** A part of a run. What is not named is as the profile and the seed have it. */
export interface RunScript {
  readonly osds?: number;
  /** By name. */
  readonly pools?: readonly string[];
  readonly load?: Profile["load"];
  readonly strikes?: readonly Strike[];
}

export interface SimScenario {
  readonly comments: readonly string[];
  readonly seed: number;
  readonly profile: ProfileName;
  readonly seconds: number;
  readonly script: RunScript;
  /** First words of the failure; undefined: the run must be clean. */
  readonly fails: string | undefined;
}

const LOAD = ["clients", "hot", "cold", "ops_per_second", "kill_mean_ms"] as const;

/** The file, without what happened. */
export function sim_scenario_text(s: SimScenario): string {
  const { osds, pools, load, strikes } = s.script;
  const words = [`sim seed=${s.seed}`, `profile=${s.profile}`, `seconds=${s.seconds}`];
  if (osds !== undefined) words.push(`osds=${osds}`);
  if (pools) words.push(`pools=${pools.join(",")}`);
  for (const k of LOAD) if (load?.[k] !== undefined) words.push(`${k}=${load[k]}`);
  return [
    ...s.comments,
    words.join(" "),
    ...(strikes ?? []).map((x) => `at ${x.at_ms}ms ${x.kind} ${x.stream}`),
    s.fails === undefined ? "holds" : `fails ${s.fails}`,
    "",
  ].join("\n");
}

function bad(line: number, why: string): CommandError {
  return new CommandError("EINVAL", `line ${line}: ${why}`);
}

/** CommandError EINVAL, with the number of the line, for what is no such file. */
export function parse_sim_scenario(text: string): SimScenario {
  const [block] = parse_scenario(text);
  const [first, ...steps] = block?.steps ?? [];
  if (!block || !first?.text.startsWith("sim ")) {
    throw bad(first?.line ?? 1, "a seeded scenario begins with: sim seed=N profile=NAME seconds=S");
  }
  const strikes: Strike[] = [];
  let end: { fails: string | undefined } | undefined;
  for (const { line, text: step } of steps) {
    const [word = "", ...args] = step.split(/\s+/);
    if (word === "at") strikes.push(parse_strike(line, args));
    else if (word === "holds") end = { fails: undefined };
    else if (word === "fails") end = { fails: step.slice("fails ".length) };
    else throw bad(line, `'${word}': at, holds or fails`);
  }
  if (!end) throw bad(steps.at(-1)?.line ?? first.line, "the last step is holds, or fails WHY");
  const head = parse_head(first.line, scenario_options(first.text.split(/\s+/).slice(1)));
  const script = { ...head.script, strikes };
  return { comments: block.comments, ...head, script, ...end };
}

function parse_head(
  line: number,
  o: Record<string, string>,
): Pick<SimScenario, "seed" | "profile" | "seconds" | "script"> {
  const number = (name: string) => {
    const n = Number(o[name]);
    if (o[name] === "" || !(n >= 0)) throw bad(line, `${name}=${o[name]} is no number`);
    return n;
  };
  const profile = o.profile ?? "quick";
  if (!is_profile(profile)) throw bad(line, `no profile is called '${profile}'`);
  const load: { [K in (typeof LOAD)[number]]?: number } = {};
  for (const k of LOAD) if (o[k] !== undefined) load[k] = number(k);
  const script = {
    ...(o.osds !== undefined && { osds: number("osds") }),
    ...(o.pools !== undefined && { pools: o.pools.split(",") }),
    load,
  };
  return { seed: number("seed"), profile, seconds: number("seconds"), script };
}
function parse_strike(line: number, [time, kind = "", stream = ""]: readonly string[]): Strike {
  const at_ms = scenario_ms(time);
  if (at_ms === undefined || kind === "" || !/^\d+$/.test(stream)) {
    throw bad(line, "at TIME KIND STREAM, as: at 3.5s kill_osd 17");
  }
  return { at_ms, kind, stream: Number(stream) };
}
