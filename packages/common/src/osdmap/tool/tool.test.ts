import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { crush_from_dump } from "../../crush/load.ts";
import { from_base64, more_osdmap_vectors } from "../../crush/testing/vectors.ts";
import { decode_osdmap_binary, encode_osdmap_binary } from "../binary/file.ts";
import { find_stale_temps } from "../clean_temps.ts";
import { mark_out, mark_up_in } from "../edit.ts";
import { CEPH_OSD_FULL, CEPH_OSD_NEARFULL, OSDMAP_FLAGS } from "../flags.ts";
import { new_incremental } from "../Incremental.ts";
import { osdmap_from_dump } from "../load.ts";
import { OSDMap } from "../OSDMap.ts";
import { pg_pool_t } from "../pg_pool_t.ts";
import { build_map } from "../testing/build_map.ts";
import { check_health } from "./check_health.ts";
import { createsimple } from "./createsimple.ts";
import { json_text } from "./json_text.ts";
import { print_inc_upmaps } from "./print_inc_upmaps.ts";
import { print_osdmap } from "./print_osdmap.ts";
import { test_map_object, test_map_pg, test_map_pgs } from "./test_map_pgs.ts";
import {
  apply_upmap_cleanup,
  clean_pg_upmaps,
  find_upmap_cleanup,
  verify_upmap,
} from "./upmap_cleanup.ts";

const testdata = (name: string) =>
  readFileSync(new URL(`../../../testdata/${name}`, import.meta.url));
const { map, raw } = decode_osdmap_binary(new Uint8Array(testdata("osdmap-16.2.15.bin")));

describe("on the map of a cluster that ran, the words of osdmaptool", () => {
  const blocks = testdata("osdmap-16.2.15.txt")
    .toString("utf8")
    .split(/^\$ osdmaptool /m);
  const of = (args: string) =>
    blocks.find((b) => b.startsWith(`${args}\n`))?.slice(args.length + 1);

  it.each([
    ["--print", () => print_osdmap(map, raw)],
    ["--test-map-pgs", () => test_map_pgs(map).text],
    ["--test-map-pgs-dump", () => test_map_pgs(map, { dump: "acting" }).text],
    ["--test-map-pgs-dump-all", () => test_map_pgs(map, { dump: "all" }).text],
    ["--test-map-object foo --pool 1", () => test_map_object(map, "foo", 1).text],
    ["--test-map-pg 2.3", () => test_map_pg(map, "2.3")?.text],
    ["--health", () => `${json_text(check_health(map), "    ")}\n`],
  ])("%s", (args, ours) => {
    expect(ours()).toBe(of(args));
  });
});

describe("edits and questions", () => {
  it("createsimple makes the file that osdmaptool makes", () => {
    const real = new Uint8Array(testdata("osdmap-createsimple-5.bin"));
    const r = decode_osdmap_binary(real);
    const o = { now: r.map.created, pg_bits: 3, with_default_pool: true };
    const ours = createsimple(5, o);
    const client = { ...ours.raw.client, created: r.raw.client.created };
    const stamped = { ...ours.raw, client: { ...client, modified: r.raw.client.modified } };
    expect(encode_osdmap_binary(ours.map, stamped)).toEqual(real);
    expect(mark_up_in(ours.map).get_up_osds()).toEqual([0, 1, 2, 3, 4]);
    expect(() => createsimple(0, o)).toThrow(/count must be > 0/);
  });
  it("an OSD that is out gets no PG; one that is not in the map is refused", () => {
    const out = test_map_pgs(mark_out(map, 1), { pool: 1 });
    expect(out.osds.map((o) => o.osd)).toEqual([0, 2]);
    expect(out.pgs.every((p) => !p.acting.includes(1))).toBe(true);
    expect(() => mark_out(map, 3)).toThrow(/osd\.3/);
    expect(() => test_map_pgs(map, { pool: 9 })).toThrow("There is no pool 9");
  });
  it("bigints are numbers in JSON", () => {
    expect(json_text({ a: [1n << 63n, undefined], b: {}, c: undefined })).toBe(
      '{"a":[9223372036854775808,null],"b":{}}',
    );
    expect(json_text({ a: [1, "x"], b: {} }, "  ")).toBe(
      JSON.stringify({ a: [1, "x"], b: {} }, null, 2),
    );
  });
});

const more = more_osdmap_vectors().map((v) => [v.id, v] as const);
describe("on random maps, as osdmaptool", () => {
  it.each(more)("%s", (_, v) => {
    const file = decode_osdmap_binary(from_base64(v.osdmap_binary_base64));
    const run = v.runs.find((r) => r.tool_arguments.length === 0);
    expect(check_health(file.map, { raw: file.raw })).toEqual(run?.health_checks);
    const { pg_temp, primary_temp } = find_stale_temps(file.map);
    expect({
      removed_pg_temp: Object.fromEntries(pg_temp),
      removed_primary_temp: Object.fromEntries(primary_temp),
    }).toEqual(v.clean_temps);
    const c = find_upmap_cleanup(file.map);
    const replaced = [...c.replace_pg_upmap_items].map(([pg, items]) => [pg, items.flat()]);
    expect({ ...c, replace_pg_upmap_items: Object.fromEntries(replaced) }).toEqual(v.upmap_cleanup);
    const json = osdmap_from_dump(v.osdmap, crush_from_dump(v.crush_dump));
    expect(known_to_json(json)).toEqual(known_to_json(file.map));
  });
});
/** Without what JSON counts inexactly, and the name of a snapshot of another epoch. */
function known_to_json(m: OSDMap): unknown {
  return { ...m.dump(), osd_xinfo: [], cluster_snapshot: "" };
}

