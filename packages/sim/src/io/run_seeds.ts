/** Runs many seeds in several threads; what is told of them comes in the order of the seeds. */
import { Worker } from "node:worker_threads";
import { merge_coverage, NO_COVERAGE, type RunCoverage } from "../run_coverage.ts";
import type { Args, SeedOptions } from "./args.ts";
import type { SeedReport, WorkerEnd } from "./seed_report.ts";

/** A run makes much that does not live long: with room for it, little is copied. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 192 };

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
  const take = (): number | null => (next <= to ? next++ : null);
  const tell = (r: SeedReport) => {
    done.set(r.seed, r);
    for (let due = done.get(told); due; due = done.get(told)) {
      done.delete(told++);
      on_seed(due);
    }
  };
  const workers = Array.from({ length: Math.min(args.jobs, to - from + 1) }, () =>
    run_worker(options, take, tell),
  );
  const coverages = await Promise.all(workers);
  return coverages.reduce(merge_coverage, NO_COVERAGE);
}

/** One thread, until there are no more seeds; resolves with what its runs have passed. */
function run_worker(
  workerData: SeedOptions,
  take: () => number | null,
  tell: (r: SeedReport) => void,
): Promise<RunCoverage> {
  return new Promise((resolve, reject) => {
    const file = new URL("./seed_worker.js", import.meta.url);
    const worker = new Worker(file, { workerData, resourceLimits: RESOURCE_LIMITS });
    let seed = take();
    worker.postMessage(seed);
    worker.on("message", (m: SeedReport | WorkerEnd) => {
      if ("coverage" in m) {
        resolve(m.coverage);
        return;
      }
      tell(m);
      seed = take();
      worker.postMessage(seed);
    });
    worker.on("error", (e) => {
      reject(new Error(`the thread of seed ${seed} broke: ${e.message}`, { cause: e }));
    });
    worker.on("exit", () => reject(new Error(`the thread of seed ${seed} ended`)));
  });
}
