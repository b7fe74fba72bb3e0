/** The pace of the wall clock: for programs that have timers of their own. */
import { InvariantError } from "@tako/common";
import type { Scheduler } from "../../Scheduler.ts";
import { type Pace, Waiters } from "../Pace.ts";

/** Longest sleep, ms: a program may schedule something meanwhile. */
const TURN_MS = 5;

export class RealTime implements Pace {
  readonly #scheduler: Scheduler;
  readonly #waiters: Waiters;
  readonly #began_ms = performance.now();
  readonly #timer: NodeJS.Timeout;
  #stopped = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
    this.#waiters = new Waiters(scheduler);
    this.#timer = setInterval(() => this.#turn(), TURN_MS);
  }
  until(cond: () => boolean, what: string, limit_ms: number): Promise<void> {
    if (this.#stopped) return Promise.reject(new InvariantError(`the cluster is closed: ${what}`));
    const done = this.#waiters.add(cond, what, limit_ms);
    this.#waiters.check();
    return done;
  }
  advance(ms: number): Promise<void> {
    const end = this.#scheduler.now_ms + ms;
    return this.until(() => this.#scheduler.now_ms >= end, `${ms} ms`, 2 * ms + 60_000);
  }
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#waiters.fail(new InvariantError("the cluster was closed"));
  }
  /** Runs what has fallen due. */
  #turn(): void {
    try {
      this.#scheduler.run_until(performance.now() - this.#began_ms);
      this.#waiters.check();
    } catch (e) {
      this.stop();
      this.#waiters.fail(e);
    }
  }
}
