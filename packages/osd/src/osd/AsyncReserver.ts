/**
 * AsyncReserver: a bounded number of slots given out by priority, then first come first served.
 * One for local (primaries) and one for remote (replicas) reservations of an OSD.
 * Ceph counterpart: src/common/AsyncReserver.h. Rules: peering.md §7.4.
 */
import { sometimes } from "@tako/common";

interface Request {
  readonly item: string;
  priority: number;
  readonly order: number;
  readonly on_grant: () => void;
  readonly on_preempt: (() => void) | null;
  /** on_grant has run: from then on the owner must be told of a preemption. */
  told: boolean;
}

export class AsyncReserver {
  #max_allowed: number;
  #min_priority: number;
  readonly #defer: (fn: () => void) => void;
  readonly #queued = new Map<string, Request>();
  readonly #granted = new Map<string, Request>();
  /** Preempted, and not told yet: who cancels in that moment need not hear of it. */
  readonly #preempted = new Map<string, Request>();
  #order = 0;

  /** `defer` runs a callback after the current turn: grants never happen inside request(). */
  constructor(max_allowed: number, min_priority: number, defer: (fn: () => void) => void) {
    this.#max_allowed = max_allowed;
    this.#min_priority = min_priority;
    this.#defer = defer;
  }

  /**
   * Queues `item` (at most one request per item). on_grant runs once when it gets a slot; with
   * on_preempt it may lose the slot again to a higher priority, which calls on_preempt once.
   */
  request_reservation(
    item: string,
    priority: number,
    on_grant: () => void,
    on_preempt: (() => void) | null,
  ): void {
    this.cancel_reservation(item);
    const order = this.#order++;
    this.#queued.set(item, { item, priority, order, on_grant, on_preempt, told: false });
    this.#do_queues();
  }

  /** Gives back a slot or leaves the queue; nothing happens for an unknown item. */
  cancel_reservation(item: string): void {
    this.#preempted.delete(item);
    if (this.#queued.delete(item)) return;
    if (this.#granted.delete(item)) this.#do_queues();
  }

  update_priority(item: string, priority: number): void {
    const r = this.#queued.get(item) ?? this.#granted.get(item);
    if (!r || r.priority === priority) return;
    r.priority = priority;
    this.#do_queues();
  }

  set_max(max_allowed: number): void {
    this.#max_allowed = max_allowed;
    this.#do_queues();
  }
  set_min_priority(min_priority: number): void {
    this.#min_priority = min_priority;
    this.#do_queues();
  }

  has_reservation(item: string): boolean {
    return this.#granted.has(item);
  }
  get granted_count(): number {
    return this.#granted.size;
  }

  /** For `dump_recovery_reservations`. */
  dump(): {
    max_allowed: number;
    min_priority: number;
    queues: { priority: number; items: { item: string; prio: number; can_preempt: boolean }[] }[];
    in_progress: { item: string; prio: number; can_preempt: boolean }[];
  } {
    const show = (r: Request) => ({
      item: r.item,
      prio: r.priority,
      can_preempt: r.on_preempt !== null,
    });
    const by_prio = new Map<number, Request[]>();
    for (const r of this.#in_order()) {
      const q = by_prio.get(r.priority);
      if (q) q.push(r);
      else by_prio.set(r.priority, [r]);
    }
    return {
      max_allowed: this.#max_allowed,
      min_priority: this.#min_priority,
      queues: [...by_prio].map(([priority, rs]) => ({ priority, items: rs.map(show) })),
      in_progress: [...this.#granted.values()].map(show),
    };
  }

  #in_order(): Request[] {
    return [...this.#queued.values()].sort((a, b) => b.priority - a.priority || a.order - b.order);
  }

  #do_queues(): void {
    // A preempted item gives its slot at once; its owner is told in a later turn.
    for (const r of this.#in_order()) {
      if (r.priority < this.#min_priority) return;
      if (this.#granted.size >= this.#max_allowed && !this.#preempt_for(r)) return;
      this.#queued.delete(r.item);
      this.#granted.set(r.item, r);
      this.#defer(() => {
        if (this.#granted.get(r.item) !== r || r.told) return;
        r.told = true;
        r.on_grant();
      });
    }
  }

  #preempt_for(r: Request): boolean {
    let victim: Request | undefined;
    for (const g of this.#granted.values()) {
      if (g.on_preempt && g.priority < r.priority && (!victim || g.priority < victim.priority)) {
        victim = g;
      }
    }
    if (!victim) return false;
    const { item, told } = victim;
    this.#granted.delete(item);
    sometimes("reservation taken away for another");
    // Who has not heard of its slot yet goes on waiting: it would take a preemption for a stray event.
    if (told) this.#tell_preempted(victim);
    else this.#queued.set(item, victim);
    return true;
  }
  #tell_preempted(r: Request): void {
    this.#preempted.set(r.item, r);
    this.#defer(() => {
      if (this.#preempted.get(r.item) !== r) return;
      this.#preempted.delete(r.item);
      r.on_preempt?.();
    });
  }
}
