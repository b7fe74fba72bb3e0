/** Checks of what was read back from a disk: a PG's info and past intervals. */
import {
  type eversion_t,
  type past_intervals_wire_t,
  pg_history_t,
  type pg_info_t,
} from "@tako/common";

type Rec = Readonly<Record<string, unknown>>;

function is_rec(x: unknown): x is Rec {
  return typeof x === "object" && x !== null && !Array.isArray(x);
}
function is_count(x: unknown): x is number {
  return typeof x === "number" && Number.isSafeInteger(x) && x >= 0;
}
function is_eversion(x: unknown): x is eversion_t {
  return is_rec(x) && is_count(x.epoch) && is_count(x.version);
}
/** Every field of a blank history, with a value of the same kind. */
function is_history(x: unknown): x is pg_history_t {
  if (!is_rec(x)) return false;
  return Object.entries(pg_history_t()).every(([field, blank]) => {
    const v = x[field];
    if (typeof blank === "object") return is_eversion(v);
    return typeof v === "number" && Number.isFinite(v);
  });
}
function is_stats(x: unknown): boolean {
  if (!is_rec(x) || typeof x.stats_invalid !== "boolean") return false;
  const sum = x.stat_sum;
  return is_rec(sum) && Object.values(sum).every((v) => typeof v === "number");
}

export function is_pg_info(x: unknown): x is pg_info_t {
  return (
    is_rec(x) &&
    typeof x.pgid === "string" &&
    is_eversion(x.last_update) &&
    is_eversion(x.last_complete) &&
    is_eversion(x.log_tail) &&
    typeof x.last_backfill === "string" &&
    is_count(x.last_epoch_started) &&
    is_count(x.last_interval_started) &&
    is_count(x.last_user_version) &&
    is_history(x.history) &&
    is_stats(x.stats)
  );
}

function is_shards(x: unknown): boolean {
  return Array.isArray(x) && x.every((s) => typeof s === "string" && /^\d+(\(\d+\))?$/.test(s));
}
export function is_past_intervals(x: unknown): x is past_intervals_wire_t {
  if (!is_rec(x) || !is_count(x.first) || !is_count(x.last)) return false;
  const intervals = x.intervals;
  if (!is_shards(x.all_participants) || !Array.isArray(intervals)) return false;
  return intervals.every(
    (i) => is_rec(i) && is_count(i.first) && is_count(i.last) && is_shards(i.acting),
  );
}
