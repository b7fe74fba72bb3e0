import { ERRNO } from "@tako/common";
import { describe, expect, it } from "vitest";
import { PGCluster } from "./PGCluster.ts";

function clean_cluster(seed = 1): PGCluster {
  const c = new PGCluster({ osds: 4, acting: [0, 1, 2], seed });
  c.until_clean();
  return c;
}

describe("writes on three members", () => {
  it("are on all of them when they are answered", () => {
    const c = clean_cluster();
    const client = c.client();
    const reply = client.run("a", { op: "writefull", bytes: "hello" });
    expect(reply).toMatchObject({ result: 0, user_version: 1, version: { version: 1 } });
    for (const id of [0, 1, 2]) expect(c.pg(id).peering.info.last_update).toEqual(reply.version);
    c.assert_copies_identical();
  });

  it("to many objects are under way at once, and end in version order", () => {
    const c = clean_cluster();
    const client = c.client();
    const ops = Array.from({ length: 50 }, (_, i) =>
      client.submit(`o${i % 10}`, { op: "append", bytes: `${i},` }),
    );
    c.until(() => client.pending === 0, "writes");
    const versions = ops.map((op) => op.reply?.version.version);
    expect(versions).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(client.read("o3")).toBe("3,13,23,33,43,");
    c.settle();
    c.assert_copies_identical();
  });

  it("hold back reads of the object until they are durable everywhere", () => {
    const c = clean_cluster();
    const client = c.client();
    client.run("a", { op: "writefull", bytes: "old" });
    c.held.add("osd.1>osd.0");
    const write = client.submit("a", { op: "writefull", bytes: "new" });
    const read = client.submit("a", { op: "read" });
    const other = client.submit("b", { op: "read" });
    c.settle();
    expect([write.reply, read.reply]).toEqual([undefined, undefined]);
    expect(other.reply?.result).toBe(-ERRNO.ENOENT);
    c.held.clear();
    c.settle();
    expect(write.reply?.result).toBe(0);
    expect(new TextDecoder().decode(read.reply?.data?.[0])).toBe("new");
  });

  it("are answered once more as they were, without being done again", () => {
    const c = clean_cluster();
    const client = c.client();
    const op = client.submit("a", { op: "append", bytes: "x" });
    c.settle();
    client.run("a", { op: "append", bytes: "y" });
    const again = client.resend(op);
    c.settle();
    expect(again.reply).toMatchObject({
      result: 0,
      version: op.reply?.version,
      user_version: op.reply?.user_version,
    });
    expect(client.read("a")).toBe("xy");
  });

  it("that were refused are refused again, though they would succeed by now", () => {
    const c = clean_cluster();
    const client = c.client();
    client.run("a", { op: "create" });
    const refused = client.submit("a", { op: "create", exclusive: true });
    c.settle();
    expect(refused.reply?.result).toBe(-ERRNO.EEXIST);
    client.run("a", { op: "delete" });
    const again = client.resend(refused);
    c.settle();
    expect(again.reply?.result).toBe(-ERRNO.EEXIST);
    c.kill(0);
    const third = client.resend(refused);
    c.settle();
    expect(third.reply?.result).toBe(-ERRNO.EEXIST);
    expect(client.read("a")).toBeUndefined();
  });

  it("sent twice while under way are done once, and both are answered", () => {
    const c = clean_cluster();
    const client = c.client();
    c.held.add("osd.2>osd.0");
    const op = client.submit("a", { op: "append", bytes: "x" });
    c.settle();
    const again = client.resend(op);
    c.settle();
    expect(again.reply).toBeUndefined();
    c.held.clear();
    c.settle();
    expect(again.reply?.result).toBe(0);
    expect(client.stale_replies).toBe(1);
    expect(client.read("a")).toBe("x");
  });

  it("are remembered beyond the log", () => {
    const c = clean_cluster();
    const client = c.client();
    const op = client.submit("a", { op: "append", bytes: "x" });
    c.settle();
    for (let i = 0; i < 60; i++) client.run("b", { op: "append", bytes: "y" });
    expect(c.primary().peering.pg_log.tail.version).toBeGreaterThan(1);
    const again = client.resend(op);
    c.settle();
    expect(again.reply?.version).toEqual(op.reply?.version);
    expect(client.read("a")).toBe("x");
  });

  it("wait below min_size, and go on when enough members are back", () => {
    const c = clean_cluster();
    const client = c.client();
    client.run("a", { op: "writefull", bytes: "1" });
    c.kill(1);
    c.kill(2);
    const op = client.submit("a", { op: "append", bytes: "2" });
    c.settle();
    expect(op.reply).toBeUndefined();
    expect(c.primary().peering.get_pg_state_string()).toContain("undersized");
    c.start(1);
    c.settle();
    expect(op.reply?.result).toBe(0);
    expect(client.read("a")).toBe("12");
  });

  it("find no room when the OSD is full, but deletions do", () => {
    const c = clean_cluster();
    const client = c.client();
    client.run("a", { op: "writefull", bytes: "1" });
    c.osd(0).full = "full";
    expect(client.run("a", { op: "append", bytes: "2" }).result).toBe(-ERRNO.ENOSPC);
    expect(client.run("a", { op: "delete" }).result).toBe(0);
  });

  it("of too many bytes, and to impossible names, are refused", () => {
    const c = clean_cluster();
    const client = c.client();
    const write = (oid: string, bytes: Uint8Array | string) =>
      client.run(oid, { op: "writefull", bytes }).result;
    expect(write("x".repeat(2049), "")).toBe(-ERRNO.ENAMETOOLONG);
    expect(write("", "")).toBe(-ERRNO.EINVAL);
    expect(write("a", new Uint8Array((90 << 20) + 1))).toBe(-ERRNO.EMSGSIZE);
    expect(client.run("a", { op: "read" }).result).toBe(-ERRNO.ENOENT);
  });

  it("assert versions that replies gave", () => {
    const c = clean_cluster();
    const client = c.client();
    const { user_version: ver } = client.run("a", { op: "append", bytes: "x" });
    expect(client.run("a", { op: "assert-version", ver }, { op: "append", bytes: "y" })).toEqual(
      expect.objectContaining({ result: 0, user_version: ver + 1 }),
    );
    const again = client.run("a", { op: "assert-version", ver }, { op: "append", bytes: "z" });
    expect(again.result).toBe(-ERRNO.ERANGE);
    expect(client.run("a", { op: "read" }).user_version).toBe(ver + 1);
  });

  it("appear in listings, in pages and by namespace", () => {
    const c = clean_cluster();
    const client = c.client();
    const names = Array.from({ length: 23 }, (_, i) => `o${i}`);
    for (const n of names) client.run(n, { op: "create" });
    client.run("o5", { op: "delete" });
    const found: string[] = [];
    let cursor: "MIN" | `${number}:${string}` | "MAX" = "MIN";
    for (let pages = 0; cursor !== "MAX" && pages < 30; pages++) {
      const { outcomes } = client.run("", { op: "pgnls", cursor, max: 4 });
      found.push(...(outcomes[0]?.entries ?? []).map((e) => e.oid));
      cursor = outcomes[0]?.cursor ?? "MAX";
    }
    expect(found.sort()).toEqual(names.filter((n) => n !== "o5").sort());
    const { outcomes } = client.run("", { op: "pgnls", nspace: "other" });
    expect(outcomes[0]).toMatchObject({ entries: [], cursor: "MAX", rval: 1 });
  });
});
