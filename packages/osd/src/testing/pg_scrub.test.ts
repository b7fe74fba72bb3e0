import { describe, expect, it } from "vitest";
import { decode_object_info, encode_object_info, OI_ATTR } from "../pg/object_info.ts";
import { list_inconsistent_obj } from "../pg/scrub/dump.ts";
import { Transaction } from "../store/Transaction.ts";
import { PGCluster, type PGClusterOptions } from "./PGCluster.ts";
import { object, type TestClient } from "./TestClient.ts";

const COLL = "1.0_head";
const OBJECTS = 12;

function filled(o: Partial<PGClusterOptions> = {}): { c: PGCluster; client: TestClient } {
  const config = { osd_scrub_chunk_min: 2, osd_scrub_chunk_max: 4, ...o.config };
  const c = new PGCluster({ osds: 4, acting: [0, 1, 2], ...o, config });
  c.until_clean();
  const client = c.client();
  for (let i = 0; i < OBJECTS; i++) client.run(`o${i}`, { op: "writefull", bytes: `bytes ${i}` });
  client.run("o3", { op: "setxattr", name: "colour", bytes: "red" });
  client.run("m", { op: "omap-set-vals", kv: { k1: "v1", k2: "v2" } });
  c.settle();
  return { c, client };
}
/** Behind the back of the PG. */
function edit(c: PGCluster, osd: number, fn: (t: Transaction) => void): void {
  const t = new Transaction();
  fn(t);
  c.osd(osd).store.queue_transaction(t);
  c.settle();
}
type Kind = "scrub" | "deep-scrub" | "repair";
/** Runs it to its end; the lines that it put into the cluster log. */
function scrub(c: PGCluster, kind: Kind): string[] {
  const from = c.clog.length;
  request(c, kind);
  const done = () => c.clog.slice(from).some((l) => / (ok|errors)(, \d+ fixed)?$/.test(l));
  c.until(done, kind);
  c.settle();
  return c.clog.slice(from);
}
function request(c: PGCluster, kind: Kind): void {
  c.primary().scrubber.request(kind !== "scrub", kind === "repair");
}
function found(c: PGCluster): unknown[] {
  const { inconsistents } = list_inconsistent_obj(c.primary());
  return Array.isArray(inconsistents) ? inconsistents : [];
}
function state(c: PGCluster): string {
  return c.primary().get_stats().state;
}
function errors(c: PGCluster): number[] {
  const s = c.primary().peering.info.stats.stat_sum;
  return [s.num_shallow_scrub_errors, s.num_deep_scrub_errors, s.num_scrub_errors];
}
/** Repair, and the scrub that sees whether it has helped. */
function repaired(c: PGCluster): string[] {
  const said = scrub(c, "repair");
  c.until(() => state(c) === "active+clean", "repaired");
  c.settle();
  expect(errors(c)).toEqual([0, 0, 0]);
  expect(found(c)).toEqual([]);
  c.assert_copies_identical();
  return said;
}

