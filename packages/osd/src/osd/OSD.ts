/**
 * OSD: one object storage daemon, without its sockets and disks. Receives messages as a Dispatcher,
 * keeps the maps, boots, runs the peering queue and is the host of its PGs.
 * The parts are in the files beside this one; here they are wired, and what concerns all of them is
 * done: consuming maps, checking messages, timers. Ceph counterpart: OSD, OSDService (src/osd/OSD.cc).
 * Rules: peering.md §3, §4.
 */
import {
  addr_eq,
  type Clock,
  type Config,
  type Connection,
  type Dispatcher,
  type entity_name_t,
  type epoch_t,
  InvariantError,
  is_osd,
  type Log,
  type Message,
  type Messenger,
  MonClient,
  type MonTarget,
  type Msg,
  type OSDMap,
  osd_id,
  type pg_t,
  type Rng,
  type TimerHandle,
} from "@tako/common";
import type { PeeringEvt } from "../peering/events.ts";
import type { RecoveryCtx } from "../peering/RecoveryCtx.ts";
import { OpTracker } from "../pg/OpTracker.ts";
import type { PG } from "../pg/PG.ts";
import type { PGHost } from "../pg/PGHost.ts";
import type { ObjectStore } from "../store/ObjectStore.ts";
import { AsyncReserver } from "./AsyncReserver.ts";
import { Boot, type OSDIdentity } from "./Boot.ts";
import { CtxDispatcher } from "./CtxDispatcher.ts";
import { full_state_of, type full_state_t } from "./full_state.ts";
import { Heartbeat } from "./Heartbeat.ts";
import { MapIngest } from "./MapIngest.ts";
import { MapStore } from "./MapStore.ts";
import { MonRequests } from "./MonRequests.ts";
import { is_op_message, OpDispatch, type OpMessage } from "./OpDispatch.ts";
import { OSDCommands } from "./OSDCommands.ts";
import { Outbox } from "./Outbox.ts";
import { PeeringWQ } from "./PeeringWQ.ts";
import { PeerMaps } from "./PeerMaps.ts";
import { PGRegistry } from "./PGRegistry.ts";
import {
  epoch_of,
  is_peering_message,
  type PeeringMessage,
  peering_events_of,
} from "./peering_messages.ts";
import { RecoveryQueue } from "./RecoveryQueue.ts";
import { StatsReporter } from "./StatsReporter.ts";
import {
  new_superblock,
  type OSDSuperblock,
  read_superblock,
  write_superblock,
} from "./superblock.ts";
import { Transaction } from "../store/Transaction.ts";
import { COLL_META } from "../store/ObjectStore.ts";

export interface OSDPorts {
  readonly whoami: number;
  /** Mounted. Its fsid is this OSD's identity (osd_fsid). */
  readonly store: ObjectStore;
  readonly messenger: Messenger;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly config: Config;
  readonly mons: readonly MonTarget[];
  readonly identity: OSDIdentity;
  /** `log set`: level of a subsystem ("*" = all); CommandError when either is unknown. */
  readonly set_log_level: (subsys: string, level: string) => void;
  /** Shown by `version`. */
  readonly version: string;
  /** The map says that this daemon must not run (removed, stopped, too many mark-downs). */
  readonly on_must_stop: (reason: string) => void;
}

const TICK_MS = 1000;

export class OSD implements Dispatcher, PGHost {
  readonly whoami: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly config: Config;
  readonly store: ObjectStore;
  readonly local_reserver: AsyncReserver;
  readonly remote_reserver: AsyncReserver;
  readonly op_tracker: OpTracker;
  readonly version: string;

  readonly superblock: OSDSuperblock;
  readonly maps: MapStore;
  readonly monc: MonClient;
  readonly boot: Boot;
  readonly pgs: PGRegistry;
  readonly heartbeat: Heartbeat;
  readonly stats: StatsReporter;
  readonly recovery: RecoveryQueue;

