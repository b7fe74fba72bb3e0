/**
 * Outbox: peering messages of one turn, merged so that each destination gets one MOSDPGNotify, one
 * MOSDPGQuery and one MOSDPGInfo; everything else keeps its place between them.
 * Ceph counterpart: OSD::do_notifies, do_queries, do_infos. Rules: peering.md §4.7.
 */
import {
  type epoch_t,
  type Message,
  type pg_notify_t,
  type pg_query_t,
  sort_few,
  type spg_t,
} from "@tako/common";
import type { OutMessage } from "../peering/RecoveryCtx.ts";

type Draft =
  | { kind: "notify" | "info"; epoch: epoch_t; list: pg_notify_t[] }
  | { kind: "query"; epoch: epoch_t; list: { pgid: spg_t; query: pg_query_t }[] }
  | { kind: "message"; epoch: epoch_t; msg: Message };

export class Outbox {
  readonly #send: (osd: number, m: Message, from_epoch: epoch_t) => void;
  #drafts = new Map<number, Draft[]>();

  /** `send` takes the PG's map epoch: the connection rule of §3.1 is applied with it. */
  constructor(send: (osd: number, m: Message, from_epoch: epoch_t) => void) {
    this.#send = send;
  }

  /** Queues `out`, sent as of the PG's map epoch `epoch`. */
  add(out: OutMessage, epoch: epoch_t): void {
    let drafts = this.#drafts.get(out.to);
    if (!drafts) {
      drafts = [];
      this.#drafts.set(out.to, drafts);
    }
    if (out.kind === "message") {
      drafts.push({ kind: "message", epoch, msg: out.msg });
      return;
    }
    // Messages of one PG must keep their order; those of different PGs need none. A list may grow
    // only while nothing that is not mergeable came after it.
    const last = this.#mergeable(drafts, out.kind, epoch);
    if (out.kind === "query") {
      const item = { pgid: out.pgid, query: out.query };
      if (last?.kind === "query") last.list.push(item);
      else drafts.push({ kind: "query", epoch, list: [item] });
    } else if (last && (last.kind === "notify" || last.kind === "info")) {
      last.list.push(out.notify);
    } else {
      drafts.push({ kind: out.kind, epoch, list: [out.notify] });
    }
  }

  #mergeable(drafts: Draft[], kind: Draft["kind"], epoch: epoch_t): Draft | undefined {
    for (let i = drafts.length - 1; i >= 0; i--) {
      const d = drafts[i] as Draft;
      if (d.kind === "message") return undefined;
      if (d.kind === kind && d.epoch === epoch) return d;
    }
    return undefined;
  }

  get empty(): boolean {
    return this.#drafts.size === 0;
  }

  flush(): void {
    const all = sort_few([...this.#drafts], (a, b) => a[0] - b[0]);
    this.#drafts = new Map();
    for (const [osd, drafts] of all) {
      for (const d of drafts) this.#send(osd, to_message(d), d.epoch);
    }
  }
}

function to_message(d: Draft): Message {
  switch (d.kind) {
    case "notify":
      return { type: "pg_notify", epoch: d.epoch, pg_list: d.list };
    case "info":
      return { type: "pg_info", epoch: d.epoch, pg_list: d.list };
    case "query":
      return { type: "pg_query", epoch: d.epoch, pg_list: d.list };
    case "message":
      return d.msg;
  }
}
