/** `npm run sim`: seeded runs, one line for each that fails, then what they add up to. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { coverage_file, must_pass_all, type RunCoverage, unreached } from "../run_coverage.ts";
import { type Args, parse_args, USAGE, UsageError } from "./args.ts";
import { run_one } from "./run_one.ts";
import { run_seeds } from "./run_seeds.ts";
import { Summary } from "./Summary.ts";
import type { SeedReport } from "./seed_report.ts";
import { shrink_seed } from "./shrink_seed.ts";

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** How to have the run again, before anybody's eyes. */
function repeat_command(a: Args, seed: number): string {
  const wire = a.wire ? " --wire" : "";
  const plant = a.plant === null ? "" : ` --plant ${a.plant}`;
  return `npm run sim -- --seed ${seed} --profile ${a.profile} --seconds ${a.seconds}${wire}${plant} --trace`;
}

function show_progress(s: Summary, a: Args, started: number): void {
  if (!process.stderr.isTTY) return;
  const rate = s.done / Math.max(0.001, (Date.now() - started) / 1000);
  const failed = s.failed > 0 ? `, ${s.failed} FAILED` : "";
  const total = a.to - a.from + 1;
  process.stderr.write(`\r\x1b[K${s.done}/${total} seeds, ${rate.toFixed(1)}/s${failed} `);
}

/** Says what was never passed, where that is asked; how much of it is a failure. */
function report_coverage(args: Args, c: RunCoverage): number {
  const never = unreached(c);
  const { profile, seconds, from, to, coverage, plant } = args;
  const red = plant === null && must_pass_all({ profile, seconds, seeds: to - from + 1 });
  if (red || coverage !== null) for (const name of never) say(`never passed: ${name}`);
  if (coverage !== null) {
    const command = `npm run sim -- --seeds ${from}-${to} --profile ${profile} --seconds ${seconds}`;
    writeFileSync(coverage, coverage_file(c, command));
  }
  return red ? never.length : 0;
}

/** For the first seed that fails by itself; more is for those who ask. */
const AUTO_SHRINK_S = 60;

/** In a process of its own, as somebody would ask for it. */
function shrink_alone(args: Args, seed: number): Promise<void> {
  const { profile, seconds, plant } = args;
  const argv = ["--seed", `${seed}`, "--profile", profile, "--seconds", `${seconds}`];
  if (args.wire) argv.push("--wire");
  if (plant !== null) argv.push("--plant", plant);
  const file = fileURLToPath(new URL("../main.js", import.meta.url));
  argv.push("--shrink", `seed-${seed}.txt`, "--shrink-seconds", `${AUTO_SHRINK_S}`);
  const child = spawn(process.execPath, [file, ...argv], { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve());
  });
}

async function shrink_asked(args: Args, file: string): Promise<number> {
  const fails = await shrink_seed(args.from, args, file, args.shrink_ms, say);
  if (!fails) say(`seed ${args.from} does not fail`);
  return fails ? 1 : 0;
}

async function run_many(args: Args): Promise<number> {
  const started = Date.now();
  let first_failed: number | undefined;
  const summary = new Summary();
  const on_seed = (r: SeedReport) => {
    summary.add(r);
    if (args.hashes) say(`${r.seed} ${r.hash}`);
    if (r.failure !== null) {
      first_failed ??= r.seed;
      if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
      if (args.from === args.to) for (const line of r.tail) say(`  ${line}`);
      say(`seed ${r.seed} FAILED: ${r.failure}`);
      say(`repeat: ${repeat_command(args, r.seed)}`);
    }
    show_progress(summary, args, started);
  };
  const coverage = await run_seeds(args, on_seed);
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  const wall_ms = Date.now() - started;
  if (first_failed !== undefined && args.auto_shrink) await shrink_alone(args, first_failed);
  const num_unreached = report_coverage(args, coverage);
  // The verdict is the last line.
  for (const line of summary.lines(wall_ms, coverage, num_unreached)) say(line);
  return summary.failed + num_unreached > 0 ? 1 : 0;
}

/** Runs the command; its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  let args: Args | "help";
  try {
    args = parse_args(argv);
  } catch (e) {
    if (!(e instanceof UsageError)) throw e;
    process.stderr.write(`sim: ${e.message}\nsim: \`npm run sim -- --help\` shows what there is\n`);
    return 2;
  }
  if (args === "help") {
    process.stdout.write(USAGE);
    return 0;
  }
  if (args.shrink !== null) return shrink_asked(args, args.shrink);
  const watched = args.trace || args.log || args.until_ms !== null;
  return watched ? run_one(args, say) : run_many(args);
}
