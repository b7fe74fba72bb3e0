/** A scenario file of the simulator, played with real processes. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const TAKO = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const FILE = fileURLToPath(
  new URL("../../packages/sim/testdata/15-down-only-rw-gone.txt", import.meta.url),
);

test("a PG is down while the only OSD that knows better is dead", () => {
  const r = spawnSync(process.execPath, [TAKO, "drill", FILE], { encoding: "utf8" });
  expect(r.stderr).toContain("assert state down");
  expect(r.stderr).toContain("assert result r v2");
  expect([r.status, r.stdout]).toEqual([0, expect.stringContaining("passed")]);
});

test("what was never written is not there", () => {
  const input = "cluster osds=2\npool p size=2 min_size=1\nwrite x v1\nexpect x v2\n";
  const r = spawnSync(process.execPath, [TAKO, "drill", "-"], { encoding: "utf8", input });
  expect(r.stderr).toContain("line 4: expect x v2: x is 'v1', not 'v2'");
  expect(r.status).not.toBe(0);
});
