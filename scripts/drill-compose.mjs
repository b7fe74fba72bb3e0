// @ts-check
/**
 * The drill a person would run by hand against docker-compose.yml: lose an OSD while writing, write
 * on without it, get it back, and have every byte. Uses nothing but `docker compose` and `tako`.
 */
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { read_options, whole_number } from "./lib/options.mjs";

const USAGE = `Usage: scripts/drill-compose [options]

Starts the cluster of docker-compose.yml under a project name of its own, writes objects, kills osd1
with SIGKILL while writing, waits until every PG is active, writes and overwrites more, starts osd1,
waits until every PG is active+clean, compares every object byte for byte, and takes it all down.
Exits 0 only if all of it held.

Options:
  --objects N      objects to write (default 40, at least 4)
  --timeout SECS   longest wait for any one condition (default 120)
  --project NAME   compose project (default tako-drill); its volumes are removed first
  --no-build       use the image tako:dev as it is
  --keep           leave the cluster running at the end
  --help           this text

Examples:
  scripts/drill-compose
  scripts/drill-compose --objects 200 --keep
  docker compose -p tako-drill exec mon0 tako -s
`;
const ROOT = resolve(fileURLToPath(import.meta.url), "../..");
const POOL = "drill";
/** Free ports: the drill may run beside a cluster that has the usual ones. */
const PORTS = { MON0_PORT: "", OSD0_PORT: "", OSD1_PORT: "", OSD2_PORT: "" };

/**
 * An object's bytes follow from its name and version, so nothing but the cluster has to keep them.
 * Sizes differ, so that a cut or joined object cannot pass.
 */
const SHELL_CONTENT = `content() { yes "$1 version $2" | head -c $((4000 + $1 * 997 % 61440)); }`;
const SHELL_WRITE = `${SHELL_CONTENT}
content "$1" "$2" | tako rados -p ${POOL} put "obj-$1" - && echo "$1"`;
const SHELL_VERIFY = `${SHELL_CONTENT}
tako rados -p ${POOL} get "obj-$1" "/tmp/got-$1" && content "$1" "$2" | cmp - "/tmp/got-$1"
status=$?
rm -f "/tmp/got-$1"
exit $status`;

/** @typedef {{ up: number, osds: number, pgs: number, states: [string, number][] }} Status */

