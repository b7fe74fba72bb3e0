// @ts-check
/**
 * What a drill of scripts/drills.mjs has in hand: a private cluster of real processes, a client, and
 * the bytes that were acknowledged. Waiting is always for a condition; the deadline only bounds how
 * long a failure takes.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { open_rados } from "../../packages/client/dist/io/index.js";
import { BenchCluster } from "./bench_cluster.mjs";

const IN_FLIGHT = 8;
/** Retries come soon, so that a condition that has gone is seen to have gone. */
const CONF = [
  "mon_allow_pool_delete = true",
  "osd_store_size = 1073741824",
  "osd_backfill_retry_interval = 1",
  "osd_recovery_retry_interval = 1",
];

/** @typedef {{ pgid: string, state: string, acting: number[], stat_sum: Record<string, number> }} Pg */
/** @typedef {import("../../packages/client/dist/index.js").Rados} Rados */
/** @typedef {import("../../packages/client/dist/index.js").IoCtx} IoCtx */

/** The bytes follow from name and version, and sizes differ. @param {string} name @param {number} version */
function content(name, version) {
  const seed = createHash("sha512").update(`${name} ${version}`).digest();
  return Buffer.alloc(2000 + (seed.readUInt16BE(0) % 14000), seed);
}
/** @param {string} prefix @param {number} n */
export function names(prefix, n) {
  return Array.from({ length: n }, (_, i) => `${prefix}-${i}`);
}
/** @param {Pg} pg @param {string} word */
export function has(pg, word) {
  return pg.state.split("+").includes(word);
}
/** @param {Pg[]} pgs */
export function all_active(pgs) {
  return pgs.every((p) => has(p, "active"));
}
/** @param {Pg[]} pgs */
export function all_clean(pgs) {
  return pgs.every((p) => p.state === "active+clean");
}

export class Drill {
  /** Object name to what it holds, as acknowledged. @type {Map<string, Buffer>} */
  acknowledged = new Map();
  #version = 0;
  #dir;
  #cluster;
  #osds;
  #timeout_ms;
  #say;
  /** @type {Rados | undefined} */
  #rados;
  /** @type {IoCtx | undefined} */
  #io;
  /** Has all that a drill may leave open when it fails. @type {Set<() => void>} */
  #running = new Set();

