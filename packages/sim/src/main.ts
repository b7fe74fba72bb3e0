/** `npm run sim -- --seeds 1-200`: seeded runs, one line for each failure, then a summary. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { is_profile, PROFILES, type ProfileName } from "./profiles.ts";
import {
  coverage_file,
  coverage_summary,
  merge_coverage,
  NO_COVERAGE,
  type RunCoverage,
  unreached,
} from "./run_coverage.ts";
import { type RunResult, run_seed } from "./run_seed.ts";

const USAGE = `usage: sim [--seeds A-B | --seed N] [--profile P] [--seconds S] [--trace] [--twice] [--wire] [--coverage FILE]

  --seeds A-B   run these seeds (default 1-200)
  --seed N      run one seed
  --profile P   quick (default), default, ec, maps or soak
  --seconds S   virtual seconds of faults and load in each run (default: those of the profile)
  --trace       print every event (with --seed)
  --twice       run each seed twice and compare the event logs
  --coverage F  write what was passed to file F, which docs/peering-states.md is made from
  --wire        send every message through the codec, as a socket would (slower)
`;

interface Args {
  readonly from: number;
  readonly to: number;
  readonly profile: ProfileName;
  readonly seconds: number;
  readonly trace: boolean;
  readonly twice: boolean;
  readonly wire: boolean;
  readonly coverage: string | undefined;
}

function fail_usage(why: string): never {
  process.stderr.write(`sim: ${why}\n${USAGE}`);
  process.exit(2);
}

function parse(argv: string[]): Args {
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      args: argv,
      options: {
        seeds: { type: "string" },
        seed: { type: "string" },
        profile: { type: "string", default: "quick" },
        seconds: { type: "string" },
        trace: { type: "boolean", default: false },
        twice: { type: "boolean", default: false },
        wire: { type: "boolean", default: false },
        coverage: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }));
  } catch (e) {
    return fail_usage((e as Error).message);
  }
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  const range = String(values.seed ?? values.seeds ?? "1-200");
  const m = /^(\d+)(?:-(\d+))?$/.exec(range);
  if (!m) return fail_usage(`'${range}' is not a seed or a range of seeds`);
  const profile = String(values.profile);
  if (!is_profile(profile)) return fail_usage(`'${profile}' is not a profile`);
  const seconds = Number(values.seconds ?? PROFILES[profile].seconds);
  if (!(seconds > 0)) return fail_usage(`'${values.seconds}' is not a number of seconds`);
  const from = Number(m[1]);
  return {
    from,
    to: Number(m[2] ?? from),
    profile,
    seconds,
    trace: values.trace === true,
    twice: values.twice === true,
    wire: values.wire === true,
    coverage: typeof values.coverage === "string" ? values.coverage : undefined,
  };
}

function report_failure(r: RunResult, { profile, seconds }: Args): void {
  for (const line of r.tail) process.stdout.write(`  ${line}\n`);
  const e = r.error;
  const detail = e instanceof Error && "detail" in e ? JSON.stringify(e.detail) : "";
  process.stdout.write(
    `seed ${r.seed} FAILED: ${e instanceof Error ? e.stack : String(e)} ${detail}\n`,
  );
  process.stdout.write(
    `repeat: npm run sim -- --seed ${r.seed} --profile ${profile} --seconds ${seconds} --trace\n`,
  );
}

/** Fewer seeds cannot be asked to have been everywhere. */
const SEEDS_FOR_COVERAGE = 300;

/** False: enough seeds were run, and something was never passed. */
function report_coverage(args: Args, c: RunCoverage): boolean {
  const never = unreached(c);
  const enough = args.profile === "default" && args.to - args.from + 1 >= SEEDS_FOR_COVERAGE;
  const red = never.length > 0 && enough;
  process.stdout.write(`passed: ${coverage_summary(c)}\n`);
  if (red || args.coverage !== undefined) {
    for (const name of never) process.stdout.write(`never passed: ${name}\n`);
  }
  if (args.coverage !== undefined) {
    const seeds = `--profile ${args.profile} --seeds ${args.from}-${args.to}`;
    writeFileSync(args.coverage, coverage_file(c, `npm run sim -- ${seeds}`));
  }
  return !red;
}

async function main(): Promise<void> {
  const args = parse(process.argv.slice(2));
  const trace = args.trace ? { trace: (l: string) => void process.stdout.write(`${l}\n`) } : {};
  const started = Date.now();
  let passed = 0;
  let failed = 0;
  let ops = 0;
  let virtual_ms = 0;
  let undecided = 0;
  let coverage = NO_COVERAGE;
  const faults = new Map<string, number>();
  for (let seed = args.from; seed <= args.to; seed++) {
    const { profile, seconds } = args;
    const run = { seed, profile, seconds, wire: args.wire, ...trace };
    const r = await run_seed(run);
    const again = args.twice ? await run_seed(run) : r;
    const same = again.hash === r.hash;
    if (r.ok && same) passed++;
    else {
      failed++;
      if (!r.ok) report_failure(r, args);
      if (!same)
        process.stdout.write(`seed ${seed} is not deterministic: ${r.hash} ${again.hash}\n`);
    }
    ops += r.ops;
    virtual_ms += r.virtual_ms;
    undecided += r.undecided.length;
    coverage = merge_coverage(coverage, r.coverage);
    for (const [name, n] of r.faults) faults.set(name, (faults.get(name) ?? 0) + n);
    if (process.stderr.isTTY) process.stderr.write(`\r${seed}/${args.to} `);
  }
  const wall_ms = Date.now() - started;
  const kinds = [...faults].sort().map(([name, n]) => `${name} ${n}`);
  process.stdout.write(`${ops} operations, faults: ${kinds.join(", ")}\n`);
  const ratio = (virtual_ms / Math.max(1, wall_ms)).toFixed(1);
  const wall = (wall_ms / 1000).toFixed(1);
  process.stdout.write(`${(virtual_ms / 1000).toFixed(0)} virtual s in ${wall} s (${ratio}x)\n`);
  if (undecided > 0) process.stdout.write(`${undecided} objects with undecided histories\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  const everywhere = report_coverage(args, coverage);
  process.exitCode = failed > 0 || !everywhere ? 1 : 0;
}

await main();
