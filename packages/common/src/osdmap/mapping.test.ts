import { describe, expect, it } from "vitest";
import { CrushWrapper, DEFAULT_TYPE_NAMES } from "../crush/CrushWrapper.ts";
import { CRUSH_ITEM_NONE as NONE, pg_t } from "../types/osd_types.ts";
import { type Incremental, new_incremental } from "./Incremental.ts";
import { OSDMap } from "./OSDMap.ts";
import { pg_pool_t, raw_pg_to_pps, TYPE_ERASURE } from "./pg_pool_t.ts";
import { build_map } from "./testing/build_map.ts";

/** Map "E" of cluster.md §2.8 under pool 1 `rbd` of §1.6. */
function worked_example(): OSDMap {
  const crush = new CrushWrapper().edit((b) => {
    DEFAULT_TYPE_NAMES.forEach((n, t) => {
      b.set_type_name(t, n);
    });
    b.add_bucket("default", "root");
    [1, 2, 1, 1, 0.5, 1.5].forEach((w, o) => {
      const loc = new Map([
        ["host", `h${o >> 1}`],
        ["root", "default"],
      ]);
      b.insert_item(o, w, `osd.${o}`, loc);
    });
    b.add_simple_rule("replicated_rule", "default", "host");
  });
  const six = <T>(v: T) => Array.from({ length: 6 }, () => v);
  return new OSDMap({
    epoch: 1,
    max_osd: 6,
    osd_state: six(3),
    osd_weight: six(0x10000),
    crush,
    pools: new Map([[1, pg_pool_t({ pg_num: 384 })]]),
    pool_name: new Map([[1, "rbd"]]),
  });
}

function changed(m: OSDMap, change: (inc: Incremental) => void): OSDMap {
  const inc = new_incremental(m);
  change(inc);
  return m.apply_incremental(inc);
}

it("places nothing where the rule is for other sizes", () => {
  const m = build_map({ osds: 6, hosts: 6, pools: [{ size: 10 }, { size: 11 }] });
  expect(m.crush.get_rule(0)).toMatchObject({ min_size: 1, max_size: 10 });
  expect(m.pg_to_up_acting_osds("1.0").up).toHaveLength(6);
  expect(m.pg_to_up_acting_osds("2.0")).toMatchObject({ up: [], up_primary: -1 });
});

describe("object -> PG -> OSDs", () => {
  const m = worked_example();

  it.each([
    ["foo", 0x7fc1f406, "1.6", [5, 0, 2]],
    ["bar", 0xefe6384b, "1.4b", [1, 2, 4]],
    ["rbd_data.1", 0x8bc8228e, "1.8e", [5, 1, 2]],
    ["a", 0x29eec818, "1.18", [5, 0, 3]],
    ["obj7", 0x5c889059, "1.59", [1, 3, 5]],
  ])("places %s as osdmaptool does", (oid, hash, pg, up) => {
    const found = m.object_locator_to_pg({ pool: 1, oid });
    expect(found).toEqual({ hash, raw_pg: pg_t(1, hash) });
    expect(m.raw_pg_to_pg(pg_t(1, hash))).toBe(pg);
    expect(m.pg_to_up_acting_osds(pg_t(1, Number.parseInt(pg.slice(2), 16)))).toEqual({
      up,
      up_primary: up[0],
      acting: up,
      acting_primary: up[0],
    });
  });
  it("has the placement seeds of the worked example", () => {
    const pool = pg_pool_t({ pg_num: 384 });
    const pps = (["1.0", "1.6", "1.17f"] as const).map((pg) => raw_pg_to_pps(pool, pg));
    expect(pps).toEqual([91478055, 3614737657, 1992680976]);
  });
  it("hashes a locator key instead of the name, and the namespace with it", () => {
    const by_key = m.object_locator_to_pg({ pool: 1, oid: "x", key: "foo", nspace: "ns" });
    expect(by_key?.hash).toBe(0xac17f0b6);
    expect(m.object_locator_to_pg({ pool: 7, oid: "x" })).toBeUndefined();
  });
  it("leaves an OSD that is out to others", () => {
    const out = changed(m, (inc) => inc.new_weight.set(3, 0));
    expect(m.pg_to_up_acting_osds("1.0").up).toEqual([3, 0, 5]);
    expect(out.pg_to_up_acting_osds("1.0").up).toEqual([0, 5, 2]);
  });
  it("has nothing for a PG that does not exist", () => {
    for (const pg of ["1.180", "2.0"] as const) {
      expect(m.pg_to_up_acting_osds(pg)).toEqual({
        up: [],
        up_primary: -1,
        acting: [],
        acting_primary: -1,
      });
    }
  });
});

