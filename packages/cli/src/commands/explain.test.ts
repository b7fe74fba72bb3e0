/** `tako explain` and `tako pg explain`: a real Ceph's files, a running cluster, wrong input. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { FakeCluster } from "../testing/FakeCluster.ts";

const GOLDEN = fileURLToPath(new URL("../../testdata/golden/", import.meta.url));
const WANT = fileURLToPath(new URL("../../testdata/explain/", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "explain-"));
afterAll(() => rmSync(dir, { recursive: true }));

const QUERIES = fileURLToPath(new URL("../../../common/testdata/golden/", import.meta.url));
const golden = (name: string) => `${name.includes("pg-query") ? QUERIES : GOLDEN}${name}.json`;
const json = (name: string): unknown => JSON.parse(readFileSync(golden(name), "utf8"));
async function run(line: string): Promise<string> {
  const cluster = new FakeCluster();
  const r = await cluster.tako(line);
  expect(r.err).toBe("");
  expect(cluster.asked).toEqual([]);
  return r.out;
}

const FILES = [
  ["down", "down-pg-query-2.0", "down-osd-dump", "down-pg-dump-pgs"],
  ["peering", "peering-pg-query-1.0", "peering-osd-dump", "peering-pg-dump-pgs"],
  ["degraded", "degraded-pg-query-1.0", "degraded-osd-dump", "degraded-pg-dump-pgs"],
] as const;
test.each(FILES)("pg explain of a real Ceph: %s", async (name, query, osd_dump, pg_dump) => {
  const alone = await run(`pg explain --query ${golden(query)}`);
  await expect(alone).toMatchFileSnapshot(`${WANT}${name}-query-only.txt`);
  const all = `--osd-dump ${golden(osd_dump)} --pg-dump ${golden(pg_dump)}`;
  const whole = await run(`pg explain --query ${golden(query)} ${all}`);
  await expect(whole).toMatchFileSnapshot(`${WANT}${name}.txt`);
  await expect(await run(`explain ${all}`)).toMatchFileSnapshot(`${WANT}${name}-cluster.txt`);
});

test("an active+clean PG has nothing to explain", async () => {
  const out = await run(`pg explain --query ${golden("clean-pg-query-1.0")}`);
  expect(out).toContain("active and clean: it serves I/O and has all its copies");
  expect(out).not.toContain("What decides");
});

test("-f json: causes with ids, facts with paths into the files", async () => {
  const out = await run(`pg explain --query ${golden("down-pg-query-2.0")} -f json`);
  const x: unknown = JSON.parse(out);
  expect(x).toMatchObject({
    pgid: "2.0",
    state: "down",
    active: false,
    since: { same_interval_since: 32, state_name: "Started/Primary/Peering/Down" },
    causes: [{ id: "down.blocked", kind: "unavailable", osds: [1] }],
  });
  const path = "query.recovery_state[1].peering_blocked_by[0].osd";
  expect(x).toHaveProperty(
    "causes.0.facts",
    expect.arrayContaining([expect.objectContaining({ path, value: 1 })]),
  );
});

test("a running cluster: asks for what it needs, changes nothing", async () => {
  const cluster = new FakeCluster();
  cluster.answers = {
    "osd dump": { outb: json("down-osd-dump") },
    "pg dump": { outb: json("down-pg-dump-pgs") },
    "pg map": { outb: { epoch: 33, pgid: "2.0", up: [2], acting: [2] } },
    query: { outb: json("down-pg-query-2.0") },
  };
  const { out, code } = await cluster.tako("pg explain 2.0");
  expect(code).toBe(0);
  expect(out).toContain("Start osd.1: the PG asks it and goes on, and nothing is lost.");
  const asked = cluster.asked.map(({ to, cmd }) => `${to} ${cmd.prefix}`);
  expect(asked).toEqual([
    "mon osd dump",
    "mon pg dump",
    "mon osd crush dump",
    "mon pg map",
    "2.0 query",
  ]);
});

test("a primary that does not answer is part of the explanation", async () => {
  const cluster = new FakeCluster();
  cluster.answers = {
    "osd dump": { outb: json("peering-osd-dump") },
    "pg dump": { outb: json("peering-pg-dump-pgs") },
    "pg map": { outb: { epoch: 24, pgid: "1.0", up: [1, 0, 2], acting: [1, 0, 2] } },
    query: { errno: "ETIMEDOUT", outs: "osd.1 does not answer" },
  };
  const { out } = await cluster.tako("pg explain 1.0");
  expect(out).toContain("osd.1 is peering, and waits for osd.0.");
  expect(out).toContain("The primary could not be asked: osd.1 does not answer.");
});

test("a waiting PG: the slots of its members are looked at", async () => {
  const cluster = new FakeCluster();
  const query = {
    ...Object(json("degraded-pg-query-1.0")),
    state: "active+recovery_wait+degraded",
  };
  cluster.answers = {
    "osd dump": { outb: json("clean-osd-dump") },
    "pg dump": { outb: json("degraded-pg-dump-pgs") },
    "pg map": { outb: { epoch: 17, pgid: "1.0", up: [0, 2], acting: [0, 2] } },
    query: { outb: query },
    dump_recovery_reservations: {
      outb: {
        local_reservations: {
          max_allowed: 1,
          min_priority: 0,
          queues: [{ priority: 180, items: [{ item: "1.0", prio: 180, can_preempt: true }] }],
          in_progress: [{ item: "1.3", prio: 180, can_preempt: true }],
        },
        remote_reservations: { max_allowed: 1, min_priority: 0, queues: [], in_progress: [] },
      },
    },
  };
  const { out } = await cluster.tako("pg explain 1.0");
  expect(out).toContain("queued for a slot of its primary osd.0 with priority 180");
  expect(out).toContain("taken by pg 1.3");
});

test("wrong input: what is wrong, in one line", async () => {
  const cluster = new FakeCluster();
  const err = async (line: string) => {
    const r = await cluster.tako(line);
    expect(r.out).toBe("");
    expect(r.code).not.toBe(0);
    return r.err;
  };
  const file = join(dir, "bad.json");
  writeFileSync(file, '{"state": "down",');
  expect(await err(`pg explain --query ${file}`)).toMatch(/bad\.json: line 1, column 18/);
  writeFileSync(file, "[1,2]");
  expect(await err(`pg explain --query ${file}`)).toContain("not a pg query");
  expect(await err(`explain --pg-dump ${file}`)).toContain("not a pg dump");
  const query = golden("down-pg-query-2.0");
  expect(await err(`pg explain --query ${query} --osd-dump ${file}`)).toContain("not an osd dump");
  expect(await err(`pg explain 1.7 --query ${query}`)).toContain("is of pg 2.0, not of 1.7");
  expect(await err("pg explain")).toContain("name the PG");
  expect(await err("pg explain nonsense --query /dev/null")).toContain("/dev/null");
  expect(await err(`pg explain --osd-dump ${golden("down-osd-dump")}`)).toContain("--pg-dump");
  expect(await err("pg explain --query /nowhere.json")).toContain("ENOENT");
});
