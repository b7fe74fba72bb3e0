import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { FakeCluster } from "../testing/FakeCluster.ts";
import { ClusterDir, free_ports } from "./ClusterDir.ts";
import { select, Tail } from "./logs.ts";
import { is_running, last_words, words_of } from "./processes.ts";

const dirs: string[] = [];
function temp_dir(): string {
  const d = mkdtempSync(join(tmpdir(), "tako-cli-"));
  dirs.push(d);
  return d;
}
afterAll(() => {
  for (const d of dirs) rmSync(d, { recursive: true, force: true });
});

test("a cluster's description is written whole and read back", () => {
  const dir = new ClusterDir(join(temp_dir(), "c"));
  expect(dir.exists).toBe(false);
  dir.write({ format: 1, store: "mem", daemons: [{ name: "osd.0", port: 7, pid: 0 }] });
  dir.set_pid("osd.0", 42);
  expect(dir.daemon("osd.0")).toEqual({ name: "osd.0", port: 7, pid: 42 });
  expect(() => dir.daemon("osd.1")).toThrow("no daemon 'osd.1' in this cluster: it has osd.0");
});
test.each(["", "{", "[]", '{"format":2}', '{"format":1,"daemons":[{"name":3}]}'])(
  "a damaged description names the file: %s",
  (text) => {
    const dir = new ClusterDir(temp_dir());
    writeFileSync(dir.file, text);
    expect(() => dir.read()).toThrow(`${dir.file} is damaged`);
  },
);
test("commands on no cluster say how to get one", async () => {
  const d = join(temp_dir(), "none");
  const r = await new FakeCluster().tako(`cluster stop --dir ${d}`);
  expect(r.code).toBe(2);
  expect(r.err).toMatch(
    /^Error ENOENT: no local cluster in .*: start one with 'tako cluster start'/,
  );
});

test("a pid of somebody else is not the daemon", () => {
  expect(is_running({ name: "osd.0", port: 1, pid: process.pid })).toBe(false);
  expect(is_running({ name: "osd.0", port: 1, pid: 0 })).toBe(false);
});
test("free ports are different ones", async () => {
  expect(new Set(await free_ports(5)).size).toBe(5);
});

test("why a daemon ended", () => {
  const dir = new ClusterDir(temp_dir());
  expect(last_words(dir, "osd.0")).toBe("it left no log");
  expect(words_of('{"msg":"fatal","error":"port 7 is taken"}')).toBe("fatal: port 7 is taken");
  expect(words_of("Segmentation fault")).toBe("Segmentation fault");
});

test("log lines are chosen by event and PG; text that is no JSON always passes", () => {
  const line = JSON.stringify({ time: "t", msg: "pg_state", pg: "1.0" });
  const chosen = (o: object) => select(line, { lines: 1, ...o }).length;
  expect([chosen({}), chosen({ pg: "1.0" }), chosen({ pg: "1.1" })]).toEqual([1, 1, 0]);
  expect([chosen({ event: "pg_state" }), chosen({ event: "osd_up" })]).toEqual([1, 0]);
  expect(select("oops", { lines: 1, event: "osd_up" })).toEqual([{ text: "oops", time: "" }]);
});
test("a tail gives whole lines, also over several writes, and starts over after truncation", () => {
  const file = join(temp_dir(), "log");
  const tail = new Tail(file);
  expect(tail.read()).toEqual([]);
  writeFileSync(file, "one\ntw");
  expect(tail.read()).toEqual(["one"]);
  appendFileSync(file, "o\nthree\n");
  expect(tail.read()).toEqual(["two", "three"]);
  writeFileSync(file, "new\n");
  expect(tail.read()).toEqual(["new"]);
});
