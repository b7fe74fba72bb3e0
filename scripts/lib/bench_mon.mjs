// @ts-check
/** A monitor of the size of a big cluster: what an epoch costs it. */
import * as tako from "../../packages/common/dist/index.js";
import { FSID, Harness } from "../../packages/mon/dist/testing/harness.js";
import { makeMap } from "./bench_map.mjs";

/** @param {number} osds */
export function makeMon(osds) {
  const h = new Harness();
  const { osdmon } = h.mon.svc;
  // Its PGs exist already, and are not to be created.
  osdmon.creating = { ...osdmon.creating, created_pools: new Set([1]) };
  osdmon.command(
    (v) => {
      const { inc } = v.pending;
      inc.fullmap = new tako.OSDMap({
        ...makeMap(osds).f,
        epoch: inc.epoch,
        fsid: FSID,
      }).encode();
      inc.new_flags = v.osdmap.flags;
      return { do: "commit", reply: { result: 0, outs: "", outb: "" } };
    },
    () => {},
  );
  h.advance(1000);
  if (h.map.max_osd !== osds) throw new Error("the map was not taken");
  const fakes = Array.from({ length: osds }, (_, o) => h.osd(o, h.map.get_addr(o)));
  for (const o of fakes) {
    o.con.sent.push = () => 0;
    o.subscribe(h.map.epoch + 1);
  }
  report(h, fakes);
  return { h, fakes };
}

/** Each primary says that its PGs are active+clean. @param {Harness} h @param {any[]} fakes */
function report(h, fakes) {
  /** @type {Map<number, any[]>} */
  const by_osd = new Map();
  const epoch = h.map.epoch;
  for (const pgid of h.map.get_pgs(1)) {
    const { up, up_primary, acting, acting_primary } = h.mon.svc.osdmon.mapping.get(pgid);
    const state = "active+clean";
    const stat = { up, up_primary, acting, acting_primary, state, stat_sum: {} };
    const mine = by_osd.get(acting_primary) ?? [];
    mine.push({ pgid, reported_epoch: epoch, reported_seq: 1, state, stat });
    by_osd.set(acting_primary, mine);
  }
  const osd_stat = { kb: 1000, kb_used: 100, kb_avail: 900 };
  for (const [o, pg_stats] of by_osd) {
    const head = { type: "pg_stats", epoch, osd_stat, slow_ops: 0, oldest_slow_op_s: 0 };
    fakes[o].send({ ...head, pg_stats });
  }
}

/**
 * Seconds of each epoch that marks one OSD down, and of each that has it up again.
 * @param {number} osds @param {number} rounds @param {(fn: () => void) => number} time
 */
export function benchMon(osds, rounds, time) {
  const { h, fakes } = makeMon(osds);
  const down = [];
  const up = [];
  for (let i = 0; i < rounds; i++) {
    const target = 100 + 7 * i;
    const fake = fakes[target];
    if (!fake) throw new Error("no such OSD");
    const before = h.map.epoch;
    down.push(
      time(() => {
        h.command({ prefix: "osd down", ids: [String(target)] });
      }),
    );
    if (h.map.epoch !== before + 1 || h.map.is_up(target)) throw new Error("no epoch");
    const host = Math.floor(target / 10);
    const crush_location = { root: "default", rack: `r${Math.floor(host / 10)}`, host: `h${host}` };
    const osd_fsid = h.map.get_uuid(target);
    up.push(
      time(() => {
        fake.restart({ osd_fsid, crush_location, device_class: "" });
      }),
    );
    fake.subscribe(h.map.epoch + 1);
    h.advance(1000);
    if (!h.map.is_up(target)) throw new Error("not up again");
  }
  return { down, up };
}
