/**
 * OSD: one object storage daemon, without its sockets and disks. Receives messages as a Dispatcher
 * and checks them, runs the timers, and wires the parts in the files beside this one.
 * Ceph counterpart: OSD (src/osd/OSD.{h,cc}). Rules: peering.md §3, §4; cluster.md §5.
 */
import {
  addr_eq,
  type Clock,
  type Config,
  type Connection,
  type Dispatcher,
  type epoch_t,
  is_osd,
  type Log,
  type Message,
  type Messenger,
  MonClient,
  type MonTarget,
  type Msg,
  type OSDMap,
  osd_id,
  pg_pool,
  type Rng,
  type TimerHandle,
} from "@tako/common";
import type { PG } from "../pg/PG.ts";
import { COLL_META, type ObjectStore } from "../store/ObjectStore.ts";
import { Transaction } from "../store/Transaction.ts";
import { type BackgroundQueue, SlotQueue } from "./BackgroundQueue.ts";
import { Boot, type OSDIdentity } from "./Boot.ts";
import { map_state_of, state_in_map } from "./full_state.ts";
import { Heartbeat } from "./Heartbeat.ts";
import { MapConsumer } from "./MapConsumer.ts";
import { MapIngest } from "./MapIngest.ts";
import { MapStore } from "./MapStore.ts";
import { MonRequests } from "./MonRequests.ts";
import { is_op_message, OpDispatch, type OpMessage } from "./OpDispatch.ts";
import { OSDCommands } from "./OSDCommands.ts";
import { OSDService } from "./OSDService.ts";
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
  /** Default: one of our own, without a library. */
  readonly background?: BackgroundQueue;
  /** `log set`: level of a subsystem ("*" = all); CommandError when either is unknown. */
  readonly set_log_level: (subsys: string, level: string) => void;
  /** Shown by `version`. */
  readonly version: string;
  /** The map says that this daemon must not run (removed, stopped, too many mark-downs). */
  readonly on_must_stop: (reason: string) => void;
  /** Told of each PG that an event reached, when it is done: what a simulator checks. */
  readonly on_pg_turn?: (pg: PG) => void;
}

const TICK_MS = 1000;

export class OSD implements Dispatcher {
  readonly whoami: number;
  readonly version: string;
  readonly log: Log;
  readonly config: Config;
  readonly superblock: OSDSuperblock;
  readonly service: OSDService;
  readonly maps: MapStore;
  readonly monc: MonClient;
  readonly boot: Boot;
  readonly pgs: PGRegistry;
  readonly wq: PeeringWQ;
  readonly ops: OpDispatch;
  readonly heartbeat: Heartbeat;
  readonly stats: StatsReporter;
  readonly recovery: RecoveryQueue;
  readonly peer_maps: PeerMaps;
  readonly mon_requests: MonRequests;

  readonly #p: OSDPorts;
  readonly #clock: Clock;
  readonly #ingest: MapIngest;
  readonly #consumer: MapConsumer;
  readonly #commands: OSDCommands;
  #tick_timer: TimerHandle | null = null;
  #last_tick = 0;
  #last_report = 0;
  #last_beacon = Number.NEGATIVE_INFINITY;
  #on_stopped: (() => void) | null = null;
  #stopped = false;

