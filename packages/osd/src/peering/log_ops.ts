/**
 * What writes change: the log, the missing sets and the bounds up to which the log may be trimmed.
 * Ceph counterpart: append_log, pre_submit_op, merge_new_log_entries, calc_trim_to,
 * calc_min_last_complete_ondisk, complete_write in PeeringState.cc. peering.md §6.11, §6.18, §8.4.
 */
import {
  ev_eq,
  ev_gt,
  ev_is_zero,
  ev_le,
  ev_lt,
  ev_min,
  type eversion_t,
  hobject_cmp,
  type hobject_t,
  invariant,
  is_erasure,
  type pg_log_entry_t,
} from "@tako/common";
import { is_error } from "../pg/log_entry.ts";
import { append_log_entries_update_missing as append_to_missing } from "../pg/log_merge.ts";
import type { LogEntryHandler } from "../pg/PGLog.ts";
import { pg_missing_t } from "../pg/pg_missing.ts";
import type { Transaction } from "../store/Transaction.ts";
import type { PeeringState } from "./PeeringState.ts";

export interface AppendLogOpts {
  /** False: the data was withheld (backfill target, object beyond last_backfill). */
  readonly transaction_applied: boolean;
  /** The object is missing here and stays so (async recovery target). */
  readonly async: boolean;
}

export function pre_submit_op(
  ps: PeeringState,
  soid: hobject_t,
  logv: readonly pg_log_entry_t[],
  at_version: eversion_t,
): void {
  for (const peer of ps.peers()) {
    const pi = ps.get_peer_info(peer);
    const pm = ps.peer_missing.get(peer);
    if (pm?.is_missing(soid) && ps.is_async_recovery_target(peer)) {
      // It gets the log entries only.
      for (const e of logv) if (!is_error(e)) pm.add_next_event(e);
      ps.missing_loc.rebuild_object(ps, soid);
    }
    // Of one that was recovered it stays where it was, until it peers again.
    if (ev_eq(pi.last_complete, pi.last_update)) pi.last_complete = at_version;
    pi.last_update = at_version;
  }
}

export function append_log(
  ps: PeeringState,
  logv: readonly pg_log_entry_t[],
  trim_to: eversion_t,
  roll_forward_to: eversion_t,
  mlcod: eversion_t,
  t: Transaction,
  opts: AppendLogOpts,
): void {
  const { info, pg_log } = ps;
  note_started_by_write(ps);
  const handler = ps.log_entry_handler(t);
  // Withheld data cannot be undone, nor what came before; only copies that no authority is chosen from
  // get such writes. What was kept to undo earlier ones goes: nobody would look for it any more.
  if (!opts.transaction_applied) pg_log.roll_forward(handler);
  for (const e of logv) {
    add_log_entry(ps, e, opts);
    if (opts.transaction_applied && hobject_cmp(e.soid, info.last_backfill) > 0) {
      pg_log.roll_forward(handler);
    }
  }
  if (opts.transaction_applied) roll_forward(ps, roll_forward_to, handler);
  trim_log(ps, trim_to);
  if (!ps.is_primary()) ps.min_last_complete_ondisk = mlcod;
  ps.dirty_info = true;
  ps.write_if_dirty(t);
}

/** A write proves that every member has activated: the primary sends none before. */
function note_started_by_write(ps: PeeringState): void {
  const { info } = ps;
  if (!ps.is_acting(ps.pg_whoami)) return;
  if (info.last_epoch_started <= info.history.last_epoch_started) return;
  info.history.last_epoch_started = info.last_epoch_started;
  info.history.last_interval_started = info.last_interval_started;
}

function add_log_entry(ps: PeeringState, e: pg_log_entry_t, opts: AppendLogOpts): void {
  const { info } = ps;
  invariant(ev_gt(e.version, info.last_update), "a log entry must follow last_update", {
    pg: ps.spgid,
    version: e.version,
    last_update: info.last_update,
  });
  const was_complete = ev_eq(info.last_complete, info.last_update);
  info.last_update = e.version;
  if (e.user_version > info.last_user_version) info.last_user_version = e.user_version;
  ps.pg_log.add(e, opts.transaction_applied);
  if (opts.async && !is_error(e)) ps.missing.add_next_event(e);
  if (was_complete && !ps.missing.have_missing()) info.last_complete = info.last_update;
}

