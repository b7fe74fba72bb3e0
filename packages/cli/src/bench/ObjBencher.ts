/**
 * Measures writes or reads of objects: so many operations at a time for so long, a line of numbers
 * each second, a summary. cluster.md §7.5. Ceph counterpart: ObjBencher
 * (src/common/obj_bencher.cc).
 */
export interface BenchPorts {
  /** One operation; `n` counts from 0. Resolves when it is done. */
  op(n: number): Promise<void>;
  /** Seconds on a clock that does not jump. */
  now_s(): number;
  /** Calls `fn` every second until the returned function is called. */
  every_second(fn: () => void): () => void;
  /** A line of the table is due. */
  on_line(line: BenchLine): void;
}
export interface BenchOptions {
  readonly seconds: number;
  readonly concurrent: number;
  /** Bytes of one operation. */
  readonly op_size: number;
  /** At most so many operations; 0: as many as there is time for. */
  readonly max_ops: number;
}
/** A line of the table. Bandwidths in MiB/s; `cur_*` undefined when nothing finished since. */
export interface BenchLine {
  readonly sec: number;
  readonly in_flight: number;
  readonly started: number;
  readonly finished: number;
  readonly avg_bw: number;
  readonly cur_bw: number | undefined;
  readonly last_lat: number | undefined;
  readonly avg_lat: number;
  readonly min_lat: number;
  readonly max_lat: number;
}
export interface Spread {
  readonly stddev: number;
  readonly min: number;
  readonly max: number;
}
export interface BenchResult {
  readonly total_time: number;
  readonly finished: number;
  readonly op_size: number;
  readonly bandwidth: number;
  readonly iops: number;
  readonly avg_lat: number;
  readonly latency: Spread;
  readonly bandwidths: Spread;
  readonly iops_spread: Spread;
  readonly stopped: boolean;
}

const MIB = 1 << 20;

export class ObjBencher {
  readonly #o: BenchOptions;
  readonly #p: BenchPorts;
  #start = 0;
  #started = 0;
  #finished = 0;
  #sum_lat = 0;
  #last_lat = 0;
  readonly #latencies: number[] = [];
  readonly #bandwidths: number[] = [];
  readonly #iops: number[] = [];
  #sec = 0;
  #finished_before = 0;
  #seconds_since_change = 0;
  #stopped = false;

  constructor(o: BenchOptions, p: BenchPorts) {
    this.#o = o;
    this.#p = p;
  }

  /** No new operations; those under way are waited for. */
  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<BenchResult> {
    this.#start = this.#p.now_s();
    this.#line();
    const end = this.#p.every_second(() => this.#line());
    try {
      await Promise.all(Array.from({ length: this.#o.concurrent }, () => this.#worker()));
    } finally {
      end();
    }
    return this.#result();
  }

  async #worker(): Promise<void> {
    const { seconds, max_ops } = this.#o;
    while (!this.#stopped && this.#p.now_s() - this.#start < seconds) {
      if (max_ops > 0 && this.#started >= max_ops) return;
      const from = this.#p.now_s();
      try {
        await this.#p.op(this.#started++);
      } catch (e) {
        // The others end with it: what they would measure is worth nothing.
        this.#stopped = true;
        throw e;
      }
      this.#last_lat = this.#p.now_s() - from;
      this.#latencies.push(this.#last_lat);
      this.#sum_lat += this.#last_lat;
      this.#finished++;
    }
  }

  get #avg_lat(): number {
    return this.#finished > 0 ? this.#sum_lat / this.#finished : 0;
  }

  #line(): void {
    const since = this.#seconds_since_change;
    const done = this.#finished - this.#finished_before;
    const bytes = this.#o.op_size;
    const elapsed = this.#p.now_s() - this.#start;
    if (since > 0) {
      this.#bandwidths.push((done * bytes) / MIB / since);
      this.#iops.push(done / since);
    }
    const { min, max } = spread(this.#latencies);
    this.#p.on_line({
      sec: this.#sec++,
      in_flight: this.#started - this.#finished,
      started: this.#started,
      finished: this.#finished,
      avg_bw: elapsed > 0 ? (this.#finished * bytes) / MIB / elapsed : 0,
      cur_bw: done > 0 && since > 0 ? (done * bytes) / MIB / since : undefined,
      last_lat: done > 0 ? this.#last_lat : undefined,
      avg_lat: this.#avg_lat,
      min_lat: min,
      max_lat: max,
    });
    if (done > 0) {
      this.#finished_before = this.#finished;
      this.#seconds_since_change = 0;
    }
    this.#seconds_since_change++;
  }

  #result(): BenchResult {
    const total_time = this.#p.now_s() - this.#start;
    const per_second = total_time > 0 ? this.#finished / total_time : 0;
    return {
      total_time,
      finished: this.#finished,
      op_size: this.#o.op_size,
      bandwidth: (per_second * this.#o.op_size) / MIB,
      iops: Math.floor(per_second),
      avg_lat: this.#avg_lat,
      latency: spread(this.#latencies),
      bandwidths: spread(this.#bandwidths),
      iops_spread: spread(this.#iops),
      stopped: this.#stopped,
    };
  }
}

/** Standard deviation of a sample, smallest and largest; zeros of nothing. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) return { stddev: 0, min: 0, max: 0 };
  let min = Number.POSITIVE_INFINITY;
  let max = 0;
  let sum = 0;
  for (const v of values) {
    min = Math.min(min, v);
    max = Math.max(max, v);
    sum += v;
  }
  const mean = sum / values.length;
  const squares = values.reduce((s, v) => s + (v - mean) ** 2, 0);
  return { stddev: values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1)), min, max };
}
