/**
 * Stamps as Ceph prints and we keep them: `2026-11-22T15:11:20.316448+0000` <-> ms since 1970.
 * Written out because the core has no Date. Ceph counterpart: utime_t (src/include/utime.h).
 */

const DAY_MS = 86_400_000;

/** Days since 1970-01-01 of a date in the Gregorian calendar. */
function days_of(year: number, month: number, day: number): number {
  // Years begin in March here, so that the leap day is a year's last day.
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const year_of_era = y - era * 400;
  const day_of_year = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const leap = Math.floor(year_of_era / 4) - Math.floor(year_of_era / 100);
  return era * 146_097 + year_of_era * 365 + leap + day_of_year - 719_468;
}

function date_of(days: number): [year: number, month: number, day: number] {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const d = z - era * 146_097;
  const y = Math.floor(
    (d - Math.floor(d / 1460) + Math.floor(d / 36_524) - Math.floor(d / 146_096)) / 365,
  );
  const day_of_year = d - (365 * y + Math.floor(y / 4) - Math.floor(y / 100));
  const m = Math.floor((5 * day_of_year + 2) / 153);
  const month = m < 10 ? m + 3 : m - 9;
  const day = day_of_year - Math.floor((153 * m + 2) / 5) + 1;
  return [y + era * 400 + (month <= 2 ? 1 : 0), month, day];
}

const pad = (n: number, width = 2) => String(n).padStart(width, "0");

/** As in `pg dump`. 0 = never. */
export function utime_str(ms: number): string {
  if (!Number.isFinite(ms) || ms <= 0) return "0.000000";
  const days = Math.floor(ms / DAY_MS);
  const [y, mo, d] = date_of(days);
  const micros = Math.round((ms - days * DAY_MS) * 1000);
  const s = Math.floor(micros / 1_000_000);
  const time = `${pad(Math.floor(s / 3600))}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
  return `${pad(y, 4)}-${pad(mo)}-${pad(d)}T${time}.${pad(micros % 1_000_000, 6)}+0000`;
}

const UTIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:Z|\+0000)$/;

/** Inverse of utime_str; also takes plain milliseconds. 0 for anything else. */
export function utime_ms(v: unknown): number {
  if (typeof v === "number") return Number.isFinite(v) && v > 0 ? v : 0;
  const m = typeof v === "string" ? UTIME.exec(v) : null;
  if (!m) return 0;
  const [y, mo, d, h, mi, s] = m.slice(1, 7).map(Number);
  const day_ms = days_of(y ?? 0, mo ?? 0, d ?? 0) * DAY_MS;
  return day_ms + (((h ?? 0) * 60 + (mi ?? 0)) * 60 + (s ?? 0)) * 1000 + Number(m[7] ?? 0) * 1000;
}
