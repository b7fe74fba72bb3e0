import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { COMMANDS, run_transcript } from "./run_transcript.ts";

const doc = readFileSync(new URL("../../../../docs/scenario-files.md", import.meta.url), "utf8");

test("docs/scenario-files.md tells of each step", () => {
  const cells = doc.split("\n").filter((line) => line.startsWith("| `"));
  const words = cells.flatMap((c) => [...c.matchAll(/`([a-z-]+)/g)].map((m) => m[1]));
  expect(Object.keys(COMMANDS).filter((word) => !words.includes(word))).toEqual([]);
});

test("its example is a scenario that holds", async () => {
  const example = /```\n(# The primary dies[\s\S]*?)```/.exec(doc)?.[1] ?? "";
  expect(example).toContain("kill A");
  await run_transcript(example);
  await expect(run_transcript(example.replace(/expect x .*$/m, "expect x v2"))).rejects.toThrow(
    "line 7: expect x v2: InvariantError: x is 'v1-and-v2', expected 'v2'",
  );
});
