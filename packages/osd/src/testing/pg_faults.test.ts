import { ERRNO, StoreError } from "@tako/common";
import { describe, expect, it } from "vitest";
import { mark_unfound_lost } from "../pg/mark_unfound_lost.ts";
import { PGCluster, type PGClusterOptions } from "./PGCluster.ts";
import { object, type TestClient } from "./TestClient.ts";

function clean_cluster(o: Partial<PGClusterOptions> = {}): { c: PGCluster; client: TestClient } {
  const c = new PGCluster({ osds: 4, acting: [0, 1, 2], ...o });
  c.until_clean();
  return { c, client: c.client() };
}

/** The medium under the object's data is bad until the object is written anew. */
function break_object(c: PGCluster, id: number, oid: string): void {
  const { store } = c.osd(id);
  const soid = object(oid);
  const coll = "1.0_head";
  const good = store.read.bind(store);
  const broken_at = store.getattr(coll, soid, "_");
  store.read = (coll, o, off, len) => {
    if (o === soid && store.getattr(coll, o, "_") === broken_at) {
      throw new StoreError("bad sector", { code: "EIO", path: coll, what: "injected" });
    }
    return good(coll, o, off, len);
  };
}

describe("an unreadable copy", () => {
  it("on the primary is replaced by a member's, and the read is answered", () => {
    const { c, client } = clean_cluster();
    client.run("a", { op: "writefull", bytes: "precious" });
    break_object(c, 0, "a");
    expect(client.read("a")).toBe("precious");
    c.until_clean();
    c.settle();
    c.assert_copies_identical();
  });

  it("of which there is no other gives EIO, to reads and to what must read first", () => {
    const { c, client } = clean_cluster({ size: 1, min_size: 1, acting: [0] });
    client.run("a", { op: "writefull", bytes: "precious" });
    break_object(c, 0, "a");
    expect(client.run("a", { op: "read" }).result).toBe(-ERRNO.EIO);
    expect(client.run("a", { op: "stat" }).result).toBe(0);
  });

  it("on the source of a pull makes recovery take another, and repairs it too", () => {
    for (const seed of [1, 2, 3, 4]) {
      const { c, client } = clean_cluster({ seed });
      client.run("a", { op: "writefull", bytes: "old" });
      c.kill(0);
      client.run("a", { op: "writefull", bytes: "precious" });
      break_object(c, 1, "a");
      c.start(0);
      c.until(() => c.map.is_up(0) && c.primary().osdmap_epoch === c.map.epoch, "interval");
      expect(client.read("a")).toBe("precious");
      c.until_clean();
      c.settle();
      // The member that failed to serve it has it again when it was the one asked.
      expect(client.read("a")).toBe("precious");
    }
  });
});

describe("an unfound object", () => {
  /** x is written on 2 alone; 0 and 1 know of it from 2's log, and 2 dies before they get it. */
  function unfound(): { c: PGCluster; client: TestClient } {
    const { c, client } = clean_cluster({ min_size: 1 });
    client.run("x", { op: "writefull", bytes: "old" });
    client.run("y", { op: "writefull", bytes: "fine" });
    c.kill(0);
    c.kill(1);
    c.settle();
    client.run("x", { op: "writefull", bytes: "new" });
    // No object data leaves osd.2, but its log does.
    c.lost = (from, m) => from === 2 && m.type === "pg_push";
    c.start(0);
    c.start(1);
    c.until(() => c.osd(0).pgs.get("1.0")?.peering.missing.is_missing(object("x")) === true, "log");
    c.until(() => c.primary().peering.is_active(), "active");
    c.kill(2);
    c.lost = () => false;
    return { c, client };
  }

  it("waits for its source while everything else works, and is reported", () => {
    const { c, client } = unfound();
    c.settle();
    expect(c.primary().peering.have_unfound()).toBe(true);
    const read = client.submit("x", { op: "read" });
    expect(client.read("y")).toBe("fine");
    c.settle();
    expect(read.reply).toBeUndefined();
    const pg = c.primary();
    expect(pg.list_unfound()).toMatchObject({
      num_unfound: 1,
      more: false,
      objects: [{ oid: { oid: "x" }, flags: "none", locations: [] }],
    });
    expect(pg.get_stats().state).toContain("recovery_unfound");
    c.start(2);
    c.settle();
    expect(new TextDecoder().decode(read.reply?.data?.[0])).toBe("new");
    c.until_clean();
    c.assert_copies_identical();
  });

  it("given up: the answer comes when every member has it on disk", () => {
    const { c, client } = unfound();
    c.settle();
    const answers: unknown[] = [];
    const ask = (mode: string) => mark_unfound_lost(c.primary(), mode, (a) => answers.push(a));
    expect(() => ask("revert")).toThrow("we haven't probed all sources");
    c.new_map((inc) => inc.new_lost.set(2, c.map.epoch));
    c.settle();
    c.held.add("osd.1>osd.0");
    ask("delete");
    c.settle();
    expect(c.pg(1).peering.pg_log.head).toEqual(c.pg(0).peering.pg_log.head);
    expect(answers).toEqual([]);
    c.held.clear();
    c.settle();
    expect(answers).toEqual(["pg has 1 objects unfound and apparently lost marking"]);
    expect(client.run("x", { op: "read" }).result).toBe(-ERRNO.ENOENT);
    ask("delete");
    expect(answers.slice(1)).toEqual(["pg has no unfound objects"]);
  });

  it("given up, but a new interval comes first: whoever asked is told to ask again", () => {
    const { c } = unfound();
    c.settle();
    c.new_map((inc) => inc.new_lost.set(2, c.map.epoch));
    c.settle();
    c.held.add("osd.1>osd.0");
    const answers: unknown[] = [];
    mark_unfound_lost(c.primary(), "delete", (a) => answers.push(a));
    c.settle();
    c.held.clear();
    c.kill(1);
    c.settle();
    expect(answers).toEqual([expect.objectContaining({ errno: ERRNO.EAGAIN })]);
    expect(c.primary().peering.have_unfound()).toBe(false);
  });
});

