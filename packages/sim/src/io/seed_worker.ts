/** A thread of `npm run sim --jobs N`: runs the seeds that it is given, one after the other. */
import { parentPort, workerData } from "node:worker_threads";
import { plant } from "../plants/io/plant.ts";
import type { SeedOptions } from "./args.ts";
import { report_of } from "./seed_report.ts";

if (!parentPort) throw new Error("seed_worker runs as a worker only");
const port = parentPort;
const options = workerData as SeedOptions;
// Errors are answers here (ENOENT by the thousand); where one comes from is for --trace to show.
Error.stackTraceLimit = 0;

if (options.plant !== null) plant(options.plant);
// Only now, so that the loader sees every file of the product.
const [{ run_seed }, { coverage_now }] = await Promise.all([
  import("../run_seed.ts"),
  import("../run_coverage.ts"),
]);

port.on("message", (seed: number | null) => {
  if (seed === null) {
    port.postMessage({ coverage: coverage_now() });
    port.close();
    return;
  }
  report_of(seed, options, run_seed).then(
    (r) => port.postMessage(r),
    (e: unknown) => {
      throw e;
    },
  );
});
