/** Numbers and times as Ceph prints them. */
const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] as const;
const COUNTS = ["", "k", "M", "G", "T", "P", "E"] as const;
/** What a number and its unit may take together, where that can be had. */
const FITS = 7;

/** 914628608 -> `872 MiB`, 1269760 -> `1.2 MiB` (byte_u_t). */
export function format_size(bytes: number): string {
  return scaled(bytes, 1024, (unit) => ` ${BYTES[unit]}`, BYTES.length);
}
/** 100 -> `100`, 1234 -> `1.23k`: counts in powers of 1000 (si_u_t). */
export function format_count(n: number): string {
  return scaled(n, 1000, (unit) => COUNTS[unit] ?? "", COUNTS.length);
}
function scaled(
  value: number,
  base: number,
  suffix: (unit: number) => string,
  units: number,
): string {
  const v = Math.max(0, Math.floor(value));
  let unit = 0;
  let mult = 1;
  while (v / mult >= base && unit < units - 1) {
    mult *= base;
    unit++;
  }
  const texts = v % mult === 0 ? [0] : [2, 1, 0];
  const all = texts.map((digits) => `${(v / mult).toFixed(digits)}${suffix(unit)}`);
  return all.find((t) => t.length <= FITS) ?? all.at(-1) ?? "";
}

/** Ratio as a percentage with two digits; `0` for what would print as 0.00 (percentify). */
export function format_percent(ratio: number): string {
  return low_precision(ratio * 100);
}
/** Two digits, `0` for less than 0.01 (lowprecision_t). */
export function low_precision(v: number): string {
  return v < 0.01 ? "0" : v.toFixed(2);
}

/** A float as C++ streams print it: so many significant digits, no trailing zeros (`%g`). */
export function format_float(v: number, digits = 6): string {
  if (!Number.isFinite(v)) return String(v);
  if (v === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(Number(v.toPrecision(digits)))));
  if (exponent >= -4 && exponent < digits) return String(Number(v.toPrecision(digits)));
  const [mantissa = "", power = "0"] = v.toExponential(digits - 1).split("e");
  const sign = power.startsWith("-") ? "-" : "+";
  return `${Number(mantissa)}e${sign}${power.replace(/^[+-]/, "").padStart(2, "0")}`;
}

/** 33 -> `33s`, 300 -> `5m`, 7200 -> `2h` (timespan_str). */
export function format_age(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 120) return `${s}s`;
  const m = Math.floor(s / 60);
  if (m < 120) return `${m}m`;
  const h = Math.floor(m / 60);
  if (h < 48) return `${h}h`;
  const d = Math.floor(h / 24);
  if (d < 14) return `${d}d`;
  const w = Math.floor(d / 7);
  if (w < 12) return `${w}w`;
  const months = Math.floor(d / 30);
  return months < 24 ? `${months}M` : `${Math.floor(d / 365)}y`;
}

/** Milliseconds since 1970 -> `2026-11-22T15:11:32.000000+0000`. */
export function format_stamp(ms: number): string {
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return "0.000000";
  return new Date(ms).toISOString().replace(/(\.\d{3})Z$/, "$1000+0000");
}

/** `[0,1,2]`; the hole of an erasure-coded PG is NONE. */
export function format_osds(osds: readonly number[]): string {
  return `[${osds.map((o) => (o === 0x7fffffff ? "NONE" : o)).join(",")}]`;
}

/** A weight with five digits; nothing at all is `0` (weightf_t). */
export function format_weight(w: number): string {
  // A float, and in C a tie goes to the even digit: 0.015625 is 0.01562. The product is exact.
  const v = Math.fround(w);
  if (v < 0.000001) return "0";
  const n = Math.floor(v * 1e5);
  const rest = v * 1e5 - n;
  const up = rest > 0.5 || (rest === 0.5 && n % 2 === 1) ? 1 : 0;
  const digits = String(n + up).padStart(6, "0");
  return `${digits.slice(0, -5)}.${digits.slice(-5)}`;
}
