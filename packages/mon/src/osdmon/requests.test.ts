/** up_thru, pg_temp, failures, mark-me-down, full: what OSDs ask for and what they get. */
import type { pg_t } from "@tako/common";
import { expect, test } from "vitest";
import { type FakeOsd, Harness } from "../testing/harness.ts";

function cluster(
  n: number,
  config = {},
): { h: Harness; osds: FakeOsd[]; at: (i: number) => FakeOsd } {
  const h = new Harness({ mon_allow_pool_delete: true, ...config });
  const osds = h.boot(n);
  const at = (i: number) => {
    const o = osds[i];
    if (!o) throw new Error(`no osd.${i}`);
    return o;
  };
  return { h, osds, at };
}
const pg: pg_t = "1.0";
function with_pool(h: Harness): void {
  h.command({ prefix: "osd pool create", pool: "p", pg_num: 4 });
  h.advance(1000);
}
function temp(o: FakeOsd, osds: number[], forced = false): void {
  o.send({ type: "osd_pg_temp", map_epoch: o.h.map.epoch, pg_temp: [{ pgid: pg, osds }], forced });
}

test("up_thru becomes the epoch of the asking OSD's map, not what it wants", () => {
  const { h, at } = cluster(3);
  h.command({ prefix: "osd set", key: "noout" });
  const e = h.map.epoch;
  at(1).send({ type: "osd_alive", osd: 1, version: e, want: e - 1 });
  expect([h.map.get_up_thru(1), h.map.epoch]).toEqual([e, e + 1]);
  at(1).con.take("osd_map");
  at(1).send({ type: "osd_alive", osd: 1, version: e, want: e - 1 });
  expect(h.map.epoch).toBe(e + 1);
  const old = h.connect("osd.1", h.addr(1));
  h.send(old, { type: "osd_alive", osd: 1, version: e + 1, want: e + 1 });
  h.send(old, { type: "osd_alive", osd: 0, version: e + 1, want: e + 1 });
  expect(h.map.epoch).toBe(e + 1);
});

test("pg_temp is taken from the acting primary only, and raises its up_thru", () => {
  const { h, osds } = cluster(4);
  with_pool(h);
  const { acting, acting_primary } = h.map.pg_to_up_acting_osds(pg);
  const e = h.map.epoch;
  const other = osds.find((o) => o.id !== acting_primary) as FakeOsd;
  temp(other, [other.id]);
  expect(h.map.epoch).toBe(e);
  const want = [...acting].reverse();
  temp(osds[acting_primary] as FakeOsd, want);
  expect(h.map.pg_to_up_acting_osds(pg).acting).toEqual(want);
  expect(h.map.get_up_thru(acting_primary)).toBe(e);
  // The former primary may not override what it does not lead any more.
  temp(osds[acting_primary] as FakeOsd, acting as number[]);
  expect(h.map.pg_to_up_acting_osds(pg).acting).toEqual(want);
});

test("a pg_temp that says what up says is dropped before it is committed", () => {
  const { h, osds } = cluster(3);
  with_pool(h);
  const { up, acting_primary } = h.map.pg_to_up_acting_osds(pg);
  temp(osds[acting_primary] as FakeOsd, [...up].reverse());
  expect(h.map.pg_temp.has(pg)).toBe(true);
  temp(osds[up.at(-1) ?? 0] as FakeOsd, [...up]);
  expect(h.map.pg_temp.has(pg)).toBe(false);
});

test("pg_temp goes with the last of its OSDs and with its pool", () => {
  const { h, osds } = cluster(4, { mon_osd_min_up_ratio: 0 });
  with_pool(h);
  const { up, acting_primary } = h.map.pg_to_up_acting_osds(pg);
  temp(osds[acting_primary] as FakeOsd, [up[1] ?? 0]);
  expect(h.map.pg_temp.get(pg)).toEqual([up[1]]);
  h.command({ prefix: "osd down", ids: [up[1]] });
  expect(h.map.pg_temp.has(pg)).toBe(false);
  temp(osds[h.map.pg_to_up_acting_osds(pg).acting_primary] as FakeOsd, [up[2] ?? 0]);
  expect(h.map.pg_temp.has(pg)).toBe(true);
  const sure = { pool: "p", pool2: "p", yes_i_really_really_mean_it: true };
  h.command({ prefix: "osd pool rm", ...sure });
  expect([h.map.pg_temp.size, h.map.pools.size]).toEqual([0, 0]);
});

