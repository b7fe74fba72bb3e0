// @ts-check
/**
 * Measures a cluster of real processes: boot, writes and reads at several depths with the CPU time
 * that each daemon spends on them, memory at rest, and a failover. The cluster is private: its own
 * directory and ports, gone at the end. `node scripts/bench-cluster.mjs --help`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { open_rados } from "../packages/client/dist/io/index.js";
import { BenchCluster, cpu_ms } from "./lib/bench_cluster.mjs";

const HELP = `Usage: node scripts/bench-cluster.mjs [options]      (npm run bench -- [options])

  --osds N          OSDs, and copies of each object up to 3 (default 3)
  --pg-num N        PGs of the pool (default 32)
  --seconds S       time of each line (default 5)
  --size BYTES      size of an object (default 4096)
  --depths A,B,...  operations in flight (default 1,16,64)
  --objects N       different objects written (default 4000)
  --store level|mem default level
  --only A,B,...    of boot,idle,write,read,failover (boot always runs; default all)
  --dir DIR         where the disk to measure is (default: the system's temporary directory)
  --warmup S        writes before the first line, at 32 in flight (default 3)
  --node-args=ARGS  arguments of node for the daemons, e.g. --cpu-prof (then see --keep); default:
                    those that a local cluster has
  --keep            leave the directory: logs, data, profiles
  --json            one JSON object instead of the table

CPU is user and system time in ms per 1000 operations: it says what an operation costs however busy
the machine is. Example: node scripts/bench-cluster.mjs --only write --depths 16 --seconds 10`;

const { values: o } = options({
  options: {
    osds: { type: "string", default: "3" },
    "pg-num": { type: "string", default: "32" },
    seconds: { type: "string", default: "5" },
    size: { type: "string", default: "4096" },
    depths: { type: "string", default: "1,16,64" },
    objects: { type: "string", default: "4000" },
    store: { type: "string", default: "level" },
    only: { type: "string", default: "boot,idle,write,read,failover" },
    dir: { type: "string", default: tmpdir() },
    warmup: { type: "string", default: "3" },
    "node-args": { type: "string", default: "--max-semi-space-size=4" },
    keep: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (o.help) {
  console.log(HELP);
  process.exit(0);
}

/**
 * parseArgs, with one line for a wrong option.
 * @template {import("node:util").ParseArgsConfig} T @param {T} config
 */
function options(config) {
  try {
    return parseArgs(config);
  } catch (e) {
    return usage(e instanceof Error ? e.message : String(e));
  }
}
/** @param {string} what @returns {never} */
function usage(what) {
  console.error(what);
  process.exit(2);
}

/** @param {"osds" | "pg-num" | "seconds" | "size" | "objects" | "warmup"} name */
function positive(name) {
  const n = Number(o[name]);
  if (Number.isFinite(n) && n > 0) return n;
  return usage(`--${name}: want a number above 0, got "${o[name]}"`);
}
const osds = positive("osds");
const pg_num = positive("pg-num");
const seconds = positive("seconds");
const size = positive("size");
const objects = positive("objects");
const warmup = positive("warmup");
const depths = o.depths.split(",").map(Number);
if (!depths.every((d) => Number.isInteger(d) && d > 0)) usage(`--depths: got "${o.depths}"`);
const only = new Set(o.only.split(","));
const PARTS = ["boot", "idle", "write", "read", "failover"];
for (const part of only) if (!PARTS.includes(part)) usage(`--only: one of ${PARTS}, got "${part}"`);
if (o.store !== "level" && o.store !== "mem") usage(`--store: level or mem, got "${o.store}"`);
/** @type {Record<string, any>} */
const results = { osds, pg_num, size, store: o.store, load_before: loadavg()[0] };

const dir = mkdtempSync(join(o.dir, "tako-bench-"));
const cluster = new BenchCluster(dir, osds, o.store, o["node-args"].split(" ").filter(Boolean));
let failed = true;
try {
  await bench();
  failed = false;
} finally {
  await cluster.stop();
  if (!failed && !o.keep) rmSync(dir, { recursive: true, force: true });
  else console.error(`the cluster's directory: ${dir}`);
}

async function bench() {
  const t0 = performance.now();
  await cluster.start();
  const rados = await open_rados({ mon_host: cluster.mon_host });
  try {
    await rados.connect({ timeout_ms: 30_000 });
    await boot(rados, t0);
    const io = await rados.open_ioctx("bench");
    if (only.has("idle")) await idle();
    const payload = new Uint8Array(size).map((_, i) => i * 7);
    for (const kind of ["write", "read"]) {
      if (!only.has(kind)) continue;
      // V8 compiles what runs often: an OSD's first thousands of operations cost several times more.
      if (kind === "write") await run_ops(io, kind, 32, payload, warmup);
      if (kind === "read") await fill(io, payload);
      for (const depth of depths) await measure(io, kind, depth, payload);
    }
    if (only.has("failover")) await failover(rados, io, payload);
  } finally {
    await rados.shutdown();
  }
  results.load_after = loadavg()[0];
  if (o.json) console.log(JSON.stringify(results));
}

/**
 * @param {import("../packages/client/dist/index.js").Rados} rados
 * @param {number} t0 when the first process was started
 */
