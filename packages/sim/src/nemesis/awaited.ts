/**
 * He dies for whom a PG waits: whose log it is to have, who is to serve in its place, or whose disk has
 * not got a write yet that all others have.
 */
import type { Field, Outcome } from "@tako/client/chaos";
import { CRUSH_ITEM_NONE, ev_lt, type eversion_t } from "@tako/common";
import type { PG } from "@tako/osd";
import type { World } from "../World.ts";
import type { SimFault } from "./SimFault.ts";
import { alone, watch } from "./watch.ts";

export const AWAITED_FAULTS: readonly SimFault[] = [
  { kind: "kill_awaited", weight: 4, strike: kill_awaited },
  { kind: "kill_in_commit", weight: 4, strike: kill_in_commit },
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
  kill_for(f, id, ms);
  return f.ask({ prefix: "osd down", ids: [`${id}`] });
}
function awaited({ peering }: PG): readonly number[] {
  if (peering.state_name === "GetLog") return [...peering.blocked_by].sort((a, b) => a - b);
  // Erasure-coded sets have holes.
  return peering.want_acting.filter((o) => o !== CRUSH_ITEM_NONE);
}
function kill_for(f: Field<World>, id: number, ms: number): void {
  f.world.kill_osd(id);
  f.later(ms, () => !f.held.has(id) && f.world.start_osd(id));
}

// ---------------------------------------------------------------- the last commit

/** A commit takes longer than all that is waited for here. */
const SLOW_MS = 4000;
const WRITE_WITHIN_MS = 3000;
/** By then the other members have the write, and have said so. */
const OTHERS_MS = 60;

/**
 * The disk of a member is slow; when a write has reached the member, it dies. Nobody may have been told
 * that it has the write. It is back before the others have got used to it, or after.
 */
function kill_in_commit(f: Field<World>): Outcome {
  if (!f.may_kill || f.gentle_only) return false;
  const id = f.some_osd(f.alive.filter((o) => !f.held.has(o) && !f.world.is_frozen(o)));
  if (id === undefined) return false;
  const away_ms = f.rng.between(5, f.rng.pick([50, 500, 5000]));
  const usual_ms = f.rng.between(0.05, 2);
  return alone(f, "kill_in_commit", () => die_in_commit(f, id, away_ms, usual_ms));
}
async function die_in_commit(
  f: Field<World>,
  id: number,
  away_ms: number,
  usual_ms: number,
): Promise<boolean> {
  const store = f.world.store(id);
  f.note(`disk of osd.${id} takes ${SLOW_MS} ms`);
  store.set_commit_latency_ms(SLOW_MS);
  const seen = new Map<PG, eversion_t>();
  const written = await watch(f, WRITE_WITHIN_MS, (pg) => {
    if (pg.host.whoami !== id || pg.peering.state_name !== "RepNotRecovering") return false;
    const { last_update } = pg.peering.info;
    const before = seen.get(pg);
    seen.set(pg, last_update);
    return before !== undefined && ev_lt(before, last_update);
  });
  if (written) await f.pause(OTHERS_MS);
  store.set_commit_latency_ms(usual_ms);
  const dies = written && !f.ended && !f.gentle_only && f.may_kill;
  if (dies) kill_for(f, id, away_ms);
  return dies;
}
