// @ts-check
/**
 * A real Ceph cluster on the loopback interface: one ceph-mon, ceph-osds with BlueStore in files,
 * all in one directory. There is no ceph-mgr: peering does without, and PGs are asked directly.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { accessSync, constants, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { POOL, run, Side } from "./Side.mjs";

const TOOLS = ["ceph", "ceph-mon", "ceph-osd", "monmaptool", "rados"];
/** Sends one monitor command as JSON: the `ceph` tool refuses what only a ceph-mgr should ask for. */
const MON_COMMAND = `
import rados, sys
r = rados.Rados(conffile=sys.argv[1])
r.connect(timeout=20)
code, _, why = r.mon_command(sys.argv[2], b"")
sys.stderr.write(why)
sys.exit(1 if code else 0)
`;

/** @typedef {import("node:child_process").ChildProcess} ChildProcess */

/** @param {string} name */
function which(name) {
  for (const dir of (process.env.PATH ?? "").split(delimiter)) {
    try {
      const file = join(dir, name);
      accessSync(file, constants.X_OK);
      return file;
    } catch {}
  }
  return undefined;
}
/** Of what is needed, what is not there. */
export function missing_tools() {
  return TOOLS.filter((t) => which(t) === undefined);
}
/** "16.2.15" */
export async function ceph_version() {
  const out = await run("ceph-osd", ["--version"]);
  return /version (\S+?)[+\s]/.exec(out)?.[1] ?? out.trim();
}
/** The Python that the `ceph` tool runs with has its bindings. */
function python_of_ceph() {
  const first = readFileSync(which("ceph") ?? "ceph", "utf8").split("\n", 1)[0] ?? "";
  return first.replace(/^#!\s*/, "").split(/\s+/);
}
/** @returns {Promise<number>} */
function free_port() {
  return new Promise((resolve, reject) => {
    const s = createServer();
    s.on("error", reject);
    s.listen(0, "127.0.0.1", () => {
      const a = s.address();
      s.close(() => resolve(typeof a === "object" && a ? a.port : 0));
    });
  });
}

export class CephSide extends Side {
  /** @type {Map<string, ChildProcess>} */
  #daemons = new Map();
  #conf_file;

  /** @param {import("./Side.mjs").SideOptions} o */
  constructor(o) {
    super("ceph", o);
    this.#conf_file = join(this.dir, "ceph.conf");
  }

  /** @override */
  async start() {
    const fsid = randomUUID();
    const addr = `[v2:127.0.0.1:${await free_port()}]`;
    mkdirSync(join(this.dir, "run"));
    writeFileSync(this.#conf_file, `${this.#config(fsid, addr).join("\n")}\n`);
    const monmap = join(this.dir, "monmap");
    await this.run("monmaptool", ["--create", "--fsid", fsid, "--addv", "a", addr, monmap]);
    mkdirSync(join(this.dir, "mon.a"));
    await this.run("ceph-mon", ["-c", this.#conf_file, "-i", "a", "--mkfs", "--monmap", monmap]);
    this.#spawn("mon", "a");
    await this.until("a quorum", async () => (await this.json("mon", "stat")).leader === "a");
    const ids = Array.from({ length: this.osds }, (_, i) => i);
    const uuids = ids.map(() => randomUUID());
    // One after the other: the monitor numbers them in the order in which it hears of them.
    for (const id of ids) await this.ceph("osd", "new", uuids[id] ?? "", String(id));
    await Promise.all(ids.map((id) => this.#mkfs(id, uuids[id] ?? "")));
    // The same order also makes the same CRUSH buckets.
    for (const id of ids) await this.start_osd(id);
  }
  /** @param {string} fsid @param {string} addr */
  #config(fsid, addr) {
    const d = this.dir;
    return [
      "[global]",
      `fsid = ${fsid}`,
      `mon_host = ${addr}`,
      "auth_cluster_required = none",
      "auth_service_required = none",
      "auth_client_required = none",
      "public_network = 127.0.0.0/8",
      `run_dir = ${d}/run`,
      `crash_dir = ${d}/run`,
      `admin_socket = ${d}/run/$name.$pid.asok`,
      `log_file = ${d}/$name.log`,
      `mon_data = ${d}/mon.$id`,
      `osd_data = ${d}/osd.$id`,
      "mon_cluster_log_to_file = false",
      "mon_data_avail_crit = 1",
      "osd_objectstore = bluestore",
      "bluestore_block_size = 1073741824",
      "osd_crush_initial_weight = 1",
      "osd_pool_default_pg_autoscale_mode = off",
      "osd_scrub_invalid_stats = false", // a scrub in mid-sequence would be a state of its own
      ...this.conf,
    ];
  }
  /** @param {number} id @param {string} uuid */
  async #mkfs(id, uuid) {
    mkdirSync(join(this.dir, `osd.${id}`));
    const args = ["-c", this.#conf_file, "-i", String(id), "--mkfs", "--osd-uuid", uuid];
    await this.run("ceph-osd", args, { timeout_ms: 120_000 });
  }
  /** @param {"mon" | "osd"} kind @param {string} id */
  #spawn(kind, id) {
    const log = openSync(join(this.dir, `${kind}.${id}.out`), "a");
    const args = ["-c", this.#conf_file, "-i", id, "-f"];
    const child = spawn(`ceph-${kind}`, args, { stdio: ["ignore", log, log], cwd: this.dir });
    this.#daemons.set(`${kind}.${id}`, child);
  }

  /** @override @param {number} osd */
  async kill_daemon(osd) {
    await ended(this.#daemons.get(`osd.${osd}`));
  }
  /** @override @param {number} osd */
  async start_daemon(osd) {
    this.#spawn("osd", String(osd));
  }
  /** The data go with the directory, so nobody says goodbye. @override */
  async stop() {
    await Promise.all([...this.#daemons.values()].map(ended));
  }
  /** @override @param {string[]} args */
  ceph(...args) {
    return this.run("ceph", ["-c", this.#conf_file, ...args]);
  }
  /** @override @param {string[]} args @param {string} [input] */
  rados(args, input) {
    return this.run(
      "rados",
      ["-c", this.#conf_file, ...args],
      input === undefined ? {} : { input },
    );
  }
  /** `pg_num` is a wish, which the ceph-mgr fulfils by setting this. @override @param {number} n */
  async split_to(n) {
    const command = { prefix: "osd pool set", pool: POOL, var: "pg_num_actual", val: String(n) };
    await this.ceph("osd", "pool", "set", POOL, "pg_num", String(n));
    const [python = "python3", ...args] = python_of_ceph();
    await this.run(python, [...args, "-c", MON_COMMAND, this.#conf_file, JSON.stringify(command)]);
  }
  /** @override @param {number} n */
  async place_by(n) {
    await this.ceph("osd", "pool", "set", POOL, "pgp_num_actual", String(n));
  }
}

/** Resolves when the process is gone. @param {ChildProcess | undefined} child */
async function ended(child) {
  if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exit;
}
