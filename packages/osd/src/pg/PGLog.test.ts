/**
 * Properties of PGLog over random histories: what merging does to the log, the missing set and the
 * store, and that the primary predicts it (I12).
 */
import {
  EVERSION_ZERO,
  ev_eq,
  ev_gt,
  ev_le,
  ev_lt,
  ev_max,
  hobject_cmp,
  type hobject_t,
  InvariantError,
  pg_info_copy,
  pg_info_t,
  type pg_log_entry_t,
} from "@tako/common";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NAMES, Shard, type Write } from "../testing/log_shard.ts";
import { entry, obj, replay, ver } from "../testing/log_vectors.ts";
import { is_delete } from "./log_entry.ts";
import { PGLog } from "./PGLog.ts";
import { pg_missing_t } from "./pg_missing.ts";

const write = fc.record<Write>({
  kind: fc.constantFrom("modify", "modify", "modify", "delete", "error"),
  name: fc.constantFrom(...NAMES),
});
interface History {
  rollbackable: boolean;
  last_backfill: hobject_t;
  common: Write[];
  lost: { name: string; keep_prior: boolean }[];
  mine: Write[];
  theirs: Write[];
  /** After `theirs`: some of it is lost, and more is written. */
  lost_late: { name: string; keep_prior: boolean }[];
  theirs_late: Write[];
  epochs: [mine: number, theirs: number];
  trim_mine: number;
  trim_theirs: number;
  crt: number;
  whole_log: boolean;
  split: boolean;
}
const losses = fc.array(fc.record({ name: fc.constantFrom(...NAMES), keep_prior: fc.boolean() }), {
  maxLength: 3,
});
const history = fc.record<History>({
  rollbackable: fc.boolean(),
  last_backfill: fc.constantFrom<hobject_t>("MAX", "MAX", "MIN", obj("x2"), obj("x1")),
  common: fc.array(write, { maxLength: 12 }),
  lost: losses,
  mine: fc.array(write, { maxLength: 6 }),
  theirs: fc.array(write, { maxLength: 6 }),
  lost_late: losses,
  theirs_late: fc.array(write, { maxLength: 3 }),
  epochs: fc.constantFrom<[number, number]>([2, 3], [3, 2]),
  trim_mine: fc.nat(6),
  trim_theirs: fc.nat(6),
  crt: fc.nat(12),
  whole_log: fc.boolean(),
  split: fc.boolean(),
});

/** Two shards with a common past, each having gone on alone. */
function build(h: History): { mine: Shard; theirs: Shard } {
  const mine = new Shard(h.rollbackable, "MAX");
  const theirs = new Shard(h.rollbackable, h.last_backfill);
  for (const w of h.common) {
    const e = mine.next_entry(w, 1);
    if (!e) continue;
    mine.append(e);
    theirs.append(e);
  }
  // What was trimmed anywhere had been committed everywhere.
  mine.trim(h.trim_mine);
  theirs.trim(h.trim_theirs);
  const crt = ev_max(theirs.log.tail, { epoch: 1, version: h.crt });
  for (const s of [mine, theirs]) s.log.roll_forward_to(crt, null);
  for (const l of h.lost) theirs.lose(l.name, l.keep_prior);
  const go_on = (s: Shard, writes: Write[], epoch: number) => {
    for (const w of writes) {
      const e = s.next_entry(w, epoch);
      if (e) s.append(e);
    }
  };
  go_on(mine, h.mine, h.epochs[0]);
  go_on(theirs, h.theirs, h.epochs[1]);
  for (const l of h.lost_late) theirs.lose(l.name, l.keep_prior);
  go_on(theirs, h.theirs_late, h.epochs[1]);
  return { mine, theirs };
}

/** Keeps the half of a shard whose objects have even hashes. */
function split(s: Shard): void {
  s.log.split_into(1, 1, new PGLog());
  s.log.reset_complete_to(s.info);
  for (const name of NAMES) {
    if (Number.parseInt(name.slice(1), 16) % 2 === 0) continue;
    s.store.delete(obj(name));
    s.newest.delete(obj(name));
  }
}

