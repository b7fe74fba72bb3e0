/**
 * Our answers beside those of a real Ceph 16.2.15 cluster, at moments of its life: the same keys in
 * the same order, and the same values wherever they can be the same.
 */
import fs from "node:fs";
import path from "node:path";
import type { pg_t } from "@tako/common";
import { expect, test } from "vitest";
import { type FakeOsd, Harness } from "../testing/harness.ts";

const GOLDEN = path.join(import.meta.dirname, "../../testdata/golden");
type Json = Record<string, unknown>;
function golden(file: string): Json {
  return JSON.parse(fs.readFileSync(path.join(GOLDEN, file), "utf8"));
}

/** Every key path in order of appearance; of a list its first element stands for all. */
function keys(v: unknown, at = ""): string[] {
  if (Array.isArray(v)) return v.length > 0 ? keys(v[0], `${at}[]`) : [];
  if (typeof v !== "object" || v === null) return [];
  return Object.entries(v).flatMap(([k, x]) => [`${at}.${k}`, ...keys(x, `${at}.${k}`)]);
}

interface Row extends Json {
  pgid: pg_t;
  state: string;
  num_objects: number;
  num_objects_degraded: number;
}

/** Three OSDs on one host, pools `bench` (8 PGs, 3 copies) and `two` (4 PGs, 2 copies). */
function cluster(): { h: Harness; osds: FakeOsd[] } {
  const h = new Harness({ osd_crush_chooseleaf_type: 0, mon_osd_min_up_ratio: 0 });
  const osds = [0, 1, 2].map((id) => h.osd(id));
  for (const o of osds)
    o.boot({ crush_location: { root: "default", host: "vm" }, device_class: "hdd" });
  h.command({ prefix: "osd pool create", pool: "bench", pg_num: 8, size: 3 });
  h.command({ prefix: "osd pool create", pool: "two", pg_num: 4, size: 2 });
  for (const pool of ["bench", "two"]) {
    h.command({ prefix: "osd pool application enable", pool, app: "bench" });
  }
  return { h, osds };
}

/** Reports the PGs as they were at that moment. */
function replay(h: Harness, osd: FakeOsd, moment: string): void {
  const rows = golden(`${moment}/pg-dump-pgs.json`) as unknown as Row[];
  const stale = rows.filter((r) => r.state.startsWith("stale"));
  const copies = (r: Row) => r.num_objects * (r.pgid.startsWith("1.") ? 3 : 2);
  osd.send({
    type: "pg_stats",
    epoch: h.map.epoch,
    pg_stats: rows
      .filter((r) => !stale.includes(r))
      .map((r) => ({
        pgid: r.pgid,
        reported_epoch: h.map.epoch,
        reported_seq: 1,
        state: r.state,
        stat: {
          ...r,
          stat_sum: {
            num_objects: r.num_objects,
            num_bytes: r.num_objects * 4096,
            num_object_copies: copies(r),
            num_objects_degraded: r.num_objects_degraded,
          },
        },
      })),
    osd_stat: { kb: 4194304, kb_used: 297648, kb_used_data: 552, kb_avail: 3896656 },
    slow_ops: 0,
    oldest_slow_op_s: 0,
  });
}

function status_at(moment: string, down: number[]): { ours: Json; theirs: Json; h: Harness } {
  const { h, osds } = cluster();
  if (down.length > 0) h.command({ prefix: "osd down", ids: down });
  const reporter = osds.find((o) => !down.includes(o.id)) as FakeOsd;
  replay(h, reporter, moment);
  h.advance(10);
  const ours = h.command({ prefix: "status" }).outb as Json;
  return { ours, theirs: golden(`${moment}/status.json`), h };
}

const IO = /_(per_)?sec$|^num_(objects|bytes|keys)_recovered$/;
function without_io(pgmap: unknown): Json {
  return Object.fromEntries(Object.entries(pgmap as Json).filter(([k]) => !IO.test(k)));
}

test.each([
  ["clean", []],
  ["degraded", [1]],
  ["down", [1]],
])("status: %s", (moment, down) => {
  const { ours, theirs } = status_at(moment, down);
  expect(Object.keys(ours)).toEqual(Object.keys(theirs));
  expect(ours.health).toEqual(theirs.health);
  for (const part of ["monmap", "osdmap", "mgrmap", "fsmap"]) {
    expect(keys(ours[part])).toEqual(keys(theirs[part]));
  }
  const [mine, real] = [without_io(ours.pgmap), without_io(theirs.pgmap)];
  expect(Object.keys(mine)).toEqual(Object.keys(real));
  const { bytes_used: _u, bytes_avail: _a, bytes_total: _t, ...rest } = mine;
  expect(real).toMatchObject(rest);
});

test.each([
  ["degraded", [1]],
  ["down", [1]],
])("health detail: %s", (moment, down) => {
  const { h } = status_at(moment, down);
  const out = h.command({ prefix: "health", detail: "detail" }).outb as {
    status: string;
    checks: Record<
      string,
      { severity: string; summary: { message: string }; detail: { message: string }[] }
    >;
  };
  const checks = Object.entries(out.checks);
  const lines = [`${out.status} ${checks.map(([, c]) => c.summary.message).join("; ")}`];
  for (const [code, c] of checks) {
    lines.push(`[WRN] ${code}: ${c.summary.message}`, ...c.detail.map((d) => `    ${d.message}`));
  }
  expect(`${lines.join("\n")}\n`).toBe(
    fs.readFileSync(path.join(GOLDEN, moment, "health-detail.txt"), "utf8"),
  );
});

test("osd df, mon dump and pg dump have Ceph's keys in Ceph's order", () => {
  const { h, osds } = cluster();
  for (const o of osds) replay(h, o, "clean");
  h.advance(10);
  const df = h.command({ prefix: "osd df" }).outb as Json;
  expect(keys(df)).toEqual(keys(golden("clean/osd-df.json")));
  expect(df).toMatchObject({
    summary: { total_kb: 12582912, average_utilization: 7.0964813232421875 },
  });

  const theirs = keys(golden("clean/mon-dump.json"));
  expect(keys(h.command({ prefix: "mon dump" }).outb)).toEqual(theirs);

  const dump = h.command({ prefix: "pg dump" }).outb as { pg_map: Record<string, unknown[]> };
  const real = golden("clean/pg-dump-trimmed.json") as Record<string, unknown[]>;
  for (const list of ["pg_stats", "pool_stats"]) {
    expect(keys(dump.pg_map[list])).toEqual(keys(real[list]));
  }
  expect(Object.keys(dump.pg_map.osd_stats?.[0] as Json)).toEqual(
    Object.keys(real.osd_stats?.[0] as Json),
  );
  expect(keys(dump.pg_map.pg_stats_sum)).toEqual(keys(real.pg_stats_sum));
  expect(Object.keys(dump.pg_map)).toEqual([
    "version",
    "stamp",
    "last_osdmap_epoch",
    "last_pg_scan",
    "pg_stats_sum",
    "osd_stats_sum",
    "pg_stats_delta",
    "pg_stats",
    "pool_stats",
    "osd_stats",
    "pool_statfs",
  ]);
});
