/** What a program can import from @tako/common says what it does, at the place where it is. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as tako from "./index.ts";

const SRC = new URL("./", import.meta.url);

/** Functions and classes by name, and whether a doc comment is right above. */
function declared(): Map<string, boolean> {
  const found = new Map<string, boolean>();
  for (const file of readdirSync(SRC, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts") || file.includes("testing")) continue;
    const lines = readFileSync(new URL(file, SRC), "utf8").split("\n");
    lines.forEach((line, i) => {
      const name = /^export (?:abstract )?(?:function\*?|class) (\w+)/.exec(line)?.[1];
      if (name === undefined) return;
      const documented = lines[i - 1]?.trimEnd().endsWith("*/") ?? false;
      found.set(name, documented || found.get(name) === true);
    });
  }
  return found;
}

it("every function and class that is exported has a doc comment", () => {
  const docs = declared();
  const exported = Object.entries(tako).filter(([, v]) => typeof v === "function");
  const names = exported.map(([name]) => name).filter((name) => docs.has(name));
  expect(names.length).toBeGreaterThan(200);
  expect(names.filter((name) => docs.get(name) !== true)).toEqual([]);
});
