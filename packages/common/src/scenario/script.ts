/**
 * Scenario files: what happens to a cluster, step by step, and what must come of it. One text is
 * played by the simulator (`npm run scenario FILE`) and, as far as it is about what can be done and
 * seen from outside, with real processes (`tako drill FILE`). docs/scenario-files.md has the words.
 *
 *     # A comment. Blocks of steps end with ---- and what the simulator showed; that is optional.
 *     cluster osds=4
 *     pool p size=3
 *     write x v1
 *     kill A
 *     expect x v1
 */

/** One line of a scenario. */
export interface ScenarioStep {
  /** From 1. */
  readonly line: number;
  readonly text: string;
}
/** Steps up to a line `----`. */
export interface ScenarioBlock {
  readonly comments: readonly string[];
  readonly steps: readonly ScenarioStep[];
}

/** The steps of a file; recorded output is left out. */
export function parse_scenario(text: string): ScenarioBlock[] {
  const blocks: ScenarioBlock[] = [];
  let comments: string[] = [];
  let steps: ScenarioStep[] = [];
  let in_output = false;
  for (const [i, line] of text.split("\n").entries()) {
    if (in_output) {
      in_output = line !== "";
    } else if (line === "----") {
      blocks.push({ comments, steps });
      comments = [];
      steps = [];
      in_output = true;
    } else if (line.startsWith("#")) {
      comments.push(line);
    } else if (line.trim() !== "") {
      steps.push({ line: i + 1, text: line.trim() });
    }
  }
  if (steps.length > 0) blocks.push({ comments, steps });
  return blocks;
}

/** `size=3 k=2` by name; what has no `=` has an empty value. */
export function scenario_options(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.map((w) => [w.split("=")[0] ?? "", w.split("=")[1] ?? ""]));
}
/** `5s`, `200ms`, `50us` in ms; undefined: it is no time. */
export function scenario_ms(text: string | undefined): number | undefined {
  const m = /^(\d+(?:\.\d+)?)(s|ms|us)$/.exec(text ?? "");
  return m ? Number(m[1]) * { s: 1000, ms: 1, us: 0.001 }[m[2] as "s" | "ms" | "us"] : undefined;
}
/** What is written: `ab*3` is ababab. */
export function scenario_content(text: string): string {
  const m = /^(.+)\*(\d+)$/.exec(text);
  return m ? (m[1] ?? "").repeat(Number(m[2])) : text;
}

/**
 * OSDs by letters: the members of the first PG from its up set when the pool was made (A is the
 * primary), the others after them by id.
 */
export function scenario_letters(
  up: readonly number[],
  all: readonly number[],
): Map<string, number> {
  const order = [...up, ...all.filter((o) => !up.includes(o))];
  return new Map(order.map((o, i) => [LETTERS[i] ?? "", o]));
}
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** Daemons' options of a step `cluster osds=4 osd_max_backfills=2`: those with an underscore. */
export function scenario_config(o: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(o).filter(([k]) => k.includes("_")));
}