test("an empty list clears; with nothing to clear there is no epoch", () => {
  const { h, osds } = cluster(3);
  with_pool(h);
  const lead = () => osds[h.map.pg_to_up_acting_osds(pg).acting_primary] as FakeOsd;
  const e = h.map.epoch;
  temp(lead(), []);
  expect(h.map.epoch).toBe(e);
  temp(lead(), [h.map.pg_to_up_acting_osds(pg).up[1] ?? 0]);
  temp(lead(), []);
  expect([h.map.epoch, h.map.pg_temp.size]).toEqual([e + 2, 0]);
});

test("two hosts must report, and the latest claim decides", () => {
  const { h, at } = cluster(4);
  at(0).report_failed(3, { failed_for: 60 });
  expect(h.map.is_up(3)).toBe(true);
  at(1).report_failed(3, { failed_for: 5 });
  expect(h.map.is_up(3)).toBe(true);
  // 5 s + 15 s = the grace of 20 s; ticks come every 5 s.
  h.advance(14_000);
  expect(h.map.is_up(3)).toBe(true);
  h.advance(6000);
  expect(h.map.is_up(3)).toBe(false);
});

test("reporters on one host count once", () => {
  const h = new Harness();
  const osds = Array.from({ length: 4 }, (_, i) => h.osd(i));
  for (const o of osds)
    o.boot({ crush_location: { root: "default", host: o.id < 3 ? "one" : "two" } });
  for (const o of osds.slice(0, 2)) o.report_failed(3, { failed_for: 100 });
  expect(h.map.is_up(3)).toBe(true);
  h.config.set("mon_osd_reporter_subtree_level", "osd");
  h.advance(10_000);
  expect(h.map.is_up(3)).toBe(false);
});

test("a cancelled report does not count, nor one about another instance", () => {
  const { h, at } = cluster(4);
  at(0).report_failed(3, { failed_for: 60 });
  at(0).report_failed(3, { is_failed: false });
  at(1).report_failed(3, { failed_for: 60 });
  at(2).report_failed(3, { failed_for: 60, target_addr: h.addr(3) });
  h.advance(30_000);
  expect(h.map.is_up(3)).toBe(true);
});

test("connection refused: one witness is enough, and the death is dated", () => {
  const { h, at } = cluster(3);
  at(0).report_failed(2, { immediate: true });
  expect(h.map.is_up(2)).toBe(false);
  expect(h.map.get_xinfo(2)).toMatchObject({ dead_epoch: h.map.epoch, down_stamp: h.map.modified });
});

test("nodown and mon_osd_min_up_ratio hold failures back", () => {
  const { h, at } = cluster(4, { mon_osd_min_up_ratio: 0.75 });
  h.command({ prefix: "osd set", key: "nodown" });
  at(0).report_failed(3, { immediate: true });
  expect(h.map.is_up(3)).toBe(true);
  h.command({ prefix: "osd unset", key: "nodown" });
  for (const t of [3, 2, 1]) at(0).report_failed(t, { immediate: true });
  // 4/4 and 3/4 are not below the ratio, 2/4 is.
  expect(h.map.get_up_osds()).toEqual([0, 1]);
});

test("laggy OSDs get a longer grace", () => {
  const { h, at } = cluster(4);
  h.command({ prefix: "osd down", ids: [3] });
  h.advance(200_000);
  at(3).restart({ boot_epoch: 2 });
  const x = h.map.get_xinfo(3);
  expect([x.laggy_probability, x.laggy_interval]).toEqual([expect.closeTo(0.3), 60]);
  for (const i of [0, 1]) at(i).report_failed(3, { failed_for: 25 });
  expect(h.map.is_up(3)).toBe(true);
  h.advance(20_000);
  expect(h.map.is_up(3)).toBe(false);
});