  constructor(ports: OSDPorts) {
    this.#p = ports;
    this.whoami = ports.whoami;
    this.version = ports.version;
    this.#clock = ports.clock;
    this.log = ports.log;
    this.config = ports.config;
    const { store, config, clock } = ports;
    this.superblock = read_superblock(store) ?? new_superblock(ports.whoami, store.fsid);
    const { superblock } = this;
    this.maps = new MapStore(store, () => config.get("osd_map_cache_size"));
    const { maps } = this;
    this.monc = new MonClient({
      ...ports,
      log: this.log.child({ subsys: "monc" }),
      on_session: () => this.#on_mon_session(),
    });
    this.service = new OSDService(this, ports);
    this.#consumer = new MapConsumer(this, ports);
    this.peer_maps = new PeerMaps({ maps, superblock, config, epoch: () => this.osdmap_epoch });
    const send_mon = (m: Message) => this.monc.send_mon_message(m);
    this.mon_requests = new MonRequests(this.whoami, send_mon, this.log);
    this.recovery = new RecoveryQueue({
      background: ports.background ?? new SlotQueue(1, (fn) => clock.defer(fn)),
      clock,
      config,
      paused: () => this.service.published?.test_flag("norecover") ?? true,
    });
    this.wq = this.#make_wq();
    this.pgs = new PGRegistry({
      host: this.service,
      log: this.log,
      maps,
      wq: this.wq,
      send: (out, epoch) => this.service.send_peering(out, epoch),
      on_pg_added: (pg) => this.ops.on_pg_added(pg),
    });
    this.#ingest = this.#make_ingest();
    this.heartbeat = this.#make_heartbeat();
    this.boot = this.#make_boot();
    this.ops = new OpDispatch({
      whoami: this.whoami,
      log: this.log,
      osdmap: () => this.service.published,
      pgs: () => this.pgs,
      want_newer_map: () => this.#consumer.subscribe_next(),
      share_with_client: (con, e) => this.peer_maps.share_with_client(con, e),
    });
    this.#commands = new OSDCommands(this, ports.set_log_level);
    this.stats = this.#make_stats();
  }

