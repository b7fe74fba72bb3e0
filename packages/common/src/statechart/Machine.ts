/**
 * Runs a compiled chart: one event at a time, to completion, then what it posted, in order.
 * Ceph counterpart: boost::statechart::state_machine (process_event, post_event).
 */
import { InvariantError } from "../errors.ts";
import { type CompiledChart, DISCARD, FORWARD, type Path } from "./Chart.ts";
import type { Coverage } from "./Coverage.ts";

export interface MachineHooks<S extends string> {
  /** Wall clock and monotonic milliseconds, for entry times and durations. */
  readonly now_ms: () => number;
  readonly mono_ms: () => number;
  /** The innermost state has changed; `duration_ms` was spent in `from`. */
  readonly on_transition?: (from: S, to: S, event: string, duration_ms: number) => void;
  /** Each state, the composite ones too; before its own action. `now_ms`: when the event came. */
  readonly on_enter?: (state: S, now_ms: number) => void;
  /** `duration_ms` was spent in it. */
  readonly on_exit?: (state: S, duration_ms: number, now_ms: number) => void;
}

interface Visit {
  /** Wall clock, ms. */
  enter_time: number;
  mono: number;
}

/** One event may set off at most this many posted ones; more is an endless loop. */
const MAX_POSTED = 1000;

/** A state machine that runs a chart; each event runs to completion. */
export class Machine<S extends string, M, E extends { readonly type: string }> {
  readonly chart: CompiledChart<S, M, E>;
  readonly #m: M;
  readonly #hooks: MachineHooks<S>;
  readonly #coverage: Coverage | null;
  readonly #visits: (Visit | null)[];
  readonly #posted: E[] = [];
  #leaf = -1;
  #busy = false;

  constructor(
    chart: CompiledChart<S, M, E>,
    m: M,
    hooks: MachineHooks<S>,
    coverage: Coverage | null = null,
  ) {
    this.chart = chart;
    this.#m = m;
    this.#hooks = hooks;
    this.#coverage = coverage;
    this.#visits = chart.names.map(() => null);
  }

  /** Enters the initial state. */
  initiate(): void {
    this.#run(() => this.#go(this.chart.initial, undefined));
  }
  /** Reacts to `evt` and to all that is posted meanwhile. InvariantError for an event that nobody lists. */
  process_event(evt: E): void {
    if (this.#leaf < 0 || this.#busy) {
      throw new InvariantError("state machine is not ready for an event", { event: evt.type });
    }
    this.#busy = true;
    try {
      this.#dispatch(evt);
      if (this.#posted.length > 0) this.#drain();
    } finally {
      this.#busy = false;
    }
  }
  /** For handlers: processed right after the current reaction, before anything else is accepted. */
  post_event(evt: E): void {
    this.#posted.push(evt);
  }

  /** Innermost state. */
  get state(): S {
    return this.chart.names[this.#leaf] as S;
  }
  in_state(name: S): boolean {
    return this.#visits[this.chart.index(name)] !== null;
  }
  /** Current states, innermost first, with the wall-clock time (ms) of entry. */
  stack(): { name: S; path: string; enter_time: number }[] {
    if (this.#leaf < 0) return [];
    return this.chart.ancestry(this.#leaf).map((i) => ({
      name: this.chart.names[i] as S,
      path: this.chart.path_name(i),
      enter_time: this.#visits[i]?.enter_time ?? 0,
    }));
  }

  #run(fn: () => void): void {
    this.#busy = true;
    try {
      fn();
      this.#drain();
    } finally {
      this.#busy = false;
    }
  }

  #drain(): void {
    let n = 0;
    // The queue may grow while it is walked.
    for (let i = 0; i < this.#posted.length; i++) {
      if (++n > MAX_POSTED) {
        throw new InvariantError("state machine posts events without end", { state: this.state });
      }
      this.#dispatch(this.#posted[i] as E);
    }
    this.#posted.length = 0;
  }

  #dispatch(evt: E): void {
    const chain = this.chart.table[this.#leaf]?.get(evt.type);
    if (chain === undefined) throw this.#crashed(evt);
    for (const r of chain) {
      if (r.handler === null) {
        this.#coverage?.hit(r.slot);
        this.#go(r.only as Path, evt);
        return;
      }
      const answer = r.handler(this.#m, evt);
      if (answer === DISCARD) {
        this.#coverage?.hit(r.slot);
        return;
      }
      if (answer === FORWARD) {
        this.#coverage?.hit(r.slot);
        continue;
      }
      const path = typeof answer === "string" ? r.paths.get(answer) : undefined;
      if (path === undefined) {
        throw new InvariantError("state chart: transition that the table does not declare", {
          state: this.chart.names[r.state],
          event: evt.type,
          answer: String(answer),
        });
      }
      this.#coverage?.hit(r.target_slots.get(answer as string) ?? -1);
      this.#go(path, evt);
      return;
    }
    // Everybody forwarded: the outermost state has seen it, which is Ceph's forward_event at the top.
    if (!this.#absorbed(chain[chain.length - 1]?.state ?? -1)) throw this.#crashed(evt);
  }

  /** A forward by an outermost state ends there; by any other it means nobody above lists the event. */
  #absorbed(last: number): boolean {
    return last >= 0 && this.chart.parent(last) < 0;
  }

  #crashed(evt: E): InvariantError {
    return new InvariantError("Crashed: the state chart does not list this event here", {
      state: this.#leaf < 0 ? "" : this.chart.path_name(this.#leaf),
      event: evt.type,
    });
  }

  #go(path: Path, evt: E | undefined): void {
    const from = this.#leaf;
    const since = from >= 0 ? (this.#visits[from]?.mono ?? 0) : 0;
    const now = this.#hooks.now_ms();
    const mono = this.#hooks.mono_ms();
    for (const s of path.exits) {
      this.chart.defs[s]?.exit?.(this.#m);
      const entered = this.#visits[s]?.mono ?? mono;
      this.#visits[s] = null;
      this.#hooks.on_exit?.(this.chart.names[s] as S, mono - entered, now);
    }
    this.#leaf = path.leaf;
    if (from >= 0 && this.#hooks.on_transition) {
      const to = this.chart.names[path.leaf] as S;
      this.#hooks.on_transition(this.chart.names[from] as S, to, evt?.type ?? "", mono - since);
    }
    for (const s of path.enters) {
      this.#visits[s] = { enter_time: now, mono };
      this.#coverage?.entered(s);
      this.#hooks.on_enter?.(this.chart.names[s] as S, now);
      this.chart.defs[s]?.enter?.(this.#m, evt);
    }
  }
}
