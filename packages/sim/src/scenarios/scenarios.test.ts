/**
 * The named scenarios of peering.md §12.2: each file of testdata/ is one, its commands and what the
 * cluster did. `npx vitest run -u packages/sim` writes the outputs anew; the difference is to be
 * read. What a scenario must show is asserted in it, and fails with -u as well.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { run_transcript } from "./run_transcript.ts";

const DIR = new URL("../../testdata/", import.meta.url);

/** `ceph`: scenarios of Ceph's own tests. `explain`: a scenario for each cause that `tako explain` knows. */
describe.each(["", "ceph/", "explain/"])("scenarios %s", (folder) => {
  const dir = new URL(folder, DIR);
  const files = readdirSync(dir).filter((f) => f.endsWith(".txt"));
  test("there are some", () => expect(files.length).toBeGreaterThan(0));

  test.each(files)("%s", async (file) => {
    const url = new URL(file, dir);
    const text = readFileSync(url, "utf8");
    await expect(await run_transcript(text)).toMatchFileSnapshot(url.pathname);
  });
});
