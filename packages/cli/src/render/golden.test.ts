/** Our text of a real Ceph's JSON against that Ceph's own text. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { NO_PAINT } from "./colour.ts";
import { render_df, render_osd_df } from "./df.ts";
import { Fields } from "./Fields.ts";
import { render_health } from "./health.ts";
import { render_mon_dump } from "./misc.ts";
import { render_osd_dump } from "./osd_dump.ts";
import { render_crush_tree, render_osd_tree } from "./osd_tree.ts";
import { render_status } from "./status.ts";

const MOMENTS = ["clean", "degraded", "down", "peering"] as const;

function text(name: string): string {
  return readFileSync(new URL(`../../testdata/golden/${name}`, import.meta.url), "utf8");
}
function json(name: string): Record<string, unknown> {
  return JSON.parse(text(name));
}
function captured(source: string, pattern: RegExp): string {
  return pattern.exec(source)?.[1] ?? "";
}
const SECONDS: Record<string, number> = { s: 1, m: 60 };
function seconds(age: string): number {
  return Number(age.slice(0, -1)) * (SECONDS[age.slice(-1)] ?? 0);
}

// The two forms were taken a moment apart: ages come from the text. A mgr there is not among us.
test.each(MOMENTS)("status, %s", (moment) => {
  const want = text(`${moment}-status.txt`).replace(/^ {4}mgr: .*\n/m, "");
  const s = json(`${moment}-status.json`);
  const in_since = new Fields(s).at("osdmap").num("osd_in_since");
  const up_since = new Fields(s).at("osdmap").num("osd_up_since");
  const up_age = seconds(captured(want, /up \(since (\w+)\)/));
  const now = Math.max(up_since + up_age, in_since + seconds(captured(want, /in \(since (\w+)\)/)));
  const got = render_status(
    { ...s, quorum_age: seconds(captured(want, /age (\w+)\)/)) },
    { now_ms: now * 1000, paint: NO_PAINT, flags: "", out_of_quorum: [] },
  );
  expect(`${got}\n`).toBe(want);
});

test.each(MOMENTS)("osd dump, %s", (moment) => {
  const got = render_osd_dump(json(`${moment}-osd-dump.json`));
  expect(`${got}\n`).toBe(text(`${moment}-osd-dump.txt`));
});

test.each(MOMENTS)("health detail, %s", (moment) => {
  const want = text(`${moment}-health-detail.txt`);
  const got = render_health(health_of(want), 0, NO_PAINT);
  expect(`${got}\n`).toBe(want);
});
/** The JSON that such a text comes from: there is none of that moment. */
function health_of(detail: string): unknown {
  const [head = "", ...lines] = detail.trimEnd().split("\n");
  const checks: Record<string, { severity: string; summary: unknown; detail: unknown[] }> = {};
  let last = "";
  for (const line of lines) {
    const [, severity, code = "", message] = /^\[(\w+)\] (\w+): (.*)$/.exec(line) ?? [];
    if (severity) {
      const name = severity === "ERR" ? "HEALTH_ERR" : "HEALTH_WARN";
      checks[code] = { severity: name, summary: { message, count: 1 }, detail: [] };
      last = code;
    } else checks[last]?.detail.push({ message: line.trim() });
  }
  return { status: head.split(" ")[0], checks, mutes: [] };
}

