/**
 * Runs many seeds in several processes; what is told of them comes in the order of the seeds.
 * Processes, not threads: the options of V8 that suit runs can only be given to a process.
 */
import { type ChildProcess, fork } from "node:child_process";
import { merge_coverage, NO_COVERAGE, type RunCoverage } from "../run_coverage.ts";
import type { Args, SeedOptions } from "./args.ts";
import { broken_report, type SeedReport, type WorkerMessage } from "./seed_report.ts";

/**
 * A run makes much that does not live long: with room for it little is copied, and one thread is
 * enough for that, as every core has a run of its own. Code is spread over thousands of functions,
 * none of them hot: they are compiled, however roughly, when first called.
 */
const V8_OPTIONS = ["--max-semi-space-size=64", "--single-threaded-gc", "--always-sparkplug"];

/** `on_seed` is called for each seed, in order, as soon as it and all before it are done. */
export async function run_seeds(
  args: Args,
  on_seed: (r: SeedReport) => void,
): Promise<RunCoverage> {
  const { from, to, profile, seconds, wire, twice, plant } = args;
  const options: SeedOptions = { profile, seconds, wire, twice, plant };
  const done = new Map<number, SeedReport>();
  let next = from;
  let told = from;
  const tell = (r: SeedReport) => {
    done.set(r.seed, r);
    for (let due = done.get(told); due; due = done.get(told)) {
      done.delete(told++);
      on_seed(due);
    }
  };
  const queue: SeedQueue = { take: () => (next <= to ? next++ : null), tell };
  const workers = new Workers();
  try {
    const jobs = Math.min(args.jobs, to - from + 1);
    const lives = Array.from({ length: jobs }, () => work(workers, options, queue));
    return (await Promise.all(lives)).reduce(merge_coverage, NO_COVERAGE);
  } finally {
    workers.end_all();
  }
}

interface SeedQueue {
  /** null: there are no more. */
  readonly take: () => number | null;
  readonly tell: (r: SeedReport) => void;
}

/** One process after the other, as a seed may break one; resolves with what was passed. */
async function work(workers: Workers, options: SeedOptions, queue: SeedQueue) {
  let passed = NO_COVERAGE;
  for (;;) {
    const { coverage, broke } = await life_of(workers.start(options), queue);
    passed = merge_coverage(passed, coverage);
    if (!broke) return passed;
  }
}

/** Until there are no more seeds, or the process breaks: what its runs have passed is lost then. */
function life_of(child: ChildProcess, { take, tell }: SeedQueue): Promise<Life> {
  /** What it runs; undefined: it is not there yet. */
  let seed: number | null | undefined;
  let coverage: RunCoverage | undefined;
  return new Promise((resolve, reject) => {
    child.on("message", (m: WorkerMessage) => {
      if (m.type === "end") {
        coverage = m.coverage;
        return;
      }
      if (m.type === "report") tell(m.report);
      seed = take();
      // Of one that has ended in the meantime "close" tells.
      child.send(seed ?? "end", () => {});
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const how = `process ended with ${signal ?? `code ${code}`}`;
      if (coverage) resolve({ coverage, broke: false });
      else if (typeof seed !== "number") reject(new Error(`a ${how} that had no seed`));
      else {
        tell(broken_report(seed, `its ${how}`));
        resolve({ coverage: NO_COVERAGE, broke: true });
      }
    });
  });
}
interface Life {
  readonly coverage: RunCoverage;
  readonly broke: boolean;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The processes: none of them outlives this one, however it ends. */
class Workers {
  readonly #all = new Set<ChildProcess>();
  readonly #end_all = () => this.end_all();
  readonly #on_signal = (signal: NodeJS.Signals) => {
    this.end_all();
    process.kill(process.pid, signal);
  };

  constructor() {
    process.on("exit", this.#end_all);
    for (const s of SIGNALS) process.on(s, this.#on_signal);
  }
  start(options: SeedOptions): ChildProcess {
    const file = new URL("./seed_worker.js", import.meta.url);
    const child = fork(file, [JSON.stringify(options)], {
      execArgv: [...process.execArgv, ...V8_OPTIONS],
    });
    this.#all.add(child);
    child.on("close", () => this.#all.delete(child));
    return child;
  }
  end_all(): void {
    process.off("exit", this.#end_all);
    for (const s of SIGNALS) process.off(s, this.#on_signal);
    for (const child of this.#all) child.kill("SIGKILL");
  }
}
