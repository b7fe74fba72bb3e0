/**
 * PerfCounters: sums for `perf dump`, each with what it counts. Pure; who counts gives the numbers.
 * Ceph counterpart: PerfCounters, PerfCountersBuilder (src/common/perf_counters.h).
 */

/** Ceph's bits: a time, an integer; averaged; only grows. */
const TIME = 1;
const U64 = 2;
const LONGRUNAVG = 4;
const COUNTER = 8;

export type counter_kind = "gauge" | "counter" | "time_avg";
export interface counter_def {
  readonly kind: counter_kind;
  readonly about: string;
  readonly units?: "bytes";
}
const TYPE = { gauge: U64, counter: U64 | COUNTER, time_avg: TIME | LONGRUNAVG } as const;

export class PerfCounters<N extends string> {
  readonly #defs: Readonly<Record<N, counter_def>>;
  readonly #names: readonly N[];
  /** Integers, and sums of seconds. */
  readonly #sum = new Map<N, number>();
  readonly #count = new Map<N, number>();

  constructor(defs: Readonly<Record<N, counter_def>>) {
    this.#defs = defs;
    this.#names = Object.keys(defs) as N[];
  }
  inc(name: N, by = 1): void {
    this.#sum.set(name, (this.#sum.get(name) ?? 0) + by);
  }
  set(name: N, value: number): void {
    this.#sum.set(name, value);
  }
  tinc(name: N, seconds: number): void {
    this.inc(name, seconds);
    this.#count.set(name, (this.#count.get(name) ?? 0) + 1);
  }
  reset(): void {
    this.#sum.clear();
    this.#count.clear();
  }

  dump(): Record<string, unknown> {
    return Object.fromEntries(this.#names.map((n) => [n, this.#value(n)]));
  }
  #value(name: N): unknown {
    const sum = this.#sum.get(name) ?? 0;
    if (this.#defs[name].kind !== "time_avg") return sum;
    const avgcount = this.#count.get(name) ?? 0;
    const ns = (s: number) => Math.round(s * 1e9) / 1e9;
    return { avgcount, sum: ns(sum), avgtime: avgcount === 0 ? 0 : ns(sum / avgcount) };
  }
  schema(): Record<string, unknown> {
    return Object.fromEntries(
      this.#names.map((n) => {
        const { kind, about, units } = this.#defs[n];
        const time = kind === "time_avg";
        const entry = {
          type: TYPE[kind],
          metric_type: kind === "counter" ? "counter" : "gauge",
          value_type: time ? "real-integer-pair" : "integer",
          description: about,
          nick: "",
          priority: 0,
          units: units ?? "none",
        };
        return [n, entry];
      }),
    );
  }
}
