/**
 * What a mounted KStore is at one moment: the index in memory, the counters, and values read
 * through the queue of what is not written yet. Shared by its reads (KStore) and writes (TransContext).
 */
import { StoreError } from "@tako/common";
import type { CommitQueue } from "./CommitQueue.ts";
import type { KeyValueDB } from "./KeyValueDB.ts";
import { data_key, omap_key, onode_key } from "./keys.ts";
import { type Collection, type ObjectRef, OnodeCache } from "./ObjectIndex.ts";
import type { coll_t } from "./ObjectStore.ts";
import { decode_onode, HEADER, type Onode, unframe } from "./value_format.ts";

/** Persisted with every group of transactions. Bytes as clients see them, not as compacted. */
export interface Counters {
  /** Groups written since mkfs. */
  seq: number;
  next_nid: number;
  data: number;
  omap: number;
  meta: number;
}

const NO_BYTES = new Uint8Array(0);
/** Objects whose onodes stay decoded, at least. */
const CACHED_ONODES = 8192;

export class KStoreState {
  readonly db: KeyValueDB;
  readonly queue: CommitQueue;
  readonly stripe_size: number;
  readonly counters: Counters;
  readonly collections = new Map<coll_t, Collection>();
  readonly cache = new OnodeCache(CACHED_ONODES);

  constructor(db: KeyValueDB, queue: CommitQueue, stripe_size: number, counters: Counters) {
    this.db = db;
    this.queue = queue;
    this.stripe_size = stripe_size;
    this.counters = counters;
  }

  find(c: coll_t, o: ObjectRef["oid"]): ObjectRef | undefined {
    return this.collections.get(c)?.get(o);
  }

  /** Onode of an existing object, from the cache or the database. */
  node(ref: ObjectRef): Onode {
    this.cache.touch(ref);
    if (ref.node) return ref.node;
    const payload = this.#value(onode_key(ref.coll.name, ref.oid), ref, "its onode");
    const decoded = payload && decode_onode(payload);
    if (!decoded || decoded.nid !== ref.nid) throw this.corrupt(ref, "its onode");
    ref.node = decoded.node;
    return decoded.node;
  }

  /** Bytes of a stripe below the object's size; zeros at its end may be left out. */
  stripe(ref: ObjectRef, n: number): Uint8Array {
    const part = `data at ${n * this.stripe_size}`;
    const v = this.#value(data_key(ref.nid, n), ref, part);
    if (!v) throw this.corrupt(ref, part);
    return v;
  }
  /** Bytes [off, end), `end` within the object's size. */
  read(ref: ObjectRef, off: number, end: number): Uint8Array {
    if (off >= end) return NO_BYTES;
    const stripe = this.stripe_size;
    const first = Math.floor(off / stripe);
    if (end <= (first + 1) * stripe) {
      // Within one stripe and all there: no copy.
      const b = this.stripe(ref, first).subarray(off - first * stripe, end - first * stripe);
      if (b.length === end - off) return b;
      const out = new Uint8Array(end - off);
      out.set(b);
      return out;
    }
    const out = new Uint8Array(end - off);
    for (let n = first; n * stripe < end; n++) {
      const start = n * stripe;
      const b = this.stripe(ref, n).subarray(Math.max(off - start, 0), end - start);
      out.set(b, Math.max(start - off, 0));
    }
    return out;
  }
  omap_value(ref: ObjectRef, key: string): Uint8Array {
    const v = this.#value(omap_key(ref.nid, key), ref, `omap key ${key}`);
    // The index says that it exists.
    if (!v) throw this.corrupt(ref, `omap key ${key}`);
    return v;
  }

  /** Value with its header, unchecked: for copying it to another key. */
  raw(key: string): Uint8Array | undefined {
    const queued = this.queue.get(key);
    return queued === undefined ? this.db.get(key) : (queued ?? undefined);
  }

  corrupt(ref: ObjectRef, part: string): StoreError {
    const what = `object ${ref.oid} in ${ref.coll.name}: ${part}`;
    return new StoreError(`${this.db.path}: damaged: ${what}`, {
      code: "corrupt",
      path: this.db.path,
      what,
    });
  }

  #value(key: string, ref: ObjectRef, part: string): Uint8Array | undefined {
    const queued = this.queue.get(key);
    if (queued !== undefined) return queued?.subarray(HEADER);
    const raw = this.db.get(key);
    if (raw === undefined) return undefined;
    const payload = unframe(raw);
    if (!payload) throw this.corrupt(ref, part);
    return payload;
  }
}
