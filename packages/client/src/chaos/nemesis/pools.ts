/** Pools: their sizes change; a pool beside those that are in use comes and goes. */
import { is_erasure } from "@tako/common";
import type { Fault, Outcome } from "./Fault.ts";
import type { Field } from "./Field.ts";

export const POOL_FAULTS: readonly Fault[] = [
  { kind: "pool_size", weight: 1, strike: size },
  { kind: "pool_min_size", weight: 2, strike: min_size },
  { kind: "pool_create", weight: 1, strike: create },
  { kind: "pool_delete", weight: 1, strike: remove },
  { kind: "pool_rename", weight: 0.5, gentle: true, strike: rename },
];

const SIDE = /^side/;

/** One more copy, or one less, with all others there. */
function size(f: Field): Outcome {
  const pool = f.some_pool((p) => !is_erasure(p.info) && !SIDE.test(p.name));
  if (!pool || !f.clean) return false;
  const { size: was, min_size: min_was } = pool.info;
  const n = was === 2 ? 3 : f.rng.pick([was - 1, was + 1]);
  const set = (val: number, min: number) =>
    f.ask_all([
      { prefix: "osd pool set", pool: pool.name, var: "size", val: `${val}` },
      { prefix: "osd pool set", pool: pool.name, var: "min_size", val: `${min}` },
    ]);
  f.lasting(2000, () => void set(was, min_was));
  return set(n, Math.min(n, min_was));
}
/** Stricter for a while, and then as before; never laxer: that could lose what was acknowledged. */
function min_size(f: Field): Outcome {
  const pool = f.some_pool((p) => p.info.min_size < p.info.size && !SIDE.test(p.name));
  if (!pool) return false;
  const set = (val: number) =>
    f.ask({ prefix: "osd pool set", pool: pool.name, var: "min_size", val: `${val}` });
  const was = pool.info.min_size;
  f.lasting(1000, () => void set(was));
  return set(was + 1);
}
function create(f: Field): Outcome {
  const there = f.pools.filter((p) => SIDE.test(p.name));
  if (!f.world.mon_running || there.length >= 2) return false;
  const pool = `side${f.rng.int(1000)}`;
  const cmd = { prefix: "osd pool create", pool, pg_num: 1 + f.rng.int(4) };
  return f.ask(f.rng.chance(0.3) ? { ...cmd, pool_type: "erasure", ...SMALL_CODE } : cmd);
}
const SMALL_CODE = { erasure_code_profile: "small" };
function remove(f: Field): Outcome {
  const pool = f.some_pool((p) => SIDE.test(p.name))?.name;
  if (pool === undefined) return false;
  return f.ask({
    prefix: "osd pool delete",
    pool,
    pool2: pool,
    yes_i_really_really_mean_it: true,
  });
}
function rename(f: Field): Outcome {
  const pool = f.some_pool((p) => SIDE.test(p.name))?.name;
  if (pool === undefined) return false;
  const destpool = `side${1000 + f.rng.int(1000)}`;
  return f.ask({ prefix: "osd pool rename", srcpool: pool, destpool });
}
