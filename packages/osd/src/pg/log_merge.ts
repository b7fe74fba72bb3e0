/**
 * Divergence: what the log entries of a shard that are not part of the authoritative history mean
 * for its missing set and its store. Pure rules, shared by the shard that merges (with a handler
 * that acts on the store) and by the primary that predicts what the shard will do (without one).
 * Ceph counterpart: the static part of PGLog (src/osd/PGLog.{h,cc}). peering.md §6.11, §6.12.
 */
import {
  EVERSION_ZERO,
  ev_cmp,
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
  type pg_info_t,
  type pg_log_dup_t,
  type pg_log_entry_t,
  type pg_log_wire_t,
  reqid_str,
  sometimes,
} from "@tako/common";
import { IndexedLog } from "./IndexedLog.ts";
import type { LogEntryHandler } from "./LogEntryHandler.ts";
import {
  can_rollback,
  is_clone,
  is_delete,
  is_error,
  is_lost_delete,
  is_update,
} from "./log_entry.ts";
import type { pg_missing_t } from "./pg_missing.ts";

/** Where divergent entries are judged. */
export interface divergence_t {
  /** The log with the divergent entries cut off. */
  readonly log: IndexedLog;
  readonly last_backfill: hobject_t;
  /** can_rollback_to of the diverging shard before anything was cut. */
  readonly original_crt: eversion_t;
  readonly missing: pg_missing_t;
  /** null: predict only. */
  readonly handler: LogEntryHandler | null;
}

/** Sorts divergent entries by object and settles each object. */
export function merge_divergent_entries(d: divergence_t, entries: readonly pg_log_entry_t[]): void {
  const by_object = new Map<hobject_t, pg_log_entry_t[]>();
  for (const e of entries) {
    const list = by_object.get(e.soid);
    if (list) list.push(e);
    else by_object.set(e.soid, [e]);
  }
  for (const hoid of [...by_object.keys()].sort(hobject_cmp)) {
    merge_object_divergent_entries(d, hoid, by_object.get(hoid) ?? []);
  }
}

/** The five cases of §6.12 for one object. `orig` ascending. */
export function merge_object_divergent_entries(
  d: divergence_t,
  hoid: hobject_t,
  orig: readonly pg_log_entry_t[],
): void {
  if (hobject_cmp(hoid, d.last_backfill) > 0) return;
  const entries = orig.filter((e) => !is_error(e));
  const first = entries[0];
  const last = entries.at(-1);
  if (!first || !last) return;
  const { log, missing, handler } = d;
  const item = missing.get(hoid);
  const object_not_in_store = !item && is_delete(last);
  const drop_object = () => {
    if (!object_not_in_store) handler?.remove(hoid);
    for (const e of entries) handler?.trim(e);
  };

  const newer = log.get_object(hoid);
  if (newer && ev_ge(newer.version, first.version)) {
    // Case 1: the object has to be fetched in its authoritative version anyway.
    if (handler) sometimes("divergent object superseded");
    invariant(ev_gt(newer.version, last.version), "log: divergent entry above the authority", {
      hoid,
    });
    if (is_update(newer) || missing.may_include_deletes) {
      missing.add(hoid, newer.version, EVERSION_ZERO, is_delete(newer));
    } else {
      missing.rm(hoid);
    }
    drop_object();
  } else if (ev_is_zero(first.prior_version) || is_clone(first)) {
    // Case 2: there was no such object before.
    if (handler) sometimes("divergent object removed");
    missing.rm(hoid);
    drop_object();
  } else if (item) {
    // Case 3: never had the divergent data.
    if (handler) sometimes("divergent entry of a missing object");
    revert_missing(d, hoid, entries, first.prior_version, item.have);
  } else if (entries.every((e) => can_rollback(e) && ev_gt(e.version, d.original_crt))) {
    // Case 4
    if (handler) sometimes("divergent entry rolled back");
    for (const e of entries.toReversed()) handler?.rollback(e);
  } else {
    // Case 5
    if (handler) sometimes("divergent object fetched again");
    drop_object();
    missing.add(hoid, first.prior_version, EVERSION_ZERO, false);
  }
}

