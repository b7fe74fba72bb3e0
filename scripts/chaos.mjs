// @ts-check
/**
 * Chaos: a cluster of real processes (or containers) is hurt again and again under the load of the
 * simulator, and the history of what clients were told is judged by the same checker.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { positive, read_options } from "./lib/options.mjs";
import { prepare } from "./lib/prepare.mjs";

const USAGE = `usage: scripts/chaos [options]

Starts a cluster of its own, puts it under load and breaks it: SIGKILL, SIGSTOP, links cut and slow,
disks full, restarts, what operators do. In the end everything is healed: all PGs must become
active+clean, all clients' answers must fit together (linearizable, nothing lost, nothing twice), no
daemon may have ended by itself. As root each daemon gets a network namespace and a small file
system; without, links are not cut and disks are not filled.

  --minutes N    how long faults go on (default 5)
  --seed N       decides which faults come (default: the time); with real processes a run is not repeatable
  --osds N       (default 5)
  --interval S   mean seconds between faults (default 2)
  --compose      the containers of docker-compose.yml instead of processes
  --keep         leave the directory with data and logs, also when all has held; with --compose the containers
  --help
`;
const CONF = [
  "osd_crush_chooseleaf_type = 0",
  "mon_osd_min_down_reporters = 1",
  "mon_osd_reporter_subtree_level = osd",
  "mon_osd_down_out_interval = 20",
  "osd_heartbeat_interval = 1",
  "osd_heartbeat_grace = 4",
  "mgr_stats_period = 1",
  "osd_max_markdown_count = 100000",
  "osd_backfill_retry_interval = 1",
  "osd_recovery_retry_interval = 1",
  "mon_allow_pool_delete = true",
  // Small, so that logs are trimmed and OSDs that come back need backfill.
  "osd_min_pg_log_entries = 100",
  "osd_max_pg_log_entries = 200",
];
const POOL = "data";
const CLEAN_MS = 360_000;

const options = read_options({
  program: "chaos",
  usage: USAGE,
  args: {
    options: {
      minutes: { type: "string", default: "5" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      osds: { type: "string", default: "5" },
      interval: { type: "string", default: "2" },
      compose: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
    },
  },
  read: ({ values: v }) => ({
    minutes: positive("--minutes", v.minutes),
    seed: positive("--seed", v.seed),
    osds: v.compose ? 3 : positive("--osds", v.osds),
    interval: positive("--interval", v.interval),
    compose: v.compose,
    keep: v.keep,
  }),
});
await prepare();
/** @typedef {import("../packages/client/dist/index.js").Rados} Rados */

const { open_rados } = await import("../packages/client/dist/io/index.js");
const { SystemClock } = await import("../packages/common/dist/io/index.js");
const { SimRng, Workload, check_history, history_to_lines, render_verdict } = await import(
  "../packages/client/dist/chaos/index.js"
);
const { FAULTS, Field } = await import("./lib/chaos_faults.mjs");
const { LocalStage } = await import("./lib/chaos_local.mjs");
const { ComposeStage } = await import("./lib/chaos_compose.mjs");

const began = Date.now();
/** Why the run has failed. @type {string[]} */
const wrong = [];
/** Handles that are open but not connected: the load takes one at a time, and does not wait. @type {Rados[]} */
const spares = [];
/** Objects of which the checker could not say whether their history is possible. */
let num_undecided = 0;
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    if (interrupted) process.exit(130);
    interrupted = true;
  });
}

const stage = options.compose
  ? new ComposeStage()
  : new LocalStage({ osds: options.osds, conf: CONF });
try {
  await chaos();
} catch (e) {
  wrong.push(e instanceof Error ? (e.stack ?? e.message) : String(e));
} finally {
  await stage.end(keeps());
}
for (const w of wrong) process.stderr.write(`FAILED: ${w}\n`);
if (keeps()) say(`data and logs: ${stage.logs}`);
const held = num_undecided === 0 ? "all held" : `all held, ${num_undecided} objects undecided`;
say(`seed ${options.seed}: ${wrong.length === 0 ? held : `${wrong.length} things wrong`}`);
process.exit(wrong.length === 0 ? 0 : 1);

