import { expect, test } from "vitest";
import { PingTimes } from "./PingTimes.ts";

test("minutes: the last one, the last five, the last fifteen", () => {
  const t = new PingTimes();
  t.add(1000, 3);
  t.add(31_000, 5);
  expect(t.row()).toBeUndefined();
  t.add(61_000, 1);
  expect(t.row()).toEqual({
    average: [3, 3, 3],
    min: [1, 1, 1],
    max: [5, 5, 5],
    last: 1,
    last_update: 61_000,
  });
  // Each minute has two answers, of n and n + 2 ms.
  for (let n = 1; n <= 20; n++) {
    t.add(100_000 * n, n);
    t.add(100_000 * n + 60_000, n + 2);
  }
  expect(t.row()).toEqual({
    average: [21, 19, 14],
    min: [20, 16, 6],
    max: [22, 22, 22],
    last: 22,
    last_update: 2_060_000,
  });
});
