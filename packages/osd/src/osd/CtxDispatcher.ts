/**
 * CtxDispatcher: stores a RecoveryCtx's transaction and lets its messages go once that transaction,
 * and every earlier one of the PG, is durable. Never earlier: what can be observed from outside must
 * survive a crash (I17). Only reservations go at once: they say nothing of what is stored, and while
 * they wait a slot stands idle. Ceph counterpart: OSD::dispatch_context. Rules: peering.md §4.7.
 */
import type { epoch_t } from "@tako/common";
import type { OutMessage, RecoveryCtx } from "../peering/RecoveryCtx.ts";
import type { PG } from "../pg/PG.ts";
import type { ObjectStore } from "../store/ObjectStore.ts";

interface Batch {
  readonly on_commit: RecoveryCtx["on_commit"];
  readonly messages: readonly OutMessage[];
  /** Map epoch of the PG when it sent the messages, and its last reset then. */
  readonly epoch: epoch_t;
  readonly last_peering_reset: epoch_t;
  committed: boolean;
}

export interface CtxDispatcherPorts {
  readonly store: ObjectStore;
  /** Takes a message that may leave now. */
  readonly send: (out: OutMessage, epoch: epoch_t) => void;
}

export class CtxDispatcher {
  readonly #p: CtxDispatcherPorts;
  /** Per PG, oldest first. A batch leaves when it and all before it are committed. */
  readonly #pending = new Map<PG, Batch[]>();

  constructor(ports: CtxDispatcherPorts) {
    this.#p = ports;
  }

  dispatch(pg: PG, rctx: RecoveryCtx): void {
    const epoch = pg.osdmap_epoch;
    let { messages } = rctx;
    if (messages.some(is_reservation)) {
      for (const m of messages) if (is_reservation(m)) this.#p.send(m, epoch);
      messages = messages.filter((m) => !is_reservation(m));
    }
    const stores = !rctx.transaction.empty;
    if (!stores && messages.length === 0 && rctx.on_commit.length === 0) return;
    const batch: Batch = {
      on_commit: rctx.on_commit,
      messages,
      epoch,
      last_peering_reset: pg.last_peering_reset,
      committed: !stores,
    };
    const pending = this.#pending.get(pg);
    if (pending) pending.push(batch);
    else this.#pending.set(pg, [batch]);
    if (!stores) {
      this.#release(pg);
      return;
    }
    this.#p.store.queue_transaction(rctx.transaction, () => {
      batch.committed = true;
      this.#release(pg);
    });
  }

  #release(pg: PG): void {
    const pending = this.#pending.get(pg);
    if (!pending) return;
    while (pending[0]?.committed) {
      const b = pending.shift() as Batch;
      for (const fn of b.on_commit) fn();
      // Messages of an interval that is over must not be sent any more (§4.7 rule 6).
      if (b.last_peering_reset !== pg.last_peering_reset) continue;
      for (const m of b.messages) this.#p.send(m, b.epoch);
    }
    if (pending.length === 0) this.#pending.delete(pg);
  }
}

function is_reservation(m: OutMessage): boolean {
  if (m.kind !== "message") return false;
  return m.msg.type === "recovery_reserve" || m.msg.type === "backfill_reserve";
}
