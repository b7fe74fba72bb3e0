/**
 * PGLog: the log of one PG shard together with its missing set, and what of both must be written.
 * Reads no object and writes none: what has to happen in the store goes through a LogEntryHandler
 * (objects) or into the Transaction given to write_log_and_missing (the log itself).
 * Ceph counterpart: PGLog (src/osd/PGLog.{h,cc}). peering.md §2.3, §6.11-6.13, §6.18.
 *
 * Methods that take an `info` keep last_update, log_tail and last_complete in step with the log;
 * writing the info in the same transaction is the caller's.
 */
import {
  EVERSION_ZERO,
  ev_eq,
  ev_ge,
  ev_gt,
  ev_is_zero,
  ev_le,
  ev_lt,
  ev_max,
  ev_min,
  type eversion_t,
  hobject_cmp,
  type hobject_t,
  invariant,
  type osd_reqid_t,
  type pg_info_t,
  type pg_log_entry_t,
  type pg_log_wire_t,
  type pg_shard_t,
  type version_t,
} from "@tako/common";
import type { ObjectStore } from "../store/ObjectStore.ts";
import type { Transaction } from "../store/Transaction.ts";
import { IndexedLog, type logged_request_t } from "./IndexedLog.ts";
import type { LogEntryHandler } from "./LogEntryHandler.ts";
import { is_delete, is_error } from "./log_entry.ts";
import * as merge from "./log_merge.ts";
import {
  LogDirt,
  type log_place_t,
  read_log_and_missing,
  write_log_and_missing,
} from "./log_store.ts";
import { type pg_missing_t, pg_missing_tracker_t } from "./pg_missing.ts";

export { IndexedLog, type logged_request_t } from "./IndexedLog.ts";
export type { LogEntryHandler } from "./LogEntryHandler.ts";
export {
  can_rollback,
  is_clone,
  is_delete,
  is_error,
  is_lost_delete,
  is_update,
} from "./log_entry.ts";
export { append_log_entries_update_missing } from "./log_merge.ts";
export type { log_place_t } from "./log_store.ts";

export class PGLog {
  readonly log = new IndexedLog();
  readonly missing = new pg_missing_tracker_t();
  readonly #dirt = new LogDirt();

  get head(): eversion_t {
    return this.log.head;
  }
  get tail(): eversion_t {
    return this.log.tail;
  }
  get_log(): IndexedLog {
    return this.log;
  }
  get_missing(): pg_missing_tracker_t {
    return this.missing;
  }
  get_can_rollback_to(): eversion_t {
    return this.log.can_rollback_to;
  }
  to_wire(): pg_log_wire_t {
    return this.log.to_wire();
  }
  /** Entries > `since`, for a shard whose log reaches up to it. */
  copy_after(since: eversion_t): pg_log_wire_t {
    return this.log.copy_after(since);
  }
  /** The newest `max` entries, for a shard that starts anew. */
  copy_up_to(max: number, dups_tracked: number): pg_log_wire_t {
    return this.log.copy_up_to(max, dups_tracked);
  }
  /** The version that `oid` goes back to, when its newest one was given up as lost. */
  reverting_to(oid: hobject_t): eversion_t | undefined {
    const e = this.log.get_object(oid);
    return e?.op === "lost_revert" ? e.reverting_to : undefined;
  }
  /** How an earlier request ended; undefined: it is new, or forgotten. */
  get_request(r: osd_reqid_t): logged_request_t | undefined {
    return this.log.get_request(r);
  }

  // ---------------------------------------------------------------- persistence

