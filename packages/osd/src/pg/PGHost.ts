/**
 * PGHost: what a PG needs of the OSD it lives in. The OSD implements it; tests use a fake one.
 * Ceph counterpart: OSDService (src/osd/OSD.h) as PrimaryLogPG sees it.
 */
import type { Clock, Config, epoch_t, Log, Message, OSDMap, pg_t, Rng } from "@tako/common";
import type { AsyncReserver } from "../osd/AsyncReserver.ts";
import type { PeeringEvt } from "../peering/events.ts";
import type { RecoveryCtx } from "../peering/RecoveryCtx.ts";
import type { ObjectStore } from "../store/ObjectStore.ts";
import type { CommitLatency } from "./CommitLatency.ts";
import type { OpTracker } from "./OpTracker.ts";
import type { PG } from "./PG.ts";
import type { StateTimes } from "./StateTimes.ts";

/** osd_max_scrubs: those that PGs of this OSD lead, and those that they take part in. */
export interface ScrubSlots {
  /** False: none is free. */
  inc_scrubs_local(): boolean;
  dec_scrubs_local(): void;
  inc_scrubs_remote(): boolean;
  dec_scrubs_remote(): void;
  /** Some PG may be scrubbed now: looks for one, soon. */
  kick(): void;
}

export interface PGHost {
  readonly whoami: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly config: Config;
  readonly store: ObjectStore;
  readonly local_reserver: AsyncReserver;
  readonly remote_reserver: AsyncReserver;
  /** Operations under way and recent ones of all PGs of this OSD. */
  readonly op_tracker: OpTracker;
  readonly commit_latency: CommitLatency;
  /** Of all PGs of this OSD. */
  readonly state_times: StateTimes;
  /** Told of each PG that an event reached, when it is done: what a simulator checks. */
  readonly on_pg_turn?: ((pg: PG) => void) | undefined;

  /** Service.osdmap: the published map (peering.md §3.1). */
  osdmap(): OSDMap;
  /** A stored map, or undefined when that epoch is not kept. */
  try_get_map(e: epoch_t): OSDMap | undefined;
  /** Oldest epoch that the mon keeps, as far as this OSD knows: history before it is settled (§3.2). */
  oldest_map(): epoch_t;

  /**
   * Sends to a peer OSD as of the PG's map epoch `from_epoch`: shares maps first, and drops silently
   * when the peer is down in the published map or came up after from_epoch (§3.1).
   */
  send_cluster(osd: number, m: Message, from_epoch: epoch_t): void;
  /**
   * Queues the transaction of `rctx`; when it and all earlier ones of the PG are durable runs
   * rctx.on_commit, then sends its messages, unless pg.peering.last_peering_reset has moved since this
   * call (§4.7.6). The effects have been run by the PG before: not to be looked at here.
   */
  dispatch_context(pg: PG, rctx: RecoveryCtx): void;

  /** Puts an event into the PG's peering queue and the PG into the work queue. */
  queue_peering_event(pg: PG, evt: PeeringEvt): void;

  queue_want_pg_temp(pgid: pg_t, acting: readonly number[]): void;
  clear_want_pg_temp(pgid: pg_t): void;

  /** The recovery queue (§7.1): the OSD calls pg.start_recovery_ops(max) when it is the PG's turn. */
  queue_recovery(pg: PG): void;
  /** A PG that has something to recover is active: osd_recovery_delay_start begins. */
  defer_recovery(): void;
  cancel_recovery(pg: PG): void;
  /** Slots for scrubs, and whose turn it is. */
  readonly scrubs: ScrubSlots;
  /** Accounting of operations in flight against osd_recovery_max_active. */
  start_recovery_op(pg: PG): void;
  finish_recovery_op(pg: PG): void;

  /**
   * The PG's statistics changed: report them with the next MPGStats. `later`: only its sums, as
   * every write changes them.
   */
  publish_stats(pg: PG, urgency?: "soon" | "later"): void;
  send_pg_created(pgid: pg_t): void;
  /** Heartbeat peers of the PG changed. */
  update_heartbeat_peers(): void;
  /** Used ratio of this OSD against the map's ratios: "none" | "nearfull" | "backfillfull" | "full" | "failsafe". */
  full_state(): "none" | "nearfull" | "backfillfull" | "full" | "failsafe";
  /** Would `bytes` more, with what is to come into other PGs, be more than backfillfull? */
  tentative_backfill_full(bytes: number): boolean;
  /** A PG removed its last object and metadata: forget it (§9.3). */
  pg_deleted(pg: PG): void;
  /** Has the OSD told the monitor that it ends? */
  is_stopping(): boolean;
  /** Entry for the cluster log. */
  cluster_log(prio: "DBG" | "INF" | "WRN" | "ERR", text: string): void;
}
