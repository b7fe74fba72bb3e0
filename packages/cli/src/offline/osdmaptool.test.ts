import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import {
  decode_crush_binary,
  decode_osdmap_binary,
  decompile_crush,
  OSDMap,
  pg_parse,
} from "@tako/common";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeCluster, type Ran } from "../testing/FakeCluster.ts";

const testdata = (path: string) => new URL(`../../../common/testdata/${path}`, import.meta.url);
const VECTORS = [
  "upmap-2",
  "erasure-healthy-0",
  "health-states-0",
  "device-classes-0",
  "random-8",
  "choose-args-0",
];

const dir = mkdtempSync(join(tmpdir(), "tako-osdmaptool-"));
const at = (file: string) => join(dir, file);
beforeAll(() => {
  copyFileSync(testdata("osdmap-16.2.15.bin"), at("cluster"));
  copyFileSync(testdata("osdmap-createsimple-5.bin"), at("simple"));
  for (const name of VECTORS) {
    const gz = readFileSync(testdata(`vectors/placement/osdmap/osdmap-${name}.json.gz`));
    const vector = JSON.parse(gunzipSync(gz).toString("utf8"));
    writeFileSync(at(name), Buffer.from(vector.osdmap_binary_base64, "base64"));
  }
  mkdirSync(at("maps"));
  copyFileSync(at("cluster"), at("maps/15"));
});
afterAll(() => rmSync(dir, { recursive: true }));

const FILES = /^(cluster|simple|maps|one|two|new|\.|(nowhere|crush|commands)\S*|\S+-\d)$/;
/** Words that are files are those of our directory. */
async function run(line: string): Promise<Ran> {
  const words = line.split(" ").map((w) => (FILES.test(w) ? `${dir}/${w}` : w));
  const r = await new FakeCluster().tako(`osdmaptool ${words.join(" ")}`);
  const plain = (text: string) => text.replaceAll(`${dir}/`, "");
  return { ...r, out: plain(r.out), err: plain(r.err) };
}
const map_of = (file: string) => decode_osdmap_binary(new Uint8Array(readFileSync(at(file)))).map;

/**
 * What Ceph's tool printed, command by command, each on the files that those before it left:
 * `?` the exit code, `2>` lines of stderr. The usage text is ours.
 */
describe("as Ceph's own osdmaptool 16.2.15", () => {
  const text = readFileSync(
    new URL("../../testdata/osdmaptool/16.2.15.txt", import.meta.url),
    "utf8",
  );
  const blocks = text.split(/^\$ osdmaptool /m).slice(1);
  it.each(blocks.map((b) => [b.slice(0, b.indexOf("\n")), b] as const))(
    "%s",
    async (line, want) => {
      expect(as_block(line, await run(line))).toBe(want);
    },
  );
});
function as_block(line: string, r: Ran): string {
  const out = r.out === "" || r.out.endsWith("\n") ? r.out : `${r.out}\n\\ no newline\n`;
  const err = r.err.replaceAll(/^(?=.)/gm, "2> ");
  return `${line}\n? ${r.code}\n${out}${err}`;
}

