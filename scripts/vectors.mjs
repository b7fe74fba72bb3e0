// @ts-check
/**
 * Compares our placement with what Ceph's own tools computed: packages/common/testdata/vectors, or
 * another folder of that format in VECTORS_DIR. Last line: "N passed, N failed"; exits 1 on any.
 *
 *     npm run vectors
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fail, prepare, ROOT } from "./lib/prepare.mjs";

/** Differences that are shown; the rest is only counted. */
const SHOWN = 20;

await prepare();
const { checkPlacement } = await import("./vectors_placement.mjs");

const dir = process.env.VECTORS_DIR ?? join(ROOT, "packages/common/testdata/vectors");
const placement = [join(dir, "placement"), dir].find((d) =>
  existsSync(join(d, "crush/index.json")),
);
if (placement === undefined) fail(`no placement vectors in ${dir}`, 2);
else {
  let passed = 0;
  let failed = 0;
  const before = process.cpuUsage();
  /** @type {import("./vectors_placement.mjs").Report} */
  const report = (what, difference) => {
    if (difference === undefined) passed++;
    else if (++failed <= SHOWN) console.log(`FAILED ${what}\n  ${difference}`);
    else if (failed === SHOWN + 1) console.log("... more differences are not shown");
  };
  await checkPlacement(placement, report);
  const { user, system } = process.cpuUsage(before);
  console.log(`${((user + system) / 1e6).toFixed(1)} s of CPU for ${placement}`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
