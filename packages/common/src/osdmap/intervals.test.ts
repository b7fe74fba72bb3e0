import { describe, expect, it } from "vitest";
import type { pg_shard_t, pg_t } from "../types/osd_types.ts";
import { OSDMAP_FLAGS } from "./flags.ts";
import { osd_info_t } from "./Incremental.ts";
import {
  check_new_interval,
  is_new_interval,
  list_to_shards,
  PastIntervals,
  type pg_interval_t,
} from "./intervals.ts";
import type { up_acting_t } from "./mapping.ts";
import { OSDMap } from "./OSDMap.ts";
import { pg_pool_t as make_pool, type pg_pool_t } from "./pg_pool_t.ts";
import { build_map } from "./testing/build_map.ts";

const pool = { min_size: 2, pg_num: 4 };
/** Epoch 41 with pool 200, as Ceph's own test has it. */
function map_41(p: Partial<pg_pool_t> | null = pool, up_thru: Record<number, number> = {}): OSDMap {
  const infos = Array.from({ length: 8 }, (_, o) => osd_info_t({ up_thru: up_thru[o] ?? 0 }));
  const pools = p ? new Map([[200, make_pool(p)]]) : new Map();
  return new OSDMap({ epoch: 41, max_osd: 8, osd_info: infos, pools });
}
const BEFORE: up_acting_t = { up: [1], up_primary: 1, acting: [1, 2], acting_primary: 1 };
const ANY = (s: ReadonlySet<pg_shard_t>) => s.size > 0;

describe("is_new_interval", () => {
  const check = (
    cur: Partial<up_acting_t>,
    last: OSDMap = map_41(),
    map: OSDMap = map_41(),
    pg: pg_t = "200.0",
  ) => is_new_interval(BEFORE, { ...BEFORE, ...cur }, last, map, pg);

  it("sees no change where there is none", () => {
    expect(check({})).toBe(false);
    expect(check({ up: [1], acting: [1, 2] })).toBe(false);
  });
  it.each<[string, Partial<up_acting_t>]>([
    ["up", { up: [2] }],
    ["acting", { acting: [2, 1] }],
    ["acting, only shorter", { acting: [1] }],
    ["up_primary", { up_primary: 2 }],
    ["acting_primary", { acting_primary: 2 }],
  ])("a change of %s starts one", (_, cur) => {
    expect(check(cur)).toBe(true);
  });
  it.each<[string, Partial<pg_pool_t>]>([
    ["size", { ...pool, size: 4 }],
    ["min_size", { ...pool, min_size: 1 }],
    ["pg_num, for a PG that splits", { ...pool, pg_num: 6 }],
    ["the stretch settings", { ...pool, peering_crush_bucket_count: 2 }],
  ])("a change of %s starts one", (_, p) => {
    expect(check({}, map_41(), map_41(p))).toBe(true);
  });
  it("a change of pg_num starts none for a PG that does not split", () => {
    expect(check({}, map_41(), map_41({ ...pool, pg_num: 6 }), "200.3")).toBe(false);
  });
  it("a merge that happens, is announced or withdrawn starts one for both sides", () => {
    const announced = map_41({ ...pool, pg_num_pending: 3 });
    expect(check({}, announced, map_41(), "200.3")).toBe(true);
    expect(check({}, map_41(), announced, "200.1")).toBe(true);
    expect(check({}, map_41(), announced, "200.2")).toBe(false);
    expect(check({}, map_41(), map_41({ ...pool, pg_num: 3 }), "200.1")).toBe(true);
  });
  it("a flag that changes the order or deletion of objects starts one", () => {
    for (const bit of [OSDMAP_FLAGS.sortbitwise, OSDMAP_FLAGS.recovery_deletes]) {
      expect(check({}, map_41(), new OSDMap({ ...map_41().f, flags: bit }))).toBe(true);
    }
    const noout = new OSDMap({ ...map_41().f, flags: OSDMAP_FLAGS.noout });
    expect(check({}, map_41(), noout)).toBe(false);
  });
  it("the removal of the pool starts exactly one", () => {
    expect(check({}, map_41(), map_41(null))).toBe(true);
    expect(check({}, map_41(null), map_41(null))).toBe(false);
  });
});

