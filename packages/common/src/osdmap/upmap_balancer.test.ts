import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Incremental, new_incremental } from "./Incremental.ts";
import { OSDMap } from "./OSDMap.ts";
import type { pg_pool_t } from "./pg_pool_t.ts";
import { RuleTree } from "./RuleTree.ts";
import { build_map } from "./testing/build_map.ts";
import { apply_upmap_cleanup, find_upmap_cleanup } from "./tool/upmap_cleanup.ts";
import { calc_pg_upmaps, type calc_pg_upmaps_options } from "./upmap_balancer.ts";

function plan(m: OSDMap, options: calc_pg_upmaps_options) {
  const inc = new_incremental(m);
  const did = calc_pg_upmaps(m, inc, options);
  return { did, inc, after: m.apply_incremental(inc) };
}

/** How far OSDs are from what their weights ask for, counted anew. */
function unevenness(m: OSDMap, pool: number) {
  const p = m.get_pg_pool(pool);
  const rule = m.crush.get_rule(p?.crush_rule ?? -1);
  const share = new Map<number, number>();
  for (const [osd, w] of rule ? new RuleTree(m.crush, rule).weights() : []) {
    if (w * m.get_weightf(osd) > 0) share.set(osd, w * m.get_weightf(osd));
  }
  const sum = [...share.values()].reduce((a, b) => a + b, 0);
  const ups = m.get_pgs(pool).map((pg) => m.pg_to_up_acting_osds(pg).up);
  const off = [...share].map(([osd, w]) => {
    const has = ups.filter((up) => up.includes(osd)).length;
    return has - (w / sum) * (p?.size ?? 0) * (p?.pg_num ?? 0);
  });
  return {
    squares: off.reduce((s, d) => s + d * d, 0),
    max: Math.max(0, ...off.map(Math.abs)),
  };
}
const entries = (inc: Incremental) => inc.new_pg_upmap_items.size + inc.old_pg_upmap_items.size;

function even_map(pool: Partial<pg_pool_t>, osds = 12, hosts = 4): OSDMap {
  return build_map({ osds, hosts, pools: [pool] });
}

describe("calc_pg_upmaps", () => {
  const m = even_map({ pg_num: 64 });

  it("evens a pool out, step by step", () => {
    const before = unevenness(m, 1);
    const { did, inc, after } = plan(m, { max_deviation: 1, max: 1000 });
    expect(did).toBeGreaterThan(5);
    expect(entries(inc)).toBeLessThanOrEqual(did);
    expect(unevenness(after, 1).max).toBeLessThanOrEqual(1);
    expect(before.max).toBeGreaterThan(2);
    // No further than it was asked for.
    expect(plan(m, { max_deviation: before.max + 0.01, max: 1000 }).did).toBe(0);
    expect(plan(after, { max_deviation: 1, max: 1000 }).did).toBe(0);
  });
  it("takes no more steps than it may", () => {
    expect(plan(m, { max_deviation: 1, max: 3 }).did).toBe(3);
    expect(plan(m, { max_deviation: 1, max: 0 }).did).toBe(0);
  });
  it("asks for nothing that needs an OSD that is down or out", () => {
    const osd_state = m.f.osd_state.with(2, 1);
    const osd_weight = m.f.osd_weight.with(5, 0);
    const worse = new OSDMap({ ...m.f, osd_state, osd_weight });
    const { did, inc } = plan(worse, { max_deviation: 1, max: 1000 });
    expect(did).toBeGreaterThan(0);
    const targets = [...inc.new_pg_upmap_items.values()].flat().map(([, to]) => to);
    expect(targets.filter((o) => o === 2 || o === 5)).toEqual([]);
  });
  it("takes back entries that have become too much", () => {
    const { after } = plan(m, { max_deviation: 1, max: 1000 });
    // Twice the weight: what was moved away from there had better come back.
    const [from] = [...after.pg_upmap_items.values()].flat()[0] ?? [0];
    const crush = after.crush.edit((b) => void b.adjust_item_weight(from, 2));
    const inc = new_incremental(after);
    calc_pg_upmaps(new OSDMap({ ...after.f, crush }), inc, { max_deviation: 1, max: 1000 });
    expect(inc.old_pg_upmap_items.size).toBeGreaterThan(0);
  });
  it("leaves lists alone that a person set, and pools that were not named", () => {
    const pg_upmap = new Map(m.get_pgs(1).map((pg) => [pg, m.pg_to_up_acting_osds(pg).up]));
    expect(plan(new OSDMap({ ...m.f, pg_upmap }), { max_deviation: 1, max: 99 }).did).toBe(0);
    const two = build_map({ osds: 12, hosts: 4, pools: [{ pg_num: 64 }, { pg_num: 64 }] });
    const { inc } = plan(two, { max_deviation: 1, max: 99, only_pools: [2] });
    expect([...inc.new_pg_upmap_items.keys()].every((pg) => pg.startsWith("2."))).toBe(true);
    expect(inc.new_pg_upmap_items.size).toBeGreaterThan(0);
  });
  it("an order by chance changes which PGs move, not how even it gets", () => {
    let seed = 7;
    const int = (n: number) => {
      seed = (seed * 48271) % 0x7fffffff;
      return seed % n;
    };
    const rng = { int, next: () => int(1000) / 1000 };
    const by_chance = plan(m, { max_deviation: 1, max: 1000, rng });
    const by_order = plan(m, { max_deviation: 1, max: 1000 });
    expect(unevenness(by_chance.after, 1).max).toBeLessThanOrEqual(1);
    expect(by_chance.inc.new_pg_upmap_items).not.toEqual(by_order.inc.new_pg_upmap_items);
  });
});

