// @ts-check
/** A private cluster of real processes for scripts/bench-*.mjs and drills.mjs, and what is said of it. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "./prepare.mjs";

const TICKS_PER_S = 100;
/** A failure that shows in silence only is found in seconds; statistics come every second. */
const IMPATIENT = [
  "mon_osd_min_down_reporters = 1",
  "mon_osd_reporter_subtree_level = osd",
  "osd_heartbeat_interval = 1",
  "osd_heartbeat_grace = 5",
  "mgr_stats_period = 1",
];

/** User and system time of a process so far. @param {number} pid */
export function cpu_ms(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_S;
}

/** PG counts out of `status`. @param {any} status */
export function pg_summary(status) {
  const { pgmap, osdmap } = status;
  let clean = 0;
  let active = 0;
  for (const s of pgmap.pgs_by_state ?? []) {
    if (/(^|\+)active(\+|$)/.test(s.state_name)) active += s.count;
    if (/active\+clean/.test(s.state_name)) clean += s.count;
  }
  return { up: osdmap.num_up_osds, pgs: pgmap.num_pgs, active, clean };
}

/** A free TCP port of the loopback interface. @returns {Promise<number>} */
export function free_port() {
  return new Promise((resolve, reject) => {
    const s = createServer();
    s.on("error", reject);
    s.listen(0, "127.0.0.1", () => {
      const a = s.address();
      s.close(() => resolve(typeof a === "object" && a ? a.port : 0));
    });
  });
}

export class BenchCluster {
  /** @type {Map<string, import("node:child_process").ChildProcess>} */
  #children = new Map();
  /** @type {number[]} */
  #ports = [];
  #dir;
  #osds;
  #store;
  #node_args;

  #conf;
  #pace;

  /**
   * @param {string} dir @param {number} osds @param {string} store @param {string[]} node_args
   * @param {string[]} conf more lines of the configuration file
   * @param {string[]} pace those that say how soon things are noticed; none: the defaults
   */
  constructor(dir, osds, store, node_args, conf = [], pace = IMPATIENT) {
    this.#conf = conf;
    this.#pace = pace;
    this.#dir = dir;
    this.#osds = osds;
    this.#store = store;
    this.#node_args = node_args;
  }
  get mon_host() {
    return `127.0.0.1:${this.#ports[0]}`;
  }

  async start() {
    for (let i = 0; i <= this.#osds; i++) this.#ports.push(await free_port());
    const conf = [
      "[global]",
      `mon_host = ${this.mon_host}`,
      "osd_crush_chooseleaf_type = 0",
      ...this.#pace,
      ...this.#conf,
      "",
    ];
    writeFileSync(join(this.#dir, "tako.conf"), conf.join("\n"));
    this.#spawn("mon", "a", this.#ports[0] ?? 0, []);
    for (let i = 0; i < this.#osds; i++) this.start_osd(i);
  }
  /** @param {number} id */
  start_osd(id) {
    this.#spawn("osd", String(id), this.#ports[id + 1] ?? 0, [`--osd-objectstore=${this.#store}`]);
  }
  /** @param {"mon" | "osd"} kind @param {string} id @param {number} port @param {string[]} more */
  #spawn(kind, id, port, more) {
    const name = `${kind}.${id}`;
    const data = join(this.#dir, name);
    mkdirSync(data, { recursive: true });
    const log = openSync(join(this.#dir, `${name}.log`), "a");
    const args = [
      ...this.#node_args,
      join(ROOT, `packages/${kind}/dist/main.js`),
      `--id=${id}`,
      `--data=${data}`,
      `--listen=127.0.0.1:${port}`,
      `--config=${join(this.#dir, "tako.conf")}`,
      ...more,
    ];
    const child = spawn(process.execPath, args, { stdio: ["ignore", log, log], cwd: this.#dir });
    closeSync(log);
    this.#children.set(name, child);
  }

  /** @param {number} id */
  kill(id) {
    this.#children.get(`osd.${id}`)?.kill("SIGKILL");
  }
  /** Resolves when the process is gone. @param {number} id @param {NodeJS.Signals} signal */
  async end(id, signal) {
    const c = this.#children.get(`osd.${id}`);
    if (!c || c.exitCode !== null || c.signalCode !== null) return;
    const exit = new Promise((resolve) => c.once("exit", resolve));
    c.kill(signal);
    await exit;
  }
  /** Where an OSD keeps its data. @param {number} id */
  data_of(id) {
    return join(this.#dir, `osd.${id}`);
  }
  async stop() {
    const gone = [...this.#children.values()].map((c) => {
      if (c.exitCode !== null || c.signalCode !== null) return undefined;
      const exit = new Promise((resolve) => c.once("exit", resolve));
      c.kill("SIGTERM");
      const late = setTimeout(() => c.kill("SIGKILL"), 10_000);
      return exit.then(() => clearTimeout(late));
    });
    await Promise.all(gone);
  }

  /** @returns {[string, number][]} */
  pids() {
    return [...this.#children].map(([name, c]) => [name, c.pid ?? 0]);
  }
  /** The process of an OSD that lives. @param {number} id */
  pid_of(id) {
    const c = this.#children.get(`osd.${id}`);
    return c && c.exitCode === null && c.signalCode === null ? c.pid : undefined;
  }
  /** CPU time of the client (this process), the mon and the OSDs, in ms. */
  cpu() {
    const own = process.cpuUsage();
    return [(own.user + own.system) / 1000, ...this.pids().map(([, pid]) => cpu_ms(pid))];
  }
  /** Where the OSDs stand in cpu(). */
  osd_slots() {
    return Array.from({ length: this.#osds }, (_, i) => i + 2);
  }
  /** @param {number} pid */
  rss_mb(pid) {
    const m = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(m?.[1] ?? 0) / 1024;
  }

  /**
   * Asks for the status until it is as wanted.
   * @param {import("../../packages/client/dist/index.js").Rados} rados
   * @param {(s: ReturnType<typeof pg_summary>) => boolean} holds
   */
  async until(rados, holds, timeout_ms = 60_000, poll_ms = 10) {
    const deadline = performance.now() + timeout_ms;
    for (;;) {
      const { outb } = await rados.mon_command({ prefix: "status" });
      const s = pg_summary(outb);
      if (holds(s)) return;
      for (const [name, c] of this.#children) {
        if (c.exitCode !== null) throw new Error(`${name} ended with ${c.exitCode}`);
      }
      if (performance.now() > deadline) throw new Error(`not in time: ${JSON.stringify(s)}`);
      await sleep(poll_ms);
    }
  }
}
