/**
 * From a PG to its OSDs, remembered from one question to the next and from one map to the next.
 * Ceph counterpart: OSDMap::_pg_to_up_acting_osds. cluster.md §1.6.
 */
import { pg_pool, pg_ps, type pg_t } from "../types/osd_types.ts";
import { MapDelta } from "./map_delta.ts";
import { PgStages, pg_to_crush, pick_primary, type up_acting_t } from "./mapping_stages.ts";
import type { osdmap_fields } from "./osdmap_fields.ts";
import type { pg_pool_t } from "./pg_pool_t.ts";

export type { up_acting_t } from "./mapping_stages.ts";

type Osds = readonly number[];

const NOTHING: up_acting_t = Object.freeze({
  up: Object.freeze([]),
  up_primary: -1,
  acting: Object.freeze([]),
  acting_primary: -1,
});

/** What CRUSH says of a PG. */
export interface crush_pick_t {
  readonly picked: Osds;
  /** Devices whose weights led to the pick, and those picked. */
  readonly tested: Osds;
}
/** Who may know what CRUSH says, so that it need not be asked. */
export interface PlacementLender {
  crush_pick(map: osdmap_fields, pool: number, ps: number): crush_pick_t | undefined;
}

/** By seed. */
type Table<T> = (T | undefined)[];

/** What is known of a pool's PGs, by seed. */
interface PoolTable {
  readonly picked: Table<Osds>;
  /** Devices whose weights led to the pick, and those picked. */
  readonly tested: Table<Osds>;
  readonly results: Table<up_acting_t>;
}

/** The part of `t` that holds in the next map, too. */
function carry(t: PoolTable, id: number, delta: MapDelta): PoolTable {
  if (delta.nothing) return t;
  const next: PoolTable = {
    picked: delta.weights_changed ? t.picked.slice() : t.picked,
    tested: delta.weights_changed ? t.tested.slice() : t.tested,
    results: t.results.slice(),
  };
  t.tested.forEach((tested, ps) => {
    if (!tested || !delta.touches(tested)) return;
    next.results[ps] = undefined;
    if (!delta.moves_pick(tested)) return;
    next.picked[ps] = undefined;
    next.tested[ps] = undefined;
  });
  for (const pg of delta.pgs) if (pg_pool(pg) === id) next.results[pg_ps(pg)] = undefined;
  return next;
}

/**
 * Computes and remembers. Maps are immutable, so a result holds for the life of its map; what the
 * next map cannot have changed is handed on to it, because most epochs touch a few PGs only.
 */
export class PgMapper {
  readonly #f: osdmap_fields;
  readonly #tables = new Map<number, PoolTable>();
  #lender: PlacementLender | undefined;

  constructor(f: osdmap_fields, prev?: PgMapper) {
    this.#f = f;
    if (!prev || prev.#tables.size === 0) return;
    const delta = new MapDelta(prev.#f, f);
    for (const [id, table] of prev.#tables) {
      if (delta.keeps_pool(id)) this.#tables.set(id, carry(table, id, delta));
    }
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
    const { results } = this.#table(id);
    const known = results[ps];
    if (known) return known;
    const result = this.#stages(pool, id).up_acting(ps, this.#crush(id, ps));
    results[ps] = result;
    return result;
  }

  /** As clean_temps asks: see PgStages.raw_up. */
  pg_to_raw_up(pg: pg_t): { up: Osds; up_primary: number } {
    const id = pg_pool(pg);
    const pool = this.#f.pools.get(id);
    if (!pool || !(pg_ps(pg) < pool.pg_num)) return NOTHING;
    return this.#stages(pool, id).raw_up(pg_ps(pg), this.#crush(id, pg_ps(pg)));
  }

  pg_to_raw_osds(pg: pg_t): { raw: Osds; primary: number } {
    const id = pg_pool(pg);
    const pool = this.#f.pools.get(id);
    if (!pool || !(pg_ps(pg) < pool.pg_num)) return { raw: [], primary: -1 };
    const raw = this.#stages(pool, id).raw(this.#crush(id, pg_ps(pg)));
    return { raw, primary: pick_primary(raw) };
  }

  /** What CRUSH and the upmaps give, OSDs that are down or gone included. */
  pg_to_raw_upmap(pg: pg_t): Osds {
    const id = pg_pool(pg);
    const pool = this.#f.pools.get(id);
    if (!pool || !(pg_ps(pg) < pool.pg_num)) return [];
    const stages = this.#stages(pool, id);
    return stages.upmap(pg_ps(pg), stages.raw(this.#crush(id, pg_ps(pg))));
  }

  /** From now on `lender` is asked before CRUSH. */
  lend(lender: PlacementLender): void {
    this.#lender = lender;
  }
  crush_pick(id: number, ps: number): crush_pick_t {
    const table = this.#table(id);
    const pick = this.peek_crush_pick(id, ps);
    table.picked[ps] = pick.picked;
    table.tested[ps] = pick.tested;
    return pick;
  }
  /** Not remembered: for one who keeps all of them himself, and lends. */
  peek_crush_pick(id: number, ps: number): crush_pick_t {
    const table = this.#tables.get(id);
    const [picked, tested] = [table?.picked[ps], table?.tested[ps]];
    if (picked && tested) return { picked, tested };
    const pool = this.#f.pools.get(id);
    return (
      this.#lender?.crush_pick(this.#f, id, ps) ??
      (pool ? ask_crush(this.#f, pool, id, ps) : { picked: [], tested: [] })
    );
  }

  #stages(pool: pg_pool_t, id: number): PgStages {
    return new PgStages(this.#f, pool, id);
  }
  #table(id: number): PoolTable {
    let table = this.#tables.get(id);
    if (!table) {
      table = { picked: [], tested: [], results: [] };
      this.#tables.set(id, table);
    }
    return table;
  }

  #crush(id: number, ps: number): Osds {
    return this.#table(id).picked[ps] ?? this.crush_pick(id, ps).picked;
  }
}

function ask_crush(f: osdmap_fields, pool: pg_pool_t, id: number, ps: number): crush_pick_t {
  const tested: number[] = [];
  const picked = pg_to_crush(f, pool, id, ps, tested);
  // Nothing else was tested in most searches.
  if (tested.every((o) => picked.includes(o))) return { picked, tested: picked };
  return { picked, tested: [...new Set([...picked, ...tested])] };
}
