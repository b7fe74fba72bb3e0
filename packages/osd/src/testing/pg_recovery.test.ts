import { describe, expect, it } from "vitest";
import { PGCluster, type PGClusterOptions } from "./PGCluster.ts";
import type { TestClient } from "./TestClient.ts";

function clean_cluster(o: Partial<PGClusterOptions> = {}): { c: PGCluster; client: TestClient } {
  const c = new PGCluster({ osds: 4, acting: [0, 1, 2], ...o });
  c.until_clean();
  return { c, client: c.client() };
}
function fill(client: TestClient, n: number, prefix = "o"): void {
  for (let i = 0; i < n; i++)
    client.run(`${prefix}${i}`, { op: "writefull", bytes: `${prefix}${i}` });
}
const big = (n: number, x: number) => Uint8Array.from({ length: n }, (_, i) => (i * 7 + x) & 0xff);

describe("log recovery", () => {
  it("brings a member that was away exactly what changed", () => {
    const { c, client } = clean_cluster();
    fill(client, 10);
    c.kill(2);
    c.settle();
    client.run("o1", { op: "append", bytes: "+" });
    client.run("o2", { op: "delete" });
    client.run("new", { op: "writefull", bytes: "n" });
    client.run("o3", { op: "setxattr", name: "k", bytes: "v" });
    client.run("o4", { op: "omap-set-vals", kv: { a: "1", b: "2" } });
    c.start(2);
    c.until_clean();
    c.settle();
    expect(c.primary().peering.info.stats.stat_sum.num_objects_recovered).toBe(5);
    c.assert_copies_identical();
  });

  it("leaves the peer_info of a recovered member as it peered, as Ceph does", () => {
    const { c, client } = clean_cluster();
    fill(client, 3);
    c.kill(2);
    c.settle();
    fill(client, 2, "new");
    c.start(2);
    c.until_clean();
    client.run("o1", { op: "append", bytes: "+" });
    c.settle();
    const versions = (["1", "2"] as const).map((peer) => {
      const i = c.primary().peering.get_peer_info(peer);
      return [i.last_update.version, i.last_complete.version];
    });
    expect(versions).toEqual([
      [6, 6],
      [6, 3],
    ]);
    expect(c.pg(2).peering.info.last_complete.version).toBe(6);
  });

  it("gives a returning primary what it lacks before it is read", () => {
    const { c, client } = clean_cluster();
    fill(client, 5);
    c.kill(0);
    client.run("o1", { op: "append", bytes: "+" });
    client.run("o2", { op: "delete" });
    c.start(0);
    c.until(() => c.map.is_up(0) && c.primary().osdmap_epoch === c.map.epoch, "new interval");
    expect(client.read("o1")).toBe("o1+");
    expect(client.read("o2")).toBeUndefined();
    c.until_clean();
    c.assert_copies_identical();
  });

  it("moves large objects, attributes and omaps in pieces", () => {
    const config = { osd_recovery_max_omap_entries_per_chunk: 3 };
    const { c, client } = clean_cluster({ config });
    for (const primary of [false, true]) {
      c.kill(primary ? 0 : 2);
      client.run("large", { op: "writefull", bytes: big(10_500, Number(primary)) });
      client.run("exact", { op: "writefull", bytes: big(2000, 3) });
      client.run("hole", { op: "write", off: 5000, bytes: "end" });
      const kv = Object.fromEntries(
        Array.from({ length: 40 }, (_, i) => [`k${i}`, "v".repeat(i * 10)]),
      );
      client.run(
        "omap",
        { op: "omap-set-vals", kv },
        { op: "omap-set-header", bytes: "header" },
        { op: "setxattr", name: "x", bytes: "y" },
        { op: "append", bytes: big(1500, 9) },
      );
      client.run("empty", { op: "create" });
      c.start(primary ? 0 : 2);
      c.until_clean();
      c.settle();
      c.assert_copies_identical();
    }
  });

  it("makes writes to a degraded object wait, and brings it forward", () => {
    const { c, client } = clean_cluster({ config: { osd_recovery_max_active: 1 } });
    fill(client, 30);
    c.kill(2);
    fill(client, 30);
    c.start(2);
    c.until(() => c.map.is_up(2) && c.primary().peering.is_active(), "active");
    const ops = [1, 2, 3].map((i) => client.submit("o29", { op: "append", bytes: `${i}` }));
    c.until(() => client.pending === 0, "writes");
    expect(ops.map((op) => op.reply?.result)).toEqual([0, 0, 0]);
    c.until_clean();
    c.settle();
    expect(client.read("o29")).toBe("o29123");
    c.assert_copies_identical();
  });

  it("goes on with another source when one dies while it is read", () => {
    const { c, client } = clean_cluster();
    client.run("x", { op: "writefull", bytes: big(20_000, 1) });
    c.kill(0);
    client.run("x", { op: "append", bytes: "+" });
    c.start(0);
    c.until(() => c.pg(0).recovery.pulling.has(client_object(c)), "pull");
    const from = Number(c.pg(0).recovery.pulling.get(client_object(c))?.from);
    c.kill(from);
    c.settle();
    expect(client.read("x")?.length).toBe(20_001);
    c.start(from);
    c.until_clean();
    c.assert_copies_identical();
  });

  it("drops what only a dead primary had, and keeps what reached any survivor", () => {
    const { c, client } = clean_cluster();
    client.run("a", { op: "writefull", bytes: "old" });
    c.held.add("osd.0>osd.1").add("osd.0>osd.2");
    client.submit("a", { op: "writefull", bytes: "only on 0" });
    client.submit("made", { op: "writefull", bytes: "x" });
    c.settle();
    c.held.clear();
    c.kill(0);
    c.settle();
    // The client sent both again to the new primary.
    expect(client.read("a")).toBe("only on 0");
    expect(client.read("made")).toBe("x");
    client.run("made", { op: "delete" });
    c.start(0);
    c.until_clean();
    c.settle();
    c.assert_copies_identical();
    expect(client.read("made")).toBeUndefined();
  });
});

