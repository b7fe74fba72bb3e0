/**
 * testdata/crushtool/*.txt are transcripts of the real crushtool 16.2.15: `$` a command, then its
 * stdout, `!` lines of stderr, `=` its exit code unless 0, `>` name, size and hash of the -o file;
 * `%` stands where stdout does not end with a line.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeCluster } from "../testing/FakeCluster.ts";

const TRANSCRIPTS = fileURLToPath(new URL("../../testdata/crushtool/", import.meta.url));
const VECTORS = fileURLToPath(
  new URL("../../../common/testdata/vectors/placement/crush/", import.meta.url),
);
const MAPS = {
  hosts: "hosts-straw2-a",
  classes: "device-classes-a",
  args: "choose-args-a",
  straw: "straw-buckets-calc0-a",
  tunables: "tunables-odd-a",
  tree: "tree-buckets-a",
  list: "list-buckets-a",
};

const dir = mkdtempSync(join(tmpdir(), "tako-crushtool-"));
afterAll(() => rmSync(dir, { recursive: true }));

interface Vector {
  readonly source_text: string;
  readonly binary_base64: string;
  readonly crush_dump: unknown;
}
function vector(name: string): Vector {
  const bytes = gunzipSync(readFileSync(`${VECTORS}crush-${name}.json.gz`));
  return JSON.parse(bytes.toString());
}
function file(name: string, data: string | Uint8Array): string {
  writeFileSync(join(dir, name), data);
  return join(dir, name);
}
beforeAll(() => {
  for (const [name, id] of Object.entries(MAPS)) {
    const v = vector(id);
    file(`${name}.bin`, Buffer.from(v.binary_base64, "base64"));
    file(`${name}.txt`, v.source_text);
    file(`${name}.json`, JSON.stringify(v.crush_dump));
  }
  for (const name of ["twins.txt", "straws.txt"]) file(name, readFileSync(TRANSCRIPTS + name));
});

/** Runs crushtool on the files of `dir`, which it calls by their names. */
async function crushtool(line: string) {
  const words = line
    .split(" ")
    .map((w) => (/^\w+\.(bin|txt|json|out)$/.test(w) ? join(dir, w) : w));
  const r = await new FakeCluster().tako(`crushtool ${words.join(" ")}`);
  const plain = (s: string) => s.replaceAll(`${dir}/`, "");
  return { code: r.code, out: plain(r.out), err: plain(r.err) };
}

/** As the transcripts have it. After an errno we say why; the original logs that, or nothing. */
async function transcript(line: string): Promise<string> {
  const { code, out, err } = await crushtool(line);
  const stderr = err.replace(/^(crushtool \(\d+\) .*\n)crushtool: .*\n/m, "$1");
  const lines = stderr.split("\n").filter((l) => l !== "");
  const partial = out !== "" && !out.endsWith("\n") ? "\n%\n" : "";
  const said = lines.map((l) => `! ${l}\n`).join("");
  const ended = code === 0 ? "" : `= ${code}\n`;
  return `$ crushtool ${line}\n${out}${partial}${said}${ended}${code === 0 ? written(line) : ""}\n`;
}
function written(line: string): string {
  const name = / -o (\S+)/.exec(line)?.[1];
  if (name === undefined) return "";
  const bytes = readFileSync(join(dir, name));
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  return `> ${name} ${bytes.length} ${hash}\n`;
}

describe("does as the original", () => {
  it.each(["show", "compile", "test", "edit", "refused"])("%s", async (name) => {
    const wanted = readFileSync(`${TRANSCRIPTS}${name}.txt`, "utf8");
    let got = "";
    for (const [, line = ""] of wanted.matchAll(/^\$ crushtool (.*)$/gm)) {
      got += await transcript(line);
    }
    expect(got).toBe(wanted);
  });
});

describe("takes what the original does not", () => {
  it("text and JSON wherever a map is read", async () => {
    const want = await crushtool("-i hosts.bin --test --show-mappings --num-rep 3 --x 5");
    for (const map of ["hosts.txt", "hosts.json"]) {
      const got = await crushtool(`-i ${map} --test --show-mappings --num-rep 3 --x 5`);
      expect(got).toEqual(want);
    }
    const same = await crushtool("-i hosts.json --compare hosts.txt --num-rep 2");
    expect(same).toMatchObject({ code: 0, out: expect.stringContaining("appear equivalent") });
  });
  it("-f json for tests, before the command too", async () => {
    const line = "-i hosts.bin --test --show-mappings --show-statistics --rule 0 --num-rep 3 --x 5";
    const want = {
      runs: [
        {
          rule_id: 0,
          rule_name: "rep",
          num_rep: 3,
          min_x: 5,
          max_x: 5,
          result_sizes: [{ size: 3, count: 1 }],
          mappings: [{ x: 5, osds: [11, 0, 7] }],
        },
      ],
    };
    const { out } = await crushtool(`${line} -f json`);
    expect(JSON.parse(out)).toEqual(want);
    const first = await new FakeCluster().tako(
      `-f json crushtool ${line}`.replace("hosts", `${dir}/hosts`),
    );
    expect(first.out).toBe(out);
  });
  it("sizes from --min-rep to --max-rep", async () => {
    const { out } = await crushtool(
      "-i hosts.bin --test --show-mappings --rule 0 --min-rep 1 --max-rep 2 --x 5",
    );
    expect(out).toBe("CRUSH rule 0 x 5 [11]\nCRUSH rule 0 x 5 [11,0]\n");
  });
});

