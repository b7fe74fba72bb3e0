/** Plays the scenario file of a seeded run, and tells it as a story. */
import { parse_sim_scenario, type SimScenario, sim_scenario_text } from "@tako/client/chaos";
import { InvariantError } from "@tako/common";
import { type RunResult, run_seed } from "../run_seed.ts";
import { failure_kind, failure_of, run_options_of } from "./shrink.ts";

/** The file with what happened behind `----`. Throws when it does not end as the file says. */
export async function play_sim_scenario(text: string): Promise<string> {
  const scenario = parse_sim_scenario(text);
  const { result, story } = await tell(scenario);
  const why = failure_of(result);
  const { fails } = scenario;
  if (fails === undefined && why !== undefined) throw new InvariantError(`it fails: ${why}`);
  if (fails !== undefined && why === undefined) {
    throw new InvariantError(`it holds now; it should fail with: ${fails}`);
  }
  if (fails !== undefined && why !== undefined && failure_kind(fails) !== failure_kind(why)) {
    throw new InvariantError(`it fails in another way: ${why}`);
  }
  return [sim_scenario_text(scenario).trimEnd(), "----", ...story, ""].join("\n");
}

/** What the faults did, line by line, and how it ended. */
export async function tell(s: SimScenario): Promise<{ result: RunResult; story: string[] }> {
  const story: string[] = [];
  const trace = (line: string) => {
    const m = STORY.exec(line);
    if (m) story.push(`${m[1]} ${m[2]}`);
  };
  const result = await run_seed({ ...run_options_of(s), trace });
  const end = failure_of(result);
  story.push(end === undefined ? "all held" : `FAILED: ${end}`);
  return { result, story };
}
/** A line of the event log that tells of a fault. */
const STORY = /^( *[\d.]+) sim +(.*)$/;
