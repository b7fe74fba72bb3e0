/** Orders to single PGs: scrubs, repairs, peering again, recovery out of turn. */
import type { Fault, Outcome } from "./Fault.ts";
import type { Field } from "./Field.ts";

export const PG_FAULTS: readonly Fault[] = [
  { kind: "scrub", weight: 2, gentle: true, strike: (f) => scrub(f) },
  { kind: "repeer", weight: 2, strike: (f) => order(f, "pg repeer") },
  { kind: "force_recovery", weight: 2, gentle: true, strike: force },
];

function order(f: Field, prefix: string): Outcome {
  const pgid = f.some_pg();
  return pgid === undefined ? false : f.ask({ prefix, pgid });
}
function scrub(f: Field): Outcome {
  const what = f.rng.pick(["scrub", "deep-scrub", "repair"]);
  if (f.rng.chance(0.7)) return order(f, `pg ${what}`);
  return f.ask({ prefix: `osd ${what}`, who: "*" });
}
function force(f: Field): Outcome {
  const pgid = f.some_pg();
  if (pgid === undefined) return false;
  const what = f.rng.pick(["recovery", "backfill"]);
  const cancel = { prefix: `pg cancel-force-${what}`, pgid: [pgid] };
  if (f.rng.chance(0.5)) f.lasting(100, () => void f.ask(cancel));
  return f.ask({ prefix: `pg force-${what}`, pgid: [pgid] });
}
