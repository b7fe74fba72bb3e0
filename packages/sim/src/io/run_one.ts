/** `npm run sim -- --seed N` with eyes on it: --trace, --log, --until, --inspect. */
import { inspect } from "../inspect.ts";
import { run_seed } from "../run_seed.ts";
import { Tracer } from "../Tracer.ts";
import type { World } from "../World.ts";
import type { Args } from "./args.ts";
import { describe_error } from "./seed_report.ts";

/** Not an error: the run has come to where it was to stop. */
class Stop extends Error {}

/** Runs the one seed and prints; the exit code. */
export async function run_one(args: Args, out: (line: string) => void): Promise<number> {
  let world: World | undefined;
  const r = await run_seed({
    seed: args.from,
    profile: args.profile,
    seconds: args.seconds,
    wire: args.wire,
    ...(args.log && { trace: out }),
    watch: (w) => {
      world = w;
      if (args.trace) new Tracer(w, out).start();
      if (args.until_ms === null) return;
      w.scheduler.schedule(args.until_ms, () => {
        throw new Stop();
      });
    },
  });
  const stopped = r.error instanceof Stop;
  if (stopped || args.until_ms !== null) {
    for (const target of args.inspect) {
      out(JSON.stringify(world ? inspect(world, target) : {}, plain, 2));
    }
  }
  if (stopped || r.ok) {
    const at = (r.virtual_ms / 1000).toFixed(3);
    out(`seed ${r.seed} ${stopped ? "stopped" : "passed"} at ${at} s, event log ${r.hash}`);
    return 0;
  }
  out(`seed ${r.seed} FAILED at ${(r.virtual_ms / 1000).toFixed(3)} s: ${describe_error(r.error)}`);
  return 1;
}

/** Maps, sets and bytes as JSON can show them. */
function plain(_key: string, v: unknown): unknown {
  if (v instanceof Map) return Object.fromEntries(v);
  if (v instanceof Set) return [...v];
  return v instanceof Uint8Array ? `${v.length} bytes` : v;
}
