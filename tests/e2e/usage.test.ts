/** Wrong options of daemons: one line that names what is wrong, exit code 2, nothing made. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { free_ports } from "./cluster.ts";
import { exit_of, run } from "./daemon.ts";

const dir = mkdtempSync(join(tmpdir(), "tako-usage-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
async function outcome(
  service: "mon" | "osd",
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Outcome> {
  const p = run(service, args, env);
  const out = { stdout: "", stderr: "" };
  p.stdout?.on("data", (b) => (out.stdout += String(b)));
  p.stderr?.on("data", (b) => (out.stderr += String(b)));
  const { code } = await exit_of(p);
  return { code, ...out };
}

test("wrong usage is one line and exit code 2", { timeout: 60_000 }, async () => {
  const conf = join(dir, "bad.conf");
  writeFileSync(conf, "[osd]\nosd_heartbeat_grcae = 5\n");
  const data = `--data=${join(dir, "data")}`;
  const usual = ["--id=0", data, "--mon-host=127.0.0.1:1"];
  const cases: [string[], RegExp, Record<string, string>?][] = [
    [[data], /--id is missing/],
    [["--id=0", "--mon-host=127.0.0.1:1"], /--data is missing/],
    [["--id=0", data], /mon_host|monitor/],
    [
      [...usual, "--osd-heartbeat-grcae=5"],
      /osd-heartbeat-grcae.*did you mean --osd-heartbeat-grace/,
    ],
    [[...usual, "--listen=nowhere:99999"], /listen.*nowhere:99999/],
    [[...usual, "--crush-location=root"], /crush_location.*"root"/],
    [[...usual, `--config=${conf}`], /bad\.conf.*osd_heartbeat_grcae/],
    [usual, /TAKO_OSD_HEARTBEAT_GRACE|osd_heartbeat_grace/, { TAKO_OSD_HEARTBEAT_GRACE: "soon" }],
  ];
  const outcomes = await Promise.all(cases.map(([args, , env]) => outcome("osd", args, env)));
  for (const [i, [args, says]] of cases.entries()) {
    const o = outcomes[i] as Outcome;
    expect({ args, ...o }).toMatchObject({ args, code: 2, stderr: expect.stringMatching(says) });
    expect(o.stderr.trimEnd().split("\n").length).toBe(1);
    expect(o.stderr + o.stdout).not.toMatch(/\n\s+at /);
  }
  expect(existsSync(join(dir, "data"))).toBe(false);
});

test("a port that is taken is refused in one line", async () => {
  const [port] = await free_ports(1);
  const args = (n: number) => [
    "--id=a",
    `--data=${join(dir, `mon${n}`)}`,
    `--listen=127.0.0.1:${port}`,
  ];
  const first = run("mon", args(1));
  try {
    await new Promise<void>((ok) => {
      first.stdout?.on("data", (b) => String(b).includes("daemon_running") && ok());
    });
    const o = await outcome("mon", args(2));
    expect(o.stderr).toMatch(
      new RegExp(`^tako-mon: cannot listen on 127.0.0.1:${port}: .*EADDRINUSE.*\n$`),
    );
    expect(o.code).toBe(1);
  } finally {
    first.kill("SIGKILL");
  }
});