async function boot(rados, t0) {
  const since = () => Math.round(performance.now() - t0);
  await cluster.until(rados, (s) => s.up >= osds);
  const up_ms = since();
  await rados.pool_create("bench", { pg_num });
  await cluster.until(rados, (s) => s.pgs === pg_num && s.clean === pg_num);
  const clean_ms = since();
  const io = await rados.open_ioctx("bench");
  const t1 = performance.now();
  await io.write_full("first", new Uint8Array(size));
  const first_write_ms = Math.round(performance.now() - t1);
  const cpu = cluster.pids().map(([, pid]) => Math.round(cpu_ms(pid)));
  results.boot = { up_ms, clean_ms, first_write_ms, cpu_ms: cpu };
  say(
    `boot: all OSDs up ${up_ms} ms, ${pg_num} PGs clean ${clean_ms} ms, first write` +
      ` ${first_write_ms} ms (CPU ${cpu.join("+")} ms; load ${results.load_before.toFixed(1)})`,
  );
}

async function idle() {
  await sleep(3000);
  const before = cluster.pids().map(([, pid]) => cpu_ms(pid));
  await sleep(5000);
  const rows = cluster.pids().map(([name, pid], i) => ({
    name,
    rss_mb: cluster.rss_mb(pid),
    cpu_percent: (cpu_ms(pid) - (before[i] ?? 0)) / 50,
  }));
  results.idle = rows;
  const text = rows.map((r) => `${r.name} ${r.rss_mb.toFixed(0)} MB ${r.cpu_percent.toFixed(1)} %`);
  say(`idle: ${text.join(", ")}`);
}

/** @typedef {import("../packages/client/dist/index.js").IoCtx} IoCtx */

/** @param {IoCtx} io @param {Uint8Array} payload */
async function fill(io, payload) {
  let n = 0;
  const worker = async () => {
    while (n < objects) await io.write_full(`o${n++}`, payload);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
}

/**
 * Time of each operation, in ms.
 * @param {IoCtx} io @param {string} kind @param {number} depth @param {Uint8Array} payload
 * @param {number} for_s
 */
async function run_ops(io, kind, depth, payload, for_s) {
  /** @type {number[]} */
  const times = [];
  let n = 0;
  const end = performance.now() + for_s * 1000;
  const worker = async () => {
    for (let t = performance.now(); t < end; ) {
      const name = `o${(n++ * 7919) % objects}`;
      if (kind === "write") await io.write_full(name, payload);
      else if ((await io.read(name)).length !== size) throw new Error(`${name}: wrong size`);
      const now = performance.now();
      times.push(now - t);
      t = now;
    }
  };
  await Promise.all(Array.from({ length: depth }, worker));
  return times;
}

/** @param {IoCtx} io @param {string} kind @param {number} depth @param {Uint8Array} payload */
async function measure(io, kind, depth, payload) {
  const before = cluster.cpu();
  const start = performance.now();
  const times = await run_ops(io, kind, depth, payload, seconds);
  const took_s = (performance.now() - start) / 1000;
  const after = cluster.cpu();
  times.sort((a, b) => a - b);
  const at = (/** @type {number} */ q) => times[Math.floor(times.length * q)] ?? 0;
  const per_1000 = (/** @type {number} */ i) =>
    Math.round((((after[i] ?? 0) - (before[i] ?? 0)) / times.length) * 1000);
  const cpu = { client: per_1000(0), mon: per_1000(1), osd: cluster.osd_slots().map(per_1000) };
  const row = {
    kind,
    depth,
    per_s: Math.round(times.length / took_s),
    p50: at(0.5),
    p99: at(0.99),
    cpu,
  };
  results[`${kind}_${depth}`] = row;
  say(
    `${kind.padEnd(5)} x${String(depth).padEnd(3)} ${String(row.per_s).padStart(6)}/s` +
      `  p50 ${row.p50.toFixed(1).padStart(6)} ms  p99 ${row.p99.toFixed(1).padStart(6)} ms` +
      `  CPU ms/1000: client ${cpu.client}, mon ${cpu.mon}, osd ${cpu.osd.join(" ")}`,
  );
}

/**
 * @param {import("../packages/client/dist/index.js").Rados} rados
 * @param {IoCtx} io @param {Uint8Array} payload
 */
async function failover(rados, io, payload) {
  // One write after the other to objects all over: the longest is what a client sees of it.
  let worst = 0;
  let done = false;
  const writer = async (/** @type {number} */ w) => {
    for (let n = 0; !done; n++) {
      const t = performance.now();
      await io.write_full(`f${w}_${n % 200}`, payload);
      worst = Math.max(worst, performance.now() - t);
    }
  };
  const writers = [0, 1, 2, 3].map(writer);
  await sleep(1000);
  worst = 0;
  const t0 = performance.now();
  cluster.kill(osds - 1);
  await cluster.until(rados, (s) => s.up === osds - 1 && s.active === pg_num);
  const active_ms = Math.round(performance.now() - t0);
  await sleep(500);
  done = true;
  await Promise.all(writers);
  const t1 = performance.now();
  cluster.start_osd(osds - 1);
  await cluster.until(rados, (s) => s.up === osds && s.clean === pg_num);
  const clean_ms = Math.round(performance.now() - t1);
  results.failover = { active_ms, longest_write_ms: Math.round(worst), clean_ms };
  say(
    `failover: SIGKILL to all PGs active ${active_ms} ms, longest write ${Math.round(worst)} ms;` +
      ` restart to all clean ${clean_ms} ms`,
  );
}

/** @param {string} line */
function say(line) {
  if (!o.json) console.log(line);
}
