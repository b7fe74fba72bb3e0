/** From process start to active+clean, and what an idle daemon costs. */
import { expect, test } from "vitest";
import { Cluster, status } from "./cluster.ts";
import { until } from "./until.ts";

test("a monitor and three OSDs are active+clean in seconds and small when idle", async () => {
  const from = performance.now();
  const c = await Cluster.start();
  const rados = await c.rados();
  await until("three OSDs up", async () => (await status(rados)).osdmap.num_up_osds === 3);
  await c.pool(rados, "test");
  await c.clean(rados);
  const clean_s = (performance.now() - from) / 1000;
  const idle = c.daemons.map((d) => `${d.name} ${d.rss_mb().toFixed(0)} MB`).join(", ");
  console.log(`active+clean ${clean_s.toFixed(1)} s after the first process start; ${idle}`);
  // 3 s and 100 MB on two quiet cores; this may run beside a build.
  expect(clean_s).toBeLessThan(30);
  for (const d of c.daemons) {
    expect(d.rss_mb()).toBeLessThan(120);
    expect([d.noise, d.stderr]).toEqual([[], ""]);
    expect(d.lines.filter((l) => ["warn", "error", "fatal"].includes(l.level))).toEqual([]);
  }
});
