/**
 * createCluster: a whole cluster in memory for the tests of other programs: the daemons' own monitor,
 * OSDs and client, with kills, partitions and time in the hands of the test. See docs/embedding.md.
 */
import type { IoCtx, Rados } from "@tako/client";
import {
  type ConfigValues,
  type entity_name_t,
  InvariantError,
  type MonCommand,
  type OSDMap,
  type pg_t,
} from "@tako/common";
import { why_not_clean } from "../checks.ts";
import { World } from "../World.ts";
import { driven } from "./driven.ts";
import { RealTime } from "./io/RealTime.ts";
import { type Pace, VirtualTime } from "./Pace.ts";

export interface ClusterOptions {
  /** How many OSDs; default 3. */
  readonly osds?: number;
  /** Decides every delay and every random choice; default 1. */
  readonly seed?: number;
  /**
   * `virtual` (default): time goes on only while the program waits for the cluster, from event to
   * event. `real`: with the wall clock, until close().
   */
  readonly time?: "virtual" | "real";
  /** OSDs per host, the failure domain of pools; default 1. */
  readonly osds_per_host?: number;
  /** Options of all daemons by Ceph's names. */
  readonly config?: ConfigValues;
  /** Gets each line of the event log. */
  readonly on_log?: (line: string) => void;
}

/** `mon.a` or `osd.N`; an OSD also by its number. */
export type DaemonName = number | "mon.a" | `osd.${number}`;

/** How long anything may take before its promise rejects, ms of the cluster's time. */
const LIMIT_MS = 600_000;

/** A running cluster, all OSDs up. */
export async function createCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { osds = 3, seed = 1 } = options;
  if (!(Number.isInteger(osds) && osds > 0))
    throw new RangeError(`osds: ${osds} is no number of OSDs`);
  const { osds_per_host, config } = options;
  const world = new World({
    osds,
    seed,
    ...(osds_per_host !== undefined && { osds_per_host }),
    ...(config && { config }),
  });
  if (options.on_log) world.log.on_line = options.on_log;
  await world.start();
  const real = options.time === "real";
  const pace = real ? new RealTime(world.scheduler) : new VirtualTime(world.scheduler);
  const cluster = new Cluster(world, pace);
  await cluster.until(() => world.osdmap.get_up_osds().length === osds, "all OSDs are up");
  return cluster;
}

export class Cluster {
  /** The simulator's side: disks, network, event log. */
  readonly world: World;
  readonly #pace: Pace;
  readonly #clients: Rados[] = [];
  #admin: Promise<Rados> | undefined;

  constructor(world: World, pace: Pace) {
    this.world = world;
    this.#pace = pace;
  }

  // ------------------------------------------------------------ clients

  /** A new connected client. */
  async client(): Promise<Rados> {
    const rados = driven(this.world.client(), (p, what) => this.#drive(p, what));
    this.#clients.push(rados);
    await rados.connect();
    return rados;
  }
  /** Runs a monitor command; its JSON. Rejects with RadosError. */
  async command(cmd: MonCommand): Promise<unknown> {
    this.#admin ??= this.client();
    const { outb } = await (await this.#admin).mon_command(cmd);
    return outb;
  }
  /** Makes a pool (arguments of `osd pool create`) and opens it. */
  async pool(name: string, args: Record<string, unknown> = {}): Promise<IoCtx> {
    this.#admin ??= this.client();
    const admin = await this.#admin;
    await admin.pool_create(name, { pg_num: 8, ...args });
    return admin.open_ioctx(name);
  }
  async #drive<T>(p: Promise<T>, what: string): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    p.then(mark, mark);
    await this.#pace.until(() => settled, what, LIMIT_MS);
    return p;
  }

  // ------------------------------------------------------------ faults

  /** SIGKILL: what was not yet on the disk is lost. */
  kill(who: DaemonName): void {
    if (who === "mon.a") this.world.kill_mon();
    else this.world.kill_osd(this.#osd(who));
  }
  /** Starts what was killed or stopped. */
  start(who: DaemonName): void {
    if (who === "mon.a") this.world.start_mon();
    else this.world.start_osd(this.#osd(who));
  }
  /** SIGTERM of an OSD: it takes its leave first. */
  async stop(who: DaemonName): Promise<void> {
    const id = this.#osd(who);
    const osd = this.world.osd(id);
    if (!osd) return;
    const map = () => this.world.osdmap;
    let stopped = false;
    osd.stop(() => {
      stopped = true;
    });
    await this.until(() => stopped && map().is_down(id), `osd.${id} has stopped`);
    this.world.kill_osd(id);
  }
  /** SIGSTOP of an OSD. */
  pause(who: DaemonName): void {
    this.world.freeze_osd(this.#osd(who));
  }
  /** SIGCONT of an OSD. */
  resume(who: DaemonName): void {
    this.world.thaw_osd(this.#osd(who));
  }
  /** Nothing passes between any of `side` and any of `other`, in both directions. */
  partition(side: readonly DaemonName[], other: readonly DaemonName[]): void {
    for (const a of side) for (const b of other) this.world.net.partition(name_of(a), name_of(b));
  }
  /** Ends all partitions. */
  heal(): void {
    this.world.net.heal_all();
  }
  #osd(who: DaemonName): number {
    const id = typeof who === "number" ? who : Number(who.slice("osd.".length));
    if (who === "mon.a" || !this.world.osd_ids.includes(id)) {
      throw new RangeError(`no osd '${who}' in this cluster`);
    }
    return id;
  }

  // ------------------------------------------------------------ time and state

  /** `ms` of the cluster's time go by. */
  advance(ms: number): Promise<void> {
    return this.#pace.advance(ms);
  }
  /** Rejects when `cond` does not hold within `limit_ms` of the cluster's time. */
  until(cond: () => boolean, what = "condition", limit_ms = LIMIT_MS): Promise<void> {
    return this.#pace.until(cond, what, limit_ms);
  }
  /** All PGs are active+clean. */
  async clean(limit_ms = LIMIT_MS): Promise<void> {
    try {
      await this.until(() => why_not_clean(this.world) === undefined, "active+clean", limit_ms);
    } catch (e) {
      throw new InvariantError(`${(e as Error).message}: ${why_not_clean(this.world)}`);
    }
  }
  /** The cluster's clock, ms since it was made. */
  get now_ms(): number {
    return this.world.scheduler.now_ms;
  }
  /** The monitor's map. */
  get osdmap(): OSDMap {
    return this.world.osdmap;
  }
  /** `active+clean` and so on, by the PG's primary; undefined when it has none. */
  pg_state(pgid: pg_t): string | undefined {
    for (const osd of this.world.running_osds) {
      const pg = osd.pgs.find_primary(pgid);
      if (pg?.is_primary()) return pg.peering.get_pg_state_string();
    }
    return undefined;
  }
  /** Ends everything; a real clock must be stopped so that the program can end. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#clients.map((c) => c.shutdown()));
    this.#pace.stop();
  }
}

function name_of(who: DaemonName): entity_name_t {
  return typeof who === "number" ? `osd.${who}` : who;
}
