/**
 * The osdmap part of the store: what is committed, read back for those who ask, and the transaction
 * that adds an epoch or trims old ones. Keeps the newest blobs in memory.
 * Ceph counterpart: OSDMonitor::get_version, get_version_full, put_version. cluster.md §4.2.
 */
import { type epoch_t, OSDMap, StoreError } from "@tako/common";
import {
  epoch_key,
  full_key,
  type MonitorDBStore,
  type MonTransaction,
} from "../store/MonitorDBStore.ts";

const PREFIX = "osdmap";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class MapStore {
  private readonly store: MonitorDBStore;
  private readonly cache_size: () => number;
  /** Blobs by key, in order of use. */
  private readonly cache = new Map<string, Uint8Array>();
  first_committed: epoch_t;
  last_committed: epoch_t;

  constructor(store: MonitorDBStore, cache_size: () => number) {
    this.store = store;
    this.cache_size = cache_size;
    this.first_committed = this.number("first_committed");
    this.last_committed = this.number("last_committed");
    this.check_contiguous();
  }

  /** The incremental that leads to `e`; undefined below first_committed or beyond the newest. */
  get_inc(e: epoch_t): Uint8Array | undefined {
    return e < this.first_committed ? undefined : this.get(epoch_key(e));
  }
  get_full(e: epoch_t): Uint8Array | undefined {
    return e < this.first_committed ? undefined : this.get(full_key(e));
  }
  /** The map of an epoch, decoded; undefined when it is not there (any more). */
  get_map(e: epoch_t): OSDMap | undefined {
    const b = this.get_full(e);
    return b && OSDMap.decode(b);
  }

  /** Adds epoch `e` to `txn`. */
  put_epoch(txn: MonTransaction, e: epoch_t, inc: Uint8Array, full: Uint8Array): void {
    txn.put(PREFIX, epoch_key(e), inc).put(PREFIX, full_key(e), full);
    txn.put(PREFIX, "last_committed", encoder.encode(String(e)));
    txn.put(PREFIX, "full_latest", encoder.encode(String(e)));
    if (e === 1) txn.put(PREFIX, "first_committed", encoder.encode("1"));
  }
  /** That transaction is committed. */
  committed_epoch(e: epoch_t, inc: Uint8Array, full: Uint8Array): void {
    this.last_committed = e;
    this.remember(epoch_key(e), inc);
    this.remember(full_key(e), full);
  }

  /** Forgets epochs below `first`, whose full map stays (fulls of all epochs are stored). */
  put_trim(txn: MonTransaction, first: epoch_t): void {
    for (let e = this.first_committed; e < first; e++) {
      txn.erase(PREFIX, epoch_key(e)).erase(PREFIX, full_key(e));
    }
    txn.put(PREFIX, "first_committed", encoder.encode(String(first)));
  }
  committed_trim(first: epoch_t): void {
    for (let e = this.first_committed; e < first; e++) {
      this.cache.delete(epoch_key(e));
      this.cache.delete(full_key(e));
    }
    this.first_committed = first;
  }

  private get(key: string): Uint8Array | undefined {
    const cached = this.cache.get(key);
    if (cached) return cached;
    const b = this.store.get(PREFIX, key);
    if (b) this.remember(key, b);
    return b;
  }
  private remember(key: string, blob: Uint8Array): void {
    this.cache.delete(key);
    this.cache.set(key, blob);
    // Incrementals and fulls count alike.
    const max = 2 * this.cache_size();
    for (const oldest of this.cache.keys()) {
      if (this.cache.size <= max) break;
      this.cache.delete(oldest);
    }
  }

  private number(key: string): number {
    const b = this.store.get(PREFIX, key);
    const n = b ? Number(decoder.decode(b)) : Number.NaN;
    if (!Number.isInteger(n) || n < 1) {
      throw new StoreError(`record ${PREFIX}/${key} is missing or not a number`, {
        code: "corrupt",
        path: `${PREFIX}/${key}`,
        what: "run mkfs on an empty directory, or restore a copy",
      });
    }
    return n;
  }

  private check_contiguous(): void {
    for (let e = this.first_committed; e <= this.last_committed; e++) {
      for (const key of [epoch_key(e), full_key(e)]) {
        if (this.store.get(PREFIX, key)) continue;
        throw new StoreError(`osdmap epoch ${e} is missing from the store (${PREFIX}/${key})`, {
          code: "not_found",
          path: `${PREFIX}/${key}`,
          what: `epochs ${this.first_committed} to ${this.last_committed} should be there`,
        });
      }
    }
  }
}
