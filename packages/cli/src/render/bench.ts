/** Table and summary of `rados bench`, with the columns and words of the original. */
import type { BenchLine, BenchResult } from "../bench/ObjBencher.ts";
import { format_float, format_stamp } from "./format.ts";

export type BenchKind = "write" | "seq" | "rand";

const HEADS = ["started", "finished", "avg MB/s", "cur MB/s"];
/** The heading comes again after so many lines. */
const PAGE = 20;

export function bench_line(l: BenchLine, now_ms: number): string {
  const cell = (v: number | string, width: number) =>
    ` ${(typeof v === "number" ? format_float(v) : v).padStart(width)}`;
  const row = [
    String(l.sec).padStart(5),
    cell(l.in_flight, 7),
    cell(l.started, 9),
    cell(l.finished, 9),
    cell(l.avg_bw, 9),
    cell(l.cur_bw ?? "0", 9),
    cell(l.last_lat ?? "-", 11),
    cell(l.avg_lat, 11),
  ].join("");
  if (l.sec % PAGE !== 0) return row;
  const head =
    "sec".padStart(5) +
    "Cur ops".padStart(8) +
    HEADS.map((h) => h.padStart(10)).join("") +
    "last lat(s)".padStart(12) +
    "avg lat(s)".padStart(12);
  if (l.sec === 0) return `${head}\n${row}`;
  const lat = `min lat: ${format_float(l.min_lat)} max lat: ${format_float(l.max_lat)}`;
  return `${format_stamp(now_ms)} ${lat} avg lat: ${format_float(l.avg_lat)}\n${head}\n${row}`;
}

function rows(r: BenchResult, kind: BenchKind, object_size: number): [string, number][] {
  const write = kind === "write";
  const verb = write ? "writes" : "reads";
  return [
    ["Total time run:", r.total_time],
    [`Total ${verb} made:`, r.finished],
    [write ? "Write size:" : "Read size:", r.op_size],
    ["Object size:", object_size],
    ["Bandwidth (MB/sec):", r.bandwidth],
    ...(write ? bandwidth_rows(r) : []),
    ["Average IOPS:", r.iops],
    ["Stddev IOPS:", r.iops_spread.stddev],
    ["Max IOPS:", Math.floor(r.iops_spread.max)],
    ["Min IOPS:", Math.floor(r.iops_spread.min)],
    ["Average Latency(s):", r.avg_lat],
    ...(write ? [["Stddev Latency(s):", r.latency.stddev] as [string, number]] : []),
    ["Max latency(s):", r.latency.max],
    ["Min latency(s):", r.latency.min],
  ];
}
function bandwidth_rows(r: BenchResult): [string, number][] {
  return [
    ["Stddev Bandwidth:", r.bandwidths.stddev],
    ["Max bandwidth (MB/sec):", r.bandwidths.max],
    ["Min bandwidth (MB/sec):", r.bandwidths.min],
  ];
}

export function render_bench(r: BenchResult, kind: BenchKind, object_size: number): string {
  const width = kind === "write" ? 24 : 22;
  return rows(r, kind, object_size)
    .map(([name, v]) => name.padEnd(width) + format_float(v, v >= 1000 ? 12 : 6))
    .join("\n");
}

/** The same for programs: `total_time_run`, `average_latency` ... */
export function bench_json(r: BenchResult, kind: BenchKind, object_size: number) {
  const keys = rows(r, kind, object_size).map(([name, v]) => {
    const key = name.replace(/ \(MB\/sec\)|\(s\)/, "").replace(/:$/, "");
    return [key.toLowerCase().replaceAll(" ", "_"), v] as const;
  });
  return Object.fromEntries(keys);
}
