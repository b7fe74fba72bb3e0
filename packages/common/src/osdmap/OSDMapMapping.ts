/**
 * Where every PG of a map is: one row a PG in typed arrays, worked out once and then, from one map
 * to the next, only where the map can have changed it (see MapDelta).
 * Ceph counterpart: src/osd/OSDMapMapping.{h,cc}. cluster.md §1.6.
 */
import { CRUSH_ITEM_NONE, pg_pool, pg_ps, pg_t } from "../types/osd_types.ts";
import { MapDelta } from "./map_delta.ts";
import { union } from "./mapping.ts";
import { PgStages, pg_to_crush, pick_primary, type up_acting_t } from "./mapping_stages.ts";
import { OSDMap } from "./OSDMap.ts";
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

/** The PGs of one pool, by seed. */
class PoolMapping {
  readonly pg_num: number;
  #picked: Rows;
  #tested: Rows;
  #raw: Rows;
  up: Rows;
  acting: Rows;
  #up_primary: Int32Array;
  #acting_primary: Int32Array;

  constructor(pool: Pick<pg_pool_t, "pg_num" | "size">) {
    this.pg_num = pool.pg_num;
    const rows = () => new Rows(pool.pg_num, pool.size);
    this.#picked = rows();
    this.#tested = rows();
    this.#raw = rows();
    this.up = rows();
    this.acting = rows();
    // No PG has this primary: each is new at first.
    this.#up_primary = new Int32Array(pool.pg_num).fill(-2);
    this.#acting_primary = new Int32Array(pool.pg_num).fill(-2);
  }
  copy(): PoolMapping {
    const p = new PoolMapping({ pg_num: this.pg_num, size: 0 });
    p.#picked = this.#picked.copy();
    p.#tested = this.#tested.copy();
    p.#raw = this.#raw.copy();
    p.up = this.up.copy();
    p.acting = this.acting.copy();
    p.#up_primary = this.#up_primary.slice();
    p.#acting_primary = this.#acting_primary.slice();
    return p;
  }

