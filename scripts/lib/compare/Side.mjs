// @ts-check
/**
 * One of the two clusters of scripts/compare-ceph.mjs: the steps that a sequence is made of, which
 * are the same words for both, since Tako's commands are Ceph's. How daemons start and die, and
 * what the command is called, is what CephSide and TakoSide add.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { observe_pg } from "./observe.mjs";

const POLL_MS = 100;
export const POOL = "p";
/**
 * Both clusters read these: one host, one reporter suffices; an OSD is down when a step says so and
 * stays in until one says otherwise; reservations are asked for again soon.
 */
export const COMMON_CONF = [
  "osd_crush_chooseleaf_type = 0",
  "mon_osd_min_down_reporters = 1",
  "mon_osd_reporter_subtree_level = osd",
  "mon_osd_down_out_interval = 0",
  "mon_allow_pool_delete = true",
  "osd_heartbeat_interval = 1",
  "osd_heartbeat_grace = 20",
  "osd_backfill_retry_interval = 1",
  "osd_recovery_retry_interval = 1",
];

/** @typedef {import("./observe.mjs").Query} Query */
/** @typedef {import("./observe.mjs").Row} Row */
/** @typedef {{ moment: string, pgid: string, rows: Row[] }} Observation */
/** @typedef {{ osds: number, conf: string[], timeout_ms: number }} SideOptions */
/** @typedef {{ size: number, min_size: number }} PoolSpec */

/** @param {{ state: string }} q @param {...string} words */
export function has(q, ...words) {
  const state = q.state.split("+");
  return words.every((w) => state.includes(w));
}
/** @param {Query} q */
export function clean(q) {
  return q.state === "active+clean";
}

export class Side {
  /** @type {Observation[]} */
  observations = [];
  /** @type {string} */
  dir;
  /** @type {readonly string[]} */
  conf;
  /** @type {number} */
  osds;
  #timeout_ms;
  #end = new AbortController();
  /** @type {Promise<void> | undefined} */
  #ending;

  /** @param {string} kind @param {SideOptions} o */
  constructor(kind, o) {
    this.dir = mkdtempSync(join(tmpdir(), `tako-compare-${kind}-`));
    this.osds = o.osds;
    this.conf = [...COMMON_CONF, ...o.conf];
    this.#timeout_ms = o.timeout_ms;
  }

  // ---- what the two do in different ways

  /** A monitor and OSDs, all up. @returns {Promise<void>} */
  start() {
    throw new Error("start");
  }
  /** Resolves when the process is gone. @param {number} _osd @returns {Promise<void>} */
  kill_daemon(_osd) {
    throw new Error("kill_daemon");
  }
  /** @param {number} _osd @returns {Promise<void>} */
  start_daemon(_osd) {
    throw new Error("start_daemon");
  }
  /** Every daemon, for good. @returns {Promise<void>} */
  async stop() {}
  /** @param {string[]} _args @returns {Promise<string>} */
  ceph(..._args) {
    throw new Error("ceph");
  }
  /** @param {string[]} _args @param {string} [_input] @returns {Promise<string>} */
  rados(_args, _input) {
    throw new Error("rados");
  }
  /** What `osd pool set pg_num` comes to. @param {number} _pg_num @returns {Promise<void>} */
  split_to(_pg_num) {
    throw new Error("split_to");
  }
  /** @param {number} _pgp_num @returns {Promise<void>} */
  place_by(_pgp_num) {
    throw new Error("place_by");
  }