test("mark-me-down is acknowledged after the commit; if it is moot, at once", () => {
  const { h, at } = cluster(3);
  const m = {
    type: "osd_mark_me_down",
    target_osd: 0,
    target_addr: at(0).addr,
    epoch: h.map.epoch,
    request_ack: true,
    down_and_dead: true,
  } as const;
  h.post(at(0).con, m);
  expect(at(0).con.take("osd_mark_me_down")).toEqual([]);
  h.settle();
  expect(h.map.is_up(0)).toBe(false);
  expect(at(0).con.take("osd_mark_me_down")).toEqual([m]);
  const e = h.map.epoch;
  at(0).send(m);
  expect([at(0).con.take("osd_mark_me_down").length, h.map.epoch]).toEqual([1, e]);
});

test("an OSD without beacons is marked down, one with them is not", () => {
  const { h, at } = cluster(3, { mon_osd_report_timeout: 100 });
  for (let i = 0; i < 50; i++) {
    at(0).beacon();
    at(1).send({
      type: "osd_beacon",
      version: h.map.epoch,
      min_last_epoch_clean: 0,
      pgs: [],
      report_interval_s: 200,
    });
    h.advance(5000);
  }
  expect(h.map.get_up_osds()).toEqual([0, 1]);
});

test("automatic out waits, keeps the weight, and spares a rack that is down as a whole", () => {
  const { h, at } = cluster(4, { mon_osd_down_out_interval: 60, mon_osd_min_in_ratio: 0.5 });
  at(0).report_failed(3, { immediate: true });
  h.advance(50_000);
  expect(h.map.is_in(3)).toBe(true);
  h.advance(20_000);
  expect([h.map.is_out(3), h.map.get_xinfo(3).old_weight]).toEqual([true, 0x10000]);

  h.command({ prefix: "osd crush add-bucket", name: "r1", type: "rack", args: ["root=default"] });
  h.command({ prefix: "osd crush move", name: "h2", args: ["rack=r1"] });
  at(0).report_failed(2, { immediate: true });
  h.advance(200_000);
  expect(h.map.is_in(2)).toBe(true);
});

test("full bits follow MOSDFull, and the pools on that OSD follow them", () => {
  const { h, at } = cluster(3);
  with_pool(h);
  const say = (full: boolean, nearfull: boolean) =>
    at(1).send({ type: "osd_full", version: h.map.epoch, full, backfillfull: false, nearfull });
  say(true, false);
  const pools = () => h.command({ prefix: "osd pool ls", detail: "detail" }).outb;
  expect(pools()).toMatchObject([{ flags_names: expect.stringContaining("full") }]);
  expect(h.command({ prefix: "health" }).outb).toMatchObject({
    status: "HEALTH_ERR",
    checks: { OSD_FULL: { summary: { message: "1 full osd(s)" } }, POOL_FULL: {} },
  });
  say(false, true);
  expect(pools()).toMatchObject([{ flags_names: expect.stringContaining("nearfull") }]);
  say(false, false);
  expect(pools()).toMatchObject([{ flags_names: expect.not.stringContaining("full") }]);
});

test("two commands that cancel each other out before an epoch are both answered", () => {
  const { h } = cluster(3);
  const e = h.map.epoch;
  const results: string[] = [];
  const ask = (prefix: string) => {
    h.mon.handle_command({ prefix, ids: ["1"] }, (r) => results.push(`${prefix} ${r.result}`), []);
  };
  ask("osd add-nodown");
  expect(results).toEqual([]);
  ask("osd rm-nodown");
  expect(results).toEqual(["osd add-nodown 0", "osd rm-nodown 0"]);
  h.advance(5000);
  expect(h.map.epoch).toBe(e);
});
