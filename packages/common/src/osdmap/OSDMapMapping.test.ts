import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compile_crush } from "../crush/compile.ts";
import { random_crush_text } from "../crush/testing/random_map.ts";
import { CRUSH_ITEM_NONE, pg_t as make_pg, pg_ps, type pg_t } from "../types/osd_types.ts";
import { CEPH_OSD_EXISTS, CEPH_OSD_UP } from "./flags.ts";
import { type Incremental, new_incremental, osd_info_t, osd_xinfo_t } from "./Incremental.ts";
import { OSDMap } from "./OSDMap.ts";
import { OSDMapMapping } from "./OSDMapMapping.ts";
import { BLANK_ADDRS } from "./osdmap_fields.ts";
import { POOL_FLAGS, pg_pool_t, TYPE_ERASURE, TYPE_REPLICATED } from "./pg_pool_t.ts";
import { build_map, TEST_FSID, test_addr, test_uuid } from "./testing/build_map.ts";

const OSDS = 12;
const POOLS = 3;

/** Three pools: replicas, shards, and replicas chosen rack by rack; some OSDs are in by half. */
function start(): OSDMap {
  const m = build_map({
    osds: OSDS,
    hosts: 6,
    pools: [
      { pg_num: 24 },
      { type: TYPE_ERASURE, size: 4, crush_rule: 1, pg_num: 13 },
      { pg_num: 16, pgp_num: 8, size: 4, crush_rule: 2, flags: 0 },
    ],
  });
  const inc = new_incremental(m);
  inc.crush = m.crush.edit((b) => {
    ["r0", "r1"].forEach((rack, i) => {
      b.add_bucket(rack, "rack");
      b.move_bucket(b.get_item_id(rack) ?? 0, new Map([["root", "default"]]));
      for (const h of [0, 1, 2]) {
        b.move_bucket(b.get_item_id(`h${3 * i + h}`) ?? 0, new Map([["rack", rack]]));
      }
    });
    const rack = 3;
    b.add_rule("racks", 1, [
      { op: 1, arg1: b.get_item_id("default") ?? 0, arg2: 0 },
      { op: 2, arg1: 2, arg2: rack },
      { op: 6, arg1: 2, arg2: 1 },
      { op: 4, arg1: 0, arg2: 0 },
    ]);
    b.set_tunables({ choose_total_tries: 3 });
  });
  inc.new_weight.set(1, 0x8000).set(7, 0x1000);
  return m.apply_incremental(inc);
}

/** Any CRUSH map, with pools by its rules; a few OSDs are out, or in by half. */
function any_start(seed: number): OSDMap {
  const crush = compile_crush(random_crush_text(seed));
  const max_osd = Math.max(OSDS, crush.map.max_devices);
  const each = <T>(fn: (o: number) => T) => Array.from({ length: max_osd }, (_, o) => fn(o));
  const rules = [...crush.map.rules.values()];
  const pools = Array.from({ length: POOLS }, (_, i) => {
    const rule = rules[i % rules.length];
    const type = rule?.type === TYPE_ERASURE ? TYPE_ERASURE : TYPE_REPLICATED;
    const more = { pg_num: 8 + i, size: 2 + ((seed + i) % 3), crush_rule: rule?.id ?? 0 };
    return [i + 1, pg_pool_t({ ...more, type, flags: (seed >> i) & 1 })] as const;
  });
  return new OSDMap({
    fsid: TEST_FSID,
    epoch: 1,
    crush,
    max_osd,
    osd_state: each(() => CEPH_OSD_EXISTS | CEPH_OSD_UP),
    osd_weight: each((o) => [0x10000, 0x10000, 0x10000, 0x8000, 0][(seed + o) % 5] ?? 0),
    osd_info: each(() => osd_info_t()),
    osd_xinfo: each(() => osd_xinfo_t()),
    osd_uuid: each(test_uuid),
    osd_addrs: each(() => BLANK_ADDRS),
    pools: new Map(pools),
    pool_name: new Map(pools.map(([id]) => [id, `p${id}`])),
    pool_max: POOLS,
  });
}
const first_map: fc.Arbitrary<OSDMap> = fc.oneof(
  fc.nat().map(any_start),
  fc.constant(0).map(start),
);

