/**
 * PG: one placement group on one OSD. SIGNATURES FIRST; bodies follow.
 */
import type {
  Connection,
  epoch_t,
  Log,
  Message,
  OSDMap,
  past_intervals_wire_t,
  pg_history_t,
  pg_t,
  spg_t,
} from "@tako/common";
import type { PeeringEvt } from "../peering/events.ts";
import type { PeeringState, PGPool } from "../peering/PeeringState.ts";
import type { RecoveryCtx } from "../peering/RecoveryCtx.ts";
import type { ObjectStore } from "../store/ObjectStore.ts";
import type { PGHost } from "./PGHost.ts";

/** What a PG is made from when it does not exist on this OSD yet (PG::init). */
export interface PGInit {
  readonly map: OSDMap;
  readonly pool: PGPool;
  readonly up: readonly number[];
  readonly up_primary: number;
  readonly acting: readonly number[];
  readonly acting_primary: number;
  readonly history: pg_history_t;
  readonly past_intervals: past_intervals_wire_t | null;
}

export declare class PG {
  readonly host: PGHost;
  readonly spgid: spg_t;
  readonly pgid: pg_t;
  readonly log: Log;
  readonly peering: PeeringState;

  /**
   * A new, empty PG as of init.map: its collections and metadata go into rctx.transaction. The
   * caller feeds Initialize (handle_initialize), then advances it and dispatches rctx.
   */
  static create(host: PGHost, spgid: spg_t, init: PGInit, rctx: RecoveryCtx): PG;
  /**
   * A stored PG. `map` is the map of peek_map_epoch (or the nearest kept one), `pool` the pool as of
   * that map (or its last record). The caller feeds Initialize, then advances it.
   */
  static load(host: PGHost, spgid: spg_t, map: OSDMap, pool: PGPool): PG;
  /** Epoch of the map that the stored PG last stood at; undefined: not a PG (an interrupted removal). */
  static peek_map_epoch(store: ObjectStore, spgid: spg_t): epoch_t | undefined;
  /** spgids of the PG collections in the store, in order. */
  static list(store: ObjectStore): spg_t[];

  /** Epoch of the map this PG stands at. */
  get osdmap_epoch(): epoch_t;
  get last_peering_reset(): epoch_t;
  /** True once deletion has finished. */
  get deleted(): boolean;
  is_primary(): boolean;

  /** Each of these runs the effects before it returns; the caller then dispatches rctx. */
  handle_initialize(rctx: RecoveryCtx): void;
  /** AdvMap: once for every existing epoch. `pool`: the pool in `map`, or its last record when gone. */
  handle_advance_map(
    lastmap: OSDMap,
    map: OSDMap,
    up: readonly number[],
    up_primary: number,
    acting: readonly number[],
    acting_primary: number,
    rctx: RecoveryCtx,
  ): void;
  /** ActMap: once after the advances of a turn. */
  handle_activate_map(rctx: RecoveryCtx): void;
  /** Drops `evt` when it is old (old_peering_evt); otherwise handles it. */
  handle_peering_event(evt: PeeringEvt, rctx: RecoveryCtx): void;
  /** old_peering_evt: the PG was reset since the event was made. */
  old_peering_evt(evt: PeeringEvt): boolean;

  /** osd_op, and every object message between OSDs (ops family). Checked by the catalogue already. */
  do_request(con: Connection, msg: Message): void;
  /** The PG's turn in the recovery queue; returns how many operations it started (<= max). */
  start_recovery_ops(max: number): number;
  /** The session of a client is gone: forget its waiting ops. */
  on_session_reset(con: Connection): void;

  /** pg_stat_t as reported to the mon (only meaningful on the primary), field names as cluster.md §3.17. */
  get_stats(): { state: string; reported_epoch: epoch_t; reported_seq: number; stat: Record<string, unknown> };
  /** `pg <pgid> query`: JSON in Ceph's shape. */
  query(): Record<string, unknown>;
  /** `pg <pgid> list_unfound`. */
  list_unfound(offset?: string): Record<string, unknown>;
  /** For "osd map / ops blocked" reports: number of client ops waiting in the PG. */
  get num_waiting_ops(): number;
  /** The OSD stops: cancels reservations, timers and operations; nothing is sent any more. */
  shutdown(): void;
}
