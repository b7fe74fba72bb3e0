/**
 * Sequences of commands with the answers of a real ceph-mon 16.2.15, which began with the map of
 * our own six OSDs: errno, words, data, and the map that comes of it.
 */
import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { Harness } from "../testing/harness.ts";

const GOLDEN = path.join(import.meta.dirname, "../../testdata/golden/commands");
type Json = Record<string, unknown>;
interface Answer {
  readonly result: number;
  readonly outs: string;
  readonly outb?: unknown;
  /** Of `osd dump`, what has changed since the one before. */
  readonly dump?: Json;
}
interface Step {
  readonly cmd: Json;
  readonly answer: Answer;
}

/** Of every cluster its steps: `$ command`, then the answer; an empty line begins another one. */
function clusters(file: string): Step[][] {
  const text = fs.readFileSync(path.join(GOLDEN, file), "utf8").trimEnd();
  return text.split("\n\n").map((part) =>
    part
      .split("\n$ ")
      .map((s) => s.replace(/^\$ /, "").split("\n"))
      .map(([cmd = "", answer = ""]) => ({ cmd: JSON.parse(cmd), answer: JSON.parse(answer) })),
  );
}

/** Epochs differ by those in which our OSDs booted. */
const VOLATILE = new Set(["epoch", "up_from", "up_thru", "down_at", "lost_at"]);
function lasting(v: unknown): unknown {
  return JSON.parse(JSON.stringify(v, (k, x) => (VOLATILE.has(k) ? undefined : x)));
}
function later(outs: string, epochs: number): string {
  return outs.replace(/in epoch (\d+)/, (_, e) => `in epoch ${Number(e) + epochs}`);
}

/** The same fields of the dump as were recorded, in pools and OSDs, too. */
function same_fields(dump: Json, like: Json): Json {
  const CREATING = 32768;
  const pick = (from: Json, keys: string[]) =>
    Object.fromEntries(keys.map((k) => [k, k === "flags" ? Number(from[k]) & ~CREATING : from[k]]));
  return Object.fromEntries(
    Object.entries(like).map(([k, v]) => {
      const list = dump[k];
      if ((k !== "pools" && k !== "osds") || !Array.isArray(list) || !Array.isArray(v)) {
        return [k, list];
      }
      return [k, list.map((e, i) => pick(e, Object.keys(v[i] ?? {})))];
    }),
  );
}

const FILES = fs.readdirSync(GOLDEN).filter((f) => f.endsWith(".txt"));
const CASES = FILES.flatMap((f) => clusters(f).map((steps, i) => [f, i, steps] as const));

test.each(CASES)("%s, cluster %i: as Ceph answers", (file, _i, steps) => {
  const h = new Harness({
    mon_allow_pool_delete: true,
    mon_allow_pool_size_one: file === "pool_limits.txt",
  });
  h.boot(6);
  const epochs = h.map.epoch - 1;
  let like: Json = {};
  for (const { cmd, answer } of steps) {
    const r = h.command(cmd);
    h.advance(1000);
    const text = JSON.stringify(cmd);
    expect([text, r.result, r.outs]).toEqual([text, answer.result, later(answer.outs, epochs)]);
    if (answer.outb !== undefined) expect([text, lasting(r.outb)]).toEqual([text, answer.outb]);
    if (answer.dump) {
      like = { ...like, ...answer.dump };
      expect(same_fields(r.outb as Json, like)).toEqual(like);
    }
  }
});
