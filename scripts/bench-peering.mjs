// @ts-check
/**
 * How long peering takes, in real processes with durable stores and default options: many PGs on three
 * OSDs, one marked down, one killed, one recovered. Times come from the daemons' own logs, with where
 * each went. The first round is that of processes just started, whose code V8 has not compiled yet.
 *
 *     npm run bench:peering -- [--pgs 512] [--objects 1000] [--rounds 3] [--json] [--keep]
 *         [--only marked_down|killed|recovery] [--node-args=--cpu-prof]
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { BenchCluster, cpu_ms } from "./lib/bench_cluster.mjs";
import { prepare } from "./lib/prepare.mjs";

const { values: o } = parseArgs({
  options: {
    pgs: { type: "string", default: "512" },
    objects: { type: "string", default: "1000" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    only: { type: "string" },
    "node-args": { type: "string", default: "" },
  },
});
const PGS = Number(o.pgs);
const OBJECTS = Number(o.objects);
const ROUNDS = Number(o.rounds);
const OSDS = 3;
const LAST = OSDS - 1;

await prepare();
const { open_rados } = await import("../packages/client/dist/io/index.js");

/** Steps on the way to active, in order: a PG has done one when it leaves that state. */
const STAGES = new Map([
  ["Reset", "map: all PGs have taken it in"],
  ["GetInfo", "queries: all former members heard"],
  ["GetMissing", "log: authority and missing objects known"],
  ["WaitUpThru", "up_thru: the monitor's word that we were alive"],
  ["Activating", "commit: durable on all members"],
]);
/** @type {Record<string, string>} */
const WHAT = {
  marked_down: "one OSD marked down: first map received to all PGs active",
  killed: "SIGKILL of an OSD to all PGs active",
  recovery: `recovery of ${OBJECTS} objects of 4 KiB: first PG recovering to all PGs clean`,
};
/** States of a PG that is recovered, in order. */
const RECOVERY_STATES = ["WaitLocalRecoveryReserved", "WaitRemoteRecoveryReserved", "Recovering"];
const POLL_MS = 100;

const dir = mkdtempSync(join(tmpdir(), "tako-bench-peering-"));
const cluster = new BenchCluster(
  dir,
  OSDS,
  "level",
  ["--max-semi-space-size=4", ...o["node-args"].split(" ").filter(Boolean)],
  [
    "mon_max_pg_per_osd = 100000",
    "osd_max_pg_per_osd_hard_ratio = 100",
    // One that is marked down more often than five times in ten minutes ends itself.
    "osd_max_markdown_count = 1000",
  ],
  [],
);
/** Of each round, by what was done. @type {Map<string, number[]>} */
const totals = new Map();
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
    await all_clean(rados);
    const rounds = async (/** @type {string} */ key, /** @type {() => Promise<void>} */ round) => {
      if (o.only !== undefined && o.only !== key) return;
      for (let i = 0; i < ROUNDS; i++) await round();
      say(`${WHAT[key]}: best ${Math.min(...(totals.get(key) ?? []))} ms of ${totals.get(key)}`);
    };
    await rounds("marked_down", () => marked_down(rados));
    await rounds("killed", () => killed(rados));
    await rounds("recovery", () => recovery(rados));
  } finally {
    await rados.shutdown();
  }
}

/** @param {Rados} rados */
async function all_clean(rados) {
  await cluster.until(rados, (s) => s.up === OSDS && s.clean === PGS, 120_000, POLL_MS);
}
/** @param {Rados} rados */
async function restart(rados) {
  cluster.start_osd(LAST);
  await all_clean(rados);
}

/** @param {Rados} rados */
async function marked_down(rados) {
  await rados.mon_command({ prefix: "osd set", key: "noup" });
  await sleep(1000);
  const mark = log_marks();
  const cpu = osd_cpu();
  await rados.mon_command({ prefix: "osd down", ids: [String(LAST)] });
  await all_activated(mark);
  report("marked_down", mark, cpu);
  await rados.mon_command({ prefix: "osd unset", key: "noup" });
  await all_clean(rados);
}

/** @param {Rados} rados */
async function killed(rados) {
  await sleep(2000);
  const mark = log_marks();
  const cpu = osd_cpu();
  const t0 = Date.now();
  cluster.kill(LAST);
  await all_activated(mark);
  report("killed", mark, cpu, t0);
  await restart(rados);
}

