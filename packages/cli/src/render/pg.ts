/** `pg dump`, `pg ls` and `pg dump_stuck` as text. Ceph counterpart: PGMap::dump and its parts. */
import { Fields } from "./Fields.ts";
import { format_age, format_osds, format_size } from "./format.ts";
import { left, num, table } from "./table.ts";

const NOTE =
  "* NOTE: Omap statistics are gathered during deep scrub and may be inaccurate soon " +
  "afterwards depending on utilization.";
const SUMS = [
  ..."OBJECTS MISSING_ON_PRIMARY DEGRADED MISPLACED UNFOUND BYTES".split(" "),
  ..."OMAP_BYTES* OMAP_KEYS* LOG DISK_LOG".split(" "),
];
const PG_COLUMNS = [
  ...SUMS,
  ..."STATE STATE_STAMP VERSION REPORTED UP UP_PRIMARY ACTING ACTING_PRIMARY".split(" "),
  ..."LAST_SCRUB SCRUB_STAMP LAST_DEEP_SCRUB DEEP_SCRUB_STAMP SNAPTRIMQ_LEN".split(" "),
];

function sum_cells(s: Fields): number[] {
  const t = s.at("stat_sum");
  return [
    t.num("num_objects"),
    t.num("num_objects_missing_on_primary"),
    t.num("num_objects_degraded"),
    t.num("num_objects_misplaced"),
    t.num("num_objects_unfound"),
    t.num("num_bytes"),
    t.num("num_omap_bytes"),
    t.num("num_omap_keys"),
    s.num("log_size"),
    s.num("ondisk_log_size"),
  ];
}
function reported(s: Fields): string {
  return `${s.num("reported_epoch")}:${s.num("reported_seq")}`;
}
function mapping(s: Fields): (string | number)[] {
  return [
    format_osds(s.nums("up")),
    s.num("up_primary", -1),
    format_osds(s.nums("acting")),
    s.num("acting_primary", -1),
  ];
}

function pg_table(stats: readonly Fields[]): string {
  const rows = stats.map((s) => [
    s.text("pgid"),
    ...sum_cells(s),
    s.text("state"),
    s.text("last_change"),
    s.text("version"),
    reported(s),
    ...mapping(s),
    s.text("last_scrub"),
    s.text("last_scrub_stamp"),
    s.text("last_deep_scrub"),
    s.text("last_deep_scrub_stamp"),
    s.num("snaptrimq_len"),
  ]);
  return table([left("PG_STAT"), ...PG_COLUMNS.map(num)], rows);
}
function brief_table(stats: readonly Fields[]): string {
  const heads = ["STATE", "UP", "UP_PRIMARY", "ACTING", "ACTING_PRIMARY"];
  const rows = stats.map((s) => [s.text("pgid"), s.text("state"), ...mapping(s)]);
  return table([left("PG_STAT"), ...heads.map(num)], rows);
}

/** Without headings inside `dump all`: the columns go on from the table above. */
function sums_table(head: string, rows: (string | number)[][], headings: boolean): string {
  const heads = [head, ...SUMS].map((h) => (headings ? h : ""));
  return table([left(heads[0] ?? ""), ...heads.slice(1).map(num)], rows);
}
function pool_rows(pools: readonly Fields[]): (string | number)[][] {
  return pools.map((p) => [p.num("poolid"), ...sum_cells(p)]);
}

const OSD_COLUMNS = ["USED", "AVAIL", "USED_RAW", "TOTAL", "HB_PEERS", "PG_SUM", "PRIMARY_PG_SUM"];
function use_cells(s: Fields): string[] {
  const keys = ["kb_used_data", "kb_avail", "kb_used", "kb"];
  return keys.map((k) => format_size(s.num(k) * 1024));
}
function osd_table(osds: readonly Fields[], sum: Fields, pgs: readonly Fields[]): string {
  const holds = (s: Fields, o: number) => s.nums("up").includes(o) || s.nums("acting").includes(o);
  const rows = osds.map((s) => {
    const o = s.num("osd");
    const primary = pgs.filter((p) => p.num("acting_primary", -1) === o).length;
    const here = pgs.length > 0 ? pgs.filter((p) => holds(p, o)).length : s.num("num_pgs");
    return [o, ...use_cells(s), format_osds(s.nums("hb_peers")), here, primary];
  });
  const total = sum.has("kb") ? [["sum", ...use_cells(sum)]] : [];
  return table([left("OSD_STAT"), ...OSD_COLUMNS.map(num)], [...rows, ...total]);
}

