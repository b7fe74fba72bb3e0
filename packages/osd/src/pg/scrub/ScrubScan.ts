/**
 * ScrubScan: makes a shard's ScrubMap of a chunk, a step at a time: the sizes and attributes of all
 * objects, and for a deep scrub their bytes and omap too, so much a step that nobody waits long.
 * Ceph counterpart: PGBackend::be_scan_list, ReplicatedBackend::be_deep_scrub. peering.md §11.
 */
import { crc32c, type hobject_t, StoreError } from "@tako/common";
import type { coll_t, ObjectStore } from "../../store/ObjectStore.ts";
import type { ScrubMap, ScrubObject } from "./ScrubMap.ts";

export interface ScanOptions {
  readonly store: ObjectStore;
  readonly coll: coll_t;
  readonly objects: readonly hobject_t[];
  readonly deep: boolean;
  /** Digests go into the map. Shards of an erasure-coded object differ: theirs say nothing. */
  readonly digests: boolean;
  /** Bytes and omap keys read in one step. */
  readonly stride: number;
  readonly keys: number;
}

/** A deep scan under way. */
interface Reading {
  readonly soid: hobject_t;
  off: number;
  digest: number;
  data_done: boolean;
  omap_digest: number;
  omap_after: string;
  omap_keys: number;
  omap_bytes: number;
}

const NO_ATTRS: ReadonlyMap<string, Uint8Array> = new Map();
const utf8 = new TextEncoder();

export class ScrubScan {
  readonly #o: ScanOptions;
  readonly #map = new Map<hobject_t, ScrubObject>();
  /** Of o.objects, the next to be looked at. */
  #next = 0;
  #reading: Reading | null = null;

  constructor(options: ScanOptions) {
    this.#o = options;
  }
  /** Complete once step() has said so. */
  get map(): ScrubMap {
    return this.#map;
  }

  /** True when all is done. Without `deep` one step does it. */
  step(): boolean {
    if (!this.#reading) this.#begin();
    if (this.#reading && this.#read_some(this.#reading)) this.#reading = null;
    return this.#reading === null && this.#next >= this.#o.objects.length;
  }

  /** Up to the first object that has to be read. */
  #begin(): void {
    const { objects, deep } = this.#o;
    while (this.#next < objects.length && !this.#reading) {
      const soid = objects[this.#next++];
      if (soid === undefined) return;
      if (!this.#stat(soid) || !deep) continue;
      this.#reading = {
        soid,
        off: 0,
        digest: 0,
        data_done: false,
        omap_digest: 0,
        omap_after: "",
        omap_keys: 0,
        omap_bytes: 0,
      };
    }
  }
  #stat(soid: hobject_t): boolean {
    const { store, coll } = this.#o;
    try {
      const size = store.stat(coll, soid)?.size;
      // Gone since the chunk was listed.
      if (size === undefined) return false;
      const attrs = store.getattrs(coll, soid) ?? NO_ATTRS;
      this.#map.set(soid, { size, attrs, read_error: false, stat_error: false });
      return true;
    } catch (e) {
      if (!is_unreadable(e)) throw e;
      this.#map.set(soid, { size: 0, attrs: NO_ATTRS, read_error: false, stat_error: true });
      return false;
    }
  }

  /** True when this object is done. */
  #read_some(r: Reading): boolean {
    try {
      return r.data_done ? this.#read_omap(r) : this.#read_data(r);
    } catch (e) {
      if (!is_unreadable(e)) throw e;
      this.#note(r.soid, { read_error: true });
      return true;
    }
  }
  #read_data(r: Reading): false {
    const { store, coll, stride } = this.#o;
    const bytes = store.read(coll, r.soid, r.off, stride);
    if (bytes && bytes.length > 0) r.digest = crc32c(bytes, r.digest);
    r.off += bytes?.length ?? 0;
    r.data_done = !bytes || bytes.length < stride;
    if (r.data_done) this.#begin_omap(r);
    return false;
  }
  #begin_omap(r: Reading): void {
    const { store, coll } = this.#o;
    const header = store.omap_get_header(coll, r.soid);
    if (header && header.length > 0) r.omap_digest = crc_of_bytes(header, r.omap_digest);
  }
  #read_omap(r: Reading): boolean {
    const { store, coll, keys: max } = this.#o;
    const list = store.omap_list(coll, r.soid, r.omap_after, "", max);
    const keys = list?.keys ?? [];
    const values = store.omap_get_values(coll, r.soid, keys);
    for (const key of keys) {
      const name = utf8.encode(key);
      const value = values?.get(key) ?? new Uint8Array(0);
      r.omap_digest = crc_of_bytes(value, crc_of_bytes(name, r.omap_digest));
      r.omap_keys++;
      r.omap_bytes += name.length + value.length;
    }
    if (list?.more) {
      r.omap_after = keys.at(-1) ?? "";
      return false;
    }
    const { omap_keys, omap_bytes } = r;
    const sums = omap_keys > 0 ? { omap_keys, omap_bytes } : {};
    const digests = { digest: ceph_crc(r.digest), omap_digest: ceph_crc(r.omap_digest) };
    this.#note(r.soid, this.#o.digests ? { ...digests, ...sums } : sums);
    return true;
  }
  #note(soid: hobject_t, what: Partial<ScrubObject>): void {
    const o = this.#map.get(soid);
    if (o) this.#map.set(soid, { ...o, ...what });
  }
}

/** The object's copy here is damaged; anything else that a store throws is not about it alone. */
function is_unreadable(e: unknown): boolean {
  return e instanceof StoreError && e.detail.code === "EIO";
}
/** Ceph's bufferhash(-1) has no final inversion. */
function ceph_crc(crc: number): number {
  return ~crc >>> 0;
}
/** As Ceph encodes bytes: their length, then they. */
function crc_of_bytes(b: Uint8Array, seed: number): number {
  const len = new Uint8Array(4);
  new DataView(len.buffer).setUint32(0, b.length, true);
  return crc32c(b, crc32c(len, seed));
}