function client_object(c: PGCluster) {
  const [soid] = c.pg(0).peering.missing.get_items().keys();
  return soid ?? "MAX";
}

describe("backfill", () => {
  it("fills a member that the log does not reach, and only says so when it is true", () => {
    const { c, client } = clean_cluster();
    fill(client, 30);
    c.kill(2);
    fill(client, 60, "p");
    for (let i = 0; i < 20; i++) client.run(`o${i}`, { op: "delete" });
    c.start(2);
    c.until_clean();
    c.settle();
    expect(c.pg(2).peering.info.last_backfill).toBe("MAX");
    c.assert_copies_identical();
  });

  it("is told by pg query as not begun while there is no target", () => {
    const { c, client } = clean_cluster();
    const begun = () => c.primary().query().recovery_state;
    const not_begun = [{ recovery_progress: { last_backfill_started: "MIN" } }, {}];
    expect(begun()).toMatchObject(not_begun);
    fill(client, 5);
    c.kill(2);
    c.settle();
    expect(begun()).toMatchObject(not_begun);
  });

  it("moves a PG to OSDs that have nothing, and the strays are removed", () => {
    const { c, client } = clean_cluster({ osds: 6 });
    fill(client, 70);
    client.run("big", { op: "writefull", bytes: big(5000, 1) });
    c.upmap([3, 4, 5]);
    c.until_clean();
    c.settle();
    c.assert_copies_identical();
    expect([0, 1, 2].map((id) => c.osd(id).pgs.size)).toEqual([0, 0, 0]);
    expect([0, 1, 2].map((id) => c.osd(id).store.list_collections())).toEqual([[], [], []]);
    expect(client.read("o42")).toBe("o42");
  });

  it("goes on from where it was after an interruption", () => {
    const { c, client } = clean_cluster();
    fill(client, 30);
    c.kill(2);
    fill(client, 60, "p");
    c.start(2);
    const reached = () => c.osd(2).pgs.get("1.0")?.peering.info.last_backfill ?? "MAX";
    c.until(() => /^1:[9a-f]/.test(reached()), "half way");
    c.kill(2);
    c.settle();
    client.run("o1", { op: "append", bytes: "+" });
    c.start(2);
    c.until(() => c.osd(2).pgs.size > 0 && c.pg(2).peering.is_peered(), "again");
    // Not from the beginning; a crash may cost the last steps.
    expect(reached()).toMatch(/^1:/);
    c.until_clean();
    c.settle();
    c.assert_copies_identical();
  });

  it("stops for nobackfill, and for a target that is too full, and goes on later", () => {
    const { c, client } = clean_cluster();
    fill(client, 30);
    c.kill(2);
    fill(client, 60, "p");
    c.osd(2).full = "backfillfull";
    c.start(2);
    c.until(() => c.primary().peering.state_test("backfill_toofull"), "toofull");
    c.osd(2).full = "none";
    c.until_clean();
    c.assert_copies_identical();
  });
});

