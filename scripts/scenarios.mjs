// @ts-check
/**
 * The named scenarios, each with its verdict: those of the specification in order, others that were
 * found on the way, and those of Ceph's own tests. A scenario is one or more transcripts in
 * packages/sim/testdata, which must come out as written, or a test of its own; one of Ceph's may be
 * "n/a" in docs/scenarios.md, with the reason. Last line: "N passed, N failed"; exits 1 on any, and for
 * a scenario that nothing covers.
 *
 *     npm run scenarios [-- NAME...]      NAME: part of a name, or a number; `ceph`: all of Ceph's
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { prepare, ROOT } from "./lib/prepare.mjs";

const DIR = join(ROOT, "packages/sim/testdata");
// biome-ignore format: ten a line
const NAMES = [
  "create", "create-primary-dies", "replica-down", "replica-back-log", "replica-back-trimmed",
  "primary-down-clean", "divergent-modify", "divergent-create", "divergent-delete", "divergent-same-number",
  "divergent-missing", "unacked-on-one-replica", "unacked-on-nonprimary", "min-size-block", "down-only-rw-gone",
  "up-thru-harmless", "up-thru-not-needed-clean", "mark-osd-lost", "osd-removed", "incomplete-copies",
  "incomplete-les", "incomplete-minsize", "no-overlap-replica", "tail-extension", "pg-temp-handover",
  "pg-temp-empty-log", "pg-temp-member-dies", "pg-temp-request-lost", "pg-temp-all-down", "backfill-target-dies",
  "backfill-target-late", "backfill-vs-write", "backfill-toofull", "reservation-serial", "source-dies-in-pull",
  "unfound-wait", "unfound-revert", "unfound-delete", "unfound-not-queried", "dup-after-failover",
  "dup-trimmed", "flapping", "primary-flap-in-peering", "crash-in-activation", "all-restart",
  "wrongly-marked-down", "partitioned-primary", "old-incarnation-message", "map-ahead-replica", "map-behind-replica",
  "map-gap", "corrupt-incremental", "query-nonexistent", "stray-helps", "stray-return-after-clean",
  "stray-removal-race", "split-idle", "split-during-recovery", "split-while-down", "split-dup",
  "split-twice", "pool-delete-in-peering", "min-size-lowered", "ec-rollback", "ec-shard-move",
  "ec-below-min", "scrub-repair", "torn-store-write", "mon-failover", "flags",
  "size-change",
];
/** Scenarios that vary something at every step are tests. @type {Readonly<Record<number, string>>} */
const TESTS = {
  45: "packages/sim/src/scenarios/all_restart.test.ts",
  68: "packages/sim/src/scenarios/torn_store_write.test.ts",
};
/** One that is a decision rather than a story. @type {Readonly<Record<string, string>>} */
const CEPH_TESTS = {
  "doc-activation-only-on-incomplete": "packages/osd/src/peering/choose_acting.test.ts",
};

await prepare();
const { run_transcript } = await import("../packages/sim/dist/scenarios/run_transcript.js");

const wanted = process.argv.slice(2);
const files = readdirSync(DIR).filter((f) => f.endsWith(".txt"));
let passed = 0;
let failed = 0;

for (const [i, name] of NAMES.entries()) await scenario(i + 1, name);
for (const f of files) {
  const n = numbered(f);
  if (n >= 1 && n <= NAMES.length) continue;
  if (is_wanted(0, f)) await transcript("  ", f);
}
for (const row of ceph_rows()) {
  if (is_wanted(0, row.id) || wanted.includes("ceph")) await ceph_scenario(row);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

/** @param {string} file */
function numbered(file) {
  return Number.parseInt(file, 10);
}
/** @param {number} n @param {string} name */
async function scenario(n, name) {
  if (!is_wanted(n, name)) return;
  const mine = files.filter((f) => numbered(f) === n);
  const label = String(n).padStart(2);
  const test = TESTS[n];
  for (const f of mine) await transcript(label, f);
  if (test !== undefined) verdict(label, `${name} (${test})`, run_test(test));
  else if (mine.length === 0) verdict(label, name, "nothing covers it");
}

/** @param {number} n @param {string} name */
function is_wanted(n, name) {
  return (
    wanted.length === 0 ||
    wanted.some((w) => (/^\d+$/.test(w) ? Number(w) === n : name.includes(w)))
  );
}

/**
 * The table of docs/scenarios.md, without the numbered ones.
 * @returns {{ id: string, title: string, verdict: string, why: string }[]}
 */
function ceph_rows() {
  const rows = readFileSync(join(ROOT, "docs/scenarios.md"), "utf8").split("\n");
  return rows.flatMap((row) => {
    const [, id = "", title = "", verdict = "", why = ""] = row.split("|").map((x) => x.trim());
    const is_row = /^[a-z][a-z0-9-]+$/.test(id) && /^(covered|partly|open|n\/a)$/.test(verdict);
    return is_row ? [{ id, title, verdict, why }] : [];
  });
}
/** @param {{ id: string, title: string, verdict: string, why: string }} row */
async function ceph_scenario({ id, title, verdict: said, why }) {
  const mine = readdirSync(join(DIR, "ceph")).filter((f) => f.replace(/(--.*)?\.txt$/, "") === id);
  for (const f of mine) await transcript("  ", `ceph/${f}`);
  const test = CEPH_TESTS[id];
  if (test !== undefined) verdict("  ", `${id} (${test})`, run_test(test));
  if (mine.length > 0 || test !== undefined) return;
  if (said === "n/a" && why !== "") console.log(`   n/a    ${id}: ${why}`);
  else verdict("  ", id, `nothing covers it: ${title}`);
}

/** @param {string} label @param {string} file */
async function transcript(label, file) {
  const text = readFileSync(join(DIR, file), "utf8");
  try {
    const seen = await run_transcript(text);
    verdict(label, file.replace(/\.txt$/, ""), seen === text ? undefined : difference(text, seen));
  } catch (e) {
    verdict(label, file, e instanceof Error ? e.message : String(e));
  }
}

/** @param {string} want @param {string} seen */
function difference(want, seen) {
  const a = want.split("\n");
  const b = seen.split("\n");
  const i = a.findIndex((line, k) => line !== b[k]);
  return `line ${i + 1}: expected: ${a[i]}\n      seen:     ${b[i]}`;
}

/** @param {string} file */
function run_test(file) {
  const run = spawnSync("npx", ["vitest", "run", file], { cwd: ROOT, encoding: "utf8" });
  return run.status === 0 ? undefined : `${run.stdout}${run.stderr}`;
}

/** @param {string} label @param {string} name @param {string | undefined} wrong */
function verdict(label, name, wrong) {
  if (wrong === undefined) passed++;
  else failed++;
  console.log(
    `${label} ${wrong === undefined ? "ok    " : "FAILED"} ${name}${wrong ? `\n      ${wrong}` : ""}`,
  );
}
