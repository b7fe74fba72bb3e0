/** Peering runs against the vectors, or those of another folder: VECTORS_DIR. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { expected, not_understood, type PeeringRun, run, seen } from "./peering_runs.ts";

const OURS = fileURLToPath(new URL("../../../osd/testdata/vectors", import.meta.url));

function cases(): PeeringRun[] {
  const dir = process.env.VECTORS_DIR ?? OURS;
  const files = ["peering", "."].map((d) => join(dir, d, "peering_runs.json"));
  const file = files.find((f) => existsSync(f));
  return file === undefined ? [] : JSON.parse(readFileSync(file, "utf8")).cases;
}

const all = cases().filter((c) => c.applies_to_16_2);
describe.skipIf(all.length === 0)("peering_runs vectors", () => {
  for (const c of all) {
    test(c.name, async () => {
      expect(not_understood(c), "not understood").toEqual([]);
      expect(await seen(await run(c), c)).toEqual(expected(c));
    });
  }
});
