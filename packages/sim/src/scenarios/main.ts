/** `npm run scenario FILE ...`: plays scenario files in the simulator and shows what happened. */
import { readFileSync } from "node:fs";
import { play_sim_scenario } from "../shrink/play_sim.ts";
import { run_transcript } from "./run_transcript.ts";

const USAGE = `usage: scenario FILE ...

Plays each file (docs/scenario-files.md) in the simulator and prints it with what happened. A file
that has recorded output must come out as it is written.
`;

/** undefined: it went well. */
async function play(file: string): Promise<string | undefined> {
  try {
    const text = readFileSync(file, "utf8");
    // A part of a seeded run, or steps written by hand.
    const seeded = /^sim /m.test(text);
    const seen = await (seeded ? play_sim_scenario(text) : run_transcript(text));
    process.stdout.write(seen.endsWith("\n") ? seen : `${seen}\n`);
    const recorded = /^----$/m.test(text);
    return recorded && seen !== text ? first_difference(text, seen) : undefined;
  } catch (e) {
    return (e as Error).message;
  }
}
function first_difference(want: string, seen: string): string {
  const a = want.split("\n");
  const b = seen.split("\n");
  const i = a.findIndex((line, n) => line !== b[n]);
  return `line ${i + 1} is not as recorded:\n- ${a[i] ?? ""}\n+ ${b[i] ?? ""}`;
}

const files = process.argv.slice(2);
if (files.length === 0 || files.includes("--help") || files.includes("-h")) {
  (files.length === 0 ? process.stderr : process.stdout).write(USAGE);
  process.exitCode = files.length === 0 ? 2 : 0;
}
let failed = 0;
for (const file of files.filter((f) => !f.startsWith("-"))) {
  const why = await play(file);
  if (why === undefined) continue;
  failed++;
  process.stderr.write(`${file}: FAILED: ${why}\n`);
}
if (failed > 0) process.exitCode = 1;
