/** How an OSD that was away catches up: from the log when it covers the time, else by backfill. */
import { expect, test } from "vitest";
import { Cluster } from "./cluster.ts";
import { Workload } from "./workload.ts";

const PGS = 4;
const LOG = 10;

test("what the log covers is recovered; what it does not is backfilled; the logs tell which", async () => {
  const c = await Cluster.start({
    conf: {
      osd_min_pg_log_entries: LOG,
      osd_max_pg_log_entries: LOG,
      osd_pg_log_trim_min: 1,
      osd_pool_default_pg_autoscale_mode: "off",
    },
  });
  const rados = await c.rados();
  await c.pool(rados, "test", { pg_num: PGS });
  await c.clean(rados);
  const io = await rados.open_ioctx("test");
  const w = new Workload(io, { objects: 32 }).start();
  await w.more(50);
  await w.stop();

  const short = await away(2, async () => {
    await io.write_full("one", "1");
    await io.write_full("two", "2");
  });
  expect(short.states).toContain("Recovering");
  expect(short.states).not.toContain("Backfilling");
  expect(short.recovered).toBeGreaterThan(0);

  const long = await away(2, async () => {
    w.start();
    // Uneven, but no PG of four can have had fewer than the log holds.
    await w.more(PGS * LOG * 4);
    await w.stop();
  });
  expect(long.states).toContain("Backfilling");
  expect(long.backfilled).toBeGreaterThan(0);
  await w.verify();
  expect(Buffer.from(await io.read("one")).toString()).toBe("1");

  /** Kills the OSD, does `work`, starts it again, waits until clean; what the logs say of it. */
  async function away(osd: number, work: () => Promise<void>) {
    await c.osd(osd).slay();
    await c.seen(rados, osd, "down");
    await work();
    const marks = new Map(c.osds.map((d) => [d, d.lines.length]));
    c.osd(osd).start();
    await c.clean(rados);
    const lines = (msg: string) => c.osds.flatMap((d) => d.logged(msg, marks.get(d)));
    const most = (msg: string, field: string) =>
      Math.max(0, ...lines(msg).map((l) => Number(l[field])));
    return {
      states: [...new Set(lines("pg_state").map((l) => String(l.to)))],
      recovered: most("recovery_progress", "recovered"),
      backfilled: most("backfill_progress", "objects"),
    };
  }
});