/** `what`: the words after `pg dump`. */
export function render_pg_dump(v: unknown, what: readonly string[]): string {
  const outer = new Fields(v);
  const m = outer.has("pg_map") ? outer.at("pg_map") : outer;
  const pgs = m.list("pg_stats");
  const osd_sum = m.at("osd_stats_sum");
  const sum_row = ["sum", ...sum_cells(m.at("pg_stats_sum"))];
  const basic = ["version", "stamp", "last_osdmap_epoch", "last_pg_scan"].map(
    (k) => `${k} ${m.text(k)}`,
  );
  if (what.length === 0 || what.includes("all")) {
    return [
      ...basic,
      pg_table(pgs),
      sums_table("", pool_rows(m.list("pool_stats")), false),
      sums_table("", [sum_row], false),
      osd_table(m.list("osd_stats"), osd_sum, pgs),
      "",
      NOTE,
    ].join("\n");
  }
  const parts: string[] = [];
  if (what.includes("delta")) parts.push(...basic_delta(m.at("pg_stats_delta")));
  if (what.includes("pgs")) parts.push(pg_table(pgs));
  if (what.includes("pools")) {
    parts.push(sums_table("POOLID", pool_rows(m.list("pool_stats")), true));
  }
  if (what.includes("osds")) parts.push(osd_table(m.list("osd_stats"), osd_sum, pgs));
  if (what.includes("sum") || what.includes("summary")) {
    parts.push(...basic, sums_table("PG_STAT", [sum_row], true));
    parts.push(osd_table([], osd_sum, []));
  }
  if (what.includes("pgs_brief") && !what.includes("pgs")) parts.push(brief_table(pgs));
  return [...parts, ...(parts.some((p) => p.includes("OMAP_BYTES*")) ? ["", NOTE] : [])].join("\n");
}
function basic_delta(d: Fields): string[] {
  const s = d.at("stat_sum");
  const keys = s.keys().filter((k) => s.num(k) !== 0);
  return [
    `delta over ${d.text("stamp_delta")} s`,
    ...(keys.length > 0 ? keys.map((k) => `  ${k} ${s.num(k)}`) : ["  nothing changed"]),
  ];
}

/** `[5,0,2]p5` */
function with_primary(s: Fields, what: "up" | "acting"): string {
  return `${format_osds(s.nums(what))}p${s.num(`${what}_primary`, -1)}`;
}
const LS_COLUMNS = [
  ..."OBJECTS DEGRADED MISPLACED UNFOUND BYTES OMAP_BYTES* OMAP_KEYS* LOG STATE SINCE".split(" "),
  ..."VERSION REPORTED UP ACTING SCRUB_STAMP DEEP_SCRUB_STAMP".split(" "),
];
export function render_pg_ls(v: unknown, now_ms: number): string {
  const stats = new Fields(v).list("pg_stats");
  const rows = stats.map((s) => {
    const t = s.at("stat_sum");
    const since = Date.parse(s.text("last_change").replace(/(\.\d{3})\d*\+0000$/, "$1Z"));
    return [
      s.text("pgid"),
      t.num("num_objects"),
      t.num("num_objects_degraded"),
      t.num("num_objects_misplaced"),
      t.num("num_objects_unfound"),
      t.num("num_bytes"),
      t.num("num_omap_bytes"),
      t.num("num_omap_keys"),
      s.num("log_size"),
      s.text("state"),
      Number.isFinite(since) ? format_age((now_ms - since) / 1000) : "-",
      s.text("version"),
      reported(s),
      with_primary(s, "up"),
      with_primary(s, "acting"),
      s.text("last_scrub_stamp"),
      s.text("last_deep_scrub_stamp"),
    ];
  });
  return `${table([left("PG"), ...LS_COLUMNS.map(num)], rows)}\n\n${NOTE}`;
}

export function render_stuck(v: unknown): string {
  const stats = new Fields(v).list("stuck_pg_stats");
  return stats.length === 0 ? "" : brief_table(stats);
}