describe("files that it writes", () => {
  const read = (file: string) => readFileSync(at(file));
  it("a changed map, in the encoding it had", async () => {
    copyFileSync(testdata("osdmap-16.2.15.bin"), at("one"));
    expect(await run("one --adjust-crush-weight 1:2.5 --save")).toMatchObject({ code: 0 });
    const ceph = map_of("one");
    expect([ceph.epoch, ceph.crush.get_item_weightf(1)]).toEqual([17, 2.5]);
    writeFileSync(at("two"), ceph.encode());
    await run("two --adjust-crush-weight 1:3 --save");
    expect(OSDMap.decode(read("two")).crush.get_item_weightf(1)).toBe(3);
  });
  it("weight sets in the order in which Ceph keeps them", async () => {
    expect([...map_of("choose-args-0").crush.map.choose_args.keys()]).toEqual([2, -1]);
    await run("choose-args-0 --export-crush crush");
    const crush = decode_crush_binary(new Uint8Array(read("crush")));
    expect([...crush.map.choose_args.keys()]).toEqual([-1, 2]);
  });
  it("one that is made, also over another with --clobber", async () => {
    const line = "new --createsimple 4 --with-default-pool --pg-bits 3 --clobber";
    expect(await run(line)).toEqual({
      code: 0,
      out: "osdmaptool: writing epoch 1 to new\n",
      err: "osdmaptool: osdmap file 'new'\n",
    });
    expect(await run(line)).toMatchObject({ code: 0 });
    const made = map_of("new");
    expect([made.max_osd, made.get_pg_num(1), made.created]).toEqual([4, 32, 1_000_000]);
    expect(await run("new --createsimple 9999999 --clobber")).toMatchObject({ code: 1 });
    expect(map_of("new").max_osd).toBe(4);
  });
  it("one that is made of a configuration file", async () => {
    writeFileSync(
      at("commands"),
      "[mds.a]\nhost = h\n[osd.10]\nhost = b\nrow = r\n[osd.2]\nhost = c\n[osd.3]\n",
    );
    const line = "new --create-from-conf --with-default-pool --clobber --pg-bits 1";
    expect(await run(`${line} -c commands --tree=plain`)).toMatchObject({
      out: [
        "ID  CLASS  WEIGHT   TYPE NAME                     STATUS  REWEIGHT  PRI-AFF",
        "-1         3.00000  root default                                           ",
        "-4         3.00000      row r                                              ",
        "-3         3.00000          rack unknownrack                               ",
        "-2         1.00000              host b                                     ",
        "10         1.00000                  osd.10           DNE         0         ",
        "-5         1.00000              host c                                     ",
        " 2         1.00000                  osd.2            DNE         0         ",
        "-6         1.00000              host unknownhost                           ",
        " 3         1.00000                  osd.3            DNE         0         ",
        "osdmaptool: writing epoch 1 to new",
        "",
      ].join("\n"),
    });
    expect([map_of("new").max_osd, map_of("new").get_pg_num(1)]).toEqual([11, 22]);
    expect(await run(`${line} -c nowhere`)).toMatchObject({
      code: 1,
      err: "osdmaptool: osdmap file 'new'\nnowhere: no such file or directory\n",
    });
  });
  it("a map that was JSON only into another file", async () => {
    const { map } = decode_osdmap_binary(new Uint8Array(read("erasure-healthy-0")));
    writeFileSync(at("one"), JSON.stringify(map.dump()));
    writeFileSync(at("crush"), decompile_crush(map.crush));
    expect(await run("one --adjust-crush-weight 1:2 --save --crush crush")).toMatchObject({
      code: 1,
      err: expect.stringContaining("one is JSON, which is not written"),
    });
    const converted = await run("one --crush crush -o two");
    expect(converted.err).toBe("osdmaptool: osdmap file 'one'\n");
    expect((await run("two --test-map-pgs-dump")).out).toBe(
      (await run("erasure-healthy-0 --test-map-pgs-dump")).out,
    );
    expect(await run("one --print")).toMatchObject({ code: 0 });
    expect((await run("one --test-map-pgs")).err).toContain("no CRUSH map: give one with --crush");
  });
});

describe("-f json: one value, whatever was asked", () => {
  it("an answer by question, narration on stderr", async () => {
    const r = await run(
      "cluster --mark-out 1 --test-map-object foo --test-map-pg 1.2 --test-map-pgs-dump " +
        "--health --tree plain --print --clean-temps -f json",
    );
    expect(r.err).toContain("marking OSD@1 as out\n");
    const v = JSON.parse(r.out);
    expect(Object.keys(v).sort()).toEqual(
      "clean_temps health osdmap test_map_object test_map_pg test_map_pgs tree".split(" "),
    );
    expect(v.test_map_object).toMatchObject({ pool: 1, object: "foo", pgid: "1.6" });
    expect(v.test_map_pgs.osds.map((o: { osd: number }) => o.osd)).toEqual([0, 2]);
    expect(v.test_map_pgs.pgs).toHaveLength(8);
  });
  it("the format may stand before the command, and be pretty", async () => {
    const r = await new FakeCluster().tako(
      `-f json-pretty osdmaptool ${at("cluster")} --test-map-pg 1.2`,
    );
    expect(r.out.startsWith('{\n    "test_map_pg": {\n        "pgid": "1.2",')).toBe(true);
  });
});