const osd = fc.nat(OSDS - 1);
const pg = fc.tuple(fc.nat(POOLS - 1), fc.nat(15)).map(([p, ps]) => make_pg(p + 1, ps));
const osds = fc.uniqueArray(fc.oneof(osd, fc.constantFrom(13, CRUSH_ITEM_NONE)), { maxLength: 5 });
const weight = fc.constantFrom(0, 0x1000, 0x8000, 0x10000);

type Step = (inc: Incremental, m: OSDMap) => void;
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(osd, weight).map(
    ([o, w]): Step =>
      (inc) =>
        inc.new_weight.set(o, w),
  ),
  osd.map(
    (o): Step =>
      (inc) =>
        inc.new_state.set(o, 2),
  ),
  // Wiped if it exists, made if not.
  osd.map(
    (o): Step =>
      (inc) =>
        inc.new_state.set(o, 1),
  ),
  fc.tuple(osd, weight).map(
    ([o, a]): Step =>
      (inc) =>
        inc.new_primary_affinity.set(o, a),
  ),
  fc.tuple(pg, osds).map(
    ([p, l]): Step =>
      (inc) =>
        inc.new_pg_temp.set(p, l),
  ),
  fc.tuple(pg, fc.oneof(osd, fc.constant(-1))).map(
    ([p, o]): Step =>
      (inc) =>
        inc.new_primary_temp.set(p, o),
  ),
  fc.tuple(pg, osds).map(
    ([p, l]): Step =>
      (inc) =>
        inc.new_pg_upmap.set(p, l),
  ),
  pg.map(
    (p): Step =>
      (inc) =>
        inc.old_pg_upmap.add(p).add(p),
  ),
  fc.tuple(pg, osd, fc.oneof(osd, fc.constant(13))).map(
    ([p, a, b]): Step =>
      (inc) =>
        inc.new_pg_upmap_items.set(p, [[a, b]]),
  ),
  fc.constantFrom(12, 14, 16).map(
    (n): Step =>
      (inc) => {
        inc.new_max_osd = n;
      },
  ),
  // Split, merged, its seeds spread anew, another size or another hash: what CRUSH is asked changes.
  fc
    .record({
      pg_num: fc.constantFrom(8, 16, 24),
      pgp_num: fc.constantFrom(8, 16),
      size: fc.constantFrom(2, 3),
      flags: fc.constantFrom(0, POOL_FLAGS.hashpspool),
      min_size: fc.constantFrom(1, 2),
      crush_rule: fc.constantFrom(0, 2, 9),
    })
    .map(
      (pool): Step =>
        (inc) =>
          inc.new_pools.set(1, pg_pool_t(pool)),
    ),
  fc.constantFrom(1, 2, 3, 4).map(
    (id): Step =>
      (inc) =>
        inc.old_pools.add(id),
  ),
  fc.constantFrom(2, 4).map(
    (id): Step =>
      (inc) =>
        inc.new_pools.set(id, pg_pool_t({ type: TYPE_ERASURE, size: 3, crush_rule: 1, pg_num: 5 })),
  ),
  fc.constant<Step>((inc) => inc.new_up_thru.set(0, 2)),
  osd.map(
    (o): Step =>
      (inc) =>
        inc.new_up_client.set(o, test_addr(o)),
  ),
  pg.map(
    (p): Step =>
      (inc) =>
        inc.old_pg_upmap_items.add(p),
  ),
  // One that changes nothing but the object.
  fc.constant<Step>((inc, m) => {
    inc.crush = m.crush.edit(() => {});
  }),
  osd.map(
    (o): Step =>
      (inc, m) => {
        inc.crush = m.crush.edit((b) => {
          if (m.crush.get_parents(o).length > 0) b.remove_item(o);
        });
      },
  ),
  osd.map(
    (o): Step =>
      (inc, m) => {
        if (m.crush.get_parents(o).length > 0) {
          inc.crush = m.crush.edit((b) => b.adjust_item_weight(o, 2));
        }
      },
  ),
);

