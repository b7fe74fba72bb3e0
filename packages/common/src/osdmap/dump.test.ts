import { describe, expect, it } from "vitest";
import { crush_from_dump } from "../crush/load.ts";
import { CEPH_OSD_NEW, CEPH_OSD_UP, OSDMAP_FLAGS } from "./flags.ts";
import { new_incremental } from "./Incremental.ts";
import { osdmap_from_dump } from "./load.ts";
import { MapError } from "./MapError.ts";
import { osd_tree_dump } from "./osd_tree.ts";
import { pg_pool_t } from "./pg_pool_t.ts";
import { build_map } from "./testing/build_map.ts";

const m = (() => {
  const base = build_map({ osds: 3, hosts: 1, failure_domain: "osd", pools: [{ pg_num: 8 }] });
  const inc = new_incremental(base);
  inc.modified = Date.UTC(2026, 10, 22, 15, 11, 14) + 534.072;
  inc.new_flags = base.flags | OSDMAP_FLAGS.noout | OSDMAP_FLAGS.nobackfill;
  inc.new_full_ratio = 0.95;
  inc.new_state.set(1, CEPH_OSD_UP);
  inc.new_pg_temp.set("1.3", [2, 0]).set("1.1", [0]);
  inc.new_primary_temp.set("1.3", 2);
  inc.new_weight.set(2, 0x8000);
  inc.new_pools.set(2, pg_pool_t({ application_metadata: new Map([["rbd", new Map()]]) }));
  inc.new_pool_names.set(2, "two");
  inc.new_max_osd = 5;
  inc.crush = base.crush.edit((b) => {
    for (const o of [0, 1]) b.set_device_class(o, "ssd");
    b.set_device_class(2, "hdd");
  });
  const mid = base.apply_incremental(inc);
  const last = new_incremental(mid);
  last.new_weight.set(4, 0x10000);
  last.new_state.set(4, CEPH_OSD_NEW);
  return mid.apply_incremental(last);
})();

// Key order of the dumps of a real cluster.
const KEYS = {
  map: `epoch fsid created modified last_up_change last_in_change flags flags_num flags_set crush_version
    full_ratio backfillfull_ratio nearfull_ratio cluster_snapshot pool_max max_osd
    require_min_compat_client min_compat_client require_osd_release pools osds osd_xinfo pg_upmap
    pg_upmap_items pg_temp primary_temp blocklist range_blocklist erasure_code_profiles
    removed_snaps_queue new_removed_snaps new_purged_snaps crush_node_flags device_class_flags
    stretch_mode`,
  pool: `pool pool_name create_time flags flags_names type size min_size crush_rule
    peering_crush_bucket_count peering_crush_bucket_target peering_crush_bucket_barrier
    peering_crush_bucket_mandatory_member object_hash pg_autoscale_mode pg_num pg_placement_num
    pg_placement_num_target pg_num_target pg_num_pending last_pg_merge_meta last_change
    last_force_op_resend last_force_op_resend_prenautilus last_force_op_resend_preluminous auid
    snap_mode snap_seq snap_epoch pool_snaps removed_snaps quota_max_bytes quota_max_objects tiers
    tier_of read_tier write_tier cache_mode target_max_bytes target_max_objects
    cache_target_dirty_ratio_micro cache_target_dirty_high_ratio_micro
    cache_target_full_ratio_micro cache_min_flush_age cache_min_evict_age erasure_code_profile
    hit_set_params hit_set_period hit_set_count use_gmt_hitset min_read_recency_for_promote
    min_write_recency_for_promote hit_set_grade_decay_rate hit_set_search_last_n grade_table
    stripe_width expected_num_objects fast_read options application_metadata`,
  osd: `osd uuid up in weight primary_affinity last_clean_begin last_clean_end up_from up_thru down_at
    lost_at public_addrs cluster_addrs heartbeat_back_addrs heartbeat_front_addrs public_addr
    cluster_addr heartbeat_back_addr heartbeat_front_addr state`,
  xinfo: `osd down_stamp laggy_probability laggy_interval features old_weight last_purged_snaps_scrub
    dead_epoch`,
};
const words = (s: string) => s.split(/\s+/);

interface DumpShape {
  [k: string]: unknown;
  pools: Record<string, unknown>[];
  osds: Record<string, unknown>[];
  osd_xinfo: Record<string, unknown>[];
}

