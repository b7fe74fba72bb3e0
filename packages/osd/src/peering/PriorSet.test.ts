import {
  CRUSH_ITEM_NONE,
  ec_recoverable,
  PastIntervals,
  PriorSet,
  pg_shard,
  type pg_shard_t,
  type prior_set_input_t,
  type prior_set_map,
  replicated_recoverable,
} from "@tako/common";
import { describe, expect, test } from "vitest";
import { read_vectors } from "../testing/log_vectors.ts";

type OsdState = "up" | "down" | "lost" | "gone";
interface PriorCase {
  input: {
    erasure: boolean;
    intervals: {
      up: (number | null)[];
      acting: (number | null)[];
      first: number;
      last: number;
      maybe_went_rw: boolean;
      primary: number;
      up_primary: number;
    }[];
    last_epoch_started: number;
    min_to_peer: number;
    device_states: Record<string, { state: OsdState; lost_at: number }>;
    up: (number | null)[];
    acting: (number | null)[];
  };
  expected: {
    probe: { osd: number; shard?: number }[];
    down: number[];
    blocked_by: Record<string, number>;
    pg_down: boolean;
  };
}

const osds = (list: readonly (number | null)[]) => list.map((o) => o ?? CRUSH_ITEM_NONE);

function map_of(states: Record<string, { state: OsdState; lost_at: number }>): prior_set_map {
  const of = (o: number) => states[o] ?? { state: "gone", lost_at: 0 };
  return {
    is_up: (o) => of(o).state === "up",
    exists: (o) => of(o).state !== "gone",
    get_lost_at: (o) => of(o).lost_at,
  };
}
function input_of(v: PriorCase["input"]): prior_set_input_t {
  const past_intervals = new PastIntervals();
  for (const iv of v.intervals) {
    past_intervals.add_interval(v.erasure, { ...iv, up: osds(iv.up), acting: osds(iv.acting) });
  }
  return {
    past_intervals,
    osdmap: map_of(v.device_states),
    up: osds(v.up),
    acting: osds(v.acting),
    info: { history: { last_epoch_started: v.last_epoch_started } },
    pool: { info: { type: v.erasure ? 3 : 1 } },
    is_recoverable: v.erasure ? ec_recoverable(v.min_to_peer) : replicated_recoverable,
  };
}
const sorted = (l: Iterable<number>) => [...l].sort((a, b) => a - b);

const prior_sets = ["prior_set", "rules_prior_set"]
  .map((topic) => read_vectors<PriorCase>(topic))
  .filter(({ cases }) => cases.length > 0);
describe.each(prior_sets)("$topic vectors", ({ cases }) => {
  test.each(cases)("$name", ({ input, expected }) => {
    const p = PriorSet.build(input_of(input));
    expect({
      probe: new Set(p.probe),
      down: sorted(p.down.keys()),
      blocked_by: Object.fromEntries([...p.blocked_by].map(([o, lost_at]) => [`${o}`, lost_at])),
      pg_down: p.pg_down,
    }).toEqual({
      probe: new Set(expected.probe.map((s) => pg_shard(s.osd, s.shard))),
      down: expected.down,
      blocked_by: expected.blocked_by,
      pg_down: expected.pg_down,
    });
  });
});

describe("affected_by_map", () => {
  // 0 and 3 serve now; 1 is down and holds up the interval in which it was alone; 2 was removed.
  const states = {
    0: { state: "up", lost_at: 0 },
    1: { state: "down", lost_at: 0 },
    2: { state: "gone", lost_at: 0 },
    3: { state: "up", lost_at: 0 },
  } as const;
  const interval = (acting: number[], first: number, last: number) => ({
    up: acting,
    acting,
    first,
    last,
    maybe_went_rw: true,
    primary: acting[0] ?? -1,
    up_primary: acting[0] ?? -1,
  });
  const p = PriorSet.build(
    input_of({
      erasure: false,
      intervals: [interval([1, 2], 10, 14), interval([1], 15, 19)],
      last_epoch_started: 9,
      min_to_peer: 1,
      device_states: states,
      up: [0, 3],
      acting: [0, 3],
    }),
  );
  test("is built down and blocked by the one that is missing", () => {
    expect([...p.probe]).toEqual(["0", "3"] satisfies pg_shard_t[]);
    expect([...p.blocked_by]).toEqual([[1, 0]]);
    expect([...p.down]).toEqual([
      [1, true],
      [2, false],
    ]);
  });
  test.each([
    ["nothing changed; the removed OSD is still gone", {}, false],
    ["a probed OSD went down", { 3: { state: "down", lost_at: 0 } }, true],
    ["the one that blocks came up", { 1: { state: "up", lost_at: 0 } }, true],
    ["the one that blocks was declared lost", { 1: { state: "lost", lost_at: 21 } }, true],
    ["the one that blocks was removed", { 1: { state: "gone", lost_at: 0 } }, true],
    ["the removed one is back", { 2: { state: "up", lost_at: 0 } }, true],
    ["the removed one exists again, down", { 2: { state: "down", lost_at: 0 } }, true],
    ["somebody else went down", { 7: { state: "down", lost_at: 0 } }, false],
  ] as const)("%s: %o", (_, change, affected) => {
    expect(p.affected_by_map(map_of({ ...states, ...change }))).toBe(affected);
  });
});
