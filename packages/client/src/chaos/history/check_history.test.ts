/** Histories that are possible and histories that are not; the search against trying everything. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { SimRng } from "../SimRng.ts";
import { check_history, render_verdict } from "./check_history.ts";
import {
  type Call,
  calls_of,
  type HistoryEvent,
  HistoryRecorder,
  history_from_lines,
  history_to_lines,
  type Step,
} from "./history.ts";
import { linearize } from "./linearize.ts";
import { NEW_OBJECT, type ObjectState, step_state } from "./ObjectState.ts";
import { true_history } from "./testing.ts";

const READ: Step = { op: "read", off: 0, len: 0 };
const append = (data: string): Step[] => [{ op: "append", data }];

/** A history by hand: `begin` gives the end. */
function script() {
  let t = 0;
  const h = new HistoryRecorder(() => t++);
  const begin = (who: string, kind: "read" | "write", steps: Step[]) => {
    const id = h.invoke(who, "p/o", kind, steps);
    return {
      ok: (ver: number, ...seen: string[]) => h.ok(id, ver, seen),
      fail: (errno: number) => h.fail(id, errno),
      info: () => h.info(id, "timeout"),
    };
  };
  return { h, begin };
}
const rules = (events: readonly HistoryEvent[]) =>
  check_history(events).violations.map((v) => v.rule);

test("writes that overlap may take effect in either order, and reads must agree", () => {
  const { h, begin } = script();
  const a = begin("a", "write", append("[1]"));
  const b = begin("b", "write", append("[2]"));
  b.ok(4);
  a.ok(9);
  begin("c", "read", [READ]).ok(9, "[2][1]");
  expect(check_history(h.events)).toMatchObject({ result: "ok", calls: 3, objects: 1 });
  begin("d", "read", [READ]).ok(9, "[1][2]");
  expect(rules(h.events)).toEqual(["not linearizable"]);
});

test("an acknowledged append that no later read shows is lost", () => {
  const { h, begin } = script();
  begin("a", "write", append("[1]")).ok(1);
  begin("a", "write", append("[2]")).ok(2);
  begin("b", "read", [READ]).ok(2, "[1]");
  expect(rules(h.events)).toEqual(["acknowledged append lost", "not linearizable"]);
});

test("an append applied twice, and bytes that nobody wrote", () => {
  const twice = script();
  twice.begin("a", "write", append("[1]")).info();
  twice.begin("b", "read", [READ]).ok(2, "[1][1]");
  expect(rules(twice.h.events)).toEqual(["applied twice", "not linearizable"]);
  const foreign = script();
  foreign.begin("a", "write", append("[1]")).ok(1);
  foreign.begin("b", "read", [READ]).ok(1, "[1][7]");
  expect(rules(foreign.h.events)).toEqual(["read what nobody had written", "not linearizable"]);
});

test("what nobody knows may happen late, or never, but not be undone", () => {
  const { h, begin } = script();
  begin("a", "write", append("[1]")).ok(1);
  begin("b", "write", append("[2]")).info();
  begin("c", "read", [READ]).ok(1, "[1]");
  begin("c", "read", [READ]).ok(5, "[1][2]");
  expect(rules(h.events)).toEqual([]);
  begin("c", "read", [READ]).ok(1, "[1]");
  expect(rules(h.events)).toEqual(["version went back", "not linearizable"]);
});

test("a stale read: it began after the write had ended", () => {
  const { h, begin } = script();
  begin("a", "write", [{ op: "writefull", data: "[1]" }]).ok(1);
  const slow = begin("b", "read", [READ]);
  begin("a", "write", [{ op: "writefull", data: "[2]" }]).ok(2);
  slow.ok(1, "[1]");
  expect(rules(h.events)).toEqual([]);
  begin("b", "read", [READ]).ok(1, "[1]");
  expect(rules(h.events)).toEqual(["version went back", "not linearizable"]);
});

