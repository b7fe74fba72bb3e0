/** Rules of the map against the vectors, or those of another folder: VECTORS_DIR. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { not_understood, type RuleCase, run, seen } from "../testing/rule_vectors.ts";

const OURS = fileURLToPath(new URL("../../../osd/testdata/vectors", import.meta.url));

function cases(): RuleCase[] {
  const dir = process.env.VECTORS_DIR ?? OURS;
  const files = ["peering", "."].map((d) => join(dir, d, "osdmap_rules.json"));
  const file = files.find((f) => existsSync(f));
  return file === undefined ? [] : JSON.parse(readFileSync(file, "utf8")).cases;
}

const all = cases();
describe.skipIf(all.length === 0)("osdmap_rules vectors", () => {
  for (const c of all) {
    test(c.name, () => {
      expect(not_understood(c), "not understood").toEqual([]);
      expect(seen(run(c), c)).toEqual(c.expected);
    });
  }
});
