/**
 * How the virtual clock of an embedded cluster goes on: as far as somebody waits for something
 * (VirtualTime), or with the wall clock (io/RealTime).
 */
import { InvariantError } from "@tako/common";
import type { Scheduler } from "../Scheduler.ts";

export interface Pace {
  /** Resolves once `cond` holds; InvariantError after `limit_ms` of the cluster's time. */
  until(cond: () => boolean, what: string, limit_ms: number): Promise<void>;
  /** Resolves `ms` of the cluster's time later. */
  advance(ms: number): Promise<void>;
  /** No event runs any more. */
  stop(): void;
}

interface Waiter {
  readonly cond: () => boolean;
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (e: unknown) => void;
  readonly what: string;
}

/** Who waits for what of a cluster; both kinds of pace ask it after every event. */
export class Waiters {
  readonly #scheduler: Scheduler;
  readonly #waiters = new Set<Waiter>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }
  add(cond: () => boolean, what: string, limit_ms: number): Promise<void> {
    const deadline = this.#scheduler.now_ms + limit_ms;
    return new Promise((resolve, reject) => {
      this.#waiters.add({ cond, deadline, resolve, reject, what });
    });
  }
  get size(): number {
    return this.#waiters.size;
  }
  /** The first moment at which somebody has waited too long. */
  get deadline(): number {
    return Math.min(...[...this.#waiters].map((w) => w.deadline));
  }
  /** Lets go whose condition holds, and who has waited too long. */
  check(): void {
    for (const w of [...this.#waiters]) {
      try {
        if (w.cond()) w.resolve();
        else if (this.#scheduler.now_ms < w.deadline) continue;
        else w.reject(new InvariantError(`not within its time: ${w.what}`));
      } catch (e) {
        w.reject(e);
      }
      this.#waiters.delete(w);
    }
  }
  fail(e: unknown): void {
    for (const w of this.#waiters) w.reject(e);
    this.#waiters.clear();
  }
}

/** Time stands still unless somebody waits; then it goes from event to event. */
export class VirtualTime implements Pace {
  readonly #scheduler: Scheduler;
  readonly #waiters: Waiters;
  #running = false;
  #stopped = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
    this.#waiters = new Waiters(scheduler);
  }
  until(cond: () => boolean, what: string, limit_ms: number): Promise<void> {
    if (this.#stopped) return Promise.reject(new InvariantError(`the cluster is closed: ${what}`));
    const done = this.#waiters.add(cond, what, limit_ms);
    if (!this.#running) void this.#run();
    return done;
  }
  advance(ms: number): Promise<void> {
    const end = this.#scheduler.now_ms + ms;
    return this.until(() => this.#scheduler.now_ms >= end, `${ms} ms`, ms);
  }
  stop(): void {
    this.#stopped = true;
    this.#waiters.fail(new InvariantError("the cluster was closed"));
  }
  async #run(): Promise<void> {
    this.#running = true;
    try {
      await settle();
      this.#waiters.check();
      while (this.#waiters.size > 0) {
        const { deadline } = this.#waiters;
        if (!this.#scheduler.step(deadline)) this.#scheduler.run_until(deadline);
        // What a program does about an event belongs to that event.
        await settle();
        this.#waiters.check();
        await settle();
      }
    } catch (e) {
      this.#waiters.fail(e);
    } finally {
      this.#running = false;
    }
  }
}

/** Lets reactions to promises run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 8; i++) await Promise.resolve();
}
