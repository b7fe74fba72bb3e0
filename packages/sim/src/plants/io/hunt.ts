/** One process of `npm run sim:plants`: runs seeds with one plant until a run fails. */
import type { RunOptions } from "../../run_seed.ts";
import type { Hunt } from "../plants.ts";
import { plant } from "./plant.ts";

const [name = "", from = "1", to = "2000", how = ""] = process.argv.slice(2);
// Without a name: does the seed fail by itself?
if (name !== "" && !plant(name)) throw new Error(`no plant is called '${name}'`);
// Only now, so that the loader sees every file of the product.
const { is_profile } = await import("@tako/client/chaos");
const { run_seed } = await import("../../run_seed.ts");

/** Most defects need no long runs. */
const SHORT_S = 10;
/** Runs with one fault: by then there is something to read. */
const ALONE_MS = 6000;
const ALONE_S = 16;

function run_of(seed: number): RunOptions {
  if (is_profile(how)) return { seed, profile: how };
  if (how === "") return { seed, seconds: SHORT_S };
  const strikes = [{ at_ms: ALONE_MS, kind: how, stream: 0 }];
  return { seed, seconds: ALONE_S, script: { strikes } };
}

async function hunt(): Promise<Hunt> {
  const last = Number(to);
  for (let seed = Number(from); seed <= last; seed++) {
    const r = await run_seed(run_of(seed));
    if (!r.ok) return { name, seed, found: first_line(r.error) };
  }
  return { name, seed: last };
}

function first_line(e: unknown): string {
  return (e instanceof Error ? e.message : String(e)).split("\n")[0] ?? "";
}

// The only output: what main.ts reads.
process.stdout.write(`${JSON.stringify(await hunt())}\n`);
