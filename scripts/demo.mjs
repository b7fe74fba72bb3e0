// @ts-check
/**
 * `npm run demo`: the story of a cluster that loses daemons and no data, told on a fresh local
 * cluster with a check at each step. Daemons are started, killed and restarted with `tako cluster`;
 * objects are written through @tako/client, as any program would.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { read_options, whole_number } from "./lib/options.mjs";
import { ROOT } from "./lib/prepare.mjs";

const USAGE = `Usage: npm run demo [-- options]

Starts a fresh cluster of three OSDs and tells a story with it, checking each step: 200 objects, an
OSD killed in the middle of writes, log recovery, backfill, everything killed at once, and every
acknowledged object byte-identical at the end. Takes about a minute; exits 0 only if all held.

Options:
  --objects N      objects to begin with (default 200, at least 20)
  --timeout SECS   longest wait for any one condition (default 60)
  --keep           leave the cluster running, and its directory in place
  --help           this text
`;
const POOL = "demo";
const PGS = 32;
/** Logs this short are outrun in a minute: an OSD that missed more is caught up by backfill. */
const LOG_ENTRIES = 12;
const IN_FLIGHT = 16;
const TAKO = join(ROOT, "packages/cli/dist/main.js");

const options = read_options({
  program: "demo",
  usage: USAGE,
  args: {
    options: {
      objects: { type: "string", default: "200" },
      timeout: { type: "string", default: "60" },
      keep: { type: "boolean", default: false },
    },
  },
  read: ({ values }) => ({
    objects: whole_number("--objects", values.objects, 20),
    timeout: whole_number("--timeout", values.timeout, 1),
    keep: values.keep,
  }),
});
const dir = mkdtempSync(join(tmpdir(), "tako-demo-"));
/** @type {Readonly<Record<string, string>>} */
const ENV = {
  TAKO_OSD_MIN_PG_LOG_ENTRIES: String(LOG_ENTRIES),
  TAKO_OSD_MAX_PG_LOG_ENTRIES: String(LOG_ENTRIES),
  TAKO_OSD_PG_LOG_TRIM_MIN: "1",
};

/** What the cluster acknowledged: object name to version. @type {Map<string, number>} */
const acknowledged = new Map();
/** @type {{ step: string, result: string, secs: number }[]} */
const table = [];

// The daemons run detached: without this a Ctrl-C would leave them behind.
process.once("SIGINT", () => void finish().finally(() => process.exit(130)));

const from = Date.now();
let held = false;
/** @type {Awaited<ReturnType<typeof openCluster>> | undefined} */
let cluster;
try {
  cluster = await story();
  held = true;
} catch (e) {
  process.stderr.write(`\nFAILED: ${e instanceof Error ? e.message : String(e)}\n`);
} finally {
  await cluster?.close();
  summary();
  await finish();
}
process.exitCode = held ? 0 : 1;

