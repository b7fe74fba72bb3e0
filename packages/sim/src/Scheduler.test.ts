/** Virtual time: order, cancelling, processes that die or stand still. */
import { expect, test } from "vitest";
import { ProcessClock, Scheduler } from "./Scheduler.ts";

test("events run by time, then by registration", () => {
  const s = new Scheduler();
  const seen: string[] = [];
  s.schedule(2, () => seen.push("c"));
  s.schedule(1, () => {
    seen.push("a");
    s.schedule(0, () => seen.push("b"));
  });
  s.schedule(2, () => seen.push("d"));
  const gone = s.schedule(1.5, () => seen.push("x"));
  gone.cancel();
  s.run_until(10);
  expect(seen).toEqual(["a", "b", "c", "d"]);
  expect(s.now_ms).toBe(10);
  expect(s.pending).toBe(0);
});

test("timers of a dead process never fire", () => {
  const s = new Scheduler();
  const clock = new ProcessClock(s);
  let fired = 0;
  clock.set_timer(1, () => fired++);
  clock.kill();
  s.run_until(10);
  expect(fired).toBe(0);
});

test("a frozen process catches up in order; what was cancelled meanwhile stays away", () => {
  const s = new Scheduler();
  const clock = new ProcessClock(s);
  const seen: number[] = [];
  clock.set_timer(1, () => seen.push(1));
  const cancelled = clock.set_timer(2, () => seen.push(2));
  clock.set_timer(3, () => seen.push(3));
  clock.set_timer(30, () => seen.push(4));
  clock.freeze();
  s.run_until(10);
  expect(seen).toEqual([]);
  cancelled.cancel();
  clock.thaw();
  s.run_until(11);
  expect(seen).toEqual([1, 3]);
  s.run_until(40);
  expect(seen).toEqual([1, 3, 4]);
});
