// @ts-check
/**
 * A cluster of real processes that can be hurt. As root, each daemon has a network namespace and a
 * small file system of its own, so that links can be cut and disks filled; without, only signals.
 */
import { execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { free_port } from "./bench_cluster.mjs";
import { ROOT } from "./prepare.mjs";

const DISK_MB = 192;
/** What a full disk has left, bytes. */
const LEFT = 1 << 20;
/** What a daemon ends with when its disk refuses (common/src/io/daemon.ts). */
const EX_IOERR = 74;

/**
 * What faults work on. `can`: of cut, slow, fill. Daemons by name: mon.a, osd.0 ...
 * @typedef {{
 *   readonly osds: string[], readonly mon: string, readonly mon_host: string,
 *   can: (what: string) => boolean,
 *   start: () => Promise<void>, end: (keep: boolean) => Promise<void>,
 *   kill: (name: string) => unknown, launch: (name: string) => unknown,
 *   pause: (name: string) => unknown, resume: (name: string) => unknown,
 *   cut: (name: string) => unknown, join: (name: string) => unknown,
 *   slow: (name: string, ms: number) => unknown, fast: (name: string) => unknown,
 *   fill: (name: string) => unknown, empty: (name: string) => unknown,
 *   died: () => string[], rss_mb: () => Promise<Map<string, number>>,
 *   logs: string,
 * }} Stage
 */

/** @param {string} file @param {string[]} args */
function run(file, args) {
  return execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
/** @param {string} file @param {string[]} args */
function works(file, args) {
  try {
    run(file, args);
    return true;
  } catch {
    return false;
  }
}

/** @implements {Stage} */
export class LocalStage {
  mon = "mon.a";
  osds;
  logs = mkdtempSync(join(tmpdir(), "tako-chaos-"));
  #conf;
  /** Distinguishes runs side by side: names of interfaces are short. */
  #tag = `tk${process.pid % 100000}`;
  #net = `10.${100 + (process.pid % 100)}.${(process.pid >> 4) % 250}`;
  #namespaces = false;
  #netem = false;
  #disks = false;
  #ending = false;
  /** @type {Map<string, import("node:child_process").ChildProcess>} */
  #children = new Map();
  /** @type {Map<string, number>} */
  #ports = new Map();
  /** Those whose end is ours. @type {Set<import("node:child_process").ChildProcess>} */
  #killed = new Set();
  /** Disks that are full now. @type {Set<string>} */
  #full = new Set();
  /** Whose disk was full while they ran: the store may tell of it later. @type {WeakSet<import("node:child_process").ChildProcess>} */
  #met_full = new WeakSet();
  /** @type {string[]} */
  #died = [];

  /** @param {{ osds: number, conf: string[] }} o */
  constructor(o) {
    this.osds = Array.from({ length: o.osds }, (_, i) => `osd.${i}`);
    this.#conf = o.conf;
  }
  get #all() {
    return [this.mon, ...this.osds];
  }
  get mon_host() {
    return this.#addr(this.mon);
  }
  /** @param {string} what */
  can(what) {
    if (what === "cut") return this.#namespaces;
    if (what === "slow") return this.#netem;
    return what === "fill" && this.#disks;
  }

  async start() {
    const root = process.getuid?.() === 0;
    if (root && works("ip", ["link", "add", this.#tag, "type", "bridge"])) this.#make_network();
    for (const name of this.#all) {
      this.#ports.set(name, this.#namespaces ? 6800 : await free_port());
      mkdirSync(join(this.logs, name));
    }
    if (root) this.#disks = this.osds.every((name) => this.#mount(name));
    const conf = ["[global]", `mon_host = ${this.mon_host}`, ...this.#conf, ""];
    writeFileSync(join(this.logs, "tako.conf"), conf.join("\n"));
    for (const name of this.#all) this.launch(name);
  }
  #make_network() {
    this.#namespaces = true;
    run("ip", ["addr", "add", `${this.#net}.1/24`, "dev", this.#tag]);
    run("ip", ["link", "set", this.#tag, "up"]);
    for (const [i, name] of this.#all.entries()) {
      const ns = this.#ns(name);
      const inside = `${this.#tag}i${i}`;
      run("ip", ["netns", "add", ns]);
      run("ip", ["link", "add", this.#veth(name), "type", "veth", "peer", "name", inside]);
      run("ip", ["link", "set", inside, "netns", ns]);
      run("ip", ["link", "set", this.#veth(name), "master", this.#tag, "up"]);
      const own = ["netns", "exec", ns, "ip"];
      run("ip", [...own, "addr", "add", `${this.#ip(name)}/24`, "dev", inside]);
      run("ip", [...own, "link", "set", inside, "up"]);
      run("ip", [...own, "link", "set", "lo", "up"]);
    }
    const probe = ["dev", this.#veth(this.mon), "root"];
    this.#netem = works("tc", ["qdisc", "add", ...probe, "netem", "delay", "1ms"]);
    if (this.#netem) run("tc", ["qdisc", "del", ...probe]);
  }
  /** @param {string} name */
  #mount(name) {
    const dir = join(this.logs, name);
    return works("mount", ["-t", "tmpfs", "-o", `size=${DISK_MB}m`, "tmpfs", dir]);
  }
  /** @param {string} name */
  #index(name) {
    return this.#all.indexOf(name);
  }
  /** @param {string} name */
  #ns(name) {
    return `${this.#tag}n${this.#index(name)}`;
  }
  /** @param {string} name */
  #veth(name) {
    return `${this.#tag}v${this.#index(name)}`;
  }
  /** @param {string} name */
  #ip(name) {
    return this.#namespaces ? `${this.#net}.${10 + this.#index(name)}` : "127.0.0.1";
  }
  /** @param {string} name */
  #addr(name) {
    return `${this.#ip(name)}:${this.#ports.get(name) ?? 0}`;
  }

  // ---- processes

  /** Once the one that was killed is gone. @param {string} name */
  launch(name) {
    const before = this.#children.get(name);
    if (!before || !this.#runs(name)) this.#spawn(name);
    else if (this.#killed.has(before)) before.once("exit", () => this.launch(name));
  }
  /** @param {string} name */
  #spawn(name) {
    if (this.#ending) return;
    const [kind = "", id = ""] = name.split(".");
    const log = openSync(join(this.logs, `${name}.log`), "a");
    const daemon = [
      join(ROOT, `packages/${kind}/dist/main.js`),
      `--id=${id}`,
      `--data=${join(this.logs, name)}`,
      `--listen=${this.#addr(name)}`,
      `--config=${join(this.logs, "tako.conf")}`,
    ];
    const [file, ...args] = this.#namespaces
      ? ["ip", "netns", "exec", this.#ns(name), process.execPath, ...daemon]
      : [process.execPath, ...daemon];
    const child = spawn(file ?? "", args, { stdio: ["ignore", log, log], cwd: this.logs });
    closeSync(log);
    this.#children.set(name, child);
    if (this.#full.has(name)) this.#met_full.add(child);
    child.on("exit", (code, signal) => {
      if (this.#killed.has(child)) return;
      const why = code === EX_IOERR && this.#met_full.has(child) ? " (its disk was full)" : "";
      this.#died.push(`${name} ended by itself: ${signal ?? `exit code ${code}`}${why}`);
    });
  }
  /** @param {string} name */
  #runs(name) {
    const c = this.#children.get(name);
    return c !== undefined && c.exitCode === null && c.signalCode === null;
  }
  /** @param {string} name @param {NodeJS.Signals} signal */
  #signal(name, signal) {
    if (this.#runs(name)) this.#children.get(name)?.kill(signal);
  }
  /** @param {string} name */
  kill(name) {
    const c = this.#children.get(name);
    if (c) this.#killed.add(c);
    this.#signal(name, "SIGKILL");
  }
  /** @param {string} name */
  pause(name) {
    this.#signal(name, "SIGSTOP");
  }
  /** @param {string} name */
  resume(name) {
    this.#signal(name, "SIGCONT");
  }
  /** Who ended without having been killed, since the last call; they are started again. */
  died() {
    const died = this.#died.splice(0);
    for (const d of died) this.launch(d.split(" ")[0] ?? "");
    return died;
  }

  // ---- network and disks

  /** @param {string} name */
  cut(name) {
    run("ip", ["link", "set", this.#veth(name), "down"]);
  }
  /** @param {string} name */
  join(name) {
    run("ip", ["link", "set", this.#veth(name), "up"]);
  }
  /** @param {string} name @param {number} ms */
  slow(name, ms) {
    const delay = [`${ms.toFixed(0)}ms`, `${(ms / 2).toFixed(0)}ms`];
    run("tc", ["qdisc", "replace", "dev", this.#veth(name), "root", "netem", "delay", ...delay]);
  }
  /** @param {string} name */
  fast(name) {
    works("tc", ["qdisc", "del", "dev", this.#veth(name), "root"]);
  }
  /** @param {string} name */
  fill(name) {
    const dir = join(this.logs, name);
    const { bavail, bsize } = statfsSync(dir);
    const bytes = Math.max(0, bavail * bsize - LEFT);
    this.#full.add(name);
    const child = this.#children.get(name);
    if (child) this.#met_full.add(child);
    writeFileSync(join(dir, "ballast"), Buffer.alloc(bytes, 1));
  }
  /** @param {string} name */
  empty(name) {
    rmSync(join(this.logs, name, "ballast"), { force: true });
    this.#full.delete(name);
  }

  /** Resident memory by daemon. */
  async rss_mb() {
    /** @type {Map<string, number>} */
    const out = new Map();
    for (const [name, c] of this.#children) {
      if (!this.#runs(name)) continue;
      const m = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${c.pid}/status`, "utf8"));
      out.set(name, Number(m?.[1] ?? 0) / 1024);
    }
    return out;
  }

  /** @param {boolean} keep what there is stays */
  async end(keep) {
    this.#ending = true;
    for (const name of this.#all) this.resume(name);
    const gone = [...this.#children].map(([name, c]) => {
      this.#killed.add(c);
      if (!this.#runs(name)) return undefined;
      const exit = new Promise((resolve) => c.once("exit", resolve));
      c.kill("SIGTERM");
      const late = setTimeout(() => c.kill("SIGKILL"), 10_000);
      return exit.then(() => clearTimeout(late));
    });
    await Promise.all(gone);
    if (keep) this.#save();
    for (const name of this.osds) if (this.#disks) works("umount", [join(this.logs, name)]);
    if (this.#namespaces) {
      for (const name of this.#all) works("ip", ["netns", "del", this.#ns(name)]);
      works("ip", ["link", "del", this.#tag]);
    }
    if (!keep) rmSync(this.logs, { recursive: true, force: true });
  }
  /** What is in memory only would go with the file systems. */
  #save() {
    for (const name of this.osds) {
      const dir = join(this.logs, name);
      if (this.#disks) works("cp", ["-a", dir, `${dir}.data`]);
    }
  }
}
