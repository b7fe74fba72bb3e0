/**
 * An erasure-coded object as the steps of a client operation read it: bytes out of what was decoded,
 * attributes from the primary's own shard. It has no omap.
 */
import type { hobject_t, stripe_info_t } from "@tako/common";
import type { coll_t, ObjectStore } from "../../store/ObjectStore.ts";
import { StripeCache } from "./ECStripes.ts";

/** What operations read of a store. */
export type ObjectReader = Pick<
  ObjectStore,
  "read" | "getattr" | "getattrs" | "omap_get_header" | "omap_get_values" | "omap_list"
>;

export class ECObjectView implements ObjectReader {
  readonly cache: StripeCache;
  readonly #store: ObjectStore;
  /** Bytes of the object. */
  readonly #size: number;

  constructor(store: ObjectStore, size: number, sinfo: stripe_info_t) {
    this.#store = store;
    this.#size = size;
    this.cache = new StripeCache(sinfo);
  }
  read(_c: coll_t, _o: hobject_t, off: number, len: number): Uint8Array {
    const end = len === 0 ? this.#size : Math.min(off + len, this.#size);
    return this.cache.read(off, end);
  }
  getattr(c: coll_t, o: hobject_t, name: string): Uint8Array | undefined {
    return this.#store.getattr(c, o, name);
  }
  getattrs(c: coll_t, o: hobject_t): Map<string, Uint8Array> | undefined {
    return this.#store.getattrs(c, o);
  }
  omap_get_header(): undefined {}
  omap_get_values(): undefined {}
  omap_list(): undefined {}
}