describe("overrides", () => {
  const m = build_map({
    osds: 6,
    hosts: 6,
    pools: [{ pg_num: 32 }, { type: TYPE_ERASURE, size: 3, crush_rule: 1, pg_num: 32 }],
  });
  const [a = -1, b = -1, c = -1] = m.pg_to_up_acting_osds("1.0").up;
  const [x = -1, y = -1, z = -1] = m.pg_to_up_acting_osds("2.0").up;
  const d = [0, 1, 2, 3, 4, 5].find((o) => ![a, b, c].includes(o)) ?? -1;
  const acting = (map: OSDMap, pg: pg_t) => {
    const r = map.pg_to_up_acting_osds(pg);
    return [r.acting, r.acting_primary];
  };

  it("a down OSD shortens a replicated list and leaves a hole in an erasure list", () => {
    const rep = changed(m, (inc) => inc.new_state.set(a, 2));
    expect(rep.pg_to_up_acting_osds("1.0")).toMatchObject({ up: [b, c], up_primary: b });
    const ec = changed(m, (inc) => inc.new_state.set(x, 2));
    expect(ec.pg_to_up_acting_osds("2.0")).toMatchObject({ up: [NONE, y, z], up_primary: y });
  });
  it("pg_temp is acting while up stays", () => {
    const t = changed(m, (inc) => inc.new_pg_temp.set("1.0", [d, b]));
    expect(t.pg_to_up_acting_osds("1.0")).toEqual({
      up: [a, b, c],
      up_primary: a,
      acting: [d, b],
      acting_primary: d,
    });
  });
  it("a pg_temp that lost all its OSDs falls back to up only in a replicated pool", () => {
    const rep = changed(m, (inc) => {
      inc.new_pg_temp.set("1.0", [d]);
      inc.new_state.set(d, 2);
    });
    expect(acting(rep, "1.0")).toEqual([[a, b, c], a]);
    const ec = changed(m, (inc) => {
      inc.new_pg_temp.set("2.0", [x, NONE, NONE]);
      inc.new_state.set(x, 2);
    });
    expect(acting(ec, "2.0")).toEqual([[NONE, NONE, NONE], -1]);
  });
  it("primary_temp names the primary, with or without a pg_temp", () => {
    const t = changed(m, (inc) => inc.new_primary_temp.set("1.0", c));
    expect(acting(t, "1.0")).toEqual([[a, b, c], c]);
    const both = changed(t, (inc) => inc.new_pg_temp.set("1.0", [b, c]));
    expect(acting(both, "1.0")).toEqual([[b, c], c]);
  });
  it("upmaps replace members, unless a target is out or there already", () => {
    const up = (map: OSDMap) => map.pg_to_up_acting_osds("1.0").up;
    const item = changed(m, (inc) => inc.new_pg_upmap_items.set("1.0", [[b, d]]));
    expect(up(item)).toEqual([a, d, c]);
    expect(item.pg_to_raw_osds("1.0").raw).toEqual([a, b, c]);
    const out = changed(item, (inc) => inc.new_weight.set(d, 0));
    expect(up(out)).toEqual(up(changed(m, (inc) => inc.new_weight.set(d, 0))));
    const there = changed(m, (inc) => inc.new_pg_upmap_items.set("1.0", [[b, a]]));
    expect(up(there)).toEqual([a, b, c]);
    const all = changed(m, (inc) => {
      inc.new_pg_upmap.set("1.0", [d]);
      inc.new_pg_upmap_items.set("1.0", [[d, -0x7fffffff]]);
    });
    expect(up(changed(m, (inc) => inc.new_pg_upmap.set("1.0", [d])))).toEqual([d]);
    expect(up(all)).toEqual([]);
  });
  it("an OSD of affinity 0 leads no PG, and is not first in a replicated one", () => {
    const t = changed(m, (inc) => inc.new_primary_affinity.set(0, 0).set(1, 0));
    for (const pg of [...t.get_pgs(1), ...t.get_pgs(2)]) {
      const before = m.pg_to_up_acting_osds(pg);
      const now = t.pg_to_up_acting_osds(pg);
      expect([0, 1]).not.toContain(now.up_primary);
      expect([...now.up].sort()).toEqual([...before.up].sort());
      if (pg.startsWith("1.")) expect(now.up[0]).toBe(now.up_primary);
      else expect(now.up).toEqual(before.up);
    }
  });
});

describe("results handed on to the next map", () => {
  it("are those that the next map would compute", () => {
    let m = build_map({ osds: 8, pools: [{ pg_num: 16 }, { pg_num: 8, size: 2 }] });
    const changes: ((inc: Incremental) => void)[] = [
      (inc) => inc.new_up_thru.set(1, 2),
      (inc) => inc.new_state.set(2, 2),
      (inc) => inc.new_weight.set(3, 0x4000),
      (inc) => inc.new_pools.set(1, pg_pool_t({ pg_num: 32, pgp_num: 16 })),
      (inc) => inc.new_pools.set(1, pg_pool_t({ pg_num: 32 })),
      (inc) => inc.new_pools.set(1, pg_pool_t({ pg_num: 32, crush_rule: 1 })),
      (inc) => inc.new_pools.set(2, pg_pool_t({ pg_num: 8, size: 3 })),
      (inc) => inc.new_pg_temp.set("1.3", [5, 6]),
      (inc) => inc.new_primary_affinity.set(4, 0),
      (inc) => {
        inc.crush = m.crush.edit((b) => b.adjust_item_weight(5, 3));
      },
      (inc) => inc.old_pools.add(2),
    ];
    for (const change of changes) {
      const pgs = [...m.get_pgs(1), ...m.get_pgs(2)];
      for (const pg of pgs) m.pg_to_up_acting_osds(pg);
      m = changed(m, change);
      const fresh = OSDMap.decode(m.encode());
      for (const pg of [...m.get_pgs(1), ...m.get_pgs(2), ...pgs]) {
        expect(m.pg_to_up_acting_osds(pg)).toEqual(fresh.pg_to_up_acting_osds(pg));
      }
    }
  });
});