async function chaos() {
  say(`seed ${options.seed}, ${options.minutes} minutes`);
  await stage.start();
  for (const w of ["cut", "slow", "fill"]) if (!stage.can(w)) say(`cannot be done here: ${w}`);
  const admin = await client();
  await admin.connect({ timeout_ms: 60_000 });
  await make_pools(admin);
  await until_clean(admin);
  const rss_before = await stage.rss_mb();
  const load = new Workload(
    { clock: new SystemClock(), rng: new SimRng(options.seed, 2), spawn: () => load_client() },
    {
      pools: [
        { name: POOL, omap: true },
        { name: "ec", omap: false },
      ],
      clients: 4,
      hot: 3,
      cold: 60,
      ops_per_second: 40,
      kill_mean_ms: 20_000,
    },
  );
  await fill_spares();
  load.start();
  const field = new Field(stage, new SimRng(options.seed, 1), admin, POOL);
  const counts = await strike_until(field, Date.now() + options.minutes * 60_000, load);
  field.end();
  say("faults end");
  await settle(admin, load);
  await report(load, counts, rss_before);
  load.kill_all();
  for (const c of [admin, ...spares]) await c.shutdown();
}

/** @param {InstanceType<typeof Field>} field @param {number} end @param {InstanceType<typeof Workload>} load */
async function strike_until(field, end, load) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  const kinds = Object.entries(FAULTS).filter(([, f]) => !f.needs || stage.can(f.needs));
  const total = kinds.reduce((n, [, f]) => n + f.weight, 0);
  while (Date.now() < end && !interrupted) {
    await sleep(field.rng.between(0, 2000 * options.interval));
    const [kind, fault] = drawn(kinds, field.rng.next() * total) ?? [];
    const did = fault?.strike(field);
    if (kind && did) {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      say(`${did}  (${load.ops} operations, ${load.num_open} open)`);
    }
    note_deaths();
    if (load.failure !== undefined) throw load.failure;
  }
  return counts;
}
/** @typedef {import("./lib/chaos_faults.mjs").Fault} Fault */
/** @param {[string, Fault][]} kinds @param {number} dice */
function drawn(kinds, dice) {
  let left = dice;
  for (const k of kinds) {
    left -= k[1].weight;
    if (left < 0) return k;
  }
  return undefined;
}
/** Daemons that ended by themselves; of one whose disk was full that is what it should do. */
function note_deaths() {
  for (const d of stage.died()) {
    say(d);
    if (!d.endsWith("(its disk was full)")) wrong.push(d);
  }
}

/** Everything is healed: all must become clean, and all that was asked must be answered. @param {Rados} admin @param {InstanceType<typeof Workload>} load */
async function settle(admin, load) {
  for (const key of ["norecover", "nobackfill", "norebalance", "noout", "noscrub"]) {
    await command(admin, "osd unset", { key });
  }
  const ids = stage.osds.map((o) => o.slice(4));
  await command(admin, "osd in", { ids });
  for (const id of ids) await command(admin, "osd reweight", { id: Number(id), weight: 1 });
  await until_clean(admin);
  say("all PGs active+clean");
  load.stop();
  await until("all operations are answered", () => load.is_idle);
  load.read_everything();
  await until("everything was read", () => load.num_open === 0);
  note_deaths();
  if (load.failure !== undefined) throw load.failure;
}

/** Containers only on request: they would be in the way of the next ones. */
function keeps() {
  const of_interest = wrong.length > 0 || num_undecided > 0;
  return options.keep || (of_interest && !options.compose);
}

