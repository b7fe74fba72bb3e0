/**
 * Writing a PG's log and missing set into its metadata object, and reading them at load.
 * Only what changed is written: a client write costs one key. Head and tail are not stored here:
 * they are last_update and log_tail of the info, written in the same transaction.
 * Ceph counterpart: PGLog::_write_log_and_missing, read_log_and_missing. peering.md §2.8.
 */
import {
  ev_eq,
  ev_gt,
  ev_le,
  ev_lt,
  ev_max,
  ev_min,
  type eversion_t,
  type hobject_t,
  type pg_info_t,
  type pg_log_dup_t,
  type pg_log_entry_t,
  type pg_missing_item_t,
  StoreError,
} from "@tako/common";
import type { coll_t, ObjectStore } from "../store/ObjectStore.ts";
import type { Transaction } from "../store/Transaction.ts";
import type { IndexedLog } from "./IndexedLog.ts";
import {
  after_key,
  BadValue,
  DELETES_KEY,
  DUP_END,
  DUP_PREFIX,
  decode_dups,
  decode_entry,
  decode_missing_item,
  decode_missing_oid,
  decode_rollback,
  dup_key,
  encode_dups,
  encode_entry,
  encode_missing_item,
  encode_rollback,
  type Interner,
  LOG_BEGIN,
  LOG_END,
  log_key,
  MISSING_END,
  MISSING_PREFIX,
  missing_key,
  parse_log_key,
  ROLLBACK_KEY,
} from "./log_codec.ts";
import type { pg_missing_tracker_t } from "./pg_missing.ts";

/** Where the log of a PG lies. */
export interface log_place_t {
  readonly coll: coll_t;
  readonly oid: hobject_t;
  /** Erasure-coded: the rollback bounds are stored too. */
  readonly require_rollback: boolean;
}

/** A stretch of versions, both ends included. */
interface span_t {
  readonly from: eversion_t;
  readonly to: eversion_t;
}

/** What of a log differs from what is stored. */
export class LogDirt {
  /** Everything, and whatever is stored is to go first: the state of a PG never written. */
  all = true;
  /** Stored entries from here on are to go. */
  remove_from: eversion_t | undefined;
  /** Entries from here on are to be written. */
  write_from: eversion_t | undefined;
  /** Entries up to here are to be written. */
  write_to: eversion_t | undefined;
  trimmed: span_t | undefined;
  all_dups = false;
  write_dups_from: eversion_t | undefined;
  trimmed_dups: span_t | undefined;
  rollback = false;

  any(): boolean {
    return (
      this.all ||
      this.rollback ||
      this.all_dups ||
      this.write_from !== undefined ||
      this.remove_from !== undefined ||
      this.write_to !== undefined ||
      this.trimmed !== undefined ||
      this.write_dups_from !== undefined ||
      this.trimmed_dups !== undefined
    );
  }
  mark_appended(v: eversion_t): void {
    if (!this.write_from || ev_lt(v, this.write_from)) this.write_from = v;
  }
  mark_prepended(v: eversion_t): void {
    this.write_to = this.write_to ? ev_max(v, this.write_to) : v;
  }
  mark_cut(v: eversion_t): void {
    this.remove_from = this.remove_from ? ev_min(v, this.remove_from) : v;
  }
  mark_trimmed(from: eversion_t, to: eversion_t): void {
    this.trimmed = join(this.trimmed, from, to);
  }
  mark_new_dups(v: eversion_t): void {
    this.write_dups_from ??= v;
  }
  mark_trimmed_dups(from: eversion_t, to: eversion_t): void {
    this.trimmed_dups = join(this.trimmed_dups, from, to);
  }
  reset(): void {
    this.all = this.all_dups = this.rollback = false;
    this.remove_from = this.write_from = this.write_to = this.write_dups_from = undefined;
    this.trimmed = this.trimmed_dups = undefined;
  }
}

function join(s: span_t | undefined, from: eversion_t, to: eversion_t): span_t {
  return s ? { from: ev_min(s.from, from), to: ev_max(s.to, to) } : { from, to };
}

// ---------------------------------------------------------------- writing

/**
 * Takes the changes off `dirt` and `missing`: removals go into `t`, keys to be set behind them into
 * `set`, which the caller may have others in.
 */
export function write_log_and_missing(
  t: Transaction,
  place: log_place_t,
  set: Map<string, Uint8Array>,
  log: IndexedLog,
  missing: pg_missing_tracker_t,
  dirt: LogDirt,
): void {
  remove_ranges(t, place, dirt);
  put_entries(log, dirt, set);
  put_dups(log, dirt, set);
  put_missing(t, place, missing, dirt, set);
  if (place.require_rollback && (dirt.all || dirt.rollback)) {
    set.set(ROLLBACK_KEY, encode_rollback(log.can_rollback_to, log.rollback_info_trimmed_to));
  }
  dirt.reset();
  missing.flush();
}