  /** @param {{ osds: number, timeout_ms: number, say: (line: string) => void, conf?: string[] }} o */
  constructor(o) {
    this.#dir = mkdtempSync(join(tmpdir(), "tako-drill-"));
    const conf = [...CONF, ...(o.conf ?? [])];
    this.#cluster = new BenchCluster(this.#dir, o.osds, "level", ["--max-semi-space-size=4"], conf);
    this.#osds = o.osds;
    this.#timeout_ms = o.timeout_ms;
    this.#say = o.say;
  }
  get rados() {
    if (!this.#rados) throw new Error("not started");
    return this.#rados;
  }
  get io() {
    if (!this.#io) throw new Error("no pool yet");
    return this.#io;
  }
  /** @param {string} line */
  step(line) {
    this.#say(line);
  }

  async start() {
    await this.#cluster.start();
    this.#rados = await open_rados({ mon_host: this.#cluster.mon_host });
    await this.#rados.connect({ timeout_ms: this.#timeout_ms });
    await this.up(this.#osds);
  }
  /** Ends every process, and removes the directory. */
  async end() {
    for (const stop of this.#running) stop();
    await this.#rados?.shutdown();
    await this.#cluster.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  // ---- the cluster

  /** @param {string} prefix @param {Record<string, any>} args @returns {Promise<any>} */
  async command(prefix, args = {}) {
    return (await this.rados.mon_command({ prefix, ...args })).outb;
  }
  /** Makes the pool that the drill writes to. @param {Record<string, any>} args @param {Record<string, string>} vars */
  async pool(args, vars = {}) {
    await this.rados.pool_create("drill", args);
    for (const [name, val] of Object.entries(vars)) await this.pool_set(name, val);
    this.#io = await this.rados.open_ioctx("drill");
    await this.pgs("active+clean", all_clean);
  }
  /** @param {string} name @param {string} val */
  pool_set(name, val) {
    return this.command("osd pool set", { pool: "drill", var: name, val });
  }
  /** @param {number} osd @param {NodeJS.Signals} signal */
  async kill(osd, signal = "SIGKILL") {
    await this.#cluster.end(osd, signal);
  }
  /** @param {number} osd */
  async start_osd(osd) {
    this.#cluster.start_osd(osd);
    await this.until(`osd.${osd} up`, async () => {
      const { osds } = await this.command("osd dump");
      return osds.some((/** @type {any} */ o) => o.osd === osd && o.up === 1);
    });
  }
  /** @param {number} osd */
  data_of(osd) {
    return this.#cluster.data_of(osd);
  }
  /** @param {number} n */
  up(n) {
    return this.until(`${n} OSDs up`, async () => {
      return (await this.command("status")).osdmap.num_up_osds === n;
    });
  }
  /** @returns {Promise<Pg[]>} */
  async pg_stats() {
    const out = await this.command("pg ls");
    return out.pg_stats ?? out;
  }
  /**
   * Until the PGs, as many as the map has and each told of by a primary that is up, are as wanted.
   * @param {string} what @param {(pgs: Pg[]) => boolean} holds
   */
  pgs(what, holds) {
    let last = "";
    const seen = async () => {
      await this.rados.wait_for_latest_osdmap();
      const map = this.rados.osdmap;
      const pgs = await this.pg_stats();
      last = [...new Set(pgs.map((p) => p.state))].sort().join(", ");
      const wanted = [...map.pools.values()].reduce((sum, p) => sum + p.pg_num, 0);
      return pgs.length === wanted && !pgs.some((p) => has(p, "stale")) && holds(pgs);
    };
    return this.until(what, seen, () => last);
  }
  /** @param {string} what @param {() => Promise<boolean>} holds @param {() => string} detail */
  async until(what, holds, detail = () => "") {
    const deadline = performance.now() + this.#timeout_ms;
    while (!(await holds())) {
      if (performance.now() > deadline) {
        throw new Error(`not within ${this.#timeout_ms / 1000} s: ${what}; ${detail()}`);
      }
      await sleep(50);
    }
  }

  // ---- objects

  /** Writes each anew. @param {string[]} list */
  write(list) {
    return parallel(list, async (name) => {
      const data = content(name, ++this.#version);
      await this.io.write_full(name, data, { timeout_ms: this.#timeout_ms });
      this.acknowledged.set(name, data);
    });
  }
  /** Overwrites a part in the middle of each. @param {string[]} list */
  overwrite(list) {
    return parallel(list, async (name) => {
      const data = Buffer.from(this.acknowledged.get(name) ?? Buffer.alloc(0));
      const part = content(name, ++this.#version).subarray(0, 700);
      const off = this.#version % Math.max(1, data.length - part.length);
      await this.io.write(name, part, off, { timeout_ms: this.#timeout_ms });
      part.copy(data, off);
      this.acknowledged.set(name, data);
    });
  }
  /**
   * Goes on with rounds of `write` until stopped; `more(n)` resolves when n more are acknowledged.
   * @param {string[]} list @param {(list: string[]) => Promise<void>} write
   */
  load(list, write = (l) => this.write(l)) {
    let on = true;
    let done = 0;
    /** @type {unknown} */
    let error;
    const stop = () => {
      on = false;
    };
    this.#running.add(stop);
    const run = async () => {
      while (on) {
        for (let i = 0; on && i < list.length; i += IN_FLIGHT) {
          const part = list.slice(i, i + IN_FLIGHT);
          await write(part);
          done += part.length;
        }
      }
    };
    const running = run().catch((e) => {
      error = e;
    });
    return {
      more: async (/** @type {number} */ n) => {
        const goal = done + n;
        await this.until(`${n} more writes`, async () => {
          if (error) throw error;
          return done >= goal;
        });
      },
      stop: async () => {
        stop();
        await running;
        if (error) throw error;
        return done;
      },
    };
  }
  /** Every acknowledged object, byte for byte. */
  async verify() {
    /** @type {string[]} */
    const wrong = [];
    await parallel([...this.acknowledged], async ([name, data]) => {
      const got = await this.io.read(name, 0, 0, { timeout_ms: this.#timeout_ms });
      if (!data.equals(got)) wrong.push(name);
    });
    if (wrong.length > 0) throw new Error(`not what was acknowledged: ${wrong.sort().join(" ")}`);
    this.step(`${this.acknowledged.size} objects right`);
  }
}

/** @template T @param {readonly T[]} items @param {(item: T) => Promise<void>} run */
async function parallel(items, run) {
  const todo = items.values();
  const worker = async () => {
    for (const item of todo) await run(item);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}