describe("scrub", () => {
  it("of good copies finds nothing, and every member knows when it was", () => {
    const { c } = filled();
    expect(scrub(c, "deep-scrub")).toEqual(["DBG 1.0 deep-scrub starts", "DBG 1.0 deep-scrub ok"]);
    expect(found(c)).toEqual([]);
    const { history, last_update } = c.primary().peering.info;
    expect(history.last_deep_scrub).toEqual(last_update);
    expect(history.last_clean_scrub_stamp).toBe(history.last_deep_scrub_stamp);
    for (const id of [1, 2]) {
      const { last_scrub, last_deep_scrub_stamp } = history;
      expect(c.pg(id).peering.info.history).toMatchObject({ last_scrub, last_deep_scrub_stamp });
    }
    expect(c.primary().peering.info.stats.stat_sum).toMatchObject({
      num_omap_keys: 2,
      num_omap_bytes: 8,
    });
  });

  it("deep: finds a bit turned over in any copy, in data or omap; repair puts it right", () => {
    for (const [osd, oid] of [
      [1, "o5"],
      [0, "o5"],
      [2, "m"],
      [0, "m"],
    ] as const) {
      const { c, client } = filled();
      expect(c.osd(osd).store.flip_bit(COLL, object(oid), 21)).toBe(true);
      expect(scrub(c, "scrub").at(-1)).toBe("DBG 1.0 scrub ok");
      expect(scrub(c, "deep-scrub")).toEqual([
        "DBG 1.0 deep-scrub starts",
        `ERR 1.0 shard ${osd} soid ${object(oid)} : candidate had a read error`,
        "ERR 1.0 deep-scrub 0 missing, 1 inconsistent objects",
        "ERR 1.0 deep-scrub 1 errors",
      ]);
      expect(state(c)).toBe("active+clean+inconsistent");
      expect(errors(c)).toEqual([0, 1, 1]);
      expect(found(c)).toMatchObject([
        { object: { name: oid }, union_shard_errors: ["read_error"] },
      ]);
      expect(repaired(c)).toContain("ERR 1.0 repair 1 errors, 1 fixed");
      if (oid === "o5") expect(client.read("o5")).toBe("bytes 5");
    }
  });

  it("shows the copies of an object in Ceph's shape", () => {
    const { c } = filled();
    edit(c, 1, (t) => {
      t.truncate(COLL, object("o3"), 4);
      t.setattr(COLL, object("o3"), "_colour", Buffer.from("blue"));
      t.setattr(COLL, object("o3"), "_shape", Uint8Array.of(0, 1));
    });
    const said = scrub(c, "scrub");
    const oi = "\\(\\d+'13 client\\.1\\.0:13 dirty s 7 uv 13 alloc_hint \\[0 0 0\\]\\)";
    expect(said).toEqual([
      "DBG 1.0 scrub starts",
      `ERR 1.0 shard 1 soid ${object("o3")} : candidate size 4 info size 7 mismatch`,
      expect.stringMatching(
        `^ERR 1.0 shard 1 soid \\S+:o3:head : size 4 != size 7 from auth oi \\S+:o3:head${oi}, ` +
          "size 4 != size 7 from shard 0, attr value mismatch '_colour', " +
          "attr name mismatch '_shape'$",
      ),
      "ERR 1.0 scrub 0 missing, 1 inconsistent objects",
      "ERR 1.0 scrub 2 errors",
    ]);
    expect(found(c)).toMatchSnapshot();
    expect(errors(c)).toEqual([2, 0, 2]);
    repaired(c);
  });

  it("finds objects that a copy lacks, and ones that it should not have any more", () => {
    for (const osd of [0, 1]) {
      const { c, client } = filled();
      const kept = c.osd(osd).store.getattr(COLL, object("o7"), OI_ATTR) ?? new Uint8Array(0);
      client.run("o7", { op: "delete" });
      c.settle();
      edit(c, osd, (t) => {
        t.remove(COLL, object("o2"));
        t.write(COLL, object("o7"), 0, Buffer.from("bytes 7"));
        t.setattr(COLL, object("o7"), OI_ATTR, kept);
      });
      const said = scrub(c, "scrub");
      expect(said).toContain(`ERR 1.0 shard ${osd} ${object("o2")} : missing`);
      expect(said).toContain(
        `ERR 1.0 shard ${osd} soid ${object("o7")} : unexpected, it was deleted`,
      );
      expect(said).toContain("ERR 1.0 scrub 1 missing, 1 inconsistent objects");
      expect(said.at(-1)).toBe("ERR 1.0 scrub 2 errors");
      expect(repaired(c)).toContain("ERR 1.0 repair 2 errors, 2 fixed");
      expect(client.read("o7")).toBeUndefined();
      expect(client.read("o2")).toBe("bytes 2");
    }
  });

  it("believes no copy whose object info is missing, garbled or older", () => {
    const { c, client } = filled();
    const old = c.osd(0).store.getattr(COLL, object("o1"), OI_ATTR) ?? new Uint8Array(0);
    client.run("o1", { op: "append", bytes: "!" });
    edit(c, 0, (t) => {
      t.setattr(COLL, object("o1"), OI_ATTR, old);
      t.truncate(COLL, object("o1"), 7);
      t.rmattr(COLL, object("o2"), OI_ATTR);
      t.setattr(COLL, object("o6"), OI_ATTR, Buffer.from("garbage"));
    });
    scrub(c, "deep-scrub");
    const shards = (...errors: string[][]) => errors.map((e) => ({ errors: e }));
    const by_name = Object.fromEntries(
      found(c).map((o) => [Reflect.get(Reflect.get(Object(o), "object"), "name"), o]),
    );
    expect(by_name).toMatchObject({
      o1: { shards: shards(["size_mismatch_info"], [], []) },
      o2: { shards: shards(["info_missing"], [], []) },
      o6: { shards: shards(["info_corrupted"], [], []) },
    });
    repaired(c);
    expect(client.read("o1")).toBe("bytes 1!");
  });

  it("leaves alone what is bad everywhere, says so, and the rest is repaired", () => {
    const { c, client } = filled();
    for (const osd of [0, 1, 2]) c.osd(osd).store.flip_bit(COLL, object("o8"), 3);
    c.osd(1).store.flip_bit(COLL, object("o9"), 3);
    scrub(c, "repair");
    c.until(() => state(c) === "active+clean+inconsistent+failed_repair", "checked");
    expect(found(c)).toMatchObject([{ object: { name: "o8" } }]);
    expect(errors(c)).toEqual([0, 3, 3]);
    expect(client.read("o9")).toBe("bytes 9");
    // Written anew it is good again.
    client.run("o8", { op: "writefull", bytes: "new" });
    scrub(c, "deep-scrub");
    expect(state(c)).toBe("active+clean");
  });

  it("remembers what the errors are through a change of the primary", () => {
    const { c } = filled();
    c.osd(2).store.flip_bit(COLL, object("o8"), 3);
    scrub(c, "deep-scrub");
    c.kill(0);
    c.until(() => c.primary().peering.is_active(), "active");
    expect(state(c)).toMatch(/inconsistent/);
    expect(() => found(c)).toThrow("No scrub information available for pg 1.0");
    c.start(0);
    c.settle();
    expect(state(c)).toBe("active+clean+inconsistent");
    repaired(c);
  });
});

