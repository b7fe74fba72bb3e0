/**
 * PeeringMachine: the state machine of one PG, and the data that lives only as long as a state.
 * State-local data is made in `enter` and dropped in `exit` of the state it is named after.
 * Ceph counterpart: PeeringState::PeeringMachine (src/osd/PeeringState.h).
 */
import { InvariantError, Machine, type Msg, new_coverage, type pg_shard_t } from "@tako/common";
import { peering_chart } from "./chart.ts";
import type { PeeringEvent } from "./events.ts";
import type { PeeringState } from "./PeeringState.ts";
import { StateHistory } from "./StateHistory.ts";
import type { StateName } from "./state_name.ts";

/** Which states and lines of the chart this process has been through. */
export const peering_coverage = new_coverage(peering_chart);

/** How the history names a state. Ceph gives `Start` no path. */
const PATHS = new Map(
  peering_chart.names.map((s, i) => [s, s === "Start" ? s : peering_chart.path_name(i)]),
);

/** Remote reservations, asked for one OSD after the other. */
export interface RemoteReservations {
  /** In the order in which they are asked. */
  readonly targets: readonly pg_shard_t[];
  /** targets[0..asked) have been sent a request; all but the last have granted. */
  asked: number;
}

/** Adds up, over all PGs of an OSD, how often and how long they are in which state. */
export interface StateSink {
  enter(state: StateName): void;
  /** `events`: handled since a state was left last, in `event_ms`. */
  exit(state: StateName, ms: number, events: number, event_ms: number): void;
}

export class PeeringMachine {
  readonly ps: PeeringState;
  readonly history = new StateHistory();
  #sink: StateSink | null = null;
  #events = 0;
  #event_ms = 0;
  readonly #sm: Machine<StateName, PeeringMachine, PeeringEvent>;

  /** GetInfo: who has been asked and has not answered. */
  peer_info_requested: Set<pg_shard_t> | null = null;
  /** GetLog: whose log it must be; the answer once it is here. */
  get_log: { auth_log_shard: pg_shard_t | null; msg: Msg<"pg_log"> | null } | null = null;
  /** Active: have all members activated? Strays that were told to undo their divergent entries. */
  active: { all_replicas_activated: boolean; readonly rewinding: Set<pg_shard_t> } | null = null;
  /**
   * Active: reservations that members hold, or have been asked for. Kept until they are released,
   * also by states after the one that asked.
   */
  recovery_reservations: RemoteReservations | null = null;
  backfill_reservations: RemoteReservations | null = null;

  constructor(ps: PeeringState) {
    this.ps = ps;
    this.#sm = new Machine<StateName, PeeringMachine, PeeringEvent>(
      peering_chart,
      this,
      {
        now_ms: () => ps.clock.now_ms(),
        mono_ms: () => ps.clock.mono_ms(),
        on_transition: (from, to, event, ms) => {
          // Microseconds are fine enough to read.
          const duration_ms = Math.round(ms * 1000) / 1000;
          const epoch = ps.get_osdmap_epoch();
          const since = ps.info.history.same_interval_since;
          ps.log.info({ epoch, from, to, event, interval: since, duration_ms }, "pg_state");
        },
        on_enter: (state, now_ms) => {
          this.history.enter(PATHS.get(state) ?? state, ps.get_osdmap_epoch(), now_ms);
          this.#sink?.enter(state);
        },
        on_exit: (state, ms, now_ms) => {
          this.history.exit(now_ms);
          this.#sink?.exit(state, ms, this.#events, this.#event_ms);
          this.#events = 0;
          this.#event_ms = 0;
        },
      },
      peering_coverage,
    );
    this.#sm.initiate();
  }

  get state(): StateName {
    return this.#sm.state;
  }
  in_state(name: StateName): boolean {
    return this.#sm.in_state(name);
  }
  stack(): { name: StateName; path: string; enter_time: number }[] {
    return this.#sm.stack();
  }
  process_event(evt: PeeringEvent): void {
    const from = this.ps.clock.mono_ms();
    this.#sm.process_event(evt);
    this.#events++;
    this.#event_ms += this.ps.clock.mono_ms() - from;
  }
  /** Counts from now on; the states that it is in already have been entered. */
  attach(sink: StateSink): void {
    this.#sink = sink;
    for (const s of this.stack()) sink.enter(s.name);
  }
  /** Processed right after the current reaction. */
  post_event(evt: PeeringEvent): void {
    this.#sm.post_event(evt);
  }

  /** Data of a state that is known to be entered. */
  local<T>(data: T | null): T {
    if (data === null) {
      throw new InvariantError("peering: data of a state that is not entered", {
        pg: this.ps.spgid,
        state: this.state,
      });
    }
    return data;
  }
}
