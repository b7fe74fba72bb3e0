/**
 * Two histories of a PG. A write reaches the primary's disk and nobody else's. The next primary takes
 * its log entry over, dies before it has the data or has told anybody, and the first one with it. A third
 * goes on with others, without the write, which nobody had been promised; then the two come back, and one
 * of them has to forget a version of an object that it knows only by name. Every member had all that was acknowledged, and
 * nobody else is disturbed meanwhile.
 */
import type { Field, Outcome, PoolRef } from "@tako/client/chaos";
import { ev_lt, is_erasure, type Message, type pg_t } from "@tako/common";
import type { PG } from "@tako/osd";
import type { World } from "../World.ts";
import { await_down, calm, clean_pg_of, disturb_nobody, start_held } from "./alone.ts";
import type { SimFault } from "./SimFault.ts";
import { watch } from "./watch.ts";

export const BRANCH_FAULTS: readonly SimFault[] = [
  { kind: "two_branches", weight: 2, strike: two_branches },
];

/** For each step. */
const LONGEST_MS = 5000;
/** After that all that was written has been committed. */
const TO_DISK_MS = 100;

interface Plan {
  readonly pool: PoolRef;
  readonly oid: string;
  /** The first is the primary. */
  readonly members: readonly [number, number, number];
  readonly pgid: pg_t;
  readonly away_ms: number;
}

function two_branches(f: Field<World>): Outcome {
  if (!calm(f) || f.world.net.stall) return false;
  const pool = f.some_pool((p) => {
    return !is_erasure(p.info) && p.info.size >= 3 && !p.name.startsWith("side");
  });
  if (!pool) return false;
  const oid = `branch.${f.rng.int(1000)}`;
  const at = clean_pg_of(f, pool, oid);
  const [a, b, c] = at?.acting ?? [];
  if (!at || a === undefined || b === undefined || c === undefined) return false;
  const away_ms = f.rng.between(500, 4000);
  const plan = { pool, oid, pgid: at.pgid, members: [a, b, c] as const, away_ms };
  return disturb_nobody(f, () => diverge(f, plan));
}

async function diverge(f: Field<World>, p: Plan): Promise<boolean> {
  const { net } = f.world;
  const [a, b] = p.members;
  const split = await keep_to_itself(f, p);
  const known = split && (await hand_over(f, p));
  net.stall = null;
  net.unstall();
  if (!known) {
    await f.ask({ prefix: "osd rm-primary-temp", pgid: p.pgid });
    return false;
  }
  await await_down(f, [a, b], true);
  await f.insist({ prefix: "osd rm-primary-temp", pgid: p.pgid });
  await goes_on(f, p);
  await f.pause(p.away_ms);
  start_held(f, [a, b]);
  await f.ask({ prefix: "osd in", ids: [`${a}`, `${b}`] });
  return true;
}

function pg_at(f: Field<World>, osd: number, pgid: pg_t): PG | undefined {
  return f.world.osd(osd)?.pgs.find_primary(pgid);
}

/** The first one writes; what it tells the others stays on the wire. */
async function keep_to_itself(f: Field<World>, p: Plan): Promise<boolean> {
  const { pgid, oid, pool } = p;
  const [a, b, c] = p.members;
  const io = await f.world.operator.open_ioctx(pool.name);
  await io.write_full(oid, "before");
  const pg = pg_at(f, a, pgid);
  if (!pg?.is_primary() || f.ended) return false;
  const before = pg.peering.info.last_update;
  f.world.net.stall = (from, to, m) => {
    return from === `osd.${a}` && (to === `osd.${b}` || to === `osd.${c}`) && m.type === "rep_op";
  };
  // Answered when all is well again, or never.
  io.write_full(oid, "after").catch(() => undefined);
  const written = await watch(f, LONGEST_MS, (at) => {
    return at === pg && ev_lt(before, at.peering.info.last_update);
  });
  await f.pause(TO_DISK_MS);
  return written;
}

/** The second one leads, and reads in the log of the first what it lacks. Both die. */
async function hand_over(f: Field<World>, { pgid, members: [a, b, c] }: Plan): Promise<boolean> {
  const { net } = f.world;
  const reset = pg_at(f, a, pgid)?.last_peering_reset ?? 0;
  if (!(await f.ask({ prefix: "osd primary-temp", pgid, id: b }))) return false;
  const news = (osd: number) => (pg_at(f, osd, pgid)?.last_peering_reset ?? 0) > reset;
  // The write is of an interval that is over now: they will not take it.
  const over = (news(b) && news(c)) || (await watch(f, LONGEST_MS, () => news(b) && news(c)));
  if (!over) return false;
  net.stall = (from, to, m) => from === `osd.${b}` && to === `osd.${c}` && activates(m);
  net.unstall();
  const merged = await watch(f, LONGEST_MS, (pg) => {
    const here = pg.host.whoami === b && pg.pgid === pgid && pg.is_primary();
    return here && pg.peering.missing.have_missing();
  });
  if (!merged) return false;
  // It is not active before all members are, and pulls nothing until then.
  await f.pause(TO_DISK_MS);
  for (const id of [a, b]) {
    f.held.add(id);
    f.world.kill_osd(id, true);
  }
  return true;
}
function activates(m: Message): boolean {
  return m.type === "pg_log" || m.type === "pg_info";
}

/** With others in their places the third one begins an interval in which writes are taken. */
async function goes_on(f: Field<World>, { pgid, members: [, , c] }: Plan): Promise<void> {
  const active = ({ peering }: PG) => peering.is_active() && peering.acting_set_writeable();
  await watch(f, 2 * LONGEST_MS, (pg) => pg.host.whoami === c && pg.pgid === pgid && active(pg));
}
