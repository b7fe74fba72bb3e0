import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { BenchResult } from "../bench/ObjBencher.ts";
import { bench_json, bench_line, render_bench } from "./bench.ts";
import { ANSI_PAINT, NO_PAINT } from "./colour.ts";
import { Fields } from "./Fields.ts";
import {
  format_age,
  format_count,
  format_float,
  format_osds,
  format_percent,
  format_size,
  format_stamp,
  format_weight,
} from "./format.ts";
import { render_health } from "./health.ts";
import {
  render_config,
  render_log,
  render_mon_stat,
  render_pool_stats,
  render_quota,
} from "./misc.ts";
import { pool_line, render_osd_stat } from "./osd_dump.ts";
import { render_pg_dump, render_pg_ls, render_stuck } from "./pg.ts";
import { render_status } from "./status.ts";
import { left, num, table } from "./table.ts";

test("sizes and counts fit seven characters, whole multiples have no fraction", () => {
  const sizes = [0, 1023, 1024, 1536, 10239, 573440, 1269760, 914628608, 12 * 2 ** 30, 2 ** 70];
  expect(sizes.map(format_size)).toEqual([
    "0 B",
    "1023 B",
    "1 KiB",
    "1.5 KiB",
    "10 KiB",
    "560 KiB",
    "1.2 MiB",
    "872 MiB",
    "12 GiB",
    "1024 EiB",
  ]);
  expect(format_size(1023 * 2 ** 20 + 1)).toBe("1023 MiB");
  expect([0, 100, 1000, 1234, 123456, 1_190_000].map(format_count)).toEqual([
    "0",
    "100",
    "1k",
    "1.23k",
    "123.46k",
    "1.19M",
  ]);
});

test("ages, percentages, floats, stamps, OSD lists", () => {
  const ages = [0.5, 119, 120, 7199, 7200, 172799, 172800, 14 * 86400, 84 * 86400, 730 * 86400];
  expect(ages.map(format_age)).toEqual("0s 119s 2m 119m 2h 47h 2d 2w 2M 2y".split(" "));
  expect([0.0709845, 0.00001, 1].map(format_percent)).toEqual(["7.10", "0", "100.00"]);
  const floats = [0, 1, 0.94999998807907104, 155.979432, 1234567, 0.00001234, 100000];
  expect(floats.map((v) => format_float(v))).toEqual([
    "0",
    "1",
    "0.95",
    "155.979",
    "1.23457e+06",
    "1.234e-05",
    "100000",
  ]);
  expect(format_stamp(Date.UTC(2026, 10, 22, 15, 11, 32, 5))).toBe(
    "2026-11-22T15:11:32.005000+0000",
  );
  expect(format_osds([0, 0x7fffffff, 2])).toBe("[0,NONE,2]");
});

test("weights are floats with five digits, ties go to the even one", () => {
  const shown = [0, 1, 0.015625, 0.046875, 1064.166, 12345.678, 0.0000001].map(format_weight);
  expect(shown.join(" ")).toBe("0 1.00000 0.01562 0.04688 1064.16602 12345.67773 0");
});
test("a table pads the last column, too, and takes short rows", () => {
  expect(table([left("A"), num("LONG")], [["x", 1], ["yy"]])).toBe("A   LONG\nx      1\nyy      ");
});

test("Fields never throws on another shape", () => {
  const f = new Fields({ a: "7", b: null, c: { d: [1, "x"] }, __proto__: { evil: 1 } });
  expect([f.num("a"), f.num("b"), f.text("b"), f.num("evil")]).toEqual([7, 0, "", 0]);
  expect(f.at("c").nums("d")).toEqual([1]);
  expect(f.at("none").at("deeper").list("x")).toEqual([]);
  expect(new Fields("text").keys()).toEqual([]);
  expect(new Fields(undefined).elements()).toEqual([]);
});

test("health: the worst first, mutes with what is left of them, colour", () => {
  const v = {
    status: "HEALTH_ERR",
    checks: {
      OSD_DOWN: {
        severity: "HEALTH_WARN",
        summary: { message: "1 osds down", count: 1 },
        detail: [{ message: "osd.1 is down" }],
        muted: true,
      },
      PG_DAMAGED: {
        severity: "HEALTH_ERR",
        summary: { message: "Possible data damage: 1 pg inconsistent", count: 1 },
        detail: [],
      },
    },
    mutes: [{ code: "OSD_DOWN", ttl: "2026-11-22T15:30:00.000000+0000", sticky: true }],
  };
  const now = Date.UTC(2026, 10, 22, 15, 20);
  expect(render_health(v, now, NO_PAINT).split("\n")).toEqual([
    "HEALTH_ERR Possible data damage: 1 pg inconsistent (muted: OSD_DOWN(10m))",
    "[ERR] PG_DAMAGED: Possible data damage: 1 pg inconsistent",
    "(MUTED ttl 10m, STICKY) [WRN] OSD_DOWN: 1 osds down",
    "    osd.1 is down",
  ]);
  expect(render_health({ status: "HEALTH_OK" }, now, ANSI_PAINT)).toBe("\x1b[32mHEALTH_OK\x1b[0m");
});

