/**
 * ObjectStore: named byte objects with attributes and omap, in collections, changed by ordered
 * atomic transactions.
 * Interface only; MemStore, LevelStore and the simulator's disk implement it, compliance.ts holds all
 * of them to the same behaviour. Ceph counterpart: src/os/ObjectStore.h. Rules: peering.md §2.8, §4.7.
 *
 * Reads are synchronous and see every transaction queued before (queued = visible); what is durable
 * is told by on_commit. That lets the PG code above stay synchronous.
 */
import type { hobject_t } from "@tako/common";
import type { Transaction } from "./Transaction.ts";

/** Collection: `1.2a_head`, `1.2a_TEMP`, `meta`. */
export type coll_t = string;
export const COLL_META: coll_t = "meta";

export interface ObjectStat {
  /** Bytes. */
  readonly size: number;
}
export interface StatFs {
  /** Bytes: capacity given to the store, used by it, still free. */
  readonly total: number;
  readonly used: number;
  readonly available: number;
  /** Parts of `used`: object data, omap, all else. */
  readonly data: number;
  readonly omap: number;
  readonly meta: number;
}

export interface ObjectStore {
  /** "mem" or "level": for metadata and logs. */
  readonly kind: string;
  /** Creates an empty store that belongs to `fsid`. StoreError when there is one already. */
  mkfs(fsid: string): Promise<void>;
  /** Opens it. StoreError `locked`, `corrupt` or `not_found` with the path. */
  mount(): Promise<void>;
  /** Waits for queued transactions to commit, then closes. */
  umount(): Promise<void>;
  /** fsid given at mkfs. Mounted stores only. */
  readonly fsid: string;

  /**
   * Applies `t` atomically, in the order of the calls; visible to reads at once. `on_commit` runs
   * later, in the same order, never from inside this call, when `t` and all before it are durable.
   * Throws InvariantError for an impossible operation (missing collection, remove of a
   * non-existing object, ...) before any of `t` took effect.
   */
  queue_transaction(t: Transaction, on_commit?: () => void): void;
  /** Called once when a write fails: the store accepts nothing more and the daemon must stop. */
  set_on_fatal(fn: (err: Error) => void): void;

  collection_exists(c: coll_t): boolean;
  list_collections(): coll_t[];
  /** Objects of `c` in hobject order with start <= o < end, at most `max`; `next` = where to go on (MAX: done). */
  collection_list(
    c: coll_t,
    start: hobject_t,
    end: hobject_t,
    max: number,
  ): { objects: hobject_t[]; next: hobject_t };

  exists(c: coll_t, o: hobject_t): boolean;
  /** undefined when there is no such object. The same for all reads below. */
  stat(c: coll_t, o: hobject_t): ObjectStat | undefined;
  /** Bytes [off, off+len) that exist; len 0 = to the end. Holes read as zeros. May throw StoreError EIO. */
  read(c: coll_t, o: hobject_t, off: number, len: number): Uint8Array | undefined;
  getattr(c: coll_t, o: hobject_t, name: string): Uint8Array | undefined;
  getattrs(c: coll_t, o: hobject_t): Map<string, Uint8Array> | undefined;
  omap_get_header(c: coll_t, o: hobject_t): Uint8Array | undefined;
  /** Values of those of `keys` that exist. */
  omap_get_values(
    c: coll_t,
    o: hobject_t,
    keys: readonly string[],
  ): Map<string, Uint8Array> | undefined;
  /** Keys > start_after with the prefix, in order, at most `max`. */
  omap_list(
    c: coll_t,
    o: hobject_t,
    start_after: string,
    prefix: string,
    max: number,
  ): { keys: string[]; more: boolean } | undefined;

  statfs(): StatFs;
}
