/**
 * Two OSDs at once, given up as lost while every PG has all its copies: a code with one chunk to spare is
 * incomplete then, until they come back after all. Replicas have a third copy, so nothing that was
 * acknowledged is lost, and nobody else is disturbed meanwhile.
 */
import { is_erasure } from "@tako/common";
import type { Fault, Outcome } from "./Fault.ts";
import type { Field } from "./Field.ts";

export const LOST_FAULTS: readonly Fault[] = [{ kind: "two_lost", weight: 2, strike: two_lost }];

/** Links are fast while nothing else is wrong. */
const PAUSE_REACHES_CLIENTS_MS = 1000;

interface Plan {
  readonly lost: readonly number[];
  /** Long dead, and not missed: turns up with an old copy while others look for a newer one. */
  readonly forgotten: number | undefined;
  /** The operator asks for less while nothing works. */
  readonly lowers: boolean;
  readonly away_ms: number;
  /** They are up again, but out: sources that are no members. 0: they are in. */
  readonly out_ms: number;
}

function two_lost(f: Field): Outcome {
  const few = f.pools.some((p) => !is_erasure(p.info) && p.info.size < 3);
  const calm = f.lost_disk === undefined && f.num_lasting === 0 && f.dead.length === 0;
  if (few || !calm || f.alive.length < 5 || !f.clean) return false;
  const [a, b, c] = shuffled(f, f.alive);
  if (a === undefined || b === undefined) return false;
  return f.work(
    lose(f, {
      lost: [a, b],
      forgotten: f.rng.chance(0.3) ? c : undefined,
      lowers: f.rng.chance(0.4),
      away_ms: f.rng.between(1000, 6000),
      out_ms: f.rng.chance(0.5) ? f.rng.between(2000, 9000) : 0,
    }),
  );
}
function shuffled(f: Field, ids: readonly number[]): number[] {
  const left = [...ids];
  const out: number[] = [];
  while (left.length > 0) out.push(...left.splice(f.rng.int(left.length), 1));
  return out;
}

async function lose(f: Field, plan: Plan): Promise<boolean> {
  f.gentle_only = true;
  const { forgotten, lost } = plan;
  const before = plan.lowers ? await raise_min_size(f) : [];
  if (forgotten !== undefined) {
    await kill(f, forgotten);
    await f.insist({ prefix: "osd out", ids: [`${forgotten}`] });
  }
  await f.when(() => f.clean || f.ended);
  const others_serve = forgotten !== undefined || plan.out_ms > 0;
  const clean = await (others_serve ? hold_io(f) : f.clean);
  if (clean) await give_up(f, plan);
  if (others_serve) await f.insist({ prefix: "osd unset", key: "pause" });
  if (forgotten !== undefined) start(f, forgotten);
  for (const cmd of before) await f.ask(cmd);
  if (clean) await f.pause(plan.away_ms / 2);
  for (const id of lost) start(f, id);
  const out = [...(plan.out_ms > 0 ? lost : []), ...(forgotten === undefined ? [] : [forgotten])];
  if (out.length > 0) {
    f.later(plan.out_ms, () => void f.ask({ prefix: "osd in", ids: out.map((id) => `${id}`) }));
  }
  void f
    .when(() => f.clean)
    .then(() => {
      f.gentle_only = false;
    });
  return clean;
}

/**
 * With others beside it, the forgotten one or whom CRUSH puts where the lost ones were, a shard that lives is
 * enough for the PG to become active: a write that only this one has would stand in the log then, and nobody
 * could ever build its chunks. So there is none under way.
 */
async function hold_io(f: Field): Promise<boolean> {
  await f.insist({ prefix: "osd set", key: "pause" });
  await f.pause(PAUSE_REACHES_CLIENTS_MS);
  await f.when(() => (f.clean && f.world.is_idle) || f.ended);
  return f.clean && f.world.is_idle;
}

async function give_up(f: Field, { lost, out_ms, away_ms }: Plan): Promise<void> {
  // At once: a copy that is written meanwhile is on all that live.
  for (const id of lost) f.world.kill_osd(id);
  for (const id of lost) await kill(f, id);
  for (const id of lost) await f.insist({ prefix: "osd lost", id, yes_i_really_mean_it: true });
  if (out_ms > 0) await f.insist({ prefix: "osd out", ids: lost.map((id) => `${id}`) });
  await f.pause(away_ms / 2);
}

async function kill(f: Field, id: number): Promise<void> {
  const { world } = f;
  f.held.add(id);
  world.kill_osd(id);
  while (!(world.mon_running && world.osdmap.is_down(id))) {
    await f.ask({ prefix: "osd down", ids: [`${id}`] });
    await f.pause(200);
  }
}
function start(f: Field, id: number): void {
  f.held.delete(id);
  f.world.start_osd(id);
}

/** Codes need all their chunks to serve. Returns the commands that undo it. */
async function raise_min_size(f: Field): Promise<{ prefix: string; [k: string]: unknown }[]> {
  const undo = [];
  for (const { name, info } of f.pools) {
    if (!is_erasure(info) || info.min_size >= info.size) continue;
    const cmd = { prefix: "osd pool set", pool: name, var: "min_size" };
    await f.ask({ ...cmd, val: `${info.size}` });
    undo.push({ ...cmd, val: `${info.min_size}` });
  }
  return undo;
}
