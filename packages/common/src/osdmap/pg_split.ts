/**
 * PG arithmetic: which PG an object hash falls into, and how PGs split and merge when pg_num moves.
 * Ceph counterpart: ceph_stable_mod (rados.h), pg_t (osd_types). cluster.md §1.6, peering.md §9.2.
 */
import { pg_pool, pg_ps, pg_t } from "../types/osd_types.ts";

/**
 * Like x mod b, but most x keep their value when b grows: `bmask` is one less than a power of two
 * that is not below b.
 */
export function ceph_stable_mod(x: number, b: number, bmask: number): number {
  const low = (x & bmask) >>> 0;
  return low < b ? low : (x & (bmask >>> 1)) >>> 0;
}

/** Number of bits of n: 0 for 0, 4 for 8..15. */
export function cbits(n: number): number {
  return n === 0 ? 0 : 32 - Math.clz32(n);
}

/** (smallest power of two >= n) - 1, for n >= 1. */
export function pg_num_mask(n: number): number {
  return (2 ** cbits(n - 1) - 1) >>> 0;
}

/** The PG out of `old_pg_num` whose hash range contains that of `pg`. */
export function get_ancestor(pg: pg_t, old_pg_num: number): pg_t {
  return pg_t(pg_pool(pg), ceph_stable_mod(pg_ps(pg), old_pg_num, pg_num_mask(old_pg_num)));
}

/** The PG that a split would have made `pg` from: its seed without the highest set bit. */
export function get_parent(pg: pg_t): pg_t {
  const ps = pg_ps(pg);
  return pg_t(pg_pool(pg), ps === 0 ? 0 : (ps & ~(2 ** (cbits(ps) - 1))) >>> 0);
}

/** Seeds in [old, new) that split off `pg`, ascending. Empty when `pg` keeps all it has. */
export function get_pg_children(pg: pg_t, old_pg_num: number, new_pg_num: number): pg_t[] {
  const ps = pg_ps(pg);
  const children: pg_t[] = [];
  if (ps >= old_pg_num || new_pg_num <= old_pg_num) return children;
  const mask = pg_num_mask(old_pg_num);
  // Seeds that reduce to ps agree with it in the low bits of the halved mask: step by that much.
  const step = Math.max(1, Math.floor((mask + 1) / 2));
  const pool = pg_pool(pg);
  for (let s = (ps & (step - 1)) >>> 0; s < new_pg_num; s += step) {
    if (s >= old_pg_num && ceph_stable_mod(s, old_pg_num, mask) === ps)
      children.push(pg_t(pool, s));
  }
  return children;
}

/** Does `pg` lose objects to children when pg_num goes from old to new? */
export function is_split(pg: pg_t, old_pg_num: number, new_pg_num: number): boolean {
  return get_pg_children(pg, old_pg_num, new_pg_num).length > 0;
}

/** Does `pg` vanish when pg_num goes from old to new? */
export function is_merge_source(pg: pg_t, old_pg_num: number, new_pg_num: number): boolean {
  const ps = pg_ps(pg);
  return ps < old_pg_num && ps >= new_pg_num;
}

/** The PG out of `new_pg_num` that takes over what `pg` holds. */
export function get_merge_parent(pg: pg_t, new_pg_num: number): pg_t {
  let p = pg;
  while (pg_ps(p) >= new_pg_num) p = get_parent(p);
  return p;
}

/** Does `pg` survive a shrink from old to new and take over others? */
export function is_merge_target(pg: pg_t, old_pg_num: number, new_pg_num: number): boolean {
  const ps = pg_ps(pg);
  return ps < new_pg_num && is_split(pg, new_pg_num, old_pg_num);
}

/** How many low bits of an object's hash decide that it belongs to `pg` among `pg_num`. */
export function get_split_bits(pg: pg_t, pg_num: number): number {
  if (pg_num <= 1) return 0;
  const p = cbits(pg_num);
  const half = 2 ** (p - 1);
  return pg_ps(pg) % half < pg_num % half ? p : p - 1;
}

/** The PG owns one in this many hash values. */
export function get_pg_num_divisor(pg: pg_t, pg_num: number): number {
  return 2 ** get_split_bits(pg, pg_num);
}

/** Is an object with this placement hash in `pg`, when pg_num says `bits` low bits decide? */
export function pg_match_hash(pg: pg_t, bits: number, hash: number): boolean {
  const mask = bits >= 32 ? 0xffffffff : 2 ** bits - 1;
  return (hash & mask) >>> 0 === (pg_ps(pg) & mask) >>> 0;
}
