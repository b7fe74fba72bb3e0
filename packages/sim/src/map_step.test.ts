/** consume_map costs what changed: a map is fed to the PGs that it concerns, the others just have it. */
import { expect, test } from "vitest";
import { all_pgs, why_not_clean } from "./checks.ts";
import { World } from "./World.ts";

async function clean_world(): Promise<World> {
  const world = new World({ seed: 5, osds: 6, log_level: "debug" });
  await world.start();
  const admin = world.client();
  await world.done(admin.connect(), "client connects");
  await world.until(() => world.osdmap.get_up_osds().length === 6, "all up");
  await world.done(admin.pool_create("p", { pg_num: 32, size: 2, min_size: 1 }), "pool create");
  await world.until(() => why_not_clean(world) === undefined, "clean");
  await world.run_for(5000);
  return world;
}

/** `osd pg` of all that were fed an AdvMap while `what` ran, except of `ignored`. */
async function fed(world: World, ignored: number, what: () => Promise<void>): Promise<string[]> {
  const found = new Set<string>();
  world.log.on_line = (line) => {
    const m = /(osd\.\d+) +peering_event \{"pg":"([^"]+)".*"event":"AdvMap"/.exec(line);
    if (m && m[1] !== `osd.${ignored}`) found.add(`${m[1]} ${m[2]}`);
  };
  await what();
  world.log.on_line = null;
  return [...found].sort();
}
const everywhere = (world: World) =>
  world.running_osds.flatMap((o) => o.pgs.all().map((pg) => `osd.${o.whoami} ${pg.spgid}`)).sort();

/** All OSDs and their PGs stand at the newest map. */
const settled = (world: World) => settled_but(world, -1);
const settled_but = (world: World, ignored: number) => () =>
  world.running_osds.every((o) => {
    const { epoch } = world.osdmap;
    if (o.whoami === ignored) return true;
    return o.osdmap_epoch === epoch && o.pgs.all().every((pg) => pg.osdmap_epoch === epoch);
  });

test("one OSD goes down: only the PGs that it has to do with are fed the map", async () => {
  const world = await clean_world();
  const victim = 3;
  const theirs = all_pgs(world.osdmap).flatMap((pg) => {
    const { acting } = world.osdmap.pg_to_up_acting_osds(pg);
    return acting.includes(victim) ? acting.map((o) => `osd.${o} ${pg}`) : [];
  });
  const { epoch } = world.osdmap;
  const got = await fed(world, victim, async () => {
    world.kill_osd(victim);
    await world.until(() => world.osdmap.epoch > epoch && settled(world)(), "the map has come");
  });
  expect(world.osdmap.is_down(victim)).toBe(true);
  expect(got).toEqual(theirs.filter((x) => !x.startsWith(`osd.${victim} `)).sort());
  expect(got.length).toBeGreaterThan(5);
  expect(everywhere(world).length).toBeGreaterThan(3 * got.length);
  // Those that were let off are as much there as the others.
  const io = await world.done(world_io(world), "a client");
  for (let i = 0; i < 40; i++) await world.done(io.write_full(`o${i}`, "x"), "write");
});

test("the cluster's flags, and the pool itself, concern every PG", async () => {
  const world = await clean_world();
  for (const cmd of [
    { prefix: "osd set", key: "noscrub" },
    { prefix: "osd pool set", pool: "p", var: "min_size", val: "2" },
  ]) {
    const { epoch } = world.osdmap;
    const got = await fed(world, -1, async () => {
      world.mon.handle_command(cmd, () => {});
      await world.until(() => world.osdmap.epoch > epoch && settled(world)(), "the map has come");
    });
    expect(got).toEqual(everywhere(world));
    await world.until(() => why_not_clean(world) === undefined, "clean again");
    await world.run_for(5000);
  }
  // Another pool is nobody's business.
  const { epoch } = world.osdmap;
  const cmd = { prefix: "osd pool create", pool: "q", pg_num: 1 };
  const got = await fed(world, -1, async () => {
    world.mon.handle_command(cmd, () => {});
    await world.until(() => world.osdmap.epoch > epoch && settled(world)(), "the map has come");
  });
  expect(got.filter((x) => x.includes(" 1."))).toEqual([]);
});

test("whoever waits for an old lease to end is fed every map", async () => {
  const world = await clean_world();
  const [pg] = all_pgs(world.osdmap);
  if (!pg) throw new Error("no PG");
  const [old = -1, next = -1] = world.osdmap.pg_to_up_acting_osds(pg).acting;
  // Cut off, so that nobody can know whether it still answers; and it is not down by itself yet.
  for (const id of world.osd_ids) if (id !== old) world.net.partition(`osd.${old}`, `osd.${id}`);
  world.net.partition(`osd.${old}`, "mon.a");
  world.mon.handle_command({ prefix: "osd down", ids: [`${old}`] }, () => {});
  const waits = () => {
    const peering = world.osd(next)?.pgs.find_primary(pg)?.peering;
    return peering?.state_test("wait") === true && peering.machine.state === "Recovered";
  };
  await world.until(
    () => waits() && settled_but(world, old)(),
    "it waits, and all peering is over",
  );
  const { epoch } = world.osdmap;
  const got = await fed(world, old, async () => {
    const cmd = { prefix: "osd pool create", pool: "q", pg_num: 1 };
    world.mon.handle_command(cmd, () => {});
    await world.until(() => world.osdmap.epoch > epoch && settled_but(world, old)(), "the map");
  });
  expect(waits()).toBe(true);
  expect(got).toContain(`osd.${next} ${pg}`);
});

async function world_io(world: World) {
  const client = world.client();
  await client.connect();
  return client.open_ioctx("p");
}