/** @param {Rados} rados */
async function recovery(rados) {
  await cluster.end(LAST, "SIGKILL");
  await cluster.until(rados, (s) => s.up < OSDS && s.active === PGS, 120_000, POLL_MS);
  const io = await rados.open_ioctx("bench");
  const payload = new Uint8Array(4096).map((_, i) => i * 7);
  let n = 0;
  const worker = async () => {
    while (n < OBJECTS) await io.write_full(`o${n++}`, payload);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  await sleep(1000);
  const mark = log_marks();
  const cpu = osd_cpu();
  await restart(rados);
  await sleep(500);
  const states = events(mark).filter((e) => e.msg === "pg_state");
  const begun = states.find((e) => e.to === "Recovering")?.time ?? 0;
  const total_ms = (states.findLast((e) => e.to === "Clean")?.time ?? 0) - begun;
  const steps = RECOVERY_STATES.map((state) => {
    const of_state = states.filter((e) => e.from === state);
    const durations = of_state.map((e) => e.duration_ms ?? 0).sort((x, y) => x - y);
    return { state, turns: durations.length, p50_ms: durations[durations.length >> 1] ?? 0 };
  });
  keep_round("recovery", total_ms, { steps });
  say(`recovery ${totals.get("recovery")?.length}: ${total_ms} ms; ${cpu_since(cpu)}`);
  for (const s of steps) {
    say(`  ${s.state}: ${s.turns} PGs, one in the middle ${s.p50_ms.toFixed(1)} ms`);
  }
}
/** @param {string} key @param {number} total_ms @param {object} more */
function keep_round(key, total_ms, more) {
  totals.set(key, [...(totals.get(key) ?? []), total_ms]);
  const before = /** @type {unknown[]} */ (results[key] ?? []);
  results[key] = [...before, { total_ms, load: loadavg()[0], ...more }];
}
/**
 * CPU so far of each OSD that lives, by process, in ms.
 * @returns {Map<number, [number, number]>}
 */
function osd_cpu() {
  const found = new Map();
  for (let i = 0; i < OSDS; i++) {
    const pid = cluster.pid_of(i);
    if (pid !== undefined) found.set(i, [pid, cpu_ms(pid)]);
  }
  return found;
}
/** What each OSD's process needed since `before`. @param {ReturnType<typeof osd_cpu>} before */
function cpu_since(before) {
  const parts = [...osd_cpu()].map(([i, [pid, ms]]) => {
    const was = before.get(i);
    return `osd.${i} ${Math.round(ms - (was?.[0] === pid ? was[1] : 0))}`;
  });
  return `CPU ms: ${parts.join(", ")}; load ${loadavg()[0]?.toFixed(1)}`;
}

// ---------------------------------------------------------------- logs

/** @typedef {{ time: number, osd: number, msg: string, pg?: string, from?: string, to?: string,
 *   event?: string, duration_ms?: number, epoch?: number, up?: number[] }} Event */

/** How long each OSD's log is now. */
function log_marks() {
  return Array.from({ length: OSDS }, (_, i) => log_text(i).length);
}
/** @param {number} i */
function log_path(i) {
  return join(dir, `osd.${i}.log`);
}
/** @param {number} i */
function log_text(i) {
  return readFileSync(log_path(i), "utf8");
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
 * By the logs: statistics of the monitor may be those from before. They are read when they have not
 * grown for a while, so that reading them takes nothing from what is measured.
 * @param {number[]} mark
 */
async function all_activated(mark) {
  const deadline = performance.now() + 60_000;
  for (let before = ""; ; ) {
    await sleep(300);
    const sizes = Array.from({ length: OSDS }, (_, i) => statSync(log_path(i)).size).join();
    if (sizes === before) {
      const active = events(mark).filter((e) => e.osd !== LAST && e.from === "Activating");
      if (new Set(active.map((e) => e.pg)).size >= PGS) return;
      if (performance.now() > deadline) throw new Error(`${active.length} of ${PGS} PGs activated`);
    }
    before = sizes;
  }
}

/**
 * Time to the last PG that a survivor made active, and when the last PG had each step behind it.
 * @param {string} key @param {number[]} mark @param {ReturnType<typeof osd_cpu>} cpu
 * @param {number} [t0]
 */
function report(key, mark, cpu, t0) {
  const survivors = events(mark).filter((e) => e.osd !== LAST);
  const map = survivors.find((e) => e.msg === "osdmap_epoch" && !e.up?.includes(LAST));
  const from = t0 ?? map?.time ?? 0;
  const states = survivors.filter((e) => e.msg === "pg_state");
  const total_ms = (states.findLast((e) => e.from === "Activating")?.time ?? 0) - from;
  const map_ms = (map?.time ?? 0) - from;
  const stages = [...STAGES].map(([state, what]) => {
    const of_state = states.filter((e) => e.from === state && e.time <= from + total_ms);
    const durations = of_state.map((e) => e.duration_ms ?? 0).sort((a, b) => a - b);
    const p50_ms = durations[durations.length >> 1] ?? 0;
    const done_ms = (of_state.at(-1)?.time ?? from) - from;
    return { state, what, turns: of_state.length, done_ms, p50_ms };
  });
  keep_round(key, total_ms, { map_ms, stages });
  say(
    `${key} ${totals.get(key)?.length}: ${total_ms} ms; ${cpu_since(cpu)}; steps done by all after`,
  );
  if (t0 !== undefined) say(`  ${String(map_ms).padStart(6)} ms  noticed, decided, first map here`);
  for (const s of stages.filter((x) => x.turns > 0)) {
    const half = `a PG in the middle ${s.p50_ms.toFixed(1)} ms`;
    say(`  ${String(s.done_ms).padStart(6)} ms  ${s.what.padEnd(48)} ${s.turns} times, ${half}`);
  }
}
/** @param {string} line */
function say(line) {
  if (!o.json) console.log(line);
}