  is_dirty(): boolean {
    return this.#dirt.any() || !this.missing.is_clean();
  }
  /** The next write replaces whatever is stored. */
  mark_log_for_rewrite(): void {
    this.#dirt.all = true;
  }
  /** Removals go into `t`, the keys that `t` must set behind them into `set`. */
  write_log_and_missing(t: Transaction, place: log_place_t, set: Map<string, Uint8Array>): void {
    if (!this.is_dirty()) return;
    write_log_and_missing(t, place, set, this.log, this.missing, this.#dirt);
  }
  /** At load. Throws StoreError `corrupt` naming the PG. */
  read_log_and_missing(store: ObjectStore, place: log_place_t, info: pg_info_t): void {
    read_log_and_missing(store, place, info, this.log, this.missing);
    this.#dirt.reset();
    this.reset_complete_to();
  }

  // ---------------------------------------------------------------- the write path

  /**
   * Appends an entry of a write. `applied` false: its data did not come with it (backfill target,
   * object beyond last_backfill), so there is nothing here to undo.
   */
  add(e: pg_log_entry_t, applied = true): void {
    this.log.add(e, applied);
    this.#dirt.mark_appended(e.version);
  }
  /** Everything up to `to` is committed on all shards: it will never be undone. */
  roll_forward_to(to: eversion_t, h: LogEntryHandler | null): void {
    if (this.log.roll_forward_to(to, h ? (e) => h.rollforward(e) : undefined)) {
      this.#dirt.rollback = true;
    }
  }
  roll_forward(h: LogEntryHandler | null): void {
    this.roll_forward_to(this.log.head, h);
  }
  /** As roll_forward, for entries that left no rollback data here. */
  skip_rollforward(): void {
    this.log.skip_can_rollback_to_to_head();
    this.#dirt.rollback = true;
  }

  /** Drops entries <= trim_to; requests of the last `dups_tracked` versions stay known. */
  trim(trim_to: eversion_t, info: pg_info_t, dups_tracked: number): void {
    if (ev_le(trim_to, this.log.tail)) return;
    invariant(ev_le(trim_to, this.log.head), "log: trim beyond the head", {
      trim_to,
      head: this.log.head,
    });
    const r = this.log.trim(trim_to, dups_tracked);
    const dirt = this.#dirt;
    if (r.oldest_trimmed && r.newest_trimmed) dirt.mark_trimmed(r.oldest_trimmed, r.newest_trimmed);
    if (r.oldest_trimmed_dup && r.newest_trimmed_dup) {
      dirt.mark_trimmed_dups(r.oldest_trimmed_dup, r.newest_trimmed_dup);
    }
    if (r.first_new_dup) dirt.mark_new_dups(r.first_new_dup);
    dirt.rollback = true;
    info.log_tail = this.log.tail;
  }

  // ---------------------------------------------------------------- merging

  /**
   * Adopts the head of `olog` as authoritative: own entries that it does not have are undone or
   * their objects become missing; its entries that are new here become missing. The logs must
   * overlap. Returns whether anything changed (dirty_info and dirty_big_info).
   *
   * Divergent entries are settled before the new ones are added, in the order in which
   * proc_replica_log and activate do it for a replica: so both sides reach the same missing set.
   */
  merge_log(
    oinfo: pg_info_t,
    olog: pg_log_wire_t,
    from: pg_shard_t,
    info: pg_info_t,
    h: LogEntryHandler | null,
  ): boolean {
    const { log } = this;
    invariant(!log.null() || ev_is_zero(olog.tail), "log: merge into nothing", {
      pg: info.pgid,
      from,
      tail: olog.tail,
    });
    invariant(ev_ge(log.head, olog.tail) && ev_ge(olog.head, log.tail), "log: no overlap", {
      pg: info.pgid,
      from,
      log: [log.tail, log.head],
      olog: [olog.tail, olog.head],
    });
    const other = IndexedLog.from_wire(olog);
    const floor = ev_max(olog.tail, log.tail);
    let changed = this.#extend_tail(other, info);
    if (info.last_backfill === "MAX") {
      info.stats = { ...oinfo.stats, stat_sum: { ...oinfo.stats.stat_sum } };
    }
    if (!ev_eq(olog.head, log.head)) {
      this.#adopt_head(other, floor, oinfo, info, h);
      changed = true;
    }
    if (this.merge_log_dups(olog)) changed = true;
    if (changed) this.reset_complete_to(info);
    this.#count_missing(info);
    return changed;
  }

  /** Others choose the acting set by this number: it must be ours, not the authority's. */
  #count_missing(info: pg_info_t): void {
    info.stats.stat_sum.num_objects_missing = this.missing.num_missing();
  }

