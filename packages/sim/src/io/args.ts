/** The command line of `npm run sim`: what it takes, and clear words for what it does not. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { is_profile, PROFILES, type ProfileName } from "@tako/client/chaos";
import { type InspectTarget, parse_inspect } from "../inspect.ts";
import { find_plant, PLANTS } from "../plants/plants.ts";

export const USAGE = `usage: npm run sim -- [--seeds A-B] [--profile P] [--jobs N] [--twice] ...
       npm run sim -- --seed N [--trace | --log] [--until T [--inspect WHAT ...]] ...

Runs whole clusters on virtual time, each decided by its seed: faults and load, then healing and checks.

which runs
  --seeds A-B      these seeds (default 1-200)
  --seed N         one seed
  --profile P      ${Object.keys(PROFILES).join(", ")} (default quick)
  --seconds S      virtual seconds of faults and load (default: those of the profile)
  --wire           every message goes through the codec, as over a socket (slower, same history)
  --plant NAME     with one deliberate defect: one of sim:plants

many seeds
  --jobs N         runs side by side (default: as many as there are cores)
  --twice          every seed twice: both event logs must be the same
  --hashes         print the hash of every seed's event log
  --no-shrink      leave the first seed that fails as it is (else it becomes a short scenario file)
  --coverage FILE  write what was passed to FILE, and print what never was

one seed
  --trace          one line an event: time, a column per OSD, what happened
  --log            the event log, with every message in full
  --shrink FILE    a seed that fails: with less of everything, as a scenario file
  --shrink-seconds S   time for that (default 600)
  --until T        stop at T virtual seconds
  --inspect WHAT   then print, as JSON, pg=1.0 | osd=2 | mon; may be given several times

exit code: 0 all passed, 1 a run failed, or many whole runs have left something out; 2 wrong arguments
`;

/** The command line cannot be understood; `message` says why. */
export class UsageError extends Error {}

/** What a worker has to know to run a seed. */
export interface SeedOptions {
  readonly profile: ProfileName;
  readonly seconds: number;
  readonly wire: boolean;
  readonly twice: boolean;
  readonly plant: string | null;
}
export interface Args extends SeedOptions {
  readonly from: number;
  readonly to: number;
  readonly jobs: number;
  readonly hashes: boolean;
  readonly coverage: string | null;
  /** After many seeds: the first that fails. */
  readonly auto_shrink: boolean;
  /** Of one seed. */
  readonly shrink: string | null;
  /** Time that it may take. */
  readonly shrink_ms: number;
  readonly trace: boolean;
  readonly log: boolean;
  /** Virtual ms; null: to the end. */
  readonly until_ms: number | null;
  readonly inspect: readonly InspectTarget[];
}

const OPTIONS = {
  seeds: { type: "string" },
  seed: { type: "string" },
  profile: { type: "string" },
  seconds: { type: "string" },
  wire: { type: "boolean" },
  plant: { type: "string" },
  jobs: { type: "string" },
  twice: { type: "boolean" },
  hashes: { type: "boolean" },
  coverage: { type: "string" },
  "no-shrink": { type: "boolean" },
  shrink: { type: "string" },
  "shrink-seconds": { type: "string" },
  trace: { type: "boolean" },
  log: { type: "boolean" },
  until: { type: "string" },
  inspect: { type: "string", multiple: true },
  help: { type: "boolean", short: "h" },
} as const;

/** "help": it was asked for. UsageError when something is wrong. */
export function parse_args(argv: readonly string[]): Args | "help" {
  const v = read(argv);
  if (v.help === true) return "help";
  if (v.seed !== undefined && v.seeds !== undefined) {
    throw new UsageError("--seed and --seeds exclude each other");
  }
  const [from, to] = v.seed === undefined ? range_of(v.seeds ?? "1-200") : one_seed(v.seed);
  const profile = v.profile ?? "quick";
  if (!is_profile(profile)) {
    throw new UsageError(`no profile '${profile}': one of ${Object.keys(PROFILES).join(", ")}`);
  }
  if (v.plant !== undefined && !find_plant(v.plant)) {
    throw new UsageError(`no plant '${v.plant}': one of ${PLANTS.map((p) => p.name).join(", ")}`);
  }
  const args: Args = {
    from,
    to,
    profile,
    seconds: positive(v.seconds, "--seconds") ?? PROFILES[profile].seconds,
    wire: v.wire === true,
    twice: v.twice === true,
    plant: v.plant ?? null,
    jobs: count(v.jobs, "--jobs") ?? availableParallelism(),
    hashes: v.hashes === true,
    coverage: v.coverage ?? null,
    auto_shrink: v["no-shrink"] !== true,
    shrink: v.shrink ?? null,
    shrink_ms: 1000 * (positive(v["shrink-seconds"], "--shrink-seconds") ?? SHRINK_S),
    trace: v.trace === true,
    log: v.log === true,
    until_ms: until_of(v.until),
    inspect: (v.inspect ?? []).map(target_of),
  };
  check_one_seed(args, v.seed !== undefined);
  return args;
}

function read(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: false }).values;
  } catch (e) {
    // Its first sentence says what is wrong; the others explain how to escape dashes.
    const text = e instanceof Error ? e.message : String(e);
    throw new UsageError(text.split(/\.\s/)[0] ?? text);
  }
}

function check_one_seed(a: Args, one: boolean): void {
  if (a.trace && a.log) throw new UsageError("--trace and --log exclude each other");
  if (a.inspect.length > 0 && a.until_ms === null) {
    throw new UsageError("--inspect needs --until: when to look");
  }
  if (one) return;
  const wrong = Object.entries({
    "--trace": a.trace,
    "--log": a.log,
    "--until": a.until_ms !== null,
    "--shrink": a.shrink !== null,
  }).find(([, given]) => given);
  if (wrong) throw new UsageError(`${wrong[0]} needs --seed: it looks at one run`);
}

const SHRINK_S = 600;
const MAX_SEED = 0xffffffff;
function seed_of(text: string): number {
  const n = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (n <= MAX_SEED) return n;
  throw new UsageError(`'${text}' is not a seed: a whole number up to ${MAX_SEED}`);
}
function one_seed(text: string): [number, number] {
  const n = seed_of(text);
  return [n, n];
}
function range_of(text: string): [number, number] {
  const [a = "", b = a, more] = text.split("-");
  if (more !== undefined) throw new UsageError(`'${text}' is not a range of seeds, as 1-200`);
  const [from, to] = [seed_of(a), seed_of(b)];
  if (from > to) throw new UsageError(`--seeds ${text}: the range is empty`);
  return [from, to];
}
function positive(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  const n = text.trim() === "" ? Number.NaN : Number(text);
  if (n > 0 && n < 1e9) return n;
  throw new UsageError(`'${text}' is no number of seconds for ${option}`);
}
function count(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  const n = Number(text);
  if (/^\d+$/.test(text) && n >= 1 && n <= 1024) return n;
  throw new UsageError(`'${text}' is no number for ${option}: 1 to 1024`);
}
function until_of(text: string | undefined): number | null {
  const seconds = positive(text, "--until");
  return seconds === undefined ? null : seconds * 1000;
}
function target_of(text: string): InspectTarget {
  const target = parse_inspect(text);
  if (!target) throw new UsageError(`--inspect ${text}: one of pg=<pgid>, osd=<id>, mon`);
  return target;
}