function check_log(s: Shard): void {
  const { log, info } = s;
  const { head, tail, can_rollback_to: crt, rollback_info_trimmed_to: rit } = log.log;
  expect([info.last_update, info.log_tail]).toEqual([head, tail]);
  expect(ev_le(tail, rit) && ev_le(rit, crt) && ev_le(crt, head)).toBe(true);
  expect(ev_le(info.last_complete, head)).toBe(true);
  let prev = tail;
  for (const e of log.log.log) {
    expect(e.version.version).toBeGreaterThan(prev.version);
    expect(e.version.epoch).toBeGreaterThanOrEqual(prev.epoch);
    prev = e.version;
  }
  expect(ev_le(prev, head)).toBe(true);
}

/** I11: the store has what the log and the missing set say that it has. */
function check_store(s: Shard, newest: ReadonlyMap<hobject_t, pg_log_entry_t>): void {
  for (const [oid, e] of newest) {
    if (hobject_cmp(oid, s.info.last_backfill) > 0) continue;
    const item = s.log.missing.get(oid);
    const have = s.store.get(oid);
    if (!item) expect([oid, have]).toEqual([oid, is_delete(e) ? undefined : e.version]);
    else {
      expect([oid, item.need, item.is_delete]).toEqual([oid, e.version, is_delete(e)]);
      if (!ev_eq(item.have, EVERSION_ZERO)) expect([oid, have]).toEqual([oid, item.have]);
    }
  }
  for (const oid of s.log.missing.get_items().keys()) expect(newest.has(oid)).toBe(true);
}

/** proc_replica_log on the primary, then what activate would send and note (§6.15). */
function peer(mine: Shard, theirs: Shard, whole_log: boolean): pg_missing_t | undefined {
  const common = theirs.log.tail;
  const olog = whole_log ? theirs.log.to_wire() : theirs.log.copy_after(common);
  const oinfo = pg_info_copy(theirs.info);
  const omissing = pg_missing_t.from_wire(theirs.log.missing.to_wire());
  mine.log.proc_replica_log(oinfo, olog, omissing);
  if (ev_lt(oinfo.last_update, mine.log.tail)) return undefined;
  const sent = mine.log.copy_after(oinfo.last_update);
  const known = {
    ...sent,
    entries: sent.entries.filter((e) => hobject_cmp(e.soid, oinfo.last_backfill) <= 0),
  };
  replay(omissing, known, oinfo);
  if (ev_eq(oinfo.last_update, mine.info.last_update)) {
    if (ev_gt(theirs.info.last_update, mine.info.last_update)) {
      theirs.log.rewind_divergent_log(mine.info.last_update, theirs.info, theirs.handler);
    }
  } else {
    theirs.log.merge_log(mine.info, sent, "0", theirs.info, theirs.handler);
  }
  return omissing;
}

