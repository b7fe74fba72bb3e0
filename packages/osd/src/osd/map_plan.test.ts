import { expect, test } from "vitest";
import { plan_osd_map } from "./map_plan.ts";

test.each([
  ["old", { first: 3, last: 5, oldest: 1, have: 5 }, { action: "drop" }],
  [
    "contiguous",
    { first: 6, last: 9, oldest: 1, have: 5 },
    { action: "process", start: 6, skip_maps: false },
  ],
  [
    "overlapping",
    { first: 2, last: 9, oldest: 1, have: 5 },
    { action: "process", start: 6, skip_maps: false },
  ],
  [
    "gap, fillable",
    { first: 9, last: 12, oldest: 6, have: 5 },
    { action: "subscribe", start: 6, again: false },
  ],
  [
    "gap, partly fillable",
    { first: 9, last: 12, oldest: 8, have: 5 },
    { action: "subscribe", start: 7, again: true },
  ],
  [
    "gap, unfillable",
    { first: 9, last: 12, oldest: 9, have: 5 },
    { action: "process", start: 9, skip_maps: true },
  ],
  [
    "first map of a new OSD",
    { first: 1, last: 4, oldest: 1, have: 0 },
    { action: "process", start: 1, skip_maps: false },
  ],
  [
    "new OSD, trimmed mon",
    { first: 500, last: 540, oldest: 500, have: 0 },
    { action: "process", start: 500, skip_maps: true },
  ],
] as const)("%s", (_name, range, plan) => {
  expect(plan_osd_map(range)).toEqual(plan);
});
