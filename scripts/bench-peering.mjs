// @ts-check
/**
 * How long peering takes, in real processes with durable stores: many PGs on three OSDs, one marked
 * down, one killed, one recovered. Times come from the daemons' own logs, with where each went.
 *
 *     npm run bench:peering -- [--pgs 512] [--objects 1000] [--json] [--keep]
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { BenchCluster } from "./lib/bench_cluster.mjs";
import { prepare } from "./lib/prepare.mjs";

const { values: o } = parseArgs({
  options: {
    pgs: { type: "string", default: "512" },
    objects: { type: "string", default: "1000" },
    json: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});
const PGS = Number(o.pgs);
const OBJECTS = Number(o.objects);
const OSDS = 3;
const LAST = OSDS - 1;

await prepare();
const { open_rados } = await import("../packages/client/dist/io/index.js");

/** States on the way to active, and what a PG waits for in each. */
const STAGES = new Map([
  ["GetInfo", "queries to former members"],
  ["GetLog", "the authoritative log"],
  ["GetMissing", "logs of the others"],
  ["WaitUpThru", "the monitor's word that we were alive"],
  ["Activating", "commits of all members"],
]);

const dir = mkdtempSync(join(tmpdir(), "tako-bench-peering-"));
const cluster = new BenchCluster(
  dir,
  OSDS,
  "level",
  ["--max-semi-space-size=4"],
  ["mon_max_pg_per_osd = 100000", `osd_max_pg_per_osd_hard_ratio = 100`],
);
/** @type {Record<string, unknown>} */
const results = { pgs: PGS, objects: OBJECTS, load: loadavg()[0] };
try {
  await cluster.start();
  await bench();
  if (o.json) console.log(JSON.stringify(results));
} finally {
  await cluster.stop();
  if (o.keep) console.error(`the cluster's directory: ${dir}`);
  else rmSync(dir, { recursive: true, force: true });
}

/** @typedef {import("../packages/client/dist/index.js").Rados} Rados */

async function bench() {
  const rados = await open_rados({ mon_host: cluster.mon_host });
  try {
    await rados.connect({ timeout_ms: 30_000 });
    await cluster.until(rados, (s) => s.up >= OSDS);
    await rados.pool_create("bench", { pg_num: PGS });
    await cluster.until(rados, (s) => s.pgs === PGS && s.clean === PGS, 120_000);
    await marked_down(rados);
    await killed();
    await recovery(rados);
  } finally {
    await rados.shutdown();
  }
}

/** @param {Rados} rados */
async function marked_down(rados) {
  await rados.mon_command({ prefix: "osd set", key: "noup" });
  await sleep(1000);
  const mark = log_marks();
  await rados.mon_command({ prefix: "osd down", ids: [String(LAST)] });
  await all_activated(mark);
  report("marked_down", "one OSD marked down: first map received to all PGs active", mark);
  await rados.mon_command({ prefix: "osd unset", key: "noup" });
  await cluster.until(rados, (s) => s.up === OSDS && s.clean === PGS, 120_000);
}

async function killed() {
  await sleep(2000);
  const mark = log_marks();
  const t0 = Date.now();
  cluster.kill(LAST);
  await all_activated(mark);
  report("killed", "SIGKILL of an OSD to all PGs active", mark, t0);
}

/** @param {Rados} rados */
async function recovery(rados) {
  const io = await rados.open_ioctx("bench");
  const payload = new Uint8Array(4096).map((_, i) => i * 7);
  let n = 0;
  const worker = async () => {
    while (n < OBJECTS) await io.write_full(`o${n++}`, payload);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  const mark = log_marks();
  cluster.start_osd(LAST);
  await cluster.until(rados, (s) => s.up === OSDS && s.clean === PGS, 120_000);
  await sleep(500);
  const states = events(mark).filter((e) => e.msg === "pg_state");
  const begun = states.find((e) => e.to === "Recovering")?.time ?? 0;
  const ended = states.findLast((e) => e.to === "Clean")?.time ?? 0;
  results.recovery_ms = ended - begun;
  say(`recovery of ${OBJECTS} objects of 4 KiB: ${ended - begun} ms`);
}

// ---------------------------------------------------------------- logs

/** @typedef {{ time: number, osd: number, msg: string, pg?: string, from?: string, to?: string,
 *   event?: string, duration_ms?: number, epoch?: number, up?: number[] }} Event */

/** How long each OSD's log is now. */
function log_marks() {
  return Array.from({ length: OSDS }, (_, i) => log_text(i).length);
}
/** @param {number} i */
function log_text(i) {
  return readFileSync(join(dir, `osd.${i}.log`), "utf8");
}
/** Since `mark`, by time. @param {number[]} mark @returns {Event[]} */
function events(mark) {
  /** @type {Event[]} */
  const all = [];
  for (let i = 0; i < OSDS; i++) {
    for (const line of log_text(i).slice(mark[i]).split("\n")) {
      if (!line.startsWith("{")) continue;
      const e = JSON.parse(line);
      all.push({ ...e, osd: i, time: typeof e.time === "number" ? e.time : Date.parse(e.time) });
    }
  }
  return all.sort((a, b) => a.time - b.time);
}

/**
 * By the logs: statistics of the monitor may be those from before. @param {number[]} mark
 */
async function all_activated(mark) {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const active = events(mark).filter((e) => e.osd !== LAST && e.from === "Activating");
    if (new Set(active.map((e) => e.pg)).size >= PGS) return;
    if (performance.now() > deadline) throw new Error(`${active.length} of ${PGS} PGs activated`);
    await sleep(200);
  }
}

/**
 * Time to the last PG that a survivor made active, and what it was made of.
 * @param {string} key @param {string} text @param {number[]} mark @param {number} [t0]
 */
function report(key, text, mark, t0) {
  const survivors = events(mark).filter((e) => e.osd !== LAST);
  const map = survivors.find((e) => e.msg === "osdmap_epoch" && !e.up?.includes(LAST));
  const from = t0 ?? map?.time ?? 0;
  const states = survivors.filter((e) => e.msg === "pg_state");
  const active = states.filter((e) => e.from === "Activating");
  const end = active.at(-1)?.time ?? 0;
  /** @type {Map<string, number[]>} */
  const spent = new Map();
  for (const e of states) {
    if (e.from === undefined || !STAGES.has(e.from)) continue;
    const list = spent.get(e.from) ?? [];
    spent.set(e.from, list);
    list.push(e.duration_ms ?? 0);
  }
  const stages = [...STAGES].map(([state, what]) => {
    const list = (spent.get(state) ?? []).sort((a, b) => a - b);
    const at = (/** @type {number} */ q) => list[Math.floor(list.length * q)] ?? 0;
    return { state, what, pgs: list.length, p50_ms: at(0.5), max_ms: list.at(-1) ?? 0 };
  });
  const detect_ms = t0 === undefined ? undefined : (map?.time ?? 0) - t0;
  results[key] = { total_ms: end - from, detect_ms, active_pgs: active.length, stages };
  say(`${text}: ${end - from} ms (${active.length} PGs)`);
  if (detect_ms !== undefined) say(`  noticed, decided, first map at a survivor: ${detect_ms} ms`);
  for (const s of stages.filter((x) => x.pgs > 0)) {
    const ms = `median ${s.p50_ms.toFixed(1)} ms, longest ${s.max_ms.toFixed(1)} ms`;
    say(`  ${s.state.padEnd(11)} ${s.what.padEnd(34)} ${String(s.pgs).padStart(4)} PGs  ${ms}`);
  }
}

/** @param {string} line */
function say(line) {
  if (!o.json) console.log(line);
}
