/** He dies for whom a PG waits: whose log it is to have, or who is to serve in its place. */
import type { Field, Outcome } from "@tako/client/chaos";
import { CRUSH_ITEM_NONE } from "@tako/common";
import type { PG } from "@tako/osd";
import type { World } from "../World.ts";
import type { SimFault } from "./SimFault.ts";
import { alone, watch } from "./watch.ts";

export const AWAITED_FAULTS: readonly SimFault[] = [
  { kind: "kill_awaited", weight: 4, strike: kill_awaited },
];

const PATIENCE_MS = 20_000;

function kill_awaited(f: Field<World>): Outcome {
  if (!f.may_kill || f.gentle_only) return false;
  const state = f.rng.pick(["GetLog", "WaitActingChange"]);
  const ms = f.rng.between(500, 5000);
  return alone(f, "kill_awaited", () => strike(f, state, ms));
}
async function strike(f: Field<World>, state: string, ms: number): Promise<boolean> {
  let id: number | undefined;
  await watch(f, PATIENCE_MS, (pg) => {
    if (f.gentle_only || !f.may_kill || pg.peering.state_name !== state) return false;
    id = awaited(pg).find((o) => o !== pg.host.whoami && f.world.osd(o) !== undefined);
    return id !== undefined;
  });
  if (id === undefined || f.ended || f.gentle_only || !f.may_kill) return false;
  const victim = id;
  f.world.kill_osd(victim);
  f.later(ms, () => !f.held.has(victim) && f.world.start_osd(victim));
  return f.ask({ prefix: "osd down", ids: [`${victim}`] });
}
function awaited({ peering }: PG): readonly number[] {
  if (peering.state_name === "GetLog") return [...peering.blocked_by].sort((a, b) => a - b);
  // Erasure-coded sets have holes.
  return peering.want_acting.filter((o) => o !== CRUSH_ITEM_NONE);
}
