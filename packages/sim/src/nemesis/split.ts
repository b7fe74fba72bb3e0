/** PGs that divide while some member lacks objects: both halves have to know what they miss. */
import type { Field, Outcome, PoolRef } from "@tako/client/chaos";
import { pg_ps, type pg_t } from "@tako/common";
import type { World } from "../World.ts";
import type { SimFault } from "./SimFault.ts";
import { alone, watch } from "./watch.ts";

export const SPLIT_FAULTS: readonly SimFault[] = [
  { kind: "split_degraded", weight: 2, strike: split_degraded },
];

const LONGEST_MS = 10_000;
/** Enough for the map with the new number to be everywhere. */
const SPREAD_MS = 1500;

function split_degraded(f: Field<World>): Outcome {
  const max = f.options.max_pg_num;
  const pool = f.some_pool((p) => p.info.pg_num < max && !p.name.startsWith("side"));
  const id = f.may_kill ? f.some_osd(f.alive.filter((o) => !f.held.has(o))) : undefined;
  if (!pool || id === undefined || f.gentle_only) return false;
  const away_ms = f.rng.between(1500, 4000);
  return alone(f, "split_degraded", () => divide(f, pool, id, away_ms));
}

/** The least pg_num with which this PG has a child; 0: there would be too many PGs. */
function number_to_split(f: Field<World>, pgid: pg_t, pool: number): number {
  const from = f.pools.find((p) => p.id === pool)?.info.pg_num ?? f.options.max_pg_num;
  const ps = pg_ps(pgid);
  for (let child = from; child < f.options.max_pg_num; child++) {
    // A child differs from its parent in the highest bit.
    if (child - 2 ** Math.floor(Math.log2(child)) === ps) return child + 1;
  }
  return 0;
}

/** An OSD misses some writes, and while it is to get no copies of them, the PGs divide. */
async function divide(
  f: Field<World>,
  pool: PoolRef,
  id: number,
  away_ms: number,
): Promise<boolean> {
  if (!(await f.ask({ prefix: "osd set", key: "norecover" }))) return false;
  f.world.kill_osd(id);
  await f.pause(away_ms);
  if (!f.held.has(id)) f.world.start_osd(id);
  let pg_num = 0;
  const lacking = await watch(f, LONGEST_MS, (pg) => {
    if (!pg.is_primary() || !pg.pgid.startsWith(`${pool.id}.`)) return false;
    if (!pg.peering.is_active() || !pg.peering.needs_recovery()) return false;
    pg_num = number_to_split(f, pg.pgid, pool.id);
    return pg_num > 0;
  });
  const grow = { prefix: "osd pool set", pool: pool.name, var: "pg_num", val: `${pg_num}` };
  const grown = lacking && (await f.ask(grow));
  if (grown) await f.pause(SPREAD_MS);
  await f.ask({ prefix: "osd unset", key: "norecover" });
  return grown;
}
