/**
 * The monitor: sessions, subscriptions, commands, and the services behind them.
 * Must not block, read a clock or touch a disk: all that comes in through its ports.
 * Ceph counterpart: src/mon/Monitor.h. cluster.md §3, §4, §7.
 */
import {
  type Connection,
  type Dispatcher,
  InvariantError,
  type Message,
  type Msg,
  type OSDMap,
  osd_id,
  type pg_t,
  type StoreError,
  type TimerHandle,
} from "@tako/common";
import { dispatch_command } from "../commands/dispatch.ts";
import type { CommandReply } from "../commands/reply.ts";
import { is_up_instance } from "../osdmon/alive.ts";
import { creates_for } from "../osdmon/creating_pgs.ts";
import { OSDMonitor } from "../osdmon/OSDMonitor.ts";
import { Publisher } from "../osdmon/publish.ts";
import { PGMap } from "../pgmap/PGMap.ts";
import { HealthMonitor } from "./HealthMonitor.ts";
import { type LogEntry, LogMonitor } from "./LogMonitor.ts";
import { MonSession, type SubName, type Subscription } from "./MonSession.ts";
import { read_fsid } from "./mkfs.ts";
import type { MonitorPorts } from "./ports.ts";

/** What exists between init() and shutdown(). */
interface Services {
  readonly osdmon: OSDMonitor;
  readonly publisher: Publisher;
  readonly pgmap: PGMap;
  readonly logmon: LogMonitor;
  readonly health: HealthMonitor;
}

export class Monitor implements Dispatcher {
  /** `a` of mon.a */
  readonly name: string;
  readonly ports: MonitorPorts;
  readonly fsid: string;
  /** Monotonic ms of init(): age of the quorum. */
  started_ms = 0;
  private readonly sessions = new Map<Connection, MonSession>();
  private next_session = 1;
  private services: Services | undefined;
  private timers: TimerHandle[] = [];
  private stopped = false;

  /** Registers itself as the messenger's dispatcher. Serves nobody before init(). */
  constructor(name: string, ports: MonitorPorts) {
    const fsid = read_fsid(ports.store);
    if (fsid === undefined) throw new InvariantError("mkfs first: the store holds no cluster");
    this.name = name;
    this.ports = ports;
    this.fsid = fsid;
    ports.messenger.set_dispatcher(this);
  }

  /** Loads what is committed and starts the tick. Throws StoreError when the store is damaged. */
  init(): void {
    const { clock, config, log, store } = this.ports;
    const common = { store, clock, config, log, name: `mon.${this.name}` };
    const on_fatal = (e: StoreError) => this.die(e);
    const logmon = new LogMonitor({ ...common, on_log: (e) => this.push_log(e), on_fatal });
    const osdmon = new OSDMonitor({
      ...common,
      send_maps: (s, from) => this.svc.publisher.send_incremental(s, from, false),
      on_osdmap: (prev, osdmap, moved) => this.on_osdmap(prev, osdmap, moved),
      clog: (prio, text) => logmon.log(prio, text),
      on_fatal,
    });
    const publisher = new Publisher(osdmon.maps, this.fsid, config);
    const pgmap = new PGMap();
    pgmap.on_osdmap(osdmon.osdmap, osdmon.mapping, all_pgs(osdmon.osdmap), clock.now_ms());
    const health = new HealthMonitor({
      ...common,
      clog: (prio, text) => logmon.log(prio, text),
      on_fatal,
    });
    this.services = { osdmon, publisher, pgmap, logmon, health };
    this.started_ms = clock.mono_ms();
    this.every("mon_tick_interval", () => this.tick());
    this.every("mgr_stats_period", () => this.stats_tick());
    log.info(
      { fsid: this.fsid, epoch: osdmon.osdmap.epoch, first: osdmon.maps.first_committed },
      "mon_start",
    );
  }

  /** Stops timers and answers nothing any more. Loses nothing: what was acknowledged is durable. */
  shutdown(): void {
    if (this.stopped) return;
    this.stopped = true;
    for (const t of this.timers) t.cancel();
    this.services?.osdmon.stop();
    this.services?.logmon.stop();
    this.services?.health.stop();
    for (const con of [...this.sessions.keys()]) con.mark_down();
    this.sessions.clear();
  }