/** @param {InstanceType<typeof Workload>} load @param {Map<string, number>} counts @param {Map<string, number>} rss_before */
async function report(load, counts, rss_before) {
  const verdict = check_history(load.history.events, { budget: 2_000_000 });
  say(`history: ${verdict.result}; ${render_verdict(verdict)}`);
  num_undecided = verdict.undecided.length;
  if (verdict.result === "violation") wrong.push("the history is not that of a store");
  // Also for what could not be decided: for whoever wants to look at it.
  if (verdict.result !== "ok") {
    const file = join(options.compose ? "." : stage.logs, "history.jsonl");
    writeFileSync(file, history_to_lines(load.history.events));
    say(`the history: ${file}`);
  }
  const n = [...counts.values()].reduce((a, b) => a + b, 0);
  const hours = options.minutes / 60;
  const kinds = [...counts].sort().map(([kind, c]) => `${kind} ${c}`);
  say(`${n} faults (${(n / hours).toFixed(0)} an hour): ${kinds.join(", ")}`);
  say(`${load.ops} operations, ${load.clients_killed} clients killed`);
  const rss = await stage.rss_mb();
  const memory = [...rss].map(([name, mb]) => {
    return `${name} ${(rss_before.get(name) ?? 0).toFixed(0)} -> ${mb.toFixed(0)} MB`;
  });
  say(`memory: ${memory.join(", ")}`);
}

// ---- the cluster ------------------------------------------------------------

/** @returns {Promise<Rados>} */
function client() {
  return open_rados({ mon_host: stage.mon_host });
}
async function fill_spares() {
  while (spares.length < 8) spares.push(await client());
}
function load_client() {
  const rados = spares.shift();
  if (!rados) throw new Error("clients die faster than they are made");
  fill_spares().catch((e) => wrong.push(String(e)));
  return {
    get name() {
      return rados.instance_name;
    },
    rados,
    kill: () => void rados.shutdown().catch(() => {}),
  };
}
/** @param {Rados} rados @param {string} prefix @param {Record<string, unknown>} args @returns {Promise<any>} */
async function command(rados, prefix, args = {}) {
  for (let tries = 0; ; tries++) {
    try {
      return (await rados.mon_command({ prefix, ...args }, { timeout_ms: 15_000 })).outb;
    } catch (e) {
      // The monitor may just have been started; a refusal stays one.
      if (tries >= 8) throw e;
      await sleep(1000);
    }
  }
}
/** @param {Rados} admin */
async function make_pools(admin) {
  await command(admin, "osd pool create", { pool: POOL, pg_num: 16, size: 3 });
  const profile = ["k=2", "m=1", "stripe_unit=256"];
  if (!options.compose) profile.push("crush-failure-domain=osd");
  const set = "osd erasure-code-profile set";
  await command(admin, set, { name: "chaos", profile, force: true });
  const erasure = { pool_type: "erasure", erasure_code_profile: "chaos" };
  await command(admin, "osd pool create", { pool: "ec", pg_num: 8, ...erasure });
  await command(admin, "osd pool set", { pool: "ec", var: "allow_ec_overwrites", val: "true" });
  await admin.wait_for_latest_osdmap();
}
/** @param {Rados} admin */
async function until_clean(admin) {
  let last = "";
  await until(
    () => `all PGs active+clean (${last})`,
    async () => {
      const { osdmap, pgmap } = await command(admin, "status");
      const states = /** @type {{ state_name: string, count: number }[]} */ (
        pgmap.pgs_by_state ?? []
      );
      const clean = states.find((s) => s.state_name === "active+clean")?.count ?? 0;
      last = states.map((s) => `${s.count} ${s.state_name}`).join(", ");
      const up = osdmap.num_up_osds === stage.osds.length;
      // What was split or moved last may not have been told yet.
      return up && pgmap.num_pgs > 0 && clean === pgmap.num_pgs && clean === expected_pgs(admin);
    },
  );
}
/** @param {Rados} admin */
function expected_pgs(admin) {
  return [...admin.osdmap.pools.values()].reduce((n, p) => n + p.pg_num, 0);
}
/** @param {string | (() => string)} what @param {() => boolean | Promise<boolean>} cond */
async function until(what, cond) {
  const deadline = Date.now() + CLEAN_MS;
  while (!(await cond())) {
    if (interrupted || Date.now() > deadline) {
      const text = typeof what === "string" ? what : what();
      throw new Error(
        interrupted ? `interrupted: ${text}` : `not within ${CLEAN_MS / 1000} s: ${text}`,
      );
    }
    await sleep(200);
  }
}

function say(/** @type {string} */ line) {
  process.stdout.write(`${((Date.now() - began) / 1000).toFixed(1).padStart(7)} s  ${line}\n`);
}