function remove_ranges(t: Transaction, { coll, oid }: log_place_t, dirt: LogDirt): void {
  const rm = (first: string, last: string) => t.omap_rmkeyrange(coll, oid, first, last);
  if (dirt.all) {
    rm(LOG_BEGIN, LOG_END);
    rm(MISSING_PREFIX, MISSING_END);
  } else {
    if (dirt.trimmed) rm(log_key(dirt.trimmed.from), after_key(log_key(dirt.trimmed.to)));
    if (dirt.remove_from) rm(log_key(dirt.remove_from), LOG_END);
  }
  if (dirt.all || dirt.all_dups) rm(DUP_PREFIX, DUP_END);
  else if (dirt.trimmed_dups) {
    rm(dup_key(dirt.trimmed_dups.from), after_key(dup_key(dirt.trimmed_dups.to)));
  }
}

function put_entries(log: IndexedLog, dirt: LogDirt, set: Map<string, Uint8Array>): void {
  const put = (from: number, to: number) => {
    for (let p = from; p < to; p++) {
      const e = log.log.at(p);
      set.set(log_key(e.version), encode_entry(e));
    }
  };
  const { begin, end } = log.log;
  if (dirt.all) {
    put(begin, end);
    return;
  }
  if (dirt.write_to) put(begin, log.log.upper_bound(dirt.write_to));
  // What a cut took away by range and the log still has must be put back.
  const from =
    dirt.remove_from && dirt.write_from
      ? ev_min(dirt.remove_from, dirt.write_from)
      : (dirt.remove_from ?? dirt.write_from);
  if (from) put(log.log.lower_bound(from), end);
}

function put_dups(log: IndexedLog, dirt: LogDirt, set: Map<string, Uint8Array>): void {
  const all = dirt.all || dirt.all_dups;
  if (!all && !dirt.write_dups_from) return;
  const from = dirt.write_dups_from && !all ? log.dups.lower_bound(dirt.write_dups_from) : 0;
  let group: pg_log_dup_t[] = [];
  for (const d of log.dups.range(Math.max(from, log.dups.begin), log.dups.end)) {
    const first = group[0];
    if (first && !ev_eq(first.version, d.version)) {
      set.set(dup_key(first.version), encode_dups(group));
      group = [];
    }
    group.push(d);
  }
  if (group[0]) set.set(dup_key(group[0].version), encode_dups(group));
}

function put_missing(
  t: Transaction,
  { coll, oid }: log_place_t,
  missing: pg_missing_tracker_t,
  dirt: LogDirt,
  set: Map<string, Uint8Array>,
): void {
  if (dirt.all) {
    for (const [o, item] of missing.get_items()) set.set(missing_key(o), encode_missing_item(item));
    set.set(DELETES_KEY, new Uint8Array([missing.may_include_deletes ? 1 : 0]));
    return;
  }
  const gone: string[] = [];
  for (const o of missing.get_changed()) {
    const item = missing.get(o);
    if (item) set.set(missing_key(o), encode_missing_item(item));
    else gone.push(missing_key(o));
  }
  if (gone.length > 0) t.omap_rmkeys(coll, oid, gone);
}

// ---------------------------------------------------------------- reading

/** Keys fetched at a time. */
const READ_BATCH = 512;

/**
 * Fills `log` and `missing` from the store. Throws StoreError `corrupt`, naming the PG, when what is
 * stored does not fit together or does not fit `info`.
 */
export function read_log_and_missing(
  store: ObjectStore,
  place: log_place_t,
  info: pg_info_t,
  log: IndexedLog,
  missing: pg_missing_tracker_t,
): void {
  const r = new LogReader(store, place, info);
  const entries = r.entries();
  const dups = r.dups();
  const [can_rollback_to, rollback_info_trimmed_to] = r.rollback_bounds();
  const { last_update: head, log_tail: tail } = info;
  log.assign({ head, tail, can_rollback_to, rollback_info_trimmed_to, entries, dups });
  missing.assign({ may_include_deletes: r.may_include_deletes(), items: r.missing_items() });
  missing.flush();
}

class LogReader {
  readonly #store: ObjectStore;
  readonly #place: log_place_t;
  readonly #info: pg_info_t;
  readonly #pool: Interner = new Map();

