/**
 * The part of a PG's info that changes all the time, small: the whole info is written only when
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

/** What is stored under `_info`. */
export interface StoredInfo {
  readonly epoch: epoch_t;
  readonly info: pg_info_t;
  readonly map_gap_end: epoch_t;
  /** undefined: written before PGs could split. */
  readonly split_pg_num: number | undefined;
}

/**
 * `[head, sums]`. The head is what a write, a trim of the log, a map without consequences or a lease
 * changes; the sums as far as the last that is not 0.
 */
export function encode_fast_info({ info, epoch }: StoredInfo): Uint8Array {
  const { last_update: lu, last_complete: lc, log_tail: lt, history } = info;
  const head = [
    lu.epoch,
    lu.version,
    lc.epoch,
    lc.version,
    info.last_user_version,
    epoch,
    lt.epoch,
    lt.version,
    history.prior_readable_until_ub,
  ];
  return pack([head, sums_to_row(info.stats.stat_sum)]);
}

/** `whole` as it was when `bytes` were written; undefined when these are no fast info. */
export function apply_fast_info(whole: StoredInfo, bytes: Uint8Array): StoredInfo | undefined {
  const row = unpack_row(bytes);
  if (row === undefined) return undefined;
  // As it was written at first: the first five of the head and the sums in one row.
  const [head, sums] = Array.isArray(row[0]) ? row : [row.slice(0, 5), row.slice(5)];
  if (!is_numbers(head) || !is_numbers(sums)) return undefined;
  const [lu_epoch, lu_version, lc_epoch, lc_version, last_user_version] = head;
  const last_update = version_of(lu_epoch, lu_version);
  const last_complete = version_of(lc_epoch, lc_version);
  if (!last_update || !last_complete || !is_count(last_user_version)) return undefined;
  const stats = { ...whole.info.stats, stat_sum: sums_from_row(sums) };
  const info = { ...whole.info, last_update, last_complete, last_user_version, stats };
  return head.length > 5
    ? with_later_fields({ ...whole, info }, head.slice(5))
    : { ...whole, info };
}

function with_later_fields(s: StoredInfo, row: readonly number[]): StoredInfo | undefined {
  const [epoch, lt_epoch, lt_version, prior_readable_until_ub] = row;
  const log_tail = version_of(lt_epoch, lt_version);
  if (!is_count(epoch) || !log_tail || prior_readable_until_ub === undefined) return undefined;
  const history = { ...s.info.history, prior_readable_until_ub };
  return { ...s, epoch, info: { ...s.info, log_tail, history } };
}

function sums_to_row(sum: object_stat_sum_t): number[] {
  const row: number[] = [];
  let used = 0;
  for (const name of SUMS) {
    const n = sum[name];
    row.push(n);
    if (n !== 0) used = row.length;
  }
  row.length = used;
  return row;
}
function sums_from_row(row: readonly number[]): object_stat_sum_t {
  const sums: Partial<object_stat_sum_t> = {};
  for (const [i, name] of SUMS.entries()) sums[name] = row[i] ?? 0;
  return object_stat_sum_t(sums);
}

function unpack_row(bytes: Uint8Array): unknown[] | undefined {
  try {
    const row: unknown = unpack(bytes);
    return Array.isArray(row) ? row : undefined;
  } catch {
    return undefined;
  }
}
function is_numbers(x: unknown): x is number[] {
  return Array.isArray(x) && x.every((n) => Number.isFinite(n));
}
function is_count(n: number | undefined): n is number {
  return n !== undefined && Number.isSafeInteger(n) && n >= 0;
}
function version_of(epoch: number | undefined, version: number | undefined) {
  return is_count(epoch) && is_count(version)
    ? ({ epoch, version } satisfies eversion_t)
    : undefined;
}

/** What the stored whole info holds besides: as long as that stays, the fast info is enough. */
export class LastWrittenInfo {
  readonly #stored: StoredInfo;

  constructor(stored: StoredInfo) {
    const { info } = stored;
    // All of them are changed in place.
    const [stats, history] = [{ ...info.stats }, { ...info.history }];
    this.#stored = { ...stored, info: { ...info, stats, history } };
  }

  differs_from({ info, map_gap_end, split_pg_num }: StoredInfo): boolean {
    const { info: was } = this.#stored;
    return (
      this.#stored.map_gap_end !== map_gap_end ||
      this.#stored.split_pg_num !== split_pg_num ||
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
  for (name in a) if (name !== "prior_readable_until_ub" && a[name] !== b[name]) return true;
  return false;
}
