/** The stored log: what is read back is what was in memory, and damage is noticed. */
import { type Clock, EVERSION_ZERO, pg_info_copy, pg_info_t, StoreError } from "@tako/common";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemStore } from "../store/MemStore.ts";
import { Transaction } from "../store/Transaction.ts";
import { NAMES, Shard, type Write } from "../testing/log_shard.ts";
import { entry, obj, ver } from "../testing/log_vectors.ts";
import { is_delete } from "./log_entry.ts";
import { type log_place_t, PGLog } from "./PGLog.ts";

const write = fc.record<Write>({
  kind: fc.constantFrom("modify", "modify", "modify", "delete", "error"),
  name: fc.constantFrom(...NAMES),
});
const CLOCK: Clock = {
  now_ms: () => 0,
  mono_ms: () => 0,
  set_timer: () => ({ cancel: () => {} }),
  defer: () => {},
};

/** A store with the PG's metadata object in it. */
class Disk {
  readonly store = new MemStore({ clock: CLOCK });
  readonly place: log_place_t;
  constructor(require_rollback: boolean) {
    this.place = { coll: "1.0_head", oid: obj("x0"), require_rollback };
    this.store.mkfs_now("00000000-0000-0000-0000-000000000001");
    this.store.mount_now();
    const t = new Transaction();
    t.create_collection(this.place.coll);
    t.touch(this.place.coll, this.place.oid);
    this.store.queue_transaction(t);
  }
  write(log: PGLog): Transaction {
    const t = new Transaction();
    const set = new Map<string, Uint8Array>();
    log.write_log_and_missing(t, this.place, set);
    if (set.size > 0) t.omap_setkeys(this.place.coll, this.place.oid, set);
    this.store.queue_transaction(t);
    return t;
  }
  read(info: pg_info_t): PGLog {
    const log = new PGLog();
    log.read_log_and_missing(this.store, this.place, info);
    return log;
  }
  set(key: string, value: Uint8Array): void {
    const t = new Transaction();
    t.omap_setkeys(this.place.coll, this.place.oid, new Map([[key, value]]));
    this.store.queue_transaction(t);
  }
  keys(prefix = ""): string[] {
    return this.store.omap_list(this.place.coll, this.place.oid, "", prefix, 10_000)?.keys ?? [];
  }
}
function expect_stored(disk: Disk, s: Shard): void {
  disk.write(s.log);
  expect(s.log.is_dirty()).toBe(false);
  const back = disk.read(s.info);
  expect(back.is_dirty()).toBe(false);
  expect(back.to_wire()).toEqual(s.log.to_wire());
  expect(back.missing.to_wire()).toEqual(s.log.missing.to_wire());
}

type Step =
  | { readonly do: "write"; readonly w: Write; readonly times: number }
  | { readonly do: "trim"; readonly n: number; readonly dups: number }
  | { readonly do: "rewind"; readonly n: number }
  | { readonly do: "merge"; readonly back: number; readonly writes: Write[] }
  | { readonly do: "lose" | "recover"; readonly name: string }
  | { readonly do: "roll_forward" | "split" | "claim" | "reset_backfill" | "clear" };
const step: fc.Arbitrary<Step & { readonly flush: boolean }> = fc.oneof(
  fc.record({
    do: fc.constant("write" as const),
    w: write,
    times: fc.integer({ min: 1, max: 4 }),
    flush: fc.boolean(),
  }),
  fc.record({
    do: fc.constant("trim" as const),
    n: fc.nat(4),
    dups: fc.nat(8),
    flush: fc.boolean(),
  }),
  fc.record({ do: fc.constant("rewind" as const), n: fc.nat(3), flush: fc.boolean() }),
  fc.record({
    do: fc.constant("merge" as const),
    back: fc.nat(3),
    writes: fc.array(write, { maxLength: 3 }),
    flush: fc.boolean(),
  }),
  fc.record({
    do: fc.constantFrom("lose" as const, "recover" as const),
    name: fc.constantFrom(...NAMES),
    flush: fc.boolean(),
  }),
  fc.record({
    do: fc.constantFrom(
      "roll_forward" as const,
      "split" as const,
      "claim" as const,
      "reset_backfill" as const,
      "clear" as const,
    ),
    flush: fc.boolean(),
  }),
);

/** Carries out a step; `epoch` is higher than any in the log. */
function run(s: Shard, step: Step, epoch: number): void {
  const { log, info } = s;
  switch (step.do) {
    case "write":
      s.relearn();
      for (let i = 0; i < step.times; i++) {
        const e = s.next_entry(step.w, epoch);
        if (e) s.append(e);
      }
      return;
    case "trim": {
      const end = Math.min(log.log.log.begin + step.n, log.log.log.end) - 1;
      if (end >= log.log.log.begin) log.trim(log.log.log.at(end).version, info, step.dups);
      return;
    }
    case "rewind": {
      const at = log.log.log.end - 1 - step.n;
      const to = at >= log.log.log.begin ? log.log.log.at(at).version : log.tail;
      log.rewind_divergent_log(to, info, s.handler);
      return;
    }
    case "merge": {
      // Somebody who shares the log but for the last few entries, and wrote something else.
      const other = new Shard(s.rollbackable, "MAX");
      other.log.log.assign(log.to_wire());
      Object.assign(other.info, pg_info_copy(info));
      run(other, { do: "rewind", n: step.back }, epoch);
      other.relearn();
      for (const w of step.writes) {
        const e = other.next_entry(w, epoch);
        if (e) other.append(e);
      }
      log.merge_log(other.info, other.log.to_wire(), "1", info, s.handler);
      return;
    }
    case "lose": {
      const e = log.log.get_object(obj(step.name));
      if (e) log.missing.add(e.soid, e.version, EVERSION_ZERO, is_delete(e));
      return;
    }
    case "recover":
      log.recover_got(obj(step.name), log.missing.get(obj(step.name))?.need ?? log.head, info);
      return;
    case "roll_forward":
      log.roll_forward(s.handler);
      return;
    case "split":
      log.split_into(1, 1, new PGLog());
      return;
    case "claim":
      log.reset_backfill_claim_log(log.log.copy_up_to(3, 6), s.handler);
      info.log_tail = log.tail;
      return;
    case "reset_backfill":
      log.reset_backfill();
      return;
    case "clear":
      log.clear();
      info.last_update = info.last_complete = info.log_tail = EVERSION_ZERO;
  }
}

