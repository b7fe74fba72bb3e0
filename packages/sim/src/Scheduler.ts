/**
 * Scheduler: virtual time. Events run one at a time, in order of time and then of registration, so
 * that one seed gives one history. Nothing here knows a wall clock.
 */
import type { Clock, TimerHandle } from "@tako/common";

/** Of these there are ten thousands in a run: one object each, no closures. */
class Event implements TimerHandle {
  readonly at: number;
  readonly seq: number;
  /** null: cancelled, or it has run. */
  fn: (() => void) | null;
  /** Whose timer it is. */
  readonly clock: ProcessClock | null;
  readonly #s: Scheduler;
  is_queued = true;

  constructor(s: Scheduler, at: number, seq: number, fn: () => void, clock: ProcessClock | null) {
    this.#s = s;
    this.at = at;
    this.seq = seq;
    this.fn = fn;
    this.clock = clock;
  }
  cancel(): void {
    if (this.fn === null) return;
    this.fn = null;
    if (this.is_queued) this.#s.note_cancelled();
  }
  run(): void {
    const { fn } = this;
    this.fn = null;
    fn?.();
  }
}

/** Virtual milliseconds since 1970 at the start of every simulation: stamps print alike. */
const START_MS = 1_767_225_600_000;

export class Scheduler {
  #now = 0;
  #seq = 0;
  #cancelled = 0;
  /** Binary heap by (at, seq). */
  readonly #heap: Event[] = [];
  /**
   * Due now, oldest first, from #soon_head on: a third of all events is deferred work of the event
   * before, which need not go through the heap.
   */
  readonly #soon: Event[] = [];
  #soon_head = 0;
  /** Called after each event: invariants, coverage. */
  after_event: (() => void) | null = null;
  events_run = 0;
  /** The event ran code of daemons only, which have no promises: nobody has to react to it. */
  daemons_only = false;

  /** Virtual milliseconds since the start. */
  get now_ms(): number {
    return this.#now;
  }

  /** `clock`: of the process that it belongs to, which says whether it may run. */
  schedule(delay_ms: number, fn: () => void, clock: ProcessClock | null = null): TimerHandle {
    const at = this.#now + Math.max(0, delay_ms);
    const e = new Event(this, at, this.#seq++, fn, clock);
    if (at === this.#now) this.#soon.push(e);
    else this.#push(e);
    return e;
  }
  note_cancelled(): void {
    this.#cancelled++;
  }

  /** Runs the next event; false when there is none before `until_ms`. */
  step(until_ms = Number.POSITIVE_INFINITY): boolean {
    for (;;) {
      const e = this.#take(until_ms);
      if (!e) return false;
      if (e.fn === null) {
        this.#cancelled--;
        continue;
      }
      this.#now = e.at;
      e.is_queued = false;
      this.events_run++;
      this.daemons_only = false;
      if (e.clock) e.clock.due(e);
      else e.run();
      this.after_event?.();
      return true;
    }
  }
  /** Runs everything up to `until_ms` and leaves the clock there. */
  run_until(until_ms: number): void {
    while (this.step(until_ms));
    this.#now = Math.max(this.#now, until_ms);
  }
  get pending(): number {
    return this.#heap.length + this.#soon.length - this.#soon_head - this.#cancelled;
  }

  /** The next event, cancelled or not, if it is due by then. */
  #take(until_ms: number): Event | undefined {
    const first = this.#heap[0];
    const soon = this.#soon[this.#soon_head];
    const e = soon && !(first && this.#less(first, soon)) ? soon : first;
    if (!e || e.at > until_ms) return undefined;
    if (e !== soon) {
      this.#pop();
      return e;
    }
    if (++this.#soon_head === this.#soon.length) {
      this.#soon.length = 0;
      this.#soon_head = 0;
    }
    return e;
  }

  #less(a: Event, b: Event): boolean {
    return a.at < b.at || (a.at === b.at && a.seq < b.seq);
  }
  #push(e: Event): void {
    const h = this.#heap;
    let i = h.push(e) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (!this.#less(e, h[up] as Event)) break;
      h[i] = h[up] as Event;
      i = up;
    }
    h[i] = e;
  }
  #pop(): void {
    const h = this.#heap;
    const last = h.pop() as Event;
    if (h.length === 0) return;
    let i = 0;
    for (;;) {
      let c = 2 * i + 1;
      if (c >= h.length) break;
      if (c + 1 < h.length && this.#less(h[c + 1] as Event, h[c] as Event)) c++;
      if (!this.#less(h[c] as Event, last)) break;
      h[i] = h[c] as Event;
      i = c;
    }
    h[i] = last;
  }
}

/** How the clock of one machine goes wrong. Outlives its processes. */
export class Skew {
  /** Seconds of this machine in one true second. */
  rate = 1;
  /** What somebody has set the wall clock ahead, ms. */
  ahead_ms = 0;
  /** Gained since the start of the simulation, until the last change of rate. */
  #gained_ms = 0;
  #since_ms = 0;

  set_rate(rate: number, now_ms: number): void {
    this.#gained_ms = this.gained_ms(now_ms);
    this.#since_ms = now_ms;
    this.rate = rate;
  }
  gained_ms(now_ms: number): number {
    return this.#gained_ms + (now_ms - this.#since_ms) * (this.rate - 1);
  }
}

/** The Clock of one process: what it scheduled dies with it. */
export class ProcessClock implements Clock {
  readonly #s: Scheduler;
  readonly #skew: Skew;
  readonly #daemon: boolean;
  #alive = true;
  /** What fell due while the process stood still. */
  #late: Event[] | null = null;

  /** `daemon`: what runs by this clock has no promises. */
  constructor(s: Scheduler, skew = new Skew(), daemon = false) {
    this.#s = s;
    this.#skew = skew;
    this.#daemon = daemon;
  }
  kill(): void {
    this.#alive = false;
  }
  /** SIGSTOP: the clock goes on, nothing runs. */
  freeze(): void {
    this.#late ??= [];
  }
  /** SIGCONT: what fell due runs now, in order. */
  thaw(): void {
    const late = this.#late ?? [];
    this.#late = null;
    for (const e of late) this.#s.schedule(0, () => e.run(), this);
  }
  now_ms(): number {
    return START_MS + Math.floor(this.mono_ms() + this.#skew.ahead_ms);
  }
  mono_ms(): number {
    return this.#s.now_ms + this.#skew.gained_ms(this.#s.now_ms);
  }
  set_timer(delay_ms: number, fn: () => void): TimerHandle {
    return this.#s.schedule(delay_ms / this.#skew.rate, fn, this);
  }
  /** The scheduler has come to it. */
  due(e: Event): void {
    if (this.#daemon) this.#s.daemons_only = true;
    if (!this.#alive) return;
    if (this.#late) this.#late.push(e);
    else e.run();
  }
  defer(fn: () => void): void {
    this.set_timer(0, fn);
  }
}