/** Replicated writes are never undone locally; EC writes until every shard has them. */
function roll_forward(ps: PeeringState, to: eversion_t, handler: LogEntryHandler): void {
  const goal = is_erasure(ps.pool.info) ? ev_min(to, ps.info.last_update) : ps.info.last_update;
  if (!ev_gt(goal, ps.pg_log.get_can_rollback_to())) return;
  ps.pg_log.roll_forward_to(goal, handler);
  ps.last_rollback_info_trimmed_to_applied = goal;
}

/** Drops log entries up to `to`; never beyond what could still be undone. */
export function trim_log(ps: PeeringState, to: eversion_t): void {
  const bound = ev_min(to, ps.pg_log.get_can_rollback_to());
  if (ev_le(bound, ps.pg_log.tail)) return;
  ps.pg_log.trim(bound, ps.info, ps.config.get("osd_pg_log_dups_tracked"));
  ps.dirty_info = true;
}

export function append_log_entries_update_missing(
  ps: PeeringState,
  entries: readonly pg_log_entry_t[],
  t: Transaction,
  trim_to: eversion_t,
  roll_forward_to: eversion_t,
): void {
  const { info, pg_log } = ps;
  const first = entries[0];
  invariant(first && ev_gt(first.version, info.last_update), "entries must follow last_update", {
    pg: ps.spgid,
    last_update: info.last_update,
  });
  note_started_by_write(ps);
  const handler = ps.log_entry_handler(t);
  const stale = pg_log.append_new_log_entries(info.last_backfill, entries, handler);
  info.last_update = pg_log.head;
  if (!ps.missing.have_missing()) info.last_complete = info.last_update;
  if (stale) info.stats.stats_invalid = true;
  roll_forward(ps, roll_forward_to, handler);
  trim_log(ps, trim_to);
  ps.dirty_info = true;
  ps.write_if_dirty(t);
}

export function merge_new_log_entries(
  ps: PeeringState,
  entries: readonly pg_log_entry_t[],
  t: Transaction,
  trim_to: eversion_t,
  roll_forward_to: eversion_t,
): void {
  invariant(ps.is_primary(), "only the primary makes log entries", { pg: ps.spgid });
  append_log_entries_update_missing(ps, entries, t, trim_to, roll_forward_to);
  for (const peer of ps.peers()) {
    const pi = ps.get_peer_info(peer);
    const pm = ps.peer_missing.get(peer) ?? new pg_missing_t();
    ps.peer_missing.set(peer, pm);
    if (append_to_missing(entries, pi.last_backfill, null, pm, null, false)) {
      pi.stats.stats_invalid = true;
    }
    pi.last_update = ps.info.last_update;
    if (!pm.have_missing()) pi.last_complete = pi.last_update;
  }
  for (const e of entries) if (!is_error(e)) ps.missing_loc.rebuild_object(ps, e.soid);
}

// ---------------------------------------------------------------- bounds

export function complete_write(ps: PeeringState, v: eversion_t, lc: eversion_t): void {
  ps.last_update_ondisk = v;
  if (ev_gt(lc, ps.last_complete_ondisk)) ps.last_complete_ondisk = lc;
  calc_min_last_complete_ondisk(ps);
}
export function local_write_applied(ps: PeeringState, v: eversion_t): void {
  if (ev_gt(v, ps.last_update_applied)) ps.last_update_applied = v;
}

export function calc_min_last_complete_ondisk(ps: PeeringState): boolean {
  let min = ps.last_complete_ondisk;
  for (const peer of ps.peers()) {
    const lc = ps.peer_last_complete_ondisk.get(peer);
    if (lc === undefined) return false;
    min = ev_min(min, lc);
  }
  if (ev_eq(min, ps.min_last_complete_ondisk)) return false;
  ps.min_last_complete_ondisk = min;
  return true;
}

/** Entries that some member may still need, or that may still be undone, stay (§6.18). */
export function calc_trim_to(ps: PeeringState): eversion_t {
  const { log } = ps.pg_log;
  const target = ps.config.get(ps.is_clean() ? "osd_min_pg_log_entries" : "osd_max_pg_log_entries");
  const limit = ev_min(
    ev_min(ps.min_last_complete_ondisk, ps.pg_log.get_can_rollback_to()),
    ps.last_update_ondisk,
  );
  const excess = log.length - target;
  if (ev_is_zero(limit) || excess <= 0 || excess < ps.config.get("osd_pg_log_trim_min")) {
    return ps.pg_trim_to;
  }
  const n = Math.min(excess, ps.config.get("osd_pg_log_trim_max"));
  const to = ev_min(log.log.at(log.log.begin + n - 1).version, limit);
  if (ev_lt(ps.pg_trim_to, to)) ps.pg_trim_to = to;
  return ps.pg_trim_to;
}
