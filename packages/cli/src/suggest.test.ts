import { expect, test } from "vitest";
import { edit_distance, nearest } from "./suggest.ts";

test("edit_distance counts a swap of neighbours as one", () => {
  const pairs = [
    ["", "abc"],
    ["tree", "tre"],
    ["put", "ptu"],
    ["stat", "status"],
    ["same", "same"],
  ] as const;
  expect(pairs.map(([a, b]) => edit_distance(a, b))).toEqual([3, 1, 1, 2, 0]);
});

test("nearest: slips and beginnings, nothing far away", () => {
  const words = ["status", "stat", "osd", "health", "tree", "df"];
  expect(nearest("sttus", words)).toEqual(["status"]);
  expect(nearest("tre", ["tree", "tree-from", "rm"])).toEqual(["tree"]);
  expect(nearest("ot", ["out", "osd", "in", "to"])).toEqual(["out", "to"]);
  expect(nearest("heal", words)).toEqual(["health"]);
  expect(nearest("xyzzy", words)).toEqual([]);
  expect(nearest("tree", words)).toEqual(["tree"]);
});
