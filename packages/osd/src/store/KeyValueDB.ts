/**
 * KeyValueDB: the ordered bytes under a KStore, as far as KStore needs them.
 * Ceph counterpart: src/kv/KeyValueDB.h.
 */
import type { StoreError } from "@tako/common";

/** New value by key; null removes it. */
export type KVChanges = ReadonlyMap<string, Uint8Array | null>;

export interface KeyValueDB {
  /** Directory (or a name, in memory) for error messages. */
  readonly path: string;
  /** Last submitted and finished value. Nobody changes the bytes later. StoreError when unreadable. */
  get(key: string): Uint8Array | undefined;
  /**
   * Writes all changes or none; `done` is called later, never from inside, when they are durable.
   * Only one submit at a time. `seq` counts up by one with every submit.
   */
  submit(changes: KVChanges, seq: number, done: (err?: StoreError) => void): void;
}
