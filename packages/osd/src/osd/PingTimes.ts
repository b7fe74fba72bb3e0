/**
 * PingTimes: how long a peer takes to answer heartbeats: of each of the last 15 minutes mean, least and
 * most, for `dump_osd_network`.
 * Ceph counterpart: HeartbeatInfo's hb_*_pingtime, hb_*_min, hb_*_max, and the dump_osd_network part of
 * OSD::asok_command. cluster.md §7.4.
 */
const MINUTE_MS = 60_000;
const KEPT = 15;

interface Minute {
  readonly average: number;
  readonly min: number;
  readonly max: number;
}
export interface ping_row {
  readonly average: readonly [number, number, number];
  readonly min: readonly [number, number, number];
  readonly max: readonly [number, number, number];
  readonly last: number;
  /** Monotonic ms. */
  readonly last_update: number;
}

export class PingTimes {
  /** Newest first. */
  readonly #minutes: Minute[] = [];
  #from = 0;
  #count = 0;
  #sum = 0;
  #min = 0;
  #max = 0;
  #last = 0;
  #last_update = 0;

  /** An answer at `now` (monotonic) took `ms`. */
  add(now: number, ms: number): void {
    if (this.#count === 0) this.#from = now;
    this.#min = this.#count === 0 ? ms : Math.min(this.#min, ms);
    this.#max = this.#count === 0 ? ms : Math.max(this.#max, ms);
    this.#count++;
    this.#sum += ms;
    this.#last = ms;
    this.#last_update = now;
    if (now - this.#from < MINUTE_MS) return;
    this.#minutes.unshift({ average: this.#sum / this.#count, min: this.#min, max: this.#max });
    if (this.#minutes.length > KEPT) this.#minutes.pop();
    this.#count = 0;
    this.#sum = 0;
  }

  /** Of 1, 5 and 15 minutes, as far as there were so many; undefined in the first minute. */
  row(): ping_row | undefined {
    if (this.#minutes.length === 0) return undefined;
    const of = (fn: (m: readonly Minute[]) => number): [number, number, number] => {
      const m = this.#minutes;
      return [fn(m.slice(0, 1)), fn(m.slice(0, 5)), fn(m)];
    };
    return {
      average: of((ms) => ms.reduce((sum, m) => sum + m.average, 0) / ms.length),
      min: of((ms) => Math.min(...ms.map((m) => m.min))),
      max: of((ms) => Math.max(...ms.map((m) => m.max))),
      last: this.#last,
      last_update: this.#last_update,
    };
  }
}
