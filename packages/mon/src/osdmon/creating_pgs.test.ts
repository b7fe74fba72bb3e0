import { CRUSH_ITEM_NONE, decode_incremental, pool_has_flag } from "@tako/common";
import { expect, test } from "vitest";
import { type FakeOsd, Harness } from "../testing/harness.ts";

function creating(h: Harness): string[] {
  return [...h.mon.svc.osdmon.creating.pgs.keys()];
}
function created(h: Harness, osds: FakeOsd[], pgs: readonly string[]): void {
  for (const pgid of pgs) {
    const pg = pgid as `${number}.${string}`;
    const o = osds[h.map.pg_to_up_acting_osds(pg).acting_primary];
    o?.send({ type: "osd_pg_created", pgid: pg });
  }
  h.advance(1000);
}

test("each primary is told of its PGs once; CREATING goes when all are there", () => {
  const h = new Harness();
  const osds = h.boot(3);
  h.command({ prefix: "osd pool create", pool: "p", pg_num: 8 });
  h.advance(1000);
  const told = osds.flatMap((o) => o.con.take("osd_pg_create").flatMap((m) => m.pgs));
  expect(told.map((p) => p.pgid).sort()).toEqual([
    "1.0",
    "1.1",
    "1.2",
    "1.3",
    "1.4",
    "1.5",
    "1.6",
    "1.7",
  ]);
  const e = h.map.epoch;
  expect(told.every((p) => p.create_epoch === e && p.history.epoch_created === e)).toBe(true);
  const flag = () => pool_has_flag(h.map.get_pg_pool(1) ?? fail(), "creating");
  created(h, osds, ["1.0", "1.1"]);
  expect([creating(h).length, flag()]).toEqual([6, true]);
  created(h, osds, creating(h));
  expect([creating(h), flag()]).toEqual([[], false]);
  expect(osds.flatMap((o) => o.con.take("osd_pg_create"))).toEqual([]);
});
function fail(): never {
  throw new Error("not there");
}

test("PG stats in state active end a creation, too", () => {
  const h = new Harness();
  const osds = h.boot(1);
  h.config.set("osd_pool_default_size", 1);
  h.config.set("mon_allow_pool_size_one", true);
  h.command({ prefix: "osd pool create", pool: "p", pg_num: 2 });
  h.advance(100);
  osds[0]?.stats({ "1.0": "active+clean", "1.1": "creating+peering" });
  h.advance(100);
  expect(creating(h)).toEqual(["1.1"]);
});

test("a PG that was never made is created by the next primary, with its history", () => {
  const h = new Harness();
  const osds = h.boot(3);
  h.command({ prefix: "osd pool create", pool: "p", pg_num: 1 });
  h.advance(1000);
  const first = h.map.pg_to_up_acting_osds("1.0").acting_primary;
  const born = h.map.epoch;
  for (const o of osds) o.con.take("osd_pg_create");
  h.command({ prefix: "osd down", ids: [first] });
  const next = h.map.pg_to_up_acting_osds("1.0").acting_primary;
  expect(next).not.toBe(first);
  const [m] = osds[next]?.con.take("osd_pg_create") ?? [];
  expect(m?.pgs[0]).toMatchObject({
    pgid: "1.0",
    create_epoch: born,
    history: { epoch_created: born, same_interval_since: born + 1, same_primary_since: born + 1 },
    past_intervals: { first: born, last: born },
  });
});

test("since when up and primary are what they are is told as the OSDs work it out", () => {
  const h = new Harness();
  const osds = h.boot(4);
  h.command({ prefix: "osd pool create", pool: "p", pg_num: 1, pool_type: "erasure" });
  h.advance(1000);
  const mapping = () => h.map.pg_to_up_acting_osds("1.0");
  const history = () => h.mon.svc.osdmon.creating.pgs.get("1.0")?.history;
  const [first, ...rest] = mapping().acting;
  const leader = rest[0] ?? fail();
  h.command({ prefix: "osd down", ids: [first] });
  h.advance(1000);
  const down = h.map.epoch;
  expect(mapping()).toMatchObject({ acting: [CRUSH_ITEM_NONE, ...rest], acting_primary: leader });
  expect(history()).toMatchObject({ same_up_since: down, same_primary_since: down });

  // The same OSD leads, but another shard of the PG.
  h.command({ prefix: "osd pg-temp", pgid: "1.0", id: rest });
  h.advance(1000);
  const moved = h.map.epoch;
  expect(mapping()).toMatchObject({ acting: rest, acting_primary: leader });
  expect(history()).toMatchObject({ same_up_since: down, same_primary_since: moved });
  const told = osds[leader]?.con.take("osd_pg_create").at(-1);
  expect(told?.pgs[0]?.history).toEqual(history());

  // The same OSDs are up, but another of them would lead.
  h.command({ prefix: "osd primary-affinity", id: leader, weight: 0 });
  h.advance(1000);
  expect(mapping().up_primary).not.toBe(leader);
  expect(history()).toMatchObject({ same_up_since: h.map.epoch });
});

test("at most mon_osd_max_creating_pgs at a time, also after a restart", () => {
  const h = new Harness({ mon_osd_max_creating_pgs: 3 });
  let osds = h.boot(3);
  h.command({ prefix: "osd pool create", pool: "p", pg_num: 8 });
  h.advance(1000);
  expect(creating(h)).toEqual(["1.0", "1.1", "1.2"]);
  h.restart();
  osds = osds.map((o) => h.osd(o.id, o.addr));
  expect(creating(h)).toEqual(["1.0", "1.1", "1.2"]);
  for (let i = 0; i < 3; i++) created(h, osds, creating(h));
  expect([creating(h), h.mon.svc.osdmon.creating.queue.size]).toEqual([[], 0]);
});

test("a removed pool takes its creating PGs along; growth creates nothing", () => {
  const h = new Harness({ mon_allow_pool_delete: true });
  const osds = h.boot(3);
  h.command({ prefix: "osd pool create", pool: "p", pg_num: 4 });
  h.command({ prefix: "osd pool create", pool: "q", pg_num: 2 });
  h.advance(1000);
  h.command({ prefix: "osd pool rm", pool: "p", pool2: "p", yes_i_really_really_mean_it: true });
  expect(creating(h)).toEqual(["2.0", "2.1"]);
  created(h, osds, creating(h));
  expect(h.command({ prefix: "osd pool set", pool: "q", var: "pg_num", val: "4" }).outs).toBe(
    "set pool 2 pg_num to 4",
  );
  h.advance(1000);
  expect([creating(h), h.map.get_pg_num(2)]).toEqual([[], 4]);
  const inc = h.mon.svc.osdmon.maps.get_inc(h.map.epoch);
  expect(decode_incremental(inc ?? new Uint8Array()).new_pools.get(2)?.pgp_num).toBe(2);
});