describe("with chance as director", () => {
  const seeds = Array.from({ length: 12 }, (_, i) => i + 1);

  it.each(seeds)("backfill against writes, seed %d", (seed) => {
    const { c, client } = clean_cluster({ seed, osds: 5 });
    fill(client, 40);
    const model = new Map(Array.from({ length: 40 }, (_, i) => [`o${i}`, `o${i}`]));
    c.kill(2);
    write_randomly(c, client, model, 60);
    c.start(2);
    for (let round = 0; round < 60; round++) {
      write_randomly(c, client, model, 3);
      c.steps(c.rng.int(40));
    }
    c.until(() => client.pending === 0, "writes");
    c.until_clean();
    c.settle();
    c.assert_copies_identical();
    expect_content(client, model);
  });

  it.each(seeds)("kills and restarts in the middle of it, seed %d", (seed) => {
    const { c, client } = clean_cluster({ seed, osds: 3 });
    const model = new Map<string, string>();
    for (let round = 0; round < 25; round++) {
      write_randomly(c, client, model, 1 + c.rng.int(30));
      c.steps(c.rng.int(300));
      const id = c.rng.int(3);
      if (c.osd(id).running) c.kill(id);
      else c.start(id);
      c.steps(c.rng.int(300));
    }
    for (const o of c.osds) if (!o.running) c.start(o.id);
    c.until(() => client.pending === 0, "writes");
    c.until_clean();
    c.settle();
    c.assert_copies_identical();
    expect_content(client, model);
  });
});

/** Only the first difference, and not thousands of bytes of it. */
function expect_content(client: TestClient, model: ReadonlyMap<string, string>): void {
  const brief = (s: string | undefined) =>
    s && s.length > 40 ? `${s.slice(0, 20)}..${s.slice(-20)} (${s.length})` : s;
  for (const [oid, want] of model) {
    const got = client.read(oid);
    if (got !== want) expect([oid, brief(got)]).toEqual([oid, brief(want)]);
  }
}

/** One object is written in order, so its content is what all of them make in the end. */
function write_randomly(
  c: PGCluster,
  client: TestClient,
  model: Map<string, string>,
  n: number,
): void {
  for (let i = 0; i < n; i++) {
    const oid = `o${c.rng.int(60)}`;
    const was = model.get(oid) ?? "";
    switch (c.rng.int(4)) {
      case 0:
        client.submit(oid, { op: "delete", failok: true });
        model.delete(oid);
        break;
      case 1: {
        const text = `${oid}.${i}.`.repeat(c.rng.int(400));
        client.submit(oid, { op: "writefull", bytes: text });
        model.set(oid, text);
        break;
      }
      default:
        client.submit(oid, { op: "append", bytes: `${i};` });
        model.set(oid, `${was}${i};`);
    }
  }
}