describe("digests", () => {
  const config = { osd_deep_scrub_update_digest_min_age: 0 };
  it("are recorded once, and convict a copy that is wrong with good checksums", () => {
    const { c, client } = filled({ config });
    c.clock.set_timer(10, () => undefined);
    c.settle();
    const before = c.primary().peering.info.last_update.version;
    scrub(c, "deep-scrub");
    expect(c.primary().peering.info.last_update.version).toBe(before + OBJECTS + 1);
    scrub(c, "deep-scrub");
    expect(c.primary().peering.info.last_update.version).toBe(before + OBJECTS + 1);
    const attr = c.osd(2).store.getattr(COLL, object("o5"), OI_ATTR) ?? new Uint8Array(0);
    // Ceph's digests of "bytes 5", and of no omap.
    expect(decode_object_info(attr)).toMatchObject({
      data_digest: 0x48afeebd,
      omap_digest: 0xffffffff,
    });
    edit(c, 0, (t) => t.write(COLL, object("o5"), 0, Buffer.from("WRONG 5")));
    const said = scrub(c, "deep-scrub");
    expect(said[1]).toMatch(
      /^ERR 1.0 shard 0 soid \S+ : data_digest 0x\S+ != data_digest 0x\S+ from shard 1, data_digest/,
    );
    repaired(c);
    expect(client.read("o5")).toBe("bytes 5");
    client.run("o5", { op: "append", bytes: "." });
    expect(
      decode_object_info(encode_object_info(c.primary().objects.get(object("o5")).oi)),
    ).toEqual(expect.not.objectContaining({ data_digest: expect.anything() }));
  });
});

