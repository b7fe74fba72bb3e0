/**
 * A copy of an object that cannot be read for a while, of all copies the one that is needed just then.
 * Only of objects of its own, which nobody else writes; the other copies are good, and come back.
 */
import type { Field, Outcome, PoolRef } from "@tako/client/chaos";
import { type hobject_t, is_erasure, parse_hobject, type pg_t, StoreError } from "@tako/common";
import type { coll_t, MemStore, PG } from "@tako/osd";
import type { World } from "../World.ts";
import { await_down, calm, clean_pg_of, disturb_nobody, start_held } from "./alone.ts";
import type { SimFault } from "./SimFault.ts";
import { watch } from "./watch.ts";

export const DAMAGE_FAULTS: readonly SimFault[] = [
  { kind: "last_copy_damaged", weight: 6, strike: last_copy },
  { kind: "damaged_source", weight: 5, strike: source },
];

const LONGEST_MS = 10_000;

interface Plan {
  readonly pool: PoolRef;
  readonly oid: string;
  readonly pgid: pg_t;
  /** Its copy, or chunk, is the bad one. */
  readonly victim: number;
  readonly away: readonly number[];
  readonly away_ms: number;
  readonly bit: number;
}
interface Damage {
  readonly store: MemStore;
  readonly pool: PoolRef;
  readonly soid: hobject_t;
  readonly bit: number;
}

// ---------------------------------------------------------------- the bits

/** undefined: there is no such object on this disk. */
function damage(f: Field<World>, { victim, pool, pgid, oid, bit }: Plan): Damage | undefined {
  const store = f.world.store(victim);
  for (const coll of store.list_collections()) {
    if (coll !== `${pgid}_head` && !coll.startsWith(`${pgid}s`)) continue;
    const { objects } = store.collection_list(coll, "MIN", "MAX", Number.MAX_SAFE_INTEGER);
    const soid = objects.find((o) => parse_hobject(o)?.oid === oid);
    if (!soid || !store.flip_bit(coll, soid, bit)) continue;
    f.note(`${oid} cannot be read on osd.${victim}`);
    return { store, pool, soid, bit };
  }
  return undefined;
}
/** If it has not been replaced by a good one meanwhile. */
function undo(f: Field<World>, d: Damage | undefined): void {
  const coll = d && where_is(d);
  if (!d || coll === undefined) return;
  f.note(`${d.soid} can be read again`);
  d.store.flip_bit(coll, d.soid, d.bit);
}
/** undefined: nowhere any more. Its PG may have split meanwhile. */
function where_is({ store, pool, soid }: Damage): coll_t | undefined {
  return store.list_collections().find((c) => {
    const has = c.startsWith(`${pool.id}.`) && c.endsWith("_head") && store.exists(c, soid);
    return has && !is_readable(store, c, soid);
  });
}
function is_readable(store: MemStore, coll: coll_t, soid: hobject_t): boolean {
  try {
    store.read(coll, soid, 0, 0);
    return true;
  } catch (e) {
    if (e instanceof StoreError && e.detail.code === "EIO") return false;
    throw e;
  }
}

// ---------------------------------------------------------------- who

