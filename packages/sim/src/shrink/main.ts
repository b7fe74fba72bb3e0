/** `npm run sim:shrink`: from a seed that fails to a short scenario file. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { is_profile, PROFILES, type ProfileName } from "../profiles.ts";
import { run_seed } from "../run_seed.ts";
import { tell } from "./play_sim.ts";
import { type Shrunk, shrink } from "./shrink.ts";
import { type SimScenario, sim_scenario_text } from "./sim_scenario.ts";

const USAGE = `usage: sim:shrink --seed N [--profile NAME] [--seconds S] [--max-runs N] [--out FILE]

Runs a seed that fails again and again with less: fewer faults, OSDs, pools, operations, as long as it
fails in the same way. Writes a scenario file that \`npm run scenario FILE\` repeats.

  --max-runs N   runs to spend (default 200)
  --out FILE     default seed-N.txt
`;

interface Args {
  readonly seed: number;
  readonly profile: ProfileName;
  readonly seconds: number | undefined;
  readonly max_runs: number;
  readonly out: string;
}

function fail_usage(why: string): never {
  process.stderr.write(`sim:shrink: ${why}\n${USAGE}`);
  process.exit(2);
}
function number(name: string, text: string): number {
  const n = Number(text);
  return n > 0 ? n : fail_usage(`${name}: '${text}' is no positive number`);
}
function parse(argv: string[]): Args {
  try {
    const { values: v } = parseArgs({
      args: argv,
      options: {
        seed: { type: "string" },
        profile: { type: "string", default: "quick" },
        seconds: { type: "string" },
        "max-runs": { type: "string", default: "200" },
        out: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (v.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    if (v.seed === undefined) return fail_usage("which seed?");
    if (!is_profile(v.profile)) {
      return fail_usage(`no profile '${v.profile}': ${Object.keys(PROFILES).join(", ")}`);
    }
    const seed = number("--seed", v.seed);
    return {
      seed,
      profile: v.profile,
      seconds: v.seconds === undefined ? undefined : number("--seconds", v.seconds),
      max_runs: number("--max-runs", v["max-runs"]),
      out: v.out ?? `seed-${seed}.txt`,
    };
  } catch (e) {
    return fail_usage((e as Error).message);
  }
}

/** What it was made from, as the comment above. */
function comments_of(a: Args, s: Shrunk): string[] {
  const seconds = a.seconds === undefined ? "" : ` --seconds ${a.seconds}`;
  const { from, to } = s;
  return [
    `# Shrunk from: npm run sim -- --seed ${a.seed} --profile ${a.profile}${seconds}`,
    `# ${to.strikes.length} of ${from.strikes.length} faults, ${to.osds} of ${from.osds} OSDs, ` +
      `${to.ops} of ${from.ops} operations; ${s.runs} runs.`,
  ];
}

async function main(): Promise<void> {
  const a = parse(process.argv.slice(2));
  const on_step = (s: SimScenario, runs: number) => {
    const n = s.script.strikes?.length ?? 0;
    process.stderr.write(`${runs} runs: ${n} faults, ${s.script.osds} OSDs, ${s.seconds} s\n`);
  };
  const { seed, profile, seconds } = a;
  const run = { seed, profile, ...(seconds !== undefined && { seconds }) };
  const shrunk = await shrink(run, { run: run_seed, max_runs: a.max_runs, on_step });
  if (!shrunk) {
    process.stdout.write(`seed ${a.seed} does not fail\n`);
    return;
  }
  const scenario = { ...shrunk.scenario, comments: comments_of(a, shrunk) };
  const { story } = await tell(scenario);
  const text = [sim_scenario_text(scenario).trimEnd(), "----", ...story, ""].join("\n");
  writeFileSync(a.out, text);
  process.stdout.write(`${text}\nrepeat: npm run scenario ${a.out}\n`);
  process.exitCode = 1;
}

await main();