describe("beside client writes", () => {
  it("a scrub blocks only its range, counts right and finds nothing", () => {
    for (let seed = 1; seed <= 8; seed++) {
      const { c, client } = filled({ seed });
      for (let round = 0; round < 4; round++) {
        const from = c.clog.length;
        request(c, round % 2 === 0 ? "deep-scrub" : "scrub");
        const ops = Array.from({ length: 60 }, (_, i) => {
          c.steps(c.rng.int(12));
          const oid = `o${c.rng.int(OBJECTS + 6)}`;
          return c.rng.int(4) === 0
            ? client.submit(oid, { op: "delete" })
            : client.submit(oid, { op: "append", bytes: `${i},` });
        });
        c.until(() => ops.every((op) => op.reply), "answers");
        c.until(() => c.clog.length >= from + 2, "scrub");
        c.settle();
        expect(c.clog.slice(from).map((l) => l.replace("deep-", ""))).toEqual([
          "DBG 1.0 scrub starts",
          "DBG 1.0 scrub ok",
        ]);
        expect(c.primary().waits.size).toBe(0);
      }
      c.assert_copies_identical();
    }
  });

  it("a write into the range waits, and keeps its order", () => {
    const { c, client } = filled();
    c.held.add("osd.1>osd.0");
    request(c, "deep-scrub");
    c.held.clear();
    c.until(() => c.primary().scrubber.run?.state === "WaitReplicas", "range held");
    c.held.add("osd.1>osd.0");
    const oids = Array.from({ length: OBJECTS }, (_, i) => `o${i}`);
    const held = oids.filter((o) => c.primary().scrubber.write_blocked_by_scrub(object(o)));
    expect(held.length).toBeGreaterThan(0);
    for (const o of held) client.submit(o, { op: "append", bytes: "1" });
    for (const o of held) client.submit(o, { op: "append", bytes: "2" });
    c.settle();
    expect(c.primary().waits.waiting_for_scrub.length).toBe(held.length * 2);
    c.held.clear();
    c.settle();
    for (const o of held) expect(client.read(o)).toMatch(/12$/);
  });

  it("a refused write that is still on its way counts as applied when it is logged", () => {
    const { c, client } = filled();
    // Its entry is the newest of the range, and nobody has heard that it is durable.
    c.lost = (_, m) => m.type === "pg_update_log_missing_reply";
    client.submit("nothing", { op: "delete" });
    c.settle();
    expect(c.primary().repops.size).toBe(1);
    expect(scrub(c, "scrub").at(-1)).toBe("DBG 1.0 scrub ok");
  });
});

describe("what stops a scrub", () => {
  it("a new interval: slots and writes are given free, and who wanted it still gets it", () => {
    const { c, client } = filled();
    c.until(() => c.primary().scrubber.run === null, "rest");
    request(c, "deep-scrub");
    c.until(() => c.primary().scrubber.run?.range_held === true, "range held");
    c.kill(2);
    const op = client.submit("o1", { op: "append", bytes: "!" });
    c.until(() => op.reply !== undefined, "written");
    for (const id of [0, 1]) {
      expect(c.osd(id).scrubs.dump_scrub_reservations()).toMatchObject({
        scrubs_local: 0,
        scrubs_remote: 0,
      });
    }
    expect(c.clog.at(-1)).toBe("DBG 1.0 deep-scrub starts");
    c.start(2);
    c.until(() => c.clog.at(-1) === "DBG 1.0 deep-scrub ok", "scrubbed in the end");
    c.settle();
    expect(c.osd(2).scrubs.dump_scrub_reservations()).toMatchObject({ scrubs_remote: 0 });
  });

  it("a member that never answers: writes wait no longer than the grace", () => {
    const { c, client } = filled({ config: { osd_blocked_scrub_grace_period: 5 } });
    c.config.set("osd_scrub_chunk_max", "100");
    c.lost = (_, m) => m.type === "rep_scrub_map";
    request(c, "scrub");
    c.until(() => c.primary().scrubber.run?.state === "WaitReplicas", "range held");
    const op = client.submit("o1", { op: "append", bytes: "!" });
    c.until(() => op.reply !== undefined, "written");
    expect(c.clog.at(-1)).toBe("WRN 1.0 scrub blocked by 1,2, given up for now");
    c.lost = () => false;
    c.until(() => c.clog.at(-1) === "DBG 1.0 scrub ok", "another attempt");
  });

  it("a member without a slot: tried again, with nothing held in between", () => {
    const { c } = filled();
    expect(c.osd(2).scrubs.inc_scrubs_remote()).toBe(true);
    request(c, "scrub");
    c.until(() => c.primary().scrubber.run !== null, "begun");
    c.until(() => c.primary().scrubber.run === null, "refused");
    c.steps(100);
    expect(c.clog).toEqual([]);
    for (const id of [0, 1]) expect(c.osd(id).scrubs.inc_scrubs_remote()).toBe(true);
    for (const id of [0, 1, 2]) c.osd(id).scrubs.dec_scrubs_remote();
    c.until(() => c.clog.at(-1) === "DBG 1.0 scrub ok", "another attempt");
  });

  it("noscrub holds back what is due by the clock, not what somebody wants", () => {
    const { c } = filled();
    c.new_map((inc) => {
      inc.new_flags = c.map.flags | (1 << 11) | (1 << 12);
    });
    c.settle();
    c.primary().peering.info.history.last_scrub_stamp = 0;
    c.primary().peering.info.history.last_deep_scrub_stamp = 0;
    c.osd(0).scrubs.tick();
    c.settle();
    expect(c.clog).toEqual([]);
    expect(scrub(c, "scrub").at(-1)).toBe("DBG 1.0 scrub ok");
    c.primary().peering.info.history.last_scrub_stamp = 0;
    c.new_map((inc) => {
      inc.new_flags = c.map.flags & ~((1 << 11) | (1 << 12));
    });
    c.settle();
    c.osd(0).scrubs.tick();
    c.settle();
    expect(c.clog.at(-1)).toBe("DBG 1.0 deep-scrub ok");
  });
});

