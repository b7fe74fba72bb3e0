import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pg_t as make_pg, type pg_t } from "../types/osd_types.ts";
import { crc32c } from "./crc32c.ts";
import { decode_incremental, encode_incremental } from "./encode.ts";
import { type Incremental, new_incremental, osd_xinfo_t } from "./Incremental.ts";
import { MapError } from "./MapError.ts";
import { OSDMap } from "./OSDMap.ts";
import { pg_pool_t, TYPE_ERASURE } from "./pg_pool_t.ts";
import { build_map, TEST_FSID, test_uuid } from "./testing/build_map.ts";

const OSDS = 6;
const start = build_map({ osds: OSDS, pools: [{ pg_num: 8 }] });

const osd = fc.nat(OSDS - 1);
const epoch = fc.nat(0xffffffff);
const stamp = fc.integer({ min: 0, max: 2e15 }).map((us) => us / 1000);
const name = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom("__proto__", "é漢😀", "constructor"),
);
const weight = fc.nat(0x10000);
const addr = fc.record({ host: fc.ipV4(), port: fc.nat(65535), nonce: fc.nat(0xffffffff) });
const pg = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.nat(20))
  .map(([p, s]): pg_t => make_pg(p, s));
const xinfo = fc.record({
  down_stamp: stamp,
  laggy_probability: fc.double({ min: 0, max: 1, noNaN: true }),
  laggy_interval: fc.nat(1000),
  features: fc.nat(),
  old_weight: weight,
  last_purged_snaps_scrub: stamp,
  dead_epoch: epoch,
});
const dict = fc.array(fc.tuple(name, name), { maxLength: 3 }).map((e) => new Map(e));
const pool = fc
  .record({
    type: fc.constantFrom(1 as const, TYPE_ERASURE),
    size: fc.integer({ min: 1, max: 10 }),
    pg_num: fc.integer({ min: 1, max: 64 }),
    flags: fc.nat(0x3ffff),
    create_time: stamp,
    quota_max_bytes: fc.maxSafeNat(),
    erasure_code_profile: name,
    fast_read: fc.boolean(),
    opts: fc.array(fc.tuple(name, fc.oneof(name, fc.integer()))).map((e) => new Map(e)),
    application_metadata: fc.array(fc.tuple(name, dict)).map((e) => new Map(e)),
    snaps: fc
      .array(fc.tuple(fc.nat(99), name), { maxLength: 3 })
      .map((e) => new Map(e.map(([snapid, n]) => [snapid, { snapid, stamp: 5, name: n }]))),
  })
  .map((p) => pg_pool_t(p));

const map_of = <K, V>(k: fc.Arbitrary<K>, v: fc.Arbitrary<V>) =>
  fc.array(fc.tuple(k, v), { maxLength: 3 }).map((e) => new Map(e));
const set_of = <K>(k: fc.Arbitrary<K>) => fc.array(k, { maxLength: 2 }).map((e) => new Set(e));
const unset_or = (v: fc.Arbitrary<number>) => fc.oneof(fc.constant(-1), v);
const pool_id = fc.integer({ min: 1, max: 3 });
const osds = fc.array(osd, { maxLength: 4 });

const change: fc.Arbitrary<Partial<Incremental>> = fc.record(
  {
    modified: stamp,
    new_flags: unset_or(fc.nat(0x7fffff)),
    new_max_osd: unset_or(fc.integer({ min: OSDS, max: OSDS + 3 })),
    new_pool_max: unset_or(fc.nat(9)),
    new_pools: map_of(pool_id, pool),
    new_pool_names: map_of(pool_id, name),
    old_pools: set_of(pool_id),
    new_removed_snaps: map_of(pool_id, fc.constant([[1, 4] as const])),
    new_purged_snaps: map_of(pool_id, fc.constant([[2, 1] as const])),
    new_last_up_change: unset_or(stamp),
    new_last_in_change: unset_or(stamp),
    new_weight: map_of(osd, weight),
    new_primary_affinity: map_of(osd, weight),
    old_erasure_code_profiles: set_of(name),
    new_erasure_code_profiles: map_of(name, dict),
    new_state: map_of(osd, fc.nat(0x1fff)),
    new_up_client: map_of(osd, addr),
    new_hb_back_up: map_of(osd, addr),
    new_hb_front_up: map_of(osd, addr),
    new_up_cluster: map_of(osd, addr),
    new_up_thru: map_of(osd, epoch),
    new_last_clean_interval: map_of(osd, fc.tuple(epoch, epoch)),
    new_lost: map_of(osd, epoch),
    new_xinfo: map_of(osd, xinfo),
    new_uuid: map_of(osd, osd.map(test_uuid)),
    new_pg_temp: map_of(pg, osds),
    new_primary_temp: map_of(pg, unset_or(osd)),
    new_pg_upmap: map_of(pg, osds),
    old_pg_upmap: set_of(pg),
    new_pg_upmap_items: map_of(pg, fc.array(fc.tuple(osd, osd), { maxLength: 2 })),
    old_pg_upmap_items: set_of(pg),
    new_blocklist: map_of(name, stamp),
    old_blocklist: set_of(name),
    new_range_blocklist: map_of(name, stamp),
    new_crush_node_flags: map_of(fc.integer({ min: -4, max: 4 }), fc.nat(4095)),
    new_device_class_flags: map_of(fc.nat(3), fc.nat(4095)),
    cluster_snapshot: name,
    new_full_ratio: unset_or(fc.double({ min: 0, max: 1, noNaN: true })),
    new_require_osd_release: name,
    crush: osd.map((o) => start.crush.edit((b) => b.adjust_item_weight(o, o + 0.5))),
  },
  { requiredKeys: [] },
);

