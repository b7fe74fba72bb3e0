/** A scenario file of the simulator, played with real processes. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

test("a file of a seeded run: its load, the faults that processes can have, its history", () => {
  const input = [
    "sim seed=5 profile=quick seconds=5 osds=3 pools=two clients=2 hot=1 cold=4 ops_per_second=8",
    "at 500ms kill_osd 17",
    "at 900ms one_way_partition 3",
    "at 2s restart_osd 18",
    "at 2500ms mark_down 19",
    "at 3s flag 20",
    "holds\n",
  ].join("\n");
  const r = spawnSync(process.execPath, [TAKO, "drill", "-"], { encoding: "utf8", input });
  expect(r.stderr).toContain("not an exact repeat");
  expect(r.stderr).toContain("cannot be cut off from each other here: 900 ms one_way_partition");
  expect(r.stderr).toMatch(/kill osd\.\d/);
  expect(r.stderr).toContain("history: ok");
  expect([r.status, r.stdout]).toEqual([0, expect.stringMatching(/holds, \d of 5 strikes/)]);
});

test("a drill that is interrupted leaves neither daemons nor files", async () => {
  const tmp = mkdtempSync(join(tmpdir(), "tako-e2e-drill-"));
  const env = { ...process.env, TMPDIR: tmp };
  const drill = spawn(process.execPath, [TAKO, "drill", "-"], { env });
  drill.stdin.end("cluster osds=2\npool p size=2 min_size=1\nwait down A\n");
  let shown = "";
  for await (const text of drill.stderr.setEncoding("utf8")) {
    shown += text;
    if (shown.includes(" pool p ")) break;
  }
  expect(shown).toContain(" pool p ");
  const exit = once(drill, "exit");
  drill.kill("SIGINT");
  expect(await exit).toEqual([130, null]);
  await expect.poll(() => daemons_in(tmp), { timeout: 10_000 }).toEqual([]);
  expect(readdirSync(tmp)).toEqual([]);
  rmdirSync(tmp);
});

/** Command lines of processes that have to do with the directory. */
function daemons_in(dir: string): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      return line.includes(dir) ? [line] : [];
    } catch {
      // No process, or it has ended meanwhile.
      return [];
    }
  });
}