describe("sums", () => {
  it("that a split has estimated are counted at once", () => {
    const { c } = filled();
    const { stats } = c.primary().peering.info;
    const { num_bytes } = stats.stat_sum;
    Object.assign(stats.stat_sum, { num_objects: 3, num_bytes: 5 });
    stats.stats_invalid = true;
    c.osd(0).scrubs.tick();
    c.settle();
    expect(c.primary().peering.info.stats).toMatchObject({
      stats_invalid: false,
      stat_sum: { num_objects: OBJECTS + 1, num_bytes },
    });
  });

  it("that are wrong are an error, which repair takes away", () => {
    const { c } = filled();
    c.primary().peering.info.stats.stat_sum.num_objects++;
    const said = scrub(c, "scrub");
    expect(said).toContain(
      "ERR 1.0 scrub : stat mismatch, got 13/14 objects, 0/0 clones, 13/13 dirty, 1/1 omap, " +
        "0/0 pinned, 0/0 hit_set_archive, 0/0 whiteouts, 86/86 bytes, 0/0 manifest objects, " +
        "0/0 hit_set_archive bytes.",
    );
    expect(state(c)).toBe("active+clean+inconsistent");
    expect(scrub(c, "repair").at(-1)).toBe("ERR 1.0 repair 1 errors, 1 fixed");
    scrub(c, "deep-scrub");
    expect(state(c)).toBe("active+clean");
  });
});

describe("a damaged copy that a client meets", () => {
  it("is replaced from another member, and the client never sees it", () => {
    for (const osd of [0, 1]) {
      const { c, client } = filled();
      c.osd(osd).store.flip_bit(COLL, object("o5"), 9);
      expect(client.read("o5")).toBe("bytes 5");
      client.run("o5", { op: "write", off: 2, bytes: "T" });
      c.settle();
      expect(client.read("o5")).toBe("byTes 5");
      scrub(c, "repair");
      c.until(() => state(c) === "active+clean", "clean");
      c.settle();
      c.assert_copies_identical();
      expect(client.read("o5")).toBe("byTes 5");
    }
  });

  it("on a primary that fills another member is fetched first", () => {
    const { c, client } = filled();
    c.osd(0).store.flip_bit(COLL, object("o5"), 9);
    c.osd(0).store.flip_bit(COLL, object("m"), 9);
    c.upmap([0, 1, 3]);
    c.until_clean();
    c.settle();
    c.assert_copies_identical();
    expect(client.read("o5")).toBe("bytes 5");
  });

  it("in omap is replaced too", () => {
    const { c, client } = filled();
    c.osd(0).store.flip_bit(COLL, object("m"), 9);
    const r = client.run("m", { op: "omap-get-vals", max: 10 });
    expect(r.outcomes[0]?.vals?.length).toBe(2);
    c.until_clean();
    c.settle();
    c.assert_copies_identical();
  });
});