function make_inc(prev: OSDMap, c: Partial<Incremental>): Incremental {
  return { ...new_incremental(prev), ...c };
}

describe("an incremental", () => {
  it("survives its encoding, and equal ones encode equally", () => {
    fc.assert(
      fc.property(change, (c) => {
        const inc = make_inc(start, c);
        const bytes = encode_incremental(inc);
        const back = decode_incremental(bytes);
        expect({ ...back, crush: back.crush?.dump() }).toEqual({
          ...inc,
          crush: inc.crush?.dump(),
        });
        expect(encode_incremental(back)).toEqual(bytes);
      }),
    );
  });
});

describe("a map", () => {
  it("is the same whether built by incrementals, from their bytes, or from a full map", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 5 }), (changes) => {
        let sender = start;
        let receiver = OSDMap.decode(start.encode());
        for (const c of changes) {
          const inc = make_inc(sender, c);
          sender = sender.apply_incremental(inc);
          inc.full_crc = sender.crc;
          const wire = decode_incremental(encode_incremental(inc));
          receiver = receiver.apply_incremental(wire);
          expect(receiver.crc).toBe(wire.full_crc);
        }
        expect(receiver.encode()).toEqual(sender.encode());
        const full = OSDMap.decode(sender.encode());
        expect(full.encode()).toEqual(sender.encode());
        expect(full.dump()).toEqual(sender.dump());
        for (const pool of full.pool_ids()) {
          for (const p of full.get_pgs(pool)) {
            expect(full.pg_to_up_acting_osds(p)).toEqual(sender.pg_to_up_acting_osds(p));
          }
        }
      }),
    );
  });

  it("has the same bytes whatever order its parts were inserted in", () => {
    const one = new_incremental(start);
    const two = new_incremental(start);
    one.new_pg_temp.set("1.a", [1]).set("1.2", [2]);
    two.new_pg_temp.set("1.2", [2]).set("1.a", [1]);
    const profile = (...kv: [string, string][]) => new Map(kv);
    one.new_erasure_code_profiles.set("p", profile(["k", "2"], ["m", "1"]));
    two.new_erasure_code_profiles.set("p", profile(["m", "1"], ["k", "2"]));
    expect(start.apply_incremental(one).crc).toBe(start.apply_incremental(two).crc);
  });

  it("has a checksum over its bytes that any change shows in", () => {
    const thru = new_incremental(start);
    thru.new_up_thru.set(0, 2);
    const next = start.apply_incremental(thru);
    expect(next.crc).toBe(crc32c(next.encode()));
    expect(next.crc).not.toBe(start.crc);
  });
});

describe("bytes that are not a map", () => {
  const good = start.encode();
  const inc = encode_incremental(make_inc(start, { new_xinfo: new Map([[1, osd_xinfo_t()]]) }));
  const only_map_error = (fn: () => unknown) => {
    try {
      fn();
    } catch (e) {
      expect(e).toBeInstanceOf(MapError);
    }
  };

  it("are refused when cut, followed by something, or of another kind", () => {
    for (const bytes of [good.subarray(0, -1), good.subarray(0, 20), new Uint8Array(0), inc]) {
      expect(() => OSDMap.decode(bytes)).toThrow(MapError);
    }
    expect(() => OSDMap.decode(new Uint8Array([...good, 0]))).toThrow(/trailing/);
    expect(() => decode_incremental(good)).toThrow(MapError);
  });
  it("never give anything but a MapError or a map that encodes to the same bytes", () => {
    const edit = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const bytes = good.slice();
        for (const [at, v] of edits) bytes[at] = v;
        only_map_error(() => expect(OSDMap.decode(bytes).encode()).toEqual(bytes));
        const b = inc.slice();
        for (const [at, v] of edits) b[at % b.length] = v;
        only_map_error(() => expect(encode_incremental(decode_incremental(b))).toEqual(b));
      }),
      { numRuns: 2000 },
    );
  });
  it("are refused at once when they promise more than they hold", () => {
    const huge = new Uint8Array([
      13,
      ...new TextEncoder().encode("tako osdmap 1"),
      255,
      255,
      255,
      127,
    ]);
    expect(() => OSDMap.decode(huge)).toThrow(/elements in fewer bytes/);
  });
  it("cannot reach a prototype", () => {
    const c = new_incremental({ fsid: TEST_FSID, epoch: start.epoch });
    c.new_erasure_code_profiles.set("__proto__", new Map([["polluted", "yes"]]));
    const m = start.apply_incremental(decode_incremental(encode_incremental(c)));
    const dump = JSON.stringify(m.dump());
    expect(dump).toContain('"__proto__":{"polluted":"yes"}');
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
  });
});
