/**
 * How a PG's info and past intervals lie in the omap of its metadata object. Log and missing set
 * lie beside them and are PGLog's. Everything is written with the transaction of the change.
 * Ceph counterpart: PG::prepare_info_keymap, PG::read_info, PeeringState::init, write_if_dirty.
 * peering.md §2.1, §2.8.
 *
 *   _info      pg_info_t without its sums, and the epoch it belongs to (JSON)
 *   _fastinfo  what changes all the time; with every change, also of _info (fast_info.ts)
 *   _biginfo   past intervals (JSON)
 */
import {
  type epoch_t,
  is_erasure,
  is_hobject,
  make_hobject,
  object_stat_sum_t,
  PastIntervals,
  type past_intervals_wire_t,
  type pg_history_t,
  pg_info_t,
  pg_pool,
  pg_ps,
  StoreError,
  type spg_t,
} from "@tako/common";
import type { log_place_t } from "../pg/PGLog.ts";
import type { coll_t, ObjectStore } from "../store/ObjectStore.ts";
import type { Transaction } from "../store/Transaction.ts";
import {
  apply_fast_info,
  encode_fast_info,
  LastWrittenInfo,
  type StoredInfo,
} from "./fast_info.ts";
import { set_mapping_of_map } from "./interval.ts";
import { get_readable_interval, restore_leases } from "./leases.ts";
import type { PeeringState } from "./PeeringState.ts";
import { is_past_intervals, is_pg_info } from "./stored_info.ts";

const INFO_KEY = "_info";
const FASTINFO_KEY = "_fastinfo";
const BIGINFO_KEY = "_biginfo";

export function place_of(spgid: spg_t, require_rollback: boolean): log_place_t {
  const coll: coll_t = `${spgid}_head`;
  const oid = make_hobject({ pool: pg_pool(spgid), hash: pg_ps(spgid), oid: "" });
  return { coll, oid, require_rollback };
}

// ---------------------------------------------------------------- writing

const utf8 = new TextEncoder();
function encode(x: unknown): Uint8Array {
  return utf8.encode(JSON.stringify(x));
}

/** Without the sums: they are in the fast info. */
function encode_info(stored: StoredInfo): Uint8Array {
  const { info } = stored;
  return encode({ ...stored, info: { ...info, stats: { ...info.stats, stat_sum: {} } } });
}

export function write_if_dirty(ps: PeeringState, t: Transaction): void {
  // A PG whose metadata is being removed must not come back.
  if (ps.deleted || !ps.dirty()) return;
  ps.place ??= place_of(ps.spgid, is_erasure(ps.pool.info));
  const { place, info, map_gap_end, split_pg_num } = ps;
  // The log keeps parts of the info in step, so a changed log is a changed info.
  const epoch = ps.get_osdmap_epoch();
  const stored: StoredInfo = { epoch, info, map_gap_end, split_pg_num };
  const vals = new Map([[FASTINFO_KEY, encode_fast_info(stored)]]);
  if (ps.last_written_info?.differs_from(stored) ?? true) {
    vals.set(INFO_KEY, encode_info(stored));
    ps.last_written_info = new LastWrittenInfo(stored);
  }
  if (ps.dirty_big_info) vals.set(BIGINFO_KEY, encode(ps.past_intervals.to_wire()));
  ps.pg_log.write_log_and_missing(t, place, vals);
  t.omap_setkeys(place.coll, place.oid, vals);
  ps.last_persisted_epoch = epoch;
  ps.dirty_info = false;
  ps.dirty_big_info = false;
}

export function init_new(
  ps: PeeringState,
  history: pg_history_t,
  past: past_intervals_wire_t | PastIntervals,
  t: Transaction,
): void {
  set_mapping_of_map(ps);
  ps.info = pg_info_t(ps.spgid, { history: { ...history } });
  restore_leases(ps, 0);
  ps.past_intervals = past instanceof PastIntervals ? past.copy() : PastIntervals.from_wire(past);
  if (history.last_epoch_clean >= history.same_interval_since) ps.past_intervals.clear();
  // Whoever told us may have skipped maps, and knows no more of the past than this.
  const known_since = ps.past_intervals.empty()
    ? history.same_interval_since
    : ps.past_intervals.first;
  if (known_since > history.last_epoch_clean) ps.map_gap_end = known_since;
  const { coll, oid } = place_of(ps.spgid, false);
  t.touch(coll, oid);
  ps.last_written_info = undefined;
  ps.pg_log.mark_log_for_rewrite();
  ps.dirty_info = true;
  ps.dirty_big_info = true;
  write_if_dirty(ps, t);
}

