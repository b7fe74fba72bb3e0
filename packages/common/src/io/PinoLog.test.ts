import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { PinoLog, stdout_by_turns } from "./PinoLog.ts";

function open() {
  const lines: string[] = [];
  const log = PinoLog.open({ service: "osd", name: "osd.0" }, "info", {
    write: (s: string) => lines.push(s),
  });
  return { log, lines, events: () => lines.splice(0).map((l) => JSON.parse(l).msg) };
}

it("writes one JSON object a line, with level, time, service, name and what is bound", () => {
  const { log, lines } = open();
  log.child({ subsys: "peering", pg: "1.0" }).info({ epoch: 4 }, "pg_state");
  const line = JSON.parse(lines[0] ?? "");
  expect(Date.parse(line.time)).toBeGreaterThan(0);
  expect({ ...line, time: "" }).toEqual({
    level: "info",
    time: "",
    service: "osd",
    name: "osd.0",
    subsys: "peering",
    pg: "1.0",
    epoch: 4,
    msg: "pg_state",
  });
});

it("changes the level of a subsystem while it runs, children of children included", () => {
  const { log, events } = open();
  const peering = log.child({ subsys: "peering" });
  const pg = peering.child({ pg: "1.0" });
  const store = log.child({ subsys: "store" });
  const speak = () => {
    for (const l of [log, pg, store]) l.debug({}, l === pg ? "pg" : l === log ? "log" : "store");
    return events();
  };
  expect(speak()).toEqual([]);
  log.set_level("debug", "peering");
  expect(speak()).toEqual(["pg"]);
  expect([pg.enabled("debug"), store.enabled("debug")]).toEqual([true, false]);
  log.set_level("debug");
  expect(speak()).toEqual(["log", "pg", "store"]);
  log.set_level("warn", "store");
  expect(speak()).toEqual(["log", "pg"]);
  expect(log.get_levels()).toEqual({ all: "debug", peering: "debug", store: "warn" });
  expect(() => log.set_level("loud")).toThrow('no log level "loud"');
  expect(() => log.set_level("debug", "peerin")).toThrow(
    'no subsystem "peerin"; there are peering, store',
  );
});

it("writes the lines of a turn at its end, big ones before, and waits for no disk", async () => {
  const dir = fs.mkdtempSync(join(tmpdir(), "tako-log-"));
  const file = join(dir, "log");
  const fd = fs.openSync(file, "a");
  const size = () => fs.statSync(file).size;
  const fsync = vi.spyOn(fs, "fsyncSync");
  try {
    const out = stdout_by_turns(fd);
    out.write("a\n");
    out.write("b\n");
    expect(size()).toBe(0);
    await Promise.resolve();
    expect(fs.readFileSync(file, "utf8")).toBe("a\nb\n");
    out.write(`${"c".repeat(1 << 16)}\n`);
    expect(size()).toBeGreaterThan(1 << 16);
    out.write("d\n");
    await Promise.resolve();
    expect(fs.readFileSync(file, "utf8").endsWith("c\nd\n")).toBe(true);
    expect(fsync).not.toHaveBeenCalled();
  } finally {
    fsync.mockRestore();
    fs.closeSync(fd);
    fs.rmSync(dir, { recursive: true });
  }
});
