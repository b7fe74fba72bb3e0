/** The load by itself, on a cluster where nothing breaks: it does everything, and the cluster is right. */

import { check_history, render_verdict, SimRng, Workload } from "@tako/client/chaos";
import { expect, test } from "vitest";
import { ProcessClock } from "./Scheduler.ts";
import { World } from "./World.ts";

async function run_load(seed: number): Promise<Workload> {
  const world = new World({ seed, osds: 3, log_level: "warn", max_delay_ms: 20 });
  await world.start();
  const admin = world.client();
  await world.done(admin.connect());
  await world.done(admin.pool_create("p", { pg_num: 4 }));
  const load = new Workload(
    {
      clock: new ProcessClock(world.scheduler),
      rng: new SimRng(seed, 8),
      spawn: () => world.spawn_client(),
    },
    {
      pools: [{ name: "p", omap: true }],
      clients: 4,
      hot: 3,
      cold: 5,
      ops_per_second: 20,
      kill_mean_ms: 5000,
    },
  );
  load.start();
  await world.run_for(60_000);
  load.stop();
  await world.until(() => load.is_idle, "all is answered");
  load.read_everything();
  await world.until(() => load.is_idle, "everything is read");
  return load;
}

test("every operation, several at once, some of which nobody knows the outcome", async () => {
  const load = await run_load(1);
  expect(load.failure).toBeUndefined();
  const verdict = check_history(load.history.events);
  if (verdict.result !== "ok") throw new Error(render_verdict(verdict));
  expect(verdict.unknown_outcomes).toBeGreaterThan(10);
  expect(load.ops).toBeGreaterThan(900);
  expect(load.clients_killed).toBeGreaterThan(5);
  const steps = new Set<string>();
  const codes = new Set<string | number>();
  for (const e of load.history.events) {
    if (e.type === "invoke") for (const s of e.steps) steps.add(s.op);
    if (e.type === "fail") codes.add(e.errno);
    if (e.type === "info") codes.add(e.why);
  }
  // All but pgnls, which listings send.
  expect(steps.size).toBe(26);
  // ENOENT, EEXIST, ERANGE, ENODATA, ECANCELED, a mismatch at offset 1, and two ways not to know.
  for (const c of [2, 17, 34, 61, 125, 4096, "killed", "ETIMEDOUT"]) expect(codes).toContain(c);
}, 60_000);

test("one seed, one history", async () => {
  const [a, b] = [await run_load(7), await run_load(7)];
  expect(a.history.events).toEqual(b.history.events);
}, 60_000);