  readonly #p: OSDPorts;
  readonly #ingest: MapIngest;
  readonly #peer_maps: PeerMaps;
  readonly #mon_requests: MonRequests;
  readonly #outbox: Outbox;
  readonly #ctx: CtxDispatcher;
  readonly #wq: PeeringWQ;
  readonly #ops: OpDispatch;
  readonly #commands: OSDCommands;

  /** Newest committed map: dispatch decisions. */
  #osdmap: OSDMap | undefined;
  /** Service.osdmap: what PGs and messages use. */
  #published: OSDMap | undefined;
  /** OSD-level messages whose epoch is ahead of #osdmap, in arrival order. */
  #waiting_for_osdmap: { con: Connection; m: PeeringMessage | Msg<"osd_pg_create"> }[] = [];
  #tick_timer: TimerHandle | null = null;
  #last_tick = 0;
  #last_report = 0;
  #last_beacon = Number.NEGATIVE_INFINITY;
  #full_sent: full_state_t = "none";
  #outbox_scheduled = false;
  #on_stopped: (() => void) | null = null;
  #stopped = false;

  constructor(ports: OSDPorts) {
    this.#p = ports;
    this.whoami = ports.whoami;
    this.clock = ports.clock;
    this.rng = ports.rng;
    this.log = ports.log;
    this.config = ports.config;
    this.store = ports.store;
    this.version = ports.version;
    this.op_tracker = new OpTracker(ports.clock, ports.config);
    this.superblock =
      read_superblock(ports.store) ?? new_superblock(ports.whoami, ports.store.fsid);
    const defer = (fn: () => void) => this.clock.defer(fn);
    const slots = this.config.get("osd_max_backfills");
    const min_prio = this.config.get("osd_min_recovery_priority");
    this.local_reserver = new AsyncReserver(slots, min_prio, defer);
    this.remote_reserver = new AsyncReserver(slots, min_prio, defer);
    this.maps = new MapStore(this.store, () => this.config.get("osd_map_cache_size"));
    this.monc = new MonClient({
      ...ports,
      log: this.log.child({ subsys: "monc" }),
      on_session: () => this.#on_mon_session(),
    });
    this.#peer_maps = new PeerMaps({
      maps: this.maps,
      superblock: this.superblock,
      config: this.config,
      epoch: () => this.#published?.epoch ?? 0,
    });
    this.#mon_requests = new MonRequests(
      this.whoami,
      (m) => this.monc.send_mon_message(m),
      this.log,
    );
    this.#outbox = new Outbox((osd, m, epoch) => this.send_cluster(osd, m, epoch));
    this.#ctx = new CtxDispatcher({
      store: this.store,
      send: (out, epoch) => {
        this.#outbox.add(out, epoch);
        this.#schedule_outbox();
      },
    });
    this.#wq = this.#make_wq();
    this.pgs = new PGRegistry({
      host: this,
      log: this.log,
      maps: this.maps,
      wq: this.#wq,
      send: (out, epoch) => {
        this.#outbox.add(out, epoch);
        this.#schedule_outbox();
      },
      on_pg_added: (pg) => this.#ops.on_pg_added(pg),
    });
    this.#ingest = this.#make_ingest();
    this.heartbeat = this.#make_heartbeat();
    this.boot = this.#make_boot();
    this.#ops = new OpDispatch({
      whoami: this.whoami,
      log: this.log,
      osdmap: () => this.#published,
      pgs: () => this.pgs,
      want_newer_map: () => this.#osdmap_subscribe(),
      share_with_client: (con, e) => this.#peer_maps.share_with_client(con, e),
    });
    this.recovery = new RecoveryQueue({
      clock: this.clock,
      config: this.config,
      paused: () => this.#published?.test_flag("norecover") ?? true,
    });
    this.stats = this.#make_stats();
    this.#commands = new OSDCommands(this, ports.set_log_level);
    this.#observe_options();
  }

  #make_wq(): PeeringWQ {
    return new PeeringWQ({
      clock: this.clock,
      log: this.log,
      config: this.config,
      osdmap: () => this.osdmap(),
      try_get_map: (e) => this.try_get_map(e),
      min_pg_epoch: () => this.pgs.min_epoch(),
      dispatch_context: (pg, rctx) => this.dispatch_context(pg, rctx),
      end_of_batch: (up_thru_wanted) => this.#end_of_batch(up_thru_wanted),
    });
  }
  #make_ingest(): MapIngest {
    return new MapIngest({
      store: this.store,
      maps: this.maps,
      superblock: this.superblock,
      log: this.log,
      config: this.config,
      monc: this.monc,
      min_pg_epoch: () => this.pgs.min_epoch(),
      boot_epoch: () => this.boot.boot_epoch,
      on_committed: (first, last, newest) => this.#committed_osd_maps(first, last, newest),
    });
  }
  #make_heartbeat(): Heartbeat {
    return new Heartbeat({
      whoami: this.whoami,
      clock: this.clock,
      rng: this.rng,
      log: this.log.child({ subsys: "heartbeat" }),
      config: this.config,
      get_osdmap: () => this.osdmap(),
      get_up_epoch: () => this.boot.up_epoch,
      connect: (osd, addr) => this.#p.messenger.connect_to(`osd.${osd}`, addr, "lossy"),
      send_mon: (m) => this.monc.send_mon_message(m),
      pg_peers: () => this.#pg_peers(),
      share_map: (osd, epoch) => {
        const con = this.#cluster_con(osd, this.osdmap().epoch);
        if (con) this.#peer_maps.share_with_stale_osd(osd, con, epoch);
      },
      on_you_died: (epoch) => {
        this.log.info({ epoch }, "you_died");
        this.#osdmap_subscribe();
      },
    });
  }
  #make_boot(): Boot {
    return new Boot({
      whoami: this.whoami,
      clock: this.clock,
      config: this.config,
      log: this.log,
      monc: this.monc,
      superblock: this.superblock,
      identity: this.#p.identity,
      my_addr: () => this.#p.messenger.my_addr,
      osdmap: () => this.#osdmap,
      pgs_caught_up: () => {
        const min = this.pgs.min_epoch();
        return min === undefined || min >= (this.#osdmap?.epoch ?? 0);
      },
      healthy_ratio: () => this.heartbeat.healthy_ratio(),
    });
  }
  #make_stats(): StatsReporter {
    return new StatsReporter({
      clock: this.clock,
      config: this.config,
      epoch: () => this.#published?.epoch ?? 0,
      pgs: () => this.pgs.all(),
      statfs: () => this.store.statfs(),
      heartbeat_peers: () => this.heartbeat.peers,
      slow_ops: () => this.#commands.slow_ops(),
      send: (m) => this.monc.send_mon_message(m),
    });
  }
  #observe_options(): void {
    this.config.observe(["osd_max_backfills", "osd_min_recovery_priority"], () => {
      for (const r of [this.local_reserver, this.remote_reserver]) {
        r.set_max(this.config.get("osd_max_backfills"));
        r.set_min_priority(this.config.get("osd_min_recovery_priority"));
      }
    });
    this.config.observe(["osd_recovery_max_active", "osd_recovery_max_active_ssd"], () =>
      this.recovery.kick(),
    );
  }

  // ------------------------------------------------------------ life

  /** Loads what is stored and starts to boot. The messenger must deliver to this OSD already. */
  init(): void {
    const sb = this.superblock;
    if (!this.store.collection_exists(COLL_META)) {
      const t = new Transaction();
      t.create_collection(COLL_META);
      write_superblock(t, sb);
      this.store.queue_transaction(t);
    }
    if (sb.newest_map > 0) {
      this.#osdmap = this.maps.get_map(sb.current_epoch);
      this.#published = this.#osdmap;
      this.pgs.load_pgs();
    }
    const { osd_fsid, newest_map } = sb;
    this.log.info({ osd_fsid, epoch: newest_map, pgs: this.pgs.size }, "osd_start");
    this.heartbeat.start();
    this.#last_tick = this.clock.mono_ms();
    this.#schedule_tick();
    this.monc.start();
  }

  /**
   * Orderly stop: tells the monitor, waits for the new map or osd_mon_shutdown_timeout, then ends
   * everything and calls `done`. The caller unmounts the store.
   */
  stop(done: () => void): void {
    if (this.#on_stopped) return;
    this.#on_stopped = done;
    const map = this.#published;
    const was_up = this.boot.up_epoch > 0 && map !== undefined;
    this.boot.set_stopping();
    if (!was_up || !this.monc.connected) {
      this.#finish_stop();
      return;
    }
    this.monc.send_mon_message({
      type: "osd_mark_me_down",
      target_osd: this.whoami,
      target_addr: this.#p.messenger.my_addr,
      epoch: map.epoch,
      request_ack: true,
      down_and_dead: true,
    });
    const timeout_ms = this.config.get("osd_mon_shutdown_timeout") * 1000;
    this.clock.set_timer(timeout_ms, () => this.#finish_stop());
  }
  #finish_stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#tick_timer?.cancel();
    this.heartbeat.stop();
    this.stats.stop();
    this.recovery.stop();
    this.#wq.stop();
    for (const pg of this.pgs.all()) pg.shutdown();
    this.monc.stop();
    const t = new Transaction();
    write_superblock(t, this.superblock);
    this.log.info({ epoch: this.superblock.newest_map }, "osd_stop");
    this.store.queue_transaction(t, () => this.#on_stopped?.());
  }

  #schedule_tick(): void {
    this.#tick_timer = this.clock.set_timer(TICK_MS, () => {
      this.#tick();
      this.#schedule_tick();
    });
  }
  #tick(): void {
    const now = this.clock.mono_ms();
    const stalled_ms = now - this.#last_tick - TICK_MS;
    this.#last_tick = now;
    // A process that stood still (SIGSTOP, a long stall) has not listened: its silence is its own.
    if (stalled_ms > (this.config.get("osd_heartbeat_grace") * 1000) / 2) {
      this.log.warn({ stalled_ms: Math.round(stalled_ms) }, "osd_stalled");
      this.heartbeat.forget_unanswered();
    }
    if (this.boot.state === "waiting_for_healthy") this.boot.start_boot();
    if (this.boot.state === "preboot") this.boot.preboot();
    if (this.boot.state !== "active") return;
    this.heartbeat.check();
    this.stats.tick();
    this.#commands.check_slow_ops();
    if (now - this.#last_report >= this.config.get("osd_mon_report_interval") * 1000) {
      this.#last_report = now;
      this.heartbeat.send_failures();
      this.#mon_requests.resend(this.osdmap());
      this.#send_full(false);
    }
    if (now - this.#last_beacon >= this.config.get("osd_beacon_report_interval") * 1000) {
      this.#send_beacon();
    }
  }
  #send_beacon(): void {
    this.#last_beacon = this.clock.mono_ms();
    const mine = this.pgs.all().filter((pg) => pg.is_primary());
    const map = this.osdmap();
    const lecs = mine.map((pg) => pg.peering.info.history.last_epoch_clean);
    this.monc.send_mon_message({
      type: "osd_beacon",
      version: map.epoch,
      min_last_epoch_clean: lecs.length > 0 ? Math.min(...lecs) : map.epoch,
      pgs: mine.map((pg) => pg.pgid),
      report_interval_s: this.config.get("osd_beacon_report_interval"),
    });
  }
  /** MOSDFull when our state differs from the map's (cluster.md §3.13). */
  #send_full(again: boolean): void {
    const state = this.full_state();
    if (state === this.#full_sent && !again) return;
    this.#full_sent = state;
    this.monc.send_mon_message({
      type: "osd_full",
      version: this.osdmap().epoch,
      full: state === "full" || state === "failsafe",
      backfillfull: state === "backfillfull",
      nearfull: state === "nearfull",
    });
  }

  // ------------------------------------------------------------ Dispatcher

  ms_handle_connect(con: Connection): void {
    if (this.monc.is_mon(con)) this.monc.ms_handle_connect(con);
  }
  ms_handle_reset(con: Connection): void {
    if (this.monc.is_mon(con)) {
      this.monc.ms_handle_reset(con);
      return;
    }
    if (this.heartbeat.has_connection(con)) this.heartbeat.ms_handle_reset(con);
    this.#ops.forget(con);
    for (const pg of this.pgs.all()) pg.on_session_reset(con);
  }
  ms_handle_refused(con: Connection): void {
    if (this.monc.is_mon(con)) this.monc.ms_handle_refused(con);
    else if (is_osd(con.peer_name) && this.boot.state === "active") {
      this.heartbeat.on_refused(osd_id(con.peer_name), con.peer_addr);
    }
  }

  ms_dispatch(con: Connection, m: Message): void {
    if (this.#stopped) return;
    if (this.log.enabled("debug") && m.type !== "osd_ping") {
      this.log.debug({ subsys: "ms", msg: m.type, from: con.peer_name }, "msg_in");
    }
    if (is_op_message(m)) this.#dispatch_op(con, m);
    else if (is_peering_message(m)) this.#dispatch_peering(con, m);
    else this.#dispatch_other(con, m);
  }
  #dispatch_other(con: Connection, m: Message): void {
    switch (m.type) {
      case "osd_map":
        this.#handle_osd_map(con, m);
        return;
      case "osd_ping":
        if (is_osd(con.peer_name) && this.#published) {
          this.heartbeat.handle_ping(con, osd_id(con.peer_name), m);
        }
        return;
      case "osd_pg_create":
        if (this.monc.is_mon(con)) this.#handle_pg_create(con, m);
        return;
      case "osd_mark_me_down":
        if (this.monc.is_mon(con) && this.boot.state === "stopping") this.#finish_stop();
        return;
      case "command":
        this.#commands.handle(con, m);
        return;
      default:
        if (this.monc.is_mon(con) && this.monc.ms_dispatch(m)) return;
        this.log.warn({ msg: m.type, from: con.peer_name }, "unexpected_message");
    }
  }

  #dispatch_op(con: Connection, m: OpMessage): void {
    if (m.type !== "osd_op") {
      if (!this.#require_osd_peer(con, m.map_epoch)) return;
      this.#peer_maps.note_peer_epoch(osd_id(con.peer_name), m.map_epoch);
    }
    this.#ops.dispatch(con, m);
  }

  #dispatch_peering(con: Connection, m: PeeringMessage): void {
    if (!is_osd(con.peer_name)) {
      this.log.warn({ msg: m.type, from: con.peer_name }, "unexpected_message");
      return;
    }
    const epoch = epoch_of(m);
    if (!this.#require_same_or_newer_map(con, m, epoch)) return;
    if (!this.#require_osd_peer(con, epoch)) return;
    const from = osd_id(con.peer_name);
    this.#peer_maps.note_peer_epoch(from, epoch);
    for (const { spgid, evt } of peering_events_of(m, from)) {
      this.pgs.enqueue_peering_evt(spgid, evt);
    }
  }
  #handle_pg_create(con: Connection, m: Msg<"osd_pg_create">): void {
    this.monc.sub_got("osd_pg_creates", m.epoch);
    if (this.#require_same_or_newer_map(con, m, m.epoch)) this.pgs.handle_pg_create(m);
  }

  /** require_same_or_newer_map: parks the message when its epoch is ahead of ours. */
  #require_same_or_newer_map(
    con: Connection,
    m: PeeringMessage | Msg<"osd_pg_create">,
    epoch: epoch_t,
  ): boolean {
    if (this.#osdmap && epoch <= this.#osdmap.epoch) return true;
    this.#waiting_for_osdmap.push({ con, m });
    this.#osdmap_subscribe();
    return false;
  }
  /** require_self_aliveness and require_same_peer_instance (peering.md §3.5). */
  #require_osd_peer(con: Connection, epoch: epoch_t): boolean {
    const map = this.#osdmap;
    if (!is_osd(con.peer_name) || !map) return false;
    if (this.boot.state !== "active" || epoch < this.boot.up_epoch) return false;
    const from = osd_id(con.peer_name);
    if (map.is_up(from) && addr_eq(map.get_addr(from), con.peer_addr)) return true;
    // Down here, or another instance, although we have its map or a newer one: it is dead to us.
    if (epoch > map.epoch) return true;
    this.log.debug({ peer: con.peer_name, epoch: map.epoch }, "peer_instance_gone");
    con.mark_down();
    return false;
  }

  // ------------------------------------------------------------ maps

  #handle_osd_map(con: Connection, m: Msg<"osd_map">): void {
    const from_mon = this.monc.is_mon(con);
    if (!from_mon && !is_osd(con.peer_name)) return;
    if (this.boot.state === "stopping") return;
    if (!from_mon) this.#peer_maps.note_peer_epoch(osd_id(con.peer_name), m.newest_map);
    this.#ingest.handle_osd_map(m);
  }
  #osdmap_subscribe(): void {
    this.monc.sub_want_increment("osdmap", (this.superblock.newest_map || 0) + 1);
  }

  #committed_osd_maps(first: epoch_t, last: epoch_t, newest: epoch_t): void {
    if (this.#stopped) return;
    for (let e = first; e <= last; e++) {
      const next = this.maps.try_get_map(e);
      if (next) this.#adopt_map(next);
    }
    const map = this.#osdmap;
    if (!map) return;
    const mine = map.is_up(this.whoami) && this.#is_my_addr(map);
    if (
      mine &&
      this.boot.state === "booting" &&
      this.boot.bind_epoch < map.get_up_from(this.whoami)
    ) {
      this.boot.set_active();
      this.#became_active(map);
    }
    if (this.boot.state === "active" && !mine) this.#marked_down(map);
    this.#consume_map(map);
    if (this.boot.state === "active") this.#activate_map();
    if (newest > last) this.#osdmap_subscribe();
    else if (this.boot.state === "preboot") {
      this.boot.preboot(this.superblock.cluster_osdmap_trim_lower_bound, newest);
    }
  }
  #is_my_addr(map: OSDMap): boolean {
    return addr_eq(map.get_addr(this.whoami), this.#p.messenger.my_addr);
  }

  /** One epoch further: peers that left are dropped, our own up_epoch is noticed. */
  #adopt_map(next: OSDMap): void {
    const last = this.#osdmap;
    if (last) {
      this.pgs.note_deleted_pools(last, next);
      for (const o of last.get_up_osds()) {
        if (o === this.whoami) continue;
        if (next.is_up(o) && addr_eq(next.get_addr(o), last.get_addr(o))) continue;
        this.#note_down_osd(o, last);
      }
    }
    this.#osdmap = next;
    const up = next.is_up(this.whoami) && this.#is_my_addr(next);
    if (this.boot.up_epoch === 0 && up) {
      this.boot.up_epoch = next.epoch;
      if (this.boot.boot_epoch === 0) this.boot.boot_epoch = next.epoch;
    }
    const { epoch } = next;
    this.log.info({ epoch, up: next.get_up_osds(), up_epoch: this.boot.up_epoch }, "osdmap_epoch");
  }
  #note_down_osd(osd: number, last: OSDMap): void {
    const addr = last.get_addr(osd);
    this.#p.messenger.connection_to(`osd.${osd}`, addr, "lossless_peer")?.mark_down();
    this.#peer_maps.forget(osd);
  }

  #became_active(map: OSDMap): void {
    this.heartbeat.set_need_update();
    this.#last_report = this.clock.mono_ms();
    this.monc.sub_want_increment("osd_pg_creates", map.epoch);
    this.#send_beacon();
  }

  /** The map says that we are down, gone, or somebody else at our id is up (peering.md §3.3). */
  #marked_down(map: OSDMap): void {
    const { epoch } = map;
    if (!map.exists(this.whoami) || map.is_stop(this.whoami) || map.is_destroyed(this.whoami)) {
      this.#p.on_must_stop(`osdmap ${epoch} says this osd is removed, stopped or destroyed`);
      return;
    }
    const down_at = map.get_down_at(this.whoami);
    this.log.warn({ epoch, down_at }, "wrongly_marked_down");
    this.cluster_log("ERR", `map e${epoch} wrongly marked me down at e${down_at}`);
    this.monc.send_mon_message({ type: "osd_mark_me_dead", osd: this.whoami, epoch });
    const go_on = this.boot.note_markdown(epoch);
    this.heartbeat.reset();
    this.#mon_requests.clear();
    this.#p.messenger.rebind();
    if (!go_on) this.#p.on_must_stop("marked down too often (osd_max_markdown_count)");
    else this.boot.start_boot();
  }

  /** peering.md §3.4. */
  #consume_map(map: OSDMap): void {
    const before = this.#published;
    this.#published = map;
    this.#ops.dispatch_sessions_waiting_on_map();
    this.#ops.clear_waiting_for_pg(map);
    const { epoch } = map;
    for (const pg of this.pgs.all()) {
      const evt = { type: "NullEvt" } as const;
      this.#wq.queue_event(pg, {
        epoch_sent: epoch,
        epoch_requested: epoch,
        evt,
        requires_pg: true,
      });
    }
    if (this.boot.up_epoch > 0) this.heartbeat.on_osdmap(map);
    const pauses = ["norecover", "nobackfill", "norebalance"] as const;
    const resumed = pauses.some((f) => before?.test_flag(f) === true && !map.test_flag(f));
    if (resumed) this.#requeue_recovery();
  }
  #requeue_recovery(): void {
    for (const pg of this.pgs.all()) {
      if (pg.peering.is_recovering() || pg.peering.is_backfilling()) this.recovery.queue(pg);
    }
  }
  /** Messages that waited for a map run before newer ones. */
  #activate_map(): void {
    const waiting = this.#waiting_for_osdmap;
    this.#waiting_for_osdmap = [];
    for (const { con, m } of waiting) if (con.is_open) this.ms_dispatch(con, m);
  }

  #on_mon_session(): void {
    this.#ingest.on_mon_session();
    if (this.boot.state === "initializing") {
      this.boot.start_boot();
      return;
    }
    const map = this.#osdmap;
    if (!map) return;
    this.monc.sub_want_increment("osdmap", map.epoch + 1);
    this.boot.resend();
    if (this.boot.state === "active") {
      this.#mon_requests.resend(map);
      this.heartbeat.on_mon_session();
      this.#send_beacon();
      this.#send_full(true);
      this.stats.report_all();
    }
  }

  #end_of_batch(up_thru_wanted: epoch_t): void {
    const map = this.osdmap();
    if (up_thru_wanted > 0) this.#mon_requests.queue_want_up_thru(up_thru_wanted, map);
    this.#mon_requests.send_pg_temp(map);
    if (this.boot.state === "preboot" && this.#wq.idle) this.boot.preboot();
  }

  // ------------------------------------------------------------ PGHost

  osdmap(): OSDMap {
    if (!this.#published) throw new InvariantError("no osdmap yet");
    return this.#published;
  }
  /** Newest committed map, or undefined before the first. */
  current_map(): OSDMap | undefined {
    return this.#osdmap;
  }
  try_get_map(e: epoch_t): OSDMap | undefined {
    return this.maps.try_get_map(e);
  }
  #cluster_con(osd: number, from_epoch: epoch_t): Connection | undefined {
    const map = this.#published;
    if (!map?.is_up(osd) || map.get_up_from(osd) > from_epoch || osd === this.whoami)
      return undefined;
    const name: entity_name_t = `osd.${osd}`;
    return this.#p.messenger.connect_to(name, map.get_addr(osd), "lossless_peer");
  }
  send_cluster(osd: number, m: Message, from_epoch: epoch_t): void {
    // A daemon that is not up does not speak for its PGs: a new interval is coming anyway.
    if (this.boot.state !== "active") return;
    const con = this.#cluster_con(osd, from_epoch);
    if (!con) {
      this.log.debug({ subsys: "ms", msg: m.type, to: `osd.${osd}` }, "msg_dropped");
      return;
    }
    this.#peer_maps.share_with_osd(osd, con);
    if (this.log.enabled("debug")) {
      this.log.debug({ subsys: "ms", msg: m.type, to: `osd.${osd}` }, "msg_out");
    }
    con.send(m);
  }
  dispatch_context(pg: PG, rctx: RecoveryCtx): void {
    this.#ctx.dispatch(pg, rctx);
  }
  #schedule_outbox(): void {
    if (this.#outbox_scheduled) return;
    this.#outbox_scheduled = true;
    this.clock.defer(() => {
      this.#outbox_scheduled = false;
      this.#outbox.flush();
    });
  }
  queue_peering_event(pg: PG, evt: PeeringEvt): void {
    this.#wq.queue_event(pg, evt);
  }
  queue_peering_event_after(pg: PG, evt: PeeringEvt, delay_ms: number): TimerHandle {
    return this.clock.set_timer(delay_ms, () => this.#wq.queue_event(pg, evt));
  }
  queue_want_pg_temp(pgid: pg_t, acting: readonly number[]): void {
    this.#mon_requests.queue_want_pg_temp(pgid, acting);
  }
  clear_want_pg_temp(pgid: pg_t): void {
    this.#mon_requests.clear_want_pg_temp(pgid);
  }
  queue_recovery(pg: PG): void {
    this.recovery.queue(pg);
  }
  cancel_recovery(pg: PG): void {
    this.recovery.forget(pg);
  }
  start_recovery_op(pg: PG): void {
    this.recovery.start_op(pg);
  }
  finish_recovery_op(pg: PG): void {
    this.recovery.finish_op(pg);
  }
  publish_stats(pg: PG): void {
    this.stats.publish(pg);
  }
  send_pg_created(pgid: pg_t): void {
    this.monc.send_mon_message({ type: "osd_pg_created", pgid });
  }
  update_heartbeat_peers(): void {
    this.heartbeat.set_need_update();
  }
  #pg_peers(): Iterable<number> {
    const peers = new Set<number>();
    for (const pg of this.pgs.all()) for (const o of pg.peering.get_heartbeat_peers()) peers.add(o);
    return peers;
  }
  full_state(): full_state_t {
    const { total, used } = this.store.statfs();
    const failsafe = this.config.get("osd_failsafe_full_ratio");
    return full_state_of(total > 0 ? used / total : 0, this.osdmap(), failsafe);
  }
  pg_deleted(pg: PG): void {
    this.log.info({ pg: pg.spgid, epoch: this.osdmap().epoch }, "pg_removed");
    this.recovery.forget(pg);
    this.stats.forget(pg);
    this.pgs.remove(pg);
  }
  cluster_log(prio: "DBG" | "INF" | "WRN" | "ERR", text: string): void {
    const stamp = this.clock.now_ms();
    const name = `osd.${this.whoami}`;
    this.monc.send_mon_message({
      type: "log",
      entries: [{ stamp, name, channel: "cluster", prio, text }],
    });
  }
}