  /** True once it serves: for the health check of a container. */
  get is_ready(): boolean {
    return this.services !== undefined && !this.stopped;
  }
  /** Last committed map. */
  get osdmap(): OSDMap {
    return this.svc.osdmon.osdmap;
  }
  /** Of the newest committed map; 0 before init(). */
  get epoch(): number {
    return this.services?.osdmon.osdmap.epoch ?? 0;
  }
  /** First epoch that is not trimmed. */
  get first_committed(): number {
    return this.svc.osdmon.maps.first_committed;
  }
  get svc(): Services {
    if (!this.services) throw new InvariantError("init() first");
    return this.services;
  }
  /** Entity names of all who are connected. */
  session_names(): string[] {
    return [...this.sessions.values()].map((s) => s.name).sort();
  }
  /** For `node ls`: where this daemon runs. */
  get hostname(): string {
    return this.ports.config.get("host") || this.ports.messenger.my_addr.host;
  }

  /** Runs a command as if a client had sent it. */
  handle_command(
    cmd: Msg<"mon_command">["cmd"],
    done: (r: CommandReply) => void,
    data: readonly Uint8Array[] = [],
  ): void {
    dispatch_command(this, cmd, data, `mon.${this.name}`, done);
  }

  // ---------------------------------------------------------------- Dispatcher

  ms_handle_connect(con: Connection): void {
    if (!this.stopped) this.session(con);
  }
  ms_handle_reset(con: Connection): void {
    this.sessions.delete(con);
  }
  ms_handle_refused(_con: Connection): void {
    // A monitor opens no connections.
  }

  ms_dispatch(con: Connection, m: Message): void {
    if (this.stopped || !this.services) return;
    const s = this.session(con);
    const { osdmon, publisher, logmon } = this.svc;
    switch (m.type) {
      case "mon_subscribe":
        return this.handle_subscribe(s, m);
      case "mon_get_osdmap":
        return con.send(publisher.get_osdmap(m));
      case "mon_get_version":
        return con.send({
          type: "mon_get_version_reply",
          handle: m.handle,
          version: this.osdmap.epoch,
          oldest_version: this.first_committed,
        });
      case "mon_command":
        return dispatch_command(this, m.cmd, m.data ?? [], s.name, (r) =>
          con.send({ type: "mon_command_ack", tid: m.tid, ...r }),
        );
      case "log":
        return logmon.handle_log(s.name, m.entries);
      case "osd_beacon":
        return osdmon.handle_beacon(s, m);
      case "pg_stats":
        return this.handle_pg_stats(s, m);
      case "osd_boot":
      case "osd_alive":
      case "osd_pg_temp":
      case "osd_failure":
      case "osd_mark_me_down":
      case "osd_mark_me_dead":
      case "osd_full":
      case "osd_pg_created":
        if (m.type === "osd_boot" && m.osd === s.sender.osd) s.note_boot(m);
        if (osd_id(con.peer_name) >= 0) return osdmon.dispatch(s, m);
        break;
      default:
    }
    this.ports.log.debug({ from: s.name, type: m.type }, "mon_msg_unexpected");
  }

  private session(con: Connection): MonSession {
    const known = this.sessions.get(con);
    if (known) return known;
    const s = new MonSession(con, this.next_session++);
    this.sessions.set(con, s);
    return s;
  }

  /** To an OSD that is up, on the session it has with us. False: there is none. */
  send_to_osd(osd: number, m: Message): boolean {
    const view = this.svc.osdmon.view();
    const of_osd = [...this.sessions.values()].filter((s) => s.sender.osd === osd);
    const s = of_osd.reverse().find((x) => x.con.is_open && is_up_instance(view, x.sender));
    s?.con.send(m);
    return s !== undefined;
  }

  // ---------------------------------------------------------------- subscriptions

