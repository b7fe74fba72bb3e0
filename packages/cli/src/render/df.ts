/** `df`, `osd df` and `rados df` as text. Ceph counterpart: PGMap::dump_cluster_stats and others. */
import { Fields } from "./Fields.ts";
import { format_count, format_percent, format_size, low_precision } from "./format.ts";
import { type Column, left, num, right, table } from "./table.ts";

/** `pg_num` of a pool: the JSON does not have it. */
export type PgNum = (pool: number) => number;

export function render_df(v: unknown, pg_num: PgNum, detail: boolean): string {
  const d = new Fields(v);
  const by_class = d.at("stats_by_class");
  const raw = [
    ...by_class.keys().map((name) => raw_row(name === "" ? "-" : name, by_class.at(name))),
    raw_row("TOTAL", d.at("stats")),
  ];
  const raw_head = ["SIZE", "AVAIL", "USED", "RAW USED", "%RAW USED"].map(right);
  const pool_head = ["ID", "PGS", "STORED", "OBJECTS", "USED", "%USED", "MAX AVAIL"];
  const more = detail ? ["QUOTA OBJECTS", "QUOTA BYTES", "DIRTY"] : [];
  const columns: Column[] = [left("POOL"), ...[...pool_head, ...more].map(right)];
  const pools = d.list("pools").map((p) => pool_row(p, pg_num(p.num("id")), detail));
  return [
    "--- RAW STORAGE ---",
    table([left("CLASS"), ...raw_head], raw),
    " ",
    "--- POOLS ---",
    table(columns, pools),
  ].join("\n");
}
function raw_row(name: string, s: Fields): string[] {
  return [
    name,
    format_size(s.num("total_bytes")),
    format_size(s.num("total_avail_bytes")),
    format_size(s.num("total_used_bytes")),
    format_size(s.num("total_used_raw_bytes")),
    format_percent(s.num("total_used_raw_ratio")),
  ];
}
function pool_row(p: Fields, pg_num: number, detail: boolean): (string | number)[] {
  const s = p.at("stats");
  const quota = (n: number, text: (n: number) => string) => (n > 0 ? text(n) : "N/A");
  const row = [
    p.text("name"),
    p.num("id"),
    pg_num,
    format_size(s.num("stored")),
    format_count(s.num("objects")),
    format_size(s.num("bytes_used")),
    format_percent(s.num("percent_used")),
    format_size(s.num("max_avail")),
  ];
  if (!detail) return row;
  return [
    ...row,
    quota(s.num("quota_objects"), format_count),
    quota(s.num("quota_bytes"), format_size),
    s.has("dirty") ? format_count(s.num("dirty")) : "N/A",
  ];
}

const USE = ["kb", "kb_used", "kb_used_data", "kb_used_omap", "kb_used_meta", "kb_avail"];

/** With the hierarchy when `tree`. */
export function render_osd_df(v: unknown, tree: boolean): string {
  const d = new Fields(v);
  const heads = [
    ..."ID CLASS WEIGHT REWEIGHT SIZE".split(" "),
    "RAW USE",
    ..."DATA OMAP META AVAIL %USE VAR PGS STATUS".split(" "),
  ];
  const columns = [...heads.map(num), ...(tree ? [left("TYPE NAME")] : [])];
  const rows = [...d.list("nodes"), ...d.list("stray")].map((n) => osd_df_row(n, tree));
  const s = d.at("summary");
  const total = ["", "", "", "TOTAL", ...USE.map((k) => kb(s, `total_${k}`))];
  const all = [...rows, [...total, low_precision(s.num("average_utilization"))]];
  const vars = `${low_precision(s.num("min_var"))}/${low_precision(s.num("max_var"))}`;
  return `${table(columns, all)}\nMIN/MAX VAR: ${vars}  STDDEV: ${low_precision(s.num("dev"))}`;
}
function kb(f: Fields, key: string): string {
  return format_size(f.num(key) * 1024);
}
function osd_df_row(n: Fields, tree: boolean): (string | number)[] {
  const bucket = n.num("id") < 0;
  const row = [
    n.num("id"),
    n.text("device_class"),
    n.num("crush_weight").toFixed(5),
    bucket ? "-" : n.num("reweight").toFixed(5),
    ...USE.map((k) => kb(n, k)),
    low_precision(n.num("utilization")),
    low_precision(n.num("var")),
    bucket ? "-" : n.num("pgs"),
    n.text("status"),
  ];
  if (!tree) return row;
  const name = bucket ? `${n.text("type")} ${n.text("name")}` : n.text("name");
  return [...row, "    ".repeat(n.num("depth")) + name];
}

const RADOS_DF = [
  ..."POOL_NAME USED OBJECTS CLONES COPIES MISSING_ON_PRIMARY UNFOUND DEGRADED".split(" "),
  ..."RD_OPS RD WR_OPS WR".split(" "),
  "USED COMPR",
  "UNDER COMPR",
];
export function render_rados_df(v: unknown): string {
  const d = new Fields(v);
  const [first = "", ...others] = RADOS_DF;
  const rows = d
    .list("pools")
    .map((p) => [
      p.text("name"),
      format_size(p.num("size_bytes")),
      p.num("num_objects"),
      p.num("num_object_clones"),
      p.num("num_object_copies"),
      p.num("num_objects_missing_on_primary"),
      p.num("num_objects_unfound"),
      p.num("num_objects_degraded"),
      p.num("read_ops"),
      format_size(p.num("read_bytes")),
      p.num("write_ops"),
      format_size(p.num("write_bytes")),
      format_size(p.num("compress_bytes_used")),
      format_size(p.num("compress_under_bytes")),
    ]);
  return [
    table([left(first), ...others.map(right)], rows),
    "",
    `total_objects    ${d.num("total_objects")}`,
    `total_used       ${kb(d, "total_used")}`,
    `total_avail      ${kb(d, "total_avail")}`,
    `total_space      ${kb(d, "total_space")}`,
  ].join("\n");
}