test("refusals tell of the state, too", () => {
  const { h, begin } = script();
  const create: Step[] = [{ op: "create", exclusive: true }];
  const one = begin("a", "write", create);
  const two = begin("b", "write", create);
  one.ok(1);
  two.fail(17);
  begin("a", "write", [{ op: "delete" }]).ok(2);
  begin("b", "read", [READ]).fail(2);
  expect(rules(h.events)).toEqual([]);
  begin("b", "write", create).fail(17);
  expect(rules(h.events)).toEqual(["not linearizable"]);
});

test("assert-version decides between what nobody knows", () => {
  const guarded = (data: string): Step[] => [
    { op: "assert-version", ver: 3 },
    { op: "append", data },
  ];
  const { h, begin } = script();
  begin("a", "write", append("[1]")).ok(1);
  begin("b", "write", append("[2]")).info();
  begin("a", "write", guarded("[3]")).ok(4);
  begin("c", "read", [READ]).ok(4, "[1][2][3]");
  expect(rules(h.events)).toEqual([]);
  begin("a", "write", guarded("[4]")).ok(5);
  expect(rules(h.events)).toEqual(["not linearizable"]);
});

test("listings", () => {
  const { h, begin } = script();
  const list = (...names: string[]) => h.ok(h.invoke("c", "p/", "list", []), 0, names);
  list();
  begin("a", "write", append("[1]")).ok(1);
  list("o");
  expect(rules(h.events)).toEqual([]);
  list();
  list("o", "x");
  expect(rules(h.events)).toEqual(["not listed", "listed, but never made"]);
});

test("what is printed shows the few calls that matter", () => {
  const { h, begin } = script();
  for (let i = 1; i <= 30; i++) {
    begin("a", "write", append(`[${i}]`)).ok(i);
    begin("b", "read", [READ]).ok(i, Array.from({ length: i }, (_, n) => `[${n + 1}]`).join(""));
  }
  begin("b", "read", [{ op: "stat" }]).ok(30, "nothing");
  const [v] = check_history(h.events).violations;
  expect(v?.lines).toHaveLength(13);
  expect(v?.lines.at(-1)).toContain("stat -> version 30");
  expect(render_verdict(check_history(h.events))).toContain("p/o: not linearizable");
});

test("a history as lines, and back", () => {
  const events = true_history(new SimRng(3), { calls: 40, processes: 3, lost: 0.1 });
  expect(history_from_lines(history_to_lines(events))).toEqual(events);
  expect(() => history_from_lines('{"type":"ok"}\n')).toThrow("line 1 is not an event");
  expect(() => history_from_lines("\n{")).toThrow("line 2");
});

const options = fc.record({
  seed: fc.integer(),
  calls: fc.integer({ min: 1, max: 60 }),
  processes: fc.integer({ min: 1, max: 5 }),
  lost: fc.constantFrom(0, 0.05, 0.2),
});

test("every history of a true object is possible", () => {
  fc.assert(
    fc.property(options, ({ seed, ...o }) => {
      const v = check_history(true_history(new SimRng(seed), o));
      if (v.result !== "ok") throw new Error(render_verdict(v));
    }),
    { numRuns: 300 },
  );
});

test("a true history in which one answer is another one is impossible", () => {
  fc.assert(
    fc.property(options, ({ seed, ...o }) => {
      const rng = new SimRng(seed);
      const events = true_history(rng, o);
      const oks = events.flatMap((e, i) => (e.type === "ok" && e.seen.length > 0 ? [i] : []));
      if (oks.length === 0) return;
      const at = rng.pick(oks);
      // Content that a write made up by nobody would have left.
      const wrong = events.map((e, i) =>
        i === at && e.type === "ok" ? { ...e, seen: e.seen.map((s) => `${s}?`) } : e,
      );
      expect(check_history(wrong).result).toBe("violation");
    }),
    { numRuns: 60 },
  );
});

