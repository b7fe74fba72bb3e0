/** The `tako` command as a person uses it: data on stdout, words on stderr, errno as exit code. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { free_ports } from "./cluster.ts";

const TAKO = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
function tako(args: readonly string[], input: string | Uint8Array = ""): Promise<Outcome> {
  const env = { PATH: process.env.PATH ?? "" };
  const p = spawn(process.execPath, [TAKO, ...args], { env });
  const out = { stdout: "", stderr: "" };
  p.stdout.setEncoding("latin1").on("data", (s: string) => (out.stdout += s));
  p.stderr.setEncoding("utf8").on("data", (s: string) => (out.stderr += s));
  p.stdin.on("error", () => {});
  p.stdin.end(input);
  return new Promise((ok) => p.once("close", (code) => ok({ code, ...out })));
}

test("a local cluster from start to stop", async () => {
  const tmp = mkdtempSync(join(tmpdir(), "tako-cli-"));
  const dir = join(tmp, "cluster");
  onTestFinished(() => {
    slay(dir);
    rmSync(tmp, { recursive: true, force: true });
  });
  const at = ["--dir", dir];
  const start = await tako([...at, "cluster", "start", "--pool", "test", "--detach"]);
  expect(start).toMatchObject({ code: 0 });

  const status = await tako([...at, "-s", "-f", "json"]);
  expect(status).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(status.stdout)).toMatchObject({
    osdmap: { num_osds: 3, num_up_osds: 3 },
    pgmap: { num_pgs: 32, pgs_by_state: [{ state_name: "active+clean", count: 32 }] },
  });
  const [plain, tree] = await Promise.all([tako([...at, "-s"]), tako([...at, "osd", "tree"])]);
  expect(plain).toMatchObject({ code: 0, stdout: expect.stringMatching(/32 +active\+clean/) });
  expect(tree.stdout.match(/osd\.\d +up/g)?.length).toBe(3);

  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 31) & 255));
  const put = await tako([...at, "rados", "-p", "test", "put", "thing", "-"], bytes);
  expect(put).toMatchObject({ code: 0, stdout: "" });
  const [get, none, command, nobody] = await Promise.all([
    tako([...at, "rados", "-p", "test", "get", "thing", "-"]),
    tako([...at, "rados", "-p", "test", "get", "nothing", "-"]),
    tako([...at, "osd", "pool", "frobnicate"]),
    tako(["-m", `127.0.0.1:${(await free_ports(1))[0]}`, "--connect-timeout", "1", "-s"]),
  ]);
  expect(get.code).toBe(0);
  expect(Buffer.from(get.stdout, "latin1").equals(bytes)).toBe(true);
  expect(none).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/nothing/) });
  expect(command).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/frobni/) });
  expect(nobody).toMatchObject({ code: 3, stdout: "" });
  for (const o of [none, command, nobody]) expect(o.stderr.trimEnd().split("\n").length).toBe(1);

  expect(await tako([...at, "cluster", "kill", "osd.1"])).toMatchObject({ code: 0 });
  const logs = await tako([...at, "cluster", "logs", "--event", "osd_boot"]);
  expect(
    new Set(
      logs.stdout
        .trimEnd()
        .split("\n")
        .map((l) => JSON.parse(l).name),
    ).size,
  ).toBe(3);
  expect(await tako([...at, "cluster", "stop"])).toMatchObject({ code: 0 });
  const after = await tako([...at, "cluster", "stop"]);
  expect(after).toMatchObject({ code: 0 });
});

/** Ends what a failed test left running. */
function slay(dir: string): void {
  for (const { pid } of daemons_of(dir)) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(dir)) process.kill(pid, "SIGKILL");
    } catch {
      // Gone already.
    }
  }
}
function daemons_of(dir: string): { pid: number }[] {
  const file = join(dir, "cluster.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).daemons : [];
}
