import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { from_base64, more_osdmap_vectors, osdmap_vectors } from "../../crush/testing/vectors.ts";
import { OSDMAP_FLAGS } from "../flags.ts";
import { new_incremental } from "../Incremental.ts";
import { MapError } from "../MapError.ts";
import { OSDMap } from "../OSDMap.ts";
import { pg_pool_t } from "../pg_pool_t.ts";
import { build_map } from "../testing/build_map.ts";
import { dump_osdmap_file } from "./dump_file.ts";
import { decode_osdmap_binary, encode_osdmap_binary } from "./file.ts";

const vectors = [...osdmap_vectors(), ...more_osdmap_vectors()];
const real = new Uint8Array(
  readFileSync(new URL("../../../testdata/osdmap-16.2.15.bin", import.meta.url)),
);
const plain = (v: unknown) =>
  JSON.parse(JSON.stringify(v, (_, x) => (typeof x === "bigint" ? Number(x) : x)));

describe("the binary OSDMap", () => {
  it.each(vectors.map((v) => [v.id, v] as const))("%s comes back to the byte", (_, v) => {
    const bytes = from_base64(v.osdmap_binary_base64);
    const { map, raw } = decode_osdmap_binary(bytes);
    expect(plain(dump_osdmap_file({ map, raw }))).toEqual(v.osdmap);
    expect(map.crush.dump()).toEqual(v.crush_dump);
    expect(encode_osdmap_binary(map, raw)).toEqual(bytes);
    expect(encode_osdmap_binary(OSDMap.decode(map.encode()), raw).length).toBe(bytes.length);
  });

  it("reads the map of a cluster that ran", () => {
    const { map, raw } = decode_osdmap_binary(real);
    expect(encode_osdmap_binary(map, raw)).toEqual(real);
    expect(map.epoch).toBe(15);
    expect(map.get_addr(2)).toEqual({ host: "127.0.0.1", port: 46808, nonce: 28111 });
    expect(map.get_pool_name(1)).toBe("bench");
    expect(map.pg_to_up_acting_osds("1.0").acting).toEqual([1, 0, 2]);
    const dump = dump_osdmap_file({ map, raw });
    expect(dump.osd_xinfo).toMatchObject([{ features: 4540138314316775423n }, {}, {}]);
  });

  it("keeps what an edit does not touch", () => {
    const file = decode_osdmap_binary(real);
    const inc = new_incremental(file.map);
    inc.new_weight.set(1, 0x8000);
    inc.new_pg_temp.set("1.3", [2, 0]);
    inc.new_flags = file.map.flags | OSDMAP_FLAGS.noout;
    inc.new_pools.set(3, pg_pool_t({ pg_num: 4, opts: new Map([["pg_num_min", 4]]) }));
    inc.new_pool_names.set(3, "three");
    inc.new_blocklist.set("[fe80::1]:0/0", 1_700_000_000_000);
    const next = file.map.apply_incremental(inc);
    const again = decode_osdmap_binary(encode_osdmap_binary(next, file.raw));
    expect(again.map.dump()).toEqual(next.dump());
    expect(again.map.blocklist).toEqual(inc.new_blocklist);
    expect(again.raw.osd.osd_xinfo).toEqual(file.raw.osd.osd_xinfo);
    expect(again.raw.client.client_addrs).toEqual(file.raw.client.client_addrs);
  });
  it("writes a map that never was in a file", () => {
    const m = build_map({ osds: 4, pools: [{ pg_num: 8 }] });
    const { map } = decode_osdmap_binary(encode_osdmap_binary(m));
    expect(map.dump()).toEqual(m.dump());
    expect(map.crush.dump()).toEqual(m.crush.dump());
  });

  it("refuses a map wherever it is cut off, and bytes that follow it", () => {
    for (let n = 0; n < real.length; n++) {
      expect(() => decode_osdmap_binary(real.subarray(0, n))).toThrow(/ \(at byte \d+ of \d+\)$/);
    }
    expect(() => decode_osdmap_binary(new Uint8Array([...real, 0]))).toThrow(/1 bytes too many/);
  });
  it("refuses a map with any byte changed", () => {
    for (let at = 0; at < real.length; at += 7) {
      const bytes = real.slice();
      bytes[at] = (bytes[at] ?? 0) ^ 0x40;
      expect(() => decode_osdmap_binary(bytes)).toThrow(MapError);
    }
  });
  it("says what is out of range", () => {
    const { map, raw } = decode_osdmap_binary(real);
    const heavy = new OSDMap({ ...map.f, osd_weight: [0x10001, 1, 1] });
    expect(() => decode_osdmap_binary(encode_osdmap_binary(heavy, raw))).toThrow(/osd.0: weight/);
    const short = new OSDMap({ ...map.f, osd_state: [3] });
    expect(() => decode_osdmap_binary(encode_osdmap_binary(short, raw))).toThrow(/1 of osd_state/);
  });
});
