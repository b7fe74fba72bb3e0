import { expect, test } from "vitest";
import {
  parse_scenario,
  scenario_config,
  scenario_content,
  scenario_letters,
  scenario_ms,
  scenario_options,
} from "./script.ts";

test("blocks of steps with their comments; recorded output is not a step", () => {
  const text = "# why\ncluster osds=3\n\nkill A\n----\nok\nmap: A down\n\n# then\n  start A  \n";
  expect(parse_scenario(text)).toEqual([
    {
      comments: ["# why"],
      steps: [
        { line: 2, text: "cluster osds=3" },
        { line: 4, text: "kill A" },
      ],
    },
    { comments: ["# then"], steps: [{ line: 10, text: "start A" }] },
  ]);
  expect(parse_scenario("")).toEqual([]);
});
test("words of steps", () => {
  expect(scenario_options(["size=3", "wait"])).toEqual({ size: "3", wait: "" });
  expect(scenario_config({ osds: "4", osd_max_backfills: "2" })).toEqual({
    osd_max_backfills: "2",
  });
  expect(["5s", "200ms", "1.5s", "50us", "5", "", "s"].map(scenario_ms)).toEqual([
    5000,
    200,
    1500,
    0.05,
    undefined,
    undefined,
    undefined,
  ]);
  expect(["v1", "ab*3", "a*0"].map(scenario_content)).toEqual(["v1", "ababab", ""]);
});
test("letters go to the members first", () => {
  expect([...scenario_letters([1, 0], [0, 1, 2, 3])]).toEqual([
    ["A", 1],
    ["B", 0],
    ["C", 2],
    ["D", 3],
  ]);
});
