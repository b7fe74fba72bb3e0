/** kill -9 at the worst moments: nothing that was acknowledged is lost, and all heals by itself. */
import { expect, test } from "vitest";
import { Cluster, osd_dump, pg_stats } from "./cluster.ts";
import { copies } from "./copies.ts";
import type { LogLine } from "./daemon.ts";
import { until } from "./until.ts";
import { Workload } from "./workload.ts";

test("an OSD killed during writes: PGs re-peer, writes go on, it comes back and has everything", async () => {
  const c = await Cluster.start();
  const rados = await c.rados();
  await c.pool(rados, "test");
  await c.clean(rados);
  const io = await rados.open_ioctx("test");
  const w = new Workload(io).start();
  await w.more(100);

  const mark = c.osd(0).lines.length;
  await c.osd(1).slay();
  const down = await c.seen(rados, 1, "down");
  await until("every PG active without osd.1", async () =>
    (await pg_stats(rados)).every(
      (p) => p.state.startsWith("active") && !p.acting.includes(1) && p.reported_epoch >= down,
    ),
  );
  await w.more(100);
  // A person follows it in the log: from Reset through peering to Active.
  const states = c
    .osd(0)
    .logged("pg_state", mark)
    .map((l) => String(l.to));
  for (const part of ["Reset", "GetInfo", "GetLog", "GetMissing", "Activating"]) {
    expect(states.some((s) => s.includes(part))).toBe(true);
  }

  c.osd(1).start();
  await c.clean(rados);
  await w.stop();
  await w.verify();
  // Its copies are as good as the others': now they are the ones that are read.
  await c.osd(0).slay();
  await c.seen(rados, 0, "down");
  await w.verify();
});

test("everything killed at once amid writes comes back by itself with every acknowledged write", async () => {
  const c = await Cluster.start();
  const rados = await c.rados();
  await c.pool(rados, "test");
  await c.clean(rados);
  const w = new Workload(await rados.open_ioctx("test")).start();
  await w.more(150);

  const before = rados.osdmap.epoch;
  await Promise.all(c.daemons.map((d) => d.slay()));
  const marks = c.osds.map((d) => d.lines.length);
  for (const d of c.daemons) d.start();
  // The writes under way at the kill are carried out now, once each.
  await w.more(100);
  await w.stop();
  await c.clean(rados);
  await w.verify();

  await maps_are_contiguous(c, before);
  for (const [i, d] of c.osds.entries()) expect(d.logged("map_gap", marks[i])).toEqual([]);

  for (const d of c.osds) d.kill("SIGTERM");
  await Promise.all(c.osds.map((d) => d.exited()));
  const found = await copies(c.osds);
  const wrong = [...found].filter(
    ([, [a, ...rest]]) => rest.length !== 2 || !rest.every((b) => a?.equals(b)),
  );
  expect(wrong.map(([name, all]) => [name, all.map((b) => b.length)])).toEqual([]);
  expect(found.size).toBeGreaterThan(30);
});

test("a monitor killed while it commits epochs has every epoch that anybody saw", async () => {
  const c = await Cluster.start({ osds: 2, conf: { osd_pool_default_size: 2 } });
  const rados = await c.rados();
  await c.pool(rados, "test", { pg_num: 8 });
  await c.clean(rados);
  const w = new Workload(await rados.open_ioctx("test")).start();

  const made: string[] = [];
  let stop = false;
  const creator = (async () => {
    for (let i = 0; !stop; i++) {
      await rados.mon_command({ prefix: "osd pool create", pool: `p${i}`, pg_num: 1 });
      made.push(`p${i}`);
    }
  })();
  for (let kill = 1; kill <= 4; kill++) {
    await until("pools", () => made.length >= 5 * kill);
    await c.mon.slay();
    const seen = Math.max(
      rados.osdmap.epoch,
      ...c.osds.flatMap((d) => epochs(d.logged("osdmap_epoch"))),
    );
    c.mon.start();
    await until("the monitor is back", async () => (await osd_dump(rados)).epoch >= seen);
  }
  stop = true;
  await creator;
  await w.more(20);
  await w.stop();
  const { outb } = await rados.mon_command({ prefix: "osd pool ls" });
  expect(outb).toEqual(["test", ...made]);
  await c.clean(rados);
  await w.verify();
  await maps_are_contiguous(c, rados.osdmap.epoch);
});

function epochs(lines: readonly LogLine[]): number[] {
  return lines.map((l) => Number(l.epoch));
}

/** The monitor has every map from its first to its newest, and none that anybody saw is gone. */
async function maps_are_contiguous(c: Cluster, at_least: number): Promise<void> {
  const rados = await c.rados();
  const newest = (await osd_dump(rados)).epoch;
  expect(newest).toBeGreaterThanOrEqual(at_least);
  for (let e = 1; e <= newest; e++) expect((await osd_dump(rados, e)).epoch).toBe(e);
}
