/**
 * Bytes that change on a disk while its OSD is off: found by a deep scrub, shown, never served, and
 * repaired, in real processes on LevelDB's own files.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { IoCtx, Rados } from "@tako/client";
import { expect, test } from "vitest";
import { Cluster, pg_stats } from "./cluster.ts";
import { until } from "./until.ts";

const OBJECTS = 24;
const SIZE = 20_000;
/** Found again in a file, whatever stands around it. */
function content(i: number): Buffer {
  return Buffer.alloc(SIZE, `<object ${i} of the scrub drill>`);
}

/** Turns over one bit in the middle of that object's data, in every table file that has it. */
function flip(data: string, i: number): number {
  const dir = join(data, "db");
  const marker = content(i).subarray(0, 120);
  let flipped = 0;
  for (const name of readdirSync(dir).filter((f) => f.endsWith(".ldb"))) {
    const bytes = readFileSync(join(dir, name));
    const at = bytes.indexOf(marker);
    if (at < 0) continue;
    bytes[at + 50] = (bytes[at + 50] ?? 0) ^ 4;
    writeFileSync(join(dir, name), bytes);
    flipped++;
  }
  return flipped;
}

async function expect_right(io: IoCtx, first: number): Promise<void> {
  for (let i = 0; i < first; i++) {
    expect(Buffer.from(await io.read(`o${i}`)).equals(content(i)), `o${i}`).toBe(true);
  }
}
/** Every PG has been scrubbed deeply since, and is at rest. */
async function deep_scrubbed(rados: Rados, since: Map<string, string>): Promise<string[]> {
  let states: string[] = [];
  await until(
    () => `deep-scrubbed: ${states.join(" ")}`,
    async () => {
      const pgs = await pg_stats(rados);
      states = pgs.map((p) => p.state);
      return pgs.every(
        (p) =>
          p.last_deep_scrub_stamp > (since.get(p.pgid) ?? "") && !/scrubbing|recover/.test(p.state),
      );
    },
  );
  return states.sort();
}
async function stamps(rados: Rados): Promise<Map<string, string>> {
  const pgs = (await pg_stats(rados)) as unknown as {
    pgid: string;
    last_deep_scrub_stamp: string;
  }[];
  return new Map(pgs.map((p) => [p.pgid, p.last_deep_scrub_stamp]));
}
async function health(rados: Rados): Promise<string[]> {
  const { outb } = await rados.mon_command({ prefix: "health" });
  return Object.keys((outb as { checks: Record<string, unknown> }).checks);
}

test("bits turned over in a stopped OSD's files: found, never served, repaired", async () => {
  const c = await Cluster.start({ osds: 3 });
  const rados = await c.rados();
  await c.pool(rados, "test", { pg_num: 4, size: 3 });
  await c.clean(rados);
  const io = await rados.open_ioctx("test");
  for (let i = 0; i < OBJECTS; i++) await io.write_full(`o${i}`, content(i));
  await c.osd(1).slay();
  await c.seen(rados, 1, "down");
  // At the next start LevelDB moves what is in its log to a table.
  c.osd(1).start();
  await c.clean(rados);
  await c.osd(1).slay();
  await c.seen(rados, 1, "down");
  // The first is read before a scrub comes; the others lie there.
  const bad = [3, 17, 21];
  for (const i of bad) expect(flip(c.osd(1).spec.data, i), `o${i} in a table`).toBeGreaterThan(0);
  c.osd(1).start();
  await c.clean(rados);
  await expect_right(io, OBJECTS / 2);

  const before = await stamps(rados);
  const { outs } = await rados.mon_command({ prefix: "osd deep-scrub", who: "*" });
  expect(outs).toBe("instructed osd(s) 0,1,2 to deep-scrub");
  await deep_scrubbed(rados, before);
  const damaged = (await pg_stats(rados)).filter((p) => p.state.includes("inconsistent"));
  const found: string[] = [];
  for (const { pgid, state } of damaged) {
    expect(state).toBe("active+clean+inconsistent");
    const { outb } = await rados.pg_command(pgid, { prefix: "list-inconsistent-obj" });
    for (const o of (outb as { inconsistents: unknown[] }).inconsistents) {
      expect(o).toMatchObject({ errors: [], union_shard_errors: ["read_error"] });
      found.push((o as { object: { name: string } }).object.name);
    }
  }
  // With osd.1 as its primary, the one that was read has a new copy already.
  expect(found.filter((o) => o !== "o3").sort()).toEqual(["o17", "o21"]);
  expect(await health(rados)).toEqual(expect.arrayContaining(["OSD_SCRUB_ERRORS", "PG_DAMAGED"]));
  for (const { pgid } of damaged) {
    const r = await rados.mon_command({ prefix: "pg repair", pgid });
    expect(r.outs).toMatch(/^instructing pg 1\.\d on osd\.\d to repair$/);
  }
  await until("repaired", async () => {
    const pgs = await pg_stats(rados);
    return pgs.every((p) => p.state === "active+clean");
  });
  expect(await health(rados)).not.toContain("PG_DAMAGED");
  await expect_right(io, OBJECTS);
  // Looked at once more, all of it.
  const again = await stamps(rados);
  await rados.mon_command({ prefix: "osd deep-scrub", who: "all" });
  expect(new Set(await deep_scrubbed(rados, again))).toEqual(new Set(["active+clean"]));
});