describe("health of a map", () => {
  const m = build_map({ osds: 6, hosts: 3, pools: [{ pg_num: 8 }] });
  const codes = (x: OSDMap) => Object.keys(check_health(x));

  it("is fine", () => {
    expect(check_health(m)).toEqual({});
  });
  it("names what is down up to the root, and what is full", () => {
    const all = new OSDMap({ ...m.f, osd_state: [1, 1, 1, 1, 1, 1] });
    expect(codes(all)).toEqual(["OSD_DOWN", "OSD_HOST_DOWN", "OSD_ROOT_DOWN"]);
    expect(check_health(all).OSD_ROOT_DOWN?.detail).toEqual([
      { message: "root default (6 osds) is down" },
    ]);
    const full = new OSDMap({
      ...m.f,
      osd_state: [3 | CEPH_OSD_FULL | CEPH_OSD_NEARFULL, 3 | CEPH_OSD_NEARFULL, 3, 3, 3, 3],
    });
    expect(codes(full)).toEqual(["OSD_FULL", "OSD_NEARFULL"]);
  });
  it("tells ratios out of order, flags and pools that are set up oddly", () => {
    const odd = new OSDMap({
      ...m.f,
      nearfull_ratio: 0.9,
      backfillfull_ratio: 0.8,
      full_ratio: 0.99,
      flags: OSDMAP_FLAGS.noout,
      pools: new Map([[1, pg_pool_t({ pg_num: 12, size: 1, flags: 1 | 256 | 512 })]]),
    });
    const h = check_health(odd);
    expect(Object.keys(h)).toEqual([
      "OSDMAP_FLAGS",
      "OSD_NO_SORTBITWISE",
      "OSD_OUT_OF_ORDER_FULL",
      "POOL_NO_REDUNDANCY",
      "POOL_PG_NUM_NOT_POWER_OF_TWO",
      "POOL_SCRUB_FLAGS",
    ]);
    expect(h.OSD_OUT_OF_ORDER_FULL?.detail).toEqual([
      { message: "backfillfull_ratio (0.8) < nearfull_ratio (0.9), increased" },
      { message: "osd_failsafe_full_ratio (0.97) < full_ratio (0.99), increased" },
    ]);
  });
  it("asks to finish an upgrade that all OSDs are through with", () => {
    const old = new OSDMap({ ...map.f, require_osd_release: "octopus" });
    expect(check_health(old, { raw }).OSD_UPGRADE_FINISHED?.summary.message).toBe(
      "all OSDs are running pacific or later but require_osd_release < pacific",
    );
    const osd_xinfo = raw.osd.osd_xinfo.map((x, o) =>
      o === 1 ? { ...x, features: x.features & ~(1n << 20n) } : x,
    );
    expect(check_health(old, { raw: { ...raw, osd: { ...raw.osd, osd_xinfo } } })).toEqual({});
  });
});

describe("upmap clean-up", () => {
  const m = build_map({ osds: 6, hosts: 3, pools: [{ pg_num: 8 }] });
  const [a = 0, b = 0] = m.pg_to_up_acting_osds("1.0").up;
  const mate = (o: number) => [0, 1, 2, 3, 4, 5].find((x) => x !== o && same_host(x, o)) ?? -1;
  const host = (o: number) => m.crush.get_immediate_parent_id(o);
  const same_host = (x: number, y: number) => host(x) === host(y);

  it("drops what breaks the rule or changes nothing, and keeps the rest", () => {
    const inc = new_incremental(m);
    inc.new_pg_upmap.set("1.0", m.pg_to_up_acting_osds("1.0").up);
    inc.new_pg_upmap.set("1.1", [a, mate(a), b]);
    const [c = 0] = m.pg_to_up_acting_osds("1.2").up;
    inc.new_pg_upmap_items.set("1.2", [
      [c, mate(c)],
      [99, 1],
    ]);
    inc.new_pg_upmap_items.set("1.3", [[99, 1]]);
    const found = find_upmap_cleanup(m.apply_incremental(inc));
    const next = new_incremental(m.apply_incremental(inc));
    apply_upmap_cleanup(found, next);
    expect(print_inc_upmaps(next)).toBe(
      [
        "ceph osd rm-pg-upmap 1.0",
        "ceph osd rm-pg-upmap 1.1",
        "ceph osd rm-pg-upmap-items 1.3",
        `ceph osd pg-upmap-items 1.2 ${c} ${mate(c)}`,
        "",
      ].join("\n"),
    );
    clean_pg_upmaps(m, m.apply_incremental(inc), inc);
    const clean = m.apply_incremental(inc);
    expect([...clean.pg_upmap.keys(), ...clean.pg_upmap_items.keys()]).toEqual(["1.2"]);
    const none = new_incremental(clean);
    apply_upmap_cleanup(find_upmap_cleanup(clean), none);
    expect(print_inc_upmaps(none)).toBe("");
    expect(clean.pg_to_up_acting_osds("1.2").up).toContain(mate(c));
  });
  it("a rule forbids two devices of one failure domain", () => {
    const rule = m.crush.get_rule(0);
    expect(rule && verify_upmap(m.crush, rule, 3, [a, b])).toBe(true);
    expect(rule && verify_upmap(m.crush, rule, 3, [a, mate(a)])).toBe(false);
  });
});