test("status: flags, lost monitors, recovery, unknown PGs", () => {
  const v = {
    fsid: "f",
    health: { status: "HEALTH_OK" },
    quorum_names: ["a", "b"],
    quorum_age: 300,
    monmap: { num_mons: 3 },
    osdmap: { num_osds: 6, num_up_osds: 5, num_in_osds: 6, num_remapped_pgs: 4 },
    pgmap: {
      pgs_by_state: [
        { state_name: "active+clean", count: 57 },
        { state_name: "unknown", count: 7 },
      ],
      num_pgs: 64,
      num_pools: 2,
      unknown_pgs_ratio: 0.109375,
      misplaced_objects: 3,
      misplaced_total: 60,
      unfound_objects: 1,
      unfound_total: 60,
      recovering_objects_per_sec: 1,
      recovering_bytes_per_sec: 4 << 20,
      recovering_keys_per_sec: 2,
      read_bytes_sec: 1258291,
      read_op_per_sec: 10,
      write_op_per_sec: 12,
    },
  };
  const x = { now_ms: 0, paint: NO_PAINT, flags: "noout", out_of_quorum: ["c"] };
  expect(render_status(v, x).split("\n")).toEqual([
    "  cluster:",
    "    id:     f",
    "    health: HEALTH_OK",
    " ",
    "  services:",
    "    mon: 3 daemons, quorum a,b (age 5m), out of quorum: c",
    "    osd: 6 osds: 5 up, 6 in; 4 remapped pgs",
    "         flags noout",
    " ",
    "  data:",
    "    pools:   2 pools, 64 pgs",
    "    objects: 0 objects, 0 B",
    "    usage:   0 B used, 0 B / 0 B avail",
    "    pgs:     10.938% pgs unknown",
    "             3/60 objects misplaced (5.000%)",
    "             1/60 objects unfound (1.667%)",
    "             57 active+clean",
    "             7  unknown",
    " ",
    "  io:",
    "    client:   1.2 MiB/s rd, 10 op/s rd, 12 op/s wr",
    "    recovery: 4 MiB/s, 2 keys/s, 1 objects/s",
    " ",
  ]);
});

test("osd stat", () => {
  const m = { num_osds: 6, num_up_osds: 5, osd_up_since: 10, num_in_osds: 6, osd_in_since: 0 };
  const v = { ...m, epoch: 42, num_remapped_pgs: 4 };
  expect(render_osd_stat(v, 20_000, "noout")).toBe(
    "6 osds: 5 up (since 10s), 6 in; epoch: e42; 4 remapped pgs\nflags noout",
  );
});

test("pool line: erasure, staged growth, quotas, several applications", () => {
  const p = {
    pool_id: 3,
    pool_name: "ec",
    type: 3,
    erasure_code_profile: "p42",
    size: 6,
    min_size: 5,
    crush_rule: 1,
    object_hash: 2,
    pg_num: 32,
    pg_placement_num: 32,
    pg_num_target: 64,
    pg_placement_num_target: 32,
    pg_num_pending: 32,
    pg_autoscale_mode: "off",
    last_change: "12",
    last_force_op_resend: "0",
    last_force_op_resend_prenautilus: "0",
    last_force_op_resend_preluminous: "9",
    flags_names: "hashpspool",
    quota_max_bytes: 1024,
    quota_max_objects: 5,
    stripe_width: 16384,
    options: { scrub_min_interval: 5 },
    application_metadata: { rgw: {}, other: {} },
  };
  expect(pool_line(new Fields(p))).toBe(
    "pool 3 'ec' erasure profile p42 size 6 min_size 5 crush_rule 1 object_hash rjenkins " +
      "pg_num 32 pgp_num 32 pg_num_target 64 autoscale_mode off last_change 12 lfor 0/0/9 " +
      "flags hashpspool max_bytes 1024 max_objects 5 stripe_width 16384 scrub_min_interval 5 " +
      "application rgw,other",
  );
});

