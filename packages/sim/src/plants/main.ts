/** `npm run sim:plants`: is every planted bug found, and after how many seeds? */
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { find_plant, type Hunt, PLANTS } from "./plants.ts";

const USAGE = `usage: sim:plants [NAME ...] [--max-seeds N] [--jobs N]

Runs the simulator with one deliberate defect at a time (default: every one) until a checker objects.

  --max-seeds N  give a plant up after this many seeds (default 2000)
  --jobs N       processes side by side (default: as many as there are cores)
`;

interface Args {
  readonly names: readonly string[];
  readonly max_seeds: number;
  readonly jobs: number;
}

function fail_usage(why: string): never {
  process.stderr.write(`sim:plants: ${why}\n${USAGE}`);
  process.exit(2);
}

function count(text: string | undefined, otherwise: number, option: string): number {
  if (text === undefined) return otherwise;
  const n = Number(text);
  return Number.isInteger(n) && n > 0 ? n : fail_usage(`'${text}' is no number for ${option}`);
}

function parse(argv: string[]): Args {
  try {
    const { values: v, positionals } = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        "max-seeds": { type: "string" },
        jobs: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (v.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    const unknown = positionals.find((n) => !find_plant(n));
    if (unknown !== undefined) {
      fail_usage(`no plant is called '${unknown}': ${PLANTS.map((p) => p.name).join(", ")}`);
    }
    return {
      names: positionals.length > 0 ? positionals : PLANTS.map((p) => p.name),
      max_seeds: count(v["max-seeds"], 2000, "--max-seeds"),
      jobs: count(v.jobs, availableParallelism(), "--jobs"),
    };
  } catch (e) {
    return fail_usage((e as Error).message);
  }
}

/** A process of its own for each plant: a module is loaded once in a process. */
function hunt_from(name: string, from: number, to: number, how: string): Promise<Hunt> {
  const file = fileURLToPath(new URL("./io/hunt.js", import.meta.url));
  const argv = [file, name, String(from), String(to), how];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (s: string) => {
      out += s;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(out) as Hunt);
      else reject(new Error(`the hunt for ${name} ended with code ${code}`));
    });
  });
}

/** Seeds that fail without the defect, too, say nothing about it. */
async function hunt(name: string, args: Args): Promise<Hunt> {
  const plant = find_plant(name);
  const how = plant?.profile ?? plant?.alone ?? "";
  for (let from = 1; ; ) {
    const h = await hunt_from(name, from, args.max_seeds, how);
    if (h.found === undefined) return h;
    const control = await hunt_from("", h.seed, h.seed, how);
    if (control.found === undefined) return h;
    process.stderr.write(`seed ${h.seed} fails without ${name}: ${control.found}\n`);
    from = h.seed + 1;
    if (from > args.max_seeds) return { name, seed: h.seed };
  }
}

async function main(): Promise<void> {
  const args = parse(process.argv.slice(2));
  const queue = [...args.names];
  let found = 0;
  const worker = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const h = await hunt(name, args);
      if (h.found !== undefined) found++;
      const verdict = h.found === undefined ? "NOT FOUND" : "found";
      const seeds = `${h.seed} seed${h.seed === 1 ? "" : "s"}`;
      process.stdout.write(`${name.padEnd(30)} ${verdict.padEnd(9)} ${seeds.padStart(10)}`);
      process.stdout.write(`  ${h.found ?? find_plant(name)?.what ?? ""}\n`);
    }
  };
  await Promise.all(Array.from({ length: args.jobs }, worker));
  const failed = args.names.length - found;
  process.stdout.write(`${found} passed, ${failed} failed\n`);
  process.exitCode = failed > 0 ? 1 : 0;
}

await main();
