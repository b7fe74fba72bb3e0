/**
 * WaitLists: operations that a PG cannot run yet, by what they wait for. Every list keeps the order of
 * arrival; together they are bounded. Ceph counterpart: PG::waiting_for_* (src/osd/PrimaryLogPG.h).
 * Rules: peering.md §8.2, §8.3.
 */
import type { Connection, eversion_t, hobject_t, version_t } from "@tako/common";
import type { OpRequest } from "./OpTracker.ts";

/** More than this in one PG, and the newest sender is told to come again later. */
const MAX_OPS = 8192;
const MAX_BYTES = 256 << 20;

/** Lists that are released as a whole. */
type PlainList =
  | "waiting_for_peered"
  | "waiting_for_active"
  | "waiting_for_flush"
  | "waiting_for_readable"
  | "waiting_for_scrub";

/** A resent write that is in the log already and not yet durable everywhere. */
export interface OndiskWaiter {
  readonly op: OpRequest;
  readonly version: eversion_t;
  readonly user_version: version_t;
  readonly return_code: number;
}

export class WaitLists {
  /** By source: an op behind one that waits for a map waits too. */
  readonly waiting_for_map = new Map<string, OpRequest[]>();
  waiting_for_peered: OpRequest[] = [];
  waiting_for_active: OpRequest[] = [];
  waiting_for_flush: OpRequest[] = [];
  /** Writes to objects that are being scrubbed. */
  waiting_for_scrub: OpRequest[] = [];
  /** The PG is active, but `wait` or `laggy`. */
  waiting_for_readable: OpRequest[] = [];
  readonly waiting_for_unreadable_object = new Map<hobject_t, OpRequest[]>();
  readonly waiting_for_degraded_object = new Map<hobject_t, OpRequest[]>();
  /** The object is being written (reads wait) or read for recovery (writes wait). */
  readonly waiting_for_rw_lock = new Map<hobject_t, OpRequest[]>();
  /** By version number. */
  readonly waiting_for_ondisk = new Map<version_t, OndiskWaiter[]>();
  #bytes = 0;
  #ops = 0;

  get size(): number {
    return this.#ops;
  }
  get bytes(): number {
    return this.#bytes;
  }
  /** No room for `op`. */
  full_for(op: OpRequest): boolean {
    return this.#ops >= MAX_OPS || (this.#bytes + op.cost > MAX_BYTES && this.#ops > 0);
  }

  add(list: OpRequest[], op: OpRequest): void {
    list.push(op);
    this.#ops++;
    this.#bytes += op.cost;
  }
  add_keyed<K>(lists: Map<K, OpRequest[]>, key: K, op: OpRequest): void {
    let list = lists.get(key);
    if (!list) {
      list = [];
      lists.set(key, list);
    }
    this.add(list, op);
  }
  add_ondisk(w: OndiskWaiter): void {
    const list = this.waiting_for_ondisk.get(w.version.version);
    if (list) list.push(w);
    else this.waiting_for_ondisk.set(w.version.version, [w]);
    this.#ops++;
    this.#bytes += w.op.cost;
  }

  /** Ops have left a list. */
  left(ops: readonly OpRequest[]): OpRequest[] {
    this.#ops -= ops.length;
    for (const op of ops) this.#bytes -= op.cost;
    return [...ops];
  }
  take(name: PlainList): OpRequest[] {
    const ops = this.left(this[name]);
    this[name] = [];
    return ops;
  }
  take_keyed<K>(lists: Map<K, OpRequest[]>, key: K): OpRequest[] {
    const ops = lists.get(key);
    if (!ops) return [];
    lists.delete(key);
    return this.left(ops);
  }
  /** All sources in order of arrival. */
  take_waiting_for_map(): OpRequest[] {
    const ops = in_order([...this.waiting_for_map.values()].flat());
    this.waiting_for_map.clear();
    return this.left(ops);
  }
  take_ondisk(v: version_t): OndiskWaiter[] {
    const ws = this.waiting_for_ondisk.get(v);
    if (!ws) return [];
    this.waiting_for_ondisk.delete(v);
    this.left(ws.map((w) => w.op));
    return ws;
  }

  /** Everything, in order of arrival, except what waits for a map: that goes on waiting. */
  take_all(): OpRequest[] {
    const ops = [
      ...this.take("waiting_for_peered"),
      ...this.take("waiting_for_active"),
      ...this.take("waiting_for_flush"),
      ...this.take("waiting_for_scrub"),
      ...this.take("waiting_for_readable"),
    ];
    for (const lists of this.#by_object()) {
      for (const key of [...lists.keys()]) ops.push(...this.take_keyed(lists, key));
    }
    for (const v of [...this.waiting_for_ondisk.keys()]) {
      for (const w of this.take_ondisk(v)) ops.push(w.op);
    }
    return in_order(ops);
  }

  #by_object(): Map<hobject_t, OpRequest[]>[] {
    return [
      this.waiting_for_unreadable_object,
      this.waiting_for_degraded_object,
      this.waiting_for_rw_lock,
    ];
  }

  /** The session of `con` is gone: nobody waits for an answer. */
  drop_session(con: Connection): OpRequest[] {
    const gone = (op: OpRequest) => op.con === con;
    const dropped: OpRequest[] = [];
    const keep = (list: OpRequest[]): OpRequest[] => {
      if (!list.some(gone)) return list;
      dropped.push(...list.filter(gone));
      return list.filter((op) => !gone(op));
    };
    this.waiting_for_peered = keep(this.waiting_for_peered);
    this.waiting_for_active = keep(this.waiting_for_active);
    this.waiting_for_flush = keep(this.waiting_for_flush);
    this.waiting_for_scrub = keep(this.waiting_for_scrub);
    this.waiting_for_readable = keep(this.waiting_for_readable);
    keep_keyed(this.waiting_for_map, keep);
    for (const lists of this.#by_object()) keep_keyed(lists, keep);
    for (const [v, ws] of [...this.waiting_for_ondisk]) {
      const left = ws.filter((w) => !gone(w.op));
      if (left.length === ws.length) continue;
      for (const w of ws) if (gone(w.op)) dropped.push(w.op);
      if (left.length > 0) this.waiting_for_ondisk.set(v, left);
      else this.waiting_for_ondisk.delete(v);
    }
    return this.left(dropped);
  }
}

function keep_keyed<K>(lists: Map<K, OpRequest[]>, keep: (list: OpRequest[]) => OpRequest[]): void {
  for (const [key, list] of [...lists]) {
    const kept = keep(list);
    if (kept.length > 0) lists.set(key, kept);
    else lists.delete(key);
  }
}

/** Order of arrival: what clients rely on for their own writes (I23). */
export function in_order(ops: OpRequest[]): OpRequest[] {
  return ops.sort((a, b) => a.seq - b.seq);
}