async function story() {
  const n = options.objects;
  await step("start a monitor and three OSDs", async () => {
    await tako(["cluster", "start", "--osds", "3", "--detach"]);
    return `in ${dir}`;
  });
  const c = await openCluster();
  cluster = c;
  await step("create a pool of three copies", async () => {
    await c.createPool();
    return c.until("active+clean", isClean);
  });
  await step(`write ${n} objects`, () => write(c, names(1, n)));
  await step("kill -9 osd.1 in the middle of writes", async () => {
    const writing = write(c, [...names(1, n / 2), ...names(n + 1, n + n / 2)]);
    await sleep(50);
    await tako(["cluster", "kill", "osd.1", "--signal", "KILL"]);
    return `${await writing}, none failed`;
  });
  await step("the PGs peer again without it", async () => {
    return c.until("osd.1 down, every PG active", (s) => s.up === 2 && isActive(s));
  });
  await step("write on, few enough for the log", () => write(c, names(1, 40)));
  await step("restart osd.1: log recovery", async () => {
    const seen = await recover(c, "osd.1");
    if (seen.backfill) throw new Error("osd.1 was backfilled, though the logs reached back");
    return "recovered from the PG logs, no backfill";
  });
  await step("kill -9 osd.2, write more than the logs hold", async () => {
    await tako(["cluster", "kill", "osd.2", "--signal", "KILL"]);
    await c.until("osd.2 down, every PG active", (s) => s.up === 2 && isActive(s));
    // Each PG gets more entries than its log keeps, whichever objects it holds.
    const rounds = Math.ceil((PGS * LOG_ENTRIES * 3) / n);
    for (let i = 0; i < rounds; i++) await write(c, names(1, n));
    return `${rounds * n} acknowledged; the log of a PG keeps ${LOG_ENTRIES}`;
  });
  await step("restart osd.2: backfill", async () => {
    const seen = await recover(c, "osd.2");
    if (!seen.backfill) throw new Error("no PG of osd.2 was backfilled");
    return "backfilled";
  });
  await step("kill -9 every daemon at once, amid writes", async () => {
    const writing = write(c, names(1, n));
    await sleep(50);
    const all = ["mon.a", "osd.0", "osd.1", "osd.2"];
    await Promise.all(all.map((d) => tako(["cluster", "kill", d, "--signal", "KILL"])));
    for (const d of all) await tako(["cluster", "restart", d]);
    await c.until("active+clean", (s) => s.up === 3 && isClean(s));
    return `${await writing}, none failed`;
  });
  await step("read everything back", () => verify(c));
  return c;
}

// ---- the cluster -----------------------------------------------------------

/** @typedef {{ up: number, pgs: number, states: [string, number][] }} Status */

/** A client of the demo's cluster, as a program that embeds @tako/client has it. */
async function openCluster() {
  const { open_rados } = await import("@tako/client/io");
  const rados = await open_rados({ conf: join(dir, "tako.conf") });
  await rados.connect({ timeout_ms: options.timeout * 1000 });
  /** @returns {Promise<Status>} */
  const status = async () => {
    const { outb } = await rados.mon_command({ prefix: "status" });
    const { osdmap, pgmap } = /** @type {any} */ (outb);
    const states = pgmap.pgs_by_state ?? [];
    return {
      up: osdmap.num_up_osds,
      pgs: pgmap.num_pgs,
      states: states.map((/** @type {any} */ s) => [s.state_name, s.count]),
    };
  };
  /** @param {string} what @param {(s: Status) => boolean} holds */
  const until = async (what, holds) => {
    const deadline = Date.now() + options.timeout * 1000;
    for (;;) {
      const s = await status();
      const states = s.states.map(([name, count]) => `${count} ${name}`).join(", ");
      progress(states);
      if (holds(s)) return states;
      if (Date.now() > deadline) throw new Error(`no "${what}" within ${options.timeout} s`);
      await sleep(50);
    }
  };
  return {
    until,
    createPool: () => rados.pool_create(POOL, { pg_num: PGS }),
    io: () => rados.open_ioctx(POOL),
    close: () => rados.shutdown(),
  };
}
/** @typedef {Awaited<ReturnType<typeof openCluster>>} Cluster */

/** Restarts an OSD and waits until all is clean; tells whether any PG was seen in backfill. */
async function recover(/** @type {Cluster} */ c, /** @type {string} */ osd) {
  let backfill = false;
  await tako(["cluster", "restart", osd]);
  await c.until("active+clean", (s) => {
    backfill ||= count(s, (state) => state.includes("backfill")) > 0;
    return s.up === 3 && isClean(s);
  });
  return { backfill };
}

/** @param {Status} s */
function isActive(s) {
  return s.pgs >= PGS && count(s, (state) => state.split("+").includes("active")) === s.pgs;
}

/** @param {Status} s */
function isClean(s) {
  return s.pgs >= PGS && count(s, (state) => state === "active+clean") === s.pgs;
}

/** @param {Status} s @param {(state: string) => boolean} wanted */
function count(s, wanted) {
  return s.states.reduce((sum, [name, n]) => (wanted(name) ? sum + n : sum), 0);
}

// ---- objects ---------------------------------------------------------------

/** @param {number} first @param {number} last */
function names(first, last) {
  return Array.from({ length: last - first + 1 }, (_, i) => `object-${first + i}`);
}

