/**
 * The part of a PG's info that every write changes, small: the whole info is written only when
 * something else in it changes too.
 * Ceph counterpart: pg_fast_info_t, PG::prepare_info_keymap's try_fast_info. peering.md §2.8.
 */
import {
  type epoch_t,
  type eversion_t,
  object_stat_sum_t,
  type pg_history_t,
  type pg_info_t,
} from "@tako/common";
import { pack, unpack } from "msgpackr";

/** In this order in the value: append only. */
const SUMS = Object.keys(object_stat_sum_t()) as (keyof object_stat_sum_t)[];
const HEAD_FIELDS = 5;

/** last_update, last_complete, last_user_version and the sums. */
export function encode_fast_info(info: pg_info_t): Uint8Array {
  const { last_update: lu, last_complete: lc, last_user_version } = info;
  const row = [lu.epoch, lu.version, lc.epoch, lc.version, last_user_version];
  const { stat_sum } = info.stats;
  for (const name of SUMS) row.push(stat_sum[name]);
  return pack(row);
}

/** `info` as it was when `bytes` were written; undefined when these are no fast info. */
export function apply_fast_info(info: pg_info_t, bytes: Uint8Array): pg_info_t | undefined {
  const row = numbers_of(bytes);
  if (row === undefined || row.length < HEAD_FIELDS) return undefined;
  const [lu_epoch, lu_version, lc_epoch, lc_version, last_user_version] = row;
  const last_update = version_of(lu_epoch, lu_version);
  const last_complete = version_of(lc_epoch, lc_version);
  if (!last_update || !last_complete || !is_count(last_user_version)) return undefined;
  const sums: Partial<object_stat_sum_t> = {};
  for (const [i, name] of SUMS.entries()) sums[name] = row[HEAD_FIELDS + i] ?? 0;
  const stats = { ...info.stats, stat_sum: object_stat_sum_t(sums) };
  return { ...info, last_update, last_complete, last_user_version, stats };
}

function numbers_of(bytes: Uint8Array): number[] | undefined {
  let row: unknown;
  try {
    row = unpack(bytes);
  } catch {
    return undefined;
  }
  return Array.isArray(row) && row.every((n) => Number.isFinite(n)) ? row : undefined;
}
function is_count(n: number | undefined): n is number {
  return n !== undefined && Number.isSafeInteger(n) && n >= 0;
}
function version_of(epoch: number | undefined, version: number | undefined) {
  return is_count(epoch) && is_count(version)
    ? ({ epoch, version } satisfies eversion_t)
    : undefined;
}

/** What is stored under `_info`. */
export interface StoredInfo {
  readonly epoch: epoch_t;
  readonly info: pg_info_t;
  readonly map_gap_end: epoch_t;
  /** undefined: written before PGs could split. */
  readonly split_pg_num: number | undefined;
}

/** What the stored whole info holds besides: as long as that stays, the fast info is enough. */
export class LastWrittenInfo {
  readonly #stored: Omit<StoredInfo, "info">;
  readonly #info: pg_info_t;

  constructor(stored: StoredInfo) {
    const { info } = stored;
    this.#stored = stored;
    this.#info = { ...info, stats: { ...info.stats }, history: { ...info.history } };
  }

  differs_from({ info, epoch, map_gap_end, split_pg_num }: StoredInfo): boolean {
    const was = this.#info;
    return (
      this.#stored.epoch !== epoch ||
      this.#stored.map_gap_end !== map_gap_end ||
      this.#stored.split_pg_num !== split_pg_num ||
      was.log_tail !== info.log_tail ||
      was.last_backfill !== info.last_backfill ||
      was.last_epoch_started !== info.last_epoch_started ||
      was.last_interval_started !== info.last_interval_started ||
      was.stats.stats_invalid !== info.stats.stats_invalid ||
      was.pgid !== info.pgid ||
      history_differs(was.history, info.history)
    );
  }
}

/** Versions are never changed in place, so another object is another version (or a needless write). */
function history_differs(a: pg_history_t, b: pg_history_t): boolean {
  let name: keyof pg_history_t;
  for (name in a) if (a[name] !== b[name]) return true;
  return false;
}
