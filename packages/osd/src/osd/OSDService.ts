/**
 * OSDService: the OSD as its PGs see it: the published map, sending, storing, queues, reservations.
 * Ceph counterpart: OSDService (src/osd/OSD.h). Rules: peering.md §3.1, §4.4, §4.7.
 */
import {
  type Clock,
  type Config,
  type Connection,
  type entity_name_t,
  type epoch_t,
  InvariantError,
  type Log,
  type Message,
  type Messenger,
  type OSDMap,
  type pg_t,
  type Rng,
} from "@tako/common";
import type { PeeringEvt } from "../peering/events.ts";
import type { OutMessage, RecoveryCtx } from "../peering/RecoveryCtx.ts";
import { CommitLatency } from "../pg/CommitLatency.ts";
import { OpTracker } from "../pg/OpTracker.ts";
import type { PG } from "../pg/PG.ts";
import type { PGHost } from "../pg/PGHost.ts";
import { StateTimes } from "../pg/StateTimes.ts";
import type { ObjectStore } from "../store/ObjectStore.ts";
import { AsyncReserver } from "./AsyncReserver.ts";
import { CtxDispatcher } from "./CtxDispatcher.ts";
import { full_state_of, type full_state_t } from "./full_state.ts";
import { LoopbackConnection } from "./LoopbackConnection.ts";
import type { OSD, OSDPorts } from "./OSD.ts";
import { Outbox } from "./Outbox.ts";
import { ScrubQueue } from "./ScrubQueue.ts";
import type { StatsUrgency } from "./StatsReporter.ts";

export class OSDService implements PGHost {
  readonly whoami: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly config: Config;
  readonly store: ObjectStore;
  readonly local_reserver: AsyncReserver;
  readonly remote_reserver: AsyncReserver;
  readonly scrubs: ScrubQueue;
  readonly op_tracker: OpTracker;
  readonly commit_latency: CommitLatency;
  readonly state_times = new StateTimes();
  readonly on_pg_turn: ((pg: PG) => void) | undefined;

  readonly #osd: OSD;
  #injected_full: { readonly state: full_state_t; times: number } | null = null;
  readonly #messenger: Messenger;
  readonly #outbox: Outbox;
  readonly #ctx: CtxDispatcher;
  #outbox_scheduled = false;
  /** To another shard of an erasure-coded PG on this very OSD. */
  readonly #loopback: Connection;
  /** Service.osdmap: what PGs and messages use. */
  #published: OSDMap | undefined;

