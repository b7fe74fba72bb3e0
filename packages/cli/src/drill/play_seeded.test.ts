import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { preface, seeded_conf, seeded_plan } from "./play_seeded.ts";
import { LEFT_OUT, REAL_FAULTS } from "./strike_kinds.ts";

const FILE = `# why
sim seed=5 profile=quick seconds=6 osds=4 pools=three,ec clients=2 hot=1 cold=4 ops_per_second=4
at 500ms kill_osd 17
at 700ms cut 3
at 800ms slow_disk 4
at 900ms cut 5
at 1250.125ms restart_osd 18
fails I12: something
`;

test("the run of the file, and what of it processes cannot have, with the reason", () => {
  const plan = seeded_plan(FILE);
  expect(plan.draw.osds).toBe(4);
  expect(plan.pools.map((p) => p.name)).toEqual(["three", "ec"]);
  expect(plan.profile.load).toMatchObject({ clients: 2, hot: 1, cold: 4, ops_per_second: 4 });
  expect(plan.strikes.map((s) => s.strike.kind)).toEqual(["kill_osd", "restart_osd"]);
  const lines = preface(plan);
  expect(lines[0]).toContain("not an exact repeat");
  expect(lines.slice(1, 4)).toEqual([
    "in the simulator it fails: I12: something",
    "left out, processes on one machine cannot be cut off from each other here: 700 ms cut, 900 ms cut",
    "left out, only a simulated disk can be told that: 800 ms slow_disk",
  ]);
});
test("the daemons have the simulator's times, and a host each, as its rules ask for", () => {
  const conf = seeded_conf(seeded_plan(FILE));
  expect(conf).toContain("osd_heartbeat_grace = 4\n");
  expect(conf.match(/crush_location = root=default host=host\d/g)).toHaveLength(4);
});
test.each([
  ["sim seed=5 seconds=2\nat 1s fly 3\nholds\n", "no fault is called fly"],
  ["sim seed=5 seconds=2 pools=nine\nholds\n", "the run has no pool"],
  ["sim seed=5 seconds=2 osds=0\nholds\n", "osds=0: want at least one"],
  ["sim seed=5 seconds=2\nfly\n", "line 2: 'fly': at, holds or fails"],
])("refused before anything starts: %j", (text, why) => {
  expect(() => seeded_plan(text)).toThrow(why);
});
test("each kind of docs/simulator.md is played, or left out for a reason, and no other", () => {
  const doc = readFileSync(new URL("../../../../docs/simulator.md", import.meta.url), "utf8");
  const faults = doc.slice(
    doc.indexOf("## Faults"),
    doc.indexOf("\n## ", doc.indexOf("## Faults") + 1),
  );
  const rows = faults.split("\n").filter((row) => row.startsWith("| `"));
  const told = rows.flatMap((row) => {
    return [...(row.split(" | ")[0] ?? "").matchAll(/`([a-z_]+)`/g)].map((m) => m[1]);
  });
  const kinds = [...REAL_FAULTS.keys(), ...Object.keys(LEFT_OUT)];
  expect(new Set(kinds).size).toBe(kinds.length);
  expect(told.filter((kind) => !kinds.includes(kind ?? "")).sort()).toEqual(["flip_bit"]);
  expect(kinds.filter((kind) => !told.includes(kind))).toEqual([]);
});