describe("what a person can ask", () => {
  it("query shows the state, the members and the progress", () => {
    const { c, client } = clean_cluster();
    for (let i = 0; i < 20; i++) client.run(`o${i}`, { op: "append", bytes: "x" });
    expect(c.primary().query()).toMatchObject({
      state: "active+clean",
      up: [0, 1, 2],
      acting_recovery_backfill: ["0", "1", "2"],
      info: { pgid: "1.0", last_backfill: "MAX" },
      recovery_state: [
        { name: "Started/Primary/Active", recovery_progress: { backfills_in_flight: [] } },
        { name: "Started" },
      ],
    });
    const { stat } = c.primary().get_stats();
    expect(stat).toMatchObject({ stat_sum: { num_objects: 20, num_bytes: 20, num_write: 20 } });
    expect(stat, "a sum that is 0").not.toHaveProperty("stat_sum.num_objects_degraded");
    // As Ceph: what happened in Started shows once that is left.
    const states = (...names: string[]) => ({ states: names.map((state) => ({ state })) });
    expect(c.primary().dump_pgstate_history()).toMatchObject({
      pg: "1.0",
      currently: "Started/Primary/Active/Clean",
      history: [states("Initial"), states("Reset")],
    });
  });

  it("operations in flight, and what became of them", () => {
    const { c, client } = clean_cluster();
    c.held.add("osd.1>osd.0");
    client.submit("a", { op: "writefull", bytes: "x" });
    c.settle();
    const tracker = c.osd(0).op_tracker;
    expect(tracker.dump_ops_in_flight()).toMatchObject({
      num_ops: 1,
      ops: [
        {
          description: expect.stringMatching(
            /^osd_op\(client\.1\.0:1 1\.0 .*:a:head \[writefull\]/,
          ),
          type_data: { flag_point: "waiting for sub ops", client_info: { client: "client.1" } },
        },
      ],
    });
    c.held.clear();
    c.settle();
    expect(tracker.dump_ops_in_flight().num_ops).toBe(0);
    const done = tracker.dump_historic_ops().ops.find((o) => o.description.startsWith("osd_op("));
    const events = done?.type_data.events.map((e) => e.event);
    expect(events).toEqual(["initiated", "started", "op_applied", "commit_sent", "done"]);
  });
});

describe("bounds", () => {
  it("a client with too much waiting loses its session, not its order", () => {
    const { c, client } = clean_cluster();
    c.kill(1);
    c.kill(2);
    c.settle();
    const data = new Uint8Array(1 << 20);
    const ops = Array.from({ length: 300 }, (_, i) =>
      client.submit(`o${i % 7}`, { op: "write", bytes: data }),
    );
    c.settle();
    expect(c.pg(0).waits.bytes).toBeLessThanOrEqual(256 << 20);
    expect(ops.every((op) => op.reply === undefined)).toBe(true);
  });
});
