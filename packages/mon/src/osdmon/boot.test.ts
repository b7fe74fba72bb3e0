import { CEPH_OSD_IN } from "@tako/common";
import { expect, test } from "vitest";
import { Harness } from "../testing/harness.ts";

test("a new OSD is created, up, in and in CRUSH in one epoch", () => {
  const h = new Harness();
  const o = h.osd(2);
  o.boot();
  expect(h.map.epoch).toBe(2);
  expect([h.map.max_osd, h.map.get_all_osds()]).toEqual([3, [2]]);
  expect([h.map.is_up(2), h.map.get_weight(2), h.map.get_up_from(2)]).toEqual([
    true,
    CEPH_OSD_IN,
    2,
  ]);
  expect([h.map.get_uuid(2), h.map.get_addr(2)]).toEqual([o.uuid, o.addr]);
  expect(Object.fromEntries(h.map.crush.get_full_location(2))).toEqual({
    host: "h2",
    root: "default",
  });
  expect([h.map.crush.get_item_weightf(2), h.map.crush.get_item_class(2)]).toEqual([1, "ssd"]);
});

test("OSDs that boot together share an epoch, and get maps only once it is durable", () => {
  const h = new Harness();
  const osds = [h.osd(0), h.osd(1), h.osd(2)];
  for (const o of osds) h.post(o.con, o.boot_msg());
  expect(osds.map((o) => o.con.sent.length)).toEqual([0, 0, 0]);
  h.settle();
  expect([h.map.epoch, h.map.get_up_osds()]).toEqual([2, [0, 1, 2]]);
  const epochs = osds.map((o) =>
    o.con.take("osd_map").flatMap((m) => [...m.full, ...m.incremental]),
  );
  expect(epochs).toEqual([
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
});

test("who is not created at boot stays outside", () => {
  const h = new Harness({ mon_osd_auto_create: false });
  const o = h.osd(0);
  o.boot();
  expect(h.map.epoch).toBe(1);
  expect(h.command({ prefix: "osd new", uuid: o.uuid }).outb).toEqual({ osdid: 0 });
  expect([h.map.is_in(0), h.map.is_up(0), h.map.is_new(0)]).toEqual([true, false, true]);
  o.boot();
  expect([h.map.is_up(0), h.map.is_in(0), h.map.is_new(0)]).toEqual([true, true, false]);
});

test("a restart at another nonce costs two epochs: down, then up", () => {
  const h = new Harness();
  const [o] = h.boot(3);
  if (!o) throw new Error("no osd");
  const e = h.map.epoch;
  o.restart();
  expect(h.map.epoch).toBe(e + 2);
  expect(h.mon.svc.osdmon.maps.get_map(e + 1)?.is_up(0)).toBe(false);
  expect([h.map.is_up(0), h.map.get_up_from(0), h.map.get_down_at(0)]).toEqual([
    true,
    e + 2,
    e + 1,
  ]);
  expect(h.map.get_addr(0)).toEqual(o.addr);
});

test("the same boot twice, or after it has taken effect, changes nothing", () => {
  const h = new Harness();
  const o = h.osd(0);
  h.post(o.con, o.boot_msg());
  h.post(o.con, o.boot_msg());
  h.settle();
  o.boot();
  expect([h.map.epoch, h.map.get_up_from(0)]).toEqual([2, 2]);
});

test("up_thru outlives a boot until the OSD asks again", () => {
  const h = new Harness();
  const [o] = h.boot(3);
  if (!o) throw new Error("no osd");
  o.send({ type: "osd_alive", osd: 0, version: h.map.epoch, want: h.map.epoch });
  const thru = h.map.get_up_thru(0);
  o.restart();
  expect(h.map.get_up_thru(0)).toBe(thru);
  expect(h.map.get_up_thru(0)).toBeLessThan(h.map.get_up_from(0));
});

test("a fresh disk under a known id is marked lost", () => {
  const h = new Harness();
  const [o] = h.boot(3);
  if (!o) throw new Error("no osd");
  o.restart({ newest_map: 0, current_epoch: 0 });
  expect(h.map.get_lost_at(0)).toBe(h.map.epoch - 1);
  const lost_at = h.map.get_lost_at(0);
  o.restart();
  expect(h.map.get_lost_at(0)).toBe(lost_at);
});

test("what a superblock says of the last clean run extends last_clean_interval", () => {
  const h = new Harness();
  const [o] = h.boot(3);
  if (!o) throw new Error("no osd");
  o.restart({ mounted: 2, clean_thru: 5 });
  const at = () => [h.map.get_info(0).last_clean_begin, h.map.get_info(0).last_clean_end];
  expect(at()).toEqual([2, 5]);
  o.restart({ mounted: 1, clean_thru: 9 });
  expect(at()).toEqual([2, 5]);
  o.restart({ mounted: 2, clean_thru: 6 });
  expect(at()).toEqual([2, 6]);
});

test.each([
  ["another cluster", { cluster_fsid: "99999999-2222-4333-8444-555555555555" }],
  ["an OSD it is not", { osd: 5 }],
  ["another uuid than the map has", { osd_fsid: "99999999-2222-4333-8444-555555555555" }],
  ["nowhere", { addr: { host: "", port: 0, nonce: 0 } }],
])("a boot of %s is ignored", (_what, more) => {
  const h = new Harness();
  const [o] = h.boot(1);
  if (!o) throw new Error("no osd");
  const e = h.map.epoch;
  h.disconnect(o.con);
  o.addr = h.addr(0);
  o.con = h.connect("osd.0", o.addr);
  o.boot({ addr: o.addr, ...more });
  expect([h.map.epoch, o.con.sent.length]).toEqual([e, 0]);
});

test("noup: the OSD gets maps and waits", () => {
  const h = new Harness();
  h.boot(1);
  h.command({ prefix: "osd set", key: "noup" });
  const o = h.osd(1);
  o.boot();
  expect([h.map.exists(1), o.con.take("osd_map").length > 0]).toEqual([false, true]);
  h.command({ prefix: "osd unset", key: "noup" });
  o.boot();
  expect(h.map.is_up(1)).toBe(true);
});

test("an OSD that was out by timeout comes back with its old weight; one put out stays out", () => {
  const h = new Harness({ mon_osd_down_out_interval: 60, mon_osd_min_in_ratio: 0.1 });
  const osds = h.boot(4);
  h.command({ prefix: "osd reweight", id: 0, weight: 0.5 });
  h.command({ prefix: "osd out", ids: [1] });
  for (const o of osds.slice(0, 2)) {
    o.send({
      type: "osd_mark_me_down",
      target_osd: o.id,
      target_addr: o.addr,
      epoch: h.map.epoch,
      request_ack: true,
      down_and_dead: false,
    });
  }
  h.advance(120_000);
  expect([h.map.is_out(0), h.map.get_xinfo(0).old_weight]).toEqual([true, 0x8000]);
  for (const o of osds.slice(0, 2)) o.restart();
  expect([h.map.get_weight(0), h.map.get_weight(1)]).toEqual([0x8000, 0]);
  expect(h.map.get_xinfo(0).old_weight).toBe(0);
});

test("laggy estimates: alive while marked down raises them, a restart lowers them", () => {
  const h = new Harness();
  const [o] = h.boot(3);
  if (!o) throw new Error("no osd");
  h.command({ prefix: "osd down", ids: [0] });
  h.advance(100_000);
  o.addr = h.addr(0);
  h.disconnect(o.con);
  o.con = h.connect("osd.0", o.addr);
  o.boot({ boot_epoch: 2, newest_map: h.map.epoch });
  expect(h.map.get_xinfo(0)).toMatchObject({ laggy_probability: 0.3, laggy_interval: 30 });
  o.restart();
  const x = h.map.get_xinfo(0);
  expect([x.laggy_probability, x.laggy_interval]).toEqual([expect.closeTo(0.21), 21]);
});

test("a destroyed id under another disk is marked lost; a purged one stays away", () => {
  const h = new Harness();
  const [, o] = h.boot(3);
  if (!o) throw new Error("no osd");
  const sure = { yes_i_really_mean_it: true };
  h.command({ prefix: "osd down", ids: ["1"] });
  h.command({ prefix: "osd destroy", id: 1, ...sure });
  expect([h.map.is_destroyed(1), h.map.exists(1)]).toEqual([true, true]);
  o.restart();
  expect(h.map.is_up(1)).toBe(false);
  const e = h.map.epoch;
  const uuid = "99999999-2222-4333-8444-555555555555";
  expect(h.command({ prefix: "osd new", uuid, id: 1 }).outb).toEqual({ osdid: 1 });
  expect([h.map.is_destroyed(1), h.map.is_new(1), h.map.get_lost_at(1)]).toEqual([false, true, e]);
  o.restart({ osd_fsid: uuid });
  expect([h.map.is_up(1), h.map.get_uuid(1)]).toEqual([true, uuid]);

  h.command({ prefix: "osd down", ids: ["1"] });
  h.command({ prefix: "osd purge", id: 1, ...sure });
  expect([h.map.exists(1), h.map.crush.item_exists(1)]).toEqual([false, false]);
  o.restart({ osd_fsid: uuid, mounted: 5 });
  expect(h.map.exists(1)).toBe(false);
});

test("a location that CRUSH cannot take is told to the cluster log, and the OSD is up", () => {
  const h = new Harness();
  const o = h.osd(0);
  o.boot({ crush_location: { root: "default", planet: "mars" } });
  expect(h.map.is_up(0)).toBe(true);
  const lines = h.command({ prefix: "log last", num: 9 }).outb;
  expect(lines).toContainEqual(
    expect.objectContaining({ message: "osd.0 is not placed in CRUSH: no bucket type 'planet'" }),
  );
});
