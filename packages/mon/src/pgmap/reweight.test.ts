/**
 * What a real manager 16.2.15 planned for a cluster of four OSDs, one pool of 37 PGs and two
 * copies: `osdmap.bin` is its map, the numbers are those it had of the OSDs then.
 */
import fs from "node:fs";
import path from "node:path";
import { Config, decode_osdmap_binary, type pg_t } from "@tako/common";
import { expect, test } from "vitest";
import { parse_osd_stat, unknown_pg_stat } from "./pg_stat.ts";
import {
  mapping_stats,
  type ReweightWish,
  reweight_plan,
  type UseStats,
  with_weights,
} from "./reweight.ts";

const FILE = path.join(import.meta.dirname, "../../testdata/golden/reweight/osdmap.bin");
const { map } = decode_osdmap_binary(new Uint8Array(fs.readFileSync(FILE)));
const NEW = { up_from: 0, seq: 1, slow_ops: 0, oldest_slow_op_s: 0 };
const stats: UseStats = {
  pg_stat: new Map(
    map.get_pgs(1).map((pg): [pg_t, ReturnType<typeof unknown_pg_stat>] => {
      return [pg, unknown_pg_stat(0, map.epoch, map.pg_to_up_acting_osds(pg))];
    }),
  ),
  sorted_osds: () =>
    [147500, 81964, 57388, 106540].map((kb_used, o) => [
      o,
      parse_osd_stat({ kb: 1048576, kb_used }, NEW),
    ]),
};
const WISH: ReweightWish = {
  oload: 120,
  max_change: 0.05,
  max_osds: 4,
  no_increasing: false,
  by_pg: false,
  pools: undefined,
};
const config = new Config({ mon_reweight_min_bytes_per_osd: 0 });
const plan = (wish: Partial<ReweightWish>) =>
  reweight_plan(map, stats, config, { ...WISH, ...wish });
const weights = (wish: Partial<ReweightWish>) =>
  plan(wish).reweights.map((r) => [r.osd, r.new_weight / 0x10000]);

test("how evenly PGs lie, and would lie", () => {
  expect(mapping_stats(map, undefined, undefined)).toEqual({
    avg_pgs: 18.5,
    std_dev: 4.0311288833618164,
    expected_baseline_std_dev: 3.7249162197113037,
    min_osd: 2,
    min_osd_pgs: 12,
    max_osd: 0,
    max_osd_pgs: 23,
  });
  const p = plan({ oload: 103, max_change: 0.2, max_osds: 3 });
  expect(p).toMatchObject({
    average_utilization: expect.closeTo(0.093792864, 5),
    overload_utilization: expect.closeTo(0.09660665, 5),
  });
  expect(mapping_stats(map, with_weights(map, p.reweights), undefined)).toEqual({
    moved_pgs: 3,
    total_pgs: 74,
    avg_pgs: 18.5,
    std_dev: 4.0311288833618164,
    expected_baseline_std_dev: 3.7249162197113037,
    new_std_dev: 3.5,
    min_osd: 2,
    min_osd_pgs: 12,
    new_min_osd_pgs: 13,
    max_osd: 0,
    max_osd_pgs: 23,
    new_max_osd_pgs: 22,
  });
});

test("the worst are changed first, no more than allowed", () => {
  expect(weights({ oload: 103, max_change: 0.2, max_osds: 3 })).toEqual([
    [0, 0.8000030517578125],
    [3, 0.923095703125],
  ]);
  expect(weights({})).toEqual([[0, (0x10000 - 3276) / 0x10000]]);
  expect(weights({ by_pg: true, oload: 101, max_change: 0.01 })).toEqual([
    [0, 0.9900054931640625],
    [1, 0.9900054931640625],
    [3, 0.9900054931640625],
  ]);
  expect(weights({ by_pg: true, oload: 103, max_change: 0.3, max_osds: 1 })).toEqual([
    [0, expect.closeTo(0.8043, 4)],
  ]);
});

test("an OSD with less than the average gets its weight back", () => {
  const lighter = with_weights(map, [{ osd: 2, weight: 0x10000, new_weight: 0xe000 }]);
  const up = (no_increasing: boolean) =>
    reweight_plan(lighter, stats, config, { ...WISH, no_increasing }).reweights;
  expect(up(false)).toContainEqual({ osd: 2, weight: 0xe000, new_weight: 0xe000 + 3276 });
  expect(up(true).map((r) => r.osd)).toEqual([0]);
});

test("refusals", () => {
  expect(() => plan({ oload: 100 })).toThrow(/higher than 100\. .*\nFAILED reweight-by-pg$/s);
  const strict = new Config({
    mon_reweight_min_pgs_per_osd: 1000,
    mon_reweight_min_bytes_per_osd: 100 << 20,
  });
  const refused = (by_pg: boolean) => () => reweight_plan(map, stats, strict, { ...WISH, by_pg });
  expect(refused(true)).toThrow("Refusing to reweight: we only have 74 PGs across 4 osds!\nFAILED");
  expect(refused(false)).toThrow("we only have 393392 kb used across all osds!");
});
