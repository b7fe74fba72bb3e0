import { expect, test } from "vitest";
import { Harness } from "../testing/harness.ts";

test("three OSDs boot into an empty cluster and get their maps", () => {
  const h = new Harness();
  const osds = h.boot(3);
  expect(h.map.get_up_osds()).toEqual([0, 1, 2]);
  expect(h.map.get_in_osds()).toEqual([0, 1, 2]);
  expect(osds[0]?.con.take("osd_map").length).toBeGreaterThan(0);
});
