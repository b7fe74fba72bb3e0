/**
 * Messages on their way to one peer: not yet sent, or sent and not yet acknowledged. Numbers them,
 * and can start over from the first unacknowledged one after a reconnect. Pure.
 * Ceph counterpart: ProtocolV2's out_queue and sent list.
 */
import type { Message } from "../messages/index.ts";

export interface Batch {
  /** Sequence number of messages[0]. */
  readonly seq: number;
  readonly messages: readonly Message[];
}

/** Drop acknowledged entries from the front of the list only when so many have gathered. */
const COMPACT = 256;

export class SendQueue {
  private items: Message[] = [];
  /** items[head] is the oldest message; it has sequence number `base`. */
  private head = 0;
  private base = 1;
  /** How many of those from head on were sent. */
  private sent = 0;
  /** The last one that was ever sent, on this transport or an earlier one. */
  private highest = 0;
  private unsent_size = 0;

  push(m: Message): void {
    this.items.push(m);
    this.unsent_size += approx_bytes(m);
  }

  /** Messages waiting to be sent. */
  get unsent(): number {
    return this.items.length - this.head - this.sent;
  }
  /** Their bytes, about. */
  get unsent_bytes(): number {
    return this.unsent_size;
  }
  get unacked(): number {
    return this.sent;
  }
  /** Sequence number of the last message that was ever sent: the peer may have it. */
  get last_sent(): number {
    return this.highest;
  }

  /** The next messages to send, at least one; they now count as sent. Undefined when there are none. */
  take(max_messages: number, max_bytes: number): Batch | undefined {
    const from = this.head + this.sent;
    let to = from;
    let size = 0;
    while (to < this.items.length && to - from < max_messages) {
      const n = this.size_at(to);
      if (to > from && size + n > max_bytes) break;
      size += n;
      to++;
    }
    if (to === from) return undefined;
    const batch = { seq: this.base + this.sent, messages: this.items.slice(from, to) };
    this.sent += to - from;
    this.highest = Math.max(this.highest, this.base + this.sent - 1);
    this.unsent_size -= size;
    return batch;
  }

  /** The peer has everything up to `seq`. False when that was never sent. */
  ack(seq: number): boolean {
    if (seq > this.last_sent) return false;
    const n = seq - this.base + 1;
    if (n <= 0) return true;
    // After a rewind, what the peer has turns out to need no second sending.
    for (let i = this.head + this.sent; i < this.head + n; i++) this.unsent_size -= this.size_at(i);
    this.head += n;
    this.base += n;
    this.sent = Math.max(0, this.sent - n);
    if (this.head >= COMPACT) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return true;
  }

  /** On a new transport: what is unacknowledged must be sent again. */
  rewind(): void {
    for (let i = this.head; i < this.head + this.sent; i++) this.unsent_size += this.size_at(i);
    this.sent = 0;
  }

  clear(): void {
    this.base += this.items.length - this.head;
    this.items = [];
    this.head = 0;
    this.sent = 0;
    this.unsent_size = 0;
  }

  private size_at(i: number): number {
    const m = this.items[i];
    return m === undefined ? 0 : approx_bytes(m);
  }
}

/** A message without its payload counts as this much. */
const HEAD_BYTES = 200;

export function approx_bytes(m: Message): number {
  let n = HEAD_BYTES;
  if ("data" in m && m.data !== undefined) for (const d of m.data) n += d.length;
  return n;
}
