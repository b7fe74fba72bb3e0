import { RadosError } from "@tako/client";
import { InvalidArgumentError } from "commander";
import { expect, test } from "vitest";
import { FakeCluster } from "../testing/FakeCluster.ts";
import { int_arg } from "./int_arg.ts";
import { doing, strerror } from "./pool_session.ts";
import { size_arg } from "./rados_bench.ts";
import { hex_dump, render_omap } from "./rados_meta.ts";

test("failures read as the rados tool's, with the errno kept", async () => {
  const io = { pool_name: "rbd" };
  const failed = doing("getting", io, "foo", Promise.reject(RadosError.of("ENOENT", "x")));
  await expect(failed).rejects.toMatchObject({
    message: "error getting rbd/foo: (2) No such file or directory",
    errno: 2,
  });
  const other = new TypeError("not of the cluster");
  await expect(doing("getting", io, "foo", Promise.reject(other))).rejects.toBe(other);
  expect(strerror(9999)).toBe("Unknown error 9999");
});

test("values as a hex dump", () => {
  const v = new TextEncoder().encode("sixteen bytes and\n!");
  expect(hex_dump(v)).toBe(
    "00000000  73 69 78 74 65 65 6e 20  62 79 74 65 73 20 61 6e  |sixteen bytes an|\n" +
      "00000010  64 0a 21                                          |d.!|\n" +
      "00000013\n",
  );
  expect(render_omap("k", new Uint8Array(0))).toBe("k\nvalue (0 bytes) :\n");
});

test("numbers and sizes", () => {
  expect(["4M", "64k", "4096", "1KiB"].map(size_arg)).toEqual([4 << 20, 65536, 4096, 1024]);
  for (const bad of ["", "0", "-1", "1G", "4X", "129M"]) {
    expect(() => size_arg(bad)).toThrow(InvalidArgumentError);
  }
  expect(int_arg(1, 5)("3")).toBe(3);
  for (const bad of ["0", "6", "x", "1.5", ""]) {
    expect(() => int_arg(1, 5)(bad)).toThrow(InvalidArgumentError);
  }
});

test("rados df", async () => {
  const c = new FakeCluster();
  const pool = { name: "test", id: 1, size_bytes: 54, num_objects: 2, read_bytes: 11264 };
  const total = { total_objects: 2, total_used: 219, total_avail: 1 << 20, total_space: 2 << 20 };
  c.answers = { "rados df": { outb: { pools: [pool], ...total } } };
  expect((await c.tako("rados df")).out.split("\n").slice(1)).toEqual([
    "test       54 B        2       0       0                   0        0         0       0  " +
      "11 KiB       0  0 B         0 B          0 B",
    "",
    "total_objects    2",
    "total_used       219 KiB",
    "total_avail      1 GiB",
    "total_space      2 GiB",
    "",
  ]);
});

test("rados list-inconsistent-pg and list-inconsistent-obj: JSON as Ceph's tool prints it", async () => {
  const c = new FakeCluster();
  const v = { epoch: 12, inconsistents: [{ object: { name: "x" } }] };
  c.answers = {
    "pg ls-by-pool": { outb: { pg_ready: true, pg_stats: [{ pgid: "1.0" }, { pgid: "1.a" }] } },
    "list-inconsistent-obj": { outb: v },
  };
  expect((await c.tako("rados list-inconsistent-pg test")).out).toBe('["1.0","1.a"]\n');
  expect((await c.tako("rados list-inconsistent-obj 1.a")).out).toBe(`${JSON.stringify(v)}\n`);
  expect(c.asked).toEqual([
    { to: "mon", cmd: { prefix: "pg ls-by-pool", poolstr: "test", states: ["inconsistent"] } },
    { to: "1.a", cmd: { prefix: "list-inconsistent-obj" } },
  ]);
  const bad = await c.tako("rados list-inconsistent-obj 1.x");
  expect(bad).toMatchObject({ code: 2, err: "tako: '1.x' is no pgid such as 1.2a\n" });
  const outs = "No scrub information available for pg 1.a";
  c.answers = { "list-inconsistent-obj": { errno: "ENOENT", outs } };
  expect(await c.tako("rados list-inconsistent-obj 1.a")).toMatchObject({
    err: expect.stringContaining(outs),
  });
});
