/**
 * Stamps as Ceph prints them: `2026-11-22T15:11:03.476327+0000`. A pure function of the number; core
 * code has no Date. Ceph counterpart: utime_t::gmtime.
 */

const DAY_MS = 86_400_000;

function pad(n: number, width: number): string {
  return String(n).padStart(width, "0");
}

/** Year, month, day of a day number counted from 1970-01-01 (proleptic Gregorian). */
function civil(day: number): [number, number, number] {
  const z = day + 719_468;
  const era = Math.floor(z / 146_097);
  const doe = z - era * 146_097;
  const y4 = Math.floor(doe / 1460);
  const y100 = Math.floor(doe / 36_524);
  const yoe = Math.floor((doe - y4 + y100 - Math.floor(doe / 146_096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const d = doy - Math.floor((153 * mp + 2) / 5) + 1;
  const m = mp < 10 ? mp + 3 : mp - 9;
  return [yoe + era * 400 + (m <= 2 ? 1 : 0), m, d];
}

/** ms since 1970 as text; `0.000000` for "never". */
export function utime_str(ms: number): string {
  if (ms === 0) return "0.000000";
  const day = Math.floor(ms / DAY_MS);
  const in_day = ms - day * DAY_MS;
  const [y, m, d] = civil(day);
  const s = Math.floor(in_day / 1000);
  const us = Math.floor((in_day - s * 1000) * 1000);
  const hms = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60].map((n) => pad(n, 2));
  return `${pad(y, 4)}-${pad(m, 2)}-${pad(d, 2)}T${hms.join(":")}.${pad(us, 6)}+0000`;
}
