/**
 * Peering as a whole: each file of testdata/ is a story, its commands and what every OSD did.
 * `npx vitest run -u` writes the outputs anew; the difference is to be read.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { run_transcript } from "./testing/Transcript.ts";

const DIR = new URL("./testdata/", import.meta.url);
const files = readdirSync(DIR).filter((f) => f.endsWith(".txt"));

describe("peering transcripts", () => {
  test("there are some", () => expect(files.length).toBeGreaterThan(10));

  test.each(files)("%s", async (file) => {
    const url = new URL(file, DIR);
    const text = readFileSync(url, "utf8");
    await expect(run_transcript(text)).toMatchFileSnapshot(url.pathname);
  });
});
