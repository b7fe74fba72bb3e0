/** What moves PGs: CRUSH, overrides, the numbers of PGs. */
import { is_erasure } from "@tako/common";
import type { Fault, Outcome } from "./Fault.ts";
import type { Field, PoolRef } from "./Field.ts";

export const PLACEMENT_FAULTS: readonly Fault[] = [
  { kind: "grow_pg_num", weight: 2, strike: grow_pg_num },
  { kind: "grow_pgp_num", weight: 1, strike: grow_pgp_num },
  { kind: "crush_reweight", weight: 2, strike: crush_reweight },
  { kind: "crush_move", weight: 1, strike: crush_move },
  { kind: "crush_rule", weight: 1, strike: crush_rule },
  { kind: "upmap", weight: 2, strike: upmap },
  { kind: "rm_upmap", weight: 1, strike: rm_upmap },
  { kind: "pg_temp", weight: 1, strike: pg_temp },
  { kind: "primary_temp", weight: 1, strike: primary_temp },
  { kind: "many_maps", weight: 1, strike: many_maps },
];

function set(f: Field, pool: PoolRef, key: string, val: number | string): Outcome {
  return f.ask({ prefix: "osd pool set", pool: pool.name, var: key, val: `${val}` });
}
/** PGs split. */
function grow_pg_num(f: Field): Outcome {
  const max = f.options.max_pg_num;
  const pool = f.some_pool((p) => p.info.pg_num < max);
  if (!pool) return false;
  const { pg_num } = pool.info;
  return set(f, pool, "pg_num", Math.min(max, pg_num + 1 + f.rng.int(pg_num)));
}
/** The children are placed by themselves, and move. */
function grow_pgp_num(f: Field): Outcome {
  const pool = f.some_pool((p) => p.info.pgp_num < p.info.pg_num);
  return pool ? set(f, pool, "pgp_num", pool.info.pg_num) : false;
}
function crush_reweight(f: Field): Outcome {
  const id = f.some_osd();
  if (id === undefined) return false;
  const set_weight = (weight: number) =>
    f.ask({ prefix: "osd crush reweight", name: `osd.${id}`, weight });
  f.lasting(1000, () => void set_weight(1));
  return set_weight(f.rng.pick([0, 0.5, 2, 3]));
}
/** A host gets into another rack: no rule asks for racks, yet everything is drawn anew. */
function crush_move(f: Field): Outcome {
  if (!f.world.mon_running) return false;
  const id = f.some_osd();
  const host = f.world.host_of(id ?? 0);
  const rack = `rack${f.rng.int(2)}`;
  if (f.rng.chance(0.3)) {
    return f.ask({ prefix: "osd crush move", name: host, args: ["root=default"] });
  }
  return f.ask_all([
    { prefix: "osd crush add-bucket", name: rack, type: "rack", args: ["root=default"] },
    { prefix: "osd crush move", name: host, args: [`rack=${rack}`] },
  ]);
}
/** A pool gets another rule: copies on different OSDs, or on different hosts. */
function crush_rule(f: Field): Outcome {
  const pool = f.some_pool((p) => !is_erasure(p.info));
  if (!pool) return false;
  const type = f.rng.pick(["osd", "host"]);
  const name = `by_${type}`;
  const make = { prefix: "osd crush rule create-replicated", name, root: "default", type };
  const use = { prefix: "osd pool set", pool: pool.name, var: "crush_rule", val: name };
  return f.ask_all([make, use]);
}
function upmap(f: Field): Outcome {
  const pgid = f.some_pg();
  if (pgid === undefined) return false;
  const { up } = f.world.osdmap.pg_to_up_acting_osds(pgid);
  const from = f.some_osd(up.filter((o) => f.world.osd_ids.includes(o)));
  const to = f.some_osd(f.world.osd_ids.filter((o) => !up.includes(o)));
  if (from === undefined || to === undefined) return false;
  return f.ask({ prefix: "osd pg-upmap-items", pgid, id: [`${from}`, `${to}`] });
}
function rm_upmap(f: Field): Outcome {
  if (!f.world.mon_running) return false;
  const pgs = [...f.world.osdmap.pg_upmap_items.keys()].sort();
  if (pgs.length === 0) return false;
  return f.ask({ prefix: "osd rm-pg-upmap-items", pgid: f.rng.pick(pgs) });
}
/** Some other set serves for a while, in another order. */
function pg_temp(f: Field): Outcome {
  const pgid = f.some_pg();
  if (pgid === undefined) return false;
  const { acting } = f.world.osdmap.pg_to_up_acting_osds(pgid);
  const osds = acting.filter((o) => f.world.osd_ids.includes(o));
  const erasure = f.pools.some((p) => is_erasure(p.info) && pgid.startsWith(`${p.id}.`));
  if (osds.length < 2 || erasure) return false;
  return f.ask({ prefix: "osd pg-temp", pgid, id: osds.reverse().map(String) });
}
function primary_temp(f: Field): Outcome {
  const pgid = f.some_pg();
  if (pgid === undefined) return false;
  const { acting } = f.world.osdmap.pg_to_up_acting_osds(pgid);
  const id = f.some_osd(acting.filter((o) => f.world.osd_ids.includes(o)));
  if (id === undefined) return false;
  f.lasting(1000, () => void f.ask({ prefix: "osd rm-primary-temp", pgid }));
  return f.ask({ prefix: "osd primary-temp", pgid, id });
}
/** One epoch after the other: who is slow, or away, falls behind what the monitor keeps. */
function many_maps(f: Field): Outcome {
  const id = f.some_osd();
  if (id === undefined) return false;
  const n = 5 + f.rng.int(40);
  for (let i = 0; i < n; i++) {
    const weight = i % 2 === 0 && i + 1 < n ? 0.5 : 1;
    f.later(i * 30, () => void f.ask({ prefix: "osd primary-affinity", id, weight }));
  }
  return true;
}