describe("persistence", () => {
  test("what is read back is what was in memory, whatever happened in between", () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 25 }), (ec, steps) => {
        const disk = new Disk(ec);
        const s = new Shard(ec, "MAX");
        for (const [i, st] of steps.entries()) {
          run(s, st, 1 + i);
          s.info.last_complete = EVERSION_ZERO;
          if (st.flush) expect_stored(disk, s);
        }
        expect_stored(disk, s);
        // Nothing stored that memory does not know of.
        const { log, dups } = s.log.log;
        const versions = new Set(
          dups.to_array().map((d) => `${d.version.epoch}'${d.version.version}`),
        );
        expect(disk.keys("dup_")).toHaveLength(versions.size);
        expect(disk.keys("missing/")).toHaveLength(s.log.missing.num_missing());
        expect(disk.keys().filter((k) => /^\d/.test(k))).toHaveLength(log.length);
      }),
      { numRuns: 300 },
    );
  });

  test("a write sets one key; trimming removes ranges; an idle log writes nothing", () => {
    const disk = new Disk(false);
    const s = new Shard(false, "MAX");
    const put = (name: string) => {
      const e = s.next_entry({ kind: "modify", name }, 7);
      if (e) s.append(e);
    };
    for (const name of NAMES) put(name);
    disk.write(s.log);
    put("x1");
    expect(disk.write(s.log).ops).toMatchObject([
      {
        op: "omap_setkeys",
        vals: new Map([["0000000007.00000000000000000009", expect.anything()]]),
      },
    ]);
    expect(disk.write(s.log).num_ops).toBe(0);
    s.log.trim(ver("7'5"), s.info, 0);
    put("x2");
    expect(disk.write(s.log).ops.map((o) => o.op)).toEqual(["omap_rmkeyrange", "omap_setkeys"]);
    expect(disk.keys().filter((k) => /^\d/.test(k))).toHaveLength(5);
  });

  test("everything an entry can carry comes back", () => {
    const disk = new Disk(true);
    const log = new PGLog();
    const info = pg_info_t("1.0");
    log.add({
      ...entry({ op: "lost_revert", version: "4'1", prior_version: "3'9", object: "x5" }),
      reqid: { name: "client.4123", inc: 2, tid: 2 ** 40 },
      extra_reqids: [{ reqid: { name: "client.9", inc: 0, tid: 1 }, user_version: 12 }],
      reverting_to: ver("2'3"),
      user_version: 77,
      mtime: 1_700_000_000_123.5,
      return_code: -17,
      mod_desc: {
        rollbackable: true,
        ops: [{ code: "APPEND", old_size: 4096 }, { code: "CREATE" }],
      },
    });
    info.last_update = log.head;
    disk.write(log);
    expect(disk.read(info).to_wire()).toEqual(log.to_wire());
  });

  describe("what does not fit together is refused, with the PG's name", () => {
    function stored(): { disk: Disk; s: Shard } {
      const disk = new Disk(true);
      const s = new Shard(true, "MAX");
      for (const name of ["x1", "x2", "x3"]) {
        const e = s.next_entry({ kind: "modify", name }, 5);
        if (e) s.append(e);
      }
      s.lose("x3", false);
      s.trim(1);
      disk.write(s.log);
      return { disk, s };
    }
    const key = (v: number) => `0000000005.${String(v).padStart(20, "0")}`;
    const bytes = (...b: number[]) => new Uint8Array(b);
    test.each<[string, (d: Disk, s: Shard) => void]>([
      ["a value that is cut off", (d) => d.set(key(2), bytes(0x9a))],
      ["a value of another shape", (d) => d.set(key(2), bytes(0x91, 0x05))],
      ["a key that is no version", (d) => d.set("0000x", bytes(0x90))],
      ["an entry at the tail", (d) => d.set(key(1), bytes(0x90))],
      [
        "a last_update below the log",
        (_, { info }) => Object.assign(info, { last_update: ver("5'2") }),
      ],
      ["a tail above the head", (_, { info }) => Object.assign(info, { log_tail: ver("6'1") })],
      ["a dup inside the log", (d) => d.set(`dup_${key(3)}`, bytes(0x90))],
      ["a missing item with a bad name", (d) => d.set("missing/what", bytes(0x90))],
      [
        "a missing item that needs the future",
        (d) => d.set(`missing/${obj("x4")}`, bytes(0x95, 9, 9, 0, 0, 0xc2)),
      ],
      ["rollback bounds outside the log", (d) => d.set("can_rollback_to", bytes(0x94, 9, 9, 9, 9))],
    ])("%s", (_, damage) => {
      const { disk, s } = stored();
      expect(disk.read(s.info).log.length).toBe(2);
      damage(disk, s);
      expect(() => disk.read(s.info)).toThrow(StoreError);
      expect(() => disk.read(s.info)).toThrow(/^pg 1\.0: /);
    });
  });
});
