/**
 * `tell osd.N`: what the dumps say of a cluster whose history is known, and that their JSON has the
 * shape of a real Ceph's (testdata/golden/tell-osd-16.2.15.json).
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { play } from "./scenarios/run_transcript.ts";
import type { Scene } from "./scenarios/Scene.ts";

const FILE = new URL("../testdata/golden/tell-osd-16.2.15.json", import.meta.url);
const CEPH: Record<string, unknown> = JSON.parse(readFileSync(FILE, "utf8"));

/** Keys and kinds of values; of a list the first element's. */
function shape(v: unknown): unknown {
  if (Array.isArray(v)) return v.length === 0 ? [] : [shape(v[0])];
  if (typeof v !== "object" || v === null) return typeof v;
  return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, shape(x)]));
}
async function ask(s: Scene, osd: number, prefix: string, args: Record<string, string> = {}) {
  const r = await s.world.done(s.admin.osd_command(osd, { prefix, ...args }), prefix);
  return JSON.parse(JSON.stringify(r.outb ?? null));
}

test("dumps in Ceph's shape, of what has happened", async () => {
  const s = await play(null, [
    "cluster osds=3",
    "pool p size=3 min_size=2",
    "write x v1",
    "write y v2",
    "expect x v1",
    "kill A",
    "wait state active+undersized+degraded",
    "start A",
    "wait clean",
    "advance 400s",
  ]);
  const primary = s.cast.id("A");

  const ops = await ask(s, s.cast.id("B"), "dump_historic_ops_by_duration");
  const took: number[] = ops.ops.map((o: { duration: number }) => o.duration);
  expect(took).toEqual([...took].sort((a, b) => b - a));
  const slow = await ask(s, primary, "dump_historic_slow_ops");
  expect(shape(slow)).toEqual(shape(CEPH.dump_historic_slow_ops));
  const blocked = await ask(s, primary, "dump_blocked_ops");
  expect(shape(blocked)).toEqual(shape(CEPH.dump_blocked_ops));
  expect(await ask(s, primary, "dump_watchers")).toEqual(CEPH.dump_watchers);
  expect(await ask(s, primary, "get_mapped_pools")).toEqual([1]);
  expect(await ask(s, primary, "dump_blocklist")).toEqual([]);

  const network = await ask(s, primary, "dump_osd_network", { value: "0" });
  expect(shape(network)).toEqual(shape(CEPH["dump_osd_network 0"]));
  expect(network.entries.map((e: Record<string, unknown>) => e["to osd"]).sort()).toEqual(
    [0, 1, 2].filter((o) => o !== primary),
  );
  for (const e of network.entries) {
    expect(e).toMatchObject({ "from osd": primary, interface: "back", stale: false });
    expect(e.average["1min"]).toBeGreaterThan(0);
    expect(e.average["1min"]).toBeLessThan(10);
  }
  const healthy = await ask(s, primary, "dump_osd_network");
  expect(healthy).toEqual({ threshold: 200, entries: [] });

  const stats = await ask(s, primary, "dump_pg_recovery_stats");
  expect(shape(stats)).toEqual(shape(CEPH.dump_pg_recovery_stats));
  const activating = stats.find((e: { nested_states: string[] }) =>
    e.nested_states.includes("Activating"),
  );
  // Started anew, it has led once.
  expect(activating).toMatchObject({
    enter: 1,
    exit: 1,
    nested_states: ["Started", "Primary", "Active", "Activating"],
  });
  expect(Number(activating.total_time)).toBeGreaterThan(0);
  await ask(s, primary, "reset_pg_recovery_stats");
  expect(await ask(s, primary, "dump_pg_recovery_stats")).toEqual([]);
});

