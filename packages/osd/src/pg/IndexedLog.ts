/**
 * IndexedLog: one shard's log in memory, with the indexes to find an entry by object or request.
 * Holds no missing set and writes nothing: PGLog does.
 * Ceph counterpart: PGLog::IndexedLog (src/osd/PGLog.h). peering.md §2.3.
 *
 * tail <= rollback_info_trimmed_to <= can_rollback_to <= head. The log covers (tail, head]; after a
 * split there may be no entry for the head itself.
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
  hobject_hash,
  type hobject_t,
  invariant,
  type osd_reqid_t,
  type pg_log_dup_t,
  type pg_log_entry_t,
  type pg_log_wire_t,
  reqid_str,
  type version_t,
} from "@tako/common";
import { LogDeque } from "./LogDeque.ts";
import { dups_of, is_error, reqid_is_set } from "./log_entry.ts";

/** How an earlier request ended. */
export interface logged_request_t {
  readonly version: eversion_t;
  readonly user_version: version_t;
  readonly return_code: number;
}

/** What trim took away and put down, for whoever writes it. */
export interface trim_result_t {
  readonly trimmed: number;
  readonly trimmed_dups: number;
  /** Version of the oldest dup record added. */
  readonly first_new_dup: eversion_t | undefined;
  readonly oldest_trimmed_dup: eversion_t | undefined;
  readonly newest_trimmed_dup: eversion_t | undefined;
  readonly oldest_trimmed: eversion_t | undefined;
  readonly newest_trimmed: eversion_t | undefined;
}

export const EMPTY_LOG: pg_log_wire_t = {
  head: EVERSION_ZERO,
  tail: EVERSION_ZERO,
  can_rollback_to: EVERSION_ZERO,
  rollback_info_trimmed_to: EVERSION_ZERO,
  entries: [],
  dups: [],
};

export class IndexedLog {
  head = EVERSION_ZERO;
  tail = EVERSION_ZERO;
  /** Entries above can be undone locally (EC); replicated: the head. */
  can_rollback_to = EVERSION_ZERO;
  /** Rollback data of entries up to here has been deleted. */
  rollback_info_trimmed_to = EVERSION_ZERO;
  readonly log = new LogDeque<pg_log_entry_t>();
  readonly dups = new LogDeque<pg_log_dup_t>();

  /** Position of the next entry to complete: every entry before it has its object here. */
  complete_to = 0;
  /** Recovery cursor: version number up to which recovery has been started. */
  last_requested: version_t = 0;

  // Made when first asked for and kept from then on: a replica never looks up a request.
  #objects: Map<hobject_t, pg_log_entry_t> | undefined;
  #caller_ops: Map<string, pg_log_entry_t> | undefined;
  #extra_caller_ops: Map<string, pg_log_entry_t> | undefined;
  #dup_index: Map<string, pg_log_dup_t> | undefined;

