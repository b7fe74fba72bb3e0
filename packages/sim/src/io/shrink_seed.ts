/** A seed that fails, as a short scenario file: --shrink, and by itself after a failure. */
import { writeFileSync } from "node:fs";
import { type SimScenario, sim_scenario_text } from "@tako/client/chaos";
import { run_seed } from "../run_seed.ts";
import { tell } from "../shrink/play_sim.ts";
import { type Shrunk, shrink } from "../shrink/shrink.ts";
import type { SeedOptions } from "./args.ts";

/** Runs to spend on one seed. */
const MAX_RUNS = 300;

/** Writes `file` and shows it. False: the seed does not fail. */
export async function shrink_seed(
  seed: number,
  o: SeedOptions,
  file: string,
  max_ms: number,
  out: (line: string) => void,
): Promise<boolean> {
  const deadline = Date.now() + max_ms;
  const shrunk = await shrink(
    { seed, profile: o.profile, seconds: o.seconds, wire: o.wire },
    { run: run_seed, max_runs: MAX_RUNS, expired: () => Date.now() > deadline, on_step: progress },
  );
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  if (!shrunk) return false;
  const scenario = { ...shrunk.scenario, comments: comments_of(shrunk, o) };
  const { story } = await tell(scenario);
  const text = [sim_scenario_text(scenario).trimEnd(), "----", ...story, ""].join("\n");
  writeFileSync(file, text);
  out(text.trimEnd());
  out(`that is ${file}: npm run scenario ${file}`);
  return true;
}

function progress(s: SimScenario, runs: number): void {
  if (!process.stderr.isTTY) return;
  const n = s.script.strikes?.length ?? 0;
  process.stderr.write(`\r\x1b[Kshrinking: ${n} faults, ${s.script.osds} OSDs after ${runs} runs `);
}

/** What it was made from, as the comment above. */
function comments_of({ from, to, runs }: Shrunk, o: SeedOptions): string[] {
  const planted = o.plant === null ? "" : ` --plant ${o.plant}`;
  const { seed } = from;
  return [
    `# Shrunk from: npm run sim -- --seed ${seed} --profile ${o.profile} --seconds ${o.seconds}${planted}`,
    `# ${to.strikes.length} of ${from.strikes.length} faults, ${to.osds} of ${from.osds} OSDs, ` +
      `${to.ops} of ${from.ops} operations; ${runs} runs.`,
  ];
}
