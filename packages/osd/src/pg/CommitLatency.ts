/** CommitLatency: how long client writes take to become durable here; what `osd perf` shows. */
import type { Clock } from "@tako/common";

export class CommitLatency {
  readonly #clock: Clock;
  #sum_ms = 0;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }
  /** An on_commit callback that also notes the time since this call. */
  timed(on_commit: () => void): () => void {
    const from = this.#clock.mono_ms();
    return () => {
      this.#sum_ms += this.#clock.mono_ms() - from;
      this.#count++;
      on_commit();
    };
  }
  /** Mean since the last call, whole milliseconds; 0 without writes. */
  take_ms(): number {
    const mean = this.#count > 0 ? this.#sum_ms / this.#count : 0;
    this.#sum_ms = 0;
    this.#count = 0;
    return Math.round(mean);
  }
}