describe("check_new_interval", () => {
  const run = (cur: Partial<up_acting_t>, opts: Record<string, unknown> = {}) => {
    const past_intervals = new PastIntervals();
    const args = {
      old: BEFORE,
      cur: { ...BEFORE, ...cur },
      same_interval_since: 40,
      last_epoch_clean: 40,
      lastmap: map_41(pool, { 1: 41 }),
      osdmap: map_41(),
      pg: "200.0" as const,
      could_have_gone_active: ANY,
      past_intervals,
      ...opts,
    };
    return { iv: check_new_interval(args), past_intervals };
  };

  it("says nothing when nothing changed", () => {
    const { iv, past_intervals } = run({});
    expect(iv).toBeUndefined();
    expect(past_intervals.empty()).toBe(true);
  });
  it.each<[boolean, string, Record<string, unknown>]>([
    [true, "up_thru of the primary covers it", {}],
    [false, "its acting set was empty", { old: { ...BEFORE, acting: [] } }],
    [false, "its acting set was below min_size", { old: { ...BEFORE, acting: [1] } }],
    [false, "it had no primary", { old: { ...BEFORE, acting_primary: -1 } }],
    [false, "its shards could not serve", { could_have_gone_active: () => false }],
    [false, "up_thru is older", { last_epoch_clean: 30, lastmap: map_41(pool, { 1: 30 }) }],
    [true, "up_thru is older, but it was clean in it", { lastmap: map_41(pool, { 1: 30 }) }],
    [
      false,
      "up_thru is of a later incarnation of the primary",
      {
        last_epoch_clean: 30,
        lastmap: new OSDMap({
          ...map_41().f,
          osd_info: [osd_info_t(), osd_info_t({ up_from: 41, up_thru: 41 })],
        }),
      },
    ],
  ])("maybe_went_rw is %s when %s", (want, _, opts) => {
    const { iv, past_intervals } = run({ acting: [5, 6] }, opts);
    expect(iv).toMatchObject({ first: 40, last: 40, maybe_went_rw: want });
    expect(past_intervals.size()).toBe(want ? 1 : 0);
    expect(past_intervals.get_bounds()).toEqual([40, 41]);
  });
});

describe("PastIntervals", () => {
  const iv = (first: number, last: number, acting: number[], maybe_went_rw = true) =>
    ({
      first,
      last,
      acting,
      up: acting,
      primary: acting[0] ?? -1,
      up_primary: acting[0] ?? -1,
      maybe_went_rw,
    }) satisfies pg_interval_t;

  it("keeps an older record only while a newer one does not cover it", () => {
    const p = new PastIntervals();
    p.add_interval(false, iv(10, 12, [0, 1, 2]));
    p.add_interval(false, iv(13, 13, [3, 4]));
    p.add_interval(false, iv(14, 15, [1, 0]));
    p.add_interval(false, iv(16, 16, [7], false));
    expect(p.to_wire()).toEqual({
      first: 10,
      last: 16,
      all_participants: ["0", "1", "2", "3", "4", "7"],
      intervals: [
        { first: 13, last: 13, acting: ["3", "4"] },
        { first: 14, last: 15, acting: ["0", "1"] },
      ],
    });
    expect(PastIntervals.from_wire(p.to_wire()).to_wire()).toEqual(p.to_wire());
  });
  it("goes back from the newest to the first that ends before last_epoch_started", () => {
    const p = new PastIntervals();
    p.add_interval(false, iv(10, 12, [0]));
    p.add_interval(false, iv(13, 15, [1]));
    p.add_interval(false, iv(16, 18, [2]));
    const seen: number[] = [];
    p.iterate_mayberw_back_to(13, (first) => seen.push(first));
    expect(seen).toEqual([16, 13]);
  });
  it("tells erasure shards of one OSD apart", () => {
    expect(list_to_shards([4, 0x7fffffff, 2], true)).toEqual(["2(2)", "4(0)"]);
    expect(list_to_shards([4, 0x7fffffff, 2], false)).toEqual(["2", "4"]);
  });
  it("copies do not share", () => {
    const p = new PastIntervals();
    p.add_interval(false, iv(10, 12, [0]));
    const c = p.copy();
    c.add_interval(false, iv(13, 14, [0]));
    expect(p.last).toBe(12);
    p.clear();
    expect(p.empty()).toBe(true);
    expect(c.get_bounds()).toEqual([10, 15]);
  });
});

