/** Stamps that OSDs report, as milliseconds. */
import { utime_parse } from "@tako/common";

/** Inverse of utime_str; also takes plain milliseconds. 0 ("never") for anything else. */
export function utime_ms(v: unknown): number {
  if (typeof v === "number") return Number.isFinite(v) && v > 0 ? v : 0;
  return (typeof v === "string" ? utime_parse(v) : undefined) ?? 0;
}