describe("refuses what the original makes a broken map of", () => {
  it.each([
    [
      "-i twins.bin --reclassify --reclassify-bucket %-ssd ssd default",
      "bucket a-ssd is in ssd, which is not also a reclassified bucket",
    ],
    [
      "-i twins.bin --reclassify --reclassify-bucket %-ssd ssd default --reclassify-bucket a% ssd default",
      "bucket a-ssd is matched twice",
    ],
  ])("%s", async (line, why) => {
    await crushtool("-c twins.txt -o twins.bin");
    const r = await crushtool(line);
    expect(r).toMatchObject({ code: 1, err: "failed to reclassify map\n" });
    expect(r.out.trimEnd().split("\n").at(-1)).toBe(why);
  });
  it.each([
    ["-i hosts.bin --add-item 12 abc osd.12 --loc host host1", "The option value 'abc' is invalid"],
    ["-i hosts.bin --set-choose-total-tries 10001", "The option value '10001' is invalid"],
    ["-i hosts.bin --set-choose-total-tries -5", "The option value '-5' is invalid"],
    ["--build --num-osds 4 host straw2 -1", "The size of a layer '-1' is invalid"],
    ["-i hosts.bin --dump -f xml", "crushtool: format 'xml' is none of json, json-pretty"],
    ["-i hosts.bin --check abc", "The option value 'abc' is invalid"],
  ])("%s", async (line, err) => {
    expect(await crushtool(line)).toEqual({ code: 1, out: "", err: `${err}\n` });
  });
});

describe("a file that is no map: its name, the place, the reason, exit code 1", () => {
  const lines: [name: string, data: string | Uint8Array, how: string, err: string][] = [
    [
      "a.txt",
      "type 0 osd\nhost a {\n",
      "-c a.txt",
      "a.txt:2 error: column 1: type 'host' not defined",
    ],
    [
      "b.txt",
      "tunable foo 3\n",
      "-i b.txt --tree",
      "b.txt:1 error: column 9: tunable foo not recognized",
    ],
    ["c.bin", new Uint8Array([0, 0, 1, 0, 9]), "-d c.bin", "unable to decode c.bin: "],
    [
      "d.json",
      '{"devices": 3}',
      "-i d.json --dump",
      "unable to decode d.json: not a crush dump: /",
    ],
    ["e.json", '{"devices": [', "-i e.json --dump", "unable to decode e.json: line 1, column 14"],
    ["f.bin", "", "-i f.bin --tree", "unable to decode f.bin: the file is empty"],
    ["g.bin", new Uint8Array([1, 2, 255, 3]), "-i g.bin --tree", "unable to decode g.bin: "],
    ["h.txt", "", "-i hosts.bin --compare h.txt", "unable to decode h.txt: the file is empty"],
  ];
  it.each(lines)("%s", async (name, data, how, err) => {
    file(name, data);
    const r = await crushtool(how);
    expect(r).toMatchObject({ code: 1, out: "" });
    expect(r.err).toContain(err);
    expect(r.err.trimEnd()).not.toContain("\n");
  });
  it("a map that ends early is taken when told to", async () => {
    const whole = readFileSync(join(dir, "hosts.bin"));
    file("old.bin", whole.subarray(0, whole.length - 4));
    expect(await crushtool("-i old.bin --tree")).toMatchObject({ code: 1 });
    const { out } = await crushtool("-i hosts.bin --tree");
    expect(await crushtool("-i old.bin --tree --allow-older")).toMatchObject({ code: 0, out });
  });
  it("output that cannot be written", async () => {
    const r = await crushtool("-c hosts.txt -o /nowhere/x");
    expect(r).toMatchObject({ code: 1, out: "" });
    expect(r.err).toBe("crushtool: error writing '/nowhere/x': (2) No such file or directory\n");
  });
});

it("writes what it found to CSV files", async () => {
  const r = await crushtool(
    `-i hosts.bin --test --output-csv --output-name ${dir}/csv --rule 1 --num-rep 2 ` +
      "--min-x 0 --max-x 9 --batches 2 --weight 3 0.5",
  );
  expect(r).toEqual({ code: 0, out: "", err: "" });
  const text = (name: string) => readFileSync(join(dir, `csv-ec-${name}.csv`), "utf8").split("\n");
  expect(text("absolute_weights").slice(0, 5)).toEqual([
    "Device ID, Absolute Weight",
    "0,1",
    "1,1",
    "2,1",
    "3,0.5",
  ]);
  expect(text("placement_information").slice(0, 2)).toEqual(["Input, OSD0, OSD1", "0,0,4"]);
  expect(text("proportional_weights")[4]).toBe("3,0.0434783");
  expect(text("device_utilization_all")).toHaveLength(14);
  expect(text("batch_device_utilization_all")).toHaveLength(4);
});

it("help and completion know it", async () => {
  const help = await new FakeCluster().tako("crushtool --help");
  expect(help.out).toContain("--show-choose-tries");
  expect(help.out).not.toContain("--mon-host");
  expect((await new FakeCluster().tako("--help")).out).toMatch(/^ {2}crushtool /m);
  const { out } = await new FakeCluster().tako("completion bash");
  expect(out).toMatch(/"tako crushtool"\) echo "--infn --outfn/);
});
