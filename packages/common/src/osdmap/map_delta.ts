/**
 * What a map can have changed in the placements of the one before: a PG that this does not name is
 * placed alike by both, so its placement need not be worked out again.
 *
 * Why that holds. CRUSH's pick depends on the CRUSH map, the pool, and the weights of the devices
 * that the search tested; the later stages depend on the state and affinity of the devices picked,
 * and on the overrides of the PG with the devices they name.
 */
import type { pg_t } from "../types/osd_types.ts";
import { CEPH_OSD_DEFAULT_PRIMARY_AFFINITY } from "./flags.ts";
import { same_placement } from "./mapping_stages.ts";
import type { osdmap_fields } from "./osdmap_fields.ts";

type Osds = readonly number[];

export class MapDelta {
  readonly #prev: osdmap_fields;
  readonly #next: osdmap_fields;
  /** Every PG may have moved. */
  readonly everything: boolean;
  /** Nothing that placements depend on changed, pools apart. */
  readonly nothing: boolean;
  /** By OSD: 1 if its weight changed. */
  readonly #weight: Uint8Array;
  /** By OSD: 1 if its weight, state or affinity changed. */
  readonly #any: Uint8Array;
  readonly weights_changed: boolean;
  readonly #osds_changed: boolean;
  /** PGs whose overrides changed, or name an OSD that did. */
  readonly pgs: ReadonlySet<pg_t>;

  constructor(prev: osdmap_fields, next: osdmap_fields) {
    this.#prev = prev;
    this.#next = next;
    this.everything = prev.crush !== next.crush;
    const n = this.everything ? 0 : Math.max(prev.max_osd, next.max_osd);
    this.#weight = new Uint8Array(n);
    this.#any = new Uint8Array(n);
    this.weights_changed = this.#mark(prev.osd_weight, next.osd_weight, 0, this.#weight);
    const states_changed = this.#mark(prev.osd_state, next.osd_state, 0, undefined);
    const affinity_changed = this.#mark(
      prev.osd_primary_affinity ?? [],
      next.osd_primary_affinity ?? [],
      CEPH_OSD_DEFAULT_PRIMARY_AFFINITY,
      undefined,
    );
    this.#osds_changed = this.weights_changed || states_changed || affinity_changed;
    this.pgs = this.everything ? new Set() : this.#overridden();
    this.nothing = !this.everything && !this.#osds_changed && this.pgs.size === 0;
  }

  /** Does CRUSH get the same question for each PG of the pool, and is there the same number? */
  keeps_pool(id: number): boolean {
    const [a, b] = [this.#prev.pools.get(id), this.#next.pools.get(id)];
    if (this.everything || !a || !b) return false;
    return a.pg_num === b.pg_num && same_placement(a, b);
  }
  /** Might CRUSH pick otherwise, having tested these devices? */
  moves_pick(tested: ArrayLike<number>, from = 0, to = tested.length): boolean {
    return this.weights_changed && holds_marked(this.#weight, tested, from, to);
  }
  /** Is one of these devices another than it was? */
  touches(osds: ArrayLike<number>, from = 0, to = osds.length): boolean {
    return this.#osds_changed && holds_marked(this.#any, osds, from, to);
  }

  #mark(a: Osds, b: Osds, blank: number, own: Uint8Array | undefined): boolean {
    if (a === b) return false;
    let found = false;
    for (let o = 0; o < this.#any.length; o++) {
      if ((a[o] ?? blank) === (b[o] ?? blank)) continue;
      this.#any[o] = 1;
      if (own) own[o] = 1;
      found = true;
    }
    return found;
  }

  #overridden(): Set<pg_t> {
    const [a, b] = [this.#prev, this.#next];
    const out = new Set<pg_t>();
    const touched = (l: Osds) => this.touches(l);
    // An OSD that was outside of the map, and not held to be out, may be inside now.
    const grown = a.max_osd !== b.max_osd;
    collect(out, a.pg_temp, b.pg_temp, touched);
    collect(out, a.primary_temp, b.primary_temp, () => false);
    collect(out, a.pg_upmap, b.pg_upmap, (l) => grown || touched(l));
    collect(
      out,
      a.pg_upmap_items,
      b.pg_upmap_items,
      (l) => grown || l.some((item) => touched(item)),
    );
    return out;
  }
}

function holds_marked(
  marks: Uint8Array,
  osds: ArrayLike<number>,
  from: number,
  to: number,
): boolean {
  for (let i = from; i < to; i++) if (marks[osds[i] ?? -1] === 1) return true;
  return false;
}

/** PGs with another entry than before, and those whose entry `stale` finds so. */
function collect<V>(
  out: Set<pg_t>,
  a: ReadonlyMap<pg_t, V>,
  b: ReadonlyMap<pg_t, V>,
  stale: (v: V) => boolean,
): void {
  for (const [pg, v] of b) if (a.get(pg) !== v || stale(v)) out.add(pg);
  if (a !== b) for (const pg of a.keys()) if (!b.has(pg)) out.add(pg);
}
