/**
 * Where every PG of a map is, or each of some: one row a PG in typed arrays, worked out once and then,
 * from one map to the next, only where the map can have changed it (see MapDelta).
 * Ceph counterpart: src/osd/OSDMapMapping.{h,cc}. cluster.md §1.6.
 */
import { CRUSH_ITEM_NONE, pg_pool, pg_ps, pg_t, spg_cmp } from "../types/osd_types.ts";
import { MapDelta } from "./map_delta.ts";
import type { crush_pick_t } from "./mapping.ts";
import { PgStages, pick_primary, type up_acting_t } from "./mapping_stages.ts";
import { OSDMap } from "./OSDMap.ts";
import type { osdmap_fields } from "./osdmap_fields.ts";
import type { pg_pool_t } from "./pg_pool_t.ts";

export interface pg_mapping_t extends up_acting_t {
  /** What CRUSH picked, less OSDs that do not exist. */
  readonly raw: readonly number[];
  readonly raw_primary: number;
}
export interface mapping_update {
  /** PGs that were worked out again. */
  readonly mapped: number;
  /** PGs that are new, or whose up, acting or primaries are others than before. */
  readonly changed: readonly pg_t[];
}

/** Lists of numbers, one a row. */
class Rows {
  #width: number;
  #data: Int32Array;
  readonly #length: Uint16Array;

