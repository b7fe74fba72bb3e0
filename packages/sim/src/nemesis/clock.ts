/** Faults of clocks. Drift is that of a bad crystal: leases rest on rates being alike. */
import type { Field, Outcome } from "@tako/client/chaos";
import type { World } from "../World.ts";
import type { SimFault } from "./SimFault.ts";

export const CLOCK_FAULTS: readonly SimFault[] = [
  { kind: "clock_jump", weight: 2, gentle: true, strike: jump },
  { kind: "clock_drift", weight: 2, gentle: true, strike: drift },
];
const MAX_DRIFT = 200e-6;
const DAY_MS = 86_400_000;

function machine(f: Field<World>): number | "mon.a" {
  return f.rng.chance(0.2) ? "mon.a" : f.rng.pick(f.world.osd_ids);
}
/** Somebody sets the wall clock, in either direction. */
function jump(f: Field<World>): Outcome {
  const who = machine(f);
  const ms = Math.round(f.rng.between(-1, 1) * f.rng.pick([500, 60_000, DAY_MS]));
  f.note(`clock of ${who} jumps by ${ms} ms`);
  f.world.skew_of(who).ahead_ms += ms;
  return true;
}
function drift(f: Field<World>): Outcome {
  const who = machine(f);
  const rate = 1 + f.rng.between(-MAX_DRIFT, MAX_DRIFT);
  f.note(`clock of ${who} goes at ${rate.toFixed(6)}`);
  f.world.skew_of(who).set_rate(rate, f.world.scheduler.now_ms);
  return true;
}
