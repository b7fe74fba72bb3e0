/**
 * Reads of shards under way: the primary asks as many shards for their chunks as are needed to
 * decode; one that fails is replaced by another, until too few are left.
 * Ceph counterpart: ECBackend::ReadOp, start_read_op, handle_sub_read_reply, send_all_remaining_reads.
 * peering.md §10.
 */
import type { eversion_t, hobject_t, pg_shard_t } from "@tako/common";
import type { OpRequest } from "../OpTracker.ts";

/** Extent of a shard, bytes. */
export interface ChunkExtent {
  readonly off: number;
  readonly len: number;
}
export interface ShardAnswer {
  readonly from: pg_shard_t;
  /** One for each extent asked for. */
  readonly chunks: readonly Uint8Array[];
  /** Of the whole shard. */
  readonly size: number;
  readonly attrs: ReadonlyMap<string, Uint8Array>;
}
export type ECReadResult =
  | { readonly answers: ReadonlyMap<number, ShardAnswer>; readonly failed: readonly pg_shard_t[] }
  | { readonly error: "EIO"; readonly failed: readonly pg_shard_t[] };

export interface ECRead {
  readonly tid: number;
  readonly soid: hobject_t;
  /** A shard that has another version has nothing to say. */
  readonly version: eversion_t;
  readonly extents: readonly ChunkExtent[];
  readonly want_attrs: boolean;
  /** Chunk ids that are to be had, directly or decoded. */
  readonly want: readonly number[];
  /** Who may be asked, by chunk id. */
  readonly sources: Map<number, pg_shard_t>;
  /** Which of `sources` it takes; undefined: to be chosen, `sources` have changed. */
  need: readonly number[] | undefined;
  readonly asked: Set<pg_shard_t>;
  readonly answers: Map<number, ShardAnswer>;
  readonly failed: pg_shard_t[];
  /** The client's operation that waits for it. */
  readonly op: OpRequest | null;
  readonly done: (r: ECReadResult) => void;
}

export class ECReads {
  #last_tid = 0;
  readonly #reads = new Map<number, ECRead>();

  next_tid(): number {
    return ++this.#last_tid;
  }
  add(r: ECRead): void {
    this.#reads.set(r.tid, r);
  }
  get(tid: number): ECRead | undefined {
    return this.#reads.get(tid);
  }
  delete(tid: number): void {
    this.#reads.delete(tid);
  }
  all(): ECRead[] {
    return [...this.#reads.values()];
  }
  get size(): number {
    return this.#reads.size;
  }
  /** A new interval: returns the operations that waited. */
  abort(): OpRequest[] {
    const ops = this.all().flatMap((r) => (r.op ? [r.op] : []));
    this.#reads.clear();
    return ops;
  }
}
