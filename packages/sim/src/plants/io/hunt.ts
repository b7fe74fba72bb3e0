/** One process of `npm run sim:plants`: runs seeds with one plant until a run fails. */
import type { Hunt } from "../plants.ts";
import { plant } from "./plant.ts";

const [name = "", max_seeds = "2000", seconds = "20"] = process.argv.slice(2);
if (!plant(name)) throw new Error(`no plant is called '${name}'`);
// Only now, so that the loader sees every file of the product.
const { run_seed } = await import("../../run_seed.ts");

async function hunt(): Promise<Hunt> {
  const max = Number(max_seeds);
  for (let seed = 1; seed <= max; seed++) {
    const r = await run_seed({ seed, seconds: Number(seconds) });
    if (!r.ok) return { name, seeds: seed, found: first_line(r.error) };
  }
  return { name, seeds: max };
}

function first_line(e: unknown): string {
  return (e instanceof Error ? e.message : String(e)).split("\n")[0] ?? "";
}

// The only output: what main.ts reads.
process.stdout.write(`${JSON.stringify(await hunt())}\n`);
