/** Starting, stopping and breaking a local cluster. What `tako cluster ...` does. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { CommandError } from "@tako/common";
import { type GlobalOptions, type Session, say, with_rados } from "../cli_context.ts";
import { Fields } from "../render/Fields.ts";
import { type ClusterDir, type ClusterFile, type DaemonEntry, free_ports } from "./ClusterDir.ts";
import { default_conf } from "./conf.ts";
import { is_running, last_words, signal_daemon, start_daemon, wait_gone } from "./processes.ts";

export interface StartOptions {
  readonly osds: number;
  readonly store: "level" | "mem";
  /** Pool to create when the cluster has none of that name. */
  readonly pool?: string;
  readonly pg_num: number;
  /** Seconds to wait for everything to work. */
  readonly timeout_s: number;
}

const POLL_MS = 50;
const STOP_MS = 10_000;
const START_S = 20;

/** Makes the directory on the first call, starts what is not running, waits until it works. */
export async function start_cluster(
  dir: ClusterDir,
  o: StartOptions,
  g: GlobalOptions,
): Promise<void> {
  const c = dir.exists ? dir.read() : await create_cluster(dir, o);
  if (c.store !== o.store) say(`this cluster keeps its data in: ${c.store} (not ${o.store})`);
  const osds = c.daemons.filter((d) => d.name.startsWith("osd.")).length;
  if (osds < o.osds) await add_osds(dir, c, o.osds - osds);
  const started: DaemonEntry[] = [];
  for (const d of dir.read().daemons) {
    if (is_running(d)) continue;
    start_daemon(dir, d, c.store);
    started.push(dir.daemon(d.name));
  }
  await wait_ready(dir, started, o, g);
}

async function create_cluster(dir: ClusterDir, o: StartOptions): Promise<ClusterFile> {
  mkdirSync(dir.path, { recursive: true });
  const ports = await free_ports(1 + o.osds);
  const daemons: DaemonEntry[] = [{ name: "mon.a", port: ports[0] as number, pid: 0 }];
  for (let i = 0; i < o.osds; i++) {
    daemons.push({ name: `osd.${i}`, port: ports[i + 1] as number, pid: 0 });
  }
  if (!existsSync(dir.conf)) writeFileSync(dir.conf, default_conf(ports[0] as number));
  const c: ClusterFile = { format: 1, store: o.store, daemons };
  dir.write(c);
  return c;
}
async function add_osds(dir: ClusterDir, c: ClusterFile, n: number): Promise<void> {
  const ports = await free_ports(n);
  let id = Math.max(-1, ...c.daemons.map((d) => Number(d.name.slice(4))).filter(Number.isInteger));
  for (const port of ports) c.daemons.push({ name: `osd.${++id}`, port, pid: 0 });
  dir.write(c);
}

async function wait_ready(
  dir: ClusterDir,
  started: readonly DaemonEntry[],
  o: StartOptions,
  g: GlobalOptions,
): Promise<void> {
  const deadline = Date.now() + o.timeout_s * 1000;
  const check = () => check_alive(dir, started);
  await sleep(POLL_MS);
  check();
  await with_rados({ ...g, conf: dir.conf, connectTimeout: o.timeout_s }, async (rados) => {
    const want = dir.read().daemons.filter((d) => d.name.startsWith("osd.")).length;
    await poll(rados, deadline, check, "OSDs are up", (s) => s.up >= want);
    if (o.pool !== undefined && rados.pool_lookup(o.pool) === undefined) {
      await rados.pool_create(o.pool, { pg_num: o.pg_num });
      const app = { prefix: "osd pool application enable", pool: o.pool, app: "rados" };
      await rados.mon_command(app);
    }
    await poll(rados, deadline, check, "PGs are active+clean", (s) => s.clean);
  });
}

/** A daemon that ends soon after its start says why in its log. */
function check_alive(dir: ClusterDir, started: readonly DaemonEntry[]): void {
  const dead = started.find((d) => !is_running(d));
  if (!dead) return;
  const why = last_words(dir, dead.name);
  const log = dir.log(dead.name);
  throw new CommandError("EIO", `${dead.name} ended by itself: ${why} (its log is ${log})`);
}

