/** Ends and pauses that are meant: SIGTERM, a second one, SIGSTOP; and starts in any order. */
import { expect, test } from "vitest";
import { Cluster, osd_dump } from "./cluster.ts";
import { exit_of, run } from "./daemon.ts";
import { until } from "./until.ts";
import { Workload } from "./workload.ts";

test("an OSD that stood still is marked down, notices, and comes back as a new instance", async () => {
  const conf = { osd_heartbeat_interval: 0.3, osd_heartbeat_grace: 3, osd_max_markdown_count: 100 };
  const c = await Cluster.start({ conf });
  const rados = await c.rados();
  await c.pool(rados, "test");
  await c.clean(rados);
  const w = new Workload(await rados.open_ioctx("test")).start();
  await w.more(50);
  const before = await addr_of(1);
  const { pid } = c.osd(1);
  const mark = c.osd(1).lines.length;

  c.osd(1).kill("SIGSTOP");
  await c.seen(rados, 1, "down");
  await w.more(50);
  c.osd(1).kill("SIGCONT");
  await c.osd(1).log("wrongly_marked_down", mark);
  await c.osd(1).log("ms_rebind", mark);
  await c.clean(rados);
  await w.stop();
  await w.verify();
  expect(c.osd(1).pid).toBe(pid);
  const after = await addr_of(1);
  expect(after.split("/")[0]).toBe(before.split("/")[0]);
  expect(after).not.toBe(before);

  async function addr_of(osd: number): Promise<string> {
    const { osds } = await osd_dump(rados);
    return osds.find((o) => o.osd === osd)?.public_addr ?? "";
  }
});

test("SIGTERM: an OSD says goodbye first, everybody ends with 0; a second one ends it at once", async () => {
  const c = await Cluster.start();
  const rados = await c.rados();
  await c.pool(rados, "test", { pg_num: 8 });
  await c.clean(rados);

  const mark = c.mon.lines.length;
  c.osd(2).kill("SIGTERM");
  expect(await c.osd(2).exited()).toEqual({ code: 0, signal: null });
  // It waited until the monitor had it down: nobody had to find out.
  const down = await c.mon.log("osd_down", mark);
  expect(down).toMatchObject({ osd: 2, reason: "osd.2 marked itself down and dead" });
  expect(c.osd(2).lines.at(-1)?.msg).toBe("daemon_stopped");

  // One whose goodbye nobody answers waits for it, but not after a second signal.
  c.mon.kill("SIGSTOP");
  c.osd(1).kill("SIGTERM");
  await c.osd(1).log("daemon_stopping");
  c.osd(1).kill("SIGTERM");
  expect((await c.osd(1).exited()).code).toBe(143);
  expect(c.osd(1).logged("daemon_stopped")).toEqual([]);
  c.mon.kill("SIGCONT");

  c.osd(0).kill("SIGINT");
  expect(await c.osd(0).exited()).toEqual({ code: 0, signal: null });
  c.mon.kill("SIGTERM");
  expect(await c.mon.exited()).toEqual({ code: 0, signal: null });
  for (const d of c.daemons) expect([d.noise, d.stderr]).toEqual([[], ""]);
});

test("OSDs without disks, started before their monitor, wait for it and serve", async () => {
  const c = await Cluster.prepare({ conf: { osd_objectstore: "mem" } });
  for (const d of c.osds) d.start(["--log-level=debug"]);
  // It has tried and been refused, more than once.
  for (const d of c.osds) {
    await until(`${d.name} tries again`, () => d.logged("mon_session_lost").length >= 2);
  }
  const health = run("osd", ["healthcheck", `--listen=127.0.0.1:${c.osd(0).spec.port}`]);
  expect((await exit_of(health)).code).toBe(1);
  c.mon.start();
  const rados = await c.rados();
  await c.pool(rados, "test", { pg_num: 8 });
  const w = new Workload(await rados.open_ioctx("test")).start();
  await w.more(50);
  await c.clean(rados);
  await w.stop();
  await w.verify();
  expect(c.osds.map((d) => d.alive)).toEqual([true, true, true]);
});
