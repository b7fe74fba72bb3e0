import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FakeCluster } from "../testing/FakeCluster.ts";
import { DRILL_STEPS } from "./drill_steps.ts";
import { drill_steps } from "./play_drill.ts";

test.each([
  ["pool p\n", "the first step must be: cluster osds=N"],
  ["", "the first step must be: cluster osds=N"],
  ["cluster osds=3\n# x\nfly away\n", "line 3: no such step: fly"],
  ["cluster osds=3\nconstructor\n", "line 2: no such step: constructor"],
  ["cluster\npool p\nhold rep_op A->B\n", "line 3: hold: only the simulator can touch single"],
  ["cluster\npartition A B\n", "line 2: partition: processes on one machine"],
])("refuses before anything starts: %j", (text, why) => {
  expect(() => drill_steps(text)).toThrow(why);
});

test("knows each step of docs/scenario-files.md, and plays those that are for both", () => {
  const doc = readFileSync(new URL("../../../../docs/scenario-files.md", import.meta.url), "utf8");
  const rows = doc.split("\n").filter((line) => line.startsWith("| `"));
  for (const row of rows) {
    const cell = row.slice(0, row.indexOf(" | "));
    const words = [...cell.matchAll(/`([a-z-]+)/g)].map((m) => m[1] ?? "");
    for (const word of words.filter((w) => w !== "cluster" && w !== "expect-churned")) {
      const step = DRILL_STEPS[word];
      if (row.includes("| both |")) expect([word, typeof step]).toEqual([word, "function"]);
      else expect([word, step]).not.toEqual([word, undefined]);
    }
  }
  expect(rows.length).toBeGreaterThan(40);
});

test("says which file and line is wrong", async () => {
  const r = await new FakeCluster().tako("drill no/such/file.txt");
  expect(r.code).not.toBe(0);
  expect(r.err).toContain("no/such/file.txt");
});
