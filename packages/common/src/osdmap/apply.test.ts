import { describe, expect, it } from "vitest";
import {
  CEPH_OSD_AUTOOUT,
  CEPH_OSD_EXISTS,
  CEPH_OSD_NEW,
  CEPH_OSD_STOP,
  CEPH_OSD_UP,
  OSDMAP_FLAGS,
} from "./flags.ts";
import { type Incremental, new_incremental, osd_xinfo_t } from "./Incremental.ts";
import { MapError } from "./MapError.ts";
import { OSDMap } from "./OSDMap.ts";
import { BLANK_UUID } from "./osdmap_fields.ts";
import { pg_pool_t } from "./pg_pool_t.ts";
import { build_map, test_addr } from "./testing/build_map.ts";

const base = build_map({ osds: 3, hosts: 1, failure_domain: "osd", pools: [{ pg_num: 8 }] });

function after(map: OSDMap, change: (inc: Incremental) => void): OSDMap {
  const inc = new_incremental(map);
  inc.modified = 1_700_000_000_000 + inc.epoch;
  change(inc);
  return map.apply_incremental(inc);
}

describe("apply_incremental", () => {
  it("takes only the epoch that follows, of the same cluster", () => {
    const code = (inc: Incremental) => {
      try {
        base.apply_incremental(inc);
      } catch (e) {
        return e instanceof MapError ? e.code : e;
      }
      return "applied";
    };
    expect(code(new_incremental(base))).toBe("applied");
    expect(code({ ...new_incremental(base), epoch: base.epoch })).toBe("wrong_epoch");
    expect(code({ ...new_incremental(base), epoch: base.epoch + 2 })).toBe("wrong_epoch");
    expect(code({ ...new_incremental(base), fsid: BLANK_UUID })).toBe("wrong_fsid");
    const first = { ...new_incremental({ fsid: base.fsid, epoch: 0 }) };
    expect(new OSDMap().apply_incremental(first).fsid).toBe(base.fsid);
  });

  it("replaces everything by a full map", () => {
    const next = after(base, (inc) => {
      inc.fullmap = new OSDMap({ ...base.f, epoch: inc.epoch, flags: 0 }).encode();
      inc.new_flags = OSDMAP_FLAGS.noout;
    });
    expect(next.flags).toBe(0);
    expect(next.epoch).toBe(base.epoch + 1);
    expect(() => after(base, (inc) => (inc.fullmap = base.encode()))).toThrow(MapError);
  });

  it("leaves the map before as it was", () => {
    const before = base.crc;
    const copy = OSDMap.decode(base.encode());
    after(base, (inc) => {
      inc.new_state.set(1, CEPH_OSD_UP);
      inc.new_weight.set(0, 0);
      inc.new_pg_temp.set("1.0", [2, 1]);
      inc.new_max_osd = 9;
    });
    expect(new OSDMap(base.f).crc).toBe(before);
    expect(base.dump()).toEqual(copy.dump());
  });

  it("marks down by flipping UP, and says when", () => {
    const m = after(base, (inc) => inc.new_state.set(1, CEPH_OSD_UP));
    expect([m.is_up(1), m.exists(1), m.get_down_at(1)]).toEqual([false, true, m.epoch]);
    expect(m.get_xinfo(1).down_stamp).toBe(m.modified);
    const again = after(base, (inc) => inc.new_state.set(1, 0));
    expect(again.is_up(1)).toBe(false);
  });

  it("flips state before it marks up: down and up in one epoch leaves the OSD up", () => {
    const m = after(base, (inc) => {
      inc.new_state.set(1, CEPH_OSD_UP);
      inc.new_up_client.set(1, test_addr(1, 77));
    });
    expect(m.is_up(1)).toBe(true);
    expect([m.get_up_from(1), m.get_down_at(1)]).toEqual([m.epoch, m.epoch]);
    expect(m.get_addr(1).nonce).toBe(77);
  });

  it("does not touch up_thru when an OSD comes up", () => {
    const thru = after(base, (inc) => inc.new_up_thru.set(1, base.epoch));
    const down = after(thru, (inc) => inc.new_state.set(1, CEPH_OSD_UP));
    const up = after(down, (inc) => inc.new_up_client.set(1, test_addr(1)));
    expect(up.get_up_thru(1)).toBeLessThan(up.get_up_from(1));
  });

  it("lets a weight set EXISTS, clear AUTOOUT and NEW and forget the old weight", () => {
    const out = after(base, (inc) => {
      inc.new_weight.set(1, 0);
      inc.new_state.set(1, CEPH_OSD_AUTOOUT);
      inc.new_xinfo.set(1, osd_xinfo_t({ old_weight: 0x10000 }));
    });
    expect([out.is_out(1), out.get_state(1) & CEPH_OSD_AUTOOUT]).toEqual([true, CEPH_OSD_AUTOOUT]);
    const back = after(out, (inc) => inc.new_weight.set(1, 0x8000));
    expect(back.get_state(1)).toBe(CEPH_OSD_EXISTS | CEPH_OSD_UP);
    expect(back.get_xinfo(1).old_weight).toBe(0);
  });

  it("sets NEW after the weight cleared it: what `osd new` stores", () => {
    const m = after(base, (inc) => {
      inc.new_max_osd = 4;
      inc.new_weight.set(3, 0x10000);
      inc.new_state.set(3, CEPH_OSD_NEW);
    });
    expect(m.get_state(3)).toBe(CEPH_OSD_EXISTS | CEPH_OSD_NEW);
  });

  it("wipes a slot whose EXISTS is flipped", () => {
    const marked = after(base, (inc) => {
      inc.new_primary_affinity.set(1, 0);
      inc.new_lost.set(1, 1);
    });
    const down = after(marked, (inc) => inc.new_state.set(1, CEPH_OSD_UP));
    const gone = after(down, (inc) => inc.new_state.set(1, CEPH_OSD_EXISTS));
    expect([gone.get_state(1), gone.get_uuid(1), gone.get_lost_at(1)]).toEqual([0, BLANK_UUID, 0]);
    expect([gone.get_addr(1).port, gone.get_primary_affinity(1)]).toEqual([0, 0x10000]);
    expect(gone.get_all_osds()).toEqual([0, 2]);
  });

  it("clears STOP at boot and keeps addresses that differ", () => {
    const m = after(
      after(base, (inc) => inc.new_state.set(1, CEPH_OSD_UP | CEPH_OSD_STOP)),
      (inc) => {
        inc.new_up_client.set(1, test_addr(1, 5));
        inc.new_up_cluster.set(1, test_addr(11, 5));
        inc.new_hb_back_up.set(1, test_addr(12, 5));
      },
    );
    expect(m.is_stop(1)).toBe(false);
    expect(m.get_addrs(1)).toEqual({
      client: test_addr(1, 5),
      cluster: test_addr(11, 5),
      hb_back: test_addr(12, 5),
      hb_front: test_addr(1, 5),
    });
  });

  it("stamps pools it takes, and forgets those it drops with their names", () => {
    const m = after(base, (inc) => {
      inc.new_pools.set(2, pg_pool_t({ pg_num: 4, last_change: 99 }));
      inc.new_pool_names.set(2, "two");
      inc.new_pool_max = 2;
    });
    expect(m.get_pg_pool(2)?.last_change).toBe(m.epoch);
    expect(m.lookup_pg_pool_name("two")).toBe(2);
    const gone = after(m, (inc) => {
      inc.new_pool_names.set(1, "renamed");
      inc.old_pools.add(2);
    });
    expect([gone.have_pg_pool(2), gone.lookup_pg_pool_name("two")]).toEqual([false, -1]);
    expect([gone.get_pool_name(1), gone.pool_max]).toEqual(["renamed", 2]);
  });

  it("sets and then deletes overrides; empty and -1 mean delete", () => {
    const m = after(base, (inc) => {
      inc.new_pg_temp.set("1.0", [2, 1]).set("1.1", [1]);
      inc.new_primary_temp.set("1.2", 1);
      inc.new_pg_upmap.set("1.3", [0, 1]);
      inc.new_pg_upmap_items.set("1.4", [[0, 1]]);
    });
    expect([...m.pg_temp.keys(), ...m.primary_temp.keys()]).toEqual(["1.0", "1.1", "1.2"]);
    const less = after(m, (inc) => {
      inc.new_pg_temp.set("1.0", []);
      inc.new_primary_temp.set("1.2", -1);
      inc.new_pg_upmap.set("1.3", [1, 2]);
      inc.old_pg_upmap.add("1.3");
      inc.old_pg_upmap_items.add("1.4");
    });
    expect([...less.pg_temp.keys()]).toEqual(["1.1"]);
    expect(less.primary_temp.size + less.pg_upmap.size + less.pg_upmap_items.size).toBe(0);
  });

  it("counts the CRUSH maps it was given, if all OSDs do so", () => {
    const reweigh = (inc: Incremental) => {
      inc.crush = base.crush.edit((b) => b.adjust_item_weight(0, 2));
    };
    const m = after(base, (inc) => {
      reweigh(inc);
      inc.new_require_osd_release = "luminous";
    });
    expect(m.crush_version).toBe(base.crush_version + 1);
    expect(m.crush.get_item_weightf(0)).toBe(2);
    const jewel = new OSDMap({ ...base.f, require_osd_release: "jewel" });
    expect(after(jewel, reweigh).crush_version).toBe(base.crush_version);
  });

  it("queues removed snapshots until they are purged", () => {
    const m = after(base, (inc) => {
      inc.new_removed_snaps.set(1, [[4, 2]]);
    });
    const more = after(m, (inc) => inc.new_removed_snaps.set(1, [[6, 1]]));
    expect(more.f.removed_snaps_queue.get(1)).toEqual([[4, 3]]);
    const purged = after(more, (inc) => inc.new_purged_snaps.set(1, [[5, 1]]));
    expect(purged.f.removed_snaps_queue.get(1)).toEqual([
      [4, 1],
      [6, 1],
    ]);
    expect(purged.f.new_removed_snaps.size).toBe(0);
  });

  it("refuses an OSD outside of the map", () => {
    expect(() => after(base, (inc) => inc.new_state.set(3, CEPH_OSD_UP))).toThrow(/osd\.3/);
    expect(() => after(base, (inc) => (inc.new_max_osd = 2 ** 30))).toThrow(MapError);
  });

  it("drops the slots beyond a smaller max_osd", () => {
    const m = after(base, (inc) => (inc.new_max_osd = 1));
    expect(m.get_all_osds()).toEqual([0]);
    expect(m.f.osd_uuid).toHaveLength(1);
  });
});
