/**
 * When to commit what is pending: at once after a quiet time, batched under load.
 * Each proposal takes one of a few credits, which come back every paxos_min_wait; so a failover's
 * handful of epochs runs through without waiting, and a storm of requests shares epochs.
 * Ceph counterpart: PaxosService::should_propose, its delays made adaptive. cluster.md §3.1.
 */
import type { Clock, Config, TimerHandle } from "@tako/common";

/** Proposals that may follow each other directly. */
const BURST = 10;

/** `now`: somebody's I/O waits for it. `soon`: others will come, share the epoch with them. */
export type Urgency = "now" | "soon";

export class Proposer {
  private readonly clock: Clock;
  private readonly config: Config;
  private readonly propose: () => void;
  private credits = BURST;
  private counted_at_ms: number;
  private timer: TimerHandle | undefined;
  private due_ms = Number.POSITIVE_INFINITY;
  private generation = 0;

  /** `propose` commits whatever is pending then, if anything. */
  constructor(clock: Clock, config: Config, propose: () => void) {
    this.clock = clock;
    this.config = config;
    this.propose = propose;
    this.counted_at_ms = clock.mono_ms();
  }

  /** There is something to commit and nothing in flight. */
  request(urgency: Urgency): void {
    const delay = this.delay_ms(urgency);
    const due = this.clock.mono_ms() + delay;
    if (due >= this.due_ms) return;
    this.cancel();
    this.due_ms = due;
    const mine = this.generation;
    const fire = () => {
      if (mine !== this.generation) return;
      this.cancel();
      this.propose();
    };
    // Even "at once" ends the turn first: what arrived in one frame shares the epoch.
    if (delay === 0) this.clock.defer(fire);
    else this.timer = this.clock.set_timer(delay, fire);
  }

  /** A proposal is being made. */
  proposed(): void {
    this.refill();
    this.credits = Math.max(0, this.credits - 1);
    this.cancel();
  }

  cancel(): void {
    this.generation++;
    this.timer?.cancel();
    this.timer = undefined;
    this.due_ms = Number.POSITIVE_INFINITY;
  }

  private delay_ms(urgency: Urgency): number {
    const wait = this.config.get("paxos_min_wait") * 1000;
    this.refill();
    const spacing = this.credits >= 1 ? 0 : (1 - this.credits) * wait;
    return urgency === "now" ? spacing : Math.max(wait, spacing);
  }

  private refill(): void {
    const now = this.clock.mono_ms();
    const wait = this.config.get("paxos_min_wait") * 1000;
    const back = wait > 0 ? (now - this.counted_at_ms) / wait : BURST;
    this.credits = Math.min(BURST, this.credits + back);
    this.counted_at_ms = now;
  }
}
