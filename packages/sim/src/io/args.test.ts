/** What the command line takes, and what it says of what it does not take. */

import { PROFILES } from "@tako/client/chaos";
import { describe, expect, test } from "vitest";
import { parse_args, USAGE, UsageError } from "./args.ts";

function args(...argv: string[]) {
  const a = parse_args(argv);
  if (a === "help") throw new Error("help");
  return a;
}

describe("arguments that are right", () => {
  test("defaults", () => {
    const a = args();
    expect(a).toMatchObject({ from: 1, to: 200, profile: "quick", twice: false, trace: false });
    expect(a.seconds).toBe(PROFILES.quick.seconds);
    expect(a.jobs).toBeGreaterThanOrEqual(1);
  });
  test("seeds, profile, seconds", () => {
    expect(args("--seeds", "3-7", "--profile", "default")).toMatchObject({
      from: 3,
      to: 7,
      seconds: PROFILES.default.seconds,
    });
    expect(args("--seeds", "9", "--seconds", "1.5", "--jobs", "2")).toMatchObject({
      from: 9,
      to: 9,
      seconds: 1.5,
      jobs: 2,
    });
  });
  test("one seed, to be looked at", () => {
    const a = args("--seed", "4", "--until", "8.5", "--inspect", "pg=1.1F", "--inspect", "osd=2");
    expect(a).toMatchObject({ from: 4, to: 4, until_ms: 8500 });
    expect(a.inspect).toEqual([
      { kind: "pg", pgid: "1.1f" },
      { kind: "osd", id: 2 },
    ]);
  });
  test("help names every option", () => {
    expect(parse_args(["--help"])).toBe("help");
    for (const o of ["seeds", "profile", "jobs", "twice", "trace", "until", "inspect", "plant"]) {
      expect(USAGE).toContain(`--${o}`);
    }
  });
});

test.each([
  [["--seeds", "x"], "not a seed"],
  [["--seeds", "1-2-3"], "not a range"],
  [["--seeds", "9-3"], "empty"],
  [["--seed", "-1"], "ambiguous"],
  [["--seed", "99999999999"], "not a seed"],
  [["--seed", "1", "--seeds", "1-2"], "exclude"],
  [["--profile", "fast"], "one of quick, default"],
  [["--seconds", "0"], "no number of seconds for --seconds"],
  [["--seconds", "soon"], "no number of seconds"],
  [["--jobs", "0"], "1 to 1024"],
  [["--jobs", "two"], "1 to 1024"],
  [["--plant", "none"], "no plant"],
  [["--trace"], "--trace needs --seed"],
  [["--until", "3"], "--until needs --seed"],
  [["--seed", "1", "--inspect", "mon"], "needs --until"],
  [["--seed", "1", "--until", "1", "--inspect", "pg=zz"], "one of pg=<pgid>"],
  [["--seed", "1", "--trace", "--log"], "exclude"],
  [["--fast"], "Unknown option '--fast'"],
  [["17"], "Unexpected argument '17'"],
])("%j: %s", (argv, why) => {
  expect(() => parse_args(argv)).toThrow(UsageError);
  expect(() => parse_args(argv)).toThrow(why);
});
