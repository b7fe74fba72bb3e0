/**
 * What a mounted KStore is at one moment: the index in memory, the counters, and values read
 * through the queue of what is not written yet. Shared by its reads (KStore) and writes (TransContext).
 */
import { StoreError } from "@tako/common";
import type { CommitQueue } from "./CommitQueue.ts";
import type { KeyValueDB } from "./KeyValueDB.ts";
import { type Collection, type ObjectRef, OnodeCache } from "./ObjectIndex.ts";
import type { coll_t } from "./ObjectStore.ts";
import {
  DAMAGED,
  decode_onode,
  HEADER,
  type Onode,
  unframe,
  unframe_queued,
} from "./value_format.ts";

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
    const payload = this.#payload(ref.onode_key());
    const decoded = payload && decode_onode(payload);
    if (!decoded || decoded.nid !== ref.nid) throw this.corrupt(ref, "its onode");
    ref.node = decoded.node;
    return decoded.node;
  }

  /**
   * Bytes of a stripe below the object's size; zeros at its end may be left out. StoreError EIO
   * when they are not what was written: that object is damaged, and it alone.
   */
  stripe(ref: ObjectRef, n: number): Uint8Array {
    return this.#content(ref.data_key(n), ref, () => `data at ${n * this.stripe_size}`);
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
  // The same for what is to be changed: DAMAGED when it cannot be read.
  stripe_or_damaged(ref: ObjectRef, n: number): Uint8Array {
    return or_damaged(() => this.stripe(ref, n));
  }
  read_or_damaged(ref: ObjectRef, off: number, end: number): Uint8Array {
    return or_damaged(() => this.read(ref, off, end));
  }
  omap_value(ref: ObjectRef, key: string): Uint8Array {
    this.cache.touch(ref);
    // The index says that it exists.
    return this.#content(ref.omap_key(key), ref, () => `omap key ${key}`);
  }
  #content(key: string, ref: ObjectRef, part: () => string): Uint8Array {
    let payload: Uint8Array | undefined;
    let cause: unknown;
    try {
      payload = this.#payload(key);
    } catch (e) {
      if (!(e instanceof StoreError)) throw e;
      cause = e;
    }
    if (payload) return payload;
    const what = `object ${ref.oid} in ${ref.coll.name}: ${part()}`;
    const detail = { code: "EIO", path: this.db.path, what } as const;
    throw new StoreError(`${this.db.path}: damaged: ${what}`, detail, { cause });
  }

  /** Value with its header, for copying it to another key: DAMAGED when it is not what was written. */
  raw(key: string): Uint8Array {
    const queued = this.queue.get(key);
    if (queued !== undefined) return queued ?? DAMAGED;
    const stored = this.db.get(key);
    return stored && unframe(stored) ? stored : DAMAGED;
  }
  /** Bytes of a value, good or bad. */
  stored_length(key: string): number {
    const queued = this.queue.get(key);
    const raw = queued === undefined ? this.db.get(key) : queued;
    return raw ? Math.max(0, raw.length - HEADER) : 0;
  }

  /** Fatal: without it nobody knows what the object is. */
  corrupt(ref: ObjectRef, part: string): StoreError {
    const what = `object ${ref.oid} in ${ref.coll.name}: ${part}`;
    return new StoreError(`${this.db.path}: damaged: ${what}`, {
      code: "corrupt",
      path: this.db.path,
      what,
    });
  }

  /** undefined: there is none, or it is not what was written. */
  #payload(key: string): Uint8Array | undefined {
    const queued = this.queue.get(key);
    if (queued !== undefined) return queued ? unframe_queued(queued) : undefined;
    const raw = this.db.get(key);
    return raw && unframe(raw);
  }
}

function or_damaged(read: () => Uint8Array): Uint8Array {
  try {
    return read();
  } catch (e) {
    if (e instanceof StoreError && e.detail.code === "EIO") return DAMAGED;
    throw e;
  }
}