interface Progress {
  readonly up: number;
  readonly clean: boolean;
  readonly text: string;
}
async function poll(
  rados: Session,
  deadline: number,
  check: () => void,
  what: string,
  holds: (p: Progress) => boolean,
): Promise<void> {
  for (;;) {
    check();
    const p = await progress_of(rados);
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${p.text}`);
    if (holds(p)) {
      if (process.stderr.isTTY) process.stderr.write("\r\x1b[2K");
      return;
    }
    if (Date.now() > deadline)
      throw new CommandError("ETIMEDOUT", `not in time: ${what} (${p.text})`);
    await sleep(POLL_MS);
  }
}
async function progress_of(rados: Session): Promise<Progress> {
  const { outb } = await rados.mon_command({ prefix: "status" });
  const s = outb as {
    osdmap: { num_up_osds: number; num_osds: number };
    pgmap: { num_pgs: number; pgs_by_state?: { state_name: string; count: number }[] };
  };
  const states = s.pgmap.pgs_by_state ?? [];
  const clean = states.filter((x) => x.state_name === "active+clean");
  const n = clean.reduce((sum, x) => sum + x.count, 0);
  const up = s.osdmap.num_up_osds;
  const text = [
    `${up} of ${s.osdmap.num_osds} OSDs up`,
    ...states.map((x) => `${x.count} ${x.state_name}`),
  ].join(", ");
  return { up, clean: n === s.pgmap.num_pgs, text };
}

/** SIGTERM to all, OSDs first so that the monitor hears their goodbye; SIGKILL to who stays. */
export async function stop_cluster(dir: ClusterDir): Promise<string[]> {
  const { daemons } = dir.read();
  const running = daemons.filter(is_running);
  const phases = ["osd.", "mon."].map((p) => running.filter((d) => d.name.startsWith(p)));
  for (const phase of phases) {
    for (const d of phase) signal_daemon(d, "SIGTERM");
    for (const d of phase) {
      if (await wait_gone(d, STOP_MS)) continue;
      say(`${d.name} does not stop: killing it`);
      signal_daemon(d, "SIGKILL");
      await wait_gone(d, 5000);
    }
  }
  return running.map((d) => d.name);
}

/** Starts a daemon again (after stopping it when it runs) and waits until it serves. */
export async function restart_daemon(
  dir: ClusterDir,
  name: string,
  g: GlobalOptions,
): Promise<void> {
  const d = dir.daemon(name);
  if (is_running(d)) {
    signal_daemon(d, "SIGTERM");
    if (!(await wait_gone(d, STOP_MS))) throw new CommandError("EBUSY", `${name} does not stop`);
  }
  start_daemon(dir, d, dir.read().store);
  const started = dir.daemon(name);
  await sleep(POLL_MS);
  check_alive(dir, [started]);
  // Without a monitor an OSD waits for one; it is started all the same.
  const mons = dir.read().daemons.filter((x) => x.name.startsWith("mon."));
  if (!mons.some(is_running)) return;
  const o = { ...g, conf: dir.conf, connectTimeout: START_S };
  await with_rados(o, async (session) => {
    if (d.name.startsWith("osd.")) await wait_boot(dir, started, session);
  });
}

/** Until the map says that the OSD is up, where this very process listens. */
async function wait_boot(dir: ClusterDir, d: DaemonEntry, session: Session): Promise<void> {
  const deadline = Date.now() + START_S * 1000;
  const state = async () => {
    try {
      const status = await session.osd_command(Number(d.name.slice(4)), STATUS, {
        timeout_ms: 1000,
      });
      return new Fields(status.outb).text("state");
    } catch {
      return "not up";
    }
  };
  for (let s = await state(); s !== "active"; s = await state()) {
    check_alive(dir, [d]);
    if (Date.now() > deadline) {
      throw new CommandError("ETIMEDOUT", `${d.name} runs but is not up yet (${s})`);
    }
    await sleep(POLL_MS);
  }
}
const STATUS = { prefix: "status" };
