import { parse_sim_scenario, sim_scenario_text } from "@tako/client/chaos";
import { expect, test } from "vitest";
import type { RunOptions, RunResult } from "../run_seed.ts";
import { play_sim_scenario } from "./play_sim.ts";
import { failure_kind, shrink } from "./shrink.ts";

const ALL = Array.from({ length: 40 }, (_, i) => ({
  at_ms: i * 500,
  kind: i % 2 === 0 ? "kill_osd" : "restart_osd",
  stream: i,
}));

/** A run that fails when the faults 7 and 23 are there, with four OSDs and the pool ec. */
function model(o: RunOptions): RunResult {
  const strikes = o.script?.strikes ?? ALL;
  const osds = o.script?.osds ?? 5;
  const has = (n: number) => strikes.some((s) => s.stream === n);
  const pools = o.script?.pools ?? ["ec"];
  const fails = has(7) && has(23) && osds >= 4 && pools.includes("ec");
  const error = fails
    ? new Error(`I12: a member of 1.${strikes.length} misses 4 objects\nx`)
    : undefined;
  return {
    seed: o.seed,
    ok: !fails,
    error,
    hash: "",
    ops: 100,
    faults: new Map(),
    virtual_ms: 0,
    events: 0,
    strikes,
    osds,
    tail: [],
    history: [],
    undecided: [],
    coverage: { states: {}, transitions: {}, points: {} } as unknown as RunResult["coverage"],
  };
}

test("what is not needed for the failure goes", async () => {
  let runs = 0;
  const run = (o: RunOptions) => {
    runs++;
    return Promise.resolve(model(o));
  };
  const r = await shrink({ seed: 3, profile: "quick" }, { run, max_runs: 300 });
  expect(r?.scenario.script.strikes?.map((s) => s.stream)).toEqual([7, 23]);
  expect(r?.scenario.script).toMatchObject({ osds: 4, pools: ["ec"] });
  expect(r?.scenario.script.load).toMatchObject({ clients: 1, cold: 0, hot: 1, kill_mean_ms: 0 });
  expect(r?.scenario.seconds).toBeLessThan(20);
  expect([r?.runs, runs < 120]).toEqual([runs, true]);
});
test("another failure is not taken for the same", async () => {
  const run = (o: RunOptions) => {
    const r = model(o);
    const few = (o.script?.strikes?.length ?? 40) < 10;
    return Promise.resolve(r.ok || !few ? r : { ...r, error: new Error("I9: something else") });
  };
  const r = await shrink({ seed: 3 }, { run, max_runs: 300 });
  expect(r?.scenario.script.strikes?.length).toBeGreaterThanOrEqual(10);
  expect(r?.scenario.fails).toContain("I12");
});
test("a run that does not fail is not shrunk, and runs are not spent without end", async () => {
  const ok = (o: RunOptions) => Promise.resolve({ ...model(o), ok: true, error: undefined });
  expect(await shrink({ seed: 3 }, { run: ok, max_runs: 300 })).toBeUndefined();
  const run = (o: RunOptions) => Promise.resolve(model(o));
  expect((await shrink({ seed: 3 }, { run, max_runs: 9 }))?.runs).toBe(9);
});
test("failures of one kind", () => {
  expect(failure_kind("I12: a member of 1.3 misses 4 objects")).toBe(
    failure_kind("I12: a member of 2.1a misses 17 objects"),
  );
  expect(failure_kind("I12: x")).not.toBe(failure_kind("I9: x"));
});

const FILE = `# why
sim seed=5 profile=quick seconds=2 osds=3 pools=two clients=1 hot=1 cold=2 ops_per_second=4
at 500ms kill_osd 17
at 1250.125ms restart_osd 18
holds
`;
test("the file says all that it takes", async () => {
  const s = parse_sim_scenario(FILE);
  expect(s).toMatchObject({ seed: 5, seconds: 2, script: { osds: 3, pools: ["two"] } });
  expect(s.script.strikes?.[1]).toEqual({ at_ms: 1250.125, kind: "restart_osd", stream: 18 });
  expect(sim_scenario_text(s)).toBe(FILE);
  const played = await play_sim_scenario(FILE);
  expect(played.startsWith(FILE.trimEnd())).toBe(true);
  expect(played).toMatch(/kill osd\.\d/);
  expect(await play_sim_scenario(played)).toBe(played);
  await expect(play_sim_scenario(FILE.replace("holds", "fails I1: x"))).rejects.toThrow(
    "it holds now",
  );
}, 60_000);
test.each([
  ["kill A\n", "line 1: a seeded scenario begins with: sim"],
  ["sim seed=x profile=quick seconds=2\nholds\n", "line 1: seed=x is no number"],
  ["sim seed=1 profile=odd seconds=2\nholds\n", "line 1: no profile is called 'odd'"],
  ["sim seed=1 seconds=2\nat 5 kill_osd 3\nholds\n", "line 2: at TIME KIND STREAM"],
  ["sim seed=1 seconds=2\nfly\n", "line 2: 'fly': at, holds or fails"],
  ["sim seed=1 seconds=2\nat 5s kill_osd 3\n", "line 2: the last step is holds, or fails WHY"],
])("a bad file names its line: %j", (text, why) => {
  expect(() => parse_sim_scenario(text)).toThrow(why);
});