describe("--health of a dump", () => {
  const finished = /all OSDs are running pacific or later but require_osd_release < pacific/;
  it("knows the features of OSDs to the last bit", async () => {
    const { map } = decode_osdmap_binary(new Uint8Array(readFileSync(at("cluster"))));
    const dump = { ...map.dump(), require_osd_release: "octopus" };
    const with_features = (bits: bigint) =>
      JSON.stringify(dump).replaceAll(/"features":\d+/g, `"features":${bits}`);
    const health = async (bits: bigint) => {
      writeFileSync(at("one"), with_features(bits));
      return (await run(`one --crush ${at("cluster")} --health`)).out;
    };
    const all = 4540138314316775423n;
    expect(await health(all)).toMatch(finished);
    // A double would round this up, and the bits of pacific away.
    expect(await health(all & ~(1n << 20n))).not.toMatch(finished);
  });
});

describe("--upmap", () => {
  it("goes on in rounds until it is even, and writes the map", async () => {
    copyFileSync(at("device-classes-0"), at("one"));
    const line = "one --mark-up-in --upmap commands --upmap-active --upmap-deviation 1 --save";
    const r = await run(line);
    expect(r.out).toContain("pools pool1 pool2 pool3 pool4 pool5 pool6 \nprepared 10/10 changes\n");
    expect(r.out).toMatch(/^Total time elapsed 0 secs, [4-9] rounds$/m);
    expect(r.out).toMatch(/^osd\.19 pgs \d+$/m);
    // Each of the commands stands in the map that was written.
    const commands = readFileSync(at("commands"), "utf8").trim().split("\n");
    const last = commands.at(-1)?.split(" ") ?? [];
    expect(last.slice(0, 3)).toEqual(["ceph", "osd", "pg-upmap-items"]);
    expect(
      map_of("one")
        .pg_upmap_items.get(pg_parse(last[3] ?? "") ?? "0.0")
        ?.flat(),
    ).toEqual(last.slice(4).map(Number));
    expect(await run(line)).toMatchObject({
      out: expect.stringContaining("prepared 0/10 changes\nTime elapsed 0 secs\nUnable to find"),
    });
  });
  it("as data", async () => {
    const r = await run("device-classes-0 --mark-up-in --upmap - --upmap-pool pool1 -f json");
    const { upmap, upmap_cleanup } = JSON.parse(r.out);
    expect(upmap).toMatchObject({ max: 10, max_deviation: 5, pools: [1] });
    expect(upmap.rounds[0].new_pg_upmap_items[0]).toEqual({
      pgid: expect.stringMatching(/^1\./),
      mappings: [{ from: expect.any(Number), to: expect.any(Number) }],
    });
    expect(upmap_cleanup.old_pg_upmap_items).toEqual([]);
  });
});

describe("words", () => {
  const err = async (line: string) => (await run(line)).err;
  it("numbers have to be numbers, where the original aborts or guesses", async () => {
    expect(await err("cluster --mark-out x --print")).toBe("The option value 'x' is invalid\n");
    expect(await err("cluster --pool 99999999999 --print")).toContain("seems to be invalid");
    expect(await err("cluster --adjust-crush-weight 1:x")).toContain("'1:x' is no osd:weight");
    expect(await err("cluster --dump xml")).toContain("--dump: 'xml' is none of plain, json");
  });
  it("--mark-in marks the OSD that it names", async () => {
    const r = await run("cluster --mark-out 1 --mark-in 1 --test-map-pgs --pool 1");
    expect(r.out).toContain("marking OSD@1 as in\n");
    expect(r.out).toContain("osd.1\t8\t");
  });
  it("a CRUSH map at fault", async () => {
    writeFileSync(at("crush"), "type 0 osd\nroot x {\n");
    expect(await err("cluster --import-crush crush")).toContain(
      "error decoding crush map 'crush': line 2, column 1: ",
    );
  });
  it("help names the options; completion has them", async () => {
    const help = (await run("--help")).out;
    expect(help).toContain("--test-map-pgs-dump-all");
    expect(help).not.toContain("--mon-host");
    expect((await new FakeCluster().tako("completion bash")).out).toMatch(
      /"tako osdmaptool"\) echo ".*--test-map-object/,
    );
    expect((await new FakeCluster().tako("--help")).out).toContain("osdmaptool");
  });
  it("placing by chance spreads all the same", async () => {
    const r = await run("cluster --test-map-pgs --test-random");
    expect(r.out).toMatch(/^size 3\t8$/m);
  });
});