  private handle_subscribe(s: MonSession, m: Msg<"mon_subscribe">): void {
    for (const { name, start, onetime } of m.what) {
      const sub: Subscription = { start, onetime };
      // Wanting again what it has had means that it has lost it.
      if (name === "osdmap" && start < s.osd_epoch) s.osd_epoch = 0;
      s.subs.set(name, sub);
      this.serve(s, name, sub);
    }
    const interval_s = this.ports.config.get("mon_subscribe_interval");
    s.con.send({ type: "mon_subscribe_ack", interval_s, fsid: this.fsid });
  }

  /** Sends what there is for a subscription; one that is used up is dropped. */
  private serve(s: MonSession, name: SubName, sub: Subscription): void {
    switch (name) {
      case "osdmap":
        if (this.svc.publisher.check_osdmap_sub(s, sub)) s.subs.delete(name);
        return;
      case "osd_pg_creates":
        this.send_creates(s, sub);
        if (sub.onetime) s.subs.delete(name);
        return;
      default:
    }
  }

  private send_creates(s: MonSession, sub: Subscription): void {
    const { creating, osdmap } = this.svc.osdmon;
    const m = creates_for(creating, s.sender.osd, sub.start, osdmap.epoch);
    if (m) s.con.send(m);
    sub.start = osdmap.epoch + 1;
  }

  private push_log(entries: readonly LogEntry[]): void {
    for (const s of this.sessions.values()) {
      if (s.subs.has("log-info")) s.con.send({ type: "log", entries: [...entries] });
    }
  }

  // ---------------------------------------------------------------- events

  private on_osdmap(prev: OSDMap, osdmap: OSDMap, moved: readonly pg_t[]): void {
    const { clock } = this.ports;
    // Maps first: PGs wait for them. Sessions are in order of their beginning.
    for (const s of this.sessions.values()) {
      for (const [name, sub] of s.subs) this.serve(s, name, sub);
    }
    this.svc.pgmap.on_osdmap(osdmap, this.svc.osdmon.mapping, moved, clock.now_ms());
    const [total, up, inn] = [
      osdmap.get_num_osds(),
      osdmap.get_num_up_osds(),
      osdmap.get_num_in_osds(),
    ];
    this.svc.logmon.log("DBG", `osdmap e${osdmap.epoch}: ${total} total, ${up} up, ${inn} in`);
    if (prev.last_up_change !== osdmap.last_up_change) this.check_health();
  }

  private handle_pg_stats(s: MonSession, m: Msg<"pg_stats">): void {
    const { osdmon, pgmap } = this.svc;
    if (!is_up_instance(osdmon.view(), s.sender)) return;
    pgmap.apply_pg_stats(s.sender.osd, m, osdmon.osdmap, this.ports.clock.now_ms());
    if (osdmon.creating.pgs.size === 0) return;
    const active = m.pg_stats.filter((p) => {
      const states = p.state.split("+");
      return states.includes("active") && !states.includes("creating");
    });
    osdmon.note_created(active.map((p) => p.pgid));
  }

  private tick(): void {
    const { osdmon, pgmap } = this.svc;
    osdmon.tick((pool) => ({
      sum: pgmap.sum(pool).stat_sum,
      states: () => pgmap.num_pg_by_state(pool),
    }));
    this.check_health();
  }
  private stats_tick(): void {
    this.svc.pgmap.sample(
      this.ports.clock.mono_ms(),
      this.ports.config.get("mon_stat_smooth_intervals"),
    );
    this.check_health();
  }
  /** Looks at the cluster anew: before `status`, and whenever something may have changed. */
  check_health(): void {
    const { health, osdmon, pgmap } = this.svc;
    health.update(osdmon.osdmap, pgmap);
  }

  private every(option: "mon_tick_interval" | "mgr_stats_period", fn: () => void): void {
    const slot = this.timers.length;
    const arm = () => {
      const ms = this.ports.config.get(option) * 1000;
      this.timers[slot] = this.ports.clock.set_timer(ms, () => {
        if (this.stopped) return;
        arm();
        fn();
      });
    };
    arm();
  }

  private die(error: StoreError): void {
    if (this.stopped) return;
    this.shutdown();
    this.ports.on_fatal(error);
  }
}

function all_pgs(map: OSDMap): pg_t[] {
  return map.pool_ids().flatMap((id) => map.get_pgs(id));
}