function revert_missing(
  d: divergence_t,
  hoid: hobject_t,
  entries: readonly pg_log_entry_t[],
  prior: eversion_t,
  have: eversion_t,
): void {
  if (ev_eq(have, prior)) {
    d.missing.rm(hoid);
  } else {
    d.missing.revise_need(hoid, prior, false);
    // The store holds one of the divergent versions (it fell behind after it had applied it): that
    // must not pass for a base to recover from or to revert to.
    if (!ev_is_zero(have) && entries.some((e) => ev_eq(e.version, have))) {
      d.missing.revise_have(hoid, EVERSION_ZERO);
      d.handler?.remove(hoid);
    }
  }
  for (const e of entries) d.handler?.trim(e);
}

/**
 * Entries come into the log without their data: objects up to last_backfill become missing.
 * Returns whether statistics kept beside the log are stale now.
 */
export function append_log_entries_update_missing(
  entries: readonly pg_log_entry_t[],
  last_backfill: hobject_t,
  log: IndexedLog | null,
  missing: pg_missing_t,
  handler: LogEntryHandler | null,
  maintain_rollback: boolean,
): boolean {
  let invalidate_stats = false;
  for (const e of entries) {
    invalidate_stats ||= !is_error(e);
    log?.add(e);
    if (is_error(e) || hobject_cmp(e.soid, last_backfill) > 0) continue;
    missing.add_next_event(e);
    if (missing.may_include_deletes || !is_delete(e)) continue;
    if (maintain_rollback && is_lost_delete(e) && can_rollback(e)) {
      handler?.try_stash(e.soid, e.version.version);
    } else {
      handler?.remove(e.soid);
    }
  }
  return invalidate_stats;
}

/**
 * The newest version that both logs share. `floor`: the newer of the two tails; what was trimmed
 * anywhere had been committed everywhere.
 *
 * An entry is shared when both have that very version. Ceph takes the first entry of `walk` that is
 * not above the head of `other`; that is the same unless an interval was written off as lost, when
 * 2'3 here and 3'3 there are different writes under the same number.
 */
export function find_last_shared(
  walk: IndexedLog,
  other: IndexedLog,
  floor: eversion_t,
): eversion_t {
  for (let p = walk.log.end - 1; p >= walk.log.begin; p--) {
    const { version } = walk.log.at(p);
    if (ev_le(version, floor)) break;
    if (ev_le(version, other.head) && other.log.has_version(version)) return version;
  }
  return floor;
}

/**
 * On the primary: turns what a replica said about itself into what it will be once it has merged the
 * primary's log. `oinfo` and `omissing` are changed; the store of the primary is not concerned.
 */
export function proc_replica_log(
  mine: IndexedLog,
  oinfo: pg_info_t,
  olog: pg_log_wire_t,
  omissing: pg_missing_t,
): void {
  if (ev_lt(olog.head, mine.tail) || ev_eq(olog.head, mine.head)) return;
  const folog = IndexedLog.from_wire(olog);
  const lu = find_last_shared(mine, folog, ev_max(olog.tail, mine.tail));
  const divergent = folog.rewind_from_head(lu);
  merge_divergent_entries(
    {
      log: folog,
      last_backfill: oinfo.last_backfill,
      original_crt: olog.can_rollback_to,
      missing: omissing,
      handler: null,
    },
    divergent,
  );
  oinfo.last_update = ev_min(oinfo.last_update, lu);
  const oldest_need = omissing.get_oldest_need();
  if (!oldest_need) {
    oinfo.last_complete = oinfo.last_update;
    return;
  }
  const p = folog.log.lower_bound(oldest_need);
  oinfo.last_complete = p > folog.log.begin ? folog.log.at(p - 1).version : EVERSION_ZERO;
}

/**
 * Union of dup records by version. Records of `other` at or above our tail are left out, as the log
 * itself tells of those; ours may stand at the tail. undefined: nothing changes.
 */
export function merge_dups(
  own: readonly pg_log_dup_t[],
  other: readonly pg_log_dup_t[],
  tail: eversion_t,
): pg_log_dup_t[] | undefined {
  const kept = own.filter((d) => ev_le(d.version, tail));
  const known = new Set(kept.map(dup_key));
  const added = other.filter((d) => ev_lt(d.version, tail) && !known.has(dup_key(d)));
  if (kept.length === own.length && added.length === 0) return undefined;
  return [...kept, ...added].sort((a, b) => ev_cmp(a.version, b.version));
}
function dup_key(d: pg_log_dup_t): string {
  return `${d.version.epoch}'${d.version.version} ${reqid_str(d.reqid)}`;
}