  #make_wq(): PeeringWQ {
    return new PeeringWQ({
      clock: this.#clock,
      config: this.config,
      osdmap: () => this.service.osdmap(),
      try_get_map: (e) => this.maps.try_get_map(e),
      min_pg_epoch: () => this.pgs.min_epoch(),
      dispatch_context: (pg, rctx) => this.service.dispatch_context(pg, rctx),
      add_split_children: (children) => this.pgs.add_split_children(children),
      end_of_batch: (up_thru_wanted) => this.#end_of_batch(up_thru_wanted),
    });
  }
  #make_ingest(): MapIngest {
    return new MapIngest({
      store: this.#p.store,
      maps: this.maps,
      superblock: this.superblock,
      log: this.log,
      config: this.config,
      monc: this.monc,
      min_persisted_epoch: () => this.pgs.min_persisted_epoch(),
      boot_epoch: () => this.boot.boot_epoch,
      on_committed: (first, last, newest) => {
        if (!this.#stopped) this.#consumer.committed_osd_maps(first, last, newest);
      },
    });
  }
  #make_heartbeat(): Heartbeat {
    const { service } = this;
    return new Heartbeat({
      whoami: this.whoami,
      clock: this.#clock,
      rng: this.#p.rng,
      log: this.log.child({ subsys: "heartbeat" }),
      config: this.config,
      get_osdmap: () => service.osdmap(),
      get_up_epoch: () => this.boot.up_epoch,
      connect: (osd, addr) => this.#p.messenger.connect_to(`osd.${osd}`, addr, "lossy"),
      send_mon: (m) => this.monc.send_mon_message(m),
      pg_peers: () => this.#pg_peers(),
      share_map: (osd, epoch) => {
        const con = service.cluster_con(osd, this.osdmap_epoch);
        if (con) this.peer_maps.share_with_stale_osd(osd, con, epoch);
      },
      on_you_died: (epoch) => {
        this.log.info({ epoch }, "you_died");
        this.#consumer.subscribe_next();
      },
    });
  }
  #make_boot(): Boot {
    return new Boot({
      whoami: this.whoami,
      clock: this.#clock,
      config: this.config,
      log: this.log,
      monc: this.monc,
      superblock: this.superblock,
      identity: this.#p.identity,
      my_addr: () => this.#p.messenger.my_addr,
      osdmap: () => this.#consumer.osdmap,
      pgs_caught_up: () => (this.pgs.min_epoch() ?? this.osdmap_epoch) >= this.osdmap_epoch,
      healthy_ratio: () => this.heartbeat.healthy_ratio(),
    });
  }
  #make_stats(): StatsReporter {
    return new StatsReporter({
      clock: this.#clock,
      config: this.config,
      epoch: () => this.osdmap_epoch,
      pgs: () => this.pgs.all(),
      statfs: () => this.#p.store.statfs(),
      heartbeat_peers: () => this.heartbeat.peers,
      commit_latency_ms: () => this.service.commit_latency.take_ms(),
      slow_ops: () => this.#commands.slow_ops(),
      send: (m) => this.monc.send_mon_message(m),
    });
  }
  #pg_peers(): Iterable<number> {
    const peers = new Set<number>();
    for (const pg of this.pgs.all()) pg.peering.add_heartbeat_peers(peers);
    return peers;
  }
  /** Epoch of the published map; 0 before the first. */
  get osdmap_epoch(): epoch_t {
    return this.service.published?.epoch ?? 0;
  }

  // ------------------------------------------------------------ life

  /** Loads what is stored and starts to boot. The messenger must deliver to this OSD already. */
  init(): void {
    const sb = this.superblock;
    const { store } = this.#p;
    if (!store.collection_exists(COLL_META)) {
      const t = new Transaction();
      t.create_collection(COLL_META);
      write_superblock(t, sb);
      store.queue_transaction(t);
    }
    if (sb.newest_map > 0) {
      this.#consumer.load(this.maps.get_map(sb.current_epoch));
      this.pgs.load_pgs();
    }
    const { osd_fsid, newest_map } = sb;
    this.log.info({ osd_fsid, epoch: newest_map, pgs: this.pgs.size }, "osd_start");
    this.heartbeat.start();
    this.#last_tick = this.#clock.mono_ms();
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
    const was_up = this.boot.up_epoch > 0;
    this.boot.set_stopping();
    if (!was_up || !this.monc.connected) {
      this.#finish_stop();
      return;
    }
    this.monc.send_mon_message({
      type: "osd_mark_me_down",
      target_osd: this.whoami,
      target_addr: this.#p.messenger.my_addr,
      epoch: this.osdmap_epoch,
      request_ack: true,
      down_and_dead: true,
    });
    const timeout_ms = this.config.get("osd_mon_shutdown_timeout") * 1000;
    this.#clock.set_timer(timeout_ms, () => this.#finish_stop());
  }
  #finish_stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#tick_timer?.cancel();
    this.heartbeat.stop();
    this.stats.stop();
    this.recovery.stop();
    this.service.scrubs.stop();
    this.wq.stop();
    for (const pg of this.pgs.all()) pg.shutdown();
    this.monc.stop();
    const t = new Transaction();
    write_superblock(t, this.superblock);
    this.log.info({ epoch: this.superblock.newest_map }, "osd_stop");
    this.#p.store.queue_transaction(t, () => this.#on_stopped?.());
  }

  // ------------------------------------------------------------ timers

  #schedule_tick(): void {
    this.#tick_timer = this.#clock.set_timer(TICK_MS, () => {
      this.#tick();
      this.#schedule_tick();
    });
  }
  #tick(): void {
    const now = this.#clock.mono_ms();
    this.#notice_stall(now);
    if (this.boot.state === "waiting_for_healthy") this.boot.start_boot();
    this.boot.preboot();
    const report = now - this.#last_report >= this.config.get("osd_mon_report_interval") * 1000;
    if (report) this.#last_report = now;
    if (this.boot.state !== "active") {
      // The mon may have had reasons not to let us in (noup) that are gone by now.
      if (report) this.boot.resend();
      return;
    }
    this.heartbeat.check();
    this.stats.tick();
    this.service.scrubs.tick();
    this.pgs.resume_withheld();
    this.#commands.check_slow_ops();
    if (report) {
      this.heartbeat.send_failures();
      this.mon_requests.resend(this.service.osdmap());
      this.#send_full();
    }
    if (now - this.#last_beacon >= this.config.get("osd_beacon_report_interval") * 1000) {
      this.send_beacon();
    }
  }
  /** A process that stood still (SIGSTOP, a long stall) has not listened: the silence is its own. */
  #notice_stall(now: number): void {
    const stalled_ms = Math.round(now - this.#last_tick - TICK_MS);
    this.#last_tick = now;
    if (stalled_ms <= (this.config.get("osd_heartbeat_grace") * 1000) / 2) return;
    this.log.warn({ stalled_ms }, "osd_stalled");
    this.heartbeat.forget_unanswered();
  }
  /** How the monitor knows that we live, when nobody reports us. */
  send_beacon(): void {
    this.#last_beacon = this.#clock.mono_ms();
    // One a pool, so that a pool whose PGs are clean is not judged by another one's.
    const by_pool = new Map<number, PG[]>();
    for (const pg of this.pgs.all()) {
      if (!pg.is_primary()) continue;
      const id = pg_pool(pg.pgid);
      by_pool.set(id, [...(by_pool.get(id) ?? []), pg]);
    }
    if (by_pool.size === 0) this.#send_beacon_of([]);
    for (const pgs of by_pool.values()) this.#send_beacon_of(pgs);
  }
  #send_beacon_of(pgs: readonly PG[]): void {
    const lecs = pgs.map((pg) => pg.peering.info.history.last_epoch_clean);
    this.monc.send_mon_message({
      type: "osd_beacon",
      version: this.osdmap_epoch,
      min_last_epoch_clean: lecs.length > 0 ? Math.min(...lecs) : this.osdmap_epoch,
      pgs: pgs.map((pg) => pg.pgid),
      report_interval_s: this.config.get("osd_beacon_report_interval"),
    });
  }
  /**
   * MOSDFull when the map says otherwise of us (need_fullness_update, cluster.md §3.13): what an earlier
   * process of ours said, or what got lost, is put right too.
   */
  #send_full(): void {
    const state = this.service.full_state();
    if (state_in_map(this.service.osdmap(), this.whoami) === map_state_of(state)) return;
    this.monc.send_mon_message({
      type: "osd_full",
      version: this.osdmap_epoch,
      full: state === "full" || state === "failsafe",
      backfillfull: state === "backfillfull",
      nearfull: state === "nearfull",
    });
  }
  #end_of_batch(up_thru_wanted: epoch_t): void {
    const map = this.service.osdmap();
    if (up_thru_wanted > 0) this.mon_requests.queue_want_up_thru(up_thru_wanted, map);
    this.mon_requests.send_pg_temp(map);
    this.pgs.release_primed();
    if (this.wq.idle) this.boot.preboot();
  }

  // ------------------------------------------------------------ what maps bring about

  /** The map shows us up. */
  became_active(map: OSDMap): void {
    this.heartbeat.set_need_update();
    this.#last_report = this.#clock.mono_ms();
    this.monc.sub_want_increment("osd_pg_creates", map.epoch);
    this.send_beacon();
  }
  /** A pause of recovery or backfill has ended. */
  requeue_recovery(): void {
    for (const pg of this.pgs.all()) {
      if (pg.peering.is_recovering() || pg.peering.is_backfilling()) this.recovery.queue(pg);
    }
  }
  #on_mon_session(): void {
    this.#ingest.on_mon_session();
    if (this.boot.state === "initializing") {
      this.boot.start_boot();
      return;
    }
    const map = this.#consumer.osdmap;
    if (!map) return;
    this.monc.sub_want_increment("osdmap", map.epoch + 1);
    this.boot.resend();
    if (this.boot.state !== "active") return;
    this.mon_requests.resend(map);
    this.heartbeat.on_mon_session();
    this.send_beacon();
    this.#send_full();
    this.stats.report_all();
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
    if (this.heartbeat.has_connection(con)) {
      // Of pings only: no PG has anything that came over it.
      this.heartbeat.ms_handle_reset(con);
      return;
    }
    this.ops.forget(con);
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
        if (is_osd(con.peer_name) && this.service.published) {
          this.heartbeat.handle_ping(con, osd_id(con.peer_name), m);
        }
        return;
      case "osd_pg_create":
        if (this.monc.is_mon(con)) this.#handle_pg_create(con, m);
        return;
      case "osd_force_recovery":
        if (this.monc.is_mon(con)) this.pgs.handle_force_recovery(m);
        return;
      case "osd_mark_me_down":
        if (this.monc.is_mon(con) && this.boot.state === "stopping") this.#finish_stop();
        return;
      case "osd_scrub":
        if (this.monc.is_mon(con)) this.#handle_scrub(con, m);
        return;
      case "command":
        this.#commands.handle(con, m);
        return;
      default:
        if (this.monc.is_mon(con) && this.monc.ms_dispatch(m)) return;
        this.log.warn({ msg: m.type, from: con.peer_name }, "unexpected_message");
    }
  }
  #handle_osd_map(con: Connection, m: Msg<"osd_map">): void {
    const from_mon = this.monc.is_mon(con);
    if (!from_mon && !is_osd(con.peer_name)) return;
    if (this.boot.state === "stopping") return;
    if (!from_mon) this.peer_maps.note_peer_epoch(osd_id(con.peer_name), m.newest_map);
    this.#ingest.handle_osd_map(m);
  }
  #handle_pg_create(con: Connection, m: Msg<"osd_pg_create">): void {
    if (!this.#has_map(con, m, m.epoch)) return;
    // Not before: what still waits for a map is gone with its session, and must be asked for again.
    this.monc.sub_got("osd_pg_creates", m.epoch);
    this.pgs.handle_pg_create(m);
  }
  /** An operator's wish for PGs that the monitor believes we lead. */
  #handle_scrub(con: Connection, m: Msg<"osd_scrub">): void {
    if (!this.#has_map(con, m, m.epoch)) return;
    const { repair } = m;
    for (const pgid of m.scrub_pgs) {
      const pg = this.pgs.find_primary(pgid);
      if (pg?.is_primary()) pg.scrubber.request(repair || m.deep, repair);
    }
  }
  #dispatch_op(con: Connection, m: OpMessage): void {
    if (m.type !== "osd_op") {
      if (!this.#is_live_peer(con, m.map_epoch)) return;
      this.peer_maps.note_peer_epoch(osd_id(con.peer_name), m.map_epoch);
    }
    this.ops.dispatch(con, m);
  }
  #dispatch_peering(con: Connection, m: PeeringMessage): void {
    if (!is_osd(con.peer_name)) {
      this.log.warn({ msg: m.type, from: con.peer_name }, "unexpected_message");
      return;
    }
    const epoch = epoch_of(m);
    if (!this.#has_map(con, m, epoch) || !this.#is_live_peer(con, epoch)) return;
    const from = osd_id(con.peer_name);
    this.peer_maps.note_peer_epoch(from, epoch);
    for (const { spgid, evt } of peering_events_of(m, from)) {
      this.pgs.enqueue_peering_evt(spgid, evt);
    }
  }

  /** require_same_or_newer_map: parks the message when its epoch is ahead of ours. */
  #has_map(con: Connection, m: Message, epoch: epoch_t): boolean {
    const map = this.#consumer.osdmap;
    if (map && epoch <= map.epoch) return true;
    this.#consumer.wait_for_osdmap(con, m);
    return false;
  }
  /** require_self_aliveness and require_same_peer_instance (peering.md §3.5). */
  #is_live_peer(con: Connection, epoch: epoch_t): boolean {
    const map = this.#consumer.osdmap;
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
}