/** Backfill reads it: of PGs with a short log that has been trimmed. */
function last_copy(f: Field<World>): Outcome {
  if (!calm(f)) return false;
  const pool = f.some_pool((p) => p.info.size <= f.alive.length && !p.name.startsWith("side"));
  if (!pool) return false;
  for (let i = 0; i < 8; i++) {
    const plan = draw(f, pool, "last");
    const pg = plan && f.world.osd(plan.victim)?.pgs.find_primary(plan.pgid);
    if (!plan || !pg || pg.peering.info.log_tail.version === 0) continue;
    return disturb_nobody(f, () => bury(f, plan));
  }
  return false;
}
/** One stays of a replicated PG, k of an erasure-coded one; that chunk is the bad one. */
function draw(f: Field<World>, pool: PoolRef, name: string): Plan | undefined {
  const oid = `${name}.${f.rng.int(1000)}`;
  const at = clean_pg_of(f, pool, oid);
  if (!at) return undefined;
  const { pgid, acting } = at;
  const k = is_erasure(pool.info) ? pool.info.size - spare(f, pool) : 1;
  const order = f.rng.chance(0.5) ? acting : acting.toReversed();
  const [victim] = order;
  const away_ms = f.rng.between(500, 3000);
  const bit = f.rng.int(1 << 16);
  if (victim === undefined || acting.length < pool.info.size) return undefined;
  return { pool, oid, pgid, victim, away: order.slice(k), away_ms, bit };
}
/** Chunks that may be lost. */
function spare(f: Field<World>, pool: PoolRef): number {
  const profile = f.world.osdmap.erasure_code_profiles.get(pool.info.erasure_code_profile);
  return Number(profile?.get("m") ?? 1);
}

// ---------------------------------------------------------------- the last good copy

/**
 * The others are away and given up; their successors are to be filled from a copy that turns out to be
 * bad. Until one of the others shows up nobody has the object.
 */
async function bury(f: Field<World>, p: Plan): Promise<boolean> {
  const io = await f.world.operator.open_ioctx(p.pool.name);
  await io.write_full(p.oid, p.oid.repeat(20));
  if (f.ended) return false;
  const bad = damage(f, p);
  if (!bad) return false;
  for (const id of p.away) {
    f.held.add(id);
    f.world.kill_osd(id);
  }
  await await_down(f, p.away, true);
  let at: PG | undefined;
  const buried = await watch(f, LONGEST_MS, (pg) => {
    if (pg.pgid !== p.pgid || !has_stopped(pg) || !pg.peering.have_unfound()) return false;
    at = pg;
    return true;
  });
  await f.pause(p.away_ms);
  // They are no members: they can only be asked.
  start_held(f, p.away);
  if (buried) await watch(f, LONGEST_MS, (pg) => pg === at && !has_stopped(pg));
  await f.ask({ prefix: "osd in", ids: p.away.map(String) });
  undo(f, bad);
  return buried;
}
function has_stopped({ peering }: PG): boolean {
  return peering.state_name === "NotBackfilling" || peering.state_name === "NotRecovering";
}

// ---------------------------------------------------------------- a bad source

/** Replicated, with two that have the object: one of them cannot read it. */
function source(f: Field<World>): Outcome {
  if (!calm(f)) return false;
  const pool = f.some_pool(({ info, name }) => {
    return !is_erasure(info) && info.size >= 3 && info.min_size <= 2 && !name.startsWith("side");
  });
  const plan = pool && draw(f, pool, "source");
  if (!plan) return false;
  const [primary] = clean_pg_of(f, plan.pool, plan.oid)?.acting ?? [];
  const others = [plan.victim, ...plan.away].filter((o) => o !== primary);
  const victim = f.some_osd(others);
  if (primary === undefined || victim === undefined) return false;
  return disturb_nobody(f, () => pull_twice(f, { ...plan, victim, away: [primary] }));
}
/** The primary misses a write, and comes back for the object. */
async function pull_twice(f: Field<World>, p: Plan): Promise<boolean> {
  const io = await f.world.operator.open_ioctx(p.pool.name);
  await io.write_full(p.oid, "before");
  for (const id of p.away) {
    f.held.add(id);
    f.world.kill_osd(id);
  }
  await await_down(f, p.away, false);
  await io.write_full(p.oid, "after");
  const bad = damage(f, p);
  start_held(f, p.away);
  const back = await watch(f, LONGEST_MS, (pg) => {
    const here = pg.pgid === p.pgid && p.away.includes(pg.host.whoami);
    if (!here || !pg.is_primary()) return false;
    return pg.peering.is_active() && !pg.peering.missing.have_missing();
  });
  undo(f, bad);
  return back && bad !== undefined;
}
