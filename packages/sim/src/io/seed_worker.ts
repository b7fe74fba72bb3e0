/** A process of `npm run sim`: runs the seeds that it is given, one after the other. */
import { plant } from "../plants/io/plant.ts";
import type { SeedOptions } from "./args.ts";
import { report_of, type WorkerMessage } from "./seed_report.ts";

const options = JSON.parse(process.argv[2] ?? "") as SeedOptions;
// Errors are answers here (ENOENT by the thousand); where one comes from is for --trace to show.
Error.stackTraceLimit = 0;

if (options.plant !== null) plant(options.plant);
// Only now, so that the loader sees every file of the product.
const [{ run_seed }, { coverage_now }] = await Promise.all([
  import("../run_seed.ts"),
  import("../run_coverage.ts"),
]);

function say(m: WorkerMessage, then?: () => void): void {
  process.send?.(m, undefined, {}, then);
}

process.on("message", async (m: number | "end") => {
  if (m === "end") say({ type: "end", coverage: coverage_now() }, () => process.disconnect());
  else say({ type: "report", report: await report_of(m, options, run_seed) });
});
say({ type: "ready" });
