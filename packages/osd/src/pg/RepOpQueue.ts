/**
 * RepOpQueue: writes and log-only updates that have been sent and are not yet durable on every
 * member, in version order. Ceph counterpart: PrimaryLogPG::RepGather, repop_queue,
 * ReplicatedBackend::in_progress_ops. peering.md §8.4.
 */
import type { eversion_t, Msg, pg_shard_t } from "@tako/common";
import type { ObjectContext } from "./ObjectContext.ts";
import type { OpRequest } from "./OpTracker.ts";

export interface RepOp {
  readonly tid: number;
  readonly v: eversion_t;
  /** Members that have not reported it durable, ourselves included. */
  readonly waiting_for_commit: Set<pg_shard_t>;
  /** Our last_complete when it was applied: durable when our commit is. */
  readonly pg_local_last_complete: eversion_t;
  /** The client's request and what it will be told; null for our own doing. */
  readonly op: OpRequest | null;
  readonly reply: Msg<"osd_op_reply"> | null;
  /** Locked for writing until all have committed. */
  readonly obc: ObjectContext | null;
  readonly on_complete: (() => void) | null;
  /** A new interval came first: whether it is on enough members is peering's to find out. */
  readonly on_abort?: () => void;
}

export class RepOpQueue {
  #last_tid = 0;
  /** In version order, since tids are given out with versions. */
  readonly #in_progress = new Map<number, RepOp>();

  next_tid(): number {
    return ++this.#last_tid;
  }
  add(r: RepOp): void {
    this.#in_progress.set(r.tid, r);
  }
  get(tid: number): RepOp | undefined {
    return this.#in_progress.get(tid);
  }
  get size(): number {
    return this.#in_progress.size;
  }

  /** The oldest, once all members have it; removed. An older one holds back the later ones. */
  pop_completed(): RepOp | undefined {
    const next = this.#in_progress.values().next();
    if (next.done || next.value.waiting_for_commit.size > 0) return undefined;
    this.#in_progress.delete(next.value.tid);
    return next.value;
  }
  /** A new interval: returns the requests, which may have to run again. */
  abort(): OpRequest[] {
    const given_up = [...this.#in_progress.values()];
    this.#in_progress.clear();
    for (const r of given_up) r.on_abort?.();
    return given_up.flatMap((r) => r.op ?? []);
  }
}