// ---------------------------------------------------------------- reading

function corrupt(spgid: spg_t, what: string, cause?: unknown): StoreError {
  const text = `pg ${spgid}: ${what}`;
  const detail = { code: "corrupt", path: place_of(spgid, false).coll, what: text } as const;
  return new StoreError(text, detail, { cause });
}

function read_json(store: ObjectStore, spgid: spg_t, key: string): unknown {
  const { coll, oid } = place_of(spgid, false);
  const bytes = store.omap_get_values(coll, oid, [key])?.get(key);
  if (!bytes) throw corrupt(spgid, `metadata key ${key} is missing`);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw corrupt(spgid, `metadata key ${key} is not readable`, cause);
  }
}

function read_info(store: ObjectStore, spgid: spg_t): StoredInfo {
  const x = read_json(store, spgid, INFO_KEY);
  if (typeof x !== "object" || x === null) throw corrupt(spgid, "the info is no object");
  const { epoch, info, map_gap_end, split_pg_num }: Partial<Record<keyof StoredInfo, unknown>> = x;
  if (!Number.isSafeInteger(epoch) || Number(epoch) < 1) {
    throw corrupt(spgid, "the info has no valid epoch");
  }
  if (!is_pg_info(info)) throw corrupt(spgid, "the info does not have the expected fields");
  if (info.pgid !== spgid) throw corrupt(spgid, `the info is that of pg ${info.pgid}`);
  if (!is_hobject(info.last_backfill)) throw corrupt(spgid, "last_backfill is no object name");
  const stat_sum = object_stat_sum_t(info.stats.stat_sum);
  const gap = Number.isSafeInteger(map_gap_end) ? Number(map_gap_end) : 0;
  const whole = { ...info, stats: { ...info.stats, stat_sum } };
  return with_fast_info(store, {
    epoch: Number(epoch),
    info: whole,
    map_gap_end: gap,
    split_pg_num: Number.isSafeInteger(split_pg_num) ? Number(split_pg_num) : undefined,
  });
}

function with_fast_info(store: ObjectStore, whole: StoredInfo): StoredInfo {
  const { pgid } = whole.info;
  const { coll, oid } = place_of(pgid, false);
  const bytes = store.omap_get_values(coll, oid, [FASTINFO_KEY])?.get(FASTINFO_KEY);
  // Written with every info since there is one; a store from before has the whole info only.
  if (!bytes) return whole;
  const stored = apply_fast_info(whole, bytes);
  if (!stored) throw corrupt(pgid, `metadata key ${FASTINFO_KEY} is not readable`);
  return stored;
}

export function peek_map_epoch(store: ObjectStore, spgid: spg_t): epoch_t {
  return read_info(store, spgid).epoch;
}

export function load(ps: PeeringState, store: ObjectStore): PeeringState {
  set_mapping_of_map(ps);
  const { epoch, info, map_gap_end, split_pg_num } = read_info(store, ps.spgid);
  const past = read_json(store, ps.spgid, BIGINFO_KEY);
  if (!is_past_intervals(past)) throw corrupt(ps.spgid, "the past intervals are not readable");
  ps.info = info;
  restore_leases(ps, get_readable_interval(ps));
  ps.map_gap_end = map_gap_end;
  ps.split_pg_num = split_pg_num ?? ps.pool.info.pg_num;
  ps.past_intervals = PastIntervals.from_wire(past);
  ps.last_persisted_epoch = epoch;
  const place = place_of(ps.spgid, is_erasure(ps.pool.info));
  ps.pg_log.read_log_and_missing(store, place, info);
  ps.last_complete_ondisk = info.last_complete;
  ps.last_update_applied = info.last_update;
  return ps;
}