describe("osd dump", () => {
  const d: DumpShape = JSON.parse(JSON.stringify(m.dump()));

  it("has Ceph's keys in Ceph's order", () => {
    expect(Object.keys(d)).toEqual(words(KEYS.map));
    expect(Object.keys(d.pools[0] ?? {})).toEqual(words(KEYS.pool));
    expect(Object.keys(d.osds[0] ?? {})).toEqual(words(KEYS.osd));
    expect(Object.keys(d.osd_xinfo[0] ?? {})).toEqual(words(KEYS.xinfo));
  });
  it("has Ceph's forms of values", () => {
    expect(d).toMatchObject({
      epoch: 4,
      created: "2023-11-14T22:13:20.000000+0000",
      last_up_change: "0.000000",
      flags: "noout,nobackfill,sortbitwise,recovery_deletes,purged_snapdirs,pglog_hardlimit",
      full_ratio: 0.949999988079071,
      min_compat_client: "jewel",
      pg_temp: [
        { pgid: "1.1", osds: [0] },
        { pgid: "1.3", osds: [2, 0] },
      ],
      primary_temp: ["1.3", 2],
    });
    expect(d.osds.map((o) => [o.osd, o.up, o.in, o.weight, o.state])).toEqual([
      [0, 1, 1, 1, ["exists", "up"]],
      [1, 0, 1, 1, ["exists"]],
      [2, 1, 1, 0.5, ["exists", "up"]],
      [4, 0, 1, 1, ["exists", "new"]],
    ]);
    expect(d.osds[0]).toMatchObject({
      public_addrs: { addrvec: [{ type: "v2", addr: "127.0.0.1:6800", nonce: 1000 }] },
      public_addr: "127.0.0.1:6800/1000",
    });
    expect(d.osds[3]).toMatchObject({
      public_addrs: { addrvec: [] },
      public_addr: "(unrecognized address family 0)/0",
    });
    expect(d.osd_xinfo[1]).toMatchObject({ down_stamp: "2026-11-22T15:11:14.534072+0000" });
    expect(d.pools[1]).toMatchObject({ last_change: "3", application_metadata: { rbd: {} } });
  });
  it("can be read back", () => {
    const again = osdmap_from_dump(d, crush_from_dump(m.crush.dump()));
    expect(again.dump()).toEqual(m.dump());
    expect(() => osdmap_from_dump({ epoch: 1 }, m.crush)).toThrow(MapError);
  });
});

describe("osd tree", () => {
  it("lists buckets with their OSDs by class, and strays apart", () => {
    const osd = { type: "osd", type_id: 0, pool_weights: {}, exists: 1, primary_affinity: 1 };
    const placed = { ...osd, crush_weight: 1, depth: 2 };
    expect(osd_tree_dump(m)).toEqual({
      nodes: [
        { id: -1, name: "default", type: "root", type_id: 11, children: [-2] },
        { id: -2, name: "h0", type: "host", type_id: 1, pool_weights: {}, children: [1, 0, 2] },
        { ...placed, id: 2, device_class: "hdd", name: "osd.2", status: "up", reweight: 0.5 },
        { ...placed, id: 0, device_class: "ssd", name: "osd.0", status: "up", reweight: 1 },
        { ...placed, id: 1, device_class: "ssd", name: "osd.1", status: "down", reweight: 1 },
      ],
      stray: [
        {
          id: 4,
          name: "osd.4",
          type: "osd",
          type_id: 0,
          crush_weight: 0,
          depth: 0,
          exists: 1,
          status: "down",
          reweight: 1,
          primary_affinity: 1,
        },
      ],
    });
  });
});

describe("noup, nodown, noin and noout", () => {
  it("hold for a cluster, an OSD, what is below a CRUSH node and a class", () => {
    const inc = new_incremental(m);
    inc.new_flags = m.flags & ~OSDMAP_FLAGS.noout;
    inc.new_state.set(0, 256);
    inc.new_crush_node_flags.set(-2, 512);
    inc.new_device_class_flags.set(m.crush.get_class_id("hdd") ?? -1, 1024);
    const next = m.apply_incremental(inc);
    const which = (test: (o: number) => boolean) => [0, 1, 2, 4].filter(test);
    expect(which((o) => m.is_noout(o))).toEqual([0, 1, 2, 4]);
    expect(which((o) => next.is_noout(o))).toEqual([]);
    expect(which((o) => next.is_noup(o))).toEqual([0]);
    expect(which((o) => next.is_nodown(o))).toEqual([0, 1, 2]);
    expect(which((o) => next.is_noin(o))).toEqual([2]);
  });
});
