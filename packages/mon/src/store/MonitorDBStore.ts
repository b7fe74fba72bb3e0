/**
 * Where the monitor keeps what it must not forget: a key-value store with prefixes, read
 * synchronously, written in atomic durable transactions.
 * Ceph counterpart: src/mon/MonitorDBStore.h. Layout of prefixes and keys: cluster.md §4.2.
 */
import type { StoreError } from "@tako/common";

export type StoreOp =
  | {
      readonly op: "put";
      readonly prefix: string;
      readonly key: string;
      readonly value: Uint8Array;
    }
  | { readonly op: "erase"; readonly prefix: string; readonly key: string };

/** Puts and erases that become durable together or not at all. Of one key the last one counts. */
export class MonTransaction {
  readonly ops: StoreOp[] = [];

  put(prefix: string, key: string, value: Uint8Array): this {
    this.ops.push({ op: "put", prefix, key, value });
    return this;
  }
  erase(prefix: string, key: string): this {
    this.ops.push({ op: "erase", prefix, key });
    return this;
  }
  get empty(): boolean {
    return this.ops.length === 0;
  }
}

/** `failed`: not applied as far as this process can tell; the monitor stops and finds out. */
export type ApplyOutcome =
  | { readonly status: "committed" }
  | { readonly status: "failed"; readonly error: StoreError };

export interface MonitorDBStore {
  /** What is durable. Transactions in flight are not seen. Throws StoreError for a bad record. */
  get(prefix: string, key: string): Uint8Array | undefined;
  /**
   * Makes `txn` durable (fsync) and then calls `on_done`, never from inside this call. Several
   * may be in flight: they are applied in order, and after a failure all later ones fail too.
   */
  apply(txn: MonTransaction, on_done: (outcome: ApplyOutcome) => void): void;
}

/** Keys of numbered records sort as numbers: `0000000042`. */
export function epoch_key(e: number): string {
  return e.toString().padStart(10, "0");
}
export function full_key(e: number): string {
  return `full_${epoch_key(e)}`;
}
