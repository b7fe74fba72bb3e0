/**
 * World: a whole cluster in one process on virtual time: the same Monitor, OSD and client classes as
 * in the daemons, with a simulated network, clock and disks. One seed decides everything.
 */

import { Rados } from "@tako/client";
import { type ClientProcess, type FaultWorld, SIM_CONFIG, SimRng } from "@tako/client/chaos";
import {
  Config,
  type ConfigValues,
  type entity_name_t,
  InvariantError,
  type LogLevel,
  type MonTarget,
  type OSDMap,
} from "@tako/common";
import { MemMonStore, Monitor, mkfs } from "@tako/mon";
import { type DiskSnapshot, MemStore, OSD, type PG } from "@tako/osd";
import { why_not_clean } from "./checks.ts";
import { EventLog } from "./EventLog.ts";
import { ProcessClock, Scheduler, Skew } from "./Scheduler.ts";
import { SimMessenger, SimNetwork } from "./SimNetwork.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly osds: number;
  /** Options of all daemons, over the simulator's own defaults. */
  readonly config?: ConfigValues;
  readonly log_level?: LogLevel;
  /** OSDs per simulated host; default 1. */
  readonly osds_per_host?: number;
  /** Of each OSD; default 1. */
  readonly crush_weight?: number;
  readonly min_delay_ms?: number;
  readonly max_delay_ms?: number;
  /** Messages go through the codec. */
  readonly wire?: boolean;
  /** Longest time that a store commit takes, ms. */
  readonly max_commit_ms?: number;
}

export const DISK_BYTES = 1 << 30;
const MON_ADDR = { host: "10.0.0.1", port: 6789 };

interface OsdProcess {
  readonly osd: OSD;
  readonly clock: ProcessClock;
  readonly messenger: SimMessenger;
}
interface OsdHost {
  readonly id: number;
  store: MemStore;
  /** Clock of the disk: outlives the process. */
  readonly disk_clock: ProcessClock;
  proc: OsdProcess | null;
  /** Another process that believes to be this OSD. */
  impostor: OsdProcess | null;
  /** How the clock of this machine goes. */
  readonly skew: Skew;
  starts: number;
  /** Newest map that it had when it died. */
  newest_map: number;
}

export class World implements FaultWorld {
  readonly scheduler = new Scheduler();
  readonly log: EventLog;
  readonly net: SimNetwork;
  readonly rng: SimRng;
  readonly config: ConfigValues;
  readonly options: WorldOptions;
  /** Told of each PG that an event reaches. */
  on_pg_turn: ((pg: PG) => void) | null = null;
  #operator: Rados | undefined;
  readonly #pg_watchers = new Set<(pg: PG) => void>();
  readonly #osds = new Map<number, OsdHost>();
  #running: OSD[] = [];
  readonly #disk_rng: SimRng;
  #mon_store: MemMonStore;
  #mon: { monitor: Monitor; clock: ProcessClock; messenger: SimMessenger } | null = null;
  readonly #mon_skew = new Skew();
  #clients = 0;
  /** Of those that live. */
  #client_names: entity_name_t[] = [];
  readonly #operators = new Set<string>();
  /** The monitor begins to write a batch, which takes so long. */
  on_mon_commit: ((ms: number) => void) | null = null;
  #starts = 0;

