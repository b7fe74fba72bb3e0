/** Numbers and times as Ceph prints them. */
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] as const;

/** 914628608 -> `872 MiB`; up to 99.9 keeps a digit (Ceph's byte_u_t). */
export function format_size(bytes: number): string {
  let v = Math.max(0, bytes);
  let unit = 0;
  while (v >= 1024 && unit < UNITS.length - 1) {
    v /= 1024;
    unit++;
  }
  return `${significant(v, unit)} ${UNITS[unit]}`;
}
function significant(v: number, unit: number): string {
  if (unit === 0 || Number.isInteger(v)) return String(Math.floor(v));
  if (v >= 100) return v.toFixed(0);
  return v >= 10 ? v.toFixed(0) : v.toFixed(1);
}
/** 1234567 -> `1.23M` (counts, powers of 1000). */
export function format_count(n: number): string {
  const units = ["", "k", "M", "G", "T", "P"];
  let v = n;
  let unit = 0;
  while (v >= 1000 && unit < units.length - 1) {
    v /= 1000;
    unit++;
  }
  if (unit === 0) return String(n);
  return `${v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2)}${units[unit]}`;
}
/** 33 -> `33s`, 300 -> `5m`, 7200 -> `2h` (Ceph's timespan in status). */
export function format_age(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 120) return `${s}s`;
  if (s < 120 * 60) return `${Math.floor(s / 60)}m`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)}h`;
  if (s < 14 * 86400) return `${Math.floor(s / 86400)}d`;
  if (s < 12 * 7 * 86400) return `${Math.floor(s / (7 * 86400))}w`;
  if (s < 2 * 365 * 86400) return `${Math.floor(s / (30 * 86400))}M`;
  return `${Math.floor(s / (365 * 86400))}y`;
}
/** Milliseconds since 1970 -> `2026-11-22T15:11:32.000000+0000`. */
export function local_stamp(ms: number): string {
  return new Date(ms).toISOString().replace(/(\.\d{3})Z$/, "$1000+0000");
}
