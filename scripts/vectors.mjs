// @ts-check
/**
 * Compares us with the conformance vectors: placement with what Ceph's own tools computed
 * (packages/common/testdata/vectors and vectors-more), peering decisions with what Ceph's unit tests state
 * (packages/osd/testdata/vectors; the tests named "... vectors"). Or with those of another folder of
 * that format; prose there that no test understands is listed, and not counted. Last line:
 * "N passed, N failed"; exits 1 on any, or if there was nothing to compare.
 *
 *     npm run vectors
 *     VECTORS_DIR=/some/folder npm run vectors      the folder with placement/ and peering/, or one of them
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fail, prepare, ROOT } from "./lib/prepare.mjs";

/** Differences that are shown; the rest is only counted. */
const SHOWN = 20;
/** Random maps of our own making, answered by Ceph's tools: no names among them. */
const MORE = "packages/common/testdata/vectors-more/placement";

await prepare();
const { checkPlacement, isPlacement } = await import("./vectors_placement.mjs");

// npm runs us in the checkout, whatever folder it was called in.
const from = process.env.INIT_CWD ?? process.cwd();
const given = process.env.VECTORS_DIR;
const dir = given ? resolve(from, given) : join(ROOT, "packages/common/testdata/vectors");
const placement = [join(dir, "placement"), dir].find(isPlacement);
const peering = given === undefined || has_peering(dir);
let passed = 0;
let failed = 0;
/** @type {import("./vectors_placement.mjs").Report} */
const report = (what, difference) => {
  if (difference === undefined) passed++;
  else if (++failed <= SHOWN) console.log(`FAILED ${what}\n  ${difference}`);
  else if (failed === SHOWN + 1) console.log("... more differences are not shown");
};

if (placement === undefined && !peering) {
  fail(`no vectors in ${dir}: placement/ (object_hash.json, crush/, osdmap/) or peering/`, 2);
} else {
  if (placement !== undefined) check_placement(placement);
  if (given === undefined) check_placement(join(ROOT, MORE));
  if (peering) check_peering();
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

/** @param {string} placement */
function check_placement(placement) {
  const before = process.cpuUsage();
  // Our own are all there. Of others we may have got a part.
  checkPlacement(placement, report, (text) => {
    if (placement.endsWith(MORE)) return;
    if (given) console.log(`${text} in ${placement}`);
    else report(text, `in ${placement}`);
  });
  const { user, system } = process.cpuUsage(before);
  console.log(`${((user + system) / 1e6).toFixed(1)} s of CPU for ${placement}`);
}

/** @param {string} folder */
function has_peering(folder) {
  const topics = [
    "log_merge",
    "log_cases",
    "intervals",
    "prior_set",
    "missing_set",
    "osdmap_rules",
  ];
  const dirs = [join(folder, "peering"), folder];
  return dirs.some((d) => topics.some((t) => existsSync(join(d, `${t}.json`))));
}

/** The unit tests that read them, with their verdicts counted. */
function check_peering() {
  const args = [
    "vitest",
    "run",
    "packages/osd",
    "vectors.test",
    "-t",
    "vectors",
    "--reporter=json",
  ];
  const env = { ...process.env, ...(given && { VECTORS_DIR: dir }) };
  const run = spawnSync("npx", args, { cwd: ROOT, env, encoding: "utf8", maxBuffer: 1 << 28 });
  const start = run.stdout.indexOf("{");
  if (start < 0) {
    report("peering", run.stderr);
    return;
  }
  for (const file of JSON.parse(run.stdout.slice(start)).testResults) {
    if (file.assertionResults.length === 0 && file.message) report(file.name, file.message);
    for (const t of file.assertionResults) {
      if (t.status === "passed") report(t.fullName);
      else if (t.status === "failed") report(t.fullName, t.failureMessages[0]);
    }
  }
}
