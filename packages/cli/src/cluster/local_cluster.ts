/** Starting, stopping and breaking a local cluster. What `tako cluster ...` does. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { CommandError } from "@tako/common";
import { type GlobalOptions, say, with_rados } from "../cli_context.ts";
import { type ClusterDir, type ClusterFile, type DaemonEntry, free_ports } from "./ClusterDir.ts";
import { default_conf, mon_line } from "./conf.ts";
import { is_running, signal_daemon, start_daemon, wait_gone } from "./processes.ts";
import { wait_ready, wait_serving } from "./readiness.ts";

export interface StartOptions {
  /** At least so many; default 3 of a new cluster, what there is of another. */
  readonly osds?: number;
  /** Of a new cluster; default level. */
  readonly store?: "level" | "mem";
  /** Pool to create when the cluster has none of that name. */
  readonly pool?: string;
  readonly pg_num: number;
  /** Seconds to wait for everything to work. */
  readonly timeout_s: number;
}

const NEW_CLUSTER_OSDS = 3;
const STOP_MS = 10_000;
const KILL_MS = 5000;

/** Makes the directory on the first call, starts what is not running, waits until it works. */
export async function start_cluster(
  dir: ClusterDir,
  o: StartOptions,
  g: GlobalOptions,
): Promise<void> {
  const c = dir.exists ? dir.read() : await create_cluster(dir, o);
  if (o.store !== undefined && c.store !== o.store) {
    say(`this cluster keeps its data in: ${c.store} (not ${o.store})`);
  }
  const osds = c.daemons.filter((d) => d.name.startsWith("osd.")).length;
  const missing = (o.osds ?? osds) - osds;
  if (missing > 0) await add_osds(dir, c, missing);
  const stopped = dir.read().daemons.filter((d) => !is_running(d));
  await wait_ready(dir, await launch(dir, stopped, g), o, g);
}

/** Starts daemons again, after stopping those that run, and waits until they serve. */
export async function restart_daemons(
  dir: ClusterDir,
  daemons: readonly DaemonEntry[],
  g: GlobalOptions,
): Promise<void> {
  await stop_daemons(daemons);
  await wait_serving(dir, await launch(dir, daemons, g), g);
}

/** Starts processes: monitors, then OSDs. Does not wait until they work. */
async function launch(
  dir: ClusterDir,
  daemons: readonly DaemonEntry[],
  g: GlobalOptions,
): Promise<DaemonEntry[]> {
  const { store, daemons: all } = dir.read();
  const mons = daemons.filter((d) => d.name.startsWith("mon."));
  const osds = daemons.filter((d) => d.name.startsWith("osd."));
  const begins_empty = store === "mem" && !all.some(is_running);
  if (begins_empty && all.some((d) => d.pid > 0)) {
    say("what was in memory went with its daemons: starting empty");
    rmSync(dir.data_dir, { recursive: true, force: true });
  }
  for (const d of mons) start_daemon(dir, d, store);
  if (store === "mem" && !begins_empty) await forget(dir, osds, g);
  for (const d of osds) start_daemon(dir, d, store);
  return [...mons, ...osds].map((d) => dir.daemon(d.name));
}

/**
 * An OSD that kept its data in memory comes back as another one under the same number, as after the
 * replacement of a disk: the monitor must forget the old one first.
 */
async function forget(
  dir: ClusterDir,
  osds: readonly DaemonEntry[],
  g: GlobalOptions,
): Promise<void> {
  const before = osds.filter((d) => d.pid > 0).map((d) => Number(d.name.slice(4)));
  if (before.length === 0) return;
  await with_rados({ ...g, conf: dir.conf }, async (session) => {
    const { outb } = await session.mon_command({ prefix: "osd ls" });
    const ids = before.filter((id) => Array.isArray(outb) && outb.includes(id)).map(String);
    if (ids.length === 0) return;
    await session.mon_command({ prefix: "osd down", ids });
    await session.mon_command({ prefix: "osd rm", ids });
  });
}

/** The directory of a new cluster with its description and configuration; nothing is started. */
export async function create_cluster(dir: ClusterDir, o: StartOptions): Promise<ClusterFile> {
  mkdirSync(dir.path, { recursive: true });
  const osds = o.osds ?? NEW_CLUSTER_OSDS;
  const ports = await free_ports(1 + osds);
  const daemons: DaemonEntry[] = [{ name: "mon.a", port: ports[0] ?? 0, pid: 0 }];
  for (let i = 0; i < osds; i++) {
    daemons.push({ name: `osd.${i}`, port: ports[i + 1] ?? 0, pid: 0 });
  }
  write_conf(dir, ports[0] ?? 0);
  const c: ClusterFile = { format: 1, store: o.store ?? "level", daemons };
  dir.write(c);
  return c;
}
async function add_osds(dir: ClusterDir, c: ClusterFile, n: number): Promise<void> {
  const ports = await free_ports(n);
  let id = Math.max(-1, ...c.daemons.map((d) => Number(d.name.slice(4))).filter(Number.isInteger));
  for (const port of ports) c.daemons.push({ name: `osd.${++id}`, port, pid: 0 });
  dir.write(c);
}
/** Somebody may have written options there already: they stay. */
function write_conf(dir: ClusterDir, mon_port: number): void {
  const old = existsSync(dir.conf) ? readFileSync(dir.conf, "utf8") : "";
  if (/^\s*mon[_ -]host\s*=/m.test(old)) {
    const why = "a new cluster writes that itself: remove the line or the file";
    throw new CommandError("EEXIST", `${dir.conf} names a monitor (mon_host); ${why}`);
  }
  const text = old === "" ? default_conf(mon_port) : `${old.trimEnd()}\n\n${mon_line(mon_port)}`;
  writeFileSync(dir.conf, text);
}

/** SIGTERM to all that run, OSDs first so that the monitor hears their goodbye. */
export async function stop_cluster(dir: ClusterDir): Promise<string[]> {
  const running = dir.read().daemons.filter(is_running);
  await stop_daemons(running);
  return running.map((d) => d.name);
}
async function stop_daemons(daemons: readonly DaemonEntry[]): Promise<void> {
  for (const kind of ["osd.", "mon."]) {
    const phase = daemons.filter((d) => d.name.startsWith(kind) && is_running(d));
    for (const d of phase) signal_daemon(d, "SIGTERM");
    for (const d of phase) {
      if (await wait_gone(d, STOP_MS)) continue;
      say(`${d.name} does not stop: killing it`);
      signal_daemon(d, "SIGKILL");
      await wait_gone(d, KILL_MS);
    }
  }
}
