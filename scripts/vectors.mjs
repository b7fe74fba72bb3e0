// @ts-check
/**
 * Compares our placement with what Ceph's own tools computed: packages/common/testdata/vectors, or
 * another folder of that format. Last line: "N passed, N failed"; exits 1 on any, or if there was
 * nothing to compare.
 *
 *     npm run vectors
 *     VECTORS_DIR=/some/folder npm run vectors      the folder placement/, or the one that it is in
 */
import { join, resolve } from "node:path";
import { fail, prepare, ROOT } from "./lib/prepare.mjs";

/** Differences that are shown; the rest is only counted. */
const SHOWN = 20;

await prepare();
const { checkPlacement, isPlacement } = await import("./vectors_placement.mjs");

// npm runs us in the checkout, whatever folder it was called in.
const from = process.env.INIT_CWD ?? process.cwd();
const given = process.env.VECTORS_DIR;
const dir = given ? resolve(from, given) : join(ROOT, "packages/common/testdata/vectors");
const placement = [join(dir, "placement"), dir].find(isPlacement);
if (placement === undefined) {
  fail(`no placement vectors in ${dir}: object_hash.json, crush/ and osdmap/ should be there`, 2);
} else {
  let passed = 0;
  let failed = 0;
  const before = process.cpuUsage();
  /** @type {import("./vectors_placement.mjs").Report} */
  const report = (what, difference) => {
    if (difference === undefined) passed++;
    else if (++failed <= SHOWN) console.log(`FAILED ${what}\n  ${difference}`);
    else if (failed === SHOWN + 1) console.log("... more differences are not shown");
  };
  // Our own are all there. Of others we may have got a part.
  checkPlacement(placement, report, (text) => {
    if (given) console.log(`${text} in ${placement}`);
    else report(text, `in ${placement}`);
  });
  const { user, system } = process.cpuUsage(before);
  console.log(`${((user + system) / 1e6).toFixed(1)} s of CPU for ${placement}`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}
