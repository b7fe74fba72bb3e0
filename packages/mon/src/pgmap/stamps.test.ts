import { expect, test } from "vitest";
import { utime_ms, utime_str } from "./stamps.ts";

test("stamps print and parse as the calendar has them", () => {
  const samples = [
    1795360262316.448, 1, 951782400000 /* 2000-02-29 */, 951868800000, 4107542399999.5,
    1709164799000,
  ];
  for (const ms of samples) {
    const iso = new Date(ms).toISOString();
    expect(utime_str(ms).slice(0, 23)).toBe(iso.slice(0, 23));
    expect(utime_ms(utime_str(ms))).toBeCloseTo(ms, 2);
  }
  expect(utime_str(0)).toBe("0.000000");
  expect(utime_ms("2026-11-22T15:11:20.316448+0000")).toBeCloseTo(1795360280316.448, 3);
  expect([utime_ms("yesterday"), utime_ms(undefined), utime_ms(Number.NaN)]).toEqual([0, 0, 0]);
});
