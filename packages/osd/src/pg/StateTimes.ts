/**
 * StateTimes: how often the PGs of this OSD were in each peering state, and how long, for
 * `dump_pg_recovery_stats` and the logger `recoverystate_perf` of `perf dump`.
 * Ceph counterpart: PGRecoveryStats, recoverystate_perf (src/osd/osd_perf_counters.cc).
 */
import { peering_chart } from "../peering/chart.ts";
import type { StateSink } from "../peering/PeeringMachine.ts";
import type { StateName } from "../peering/state_name.ts";
import { type counter_def, PerfCounters } from "./PerfCounters.ts";

interface Times {
  enter: number;
  exit: number;
  events: number;
  event_ms: number;
  total_ms: number;
  min_ms: number;
  max_ms: number;
}
const nothing = (): Times => ({
  enter: 0,
  exit: 0,
  events: 0,
  event_ms: 0,
  total_ms: 0,
  min_ms: 0,
  max_ms: 0,
});
const LATENCY = new Map(peering_chart.names.map((s) => [s, `${s.toLowerCase()}_latency`]));
const latency = (state: StateName) => LATENCY.get(state) ?? state;

export class StateTimes implements StateSink {
  readonly #times = new Map<StateName, Times>();
  readonly #perf: PerfCounters<string>;

  constructor() {
    const def = (state: StateName): counter_def => ({
      kind: "time_avg",
      about: `How long PGs were in the state ${state}`,
    });
    this.#perf = new PerfCounters(
      Object.fromEntries(peering_chart.names.map((s) => [latency(s), def(s)])),
    );
  }
  enter(state: StateName): void {
    this.#of(state).enter++;
  }
  /** `events`: handled since a state was left last, and how long that took. */
  exit(state: StateName, ms: number, events: number, event_ms: number): void {
    const t = this.#of(state);
    t.min_ms = t.exit === 0 ? ms : Math.min(t.min_ms, ms);
    t.max_ms = Math.max(t.max_ms, ms);
    t.exit++;
    t.total_ms += ms;
    t.events += events;
    t.event_ms += event_ms;
    this.#perf.tinc(latency(state), ms / 1000);
  }
  #of(state: StateName): Times {
    const known = this.#times.get(state);
    if (known) return known;
    const t = nothing();
    this.#times.set(state, t);
    return t;
  }

  get perf(): PerfCounters<string> {
    return this.#perf;
  }
  reset(): void {
    this.#times.clear();
  }
  /** By path, as the states lie in each other. */
  dump(): Record<string, unknown>[] {
    const s = (ms: number) => (ms / 1000).toFixed(6);
    return peering_chart.names.flatMap((state, i) => {
      const t = this.#times.get(state);
      if (!t) return [];
      const path = state === "Start" ? state : peering_chart.path_name(i);
      return {
        enter: t.enter,
        exit: t.exit,
        events: t.events,
        event_time: s(t.event_ms),
        total_time: s(t.total_ms),
        min_time: s(t.min_ms),
        max_time: s(t.max_ms),
        nested_states: path.split("/"),
      };
    });
  }
}
