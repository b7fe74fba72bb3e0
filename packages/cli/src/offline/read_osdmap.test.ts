import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decode_osdmap_binary, decompile_crush, encode_crush_binary } from "@tako/common";
import { afterAll, describe, expect, it } from "vitest";
import { read_crush, read_osdmap } from "./read_osdmap.ts";

const CEPH = fileURLToPath(new URL("../../../common/testdata/osdmap-16.2.15.bin", import.meta.url));
const bytes = new Uint8Array(readFileSync(CEPH));
const { map } = decode_osdmap_binary(bytes);

const dir = mkdtempSync(join(tmpdir(), "tako-osdmap-"));
afterAll(() => rmSync(dir, { recursive: true }));
let files = 0;
function file(data: string | Uint8Array): string {
  const path = join(dir, `f${files++}`);
  writeFileSync(path, data);
  return path;
}
const json = (v: unknown) => file(JSON.stringify(v));
const placements = (m: typeof map) =>
  m.pool_ids().flatMap((id) => m.get_pgs(id).map((pg) => m.pg_to_up_acting_osds(pg)));

describe("a map is known by its content", () => {
  const dump = map.dump();
  const crush_dump = map.crush.dump();
  const crush_files = {
    binary: file(encode_crush_binary(map.crush)),
    text: file(decompile_crush(map.crush)),
    json: json(crush_dump),
    "an OSDMap's": CEPH,
  };

  it("Ceph's binary, Tako's own", () => {
    expect(read_osdmap(CEPH)).toMatchObject({ format: "ceph", has_crush: true });
    const tako = read_osdmap(file(map.encode()));
    expect(tako.format).toBe("tako");
    expect(tako.map.crc).toBe(map.crc);
  });
  it.each(Object.entries(crush_files))("JSON of osd dump, with a CRUSH map: %s", (_, crush) => {
    const r = read_osdmap(json(dump), { crush, need_crush: true });
    expect(r).toMatchObject({ format: "json", has_crush: true });
    expect(placements(r.map)).toEqual(placements(map));
  });
  it("JSON of ceph report has both", () => {
    const r = read_osdmap(json({ version: "16.2.15", osdmap: dump, crushmap: crush_dump }));
    expect(placements(r.map)).toEqual(placements(map));
  });
  it("JSON without a CRUSH map is a map, where none is needed", () => {
    const path = json(dump);
    expect(read_osdmap(path)).toMatchObject({ has_crush: false });
    expect(() => read_osdmap(path, { need_crush: true })).toThrow(
      `${path}: no CRUSH map in it: give one with --crush`,
    );
  });
  it("another CRUSH map takes the place of the map's own", () => {
    const text = decompile_crush(map.crush).replaceAll("host0", "elsewhere");
    const r = read_osdmap(CEPH, { crush: file(text) });
    expect(decompile_crush(r.map.crush)).toBe(text);
  });
});

describe("a file that is no map: its name, the place, the reason", () => {
  const cases: [string, string | Uint8Array, string | RegExp][] = [
    ["empty", "", "the file is empty"],
    ["text", "hello", "no OSDMap: want a binary OSDMap or the JSON of 'ceph osd dump'"],
    ["a CRUSH map", encode_crush_binary(map.crush), "a CRUSH map, no OSDMap: want"],
    ["garbage", new Uint8Array([1, 2, 3, 255]), "not an OSDMap of a release since firefly"],
    ["cut off", bytes.subarray(0, 100), /truncated: .* \(at byte \d+ of 100\)/],
    ["damaged", bytes.with(200, 77 ^ (bytes[200] ?? 0)), /at byte \d+ of|checksum/],
    ["Tako's, cut off", map.encode().subarray(0, 300), /at byte|truncated|bytes/],
    ["JSON, cut off", '{\n "epoch": 1,\n "fs', "line 3, column"],
    ["JSON, wrong", '{\n "epoch": 1,,\n}', "line 2, column 13: "],
    ["another JSON", '{"epoch": 3}', "not an osd dump: /fsid: "],
    [
      "of a newer release",
      JSON.stringify({ ...map.dump(), pg_upmap_primaries: [{ pgid: "1.0", primary_osd: 1 }] }),
      "/pg_upmap_primaries: those of releases since reef are not read",
    ],
    ["a list", "[]", "not an osd dump: : Expected object"],
  ];
  it.each(cases)("%s", (_, data, why) => {
    const path = file(data);
    const read = () => read_osdmap(path);
    expect(read).toThrow(`${path}: `);
    expect(read).toThrow(why);
    expect(read).toThrow(expect.objectContaining({ name: "CommandError", code: "EINVAL" }));
  });
  it("not there", () => {
    const gone = join(dir, "gone");
    expect(() => read_osdmap(gone)).toThrow(
      expect.objectContaining({ code: "ENOENT", message: `${gone}: no such file or directory` }),
    );
    expect(() => read_osdmap(CEPH, { crush: gone })).toThrow(gone);
  });
  it("a CRUSH file at fault is named itself", () => {
    const path = file("# begin\ntype 0 osd\nroot default {\n");
    expect(() => read_osdmap(CEPH, { crush: path })).toThrow(`${path}: line 3, column 1: `);
    expect(() => read_crush(file(new Uint8Array([0, 0, 1, 0, 9])))).toThrow(/at byte \d+ of 5/);
  });
});
