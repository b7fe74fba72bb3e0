/**
 * The OSDMaps an OSD keeps: full and incremental blobs in `meta`, decoded ones in a bounded cache.
 * Ceph counterpart: OSDService's map cache (src/osd/OSD.cc, get_map and friends). peering.md §3.2.
 */
import {
  type epoch_t,
  type hobject_t,
  InvariantError,
  make_hobject,
  type OSDMap,
  received_full_map,
} from "@tako/common";
import { COLL_META, type ObjectStore } from "../store/ObjectStore.ts";
import type { Transaction } from "../store/Transaction.ts";

const OID: hobject_t = make_hobject({ pool: -1, hash: 0, oid: "osdmaps" });

/** final_pool_info: of each pool that was deleted, the last full map that had it. By pool id. */
const FINAL_POOLS: hobject_t = make_hobject({ pool: -1, hash: 0, oid: "final_pools" });

function full_key(e: epoch_t): string {
  return `full.${String(e).padStart(10, "0")}`;
}
function inc_key(e: epoch_t): string {
  return `inc.${String(e).padStart(10, "0")}`;
}

export class MapStore {
  readonly #store: ObjectStore;
  readonly #max_cached: () => number;
  /** Insertion order = order of last use. */
  readonly #cache = new Map<epoch_t, OSDMap>();

  /** `max_cached`: osd_map_cache_size, asked at each insertion. */
  constructor(store: ObjectStore, max_cached: () => number) {
    this.#store = store;
    this.#max_cached = max_cached;
  }

  /** Adds map `m` (and the incremental that led to it, if that was its form) to `t`. */
  add(t: Transaction, m: OSDMap, full: Uint8Array, inc: Uint8Array | undefined): void {
    const keys = new Map([[full_key(m.epoch), full]]);
    if (inc) keys.set(inc_key(m.epoch), inc);
    t.touch(COLL_META, OID);
    t.omap_setkeys(COLL_META, OID, keys);
    this.#remember(m);
  }
  /** Removes epochs [first, last] in `t`. */
  remove(t: Transaction, first: epoch_t, last: epoch_t): void {
    const keys: string[] = [];
    for (let e = first; e <= last; e++) {
      keys.push(full_key(e), inc_key(e));
      this.#cache.delete(e);
    }
    t.omap_rmkeys(COLL_META, OID, keys);
  }

  /**
   * Keeps what `next` does not have any more: PGs of a deleted pool are still here until they are
   * removed, and have to know what pool they are of when they are read at the next start.
   */
  keep_final_pools(t: Transaction, prev: OSDMap, next: OSDMap): void {
    const gone = [...prev.pools.keys()].filter((id) => !next.have_pg_pool(id));
    if (gone.length === 0) return;
    t.touch(COLL_META, FINAL_POOLS);
    t.omap_setkeys(COLL_META, FINAL_POOLS, new Map(gone.map((id) => [`${id}`, prev.encode()])));
  }
  final_pool_map(id: number): OSDMap | undefined {
    const bl = this.#store.omap_get_values(COLL_META, FINAL_POOLS, [`${id}`])?.get(`${id}`);
    return bl && received_full_map(bl);
  }
  /** All but those of which there are still PGs. */
  forget_final_pools(t: Transaction, in_use: ReadonlySet<number>): void {
    const all = this.#store.omap_list(COLL_META, FINAL_POOLS, "", "", Number.MAX_SAFE_INTEGER);
    const gone = all?.keys.filter((id) => !in_use.has(Number(id))) ?? [];
    if (gone.length > 0) t.omap_rmkeys(COLL_META, FINAL_POOLS, gone);
  }

  try_get_map(e: epoch_t): OSDMap | undefined {
    if (e <= 0) return undefined;
    const hit = this.#cache.get(e);
    if (hit) {
      this.#cache.delete(e);
      this.#cache.set(e, hit);
      return hit;
    }
    const bl = this.get_map_bl(e);
    if (!bl) return undefined;
    const m = received_full_map(bl);
    this.#remember(m);
    return m;
  }
  get_map(e: epoch_t): OSDMap {
    const m = this.try_get_map(e);
    if (!m) throw new InvariantError("osdmap that must be stored is not", { epoch: e });
    return m;
  }
  get_map_bl(e: epoch_t): Uint8Array | undefined {
    return this.#get(full_key(e));
  }
  get_inc_map_bl(e: epoch_t): Uint8Array | undefined {
    return this.#get(inc_key(e));
  }
  #get(key: string): Uint8Array | undefined {
    return this.#store.omap_get_values(COLL_META, OID, [key])?.get(key);
  }
  #remember(m: OSDMap): void {
    this.#cache.set(m.epoch, m);
    const max = Math.max(2, this.#max_cached());
    for (const e of this.#cache.keys()) {
      if (this.#cache.size <= max) break;
      this.#cache.delete(e);
    }
  }
}
