/** Commit, publish, subscribe, restart: what everybody relies on. */
import type { OSDMap } from "@tako/common";
import { expect, test } from "vitest";
import { apply_maps, type FakeConnection, Harness } from "../testing/harness.ts";

/** Applies what was sent, and notes the epochs. */
function receive(
  con: FakeConnection,
  have?: OSDMap,
): { map: OSDMap | undefined; epochs: number[] } {
  let map = have;
  const epochs: number[] = [];
  for (const m of con.take("osd_map")) {
    epochs.push(...m.full, ...m.incremental);
    map = apply_maps(map, m);
  }
  return { map, epochs };
}

test("nothing is published, answered or visible before its epoch is durable", () => {
  const h = new Harness();
  const [o] = h.boot(3);
  if (!o) throw new Error("no osd");
  o.con.sent.length = 0;
  const replies: string[] = [];
  const e = h.map.epoch;
  h.mon.handle_command({ prefix: "osd out", ids: ["1"] }, (r) => replies.push(r.outs));
  expect([replies, o.con.sent, h.map.epoch]).toEqual([[], [], e]);
  h.settle();
  expect([replies, h.map.epoch]).toEqual([["marked out osd.1. "], e + 1]);
  expect(receive(o.con).epochs).toEqual([e + 1]);
});

test.each([0, 1])(
  "kill -9 during a commit, %i of it on disk: contiguous maps and no half epoch",
  (applied) => {
    const h = new Harness();
    const osds = h.boot(3);
    const e = h.map.epoch;
    const replies: string[] = [];
    // The commit takes a while now, so that the crash comes in the middle of it.
    Object.assign(h.store, { commit_ms: () => 10 });
    h.mon.handle_command({ prefix: "osd out", ids: ["1"] }, (r) => replies.push(r.outs));
    h.advance(5);
    expect(h.mon.svc.osdmon.is_committing).toBe(true);
    h.restart(applied);
    h.advance(100);
    expect(replies).toEqual([]);
    expect([h.map.epoch, h.map.is_out(1)]).toEqual([e + applied, applied === 1]);
    const again = h.osd(0, osds[0]?.addr);
    again.subscribe(1);
    const { map, epochs } = receive(again.con);
    expect(epochs).toEqual(Array.from({ length: e + applied }, (_, i) => i + 1));
    expect(map?.crc).toBe(h.map.crc);
  },
);

test("a store that fails stops the monitor; nobody is answered", () => {
  const h = new Harness();
  const [o] = h.boot(3);
  const replies: string[] = [];
  h.store.fail_commits("no space");
  h.mon.handle_command({ prefix: "osd out", ids: ["1"] }, (r) => replies.push(r.outs));
  h.settle();
  expect([replies, h.fatal.length, h.mon.is_ready]).toEqual([[], 1, false]);
  expect(o?.con.is_open).toBe(false);
});

test("a missing or damaged record is named at the start", () => {
  const h = new Harness();
  h.boot(3);
  h.advance(1000);
  h.store.poke("osdmap", "0000000002", undefined);
  expect(() => h.restart()).toThrow(/epoch 2 is missing .*osdmap\/0000000002/);
  h.store.poke("osdmap", "0000000002", new Uint8Array(3));
  h.store.poke("osdmap", `full_000000000${h.mon.osdmap.epoch}`, new Uint8Array(3));
  expect(() => h.restart()).toThrow(/damaged/);
});

test("requests that arrive during a commit share the next epoch", () => {
  const h = new Harness();
  const osds = h.boot(3);
  const e = h.map.epoch;
  Object.assign(h.store, { commit_ms: () => 10 });
  h.mon.handle_command({ prefix: "osd set", key: "noout" }, () => {});
  h.advance(1);
  for (const o of osds) h.post(o.con, { type: "osd_alive", osd: o.id, version: e, want: e });
  h.mon.handle_command({ prefix: "osd set", key: "noscrub" }, () => {});
  h.advance(50);
  expect(h.map.epoch).toBe(e + 2);
  expect([0, 1, 2].map((o) => h.map.get_up_thru(o))).toEqual([e, e, e]);
  expect([h.map.test_flag("noout"), h.map.test_flag("noscrub")]).toEqual([true, true]);
});

test("under a storm epochs come at paxos_min_wait, after a pause at once again", () => {
  const h = new Harness({ paxos_min_wait: 0.05 });
  h.boot(1);
  h.advance(10_000);
  const e = h.map.epoch;
  for (let i = 0; i < 2000; i++) {
    h.mon.handle_command({ prefix: i % 2 ? "osd unset" : "osd set", key: "noout" }, () => {});
    h.advance(1);
  }
  // A burst of ten, then one every 50 ms for 2 s.
  expect(h.map.epoch - e).toBeGreaterThan(40);
  expect(h.map.epoch - e).toBeLessThan(60);
  h.advance(5000);
  const before = h.map.epoch;
  h.mon.handle_command({ prefix: "osd set", key: "noin" }, () => {});
  h.settle();
  expect(h.map.epoch).toBe(before + 1);
});