// ---------------------------------------------------------------- PGs

const DUMP = new URL("../../testdata/golden/clean-pg-dump-trimmed.json", import.meta.url);
const dump: unknown = JSON.parse(readFileSync(DUMP, "utf8"));
const NOTE = [
  "",
  "* NOTE: Omap statistics are gathered during deep scrub and may be inaccurate soon afterwards " +
    "depending on utilization.",
];
const STAMP = "2026-11-22T15:11:03.476327+0000";

test("pg dump pgs", () => {
  expect(render_pg_dump(dump, ["pgs"]).split("\n")).toEqual([
    "PG_STAT  OBJECTS  MISSING_ON_PRIMARY  DEGRADED  MISPLACED  UNFOUND  BYTES  OMAP_BYTES*  " +
      "OMAP_KEYS*  LOG  DISK_LOG  STATE         STATE_STAMP                      VERSION  REPORTED  " +
      "UP       UP_PRIMARY  ACTING   ACTING_PRIMARY  LAST_SCRUB  SCRUB_STAMP                      " +
      "LAST_DEEP_SCRUB  DEEP_SCRUB_STAMP                 SNAPTRIMQ_LEN",
    "1.7            8                   0         0          0        0  32768            0           " +
      "0    8         8  active+clean  2026-11-22T15:11:04.506238+0000     15'8     15:23  [1,2,0]      " +
      `     1  [1,2,0]               1         0'0  ${STAMP}              0'0  ${STAMP}              0`,
    ...NOTE,
  ]);
});
test("pg dump pgs_brief, dump_stuck", () => {
  const want = [
    "PG_STAT  STATE         UP       UP_PRIMARY  ACTING   ACTING_PRIMARY",
    "1.7      active+clean  [1,2,0]           1  [1,2,0]               1",
  ].join("\n");
  expect(render_pg_dump(dump, ["pgs_brief"])).toBe(want);
  const stuck_pg_stats = new Fields(dump).items("pg_stats");
  expect(render_stuck({ pg_ready: true, stuck_pg_stats })).toBe(want);
  expect(render_stuck({ pg_ready: true, stuck_pg_stats: [] })).toBe("");
});
test("pg dump osds, pools, sum", () => {
  const v = {
    pg_map: {
      version: 26,
      pg_stats_sum: { stat_sum: { num_objects: 140, num_bytes: 573440 }, log_size: 140 },
      pool_stats: [{ poolid: 2, stat_sum: { num_objects: 40 }, log_size: 40, ondisk_log_size: 40 }],
      osd_stats: [{ osd: 2, kb: 4194304, kb_used: 297760, kb_avail: 3896544, hb_peers: [0, 1] }],
      osd_stats_sum: { kb: 12582912, kb_used: 893192, kb_used_data: 1904, kb_avail: 11689720 },
      pg_stats: [{ pgid: "1.0", up: [2, 1], acting: [2], acting_primary: 2 }],
    },
  };
  expect(render_pg_dump(v, ["pools", "osds"]).split("\n")).toEqual([
    "POOLID  OBJECTS  MISSING_ON_PRIMARY  DEGRADED  MISPLACED  UNFOUND  BYTES  OMAP_BYTES*  " +
      "OMAP_KEYS*  LOG  DISK_LOG",
    "2            40                   0         0          0        0      0            0           0" +
      "   40        40",
    "OSD_STAT  USED     AVAIL    USED_RAW  TOTAL   HB_PEERS  PG_SUM  PRIMARY_PG_SUM",
    "2             0 B  3.7 GiB   291 MiB   4 GiB     [0,1]       1               1",
    "sum       1.9 MiB   11 GiB   872 MiB  12 GiB                                  ",
    ...NOTE,
  ]);
  const all = render_pg_dump(v, []).split("\n");
  expect(all[0]).toBe("version 26");
  // The sums go on below the PGs without headings.
  expect(all.slice(6, 10).map((l) => l.trim())).toEqual([
    "",
    "2  40  0  0  0  0  0  0  0  40  40",
    "",
    "sum  140  0  0  0  0  573440  0  0  140  0",
  ]);
});
test("pg ls", () => {
  const now = Date.UTC(2026, 10, 22, 15, 16, 4, 506);
  const got = render_pg_ls(dump, now).split("\n");
  expect(got.slice(0, 2)).toEqual([
    "PG   OBJECTS  DEGRADED  MISPLACED  UNFOUND  BYTES  OMAP_BYTES*  OMAP_KEYS*  LOG  STATE         " +
      "SINCE  VERSION  REPORTED  UP         ACTING     SCRUB_STAMP                      " +
      "DEEP_SCRUB_STAMP               ",
    "1.7        8         0          0        0  32768            0           0    8  active+clean  " +
      `   5m     15'8     15:23  [1,2,0]p1  [1,2,0]p1  ${STAMP}  ${STAMP}`,
  ]);
});

