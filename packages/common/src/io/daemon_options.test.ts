import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  HelpShown,
  listen_of,
  mon_hosts_of,
  parse_daemon_args,
  UsageError,
} from "./daemon_options.ts";

function parse(argv: string[], env: Record<string, string> = {}, service: "mon" | "osd" = "osd") {
  return parse_daemon_args(service, "1.2.3", argv, env);
}
function shown(argv: string[], env: Record<string, string> = {}): string {
  try {
    parse(argv, env);
  } catch (e) {
    if (e instanceof UsageError) return e.message;
    if (e instanceof HelpShown) return `stdout: ${e.message}`;
    throw e;
  }
  return "accepted";
}

it("takes options from the file, then the environment, then the command line", () => {
  const dir = mkdtempSync(join(tmpdir(), "tako-"));
  const file = join(dir, "tako.conf");
  writeFileSync(file, "[osd]\nosd_data = /f\nosd_heartbeat_grace = 7\nmon_host = m1,m2:7000\n");
  const env = { TAKO_ID: "3", TAKO_CONFIG: file, TAKO_OSD_HEARTBEAT_GRACE: "8", TAKO_DATA: "/e" };
  const o = parse(["--osd_heartbeat_interval=2", "--osd-max-backfills", "4"], env);
  expect([o.command, o.id, o.name]).toEqual(["run", "3", "osd.3"]);
  expect(o.config.diff().map((r) => `${r.name}=${r.value} ${r.source}`)).toEqual([
    "mon_host=m1,m2:7000 file",
    "osd_data=/e env",
    "osd_heartbeat_grace=8 env",
    "osd_heartbeat_interval=2 cmdline",
    "osd_max_backfills=4 cmdline",
  ]);
  expect(mon_hosts_of(o.config)).toEqual([
    { host: "m1", port: 6789 },
    { host: "m2", port: 7000 },
  ]);
  expect(parse(["--data", "/c"], env).config.get("osd_data")).toBe("/c");
  rmSync(dir, { recursive: true });
});

it("says in one line what is wrong with the usage", () => {
  expect(shown([])).toBe("--id is missing");
  expect(shown(["--id", "x"])).toBe('--id "x" is no osd id');
  expect(shown(["--id", "1", "--osd-hartbeat-grace", "5"])).toBe(
    "unknown option '--osd-hartbeat-grace'; did you mean --osd-heartbeat-grace?",
  );
  expect(shown(["--id", "1", "--osd-heartbeat-grace", "soon"])).toMatch(
    /^option osd_heartbeat_grace must be a time in seconds/,
  );
  expect(shown(["--id", "1"], { TAKO_OSD_GRACE: "1" })).toMatch(/^TAKO_OSD_GRACE: unknown option/);
  expect(shown(["--id", "1", "--config", "/nowhere"])).toMatch(
    /^cannot read the configuration file \/nowhere/,
  );
  expect(shown(["--id"])).toBe("option '--id <id>' argument missing");
  expect(shown(["--id", "1", "run"])).toBe("unexpected argument run; see --help");
  for (const line of [shown([]), shown(["--id", "x"])]) expect(line).not.toMatch("\n");
});

it("prints help, version and the table of options", () => {
  expect(shown(["--version"])).toBe("stdout: 1.2.3\n");
  expect(shown(["--help"])).toMatch("--mon-host <value>");
  expect(shown(["options"])).toMatch(/^osd_heartbeat_grace +secs +20 +A peer silent/m);
});

it("knows where to listen", () => {
  const listen = (...a: string[]) => listen_of("mon", parse(["--id", "a", ...a], {}, "mon").config);
  expect(listen()).toEqual({ host: "127.0.0.1", port: 6789 });
  expect(listen("--listen", "[::1]:99")).toEqual({ host: "::1", port: 99 });
  expect(() => listen("--listen", "a b")).toThrow('listen must be host:port, got "a b"');
  expect(parse(["healthcheck", "--listen", "h:1"]).command).toBe("healthcheck");
});
