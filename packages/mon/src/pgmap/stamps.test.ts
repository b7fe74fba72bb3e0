import { utime_str } from "@tako/common";
import { expect, test } from "vitest";
import { utime_ms } from "./stamps.ts";

test("what an OSD printed is read back; anything else is never", () => {
  for (const ms of [1795360262316.448, 951782400000, 4107542399999.5]) {
    expect(utime_ms(utime_str(ms))).toBeCloseTo(ms, 2);
    expect(utime_ms(ms)).toBe(ms);
  }
  expect(utime_ms("2026-11-22T15:11:20.316448+0000")).toBeCloseTo(1795360280316.448, 3);
  expect([utime_ms("yesterday"), utime_ms(undefined), utime_ms(Number.NaN)]).toEqual([0, 0, 0]);
});