  /** Asks CRUSH, then goes on as {@link stage}. */
  map(m: OSDMap, pool: pg_pool_t, id: number, stages: PgStages, ps: number): boolean {
    const tested: number[] = [];
    const picked = pg_to_crush(m.f, pool, id, ps, tested);
    this.#picked.set(ps, picked);
    this.#tested.set(ps, union(picked, tested));
    return this.#finish(stages, ps, picked);
  }
  /** With the pick of before. */
  stage(stages: PgStages, ps: number): boolean {
    return this.#finish(stages, ps, this.#picked.get(ps));
  }
  #finish(stages: PgStages, ps: number, picked: readonly number[]): boolean {
    const m = stages.up_acting(ps, picked);
    this.#raw.set(ps, stages.raw(picked));
    let changed = this.up.set(ps, m.up);
    changed = this.acting.set(ps, m.acting) || changed;
    changed = changed || this.#up_primary[ps] !== m.up_primary;
    changed = changed || this.#acting_primary[ps] !== m.acting_primary;
    this.#up_primary[ps] = m.up_primary;
    this.#acting_primary[ps] = m.acting_primary;
    return changed;
  }

  moves_pick(delta: MapDelta, ps: number): boolean {
    return delta.moves_pick(this.#tested.data, this.#tested.start(ps), this.#tested.end(ps));
  }
  touched(delta: MapDelta, ps: number): boolean {
    return delta.touches(this.#tested.data, this.#tested.start(ps), this.#tested.end(ps));
  }

  get(ps: number): pg_mapping_t {
    const raw = this.#raw.get(ps);
    return {
      raw,
      raw_primary: pick_primary(raw),
      up: this.up.get(ps),
      up_primary: this.#up_primary[ps] ?? -1,
      acting: this.acting.get(ps),
      acting_primary: this.#acting_primary[ps] ?? -1,
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

export class OSDMapMapping {
  #map: OSDMap;
  readonly #pools = new Map<number, PoolMapping>();
  #by_osd: Map<number, pg_t[]> | undefined;

  /** Maps every PG of `map`. */
  constructor(map: OSDMap) {
    this.#map = map;
    for (const id of map.pool_ids()) this.#map_pool(id, []);
  }

  /** One that stays behind, or goes another way, when this one goes on. */
  copy(): OSDMapMapping {
    const m = new OSDMapMapping(new OSDMap());
    m.#map = this.#map;
    for (const [id, pool] of this.#pools) m.#pools.set(id, pool.copy());
    return m;
  }

  get epoch(): number {
    return this.#map.epoch;
  }
  get num_pgs(): number {
    return [...this.#pools.values()].reduce((n, p) => n + p.pg_num, 0);
  }
  /** Nothing anywhere for a PG that does not exist. */
  get(pg: pg_t): pg_mapping_t {
    const pool = this.#pools.get(pg_pool(pg));
    return pool && pg_ps(pg) < pool.pg_num ? pool.get(pg_ps(pg)) : NOTHING;
  }
  /** PGs that an OSD acts for, by pool and seed. */
  get_osd_acting_pgs(osd: number): readonly pg_t[] {
    this.#by_osd ??= this.#index();
    return this.#by_osd.get(osd) ?? [];
  }

  /**
   * Goes on to another map, in all likelihood the next one: any will do. `changed` is by pool and
   * seed; PGs that are gone are not in it.
   */
  update(next: OSDMap): mapping_update {
    const delta = new MapDelta(this.#map.f, next.f);
    this.#map = next;
    const changed: pg_t[] = [];
    let mapped = 0;
    for (const id of [...this.#pools.keys()]) if (!next.have_pg_pool(id)) this.#pools.delete(id);
    for (const id of next.pool_ids()) {
      if (!delta.keeps_pool(id)) mapped += this.#map_pool(id, changed);
      else if (!delta.nothing) mapped += this.#update_pool(id, delta, changed);
    }
    if (mapped > 0) this.#by_osd = undefined;
    return { mapped, changed };
  }

  #map_pool(id: number, changed: pg_t[]): number {
    const pool = this.#map.get_pg_pool(id);
    if (!pool) return 0;
    const before = this.#pools.get(id);
    const rows = new PoolMapping(pool);
    const stages = new PgStages(this.#map.f, pool, id);
    for (let ps = 0; ps < pool.pg_num; ps++) {
      rows.map(this.#map, pool, id, stages, ps);
      if (!before || ps >= before.pg_num || !same_place(before.get(ps), rows.get(ps))) {
        changed.push(pg_t(id, ps));
      }
    }
    this.#pools.set(id, rows);
    return pool.pg_num;
  }

  #update_pool(id: number, delta: MapDelta, changed: pg_t[]): number {
    const pool = this.#map.get_pg_pool(id);
    const rows = this.#pools.get(id);
    if (!pool || !rows) return this.#map_pool(id, changed);
    const stages = new PgStages(this.#map.f, pool, id);
    const overridden = new Set<number>();
    for (const pg of delta.pgs) if (pg_pool(pg) === id) overridden.add(pg_ps(pg));
    let mapped = 0;
    for (let ps = 0; ps < pool.pg_num; ps++) {
      if (!rows.touched(delta, ps) && !overridden.has(ps)) continue;
      mapped++;
      const moved = rows.moves_pick(delta, ps)
        ? rows.map(this.#map, pool, id, stages, ps)
        : rows.stage(stages, ps);
      if (moved) changed.push(pg_t(id, ps));
    }
    return mapped;
  }

  #index(): Map<number, pg_t[]> {
    const out = new Map<number, pg_t[]>();
    for (const id of [...this.#pools.keys()].sort((a, b) => a - b)) {
      const pool = this.#pools.get(id);
      for (let ps = 0; pool && ps < pool.pg_num; ps++) {
        for (const osd of new Set(pool.acting.get(ps))) {
          if (osd === CRUSH_ITEM_NONE) continue;
          const list = out.get(osd);
          if (list) list.push(pg_t(id, ps));
          else out.set(osd, [pg_t(id, ps)]);
        }
      }
    }
    return out;
  }
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
