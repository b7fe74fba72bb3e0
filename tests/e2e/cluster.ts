/**
 * A cluster of real processes for one test: a monitor and OSDs in a temporary directory, on ports
 * of their own, with their logs read line by line. Whatever the test does, nothing outlives it.
 * E2E_LOGS=<directory> keeps the whole logs there.
 * Waiting is always for a condition; the deadlines only bound how long a failure takes.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Rados } from "@tako/client";
import { open_rados } from "@tako/client/io";
import { onTestFinished } from "vitest";
import { Daemon } from "./daemon.ts";
import { PATIENCE_MS, until } from "./until.ts";

export interface ClusterOptions {
  readonly osds?: number;
  /** Over the options that every test cluster has; by Ceph's names. */
  readonly conf?: Readonly<Record<string, string | number | boolean>>;
}

/** One host, quick to notice; patient enough for a machine that is busy with other things. */
const CONF = {
  osd_crush_chooseleaf_type: 0,
  mon_osd_min_down_reporters: 1,
  mon_osd_reporter_subtree_level: "osd",
  mon_allow_pool_delete: true,
  osd_heartbeat_interval: 0.5,
  osd_heartbeat_grace: 8,
  osd_store_size: 2 ** 30,
  mgr_stats_period: 0.5,
} as const;

/** What `status` says, as far as the tests ask. */
export interface Status {
  readonly fsid: string;
  readonly osdmap: { epoch: number; num_osds: number; num_up_osds: number };
  readonly pgmap: { num_pgs: number; pgs_by_state?: { state_name: string; count: number }[] };
}
export interface PgStat {
  readonly pgid: string;
  readonly state: string;
  readonly reported_epoch: number;
  readonly acting: number[];
  readonly last_deep_scrub_stamp: string;
}

export class Cluster {
  readonly dir: string;
  readonly conf: string;
  readonly mon: Daemon;
  readonly osds: readonly Daemon[];
  readonly #open: Rados[] = [];

  private constructor(dir: string, ports: readonly number[], o: ClusterOptions) {
    const [mon_port = 0, ...osd_ports] = ports;
    this.dir = dir;
    this.conf = join(dir, "tako.conf");
    const options = { ...CONF, mon_host: `127.0.0.1:${mon_port}`, ...o.conf };
    const lines = Object.entries(options).map(([k, v]) => `${k} = ${v}\n`);
    writeFileSync(this.conf, `[global]\n${lines.join("")}`);
    const daemon = (service: "mon" | "osd", id: string, port: number) =>
      new Daemon({ service, id, port, data: join(dir, `${service}.${id}`), conf: this.conf });
    this.mon = daemon("mon", "a", mon_port);
    this.osds = osd_ports.map((port, i) => daemon("osd", String(i), port));
  }

  /** Prepares a cluster that is destroyed when the running test ends. Starts nothing. */
  static async prepare(o: ClusterOptions = {}): Promise<Cluster> {
    const dir = mkdtempSync(join(tmpdir(), "tako-e2e-"));
    const c = new Cluster(dir, await free_ports(1 + (o.osds ?? 3)), o);
    onTestFinished(async ({ task }) => {
      const keep = process.env.E2E_LOGS;
      const name = task.name.replace(/\W+/g, "_").slice(0, 40);
      if (keep !== undefined) for (const d of c.daemons) d.save(join(keep, name));
      if (task.result?.state === "fail")
        for (const d of c.daemons) process.stderr.write(d.report());
      await c.#destroy();
    });
    return c;
  }
  /** A cluster whose daemons all run; it need not be up yet. */
  static async start(o: ClusterOptions = {}): Promise<Cluster> {
    const c = await Cluster.prepare(o);
    for (const d of c.daemons) d.start();
    return c;
  }

  get daemons(): readonly Daemon[] {
    return [this.mon, ...this.osds];
  }
  osd(id: number): Daemon {
    const d = this.osds[id];
    if (d === undefined) throw new Error(`this cluster has no osd.${id}`);
    return d;
  }
  async #destroy(): Promise<void> {
    for (const d of this.daemons) d.kill("SIGKILL");
    await Promise.all(this.#open.map((r) => r.shutdown()));
    await Promise.all(this.daemons.map((d) => d.exited()));
    rmSync(this.dir, { recursive: true, force: true });
  }

  // ------------------------------------------------------------ talking to it

  /** A connected client; closed with the cluster. */
  async rados(): Promise<Rados> {
    const rados = await open_rados({ conf: this.conf });
    this.#open.push(rados);
    await rados.connect({ timeout_ms: PATIENCE_MS });
    return rados;
  }
  async pool(rados: Rados, name: string, args: Record<string, unknown> = {}): Promise<void> {
    await rados.pool_create(name, { pg_num: 32, ...args });
    await rados.mon_command({ prefix: "osd pool application enable", pool: name, app: "rados" });
  }

  /** Waits until the OSDs are up and every PG has reported active+clean since they came up. */
  async clean(rados: Rados, up: number = this.osds.length): Promise<void> {
    await until(`${up} OSDs up`, async () => (await status(rados)).osdmap.num_up_osds >= up);
    const { epoch } = (await status(rados)).osdmap;
    await this.clean_since(rados, epoch);
  }
  /** Waits until every PG is active+clean, as reported in this epoch or later. */
  async clean_since(rados: Rados, epoch: number): Promise<void> {
    let bad: PgStat[] = [];
    await until(
      () => `active+clean at ${epoch}: ${bad.map((p) => `${p.pgid} ${p.state}`).join(", ")}`,
      async () => {
        const [{ pgmap }, pgs] = [await status(rados), await pg_stats(rados)];
        bad = pgs.filter((p) => p.state !== "active+clean" || p.reported_epoch < epoch);
        return bad.length === 0 && pgs.length === pgmap.num_pgs && pgs.length > 0;
      },
    );
  }
  /** Waits until the map has that OSD up or down; the epoch in which it is. */
  async seen(rados: Rados, osd: number, how: "up" | "down"): Promise<number> {
    let epoch = 0;
    await until(`osd.${osd} ${how}`, async () => {
      const d = await osd_dump(rados);
      epoch = d.epoch;
      return d.osds.some((o) => o.osd === osd && (o.up === 1) === (how === "up"));
    });
    return epoch;
  }
}

// ------------------------------------------------------------ questions to the monitor

export async function status(rados: Rados): Promise<Status> {
  return (await rados.mon_command({ prefix: "status" })).outb as Status;
}
export async function osd_dump(
  rados: Rados,
  epoch?: number,
): Promise<{
  epoch: number;
  osds: { osd: number; up: number; up_from: number; public_addr: string }[];
}> {
  const cmd = { prefix: "osd dump", ...(epoch === undefined ? {} : { epoch }) };
  return (await rados.mon_command(cmd)).outb as Awaited<ReturnType<typeof osd_dump>>;
}
export async function pg_stats(rados: Rados): Promise<PgStat[]> {
  const { outb } = await rados.mon_command({ prefix: "pg dump" });
  return (outb as { pg_map: { pg_stats: PgStat[] } }).pg_map.pg_stats;
}

/** Ports that nobody listens on, below those that the system gives to outgoing connections. */
export async function free_ports(n: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < n) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const s = createServer();
    const free = await new Promise<boolean>((ok) => {
      s.once("error", () => ok(false));
      s.listen(port, "127.0.0.1", () => ok(true));
    });
    if (free) {
      await new Promise((ok) => s.close(ok));
      found.add(port);
    }
  }
  return [...found];
}