  constructor(options: WorldOptions) {
    this.options = options;
    this.config = { ...SIM_CONFIG, ...options.config };
    this.rng = new SimRng(options.seed);
    this.#disk_rng = new SimRng(options.seed, 1);
    this.log = new EventLog(this.scheduler);
    this.net = new SimNetwork(this.scheduler, new SimRng(options.seed, 2), {
      min_delay_ms: options.min_delay_ms ?? 0.1,
      max_delay_ms: options.max_delay_ms ?? 2,
      wire: options.wire ?? false,
    });
    this.#mon_store = new MemMonStore(this.#daemon_clock(), () => {
      const ms = this.#commit_ms();
      this.on_mon_commit?.(ms);
      return ms;
    });
  }
  #commit_ms(): number {
    return this.#disk_rng.between(0.05, this.options.max_commit_ms ?? 2);
  }
  #daemon_clock(skew = new Skew()): ProcessClock {
    return new ProcessClock(this.scheduler, skew, true);
  }
  #daemon_config(): Config {
    return new Config(this.config);
  }
  #next_stream(): number {
    return 1000 + this.#starts++;
  }

  // ------------------------------------------------------------ monitor

  async start(): Promise<void> {
    const fsid = "7a6b0000-0000-4000-8000-000000000001";
    const now_ms = new ProcessClock(this.scheduler).now_ms();
    let made = false;
    mkfs(this.#mon_store, { fsid, now_ms, config: this.#daemon_config() }, () => {
      made = true;
    });
    await this.until(() => made, "mkfs");
    this.start_mon();
    for (let id = 0; id < this.options.osds; id++) this.add_osd(id);
  }
  start_mon(): void {
    if (this.#mon) return;
    const clock = this.#daemon_clock(this.#mon_skew);
    const rng = new SimRng(this.options.seed, this.#next_stream());
    const messenger = new SimMessenger(this.net, rng, "mon.a", MON_ADDR);
    const monitor = new Monitor("a", {
      store: this.#mon_store,
      messenger,
      clock,
      rng,
      log: this.log.log_of("mon.a", this.options.log_level ?? "info"),
      config: this.#daemon_config(),
      on_fatal: (error) => {
        throw error;
      },
    });
    this.#mon = { monitor, clock, messenger };
    this.log.add("sim", "start mon.a");
    monitor.init();
  }
  kill_mon(): void {
    if (!this.#mon) return;
    this.log.add("sim", "kill mon.a");
    this.#mon.clock.kill();
    this.#mon.messenger.kill();
    // What was being written may or may not have reached the disk.
    this.#mon_store.crash(this.rng.int(this.#mon_store.num_in_flight + 1));
    this.#mon = null;
  }
  /** SIGSTOP */
  freeze_mon(): void {
    if (!this.#mon) return;
    this.log.add("sim", "freeze mon.a");
    this.#mon.clock.freeze();
    this.#mon.messenger.frozen = true;
  }
  /** SIGCONT */
  thaw_mon(): void {
    if (!this.#mon?.messenger.frozen) return;
    this.log.add("sim", "thaw mon.a");
    this.#mon.messenger.frozen = false;
    this.#mon.clock.thaw();
    this.net.unstall();
  }
  get mon_frozen(): boolean {
    return this.#mon?.messenger.frozen === true;
  }
  get mon(): Monitor {
    if (!this.#mon) throw new InvariantError("mon.a is not running");
    return this.#mon.monitor;
  }
  get mon_running(): boolean {
    return this.#mon !== null;
  }
  get osdmap(): OSDMap {
    return this.mon.osdmap;
  }

  // ------------------------------------------------------------ OSDs

  add_osd(id: number): void {
    const disk_clock = this.#daemon_clock();
    const store = this.#new_disk(id, disk_clock, 0);
    const skew = new Skew();
    const host = { id, store, disk_clock, proc: null, impostor: null, skew };
    this.#osds.set(id, { ...host, starts: 0, newest_map: 0 });
    this.start_osd(id);
  }
  #new_disk(id: number, clock: ProcessClock, generation: number): MemStore {
    const store = new MemStore({
      clock,
      commit_latency_ms: this.#commit_ms(),
      capacity_bytes: DISK_BYTES,
    });
    store.mkfs_now(disk_uuid(id, generation));
    return store;
  }
  /** The OSD, which must be dead, gets an empty disk under its old id; returns the disk's uuid. */
  replace_disk(id: number): string {
    const h = this.#host(id);
    if (h.proc) throw new InvariantError(`osd.${id} is running`);
    this.log.add("sim", `new disk for osd.${id}`);
    h.store = this.#new_disk(id, h.disk_clock, h.starts);
    return disk_uuid(id, h.starts);
  }
  /** SIGSTOP: lives on without doing anything. */
  freeze_osd(id: number): void {
    const { disk_clock, proc } = this.#host(id);
    if (!proc) return;
    this.log.add("sim", `freeze osd.${id}`);
    disk_clock.freeze();
    proc.clock.freeze();
    proc.messenger.frozen = true;
  }
  /** SIGCONT */
  thaw_osd(id: number): void {
    const { disk_clock, proc } = this.#host(id);
    if (!proc?.messenger.frozen) return;
    this.log.add("sim", `thaw osd.${id}`);
    proc.messenger.frozen = false;
    disk_clock.thaw();
    proc.clock.thaw();
    this.net.unstall();
  }
  start_osd(id: number): void {
    const h = this.#host(id);
    if (h.proc) return;
    h.store.mount_now();
    h.starts++;
    this.log.add("sim", `start osd.${id}`);
    h.proc = this.#make_process(h, h.store, `10.0.1.${id}`, (reason) => {
      this.log.add("sim", `osd.${id} must stop: ${reason}`);
      this.kill_osd(id);
    });
    this.#note_running();
    h.proc.osd.init();
  }
  #make_process(
    { id, skew }: OsdHost,
    store: MemStore,
    ip: string,
    on_must_stop: (reason: string) => void,
  ): OsdProcess {
    const clock = this.#daemon_clock(skew);
    const rng = new SimRng(this.options.seed, this.#next_stream());
    const name: entity_name_t = `osd.${id}`;
    const messenger = new SimMessenger(this.net, rng, name, { host: ip, port: 6800 });
    const host = this.host_of(id);
    const osd = new OSD({
      whoami: id,
      store,
      messenger,
      clock,
      rng,
      log: this.log.log_of(name, this.options.log_level ?? "info"),
      config: this.#daemon_config(),
      mons: [this.#mon_target()],
      identity: {
        metadata: { hostname: host, osd_objectstore: "mem" },
        crush_weight: this.options.crush_weight ?? 1,
        crush_location: { root: "default", host },
        device_class: "ssd",
      },
      set_log_level: () => {},
      version: "sim",
      on_must_stop,
      on_pg_turn: (pg) => this.#pg_turn(pg),
    });
    messenger.set_dispatcher(osd);
    // After a failed write a daemon stops.
    store.set_on_fatal((e) => on_must_stop(e.message));
    return { osd, clock, messenger };
  }
  #pg_turn(pg: PG): void {
    this.on_pg_turn?.(pg);
    for (const watcher of this.#pg_watchers) watcher(pg);
  }
  /** `watcher` is shown each PG that an event has reached. Returns what ends that. */
  watch_pgs(watcher: (pg: PG) => void): () => void {
    this.#pg_watchers.add(watcher);
    return () => this.#pg_watchers.delete(watcher);
  }
  /** A second process with this id, on an empty disk and another machine. */
  start_impostor(id: number): void {
    const h = this.#host(id);
    if (h.impostor) return;
    this.log.add("sim", `start another osd.${id}`);
    const store = this.#new_disk(id, this.#daemon_clock(), 9000 + h.starts);
    store.mount_now();
    h.impostor = this.#make_process(h, store, `10.0.2.${id}`, () => this.kill_impostor(id));
    h.impostor.osd.init();
  }
  kill_impostor(id: number): void {
    const h = this.#host(id);
    if (!h.impostor) return;
    this.log.add("sim", `kill the other osd.${id}`);
    if (h.impostor.osd.boot.state === "active") {
      throw new InvariantError(`osd.${id} was let in with the disk of a stranger`);
    }
    h.impostor.clock.kill();
    h.impostor.messenger.kill();
    h.impostor = null;
  }
  #mon_target(): MonTarget {
    return { name: "mon.a", addr: { ...MON_ADDR, nonce: 0 } };
  }
  /**
   * SIGKILL: nothing is said, un-synced writes are lost. `synced`: what was on its way to the disk has
   * got there, and nobody was told.
   */
  kill_osd(id: number, synced = false): void {
    const h = this.#host(id);
    if (!h.proc) return;
    this.log.add("sim", `kill osd.${id}${synced ? ", its last write is on the disk" : ""}`);
    h.newest_map = h.proc.osd.superblock.newest_map;
    h.proc.clock.kill();
    h.proc.messenger.kill();
    h.store.crash(synced ? "synced" : "lost");
    h.disk_clock.thaw();
    h.proc = null;
    this.#note_running();
  }
  /** SIGTERM: marks itself down first. Resolves when the process has ended. */
  async stop_osd(id: number): Promise<void> {
    const { proc } = this.#host(id);
    if (!proc) return;
    let stopped = false;
    this.begin_stop_osd(id, () => {
      stopped = true;
    });
    await this.until(() => stopped || this.#host(id).proc !== proc, `osd.${id} stopped`);
    this.#ended(id, proc);
  }
  /** The same without waiting; `done` when there is nothing more to do. */
  begin_stop_osd(id: number, done?: () => void): void {
    const { proc } = this.#host(id);
    if (!proc) return;
    this.log.add("sim", `stop osd.${id}`);
    proc.osd.stop(done ?? (() => this.scheduler.schedule(0, () => this.#ended(id, proc))));
  }
  #ended(id: number, proc: OsdProcess): void {
    const h = this.#host(id);
    if (h.proc !== proc) return;
    proc.clock.kill();
    proc.messenger.kill();
    h.store.umount_now();
    h.proc = null;
    this.#note_running();
  }
  /** What is on its disk, as of now. */
  snapshot_disk(id: number): DiskSnapshot {
    return this.#host(id).store.snapshot();
  }
  /** The OSD, which must be dead, gets back what its disk held then. */
  restore_disk(id: number, snapshot: DiskSnapshot): void {
    const h = this.#host(id);
    if (h.proc) throw new InvariantError(`osd.${id} is running`);
    this.log.add("sim", `old disk for osd.${id}`);
    h.store.restore(snapshot);
  }
  host_of(id: number): string {
    return `host${Math.floor(id / (this.options.osds_per_host ?? 1))}`;
  }
  skew_of(who: number | "mon.a"): Skew {
    return who === "mon.a" ? this.#mon_skew : this.#host(who).skew;
  }
  is_frozen(id: number): boolean {
    return this.#host(id).proc?.messenger.frozen === true;
  }
  #host(id: number): OsdHost {
    const h = this.#osds.get(id);
    if (!h) throw new InvariantError(`no osd.${id} in this world`);
    return h;
  }
  osd(id: number): OSD | undefined {
    return this.#host(id).proc?.osd;
  }
  /** Of an OSD, also one that is dead: the newest map on its disk. */
  newest_map_of(id: number): number {
    const osd = this.osd(id);
    if (osd) return osd.superblock.newest_map;
    return this.#host(id).newest_map;
  }
  store(id: number): MemStore {
    return this.#host(id).store;
  }
  get osd_ids(): number[] {
    return [...this.#osds.keys()];
  }
  get running_osds(): readonly OSD[] {
    return this.#running;
  }
  #note_running(): void {
    this.#running = [...this.#osds.values()].flatMap((h) => (h.proc ? [h.proc.osd] : []));
  }

  // ------------------------------------------------------------ clients

  /** Of him who gives orders to this cluster, and writes objects of his own. */
  get operator(): Rados {
    this.#operator ??= this.client();
    return this.#operator;
  }
  /** An operator's, or a test's: there to the end. */
  client(): Rados {
    const { name, rados } = this.spawn_client();
    this.#operators.add(name);
    return rados;
  }
  /** A client process of its own, which can be killed. */
  spawn_client(): ClientProcess {
    const clock = new ProcessClock(this.scheduler);
    const rng = new SimRng(this.options.seed, this.#next_stream());
    const name: entity_name_t = `client.${++this.#clients}`;
    this.#client_names.push(name);
    const messenger = new SimMessenger(this.net, rng, name, null);
    const rados = new Rados({
      messenger,
      clock,
      rng,
      log: this.log.log_of(name, "warn"),
      config: this.#daemon_config(),
      mons: [this.#mon_target()],
    });
    const kill = () => {
      this.log.add("sim", `kill ${name}`);
      clock.kill();
      messenger.kill();
      this.#client_names = this.#client_names.filter((n) => n !== name);
    };
    return { name, rados, kill };
  }

  get client_names(): readonly entity_name_t[] {
    return this.#client_names;
  }
  /** Those of the load. */
  get user_names(): readonly entity_name_t[] {
    return this.#client_names.filter((c) => !this.#operators.has(c));
  }

  // ------------------------------------------------------------ for faults

  get is_clean(): boolean {
    return why_not_clean(this) === undefined;
  }
  get is_idle(): boolean {
    return this.running_osds.every((osd) => osd.service.op_tracker.num_in_flight === 0);
  }
  after(ms: number, fn: () => void): void {
    this.scheduler.schedule(ms, fn);
  }
  note(text: string): void {
    this.log.add("sim", text);
  }

  // ------------------------------------------------------------ time

  /**
   * Runs until `cond` holds. InvariantError after `limit_ms` of virtual time: what the cluster was
   * supposed to do did not happen.
   */
  async until(cond: () => boolean, what: string, limit_ms = 120_000): Promise<void> {
    const deadline = this.scheduler.now_ms + limit_ms;
    while (!cond()) {
      if (!this.scheduler.step(deadline)) {
        // Promises of clients may have more to do before the next event is known.
        await settle();
        if (cond()) return;
        if (this.scheduler.step(deadline)) continue;
        throw new InvariantError(`not within ${limit_ms} ms: ${what}`);
      }
      // Client code runs on promises: let it react before time goes on.
      if (!this.scheduler.daemons_only) await settle();
    }
  }
  /** One event, and what client code does because of it. */
  async until_event(): Promise<void> {
    await settle();
    this.scheduler.step();
    await settle();
  }
  async run_for(ms: number): Promise<void> {
    const end = this.scheduler.now_ms + ms;
    while (this.scheduler.step(end)) if (!this.scheduler.daemons_only) await settle();
    this.scheduler.run_until(end);
  }
  /** Runs until `p` settles, in virtual time. */
  async done<T>(p: Promise<T>, what = "operation", limit_ms = 120_000): Promise<T> {
    let settled = false;
    const watched = p.then(
      (v) => {
        settled = true;
        return v;
      },
      (e: unknown) => {
        settled = true;
        throw e;
      },
    );
    watched.catch(() => {});
    await this.until(() => settled, what, limit_ms);
    return watched;
  }
}

function disk_uuid(id: number, generation: number): string {
  const g = String(generation).padStart(4, "0");
  return `00000000-${g}-4000-8000-${String(id).padStart(12, "0")}`;
}

/** Longer than any chain of reactions from an answer to the next operation of a client. */
const REACTIONS = 12;
const NOW = Promise.resolve();
/**
 * Lets promise reactions run: they are part of the event that settled the promise. Called ten
 * thousand times in a run: as a chain of one function, it makes half of what awaiting leaves behind.
 */
function settle(): Promise<void> {
  let left = REACTIONS;
  return new Promise((resolve) => {
    const turn = () => {
      if (--left === 0) resolve();
      else void NOW.then(turn);
    };
    void NOW.then(turn);
  });
}