test("injectfull: an OSD that says it is too full refuses backfill until it is told otherwise", async () => {
  const s = await play(null, [
    "cluster osds=4 osd_min_pg_log_entries=10 osd_max_pg_log_entries=20 osd_backfill_retry_interval=2",
    "pool p size=3 min_size=2",
    "fill 30 v1",
  ]);
  const target = s.cast.id("D");
  await ask(s, target, "injectfull", { type: "backfillfull" });
  await play(s, ["remap D B C", "wait state active+remapped+backfill_toofull"]);
  await expect(ask(s, target, "injectfull", { type: "nonsense" })).rejects.toThrow(
    "there are none, nearfull, backfillfull, full, failsafe",
  );
  await ask(s, target, "injectfull", { type: "none" });
  await ask(s, target, "send_beacon");
  await play(s, ["wait clean"]);
  const status = await ask(s, target, "status");
  expect(Object.keys(status)).toEqual(
    "cluster_fsid osd_fsid whoami state oldest_map cluster_osdmap_trim_lower_bound newest_map num_pgs".split(
      " ",
    ),
  );
});

test("recent operations, and counters of them", async () => {
  const s = await play(null, ["cluster osds=3", "pool p size=3 min_size=2"]);
  const [primary, replica] = [s.cast.id("A"), s.cast.id("B")];
  await play(s, ["write x v1", "write x v2+more", "expect x v2+more"]);
  const ops = await ask(s, primary, "dump_historic_ops_by_duration");
  const of_client = ops.ops.filter((o: { description: string }) =>
    o.description.startsWith("osd_op("),
  );
  expect(of_client).toHaveLength(3);
  expect(shape({ ...ops, ops: of_client })).toEqual(shape(CEPH.dump_historic_ops_by_duration));
  const { duration } = of_client[0];
  const { events: steps } = of_client[0].type_data;
  const until_done = steps
    .slice(0, -1)
    .reduce((n: number, e: { duration: number }) => n + e.duration, 0);
  expect(until_done).toBeCloseTo(duration, 6);
  expect(steps.at(-1)).toMatchObject({ event: "done", duration });

  const { osd } = await ask(s, primary, "perf dump", { logger: "osd" });
  expect(osd).toMatchObject({
    op_wip: 0,
    op: 3,
    op_w: 2,
    op_w_in_bytes: 9,
    op_r: 1,
    op_r_out_bytes: 7,
    op_rw: 0,
    op_in_bytes: 9,
    op_out_bytes: 7,
    op_latency: { avgcount: 3 },
    numpg: 1,
    numpg_primary: 1,
    heartbeat_to_peers: 2,
  });
  expect(osd.op_latency.avgtime).toBeCloseTo(osd.op_latency.sum / 3, 6);
  const member = (await ask(s, replica, "perf dump")).osd;
  expect(member).toMatchObject({ op: 0, subop_w: 2, numpg_primary: 0, numpg_replica: 1 });
  expect(member.subop_w_in_bytes).toBeGreaterThanOrEqual(9);

  // Names are Ceph's, each of them.
  const theirs = CEPH["perf dump"] as Record<string, string[]>;
  for (const name of Object.keys(osd)) expect(theirs.osd).toContain(name);
  const one = { logger: "recoverystate_perf", counter: "getinfo_latency" };
  const getinfo = await ask(s, primary, "perf dump", one);
  expect(shape(getinfo)).toEqual(shape(CEPH["perf dump recoverystate_perf getinfo_latency"]));
  const all = await ask(s, primary, "perf dump", { logger: "recoverystate_perf" });
  expect(Object.keys(all.recoverystate_perf)).toEqual(
    expect.arrayContaining(theirs.recoverystate_perf ?? []),
  );

  const schema = await ask(s, primary, "perf schema");
  const known = (CEPH["perf schema"] as { osd: Record<string, object> }).osd;
  for (const [name, want] of Object.entries(known)) {
    const { type, metric_type, value_type, units } = { ...want } as Record<string, unknown>;
    expect(schema.osd[name]).toMatchObject({ type, metric_type, value_type, units });
  }
  await ask(s, primary, "perf reset", { var: "osd" });
  expect((await ask(s, primary, "perf dump")).osd).toMatchObject({ op: 0, numpg: 1 });
  const wrong = ask(s, primary, "perf reset", { var: "nonsense" });
  await expect(wrong).rejects.toThrow("there are all, osd, recoverystate_perf");
});