/** PGs that another mapping is about: it knows nothing of the rest. */
const SOME: readonly pg_t[] = ["1.13", "2.4", "1.0", "1.3", "4.2", "3.7", "9.0"];

const all_pgs = (m: OSDMap): pg_t[] => m.pool_ids().flatMap((id) => m.get_pgs(id));

describe("OSDMapMapping", () => {
  it("after any updates is what a map that knows nothing of the past gives", () => {
    fc.assert(
      fc.property(
        first_map,
        fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 12 }),
        (first, epochs) => {
          let m = first;
          const mapping = new OSDMapMapping(m);
          const some = new OSDMapMapping(m, SOME);
          mapping.get_osd_acting_pgs(0);
          for (const [i, steps] of epochs.entries()) {
            // The mapper of each map hands on to the next: let it know all PGs, or few.
            for (const p of all_pgs(m)) if (i % 3 !== 0 || pg_ps(p) % 2) m.pg_to_up_acting_osds(p);
            const inc = new_incremental(m);
            for (const change of steps) change(inc, m);
            const before = new Map(all_pgs(m).map((p) => [p, mapping.get(p)]));
            m = m.apply_incremental(inc);
            const { changed } = mapping.update(m);
            const few = some.update(m).changed;
            const fresh = new OSDMap(m.f);
            const full = new OSDMapMapping(new OSDMap(m.f));
            const acting = new Map<number, pg_t[]>();
            for (const p of all_pgs(m)) {
              const want = fresh.pg_to_up_acting_osds(p);
              expect(mapping.get(p)).toEqual({ ...full.get(p), ...want });
              expect(m.pg_to_up_acting_osds(p)).toEqual(want);
              const { raw, primary } = fresh.pg_to_raw_osds(p);
              expect(mapping.get(p)).toMatchObject({ raw, raw_primary: primary });
              const {
                raw: _,
                raw_primary: __,
                ...was
              } = before.get(p) ?? { raw: 0, raw_primary: 0 };
              expect(changed.includes(p)).toBe(JSON.stringify(was) !== JSON.stringify({ ...want }));
              expect(some.get(p).acting).toEqual(SOME.includes(p) ? want.acting : []);
              for (const o of want.acting) acting.set(o, [...(acting.get(o) ?? []), p]);
            }
            expect(few).toEqual(changed.filter((p) => SOME.includes(p)));
            for (let o = 0; o < OSDS; o++) {
              expect(mapping.get_osd_acting_pgs(o)).toEqual([...new Set(acting.get(o) ?? [])]);
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  it("maps again what a change can reach, and nothing for one that no placement depends on", () => {
    const m = build_map({ osds: 60, hosts: 20, pools: [{ pg_num: 512 }] });
    const mapping = new OSDMapMapping(m);
    const down = new_incremental(m);
    down.new_state.set(7, 2);
    const next = m.apply_incremental(down);
    const mine = mapping.get_osd_acting_pgs(7);
    const { mapped, changed } = mapping.update(next);
    expect(mapped).toBe(mine.length);
    expect(changed).toEqual(mine);
    expect(mapping.get_osd_acting_pgs(7)).toEqual([]);
    const thru = new_incremental(next);
    thru.new_up_thru.set(3, 2);
    thru.new_flags = 0;
    expect(mapping.update(next.apply_incremental(thru))).toEqual({ mapped: 0, changed: [] });
  });
  it("knows nothing of PGs that are not there", () => {
    const mapping = new OSDMapMapping(build_map({ osds: 3, pools: [{ pg_num: 4 }] }));
    expect(mapping.num_pgs).toBe(4);
    expect(mapping.get("1.4")).toMatchObject({ up: [], acting_primary: -1 });
    expect(mapping.get("2.0")).toMatchObject({ up: [], acting_primary: -1 });
  });
});
