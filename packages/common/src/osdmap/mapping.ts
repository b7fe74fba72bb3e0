/**
 * From a PG to its OSDs: raw (CRUSH) -> upmap -> up -> primary affinity -> temps.
 * Ceph counterpart: OSDMap::_pg_to_up_acting_osds and its helpers. cluster.md §1.6.
 */
import { crush_hash32_2 } from "../crush/hash.ts";
import { CRUSH_ITEM_NONE, pg_pool, pg_ps, pg_t } from "../types/osd_types.ts";
import { CEPH_OSD_DEFAULT_PRIMARY_AFFINITY, CEPH_OSD_EXISTS, CEPH_OSD_UP } from "./flags.ts";
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

const NOTHING: up_acting_t = Object.freeze({
  up: Object.freeze([]),
  up_primary: -1,
  acting: Object.freeze([]),
  acting_primary: -1,
});

/** By seed. */
type Table<T> = (T | undefined)[];

/** CRUSH results of a pool, for as long as nothing that CRUSH looks at changes. */
interface RawTable {
  readonly pool: pg_pool_t;
  readonly raw: Table<Osds>;
}

function same_placement(a: pg_pool_t, b: pg_pool_t): boolean {
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

/**
 * Computes and remembers. Maps are immutable, so a result holds for the life of its map; what the
 * next map cannot have changed is handed on to it, because most epochs touch a few PGs only.
 */
export class PgMapper {
  readonly #f: osdmap_fields;
  readonly #raw: Map<number, RawTable>;
  readonly #results: Map<number, Table<up_acting_t>>;

  constructor(f: osdmap_fields, prev?: PgMapper) {
    this.#f = f;
    const p = prev ? prev.#f : undefined;
    const same_crush = p !== undefined && p.crush === f.crush && p.osd_weight === f.osd_weight;
    this.#raw = prev && same_crush ? prev.#raw_for(f) : new Map();
    const same_all =
      same_crush &&
      p.pools === f.pools &&
      p.osd_state === f.osd_state &&
      p.osd_primary_affinity === f.osd_primary_affinity &&
      p.pg_temp === f.pg_temp &&
      p.primary_temp === f.primary_temp &&
      p.pg_upmap === f.pg_upmap &&
      p.pg_upmap_items === f.pg_upmap_items;
    this.#results = prev && same_all ? prev.#results : new Map();
  }

  pg_exists(pg: pg_t): boolean {
    const pool = this.#f.pools.get(pg_pool(pg));
    return pool !== undefined && pg_ps(pg) < pool.pg_num;
  }

  pg_to_up_acting_osds(pg: pg_t): up_acting_t {
    const id = pg_pool(pg);
    const ps = pg_ps(pg);
    const pool = this.#f.pools.get(id);
    if (!pool || !(ps < pool.pg_num)) return NOTHING;
    let table = this.#results.get(id);
    if (!table) {
      table = [];
      this.#results.set(id, table);
    }
    const known = table[ps];
    if (known) return known;
    const result = this.#compute(pool, id, ps);
    table[ps] = result;
    return result;
  }

  pg_to_raw_up(pg: pg_t): { up: Osds; up_primary: number } {
    const id = pg_pool(pg);
    const pool = this.#f.pools.get(id);
    if (!pool || !(pg_ps(pg) < pool.pg_num)) return NOTHING;
    return this.#up(pool, id, pg_ps(pg));
  }

  pg_to_raw_osds(pg: pg_t): { raw: Osds; primary: number } {
    const id = pg_pool(pg);
    const pool = this.#f.pools.get(id);
    if (!pool || !(pg_ps(pg) < pool.pg_num)) return { raw: [], primary: -1 };
    const raw = this.#raw_osds(pool, id, pg_ps(pg));
    return { raw, primary: pick_primary(raw) };
  }

  /** What CRUSH and the upmaps give, OSDs that are down or gone included. */
  pg_to_raw_upmap(pg: pg_t): Osds {
    const id = pg_pool(pg);
    const pool = this.#f.pools.get(id);
    if (!pool || !(pg_ps(pg) < pool.pg_num)) return [];
    return this.#apply_upmap(this.#raw_osds(pool, id, pg_ps(pg)), id, pg_ps(pg));
  }

  #raw_for(f: osdmap_fields): Map<number, RawTable> {
    if (f.pools === this.#f.pools) return this.#raw;
    const kept = [...this.#raw].filter(([id, t]) => {
      const pool = f.pools.get(id);
      return pool !== undefined && same_placement(pool, t.pool);
    });
    return new Map(kept);
  }

  #compute(pool: pg_pool_t, id: number, ps: number): up_acting_t {
    const { up, up_primary } = this.#up(pool, id, ps);
    const f = this.#f;
    if (f.pg_temp.size === 0 && f.primary_temp.size === 0) {
      return { up, up_primary, acting: up, acting_primary: up_primary };
    }
    const pg = pg_t(id, ps);
    const temp = this.#up_members(pool, f.pg_temp.get(pg) ?? []);
    const primary = f.primary_temp.get(pg);
    // A replicated list that lost all its members is no override; an erasure list of holes is.
    if (temp.length === 0) {
      return { up, up_primary, acting: up, acting_primary: primary ?? up_primary };
    }
    return { up, up_primary, acting: temp, acting_primary: primary ?? pick_primary(temp) };
  }

  #up(pool: pg_pool_t, id: number, ps: number): { up: Osds; up_primary: number } {
    const raw = this.#raw_osds(pool, id, ps);
    const up = this.#up_members(pool, this.#apply_upmap(raw, id, ps));
    const up_primary = pick_primary(up);
    if (this.#f.osd_primary_affinity === null) return { up, up_primary };
    return this.#apply_primary_affinity(pool, id, ps, up, up_primary);
  }

  #raw_osds(pool: pg_pool_t, id: number, ps: number): Osds {
    const picked = this.#crush(pool, id, ps);
    const exists = (o: number) => ((this.#f.osd_state[o] ?? 0) & CEPH_OSD_EXISTS) !== 0;
    return keep(pool, picked, exists);
  }

  #crush(pool: pg_pool_t, id: number, ps: number): Osds {
    let table = this.#raw.get(id);
    if (!table || !same_placement(table.pool, pool)) {
      table = { pool, raw: [] };
      this.#raw.set(id, table);
    }
    const known = table.raw[ps];
    if (known) return known;
    const pps = raw_pg_to_pps(pool, pg_t(id, ps));
    const { crush, osd_weight } = this.#f;
    // A rule made for the other type of pool places nothing.
    const fits = crush.get_rule(pool.crush_rule)?.type === pool.type;
    const raw = fits ? crush.do_rule(pool.crush_rule, pps, pool.size, osd_weight, id) : [];
    table.raw[ps] = raw;
    return raw;
  }

  #apply_upmap(raw: Osds, id: number, ps: number): Osds {
    const { pg_upmap, pg_upmap_items, osd_weight } = this.#f;
    if (pg_upmap.size === 0 && pg_upmap_items.size === 0) return raw;
    const pg = pg_t(id, ps);
    // An id outside of the map has no weight to be out by; it goes when the down ones go.
    const is_out = (o: number) => osd_weight[o] === 0;
    let result = raw;
    const list = pg_upmap.get(pg);
    if (list) {
      if (list.some(is_out)) return raw;
      result = list;
    }
    for (const [from, to] of pg_upmap_items.get(pg) ?? []) {
      const pos = result.indexOf(from);
      if (pos < 0 || is_out(to) || result.includes(to)) continue;
      result = result.map((o, i) => (i === pos ? to : o));
    }
    return result;
  }

  #up_members(pool: pg_pool_t, osds: Osds): Osds {
    const both = CEPH_OSD_EXISTS | CEPH_OSD_UP;
    return keep(pool, osds, (o) => ((this.#f.osd_state[o] ?? 0) & both) === both);
  }

  #apply_primary_affinity(
    pool: pg_pool_t,
    id: number,
    ps: number,
    up: Osds,
    first: number,
  ): { up: Osds; up_primary: number } {
    const affinity = (o: number) =>
      this.#f.osd_primary_affinity?.[o] ?? CEPH_OSD_DEFAULT_PRIMARY_AFFINITY;
    const lowered = (o: number) =>
      o !== CRUSH_ITEM_NONE && affinity(o) !== CEPH_OSD_DEFAULT_PRIMARY_AFFINITY;
    if (!up.some(lowered)) return { up, up_primary: first };
    const pps = raw_pg_to_pps(pool, pg_t(id, ps));
    // Each OSD turns the role down in a share of the PGs; if all do, the first has to take it.
    const accepts = (o: number) => {
      const a = affinity(o);
      return a >= CEPH_OSD_DEFAULT_PRIMARY_AFFINITY || crush_hash32_2(pps, o) >>> 16 < a;
    };
    let pos = up.findIndex((o) => o !== CRUSH_ITEM_NONE && accepts(o));
    if (pos < 0) pos = up.findIndex((o) => o !== CRUSH_ITEM_NONE);
    const up_primary = up[pos] ?? -1;
    if (pos <= 0 || !can_shift_osds(pool)) return { up, up_primary };
    return { up: [up_primary, ...up.slice(0, pos), ...up.slice(pos + 1)], up_primary };
  }
}

/** The members that pass `test`: closed up in a replicated pool, with holes in an erasure pool. */
function keep(pool: pg_pool_t, osds: Osds, test: (o: number) => boolean): Osds {
  if (osds.every(test)) return osds;
  if (can_shift_osds(pool)) return osds.filter(test);
  return osds.map((o) => (test(o) ? o : CRUSH_ITEM_NONE));
}
