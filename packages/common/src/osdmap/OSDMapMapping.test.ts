import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CRUSH_ITEM_NONE, pg_t as make_pg, type pg_t } from "../types/osd_types.ts";
import { type Incremental, new_incremental } from "./Incremental.ts";
import { OSDMap } from "./OSDMap.ts";
import { OSDMapMapping } from "./OSDMapMapping.ts";
import { pg_pool_t, TYPE_ERASURE } from "./pg_pool_t.ts";
import { build_map } from "./testing/build_map.ts";

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
  fc.constantFrom(8, 16, 24).map(
    (pg_num): Step =>
      (inc) =>
        inc.new_pools.set(1, pg_pool_t({ pg_num, pgp_num: 8 })),
  ),
  fc.constant<Step>((inc) => inc.new_up_thru.set(0, 2)),
  fc.constant<Step>((inc) => inc.old_pools.add(2)),
  osd.map(
    (o): Step =>
      (inc, m) => {
        if (m.crush.get_parents(o).length > 0) {
          inc.crush = m.crush.edit((b) => b.adjust_item_weight(o, 2));
        }
      },
  ),
);

const all_pgs = (m: OSDMap): pg_t[] => m.pool_ids().flatMap((id) => m.get_pgs(id));

describe("OSDMapMapping", () => {
  it("after any updates is what a map that knows nothing of the past gives", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 12 }),
        (epochs) => {
          let m = start();
          const mapping = new OSDMapMapping(m);
          for (const steps of epochs) {
            // The mapper of each map hands on to the next: let it know all PGs.
            for (const p of all_pgs(m)) m.pg_to_up_acting_osds(p);
            const inc = new_incremental(m);
            for (const change of steps) change(inc, m);
            const before = new Map(all_pgs(m).map((p) => [p, mapping.get(p)]));
            m = m.apply_incremental(inc);
            const { changed } = mapping.update(m);
            const fresh = new OSDMap(m.f);
            const full = new OSDMapMapping(fresh);
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
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

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
