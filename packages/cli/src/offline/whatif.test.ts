import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { FakeCluster } from "../testing/FakeCluster.ts";

const path = (p: string) => fileURLToPath(new URL(p, import.meta.url));
const MAP = path("../../../common/testdata/osdmap-16.2.15.bin");
const golden = (name: string) => path(`../../testdata/golden/${name}`);

const dir = mkdtempSync(join(tmpdir(), "tako-whatif-"));
afterAll(() => rmSync(dir, { recursive: true }));
function file(name: string, text: string): string {
  const f = join(dir, name);
  writeFileSync(f, text);
  return f;
}
const tako = (line: string) => new FakeCluster().tako(line);

interface Pg {
  readonly pgid: string;
  readonly state: string;
  readonly up: readonly number[];
  readonly acting: readonly number[];
  readonly blocked_by: readonly number[];
}
const by_pgid = (pgs: readonly Pg[]) =>
  pgs
    .map(({ pgid, state, up, acting, blocked_by }) => ({ pgid, state, up, acting, blocked_by }))
    .sort((a, b) => (a.pgid < b.pgid ? -1 : 1));

describe("tako whatif", () => {
  it("says what a real cluster came to by the same failures", async () => {
    // osd.2 stopped, objects written, osd.1 stopped, osd.2 started without it.
    const steps = file("seq", "down osd.2 # first\nwrite\n\ndown osd.1\nup osd.2\nsettle\n");
    const { out, code } = await tako(`whatif ${MAP} --sequence ${steps} -f json`);
    expect(code).toBe(0);
    const real: Pg[] = JSON.parse(readFileSync(golden("down-pg-dump-pgs.json"), "utf8"));
    const { affected }: { affected: Pg[] } = JSON.parse(out);
    expect(by_pgid(affected)).toEqual(by_pgid(real));
  });
  it("goes on from what a PG dump says, with the CRUSH map of another file", async () => {
    const dump = golden("degraded-osd-dump.json");
    const pgs = golden("degraded-pg-dump-pgs.json");
    const line = `whatif ${dump} --crush ${MAP} --pg-dump ${pgs} -f json`;
    const now = JSON.parse((await tako(line)).out);
    expect(now.pgs.after).toMatchObject({ active: 12, unknown: 0, undersized: 12 });
    const worse = JSON.parse((await tako(`${line} --down osd.2`)).out);
    expect(worse.pgs.after).toMatchObject({ active: 1, inactive: 11, stale: 3 });
  });
  it("takes its options in the order in which they are given", async () => {
    const lines = ["--down 2 --write --down 1 --up 2", "--up 2 --down 1 --write --down 2"];
    const steps = await Promise.all(
      lines.map(async (l) => JSON.parse((await tako(`whatif ${MAP} ${l} -f json`)).out).steps),
    );
    expect(steps).toEqual([
      ["down 2", "write", "down 1", "up 2"],
      ["up 2", "down 1", "write", "down 2"],
    ]);
  });
  it("prints a table", async () => {
    const { out } = await tako(`whatif ${MAP} --down 2 --write --down 1 --up 2`);
    await expect(out).toMatchFileSnapshot("../../testdata/whatif.txt");
    expect(readFileSync(path("../../../../docs/tools.md"), "utf8")).toContain(out);
  });
  it.each([
    ["--down osd.7", 2, "--down: osd.7 is not below max_osd 3 (did you mean 'osd.0'"],
    ["--down host=vn", 2, "no host is called 'vn' (did you mean 'host=vm'?)"],
    ["--down hots=vm", 2, "'hots' is no type of the CRUSH map (did you mean 'host=vm'?)"],
    ["--down defualt", 2, "nothing in the map is called 'defualt' (did you mean 'default'?)"],
    ["--out class=hhd", 2, "no device class 'hhd' (did you mean 'class=hdd'?)"],
    ["--down host=default", 2, "no host is called 'default': 'default' is a root"],
    ["--lost 1", 16, "osd.1 is up: only what is down can be lost"],
    ["--down ,", 22, "no OSD is named"],
    [
      `--sequence ${file("bad", "write\n# so far\ndonw 1\n")}`,
      22,
      "line 3: 'donw' is no step (did you",
    ],
    [`--sequence ${file("odd", "settle 3")}`, 22, "line 1: 'settle' names no OSDs"],
    [`--sequence ${file("few", "down")}`, 22, "line 1: 'down' wants OSDs"],
    ["--sequence /nowhere/seq", 2, "/nowhere/seq: no such file"],
    [`--pg-dump ${file("x.json", '{"a": [}')}`, 22, "x.json: line 1, column"],
    [`--pg-dump ${file("y.json", "{}")}`, 22, "y.json: not a PG dump: there is no pg_stats list"],
    [`--pg-dump ${file("z.json", '[{"pgid": "1.0"}]')}`, 22, "not a PG dump: pg 1.0 has no state"],
    ["--donw 3", 2, "unknown option '--donw' (Did you mean --down?)"],
  ])("%s", async (args, code, text) => {
    const ran = await tako(`whatif ${MAP} ${args}`);
    expect([ran.code, ran.err]).toEqual([code, expect.stringContaining(text)]);
    expect(ran.out).toBe("");
  });
});