const ODD_POOLS = [
  { size: 3 },
  { size: 2 },
  { type: 3, size: 3, crush_rule: 1 },
  { type: 3, size: 5, crush_rule: 1, min_size: 4 },
] as const;
const odd_map = fc
  .record({
    hosts: fc.integer({ min: 2, max: 5 }),
    per_host: fc.integer({ min: 1, max: 4 }),
    pool: fc.constantFrom(...ODD_POOLS),
    pg_num: fc.integer({ min: 1, max: 48 }),
    weights: fc.array(fc.constantFrom(0, 0.5, 1, 1, 2, 3.6), { minLength: 20, maxLength: 20 }),
    reweights: fc.array(fc.constantFrom(0, 0x8000, 0x10000, 0x10000), {
      minLength: 20,
      maxLength: 20,
    }),
    down: fc.array(fc.nat(19), { maxLength: 2 }),
  })
  .map(({ hosts, per_host, pool, pg_num, weights, reweights, down }) => {
    const osds = hosts * per_host;
    const m = even_map({ ...pool, pg_num, pgp_num: pg_num, pg_num_pending: pg_num }, osds, hosts);
    const crush = m.crush.edit((b) => {
      for (let o = 0; o < osds; o++) b.adjust_item_weight(o, weights[o] ?? 1);
    });
    const osd_weight = m.f.osd_weight.map((w, o) => reweights[o] ?? w);
    const osd_state = m.f.osd_state.map((s, o) => (down.includes(o) ? 1 : s));
    return new OSDMap({ ...m.f, crush, osd_weight, osd_state });
  });
const limits = fc.record({
  max_deviation: fc.integer({ min: 1, max: 3 }),
  max: fc.integer({ min: 1, max: 60 }),
  aggressive: fc.boolean(),
});

describe("on maps of any kind", () => {
  it("what it proposes holds, and never makes things less even", () => {
    fc.assert(
      fc.property(odd_map, limits, limits, (map, first, second) => {
        let m = map;
        for (const options of [first, second]) {
          const { did, inc, after } = plan(m, options);
          expect(did).toBeLessThanOrEqual(options.max);
          // None that clean_pg_upmaps would remove or change.
          const unclean = new_incremental(after);
          apply_upmap_cleanup(find_upmap_cleanup(after), unclean);
          expect(entries(unclean)).toBe(0);
          // None of its PGs has lost a copy.
          for (const pg of inc.new_pg_upmap_items.keys()) {
            const up = (x: OSDMap) => x.pg_to_up_acting_osds(pg).up.filter((o) => x.is_up(o));
            expect(new Set(up(after)).size).toBeGreaterThanOrEqual(up(m).length);
          }
          const [was, is] = [unevenness(m, 1), unevenness(after, 1)];
          expect(is.max).toBeLessThanOrEqual(was.max + 1e-4);
          if (did > 0) expect(is.squares).toBeLessThan(was.squares);
          else expect(entries(inc)).toBe(0);
          if (was.max <= options.max_deviation - 1e-4) expect(did).toBe(0);
          // The same map, the same plan.
          expect(plan(m, options).inc).toEqual(inc);
          m = after;
        }
      }),
      { numRuns: 60 },
    );
  });
});