const options = read_options({
  program: "drill-compose",
  usage: USAGE,
  args: {
    options: {
      objects: { type: "string", default: "40" },
      timeout: { type: "string", default: "120" },
      project: { type: "string", default: "tako-drill" },
      "no-build": { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
    },
  },
  read: ({ values }) => ({
    objects: whole_number("--objects", values.objects, 4),
    timeout: whole_number("--timeout", values.timeout, 1),
    project: values.project,
    build: !values["no-build"],
    keep: values.keep,
  }),
});
/** Version of each object that the cluster has acknowledged. @type {Map<number, number>} */
const acknowledged = new Map();
let interrupted = false;
process.on("SIGINT", () => {
  if (interrupted) process.exit(130);
  interrupted = true;
});

const started = Date.now();
let held = false;
try {
  await drill();
  held = true;
} catch (e) {
  process.stderr.write(`\nFAILED: ${e instanceof Error ? e.message : String(e)}\n`);
  await showWhy();
}
if (options.keep) say(`left running: docker compose -p ${options.project} exec mon0 tako -s`);
else await compose(["down", "-v", "--remove-orphans"]);
const secs = ((Date.now() - started) / 1000).toFixed(1);
say(
  held ? `All held: ${acknowledged.size} objects byte-identical, ${secs} s.` : "It did not hold.",
);
process.exitCode = held ? 0 : 1;

async function drill() {
  const n = options.objects;
  const [half, most] = [Math.ceil(n / 2), Math.ceil((3 * n) / 4)];
  await step("up", async () => {
    await compose(["down", "-v", "--remove-orphans"]);
    const build = options.build ? ["--build"] : [];
    await compose(["up", "-d", ...build, "--wait", "--wait-timeout", String(options.timeout)]);
  });
  await step(`create pool ${POOL}`, () => tako(["osd", "pool", "create", POOL, "32"]));
  await step("wait for active+clean", () => until(isClean));
  await step(`write objects 1 to ${half}`, () => write(range(1, half), 1));
  await step(`kill osd1 while objects ${half + 1} to ${most} are written`, async () => {
    /** @type {Promise<string> | undefined} */
    let killing;
    await write(range(half + 1, most), 1, () => {
      // The first acknowledgement of this round: the other writes are on their way.
      killing ??= compose(["kill", "osd1"]);
      killing.catch(() => {});
    });
    await killing;
  });
  await step("wait for osd.1 down and every PG active", () =>
    until((s) => s.up === 2 && isActive(s)),
  );
  await step(`write objects ${most + 1} to ${n}`, () => write(range(most + 1, n), 1));
  await step(`overwrite objects 1 to ${n - most}`, () => write(range(1, n - most), 2));
  await step("start osd1", () => compose(["start", "osd1"]));
  await step("wait for osd.1 up and every PG active+clean", () =>
    until((s) => s.up === s.osds && isClean(s)),
  );
  await step(`verify ${acknowledged.size} objects byte for byte`, verify);
}

// ---- what the cluster is asked ---------------------------------------------

/** @param {number[]} ids @param {number} version @param {() => void} [onAck] */
async function write(ids, version, onAck) {
  const objects = ids.map((id) => /** @type {[number, number]} */ ([id, version]));
  const acks = await forEachObject(SHELL_WRITE, objects, onAck);
  for (const id of acks.match(/\d+/g) ?? []) acknowledged.set(Number(id), version);
  const lost = ids.filter((id) => acknowledged.get(id) !== version);
  if (lost.length > 0) throw new Error(`not acknowledged: ${lost.join(" ")}`);
}

async function verify() {
  await forEachObject(SHELL_VERIFY, [...acknowledged]);
  const listed = (await tako(["rados", "-p", POOL, "ls"])).split("\n").filter((l) => l !== "");
  const wanted = [...acknowledged.keys()].map((id) => `obj-${id}`);
  const odd = symmetricDifference(listed, wanted);
  if (odd.length > 0) throw new Error(`rados ls does not agree about: ${odd.join(" ")}`);
}

/**
 * Runs `script` in mon0 with id and version as $1 and $2, for all in one `exec`, four at a time.
 * @param {string} script @param {[number, number][]} objects @param {() => void} [onOut]
 */
function forEachObject(script, objects, onOut) {
  const list = objects.map(([id, version]) => `${id} ${version}\n`).join("");
  const run = ["exec", "-T", "mon0", "xargs", "-P", "4", "-L", "1", "sh", "-c", script, "sh"];
  return compose(run, list, onOut);
}

/** @param {(s: Status) => boolean} holds */
async function until(holds) {
  const deadline = Date.now() + options.timeout * 1000;
  let last = "";
  for (;;) {
    const s = readStatus(await tako(["status", "-f", "json"]));
    const now = `${s.up}/${s.osds} up; ${s.states.map(([n, c]) => `${c} ${n}`).join(", ")}`;
    if (now !== last) say(`    ${now}`);
    last = now;
    if (holds(s)) return;
    if (interrupted) throw new Error("interrupted");
    if (Date.now() > deadline) throw new Error(`still "${now}" after ${options.timeout} s`);
    await sleep(300);
  }
}

/** @param {Status} s */
function isActive(s) {
  return s.pgs > 0 && count(s, (state) => state.split("+").includes("active")) === s.pgs;
}

/** @param {Status} s */
function isClean(s) {
  return s.pgs > 0 && count(s, (state) => state === "active+clean") === s.pgs;
}

/** @param {Status} s @param {(state: string) => boolean} wanted */
function count(s, wanted) {
  return s.states.reduce((sum, [name, n]) => (wanted(name) ? sum + n : sum), 0);
}

/** @param {string} text @returns {Status} */
function readStatus(text) {
  const { osdmap, pgmap } = JSON.parse(text);
  return {
    up: osdmap.num_up_osds,
    osds: osdmap.num_osds,
    pgs: pgmap.num_pgs,
    states: (pgmap.pgs_by_state ?? []).map(
      (/** @type {{ state_name: string, count: number }} */ s) => [s.state_name, s.count],
    ),
  };
}

async function showWhy() {
  for (const args of [
    ["ps", "-a"],
    ["exec", "-T", "mon0", "tako", "-s"],
    ["logs", "--tail", "15"],
  ]) {
    const text = await compose(args).catch((e) => String(e));
    process.stderr.write(`\n$ docker compose ${args.join(" ")}\n${text}\n`);
  }
}

// ---- tools -----------------------------------------------------------------

/** @param {string[]} args */
function tako(args) {
  return compose(["exec", "-T", "mon0", "tako", ...args]);
}

/**
 * Runs docker compose, resolves to its stdout, rejects with its stderr.
 * @param {string[]} args @param {string} [input] @param {() => void} [onOut]
 * @returns {Promise<string>}
 */
function compose(args, input = "", onOut = () => {}) {
  const all = ["compose", "-p", options.project, "--ansi", "never", ...args];
  const child = spawn("docker", all, {
    cwd: ROOT,
    env: { ...process.env, ...PORTS },
    // A Ctrl-C is for us: the steps end in order and the cluster is taken down.
    detached: true,
  });
  child.stdin.on("error", () => {}).end(input);
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    out += text;
    onOut();
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    err += text;
  });
  return new Promise((done, failed) => {
    child.on("error", (e) => failed(new Error(`cannot run docker: ${e.message}`)));
    child.on("close", (code) => {
      if (code === 0) return done(out);
      const why = err.trim().split("\n").slice(-30).join("\n");
      failed(new Error(`docker compose ${args[0]}: exit code ${code}\n${why}`));
    });
  });
}

/** @param {string} what @param {() => Promise<unknown>} run */
async function step(what, run) {
  if (interrupted) throw new Error("interrupted");
  say(`-- ${what}`);
  const from = Date.now();
  await run();
  say(`   ok, ${((Date.now() - from) / 1000).toFixed(1)} s`);
}

function say(/** @type {string} */ line) {
  process.stdout.write(`${line}\n`);
}

/** @param {number} from @param {number} to inclusive */
function range(from, to) {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** @param {string[]} a @param {string[]} b */
function symmetricDifference(a, b) {
  const [inA, inB] = [new Set(a), new Set(b)];
  return [...a.filter((x) => !inB.has(x)), ...b.filter((x) => !inA.has(x))].sort();
}
