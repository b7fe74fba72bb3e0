/** Stamps as Ceph prints them (utime_t), from ms since 1970 and back. No Date: this is core code. */

import { MapError } from "./MapError.ts";

const DAY = 86_400;
const TEN_YEARS = 10 * 365 * DAY;

const two = (n: number) => String(n).padStart(2, "0");

/** Year, month 1..12, day of a day number counted from 1970-01-01, in the Gregorian calendar. */
function civil_from_days(days: number): [year: number, month: number, day: number] {
  // Years from March on: then the leap day is the last of its year.
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const doe = z - era * 146_097;
  const yoe = Math.floor(
    (doe - Math.floor(doe / 1460) + Math.floor(doe / 36_524) - Math.floor(doe / 146_096)) / 365,
  );
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  const day = doy - Math.floor((153 * mp + 2) / 5) + 1;
  return [yoe + era * 400 + (month <= 2 ? 1 : 0), month, day];
}
function days_from_civil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yoe = y - era * 400;
  const doy = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const doe = yoe * 365 + Math.floor(yoe / 4) - Math.floor(yoe / 100) + doy;
  return era * 146_097 + doe - 719_468;
}

const WEEKDAYS = "Thu Fri Sat Sun Mon Tue Wed".split(" ");
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
/** `Sun Nov 22 23:17:04 2026`: ctime(3), UTC. */
export function ctime_str(ms: number): string {
  const sec = Math.floor(ms / 1000);
  const days = Math.floor(sec / DAY);
  const of_day = sec - days * DAY;
  const [y, m, d] = civil_from_days(days);
  const time = [of_day / 3600, (of_day / 60) % 60, of_day % 60].map((n) => two(Math.floor(n)));
  return `${WEEKDAYS[days % 7]} ${MONTHS[m - 1]} ${String(d).padStart(2)} ${time.join(":")} ${y}`;
}

/** The newest answer: one moment is stamped on many things. */
let newest_ms = Number.NaN;
let newest_text = "";

/** `2026-11-22T15:10:54.660970+0000`; a small value is a duration and prints as `12.500000`. */
export function utime_str(ms: number): string {
  if (ms === newest_ms) return newest_text;
  newest_text = text_of(ms);
  newest_ms = ms;
  return newest_text;
}
function text_of(ms: number): string {
  const us = Math.round(ms * 1000);
  const sec = Math.floor(us / 1e6);
  const frac = String(us - sec * 1e6).padStart(6, "0");
  if (sec < TEN_YEARS) return `${sec}.${frac}`;
  return `${text_of_second(sec)}.${frac}+0000`;
}

/** What was printed last: stamps of one report lie in a few seconds. */
const seconds = new Map<number, string>();
const MAX_SECONDS = 256;

/** `2026-11-22T15:10:54` */
function text_of_second(sec: number): string {
  const known = seconds.get(sec);
  if (known !== undefined) return known;
  const [y, m, d] = civil_from_days(Math.floor(sec / DAY));
  const s = sec % DAY;
  const time = `${two(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  const text = `${y}-${two(m)}-${two(d)}T${time}`;
  if (seconds.size >= MAX_SECONDS) seconds.clear();
  seconds.set(sec, text);
  return text;
}

const STAMP_LENGTH = "2026-11-22T15:10:54.660970+0000".length;
const SECOND_LENGTH = "2026-11-22T15:10:54".length;
/** The newest second that was read. */
let read_text = "?";
let read_sec = 0;

/** Digits as a number; NaN when there is anything else. Monitors read stamps by the thousand. */
function digits(s: string, from: number, to: number): number {
  let n = 0;
  for (let i = from; i < to; i++) {
    const d = s.charCodeAt(i) - 48;
    if (!(d >= 0 && d <= 9)) return Number.NaN;
    n = n * 10 + d;
  }
  return n;
}

/** Inverse of {@link utime_str}; undefined for other text. */
export function utime_parse(s: string): number | undefined {
  if (s.length !== STAMP_LENGTH || !s.endsWith("+0000")) {
    return /^\d{1,9}\.\d{6}$/.test(s) ? Number(s) * 1000 : undefined;
  }
  if (s[SECOND_LENGTH] !== ".") return undefined;
  const sec = s.startsWith(read_text) ? read_sec : second_of(s);
  const ms = sec * 1000 + digits(s, SECOND_LENGTH + 1, STAMP_LENGTH - 5) / 1000;
  return Number.isNaN(ms) ? undefined : ms;
}
/** Since 1970; NaN when the text does not begin with one. */
function second_of(s: string): number {
  const fits = s[4] === "-" && s[7] === "-" && s[10] === "T" && s[13] === ":" && s[16] === ":";
  if (!fits) return Number.NaN;
  const days = days_from_civil(digits(s, 0, 4), digits(s, 5, 7), digits(s, 8, 10));
  const of_day = digits(s, 11, 13) * 3600 + digits(s, 14, 16) * 60 + digits(s, 17, 19);
  const sec = days * DAY + of_day;
  if (Number.isNaN(sec)) return sec;
  read_text = s.slice(0, SECOND_LENGTH);
  read_sec = sec;
  return sec;
}
/** As {@link utime_parse}; throws MapError. */
export function parse_stamp(s: string): number {
  const ms = utime_parse(s);
  if (ms === undefined) throw new MapError("bad_encoding", `not a stamp: ${s}`);
  return ms;
}