// ---------------------------------------------------------------- small ones

test("log, mon stat, quota, pool stats, config", () => {
  const entry = {
    stamp: "2026-11-22T15:11:02.482255+0000",
    name: "mon.a",
    rank: "mon.0",
    seq: 296,
    channel: "cluster",
    priority: "[INF]",
    message: "osd.2 boot",
  };
  expect(render_log([entry])).toBe(
    "2026-11-22T15:11:02.482255+0000 mon.a (mon.0) 296 : cluster [INF] osd.2 boot",
  );
  const stat = { epoch: 1, num_mons: 1, leader: "a", quorum: [{ rank: 0, name: "a" }] };
  expect(render_mon_stat(stat, () => "v2:h:1/0")).toBe(
    "e1: 1 mons at {a=v2:h:1/0}, leader 0 a, quorum 0 a",
  );
  const quota = { pool_name: "p", quota_max_objects: 0, quota_max_bytes: 1 << 30 };
  expect(render_quota({ ...quota, current_num_bytes: 1 << 20 })).toBe(
    "quotas for pool 'p':\n  max objects: N/A\n  max bytes  : 1 GiB  (current num bytes: 1 MiB)",
  );
  const pools = [
    { pool_name: "a", pool_id: 1 },
    { pool_name: "b", pool_id: 2, client_io_rate: { read_op_per_sec: 1, write_op_per_sec: 0 } },
  ];
  expect(render_pool_stats(pools)).toBe(
    "pool a id 1\n  nothing is going on\n\npool b id 2\n  client io 1 op/s rd, 0 op/s wr\n",
  );
  expect(render_config([{ name: "n", value: "", source: "default" }])).toBe(
    "NAME  VALUE  SOURCE \nn            default",
  );
});

const RESULT: BenchResult = {
  total_time: 10.0842,
  finished: 373,
  op_size: 4 << 20,
  bandwidth: 147.954,
  iops: 36,
  avg_lat: 0.43,
  latency: { stddev: 0.1, min: 0.2, max: 0.9 },
  bandwidths: { stddev: 5.6, min: 136, max: 156 },
  iops_spread: { stddev: 1.4, min: 34, max: 39 },
  stopped: false,
};
test("bench: summary of writes and of reads, JSON with the same names", () => {
  const text = render_bench(RESULT, "write", 4 << 20).split("\n");
  expect(text.slice(0, 5)).toEqual([
    "Total time run:         10.0842",
    "Total writes made:      373",
    "Write size:             4194304",
    "Object size:            4194304",
    "Bandwidth (MB/sec):     147.954",
  ]);
  const names = render_bench(RESULT, "seq", 4 << 20)
    .split("\n")
    .map((l) => l.replace(/:.*/, ""));
  expect(names).not.toContain("Stddev Bandwidth");
  expect(names).toContain("Total reads made");
  expect(bench_json(RESULT, "write", 4 << 20)).toMatchObject({
    total_time_run: 10.0842,
    total_writes_made: 373,
    bandwidth: 147.954,
    max_bandwidth: 156,
    average_latency: 0.43,
  });
});
test("bench: the heading comes first and again after twenty lines", () => {
  const line = {
    sec: 0,
    in_flight: 16,
    started: 16,
    finished: 0,
    avg_bw: 0,
    cur_bw: undefined,
    last_lat: undefined,
    avg_lat: 0,
    min_lat: 0.1,
    max_lat: 0.5,
  };
  expect(bench_line(line, 0)).toBe(
    "  sec Cur ops   started  finished  avg MB/s  cur MB/s last lat(s)  avg lat(s)\n" +
      "    0      16        16         0         0         0           -           0",
  );
  const later = {
    ...line,
    sec: 20,
    finished: 9,
    cur_bw: 155.979432,
    last_lat: 0.348,
    avg_lat: 0.339,
  };
  expect(bench_line(later, 0).split("\n")).toEqual([
    "1970-01-01T00:00:00.000000+0000 min lat: 0.1 max lat: 0.5 avg lat: 0.339",
    "  sec Cur ops   started  finished  avg MB/s  cur MB/s last lat(s)  avg lat(s)",
    "   20      16        16         9         0   155.979       0.348       0.339",
  ]);
});