  /** `osd` gives the parts that are built after this one; they are looked up when used. */
  constructor(osd: OSD, ports: OSDPorts) {
    this.#osd = osd;
    this.#messenger = ports.messenger;
    this.whoami = ports.whoami;
    this.clock = ports.clock;
    this.rng = ports.rng;
    this.log = ports.log;
    this.config = ports.config;
    this.store = ports.store;
    this.on_pg_turn = ports.on_pg_turn;
    const defer = (fn: () => void) => this.clock.defer(fn);
    const slots = this.config.get("osd_max_backfills");
    const min_prio = this.config.get("osd_min_recovery_priority");
    this.local_reserver = new AsyncReserver(slots, min_prio, defer);
    this.remote_reserver = new AsyncReserver(slots, min_prio, defer);
    this.scrubs = new ScrubQueue({
      clock: this.clock,
      config: this.config,
      pgs: () => this.#osd.pgs.all(),
      is_recovery_active: () =>
        this.local_reserver.granted_count + this.remote_reserver.granted_count > 0,
    });
    this.commit_latency = new CommitLatency(ports.clock);
    this.op_tracker = new OpTracker(ports.clock, ports.config);
    this.#loopback = new LoopbackConnection(this.clock, ports.messenger, osd);
    this.#outbox = new Outbox((to, m, epoch) => this.send_cluster(to, m, epoch));
    this.#ctx = new CtxDispatcher({
      store: this.store,
      send: (out, epoch) => this.send_peering(out, epoch),
    });
    this.config.observe(["osd_max_backfills", "osd_min_recovery_priority"], () => {
      for (const r of [this.local_reserver, this.remote_reserver]) {
        r.set_max(this.config.get("osd_max_backfills"));
        r.set_min_priority(this.config.get("osd_min_recovery_priority"));
      }
    });
  }

  // ------------------------------------------------------------ maps

  publish(map: OSDMap): void {
    this.#published = map;
  }
  /** The published map, or undefined before the first. */
  get published(): OSDMap | undefined {
    return this.#published;
  }
  osdmap(): OSDMap {
    if (!this.#published) throw new InvariantError("no osdmap yet");
    return this.#published;
  }
  try_get_map(e: epoch_t): OSDMap | undefined {
    return this.#osd.maps.try_get_map(e);
  }

  oldest_map(): epoch_t {
    return this.#osd.superblock.cluster_osdmap_trim_lower_bound;
  }

  // ------------------------------------------------------------ sending

  /** The connection rule of §3.1: none to an OSD that is down, or up only since from_epoch passed. */
  cluster_con(to: number, from_epoch: epoch_t): Connection | undefined {
    const map = this.#published;
    if (!map?.is_up(to) || map.get_up_from(to) > from_epoch) return undefined;
    if (to === this.whoami) return this.#loopback;
    const name: entity_name_t = `osd.${to}`;
    return this.#messenger.connect_to(name, map.get_addr(to), "lossless_peer");
  }
  send_cluster(to: number, m: Message, from_epoch: epoch_t): void {
    // A daemon that is not up does not speak for its PGs: a new interval is coming anyway.
    const con = this.#osd.boot.state === "active" ? this.cluster_con(to, from_epoch) : undefined;
    if (!con) {
      this.log.debug({ msg: m.type, to: `osd.${to}`, epoch: from_epoch }, "msg_dropped");
      return;
    }
    if (to !== this.whoami) this.#osd.peer_maps.share_with_osd(to, con);
    con.send(m);
  }
  /** For the turn's outbox: merged with what goes to the same OSD. */
  send_peering(out: OutMessage, epoch: epoch_t): void {
    this.#outbox.add(out, epoch);
    if (this.#outbox_scheduled) return;
    this.#outbox_scheduled = true;
    this.clock.defer(() => {
      this.#outbox_scheduled = false;
      this.#outbox.flush();
    });
  }
  dispatch_context(pg: PG, rctx: RecoveryCtx): void {
    this.#ctx.dispatch(pg, rctx);
    if (this.config.get("osd_debug_check_invariants") && !pg.deleted) {
      pg.peering.check_invariants();
    }
  }
  send_pg_created(pgid: pg_t): void {
    this.#osd.monc.send_mon_message({ type: "osd_pg_created", pgid });
  }
  cluster_log(prio: "DBG" | "INF" | "WRN" | "ERR", text: string): void {
    const stamp = this.clock.now_ms();
    const name = `osd.${this.whoami}`;
    this.#osd.monc.send_mon_message({
      type: "log",
      entries: [{ stamp, name, channel: "cluster", prio, text }],
    });
  }

  // ------------------------------------------------------------ queues

  queue_peering_event(pg: PG, evt: PeeringEvt): void {
    this.#osd.wq.queue_event(pg, evt);
  }
  is_stopping(): boolean {
    return this.#osd.boot.state === "stopping";
  }
  queue_want_pg_temp(pgid: pg_t, acting: readonly number[]): void {
    this.#osd.mon_requests.queue_want_pg_temp(pgid, acting);
  }
  clear_want_pg_temp(pgid: pg_t): void {
    this.#osd.mon_requests.clear_want_pg_temp(pgid);
  }
  queue_recovery(pg: PG): void {
    this.#osd.recovery.queue(pg);
  }
  defer_recovery(): void {
    this.#osd.recovery.defer_recovery();
  }
  cancel_recovery(pg: PG): void {
    this.#osd.recovery.forget(pg);
  }
  start_recovery_op(pg: PG): void {
    this.#osd.recovery.start_op(pg);
  }
  finish_recovery_op(pg: PG): void {
    this.#osd.recovery.finish_op(pg);
  }

  // ------------------------------------------------------------ state of the OSD

  publish_stats(pg: PG, urgency?: StatsUrgency): void {
    this.#osd.stats.publish(pg, urgency);
  }
  update_heartbeat_peers(): void {
    this.#osd.heartbeat.set_need_update();
  }
  /** For tests: so full it says it is, the next `times` times (0: until it is told otherwise). */
  inject_full(state: full_state_t, times: number): void {
    this.#injected_full = state === "none" ? null : { state, times };
  }
  full_state(): full_state_t {
    const injected = this.#injected_full;
    if (injected) {
      if (--injected.times === 0) this.#injected_full = null;
      return injected.state;
    }
    const { total, used } = this.store.statfs();
    const failsafe = this.config.get("osd_failsafe_full_ratio");
    return full_state_of(total > 0 ? used / total : 0, this.osdmap(), failsafe);
  }
  tentative_backfill_full(bytes: number): boolean {
    const { total, used } = this.store.statfs();
    let projected = used + bytes;
    for (const pg of this.#osd.pgs.all()) projected += pg.peering.pending_backfill_bytes();
    return total > 0 && projected / total >= this.osdmap().backfillfull_ratio;
  }
  pg_deleted(pg: PG): void {
    this.log.info({ pg: pg.spgid, epoch: this.osdmap().epoch }, "pg_removed");
    // Its slot for deleting goes to the next; what waits in it gives up.
    pg.shutdown();
    this.#osd.stats.forget(pg);
    this.#osd.pgs.remove(pg);
  }
}
