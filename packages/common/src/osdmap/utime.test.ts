import fc from "fast-check";
import { expect, it } from "vitest";
import { ctime_str, utime_parse, utime_str } from "./utime.ts";

it("prints stamps and durations as Ceph does", () => {
  expect(utime_str(0)).toBe("0.000000");
  expect(utime_str(12_500)).toBe("12.500000");
  expect(utime_str(1_700_000_000_000)).toBe("2023-11-14T22:13:20.000000+0000");
  expect(utime_parse("2026-11-22T15:10:54.660970+0000")).toBe(
    Date.UTC(2026, 10, 22, 15, 10, 54) + 660.97,
  );
  expect(utime_parse("yesterday")).toBeUndefined();
  expect(ctime_str(Date.UTC(2026, 10, 22, 23, 17, 4))).toBe("Sun Nov 22 23:17:04 2026");
  expect(ctime_str(Date.UTC(2024, 1, 29, 0, 0, 9))).toBe("Thu Feb 29 00:00:09 2024");
});
it("agrees with Date on every day", () => {
  const day = 86_400_000;
  fc.assert(
    fc.property(fc.integer({ min: 3700, max: 80_000 }), fc.nat(day - 1), (d, ms) => {
      const t = d * day + ms;
      expect(utime_str(t)).toBe(new Date(t).toISOString().replace("Z", "000+0000"));
      expect(utime_parse(utime_str(t))).toBe(t);
    }),
  );
});