function tree(down: readonly number[]): unknown {
  const osd = (id: number) => ({
    id,
    device_class: "hdd",
    name: `osd.${id}`,
    type: "osd",
    crush_weight: 1,
    depth: 2,
    exists: 1,
    status: down.includes(id) ? "down" : "up",
    reweight: 1,
    primary_affinity: 1,
  });
  return {
    nodes: [
      { id: -1, name: "default", type: "root", children: [-3] },
      { id: -3, name: "vm", type: "host", children: [2, 1, 0] },
      osd(0),
      osd(1),
      osd(2),
    ],
    stray: [],
  };
}
test("osd tree", () => {
  expect(`${render_osd_tree(tree([]))}\n`).toBe(text("clean-osd-tree.txt"));
  expect(`${render_osd_tree(tree([1]))}\n`).toBe(text("degraded-osd-tree.txt"));
});
test("osd tree: OSDs of no bucket, ones that do not exist, and weights of a filtered tree", () => {
  const whole = tree([1]);
  const stray = [{ id: 7, name: "osd.7", type: "osd", exists: 0 }];
  const only = {
    nodes: [
      { id: -1, name: "default", type: "root", children: [-3] },
      { id: -3, name: "vm", type: "host", children: [1] },
      new Fields(whole).items("nodes")[3],
    ],
    stray,
  };
  expect(render_osd_tree(only, whole).split("\n").slice(1)).toEqual([
    "-1         3.00000  root default                            ",
    "-3         3.00000      host vm                             ",
    " 1    hdd  1.00000          osd.1    down   1.00000  1.00000",
    " 7               0  osd.7             DNE         0         ",
  ]);
});

test("crush tree: a linked OSD, a class, weight sets", () => {
  const drawn = render_crush_tree(json("crush-tree.json"), json("crush-dump-buckets.json"));
  expect(`${drawn}\n`).toBe(text("crush-tree.txt"));
});

test("df", () => {
  const all = {
    total_bytes: 12884901888,
    total_avail_bytes: 11970273280,
    total_used_bytes: 914628608,
    total_used_raw_bytes: 914628608,
    total_used_raw_ratio: 0.0709845,
  };
  const pool = (id: number, name: string, stats: Record<string, number>) => ({ id, name, stats });
  const v = {
    stats: all,
    stats_by_class: { hdd: all },
    pools: [
      pool(1, "bench", {
        stored: 409600,
        objects: 100,
        bytes_used: 1228800,
        percent_used: 0.000108,
        max_avail: 3.5 * 1024 ** 3,
      }),
      pool(2, "two", {
        stored: 163840,
        objects: 40,
        bytes_used: 327680,
        percent_used: 0.0000288,
        max_avail: 5.3 * 1024 ** 3,
      }),
    ],
  };
  expect(`${render_df(v, (id) => (id === 1 ? 8 : 4), false)}\n`).toBe(text("clean-df.txt"));
});

test("osd df", () => {
  expect(render_osd_df(json("clean-osd-df.json"), false).split("\n")).toEqual([
    "ID  CLASS  WEIGHT   REWEIGHT  SIZE    RAW USE  DATA     OMAP  META     AVAIL    %USE  VAR   PGS  STATUS",
    " 0    hdd  1.00000   1.00000   4 GiB  291 MiB  552 KiB   0 B  290 MiB  3.7 GiB  7.10  1.00    9      up",
    " 1    hdd  1.00000   1.00000   4 GiB  291 MiB  688 KiB   0 B  290 MiB  3.7 GiB  7.10  1.00   12      up",
    " 2    hdd  1.00000   1.00000   4 GiB  291 MiB  664 KiB   0 B  290 MiB  3.7 GiB  7.10  1.00   11      up",
    "                       TOTAL  12 GiB  872 MiB  1.9 MiB   0 B  870 MiB   11 GiB  7.10                   ",
    "MIN/MAX VAR: 1.00/1.00  STDDEV: 0",
  ]);
});

test("mon dump", () => {
  expect(render_mon_dump(json("clean-mon-dump.json"))).toBe(
    [
      "epoch 1",
      "fsid cb4317e9-5170-40ad-bef5-f507eada77f1",
      "last_changed 2026-11-22T15:10:53.397669Z",
      "created 2026-11-22T15:10:53.397669Z",
      "min_mon_release 16 (pacific)",
      "election_strategy: 1",
      "0: v2:127.0.0.1:40789/0 mon.a",
    ].join("\n"),
  );
});
