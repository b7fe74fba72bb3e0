/** Coverage adds up over runs, names what was never passed, and what cannot be is a known name. */
import { SOMETIMES } from "@tako/common";
import { peering_chart, peering_row_name, renderPeeringStates } from "@tako/osd";
import { expect, test } from "vitest";
import {
  coverage_file,
  coverage_summary,
  merge_coverage,
  must_pass_all,
  NO_COVERAGE,
  unreached,
} from "./run_coverage.ts";
import { UNREACHABLE } from "./unreachable.ts";

const row = "GetInfo IsDown -> Down";
const some = { states: { GetInfo: 2 }, rows: { [row]: 1 }, sometimes: { unfound: 3 } };

test("what was passed in any run was passed", () => {
  const nothing = unreached(NO_COVERAGE);
  const rest = unreached(merge_coverage(NO_COVERAGE, merge_coverage(some, some)));
  expect(nothing.filter((n) => !rest.includes(n))).toEqual([
    "state GetInfo",
    `transition ${row}`,
    'point "unfound"',
  ]);
  expect(merge_coverage(some, some).rows[row]).toBe(2);
  expect(coverage_summary(some)).toMatch(/^1\/\d+ states, 1\/\d+ transitions, 1\/\d+ points$/);
});

test("only many whole runs must have been everywhere", () => {
  const set = { profile: "default", seconds: 300, seeds: 1000 } as const;
  expect(must_pass_all(set)).toBe(true);
  expect(must_pass_all({ ...set, seeds: 5000, seconds: 400 })).toBe(true);
  expect(must_pass_all({ ...set, seeds: 999 })).toBe(false);
  expect(must_pass_all({ ...set, seconds: 10 })).toBe(false);
  expect(must_pass_all({ ...set, profile: "quick" })).toBe(false);
});

test("what is said to be unreachable exists", () => {
  const names = new Set([
    ...peering_chart.names.map((n) => `state ${n}`),
    ...peering_chart.rows.map((r) => `transition ${peering_row_name(r)}`),
    ...Object.keys(SOMETIMES).map((n) => `point "${n}"`),
  ]);
  for (const name of Object.keys(UNREACHABLE)) expect(names).toContain(name);
});

test("the document shows the counts of the file", () => {
  const text = renderPeeringStates(JSON.parse(coverage_file(some, "npm run sim")));
  expect(text).toContain("**GetInfo** | |  | 2 |");
  expect(text).toContain("| | IsDown | → Down | 1 |");
  expect(text).toContain("| unfound | an object of which no copy is known | 3 |");
});
