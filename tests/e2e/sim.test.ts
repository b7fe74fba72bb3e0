/** The command line of the simulator, as people start it: processes, order, exit codes. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../../packages/sim/dist/main.js", import.meta.url));
function sim(...args: string[]) {
  const r = spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });
  return { code: r.status, out: r.stdout, err: r.stderr };
}
/** Without what depends on the machine. */
const timeless = (out: string) => out.replace(/^time .*$/m, "");

test("side by side, one after the other, watched: the same event logs, in the same order", () => {
  const runs = ["--seeds", "1-4", "--seconds", "2", "--hashes"];
  const two = sim(...runs, "--jobs", "2");
  expect(two).toMatchObject({ code: 0, err: "" });
  expect(two.out).toContain("4 passed, 0 failed");
  const hashes = two.out.match(/^\d+ \d+-[0-9a-f]+$/gm) ?? [];
  expect(hashes.map((l) => l.split(" ")[0])).toEqual(["1", "2", "3", "4"]);
  const one = sim(...runs, "--jobs", "1", "--twice");
  expect(timeless(one.out)).toBe(timeless(two.out));

  const watched = sim("--seed", "3", "--seconds", "2", "--trace");
  expect(watched.code).toBe(0);
  expect(watched.out.trimEnd().split("\n").at(-1)).toContain(hashes[2]?.split(" ")[1]);
});

test("a run that fails says how to repeat it, and the exit code tells", () => {
  const r = sim("--seeds", "1-2", "--seconds", "5", "--plant", "ack_before_commit");
  expect(r.code).toBe(1);
  expect(r.out).toMatch(/^seed 1 FAILED: I10/m);
  const repeat = /^repeat: npm run sim -- (--seed 1 .*) --trace$/m.exec(r.out)?.[1] ?? "";
  const again = sim(...repeat.split(" "));
  expect(again.code).toBe(1);
  expect(again.out).toContain("seed 1 FAILED: I10");
});

test("a look at a moment of a run", () => {
  const r = sim("--seed", "1", "--until", "4", "--inspect", "pg=1.0", "--inspect", "mon");
  expect(r.code).toBe(0);
  expect(r.out).toContain("stopped at 4.000 s");
  expect(r.out).toContain('"pgid": "1.0"');
  expect(r.out).toContain('"osdmap"');
});

test("wrong arguments", () => {
  const r = sim("--seeds", "9-1");
  expect(r).toMatchObject({ code: 2, out: "" });
  expect(r.err).toContain("sim: --seeds 9-1: the range is empty");
});