  /** History that reaches further back than ours; it says nothing new about the missing set. */
  #extend_tail(other: IndexedLog, info: pg_info_t): boolean {
    const { log } = this;
    if (!ev_lt(other.tail, log.tail)) return false;
    const older = other.log.range(other.log.begin, other.log.upper_bound(log.tail));
    const last = older.at(-1);
    if (last) this.#dirt.mark_prepended(last.version);
    log.prepend(older, other.tail);
    info.log_tail = other.tail;
    return true;
  }

  #adopt_head(
    other: IndexedLog,
    floor: eversion_t,
    oinfo: pg_info_t,
    info: pg_info_t,
    h: LogEntryHandler | null,
  ): void {
    const { log, missing } = this;
    const shared = merge.find_last_shared(other, log, floor);
    const fresh = other.log.range(other.log.upper_bound(shared), other.log.end);
    const first = fresh[0];
    if (!first && ev_lt(other.head, log.head)) {
      this.#rewind(shared, other.head, info, h);
      return;
    }
    const original_crt = log.can_rollback_to;
    const divergent = this.#cut(shared);
    this.roll_forward(h);
    const { last_backfill } = info;
    merge.merge_divergent_entries(
      { log, last_backfill, original_crt, missing, handler: h },
      divergent,
    );
    merge.append_log_entries_update_missing(fresh, last_backfill, log, missing, h, false);
    if (first) this.#dirt.mark_appended(first.version);
    log.head = other.head;
    info.last_update = other.head;
    info.last_user_version = oinfo.last_user_version;
    // The new entries were never applied here: they cannot be undone here.
    this.skip_rollforward();
  }

  /** Cuts the entries numbered above `shared` off the log. */
  #cut(shared: eversion_t): pg_log_entry_t[] {
    const divergent = this.log.rewind_from_head(shared);
    if (divergent[0]) this.#dirt.mark_cut(divergent[0].version);
    this.#dirt.rollback = true;
    return divergent;
  }

  /** Goes back to `newhead`, and undoes or marks missing what the entries above it changed. */
  rewind_divergent_log(newhead: eversion_t, info: pg_info_t, h: LogEntryHandler | null): void {
    this.#rewind(newhead, newhead, info, h);
  }
  /** `shared` <= newhead; they differ where a split took the entry of the head away. */
  #rewind(
    shared: eversion_t,
    newhead: eversion_t,
    info: pg_info_t,
    h: LogEntryHandler | null,
  ): void {
    const { log, missing } = this;
    // The bounds from before the cut decide what can be undone.
    const original_crt = log.can_rollback_to;
    const original_rit = log.rollback_info_trimmed_to;
    const divergent = this.#cut(shared);
    log.head = newhead;
    log.can_rollback_to = ev_min(original_crt, newhead);
    log.rollback_info_trimmed_to = ev_min(original_rit, newhead);
    info.last_update = newhead;
    info.last_complete = ev_min(info.last_complete, newhead);
    const { last_backfill } = info;
    merge.merge_divergent_entries(
      { log, last_backfill, original_crt, missing, handler: h },
      divergent,
    );
    this.#count_missing(info);
  }

  /**
   * On the primary: makes of a replica's own account what it will be after it merged our log.
   * `oinfo` and `omissing` are changed, nothing of ours is.
   */
  proc_replica_log(oinfo: pg_info_t, olog: pg_log_wire_t, omissing: pg_missing_t): void {
    merge.proc_replica_log(this.log, oinfo, olog, omissing);
  }

  merge_log_dups(olog: pg_log_wire_t): boolean {
    const merged = merge.merge_dups(this.log.dups.to_array(), olog.dups, this.log.tail);
    if (!merged) return false;
    this.log.set_dups(merged);
    this.#dirt.all_dups = true;
    return true;
  }

  /**
   * Entries of the primary that come without data (mark_unfound_lost, refused writes): objects they
   * name become missing. Returns whether the statistics must be counted anew.
   */
  append_new_log_entries(
    last_backfill: hobject_t,
    entries: readonly pg_log_entry_t[],
    h: LogEntryHandler | null,
  ): boolean {
    const first = entries[0];
    if (!first) return false;
    const begin = this.log.log.end;
    const stale = merge.append_log_entries_update_missing(
      entries,
      last_backfill,
      this.log,
      this.missing,
      h,
      true,
    );
    this.#dirt.mark_appended(first.version);
    // Lost objects go straight into recovery, without an activation that would set the cursor.
    if (!is_error(first)) this.log.complete_to = Math.min(this.log.complete_to, begin);
    return stale;
  }

  // ---------------------------------------------------------------- recovery

  /** `oid` is here in version `v`: raises last_complete over what is complete now. */
  recover_got(oid: hobject_t, v: eversion_t, info: pg_info_t): void {
    if (!this.missing.is_missing(oid, v)) return;
    this.missing.got(oid, v);
    this.#count_missing(info);
    const { log } = this;
    const oldest_need = this.missing.get_oldest_need();
    if (!oldest_need) {
      log.complete_to = log.log.end;
      info.last_complete = info.last_update;
      return;
    }
    while (log.complete_to < log.log.end) {
      const { version } = log.log.at(log.complete_to);
      if (ev_le(oldest_need, version)) break;
      info.last_complete = ev_max(info.last_complete, version);
      log.complete_to++;
    }
  }

  /** Puts complete_to before the oldest entry whose object is missing, and last_complete with it. */
  reset_complete_to(info?: pg_info_t): void {
    const { log } = this;
    const oldest_need = this.missing.get_oldest_need();
    log.complete_to = oldest_need ? log.log.lower_bound(oldest_need) : log.log.end;
    if (!info) return;
    if (!oldest_need) info.last_complete = info.last_update;
    else if (log.complete_to > log.log.begin) {
      info.last_complete = log.log.at(log.complete_to - 1).version;
    } else info.last_complete = EVERSION_ZERO;
  }
  /** activate() with objects missing: recovery starts from the oldest. */
  activate_not_complete(info: pg_info_t): void {
    this.reset_complete_to(info);
    this.log.last_requested = 0;
  }
  set_last_requested(v: version_t): void {
    this.log.last_requested = v;
  }
  reset_recovery_pointers(): void {
    this.log.last_requested = 0;
    this.log.complete_to = this.log.log.end;
  }

  // ---------------------------------------------------------------- backfill, split

  /** The copy is started anew: nothing counts as missing until the scan has passed it. */
  reset_backfill(): void {
    this.missing.clear();
  }
  /** reset_backfill, with the primary's log in place of ours. */
  reset_backfill_claim_log(olog: pg_log_wire_t, h: LogEntryHandler | null): void {
    this.roll_forward(h);
    this.log.assign(olog);
    this.skip_rollforward();
    this.missing.clear();
    this.#dirt.all = true;
  }
  /** Forgets everything; what is stored is replaced by the next write. */
  clear(): void {
    this.log.assign(new IndexedLog().to_wire());
    this.missing.clear();
    this.#dirt.all = true;
  }
  /** Moves what belongs to the child PG with seed `ps` (seen through `bits` hash bits) to `child`. */
  split_into(ps: number, bits: number, child: PGLog): void {
    this.log.split_into(ps, bits, child.log);
    this.missing.split_into(ps, bits, child.missing);
    this.reset_complete_to();
    child.reset_complete_to();
    this.#dirt.all = true;
    child.#dirt.all = true;
  }

  /**
   * Makes the missing set from the log above last_complete and from what the store has. Needed once,
   * when deletions start to be recovered like updates and the set was kept without them.
   */
  rebuild_missing_set_with_deletes(
    info: pg_info_t,
    stored_version: (oid: hobject_t) => eversion_t | undefined,
  ): void {
    const { missing } = this;
    missing.clear();
    missing.may_include_deletes = true;
    this.#dirt.all = true;
    const seen = new Set<hobject_t>();
    const { log } = this.log;
    for (let p = log.end - 1; p >= log.begin; p--) {
      const e = log.at(p);
      if (ev_le(e.version, info.last_complete)) break;
      if (is_error(e) || hobject_cmp(e.soid, info.last_backfill) > 0 || seen.has(e.soid)) continue;
      seen.add(e.soid);
      const have = stored_version(e.soid) ?? EVERSION_ZERO;
      // A deletion of an absent object counts as not done: doing it again is harmless.
      if (ev_gt(e.version, have)) missing.add(e.soid, e.version, have, is_delete(e));
    }
  }
}