// What the OSDs of a real cluster of three went through: killed and restarted one after the other.
// Rows: epoch, then [up, up_from, up_thru] of osd.0, 1, 2.
const HISTORY: [number, ...[number, number, number][]][] = [
  [19, [1, 7, 16], [1, 19, 13], [1, 7, 16]],
  [20, [1, 7, 19], [1, 19, 19], [1, 7, 19]],
  [21, [1, 7, 19], [1, 19, 19], [0, 7, 19]],
  [22, [1, 7, 19], [1, 19, 21], [0, 7, 19]],
  [23, [1, 7, 19], [1, 19, 21], [0, 7, 19]],
  [24, [1, 7, 19], [1, 19, 21], [1, 24, 19]],
  [25, [1, 7, 19], [1, 19, 24], [1, 24, 24]],
  [26, [1, 7, 25], [1, 19, 24], [1, 24, 24]],
  [27, [1, 7, 25], [1, 19, 24], [0, 24, 24]],
  [28, [1, 7, 27], [1, 19, 27], [0, 24, 24]],
  [29, [1, 7, 27], [0, 19, 27], [0, 24, 24]],
  [30, [1, 7, 29], [0, 19, 27], [0, 24, 24]],
  [31, [1, 7, 29], [0, 19, 27], [0, 24, 24]],
  [32, [1, 7, 29], [0, 19, 27], [1, 32, 24]],
];

describe("the history of a real cluster", () => {
  const base = build_map({
    osds: 3,
    hosts: 1,
    failure_domain: "osd",
    pools: [
      { size: 3, min_size: 2, pg_num: 8 },
      { size: 2, min_size: 1, pg_num: 4 },
    ],
  });
  const maps = HISTORY.map(([epoch, ...osds]) => {
    const osd_state = osds.map(([up]) => (up ? 3 : 1));
    const osd_info = osds.map(([, up_from, up_thru]) => osd_info_t({ up_from, up_thru }));
    return new OSDMap({ ...base.f, epoch, osd_state, osd_info });
  });
  /** Past intervals of a PG that was clean at `last_epoch_clean`, in the interval from `since`. */
  function replay(pg: pg_t, since: number, last_epoch_clean: number, to: number) {
    const past_intervals = new PastIntervals();
    let same_interval_since = since;
    let lastmap: OSDMap | undefined;
    for (const osdmap of maps.filter((m) => m.epoch >= since && m.epoch <= to)) {
      if (lastmap) {
        const old = lastmap.pg_to_up_acting_osds(pg);
        const cur = osdmap.pg_to_up_acting_osds(pg);
        const fixed = { osdmap, lastmap, pg, could_have_gone_active: ANY, past_intervals };
        const changed = check_new_interval({
          old,
          cur,
          same_interval_since,
          last_epoch_clean,
          ...fixed,
        });
        if (changed) same_interval_since = osdmap.epoch;
      }
      lastmap = osdmap;
    }
    return { same_interval_since, past_intervals: past_intervals.to_wire() };
  }

  it("gives 2.0 the past intervals that its query showed while it was down", () => {
    expect(replay("2.0", 24, 25, 32)).toEqual({
      same_interval_since: 32,
      past_intervals: {
        first: 24,
        last: 31,
        all_participants: ["1", "2"],
        intervals: [{ first: 27, last: 28, acting: ["1"] }],
      },
    });
  });
  it("gives 1.0 those that its query showed while it was peering", () => {
    expect(replay("1.0", 19, 20, 24)).toEqual({
      same_interval_since: 24,
      past_intervals: {
        first: 19,
        last: 23,
        all_participants: ["0", "1", "2"],
        intervals: [{ first: 21, last: 23, acting: ["0", "1"] }],
      },
    });
  });
});
