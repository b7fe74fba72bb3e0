/** `tako` as a person uses it: real processes, exit codes, what goes to which stream. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const top = mkdtempSync(join(tmpdir(), "tako-cli-e2e-"));
const dir = join(top, "c");

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}
function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((ok) => {
    const o = { cwd: top, env: { ...process.env, ...env }, encoding: "utf8" } as const;
    execFile(process.execPath, [MAIN, ...args], { ...o, maxBuffer: 1 << 28 }, (e, out, err) => {
      ok({ code: e === null ? 0 : typeof e.code === "number" ? e.code : -1, out, err });
    });
  });
}
const tako = (...args: string[]) => run(["--dir", dir, ...args]);

/** Waits for a condition, with a limit that only a fault reaches. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await sleep(100);
  }
}
function exit_of(p: ChildProcess): Promise<number | null> {
  return new Promise((ok) => p.once("exit", (code) => ok(code)));
}

beforeAll(async () => {
  const r = await tako("cluster", "start", "--osds", "3", "--pool", "test", "--detach");
  expect(r, r.err).toMatchObject({ code: 0 });
  expect(r.out).toContain("health: HEALTH_OK");
  expect(r.err).toContain("Stop it with:");
});
afterAll(async () => {
  await tako("cluster", "stop");
  rmSync(top, { recursive: true, force: true });
});

test("an object goes in and comes out byte for byte; errors carry the errno", async () => {
  const file = join(top, "object");
  const bytes = Uint8Array.from({ length: 9_000_000 }, (_, i) => (i * 31) & 0xff);
  writeFileSync(file, bytes);
  expect(await tako("rados", "-p", "test", "put", "big", file)).toMatchObject({ code: 0, err: "" });
  expect(await tako("rados", "-p", "test", "get", "big", `${file}.out`)).toMatchObject({ code: 0 });
  expect(readFileSync(`${file}.out`).equals(bytes)).toBe(true);
  expect(await tako("rados", "-p", "test", "get", "none", "-")).toEqual({
    code: 2,
    out: "",
    err: "error getting test/none: (2) No such file or directory\n",
  });
  expect(await tako("osd", "find", "9")).toMatchObject({ code: 2, out: "" });
});

test("a reader that closes the pipe early is no error", async () => {
  const script = `"${process.execPath}" "${MAIN}" --dir "${dir}" pg dump | head -1; echo \${PIPESTATUS[0]}`;
  const r = await new Promise<Ran>((ok) => {
    execFile("bash", ["-c", script], { encoding: "utf8" }, (e, out, err) => {
      ok({ code: e ? 1 : 0, out, err });
    });
  });
  expect(r.out).toMatch(/^version \d+\n0\n$/);
  expect(r.err.replace("dumped all\n", "")).toBe("");
});

test("kill, see it, restart, clean again; -w shows it and ends with 130", async () => {
  const watch = spawn(process.execPath, [MAIN, "--dir", dir, "-w"], { stdio: "pipe" });
  let seen = "";
  watch.stdout.on("data", (d) => {
    seen += d;
  });
  await until("the status of -w", async () => seen.includes("pgs:"));
  expect(await tako("cluster", "kill", "osd.1")).toMatchObject({ code: 0, out: "" });
  await until("osd.1 down", async () => (await tako("osd", "tree", "down")).out.includes("osd.1"));
  await until("a line in -w", async () => /\[\w+\] osdmap e\d+: 3 total, 2 up/.test(seen));
  expect((await tako("health", "detail")).out).toContain("[WRN] OSD_DOWN: 1 osds down");
  expect(await tako("cluster", "restart", "osd.1")).toMatchObject({ code: 0, out: "" });
  await until("clean", async () => {
    const { out } = await tako("-s", "-f", "json");
    const { health, pgmap } = JSON.parse(out);
    return health.status === "HEALTH_OK" && pgmap.pgs_by_state.length === 1;
  });
  watch.kill("SIGINT");
  expect(await exit_of(watch)).toBe(130);
});

test("logs: one JSON object a line in a pipe, chosen by event", async () => {
  const { code, out } = await tako("cluster", "logs", "osd.1", "--event", "osd_boot");
  expect(code).toBe(0);
  const lines = out.trimEnd().split("\n");
  expect(lines.length).toBeGreaterThanOrEqual(2);
  for (const l of lines) expect(JSON.parse(l)).toMatchObject({ msg: "osd_boot", name: "osd.1" });
});

test("no cluster, a stopped one, and one that cannot start", async () => {
  const none = await run(["-s"], { TAKO_DIR: "", TAKO_MON_HOST: "" });
  expect(none).toMatchObject({ code: 3, out: "" });
  expect(none.err).toMatch(/^Error: no cluster here: start one with 'tako cluster start'.*\n$/);
  const other = join(top, "other");
  const args = ["--dir", other, "cluster", "start", "--osds", "1", "--store", "mem", "--detach"];
  expect(await run(args)).toMatchObject({ code: 0 });
  expect(await run(["--dir", other, "cluster", "stop"])).toMatchObject({ code: 0, out: "" });
  expect(await run(["--dir", other, "-s"])).toEqual({
    code: 3,
    out: "",
    err: `Error: the monitor of ${other} is not running: 'tako cluster start' starts it\n`,
  });
  writeFileSync(join(other, "tako.conf"), "[global]\nmon_host = 127.0.0.1:1\nno_such_option = 1\n");
  const broken = await run(["--dir", other, "cluster", "start", "--detach"]);
  expect(broken.code).not.toBe(0);
  expect(broken.err.trimEnd().split("\n").at(-1)).toMatch(/^Error \w+: .*no_such_option/);
  expect(broken.err).not.toMatch(/\n {4}at /);
  await run(["--dir", other, "cluster", "stop"]);
});