  constructor(store: ObjectStore, place: log_place_t, info: pg_info_t) {
    this.#store = store;
    this.#place = place;
    this.#info = info;
    if (!store.exists(place.coll, place.oid)) this.#corrupt("no metadata object");
    if (ev_gt(info.log_tail, info.last_update)) this.#corrupt("log_tail is above last_update");
  }

  #corrupt(what: string, cause?: unknown): never {
    const text = `pg ${this.#info.pgid}: ${what}`;
    throw new StoreError(text, { code: "corrupt", path: this.#place.coll, what: text }, { cause });
  }
  /** Runs a decoder; what it cannot make sense of is the disk's fault. */
  #decode<T>(key: string, fn: () => T): T {
    try {
      return fn();
    } catch (cause) {
      if (!(cause instanceof BadValue)) throw cause;
      return this.#corrupt(`key ${key}: ${cause.message}`, cause);
    }
  }

  /** Key and value of all keys with `prefix`, in order, as long as `wanted` says so. */
  *#scan(prefix: string, wanted: (key: string) => boolean): Generator<[string, Uint8Array]> {
    const { coll, oid } = this.#place;
    let after = "";
    for (;;) {
      const page = this.#store.omap_list(coll, oid, after, prefix, READ_BATCH);
      const keys = page?.keys ?? [];
      const values = this.#store.omap_get_values(coll, oid, keys);
      for (const key of keys) {
        if (!wanted(key)) return;
        const value = values?.get(key);
        yield [key, value ?? this.#corrupt(`key ${key} has no value`)];
      }
      const last = keys.at(-1);
      if (!page?.more || last === undefined) return;
      after = last;
    }
  }

  entries(): pg_log_entry_t[] {
    const { log_tail, last_update } = this.#info;
    const entries: pg_log_entry_t[] = [];
    let prev = log_tail;
    for (const [key, bytes] of this.#scan("", (k) => k < LOG_END)) {
      const version = parse_log_key(key) ?? this.#corrupt(`key ${key} is no version`);
      if (version.version <= prev.version || version.epoch < prev.epoch) {
        this.#corrupt(`log entry ${key} does not follow ${log_key(prev)}`);
      }
      if (ev_gt(version, last_update)) {
        this.#corrupt(`log entry ${key} is above last_update ${log_key(last_update)}`);
      }
      entries.push(this.#decode(key, () => decode_entry(version, bytes, this.#pool)));
      prev = version;
    }
    return entries;
  }

  dups(): pg_log_dup_t[] {
    const dups: pg_log_dup_t[] = [];
    for (const [key, bytes] of this.#scan(DUP_PREFIX, () => true)) {
      const version =
        parse_log_key(key.slice(DUP_PREFIX.length)) ?? this.#corrupt(`key ${key} is no version`);
      if (!ev_le(version, this.#info.log_tail)) this.#corrupt(`dup ${key} is above the log's tail`);
      dups.push(...this.#decode(key, () => decode_dups(version, bytes, this.#pool)));
    }
    return dups;
  }

  missing_items(): { oid: hobject_t; item: pg_missing_item_t }[] {
    const items: { oid: hobject_t; item: pg_missing_item_t }[] = [];
    for (const [key, bytes] of this.#scan(MISSING_PREFIX, () => true)) {
      const oid = this.#decode(key, () => decode_missing_oid(key));
      const item = this.#decode(key, () => decode_missing_item(bytes));
      if (ev_gt(item.need, this.#info.last_update)) {
        this.#corrupt(`${oid} needs ${log_key(item.need)}, which is above last_update`);
      }
      items.push({ oid, item });
    }
    return items;
  }

  #value(key: string): Uint8Array | undefined {
    const { coll, oid } = this.#place;
    return this.#store.omap_get_values(coll, oid, [key])?.get(key);
  }
  may_include_deletes(): boolean {
    return this.#value(DELETES_KEY)?.[0] === 1;
  }
  /** Replicated: nothing is rollbackable, so both stand at the head. */
  rollback_bounds(): [eversion_t, eversion_t] {
    const { last_update, log_tail } = this.#info;
    if (!this.#place.require_rollback) return [last_update, last_update];
    const bytes = this.#value(ROLLBACK_KEY);
    if (!bytes) return this.#corrupt(`key ${ROLLBACK_KEY} is missing`);
    const [crt, rit] = this.#decode(ROLLBACK_KEY, () => decode_rollback(bytes));
    if (!(ev_le(log_tail, rit) && ev_le(rit, crt) && ev_le(crt, last_update))) {
      this.#corrupt(`rollback bounds ${log_key(rit)}, ${log_key(crt)} are out of the log`);
    }
    return [crt, rit];
  }
}
