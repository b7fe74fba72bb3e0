/**
 * The stages from a PG to its OSDs: raw (CRUSH) -> upmap -> up -> primary affinity -> temps.
 * Ceph counterpart: OSDMap::_pg_to_raw_osds, _apply_upmap, _raw_to_up_osds,
 * _apply_primary_affinity, _get_temp_osds. cluster.md §1.6.
 */
import { crush_hash32_2 } from "../crush/hash.ts";
import { CRUSH_ITEM_NONE, pg_t } from "../types/osd_types.ts";
import { CEPH_OSD_DEFAULT_PRIMARY_AFFINITY, CEPH_OSD_EXISTS, CEPH_OSD_UP } from "./flags.ts";
import type { upmap_item_t } from "./Incremental.ts";
import type { osdmap_fields } from "./osdmap_fields.ts";
import { can_shift_osds, POOL_FLAGS, type pg_pool_t, raw_pg_to_pps } from "./pg_pool_t.ts";

export interface up_acting_t {
  /** Erasure PGs have CRUSH_ITEM_NONE in holes. */
  readonly up: readonly number[];
  /** -1 when there is none. */
  readonly up_primary: number;
  readonly acting: readonly number[];
  readonly acting_primary: number;
}

type Osds = readonly number[];

/** Does CRUSH get the same question for each PG of both? */
export function same_placement(a: pg_pool_t, b: pg_pool_t): boolean {
  return (
    a === b ||
    (a.size === b.size &&
      a.type === b.type &&
      a.crush_rule === b.crush_rule &&
      a.pgp_num === b.pgp_num &&
      (a.flags & POOL_FLAGS.hashpspool) === (b.flags & POOL_FLAGS.hashpspool))
  );
}

/** First OSD of a list that has holes, -1 when there is none. */
export function pick_primary(osds: Osds): number {
  for (const o of osds) if (o !== CRUSH_ITEM_NONE) return o;
  return -1;
}

/** What CRUSH picks for a PG. `tested`: see CrushWrapper.do_rule. */
export function pg_to_crush(
  f: osdmap_fields,
  pool: pg_pool_t,
  id: number,
  ps: number,
  tested?: number[],
): Osds {
  const rule = f.crush.find_rule(pool.crush_rule, pool.type, pool.size);
  if (rule === undefined) return [];
  const pps = raw_pg_to_pps(pool, pg_t(id, ps));
  return f.crush.do_rule(rule, pps, pool.size, f.osd_weight, id, tested);
}

/** The stages from CRUSH's pick on. */
export class PgStages {
  readonly #f: osdmap_fields;
  readonly #pool: pg_pool_t;
  readonly #id: number;

  constructor(f: osdmap_fields, pool: pg_pool_t, id: number) {
    this.#f = f;
    this.#pool = pool;
    this.#id = id;
  }

