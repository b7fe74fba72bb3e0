import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pg_ps, pg_t } from "../types/osd_types.ts";
import {
  ceph_stable_mod,
  get_ancestor,
  get_merge_parent,
  get_parent,
  get_pg_children,
  get_pg_num_divisor,
  get_split_bits,
  is_merge_source,
  is_merge_target,
  is_split,
  pg_match_hash,
  pg_num_mask,
} from "./pg_split.ts";

const pg = (ps: number) => pg_t(1, ps);
const seeds = (l: readonly pg_t[]) => l.map(pg_ps);

describe("PG arithmetic", () => {
  it("has the masks of cluster.md §1.3", () => {
    expect([1, 2, 3, 8, 384, 512, 513].map(pg_num_mask)).toEqual([0, 1, 3, 7, 511, 511, 1023]);
  });

  it.each([
    [16, [16], 0],
    [16, [8], 0],
    [16, [83], 16],
    [1323, [123, 8], 3],
  ])("ancestor of %i at pg_num %j is %i", (ps, steps, want) => {
    expect(pg_ps(steps.reduce(get_ancestor, pg(ps)))).toBe(want);
  });

  it.each([
    [0, 1, 1, []],
    [0, 2, 8, [2, 4, 6]],
    [0, 6, 8, []],
    [1, 2, 6, [3, 5]],
    [1, 4, 8, [5]],
    [1, 6, 8, []],
    [3, 7, 12, [7, 11]],
  ])("%i splits from %i to %i PGs into %j", (ps, from, to, children) => {
    expect(seeds(get_pg_children(pg(ps), from, to))).toEqual(children);
    expect(is_split(pg(ps), from, to)).toBe(children.length > 0);
  });

  it("merges what a split would have made", () => {
    expect(is_merge_source(pg(7), 8, 7)).toBe(true);
    expect(get_merge_parent(pg(7), 7)).toBe(pg(3));
    expect(is_merge_target(pg(3), 8, 7)).toBe(true);
    expect(is_merge_source(pg(7), 8, 4)).toBe(true);
    expect(get_merge_parent(pg(7), 4)).toBe(pg(3));
    expect(is_merge_source(pg(7), 9, 8)).toBe(false);
    expect(is_merge_target(pg(1), 8, 4)).toBe(true);
    expect(get_parent(pg(0x1f))).toBe(pg(0xf));
  });

  it("knows the share of each PG when pg_num is no power of two", () => {
    const divisors = Array.from({ length: 12 }, (_, ps) => get_pg_num_divisor(pg(ps), 12));
    expect(divisors).toEqual([16, 16, 16, 16, 8, 8, 8, 8, 16, 16, 16, 16]);
  });

  it("sends each object to the child that its hash says, and to no other", () => {
    const pg_num = fc.integer({ min: 1, max: 300 });
    fc.assert(
      fc.property(pg_num, pg_num, fc.integer({ min: 0, max: 0xffffffff }), (a, b, hash) => {
        const [from, to] = a < b ? [a, b] : [b, a];
        const old = pg(ceph_stable_mod(hash, from, pg_num_mask(from)));
        const now = pg(ceph_stable_mod(hash, to, pg_num_mask(to)));
        expect([old, ...get_pg_children(old, from, to)]).toContain(now);
        expect(get_ancestor(now, from)).toBe(old);
        if (now !== old) expect(get_merge_parent(now, from)).toBe(old);
        expect(pg_match_hash(now, get_split_bits(now, to), hash)).toBe(true);
        const owners = Array.from({ length: to }, (_, ps) => pg(ps)).filter((p) =>
          pg_match_hash(p, get_split_bits(p, to), hash),
        );
        expect(owners).toEqual([now]);
      }),
    );
  });
});