/** All orders, one after the other. */
function any_order(calls: readonly Call[], state: ObjectState = NEW_OBJECT): boolean {
  if (calls.every((c) => c.outcome === null)) return true;
  const first_end = Math.min(...calls.map((c) => c.ret));
  return calls.some((c) => {
    if (c.inv > first_end) return false;
    const after = step_state(state, c, c.outcome);
    return (
      after !== null &&
      any_order(
        calls.filter((x) => x !== c),
        after,
      )
    );
  });
}

test("the search finds an order exactly when there is one", () => {
  let impossible = 0;
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 2, max: 8 }), (seed, calls) => {
      const rng = new SimRng(seed);
      const events = true_history(rng, { calls, processes: 4, lost: 0.3 });
      // Two answers change places, and versions are told wrong: often, but not always, impossible.
      const ends = events.flatMap((e, i) => (e.type === "ok" ? [i] : []));
      const mixed = [...events];
      if (ends.length > 1) {
        const [i, j] = [rng.pick(ends), rng.pick(ends)];
        const [a, b] = [events[i], events[j]];
        if (a?.type === "ok" && b?.type === "ok") {
          mixed[i] = { ...a, ver: b.ver, seen: a.seen.length === b.seen.length ? b.seen : a.seen };
        }
      }
      const all = calls_of(mixed);
      const possible = any_order(all);
      if (!possible) impossible++;
      expect(linearize(all, 1e6).result).toBe(possible ? "yes" : "no");
    }),
    { numRuns: 1500 },
  );
  expect(impossible).toBeGreaterThan(100);
});

test("two thousand calls on one object take well under a second, and a bounded search says so", () => {
  const events = true_history(new SimRng(5), { calls: 2000, processes: 6, lost: 0.02 });
  const calls = calls_of(events);
  const found = linearize(calls, 200_000);
  expect(found.result).toBe("yes");
  // The work, not the time: at most a few steps a call.
  expect(found.tried).toBeLessThan(40_000);
  expect(linearize(calls, 100).result).toBe("unknown");
  expect(check_history(events, { budget: 100 })).toMatchObject({
    result: "unknown",
    undecided: ["pool/o"],
  });
});

test("one call that left no trace of its own is found among many that may have happened", () => {
  const { h, begin } = script();
  const full = (data: string): Step => ({ op: "writefull", data });
  const set = (name: string, value: string): Step => ({ op: "setxattr", name, value });
  const lost: Step[][] = [
    [{ op: "delete" }],
    [set("b", "[2]")],
    [full("[3]")],
    append("[4]"),
    [full("[5]")],
    [full("[6]")],
    append("[7]"),
    append("[8]"),
    [{ op: "delete" }],
    [{ op: "truncate", size: 0 }, ...append("[9]"), { op: "rmxattr", name: "b" }],
    [{ op: "write", off: 91, data: "[10]" }],
  ];
  for (const [i, steps] of lost.entries()) begin(`l${i}`, "write", steps).info();
  begin("a", "write", [full("[20]"), set("a", "[20]")]).ok(218);
  begin("a", "write", [{ op: "write", off: 44, data: "[21]" }]).ok(239);
  begin("a", "write", [full("[22]")]).ok(287);
  begin("a", "write", [full("[23]")]).ok(326);
  begin("a", "write", [full("[24]"), set("a", "[24]")]).ok(327);
  begin("m", "write", [...append("[25]"), set("mode", "0")]).info();
  begin("a", "write", [full("[26]")]).ok(338);
  begin("b", "read", [{ op: "getxattr", name: "mode" }]).ok(343, "0");
  begin("a", "write", [full("[27]")]).ok(358);
  begin("b", "read", [READ, { op: "getxattr", name: "a" }]).ok(358, "[27]", "[24]");
  const found = linearize(calls_of(h.events), 50_000);
  expect(found.result).toBe("yes");
  expect(found.tried).toBeLessThan(5000);
});