  up_acting(ps: number, picked: Osds): up_acting_t {
    const { up, up_primary } = this.up(ps, picked);
    const f = this.#f;
    if (f.pg_temp.size === 0 && f.primary_temp.size === 0) {
      return { up, up_primary, acting: up, acting_primary: up_primary };
    }
    const pg = pg_t(this.#id, ps);
    const temp = this.#up_members(f.pg_temp.get(pg) ?? []);
    const primary = f.primary_temp.get(pg);
    // A replicated list that lost all its members is no override; an erasure list of holes is.
    if (temp.length === 0) {
      return { up, up_primary, acting: up, acting_primary: primary ?? up_primary };
    }
    return { up, up_primary, acting: temp, acting_primary: primary ?? pick_primary(temp) };
  }

  up(ps: number, picked: Osds): { up: Osds; up_primary: number } {
    const raw = this.raw(picked);
    const up = this.#up_members(this.upmap(ps, raw));
    const up_primary = pick_primary(up);
    if (this.#f.osd_primary_affinity === null) return { up, up_primary };
    return this.#apply_primary_affinity(ps, up, up_primary);
  }

  /**
   * As `up`, except that the primary may be down: clean_temps of Ceph asks this way, and keeps a
   * primary_temp that stands in for a down one.
   */
  raw_up(ps: number, picked: Osds): { up: Osds; up_primary: number } {
    const list = this.upmap(ps, this.raw(picked));
    return this.#apply_primary_affinity(ps, this.#up_members(list), pick_primary(list));
  }

  /** Less OSDs that do not exist. */
  raw(picked: Osds): Osds {
    const exists = (o: number) => ((this.#f.osd_state[o] ?? 0) & CEPH_OSD_EXISTS) !== 0;
    return keep(this.#pool, picked, exists);
  }

  upmap(ps: number, raw: Osds): Osds {
    const { pg_upmap, pg_upmap_items, osd_weight } = this.#f;
    if (pg_upmap.size === 0 && pg_upmap_items.size === 0) return raw;
    const pg = pg_t(this.#id, ps);
    return apply_upmap(osd_weight, raw, pg_upmap.get(pg), pg_upmap_items.get(pg));
  }

  #up_members(osds: Osds): Osds {
    const both = CEPH_OSD_EXISTS | CEPH_OSD_UP;
    return keep(this.#pool, osds, (o) => ((this.#f.osd_state[o] ?? 0) & both) === both);
  }

  #apply_primary_affinity(ps: number, up: Osds, first: number): { up: Osds; up_primary: number } {
    const affinity = (o: number) =>
      this.#f.osd_primary_affinity?.[o] ?? CEPH_OSD_DEFAULT_PRIMARY_AFFINITY;
    const lowered = (o: number) =>
      o !== CRUSH_ITEM_NONE && affinity(o) !== CEPH_OSD_DEFAULT_PRIMARY_AFFINITY;
    if (!up.some(lowered)) return { up, up_primary: first };
    const pps = raw_pg_to_pps(this.#pool, pg_t(this.#id, ps));
    // Each OSD turns the role down in a share of the PGs; if all do, the first has to take it.
    const accepts = (o: number) => {
      const a = affinity(o);
      return a >= CEPH_OSD_DEFAULT_PRIMARY_AFFINITY || crush_hash32_2(pps, o) >>> 16 < a;
    };
    let pos = up.findIndex((o) => o !== CRUSH_ITEM_NONE && accepts(o));
    if (pos < 0) pos = up.findIndex((o) => o !== CRUSH_ITEM_NONE);
    const up_primary = up[pos] ?? -1;
    if (pos <= 0 || !can_shift_osds(this.#pool)) return { up, up_primary };
    return { up: [up_primary, ...up.slice(0, pos), ...up.slice(pos + 1)], up_primary };
  }
}

/** The upmap entries of a PG put onto what CRUSH gave: those that cannot be met have no effect. */
export function apply_upmap(
  osd_weight: readonly number[],
  raw: Osds,
  list: Osds | undefined,
  items: readonly upmap_item_t[] | undefined,
): Osds {
  // An id outside of the map has no weight to be out by; it goes when the down ones go.
  const is_out = (o: number) => osd_weight[o] === 0;
  let result = raw;
  if (list) {
    if (list.some(is_out)) return raw;
    result = list;
  }
  for (const [from, to] of items ?? []) {
    const pos = result.indexOf(from);
    if (pos < 0 || is_out(to) || result.includes(to)) continue;
    result = result.map((o, i) => (i === pos ? to : o));
  }
  return result;
}

/** The members that pass `test`: closed up in a replicated pool, with holes in an erasure pool. */
function keep(pool: pg_pool_t, osds: Osds, test: (o: number) => boolean): Osds {
  if (osds.every(test)) return osds;
  if (can_shift_osds(pool)) return osds.filter(test);
  return osds.map((o) => (test(o) ? o : CRUSH_ITEM_NONE));
}
