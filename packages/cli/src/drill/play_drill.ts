/** Plays a scenario file against real processes, step by step. */
import { parse_scenario, type ScenarioStep, scenario_config, scenario_options } from "@tako/common";
import type { GlobalOptions } from "../cli_context.ts";
import type { ClusterDir } from "../cluster/ClusterDir.ts";
import { DrillError, DrillStage } from "./DrillStage.ts";
import { DRILL_STEPS } from "./drill_steps.ts";

export interface DrillOptions {
  readonly dir: ClusterDir;
  /** How long any wait may take. */
  readonly limit_ms: number;
  readonly g: GlobalOptions;
  /** Gets one line for each step. */
  readonly say: (line: string) => void;
}

/** How a drill went; one that fails throws. */
export interface DrillResult {
  readonly played: number;
  /** Expectations that only the simulator can look at. */
  readonly skipped: number;
}

/** The steps of the file; DrillError when one of them cannot be played with processes. */
export function drill_steps(text: string): ScenarioStep[] {
  const steps = parse_scenario(text).flatMap((b) => b.steps);
  const [first] = steps;
  if (!first?.text.startsWith("cluster")) {
    throw new DrillError("the first step must be: cluster osds=N");
  }
  for (const { line, text: step } of steps.slice(1)) {
    const [word = ""] = step.split(/\s+/);
    const known = Object.hasOwn(DRILL_STEPS, word) ? DRILL_STEPS[word] : undefined;
    if (known === undefined) throw new DrillError(`line ${line}: no such step: ${word}`);
    if (typeof known === "object") throw new DrillError(`line ${line}: ${word}: ${known.cannot}`);
  }
  return steps;
}

/** Starts a cluster of its own, plays, and ends it. DrillError names the line that failed. */
export async function play_drill(text: string, o: DrillOptions): Promise<DrillResult> {
  const [first, ...steps] = drill_steps(text);
  const stage = new DrillStage(o.dir, o.limit_ms);
  const began = Date.now();
  let skipped = 0;
  try {
    const args = scenario_options(first?.text.split(/\s+/).slice(1) ?? []);
    await stage.start(Number(args.osds ?? 4), scenario_config(args), o.g);
    o.say(`${stamp(began)} ${first?.text}`);
    for (const step of steps) {
      const outcome = await play(stage, step);
      if (outcome === "skip") skipped++;
      const shown = outcome === "skip" ? "  (only the simulator can see that)" : shown_of(outcome);
      o.say(`${stamp(began)} ${step.text}${shown}`);
    }
  } finally {
    await stage.end();
  }
  return { played: steps.length + 1 - skipped, skipped };
}

async function play(stage: DrillStage, { line, text }: ScenarioStep): Promise<unknown> {
  const [word = "", ...args] = text.split(/\s+/);
  const step = DRILL_STEPS[word];
  if (step === "skip") return "skip";
  try {
    return typeof step === "function" ? await step(stage, args) : undefined;
  } catch (e) {
    throw new DrillError(`line ${line}: ${text}: ${(e as Error).message}`, { cause: e });
  }
}
function shown_of(outcome: unknown): string {
  return typeof outcome === "string" ? `  -> ${outcome}` : "";
}
function stamp(began: number): string {
  return `${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s `;
}
