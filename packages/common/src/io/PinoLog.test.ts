import { expect, it } from "vitest";
import { PinoLog } from "./PinoLog.ts";

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
