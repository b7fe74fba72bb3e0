/**
 * Values of the binary map that have other forms in OSDMap: stamps, uuids, names of releases and
 * of pool options.
 */
import type { pg_autoscale_mode_t } from "../pg_pool_t.ts";
import type { raw_pool_opt, raw_utime } from "./raw.ts";

/** To the microsecond, as Ceph prints it: what is below is cut. */
export function utime_to_ms([sec, nsec]: raw_utime): number {
  return sec * 1000 + Math.floor(nsec / 1000) / 1000;
}
export function ms_to_utime(ms: number, base: raw_utime | undefined): raw_utime {
  if (base && utime_to_ms(base) === ms) return base;
  const us = Math.round(ms * 1000);
  const sec = Math.floor(us / 1e6);
  return [sec, (us - sec * 1e6) * 1000];
}

export function uuid_to_text(b: Uint8Array): string {
  const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return [0, 8, 12, 16, 20].map((at, i, all) => hex.slice(at, all[i + 1])).join("-");
}
export function text_to_uuid(s: string): Uint8Array {
  const hex = s.replaceAll("-", "");
  return Uint8Array.from({ length: 16 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}

const AUTOSCALE_MODES: readonly pg_autoscale_mode_t[] = ["off", "warn", "on"];
export function autoscale_name(n: number): pg_autoscale_mode_t | undefined {
  return AUTOSCALE_MODES[n];
}
export function autoscale_number(mode: pg_autoscale_mode_t): number {
  return AUTOSCALE_MODES.indexOf(mode);
}

// By key.
const OPT_NAMES = [
  "scrub_min_interval",
  "scrub_max_interval",
  "deep_scrub_interval",
  "recovery_priority",
  "recovery_op_priority",
  "scrub_priority",
  "compression_mode",
  "compression_algorithm",
  "compression_required_ratio",
  "compression_max_blob_size",
  "compression_min_blob_size",
  "csum_type",
  "csum_max_block",
  "csum_min_block",
  "fingerprint_algorithm",
  "pg_num_min",
  "target_size_bytes",
  "target_size_ratio",
  "pg_autoscale_bias",
  "read_lease_interval",
  "dedup_tier",
  "dedup_chunk_algorithm",
  "dedup_cdc_chunk_size",
  "pg_num_max",
];
/** The options whose numbers have a fraction. */
const DOUBLES = new Set([
  "scrub_min_interval",
  "scrub_max_interval",
  "deep_scrub_interval",
  "compression_required_ratio",
  "target_size_ratio",
  "pg_autoscale_bias",
  "read_lease_interval",
]);

export function opt_name(key: number): string | undefined {
  return OPT_NAMES[key];
}
/** undefined: an option that Ceph does not have. */
export function opt_entry(name: string, v: string | number): [number, raw_pool_opt] | undefined {
  const key = OPT_NAMES.indexOf(name);
  if (key < 0) return undefined;
  if (typeof v === "string") return [key, { type: 0, v }];
  return DOUBLES.has(name) ? [key, { type: 2, v }] : [key, { type: 1, v: BigInt(Math.trunc(v)) }];
}
export function opt_value(o: raw_pool_opt): string | number {
  return typeof o.v === "bigint" ? Number(o.v) : o.v;
}