/**
 * The bytes follow from name and version, sizes differ: nothing but the cluster has to keep them.
 * @param {string} name @param {number} version
 */
function content(name, version) {
  const seed = createHash("sha512").update(`${name} ${version}`).digest();
  return Buffer.alloc(1000 + (seed.readUInt16BE(0) % 31000), seed);
}

/** Overwrites each with its next version. @param {Cluster} c @param {string[]} list */
async function write(c, list) {
  const io = await c.io();
  const start = Date.now();
  let done = 0;
  await parallel(list, async (name) => {
    const version = (acknowledged.get(name) ?? 0) + 1;
    await io.write_full(name, content(name, version), { timeout_ms: options.timeout * 1000 });
    acknowledged.set(name, version);
    progress(`${++done} of ${list.length}`);
  });
  return `${list.length} acknowledged, ${rate(list.length, Date.now() - start)}`;
}

/** @param {Cluster} c */
async function verify(c) {
  const io = await c.io();
  /** @type {string[]} */
  const wrong = [];
  await parallel([...acknowledged], async ([name, version]) => {
    const got = await io.read(name, 0, 0, { timeout_ms: options.timeout * 1000 });
    if (!content(name, version).equals(got)) wrong.push(name);
  });
  if (wrong.length > 0) throw new Error(`not what was acknowledged: ${wrong.sort().join(" ")}`);
  return `${acknowledged.size} of ${acknowledged.size} byte-identical`;
}

/**
 * Each item once, so many at a time; the first error ends it.
 * @template T @param {readonly T[]} items @param {(item: T) => Promise<void>} run
 */
async function parallel(items, run) {
  const todo = items.values();
  const worker = async () => {
    for (const item of todo) await run(item);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

// ---- telling ---------------------------------------------------------------

/** @param {string} what @param {() => Promise<string>} run resolves to what it saw */
async function step(what, run) {
  const number = String(table.length + 1).padStart(2);
  process.stdout.write(`${number}. ${what}\n`);
  const start = Date.now();
  const row = { step: what, result: "FAILED", secs: 0 };
  table.push(row);
  try {
    row.result = await run();
  } finally {
    row.secs = (Date.now() - start) / 1000;
    progress("");
  }
  process.stdout.write(`    ${row.result} (${row.secs.toFixed(1)} s)\n`);
}

/** One line that is written over; only on a terminal. */
function progress(/** @type {string} */ text) {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[2K${text === "" ? "" : `    ${text}`}`);
}

function summary() {
  const width = Math.max(4, ...table.map((r) => r.step.length));
  const lines = table.map(
    (r) => `${r.step.padEnd(width)}  ${r.secs.toFixed(1).padStart(6)}  ${r.result}`,
  );
  const head = `${"Step".padEnd(width)}  ${"secs".padStart(6)}  Result`;
  const secs = ((Date.now() - from) / 1000).toFixed(1);
  const verdict = held ? "All held." : "It did not hold.";
  process.stdout.write(`\n${[head, ...lines].join("\n")}\n\n${verdict} ${secs} s\n`);
}

async function finish() {
  if (options.keep) {
    process.stdout.write(`Left running: npx tako cluster status --dir ${dir}\n`);
    return;
  }
  await tako(["cluster", "stop"]).catch((e) => process.stderr.write(`${e.message}\n`));
  rmSync(dir, { recursive: true, force: true });
}

/** @param {number} n @param {number} ms */
function rate(n, ms) {
  return `${Math.round((n * 1000) / Math.max(ms, 1))}/s`;
}

/** Runs a \`tako cluster\` command on the demo's cluster. @param {string[]} args @returns {Promise<string>} */
function tako(args) {
  const child = spawn(process.execPath, [TAKO, ...args, "--dir", dir], {
    env: { ...process.env, ...ENV },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    err += text;
  });
  return new Promise((done, failed) => {
    child.on("error", failed);
    child.on("close", (code) => {
      if (code === 0) done(out);
      else failed(new Error(`tako ${args.join(" ")}: exit code ${code}\n${err.trim()}`));
    });
  });
}
