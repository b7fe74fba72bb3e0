import { beforeEach, expect, test } from "vitest";
import { AsyncReserver } from "./AsyncReserver.ts";

let later: (() => void)[];
let told: string[];
let r: AsyncReserver;

function run_deferred(): void {
  while (later.length > 0) later.shift()?.();
}
function request(item: string, prio: number, preemptible = true): void {
  const on_preempt = preemptible ? () => told.push(`preempt ${item}`) : null;
  r.request_reservation(item, prio, () => told.push(`grant ${item}`), on_preempt);
}

beforeEach(() => {
  later = [];
  told = [];
  r = new AsyncReserver(1, 0, (fn) => later.push(fn));
});

test("one slot goes by priority, then in order of request", () => {
  for (const [item, prio] of [
    ["a", 1],
    ["b", 1],
    ["c", 2],
  ] as const)
    request(item, prio, false);
  run_deferred();
  r.cancel_reservation("a");
  run_deferred();
  r.cancel_reservation("c");
  run_deferred();
  expect(told).toEqual(["grant a", "grant c", "grant b"]);
  expect(r.granted_count).toBe(1);
});

test("a higher priority takes the slot of the lowest that may be preempted", () => {
  request("low", 1);
  run_deferred();
  request("high", 2);
  run_deferred();
  expect(told).toEqual(["grant low", "preempt low", "grant high"]);
  expect(r.has_reservation("low")).toBe(false);
});

test("one who has not heard of its slot is not preempted, it waits on", () => {
  request("busy", 3);
  run_deferred();
  request("low", 1);
  // The slot falls to `low`, and is taken away in the same turn.
  r.cancel_reservation("busy");
  request("high", 2);
  run_deferred();
  expect(told).toEqual(["grant busy", "grant high"]);
  r.cancel_reservation("high");
  run_deferred();
  expect(told.at(-1)).toBe("grant low");
});

test("nothing is granted below the least priority, or to one that has cancelled", () => {
  r.set_min_priority(5);
  request("a", 4);
  run_deferred();
  expect(told).toEqual([]);
  r.set_min_priority(0);
  r.cancel_reservation("a");
  run_deferred();
  expect(told).toEqual([]);
  expect(r.dump().in_progress).toEqual([]);
});

test("more slots are used at once", () => {
  request("a", 1);
  request("b", 1);
  run_deferred();
  r.set_max(2);
  run_deferred();
  expect(told).toEqual(["grant a", "grant b"]);
});

test("one who gives up its slot just when it is taken is not told of a preemption", () => {
  request("low", 1);
  run_deferred();
  request("high", 2);
  r.cancel_reservation("low");
  run_deferred();
  expect(told).toEqual(["grant low", "grant high"]);
});