test("subscriptions: start, onetime, the newest only, and no map twice", () => {
  const h = new Harness({ osd_map_message_max: 2 });
  h.boot(1);
  for (let i = 0; i < 6; i++) h.command({ prefix: "osd set", key: i % 2 ? "noin" : "noout" });
  h.command({ prefix: "osd unset", key: "noin" });
  const newest = h.map.epoch;
  const sub = (con: FakeConnection, start: number, onetime = false) =>
    h.send(con, { type: "mon_subscribe", what: [{ name: "osdmap", start, onetime }] });
  const a = h.client();
  sub(a, 0);
  expect(receive(a).epochs).toEqual([newest]);
  const b = h.client();
  sub(b, 2);
  expect(receive(b).epochs).toEqual(Array.from({ length: newest - 1 }, (_, i) => i + 2));
  const c = h.client();
  sub(c, 2, true);
  expect(receive(c).epochs).toEqual([2, 3]);
  sub(c, newest + 1, true);
  expect(receive(c).epochs).toEqual([]);
  h.command({ prefix: "osd unset", key: "noout" });
  expect([a, b, c].map((x) => receive(x).epochs)).toEqual([
    [newest + 1],
    [newest + 1],
    [newest + 1],
  ]);
  h.command({ prefix: "osd set", key: "noup" });
  expect([a, b, c].map((x) => receive(x).epochs)).toEqual([[newest + 2], [newest + 2], []]);
  // It says that it has lost what it had.
  sub(b, newest, false);
  expect(receive(b).epochs).toEqual([newest, newest + 1, newest + 2]);
});

test("trimmed history: the oldest full map first, then what follows it", () => {
  const h = new Harness({
    mon_min_osdmap_epochs: 5,
    paxos_service_trim_min: 3,
    paxos_service_trim_max: 4,
  });
  const [o] = h.boot(1);
  if (!o) throw new Error("no osd");
  for (let i = 0; i < 20; i++) {
    h.command({ prefix: i % 2 ? "osd unset" : "osd set", key: "noout" });
    h.advance(1000);
  }
  h.advance(30_000);
  // A beacon of an OSD with an old map holds everything back.
  expect(h.mon.first_committed).toBeGreaterThan(10);
  const first = h.mon.first_committed;
  const con = h.client();
  h.send(con, { type: "mon_subscribe", what: [{ name: "osdmap", start: 2, onetime: false }] });
  const [m] = con.take("osd_map");
  expect([m?.full, m?.incremental, m?.oldest_map]).toEqual([[first], [], first]);
  h.restart();
  expect(h.mon.first_committed).toBe(first);
});

test("a PG that has not reported clean pins the history", () => {
  const h = new Harness({ mon_min_osdmap_epochs: 1, paxos_service_trim_min: 1 });
  const osds = h.boot(3);
  h.command({ prefix: "osd pool create", pool: "p", pg_num: 2 });
  h.advance(100);
  const lead = (pg: "1.0" | "1.1") => osds[h.map.pg_to_up_acting_osds(pg).acting_primary];
  for (const pg of ["1.0", "1.1"] as const) lead(pg)?.send({ type: "osd_pg_created", pgid: pg });
  h.advance(30_000);
  expect(h.mon.first_committed).toBe(1);
  for (let i = 0; i < 4; i++) h.command({ prefix: i % 2 ? "osd unset" : "osd set", key: "noout" });
  lead("1.0")?.beacon(h.map.epoch, ["1.0"]);
  h.advance(30_000);
  expect(h.mon.first_committed).toBe(1);
  lead("1.1")?.beacon(4, ["1.1"]);
  h.advance(30_000);
  expect(h.mon.first_committed).toBe(4);
});

test("get_osdmap and get_version answer from what is committed", () => {
  const h = new Harness();
  h.boot(1);
  const con = h.client();
  h.send(con, { type: "mon_get_version", handle: 9, what: "osdmap" });
  expect(con.take("mon_get_version_reply")).toEqual([
    { type: "mon_get_version_reply", handle: 9, version: h.map.epoch, oldest_version: 1 },
  ]);
  h.send(con, { type: "mon_get_osdmap", full_first: 1, full_last: 1, inc_first: 2, inc_last: 99 });
  expect(receive(con).map?.crc).toBe(h.map.crc);
});

test("`-w`: log lines go to who subscribed, and the last ones survive a restart", () => {
  const h = new Harness({ mon_log_max: 5 });
  const con = h.client();
  h.send(con, { type: "mon_subscribe", what: [{ name: "log-info", start: 0, onetime: false }] });
  h.boot(2);
  const texts = con.take("log").flatMap((m) => m.entries.map((e) => e.text));
  expect(texts.some((t) => /^osd\.1 10\.0\.1\.1:6801\/\d+ boot$/.test(t))).toBe(true);
  expect(texts.some((t) => /^osdmap e\d+: 2 total, 2 up, 2 in$/.test(t))).toBe(true);
  for (let i = 0; i < 8; i++) h.command({ prefix: "log", logtext: ["line", String(i)] });
  h.advance(1000);
  h.restart();
  const last = h.command({ prefix: "log last", num: 10 }).outb;
  expect(last).toMatchObject([3, 4, 5, 6, 7].map((i) => ({ message: `line ${i}` })));
});