  static from_wire(w: pg_log_wire_t): IndexedLog {
    const l = new IndexedLog();
    l.assign(w);
    return l;
  }
  /** Replaces everything; complete_to stands at the end. */
  assign(w: pg_log_wire_t): void {
    this.unindex();
    this.log.clear();
    this.dups.clear();
    this.head = w.head;
    this.tail = w.tail;
    this.can_rollback_to = w.can_rollback_to;
    this.rollback_info_trimmed_to = w.rollback_info_trimmed_to;
    for (const e of w.entries) this.log.push(e);
    for (const d of w.dups) this.dups.push(d);
    this.complete_to = this.log.end;
    this.last_requested = 0;
  }
  to_wire(): pg_log_wire_t {
    return this.#wire(this.tail, this.log.to_array(), this.dups.to_array());
  }
  #wire(tail: eversion_t, entries: pg_log_entry_t[], dups: pg_log_dup_t[]): pg_log_wire_t {
    return {
      head: this.head,
      tail,
      can_rollback_to: this.can_rollback_to,
      rollback_info_trimmed_to: this.rollback_info_trimmed_to,
      entries,
      dups,
    };
  }

  /** Number of entries. */
  get length(): number {
    return this.log.length;
  }
  empty(): boolean {
    return this.log.length === 0;
  }
  /** Never had an entry. */
  null(): boolean {
    return ev_is_zero(this.head);
  }

  // ---------------------------------------------------------------- lookup

  /** Newest entry that changed `oid`; errors change nothing. */
  get_object(oid: hobject_t): pg_log_entry_t | undefined {
    return this.#object_index().get(oid);
  }
  logged_object(oid: hobject_t): boolean {
    return this.get_object(oid) !== undefined;
  }
  /** How `r` ended, from the log or from the dups; undefined: not known (any more). */
  get_request(r: osd_reqid_t): logged_request_t | undefined {
    const key = reqid_str(r);
    const e = this.#caller_index().get(key);
    if (e) return { version: e.version, user_version: e.user_version, return_code: e.return_code };
    const x = this.#extra_index().get(key);
    if (x) {
      const extra = x.extra_reqids?.find((q) => reqid_str(q.reqid) === key);
      const user_version = extra?.user_version ?? x.user_version;
      return { version: x.version, user_version, return_code: x.return_code };
    }
    const d = this.#dups_index().get(key);
    return d && { version: d.version, user_version: d.user_version, return_code: d.return_code };
  }
  logged_req(r: osd_reqid_t): boolean {
    const key = reqid_str(r);
    return this.#caller_index().has(key) || this.#extra_index().has(key);
  }

  #object_index(): Map<hobject_t, pg_log_entry_t> {
    if (!this.#objects) {
      this.#objects = new Map();
      for (const e of this.log) if (!is_error(e)) this.#objects.set(e.soid, e);
    }
    return this.#objects;
  }
  #caller_index(): Map<string, pg_log_entry_t> {
    if (!this.#caller_ops) {
      this.#caller_ops = new Map();
      for (const e of this.log) {
        if (reqid_is_set(e.reqid)) this.#caller_ops.set(reqid_str(e.reqid), e);
      }
    }
    return this.#caller_ops;
  }
  #extra_index(): Map<string, pg_log_entry_t> {
    if (!this.#extra_caller_ops) {
      this.#extra_caller_ops = new Map();
      for (const e of this.log) {
        for (const x of e.extra_reqids ?? []) this.#extra_caller_ops.set(reqid_str(x.reqid), e);
      }
    }
    return this.#extra_caller_ops;
  }
  #dups_index(): Map<string, pg_log_dup_t> {
    if (!this.#dup_index) {
      this.#dup_index = new Map();
      for (const d of this.dups) this.#dup_index.set(reqid_str(d.reqid), d);
    }
    return this.#dup_index;
  }
  /** Drops the indexes; the next lookup makes them anew. */
  unindex(): void {
    this.#objects = undefined;
    this.#caller_ops = undefined;
    this.#extra_caller_ops = undefined;
    this.#dup_index = undefined;
  }
  #index(e: pg_log_entry_t): void {
    if (this.#objects && !is_error(e)) this.#objects.set(e.soid, e);
    if (this.#caller_ops && reqid_is_set(e.reqid)) this.#caller_ops.set(reqid_str(e.reqid), e);
    if (this.#extra_caller_ops) {
      for (const x of e.extra_reqids ?? []) this.#extra_caller_ops.set(reqid_str(x.reqid), e);
    }
  }
  #unindex_entry(e: pg_log_entry_t): void {
    // A newer entry may have taken the place of this one.
    if (this.#objects?.get(e.soid) === e) this.#objects.delete(e.soid);
    if (this.#caller_ops && reqid_is_set(e.reqid)) {
      const key = reqid_str(e.reqid);
      if (this.#caller_ops.get(key) === e) this.#caller_ops.delete(key);
    }
    if (this.#extra_caller_ops) {
      for (const x of e.extra_reqids ?? []) {
        const key = reqid_str(x.reqid);
        if (this.#extra_caller_ops.get(key) === e) this.#extra_caller_ops.delete(key);
      }
    }
  }

  // ---------------------------------------------------------------- growing

  /** Appends. `applied` false: its data is not in the store, so it can never be undone here. */
  add(e: pg_log_entry_t, applied = true): void {
    invariant(
      ev_gt(e.version, this.head) && e.version.version > this.head.version,
      "log: entry does not follow the head",
      { head: this.head, version: e.version },
    );
    if (!applied) {
      invariant(ev_eq(this.can_rollback_to, this.head), "log: crt is behind the head", {
        can_rollback_to: this.can_rollback_to,
        head: this.head,
      });
    }
    // A cursor at the end stays there, as an end iterator does.
    const complete = this.complete_to === this.log.end;
    this.log.push(e);
    if (complete) this.complete_to = this.log.end;
    this.head = e.version;
    this.#index(e);
    if (!applied) this.skip_can_rollback_to_to_head();
  }
  /**
   * Entries older than the tail, ascending, of a log that reaches further back. complete_to stays at
   * its entry: what older entries say about the missing set has not changed.
   */
  prepend(entries: readonly pg_log_entry_t[], tail: eversion_t): void {
    this.log.prepend(entries);
    this.tail = tail;
    this.unindex();
  }
  add_dup(d: pg_log_dup_t): void {
    this.dups.push(d);
    this.#dup_index?.set(reqid_str(d.reqid), d);
  }

  // ---------------------------------------------------------------- rollback bounds

  /** Raises both bounds and calls `f` for each entry that is now final, oldest first. */
  roll_forward_to(to: eversion_t, f?: (e: pg_log_entry_t) => void): boolean {
    const goal = ev_min(to, this.head);
    const from = this.rollback_info_trimmed_to;
    const changed = ev_gt(goal, from) || ev_gt(goal, this.can_rollback_to);
    if (ev_gt(goal, this.can_rollback_to)) this.can_rollback_to = goal;
    if (ev_gt(goal, from)) {
      this.rollback_info_trimmed_to = goal;
      if (f) {
        const final = this.log.range(this.log.upper_bound(from), this.log.upper_bound(goal));
        for (const e of final) f(e);
      }
    }
    return changed;
  }
  /** Deletes rollback data up to `to` without making more of the log final. */
  trim_rollback_info_to(to: eversion_t, f: (e: pg_log_entry_t) => void): void {
    const from = this.rollback_info_trimmed_to;
    const goal = ev_min(to, this.can_rollback_to);
    if (ev_le(goal, from)) return;
    this.rollback_info_trimmed_to = goal;
    for (const e of this.log.range(this.log.upper_bound(from), this.log.upper_bound(goal))) f(e);
  }
  /** Nothing up to the head can or need be undone. */
  skip_can_rollback_to_to_head(): void {
    this.can_rollback_to = this.head;
    this.rollback_info_trimmed_to = this.head;
  }

  // ---------------------------------------------------------------- shrinking

  /**
   * Cuts the entries whose version *number* is above that of `newhead` and returns them, ascending.
   * By number: an own 3'7 diverges from a log that has 5'7.
   */
  rewind_from_head(newhead: eversion_t): pg_log_entry_t[] {
    invariant(ev_ge(newhead, this.tail), "log: rewind below the tail", {
      newhead,
      tail: this.tail,
    });
    const keep = this.log.upper_bound_number(newhead.version);
    const divergent: pg_log_entry_t[] = [];
    while (this.log.end > keep) {
      const e = this.log.pop();
      if (e) divergent.push(e);
    }
    divergent.reverse();
    this.head = newhead;
    this.can_rollback_to = ev_min(this.can_rollback_to, newhead);
    this.rollback_info_trimmed_to = ev_min(this.rollback_info_trimmed_to, newhead);
    this.complete_to = Math.min(this.complete_to, this.log.end);
    // An older entry of the same object may be the newest again.
    if (divergent.length > 0) this.unindex();
    return divergent;
  }

  /** Drops entries <= `to`; those of the last `dups_tracked` version numbers leave a dup record. */
  trim(to: eversion_t, dups_tracked: number): trim_result_t {
    const earliest = this.#earliest_dup_version(dups_tracked);
    const oldest_trimmed = this.log.front?.version;
    let newest_trimmed: eversion_t | undefined;
    let first_new_dup: eversion_t | undefined;
    const before = this.log.length;
    for (let e = this.log.front; e && ev_le(e.version, to); e = this.log.front) {
      this.log.shift();
      this.#unindex_entry(e);
      newest_trimmed = e.version;
      if (e.version.version < earliest) continue;
      for (const d of dups_of(e)) {
        this.add_dup(d);
        first_new_dup ??= d.version;
      }
    }
    const oldest_trimmed_dup = this.dups.front?.version;
    let newest_trimmed_dup: eversion_t | undefined;
    let trimmed_dups = 0;
    for (let d = this.dups.front; d && d.version.version < earliest; d = this.dups.front) {
      this.dups.shift();
      this.#unindex_dup(d);
      newest_trimmed_dup = d.version;
      trimmed_dups++;
    }
    this.complete_to = Math.max(this.complete_to, this.log.begin);
    this.tail = ev_max(this.tail, ev_min(to, this.head));
    this.can_rollback_to = ev_max(this.can_rollback_to, this.tail);
    this.rollback_info_trimmed_to = ev_max(this.rollback_info_trimmed_to, this.tail);
    return {
      trimmed: before - this.log.length,
      trimmed_dups,
      first_new_dup,
      oldest_trimmed,
      newest_trimmed,
      oldest_trimmed_dup,
      newest_trimmed_dup,
    };
  }
  #earliest_dup_version(dups_tracked: number): version_t {
    return Math.max(0, this.head.version - dups_tracked + 1);
  }
  #unindex_dup(d: pg_log_dup_t): void {
    const key = reqid_str(d.reqid);
    if (this.#dup_index?.get(key) === d) this.#dup_index.delete(key);
  }

  /** Replaces dups. */
  set_dups(dups: readonly pg_log_dup_t[]): void {
    this.dups.clear();
    this.#dup_index = undefined;
    for (const d of dups) this.dups.push(d);
  }

  /** Moves the entries of child objects to `child`; both keep head, tail and bounds (§9.2). */
  split_into(ps: number, bits: number, child: IndexedLog): void {
    const mask = 2 ** bits - 1;
    const ours: pg_log_entry_t[] = [];
    const theirs: pg_log_entry_t[] = [];
    for (const e of this.log) {
      ((hobject_hash(e.soid) & mask) >>> 0 === ps ? theirs : ours).push(e);
    }
    const dups = this.dups.to_array();
    child.assign(this.#wire(this.tail, theirs, dups));
    this.assign(this.#wire(this.tail, ours, dups));
  }

  // ---------------------------------------------------------------- extracts

  /**
   * Entries > `since`; all when `since` is below the tail. The copy's tail is the newest entry
   * before them. Dups go along when entries are left out that the receiver may never have had.
   */
  copy_after(since: eversion_t): pg_log_wire_t {
    const from = this.log.upper_bound(since);
    const entries = this.log.range(from, this.log.end);
    const tail = from > this.log.begin ? this.log.at(from - 1).version : this.tail;
    return this.#wire(tail, entries, ev_lt(since, this.tail) ? this.dups.to_array() : []);
  }
  /** The newest `max` entries; the older ones go along as dups as far as they are tracked. */
  copy_up_to(max: number, dups_tracked: number): pg_log_wire_t {
    const from = Math.max(this.log.begin, this.log.end - max);
    const tail = from > this.log.begin ? this.log.at(from - 1).version : this.tail;
    const earliest = this.#earliest_dup_version(dups_tracked);
    const dups = this.dups.to_array().filter((d) => d.version.version >= earliest);
    for (const e of this.log.range(this.log.begin, from)) {
      if (e.version.version >= earliest) dups.push(...dups_of(e));
    }
    return this.#wire(tail, this.log.range(from, this.log.end), dups);
  }
}