  constructor(rows: number, width: number) {
    this.#width = width;
    this.#data = new Int32Array(rows * width);
    this.#length = new Uint16Array(rows);
  }
  get data(): Int32Array {
    return this.#data;
  }
  start(row: number): number {
    return row * this.#width;
  }
  end(row: number): number {
    return row * this.#width + (this.#length[row] ?? 0);
  }
  get(row: number): number[] {
    return Array.from(this.#data.subarray(this.start(row), this.end(row)));
  }
  /** True if the row was another. */
  set(row: number, list: readonly number[]): boolean {
    if (list.length > this.#width) this.#widen(list.length);
    const start = this.start(row);
    let changed = this.#length[row] !== list.length;
    this.#length[row] = list.length;
    for (let i = 0; i < list.length; i++) {
      const v = list[i] ?? 0;
      if (this.#data[start + i] !== v) changed = true;
      this.#data[start + i] = v;
    }
    return changed;
  }
  copy(): Rows {
    const rows = new Rows(this.#length.length, 0);
    rows.#width = this.#width;
    rows.#data = this.#data.slice();
    rows.#length.set(this.#length);
    return rows;
  }
  /** Lists may be longer than the pool's size: overrides, and searches that failed often. */
  #widen(width: number): void {
    const data = new Int32Array(this.#length.length * width);
    for (let row = 0; row < this.#length.length; row++) {
      data.set(this.#data.subarray(this.start(row), this.end(row)), row * width);
    }
    this.#data = data;
    this.#width = width;
  }
}

/** PGs of one pool: row i is the PG with seed i, or with the i-th of the seeds that were asked for. */
class PoolMapping {
  readonly pg_num: number;
  readonly rows: number;
  readonly #seeds: readonly number[] | undefined;
  #row_of: ReadonlyMap<number, number> | undefined;
  #picked: Rows;
  #tested: Rows;
  #raw: Rows;
  up: Rows;
  acting: Rows;
  #up_primary: Int32Array;
  #acting_primary: Int32Array;

  /** All PGs of the pool, or those with `seeds`, which ascend. */
  constructor(pool: Pick<pg_pool_t, "pg_num" | "size">, seeds: readonly number[] | undefined) {
    this.pg_num = pool.pg_num;
    this.#seeds = seeds?.filter((ps) => ps < pool.pg_num);
    this.rows = this.#seeds?.length ?? pool.pg_num;
    const rows = () => new Rows(this.rows, pool.size);
    this.#picked = rows();
    this.#tested = rows();
    this.#raw = rows();
    this.up = rows();
    this.acting = rows();
    // No PG has this primary: each is new at first.
    this.#up_primary = new Int32Array(this.rows).fill(-2);
    this.#acting_primary = new Int32Array(this.rows).fill(-2);
  }
  seed(row: number): number {
    return this.#seeds ? (this.#seeds[row] ?? -1) : row;
  }
  /** Undefined for a PG that does not exist or was not asked for. */
  row_of(ps: number): number | undefined {
    if (!this.#seeds) return ps >= 0 && ps < this.pg_num ? ps : undefined;
    this.#row_of ??= new Map(this.#seeds.map((seed, row) => [seed, row]));
    return this.#row_of.get(ps);
  }
  copy(): PoolMapping {
    const p = new PoolMapping({ pg_num: this.pg_num, size: 0 }, this.#seeds);
    p.#picked = this.#picked.copy();
    p.#tested = this.#tested.copy();
    p.#raw = this.#raw.copy();
    p.up = this.up.copy();
    p.acting = this.acting.copy();
    p.#up_primary = this.#up_primary.slice();
    p.#acting_primary = this.#acting_primary.slice();
    return p;
  }

  /** Asks CRUSH (through the map, which may know), then goes on as {@link stage}. True: moved. */
  map(m: OSDMap, id: number, stages: PgStages, row: number): boolean {
    const ps = this.seed(row);
    // Whoever wants some PGs only will ask the map for the same ones.
    const { picked, tested } = this.#seeds ? m.crush_pick(id, ps) : m.peek_crush_pick(id, ps);
    this.#picked.set(row, picked);
    this.#tested.set(row, tested);
    return this.#finish(stages, row, picked);
  }
  /** With the pick of before. */
  stage(stages: PgStages, row: number): boolean {
    return this.#finish(stages, row, this.#picked.get(row));
  }
  #finish(stages: PgStages, row: number, picked: readonly number[]): boolean {
    const m = stages.up_acting(this.seed(row), picked);
    this.#raw.set(row, stages.raw(picked));
    let changed = this.up.set(row, m.up);
    changed = this.acting.set(row, m.acting) || changed;
    changed = changed || this.#up_primary[row] !== m.up_primary;
    changed = changed || this.#acting_primary[row] !== m.acting_primary;
    this.#up_primary[row] = m.up_primary;
    this.#acting_primary[row] = m.acting_primary;
    return changed;
  }
  crush_pick(row: number): crush_pick_t {
    return { picked: this.#picked.get(row), tested: this.#tested.get(row) };
  }

  moves_pick(delta: MapDelta, row: number): boolean {
    return delta.moves_pick(this.#tested.data, this.#tested.start(row), this.#tested.end(row));
  }
  touched(delta: MapDelta, row: number): boolean {
    return delta.touches(this.#tested.data, this.#tested.start(row), this.#tested.end(row));
  }

  get(row: number): pg_mapping_t {
    const raw = this.#raw.get(row);
    return {
      raw,
      raw_primary: pick_primary(raw),
      up: this.up.get(row),
      up_primary: this.#up_primary[row] ?? -1,
      acting: this.acting.get(row),
      acting_primary: this.#acting_primary[row] ?? -1,
    };
  }
}

const NOTHING: pg_mapping_t = Object.freeze({
  raw: Object.freeze([]),
  raw_primary: -1,
  up: Object.freeze([]),
  up_primary: -1,
  acting: Object.freeze([]),
  acting_primary: -1,
});

/** Raw, up and acting of PGs, kept from one map to the next: see the top of the file. */
export class OSDMapMapping {
  #map: OSDMap;
  /** Seeds by pool, ascending; undefined: all there are. */
  #only: ReadonlyMap<number, readonly number[]> | undefined;
  readonly #pools = new Map<number, PoolMapping>();
  /** Who acts for which PGs: made when it is asked for, then kept in step. */
  #by_osd: Map<number, Set<pg_t>> | undefined;
  /** The map that all rows are of; undefined while they are worked out. */
  #of: osdmap_fields | undefined;

  /** Maps every PG of `map`; with `pgs` only these, as long as they exist. */
  constructor(map: OSDMap, pgs?: Iterable<pg_t>) {
    this.#map = map;
    this.#only = pgs && seeds_by_pool(pgs);
    for (const id of map.pool_ids()) this.#map_pool(id, []);
    this.#lend();
  }
  /** The map asks here before it asks CRUSH, until we go on. */
  #lend(): void {
    this.#of = this.#map.f;
    this.#map.lend_placements(this);
  }

  /** One that stays behind, or goes another way, when this one goes on. */
  copy(): OSDMapMapping {
    const m = new OSDMapMapping(new OSDMap());
    m.#map = this.#map;
    m.#only = this.#only;
    for (const [id, pool] of this.#pools) m.#pools.set(id, pool.copy());
    return m;
  }

  get epoch(): number {
    return this.#map.epoch;
  }
  get num_pgs(): number {
    return [...this.#pools.values()].reduce((n, p) => n + p.rows, 0);
  }
  /** Nothing anywhere for a PG that does not exist. */
  get(pg: pg_t): pg_mapping_t {
    const pool = this.#pools.get(pg_pool(pg));
    const row = pool?.row_of(pg_ps(pg));
    return pool && row !== undefined ? pool.get(row) : NOTHING;
  }
  /** PGs that an OSD acts for, by pool and seed. */
  get_osd_acting_pgs(osd: number): readonly pg_t[] {
    this.#by_osd ??= this.#index();
    return [...(this.#by_osd.get(osd) ?? [])].sort(spg_cmp);
  }
  /** What CRUSH said of a PG of `map`; undefined when this is not known (any more). */
  crush_pick(map: osdmap_fields, id: number, ps: number): crush_pick_t | undefined {
    if (map !== this.#of) return undefined;
    const pool = this.#pools.get(id);
    const row = pool?.row_of(ps);
    return row === undefined ? undefined : pool?.crush_pick(row);
  }

  /**
   * Goes on to another map, in all likelihood the next one: any will do. `changed` is by pool and
   * seed; PGs that are gone are not in it.
   */
  update(next: OSDMap): mapping_update {
    const delta = new MapDelta(this.#map.f, next.f);
    this.#of = undefined;
    this.#map = next;
    const changed: pg_t[] = [];
    let mapped = 0;
    for (const id of [...this.#pools.keys()]) {
      if (next.have_pg_pool(id)) continue;
      this.#pools.delete(id);
      this.#by_osd = undefined;
    }
    for (const id of next.pool_ids()) {
      if (!delta.keeps_pool(id)) mapped += this.#map_pool(id, changed);
      else if (!delta.nothing) mapped += this.#update_pool(id, delta, changed);
    }
    this.#lend();
    return { mapped, changed };
  }

  #map_pool(id: number, changed: pg_t[]): number {
    const pool = this.#map.get_pg_pool(id);
    const seeds = this.#only?.get(id);
    if (!pool || (this.#only && !seeds)) return 0;
    const before = this.#pools.get(id);
    this.#by_osd = undefined;
    const rows = new PoolMapping(pool, seeds);
    const stages = new PgStages(this.#map.f, pool, id);
    for (let row = 0; row < rows.rows; row++) {
      rows.map(this.#map, id, stages, row);
      const was = before?.row_of(rows.seed(row));
      if (!before || was === undefined || !same_place(before.get(was), rows.get(row))) {
        changed.push(pg_t(id, rows.seed(row)));
      }
    }
    this.#pools.set(id, rows);
    return rows.rows;
  }

  #update_pool(id: number, delta: MapDelta, changed: pg_t[]): number {
    const pool = this.#map.get_pg_pool(id);
    const rows = this.#pools.get(id);
    if (!pool || !rows) return 0;
    const stages = new PgStages(this.#map.f, pool, id);
    const overridden = new Set<number>();
    for (const pg of delta.pgs) if (pg_pool(pg) === id) overridden.add(pg_ps(pg));
    let mapped = 0;
    for (let row = 0; row < rows.rows; row++) {
      if (!rows.touched(delta, row) && !overridden.has(rows.seed(row))) continue;
      mapped++;
      const before = this.#by_osd && rows.acting.get(row);
      const moved = rows.moves_pick(delta, row)
        ? rows.map(this.#map, id, stages, row)
        : rows.stage(stages, row);
      if (!moved) continue;
      const pg = pg_t(id, rows.seed(row));
      changed.push(pg);
      if (before) this.#reindex(pg, before, rows.acting.get(row));
    }
    return mapped;
  }

  #index(): Map<number, Set<pg_t>> {
    this.#by_osd = new Map();
    for (const [id, pool] of this.#pools) {
      for (let row = 0; row < pool.rows; row++) {
        this.#reindex(pg_t(id, pool.seed(row)), [], pool.acting.get(row));
      }
    }
    return this.#by_osd;
  }
  #reindex(pg: pg_t, before: readonly number[], after: readonly number[]): void {
    for (const osd of before) this.#by_osd?.get(osd)?.delete(pg);
    for (const osd of after) {
      if (osd === CRUSH_ITEM_NONE) continue;
      const pgs = this.#by_osd?.get(osd);
      if (pgs) pgs.add(pg);
      else this.#by_osd?.set(osd, new Set([pg]));
    }
  }
}

function seeds_by_pool(pgs: Iterable<pg_t>): Map<number, number[]> {
  const out = new Map<number, Set<number>>();
  for (const pg of pgs) {
    const seeds = out.get(pg_pool(pg)) ?? new Set();
    out.set(pg_pool(pg), seeds.add(pg_ps(pg)));
  }
  return new Map([...out].map(([id, seeds]) => [id, [...seeds].sort((a, b) => a - b)]));
}

function same_place(a: up_acting_t, b: up_acting_t): boolean {
  const same = (x: readonly number[], y: readonly number[]) =>
    x.length === y.length && x.every((o, i) => o === y[i]);
  return (
    a.up_primary === b.up_primary &&
    a.acting_primary === b.acting_primary &&
    same(a.up, b.up) &&
    same(a.acting, b.acting)
  );
}
