/**
 * VirtualClock: time that passes when a test says so. Timers run in order of due time, then of
 * setting; deferred calls before any timer.
 */
import type { Clock, TimerHandle } from "@tako/common";

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
  cancelled: boolean;
}

export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #timers: Timer[] = [];
  #deferred: (() => void)[] = [];

  now_ms(): number {
    return 1_700_000_000_000 + this.#now;
  }
  mono_ms(): number {
    return this.#now;
  }
  set_timer(delay_ms: number, fn: () => void): TimerHandle {
    const timer = { at: this.#now + delay_ms, order: this.#order++, fn, cancelled: false };
    this.#timers.push(timer);
    return {
      cancel: () => {
        timer.cancelled = true;
      },
    };
  }
  defer(fn: () => void): void {
    this.#deferred.push(fn);
  }

  /** One deferred call. False: there was none. */
  run_deferred(): boolean {
    const fn = this.#deferred.shift();
    fn?.();
    return fn !== undefined;
  }
  /** Goes on to the next timer within `limit_ms` from now and runs it. */
  run_timer(limit_ms: number): boolean {
    this.#timers = this.#timers.filter((t) => !t.cancelled);
    let next: Timer | undefined;
    for (const t of this.#timers) {
      if (!next || t.at < next.at || (t.at === next.at && t.order < next.order)) next = t;
    }
    if (!next || next.at > this.#now + limit_ms) return false;
    this.#timers = this.#timers.filter((t) => t !== next);
    this.#now = Math.max(this.#now, next.at);
    next.fn();
    return true;
  }
}

/** mulberry32: the same numbers from the same seed everywhere. */
export class SeededRng {
  #s: number;
  constructor(seed: number) {
    this.#s = seed >>> 0;
  }
  next(): number {
    this.#s = (this.#s + 0x6d2b79f5) >>> 0;
    let t = this.#s;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  int(n: number): number {
    return Math.floor(this.next() * n);
  }
}