  /**
   * Runs a command to its end, or to that of this side.
   * @param {string} cmd @param {string[]} args @param {{ input?: string, timeout_ms?: number }} o
   */
  run(cmd, args, o = {}) {
    return run(cmd, args, { ...o, signal: this.#end.signal });
  }

  // ---- steps

  /** @param {string[]} args @returns {Promise<any>} */
  async json(...args) {
    const out = await this.ceph("-f", "json", ...args);
    try {
      return JSON.parse(out);
    } catch (e) {
      throw new Error(`${args.join(" ")}: not JSON: ${out.slice(0, 200)}`, { cause: e });
    }
  }
  /** Makes the pool, of one PG; its up set. @param {PoolSpec} spec @returns {Promise<number[]>} */
  async pool(spec) {
    await this.ceph("osd", "pool", "create", POOL, "1", "1");
    await this.ceph("osd", "pool", "set", POOL, "size", String(spec.size));
    await this.ceph("osd", "pool", "set", POOL, "min_size", String(spec.min_size));
    await this.pg("1.0", clean);
    return (await this.json("pg", "map", "1.0")).up;
  }
  /** The same small object at each name. @param {string[]} names */
  async write(names) {
    for (const name of names) await this.rados(["-p", POOL, "put", name, "-"], `data of ${name}\n`);
  }
  /** SIGKILL, and the monitor knows. @param {number} osd */
  async kill(osd) {
    await this.kill_daemon(osd);
    await this.ceph("osd", "down", String(osd));
    await this.until(`osd.${osd} down`, async () => !(await this.is_up(osd)));
  }
  /** @param {number} osd */
  async start_osd(osd) {
    await this.start_daemon(osd);
    await this.until(`osd.${osd} up`, () => this.is_up(osd));
  }
  /** @param {number} osd */
  async is_up(osd) {
    const { osds } = await this.json("osd", "dump");
    return osds.some((/** @type {any} */ o) => o.osd === osd && o.up === 1);
  }
  /** @param {string} pgid @returns {Promise<Query>} */
  query(pgid) {
    return this.json("pg", pgid, "query");
  }
  /**
   * Until the primary of the PG has the newest map and tells what is wanted.
   * @param {string} pgid @param {(q: Query) => boolean} holds
   */
  async pg(pgid, holds) {
    let last = "";
    await this.until(
      `PG ${pgid}: ${holds.name || holds}`,
      async () => {
        const q = await this.query(pgid);
        last = `${q.state} on ${JSON.stringify(q.acting)}`;
        if (!holds(q)) return false;
        const { epoch } = await this.json("osd", "dump");
        last += ` at ${q.epoch} of ${epoch}`;
        return q.epoch >= epoch;
      },
      () => last,
    );
  }
  /** Notes what there is to see of a PG now. @param {string} moment @param {string} pgid */
  async observe(moment, pgid) {
    const query = await this.query(pgid);
    const map = await this.json("pg", "map", pgid);
    const unfound = has(query, "active") ? await this.json("pg", pgid, "list_unfound") : {};
    this.observations.push({ moment, pgid, rows: observe_pg(query, map, unfound) });
  }

  /**
   * A command that fails (nobody serves the PG yet) is a condition that does not hold yet.
   * @param {string} what @param {() => Promise<boolean>} holds @param {() => string} detail
   */
  async until(what, holds, detail = () => "") {
    const deadline = performance.now() + this.#timeout_ms;
    let refused = "";
    for (;;) {
      this.#end.signal.throwIfAborted();
      try {
        if (await holds()) return;
        refused = "";
      } catch (e) {
        refused = e instanceof Error ? e.message : String(e);
      }
      if (performance.now() > deadline) {
        const secs = this.#timeout_ms / 1000;
        throw new Error(`not within ${secs} s: ${what}; ${refused || detail()}`);
      }
      await sleep(POLL_MS);
    }
  }
  /** Ends every process, and removes the directory; once, however often it is called. */
  end() {
    this.#ending ??= this.#clear_away();
    return this.#ending;
  }
  async #clear_away() {
    this.#end.abort(new Error("interrupted"));
    try {
      await this.stop();
    } finally {
      rmSync(this.dir, { recursive: true, force: true });
    }
  }
}

/**
 * The standard output of a command; an error with what it printed when it fails.
 * @param {string} cmd @param {string[]} args
 * @param {{ input?: string, timeout_ms?: number, signal?: AbortSignal }} o
 * @returns {Promise<string>}
 */
export function run(cmd, args, o = {}) {
  return new Promise((resolve, reject) => {
    const { signal } = o;
    const child = spawn(cmd, args, { stdio: "pipe", ...(signal ? { signal } : {}) });
    const late = setTimeout(() => child.kill("SIGKILL"), o.timeout_ms ?? 30_000);
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      err += text;
    });
    child.stdin.on("error", () => {}); // it ended without reading
    child.stdin.end(o.input ?? "");
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(late);
      if (code === 0) return resolve(out);
      const words = `${cmd} ${args.join(" ")}`.slice(0, 200);
      reject(new Error(`${words}: ${signal ?? `exit ${code}`}: ${err.trim().slice(-400)}`));
    });
  });
}
