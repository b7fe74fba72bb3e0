/** Clock of the real world: timers of Node, wall clock, monotonic clock. */
import { performance } from "node:perf_hooks";
import type { Clock, TimerHandle } from "../ports.ts";

/** setTimeout fires at once beyond 2^31 - 1 ms; longer waits are cut into pieces. */
const LONGEST_MS = 0x7fffffff;

export class SystemClock implements Clock {
  now_ms(): number {
    return Date.now();
  }

  mono_ms(): number {
    return performance.now();
  }

  set_timer(delay_ms: number, fn: () => void): TimerHandle {
    const due = performance.now() + Math.max(0, delay_ms);
    let t: NodeJS.Timeout;
    const arm = () => {
      const left = due - performance.now();
      // A timer of Node may fire a millisecond early: the port promises "not before".
      if (left <= 0) fn();
      else t = setTimeout(arm, Math.min(Math.ceil(left), LONGEST_MS));
    };
    t = setTimeout(arm, Math.min(Math.ceil(Math.max(0, delay_ms)), LONGEST_MS));
    return { cancel: () => clearTimeout(t) };
  }

  /** After the current turn of the event loop, when all sockets that had something were read. */
  defer(fn: () => void): void {
    setImmediate(fn);
  }
}
