/** `status` as text. Ceph counterpart: Monitor::get_cluster_status, PGMapDigest::print_summary. */
import { health_colour, type Paint } from "./colour.ts";
import { Fields } from "./Fields.ts";
import { format_age, format_count, format_size } from "./format.ts";
import { health_lines, muted_text } from "./health.ts";

export interface StatusExtras {
  readonly now_ms: number;
  readonly paint: Paint;
  /** Flags of the OSDMap that somebody set: `noout,norecover`. The JSON does not have them. */
  readonly flags: string;
  /** Monitors of the map that are not in the quorum. */
  readonly out_of_quorum: readonly string[];
}

/** A section ends with a line of one space, as Ceph's do. */
const END = " ";

export function render_status(v: unknown, x: StatusExtras): string {
  const s = new Fields(v);
  const io = io_lines(s.at("pgmap"));
  return [
    "  cluster:",
    ...cluster_lines(s, x),
    END,
    "  services:",
    ...service_lines(s, x),
    END,
    "  data:",
    ...data_lines(s.at("pgmap")),
    END,
    ...(io.length > 0 ? ["  io:", ...io, END] : []),
  ].join("\n");
}

function cluster_lines(s: Fields, x: StatusExtras): string[] {
  const health = s.at("health");
  const status = health.text("status");
  const lines = health_lines(health).flatMap((l) => (l.muted ? [] : [l.summary]));
  const muted = muted_text(health, x.now_ms);
  return [
    `    id:     ${s.text("fsid")}`,
    `    health: ${x.paint(status, health_colour(status))}`,
    ...[...lines, ...(muted === "" ? [] : [muted])].map((t) => `            ${t}`),
  ];
}

function service_lines(s: Fields, x: StatusExtras): string[] {
  const names = s.texts("quorum_names").join(",");
  const age = format_age(s.num("quorum_age"));
  const out = x.out_of_quorum.length > 0 ? `, out of quorum: ${x.out_of_quorum.join(", ")}` : "";
  return [
    `    mon: ${s.at("monmap").num("num_mons")} daemons, quorum ${names} (age ${age})${out}`,
    `    osd: ${osd_line(s.at("osdmap"), x.now_ms)}`,
    ...(x.flags === "" ? [] : [`         flags ${x.flags}`]),
  ];
}

/** `3 osds: 2 up (since 13s), 3 in (since 52s); 4 remapped pgs` */
export function osd_line(m: Fields, now_ms: number): string {
  const since = (key: string) => {
    const at = m.num(key);
    return at > 0 ? ` (since ${format_age(now_ms / 1000 - at)})` : "";
  };
  const up = `${m.num("num_up_osds")} up${since("osd_up_since")}`;
  const inn = `${m.num("num_in_osds")} in${since("osd_in_since")}`;
  return `${m.num("num_osds")} osds: ${up}, ${inn}${remapped(m)}`;
}
export function remapped(m: Fields): string {
  const n = m.num("num_remapped_pgs");
  return n > 0 ? `; ${n} remapped pgs` : "";
}

function data_lines(p: Fields): string[] {
  const used = format_size(p.num("bytes_used"));
  const avail = `${format_size(p.num("bytes_avail"))} / ${format_size(p.num("bytes_total"))}`;
  const states = p.list("pgs_by_state").map((x) => [x.num("count"), x.text("state_name")] as const);
  const width = Math.max(1, ...states.map(([n]) => String(n).length));
  const pgs = [
    ...ratio_line(p, "unknown_pgs_ratio", "% pgs unknown"),
    ...ratio_line(p, "inactive_pgs_ratio", "% pgs not active"),
    ...object_lines(p),
    ...states.map(([n, name]) => `${String(n).padEnd(width)} ${name}`),
  ];
  return [
    `    pools:   ${p.num("num_pools")} pools, ${p.num("num_pgs")} pgs`,
    `    objects: ${format_count(p.num("num_objects"))} objects, ${format_size(p.num("data_bytes"))}`,
    `    usage:   ${used} used, ${avail} avail`,
    `    pgs:     ${pgs[0] ?? ""}`,
    ...pgs.slice(1).map((t) => `             ${t}`),
  ];
}
function ratio_line(p: Fields, key: string, what: string): string[] {
  return p.has(key) ? [`${(p.num(key) * 100).toFixed(3)}${what}`] : [];
}

/** `310/870 objects degraded (35.632%)`, and misplaced and unfound ones. */
export function object_lines(p: Fields): string[] {
  return ["degraded", "misplaced", "unfound"].flatMap((what) => {
    const n = p.num(`${what}_objects`);
    if (n === 0) return [];
    const total = p.num(`${what}_total`);
    const percent = total > 0 ? (n / total) * 100 : 0;
    return [`${n}/${total} objects ${what} (${percent.toFixed(3)}%)`];
  });
}

function io_lines(p: Fields): string[] {
  const client = client_io(p);
  const recovery = recovery_io(p);
  return [
    ...(client === "" ? [] : [`    client:   ${client}`]),
    ...(recovery === "" ? [] : [`    recovery: ${recovery}`]),
  ];
}
/** `108 KiB/s wr, 0 op/s rd, 27 op/s wr` */
export function client_io(p: Fields): string {
  if (!p.has("read_op_per_sec") && !p.has("write_op_per_sec")) return "";
  const parts: string[] = [];
  if (p.has("read_bytes_sec")) parts.push(`${format_size(p.num("read_bytes_sec"))}/s rd`);
  if (p.has("write_bytes_sec")) parts.push(`${format_size(p.num("write_bytes_sec"))}/s wr`);
  parts.push(`${format_count(p.num("read_op_per_sec"))} op/s rd`);
  parts.push(`${format_count(p.num("write_op_per_sec"))} op/s wr`);
  return parts.join(", ");
}
/** `4 MiB/s, 1 objects/s` */
export function recovery_io(p: Fields): string {
  if (!p.has("recovering_objects_per_sec")) return "";
  const keys = p.num("recovering_keys_per_sec");
  const parts = [`${format_size(p.num("recovering_bytes_per_sec"))}/s`];
  if (keys > 0) parts.push(`${format_count(keys)} keys/s`);
  parts.push(`${format_count(p.num("recovering_objects_per_sec"))} objects/s`);
  return parts.join(", ");
}