describe("divergent histories", () => {
  test("the primary predicts a replica's missing set, and log and store agree (I3, I5, I11, I12)", () => {
    fc.assert(
      fc.property(history, (h) => {
        const { mine, theirs } = build(h);
        if (h.split) for (const s of [mine, theirs]) split(s);
        const predicted = peer(mine, theirs, h.whole_log);
        if (!predicted) return;
        expect(theirs.log.missing.to_wire()).toEqual(predicted.to_wire());
        check_log(theirs);
        check_store(theirs, mine.newest);
        // What only the replica wrote is no base to recover from.
        for (const i of theirs.log.missing.get_items().values()) {
          expect(i.have.epoch).not.toBe(h.epochs[1]);
          expect(ev_lt(i.have, i.need)).toBe(true);
        }
        const shared = ev_max(mine.log.tail, theirs.log.tail);
        expect(theirs.log.copy_after(shared).entries).toEqual(mine.log.copy_after(shared).entries);
        expect(theirs.log.head).toEqual(mine.log.head);
      }),
      { numRuns: 1500 },
    );
  });

  test("adopting a whole log gives the same as adopting its end, and a longer tail", () => {
    fc.assert(
      fc.property(history, (h) => {
        const a = build(h);
        const b = build(h);
        if (ev_lt(a.theirs.log.head, a.mine.log.tail)) return;
        a.theirs.log.merge_log(
          a.mine.info,
          a.mine.log.to_wire(),
          "0",
          a.theirs.info,
          a.theirs.handler,
        );
        const end = b.mine.log.copy_after(b.theirs.log.tail);
        b.theirs.log.merge_log(b.mine.info, end, "0", b.theirs.info, b.theirs.handler);
        expect(a.theirs.log.missing.to_wire()).toEqual(b.theirs.log.missing.to_wire());
        expect(a.theirs.store).toEqual(b.theirs.store);
        expect(ev_le(a.theirs.log.tail, a.mine.log.tail)).toBe(true);
        expect(a.theirs.info.log_tail).toEqual(a.theirs.log.tail);
        const { num_objects_missing } = a.theirs.info.stats.stat_sum;
        expect(num_objects_missing).toBe(a.theirs.log.missing.num_missing());
        check_log(a.theirs);
        check_store(a.theirs, a.mine.newest);
      }),
    );
  });

  test("recovering in order of need brings last_complete to last_update", () => {
    fc.assert(
      fc.property(history, (h) => {
        const { mine, theirs } = build(h);
        if (!peer(mine, theirs, true)) return;
        const { log, info } = theirs;
        log.activate_not_complete(info);
        let last = info.last_complete;
        for (let r = log.missing.first_from(0); r; r = log.missing.first_from(0)) {
          expect(ev_lt(info.last_complete, r.need)).toBe(true);
          log.recover_got(r.oid, r.need, info);
          expect(ev_le(last, info.last_complete)).toBe(true);
          last = info.last_complete;
        }
        expect(info.last_complete).toEqual(info.last_update);
        expect(log.log.complete_to).toBe(log.log.log.end);
      }),
    );
  });

  test("logs that do not overlap are not merged", () => {
    const mine = new Shard(false, "MAX");
    const theirs = new Shard(false, "MAX");
    for (const name of ["x1", "x2", "x3"]) {
      const e = mine.next_entry({ kind: "modify", name }, 1);
      if (e) mine.append(e);
    }
    mine.trim(2);
    const { log, info, handler } = theirs;
    expect(() => log.merge_log(mine.info, mine.log.to_wire(), "0", info, handler)).toThrow(
      InvariantError,
    );
  });

  test("a write under a number that a lost interval used is told apart by its epoch", () => {
    const mine = new Shard(false, "MAX");
    const theirs = new Shard(false, "MAX");
    const first = mine.next_entry({ kind: "modify", name: "x1" }, 1);
    if (!first) throw new Error("no entry");
    mine.append(first);
    theirs.append(first);
    const here = mine.next_entry({ kind: "modify", name: "x1" }, 2);
    const there = theirs.next_entry({ kind: "modify", name: "x1" }, 3);
    if (!here || !there) throw new Error("no entry");
    mine.append(here);
    theirs.append(there);
    peer(mine, theirs, true);
    expect(theirs.log.missing.get(obj("x1"))).toEqual({
      need: ver("2'2"),
      have: EVERSION_ZERO,
      is_delete: false,
    });
    expect(theirs.store.has(obj("x1"))).toBe(false);
  });
});

// ---------------------------------------------------------------- requests

describe("requests", () => {
  test("are known from the log, as extra requests, and from dups, until those are forgotten", () => {
    const log = new PGLog();
    const info = pg_info_t("1.0");
    const req = (tid: number) => ({ name: "client.7", inc: 0, tid });
    for (let v = 1; v <= 6; v++) {
      const e = entry({
        op: v === 2 ? "error" : "modify",
        version: `1'${v}`,
        prior_version: "0'0",
      });
      const extra_reqids = v === 3 ? [{ reqid: req(100), user_version: 33 }] : [];
      log.add({ ...e, reqid: req(v), user_version: v, extra_reqids });
    }
    const seen = () => [1, 2, 3, 100, 6].map((tid) => log.get_request(req(tid))?.user_version);
    expect(seen()).toEqual([1, 2, 3, 33, 6]);
    expect(log.get_request(req(2))).toEqual({
      version: ver("1'2"),
      user_version: 2,
      return_code: -2,
    });
    log.trim(ver("1'4"), info, 5);
    expect(seen()).toEqual([undefined, 2, 3, 33, 6]);
    expect(log.log.logged_req(req(3))).toBe(false);
    expect(info.log_tail).toEqual(ver("1'4"));
    const { dups } = log.log.copy_up_to(1, 5);
    expect(dups.map((d) => d.reqid.tid)).toEqual([2, 3, 100, 4, 5]);
    log.trim(ver("1'6"), info, 3);
    expect(seen()).toEqual([undefined, undefined, undefined, undefined, 6]);
  });
});
