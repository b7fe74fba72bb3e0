/**
 * Activation: each member declares that it has everything of the intervals before, durably; the
 * primary brings the others' logs up to its own and works out who misses what.
 * Ceph counterpart: PeeringState::activate. peering.md §6.15.
 */
import {
  EVERSION_ZERO,
  type epoch_t,
  ev_eq,
  ev_gt,
  ev_le,
  hobject_cmp,
  info_dne,
  info_is_empty,
  invariant,
  object_stat_sum_t,
  type pg_info_t,
  pg_info_to_wire,
  type pg_info_wire_t,
  type pg_log_wire_t,
  type pg_shard_t,
  shard_osd,
  sometimes,
} from "@tako/common";
import { is_error } from "../pg/log_entry.ts";
import { pg_missing_t } from "../pg/pg_missing.ts";
import { lease_for } from "./leases.ts";
import type { PeeringState } from "./PeeringState.ts";
import { make_log_msg, make_notify } from "./peer_infos.ts";
import {
  build_might_have_unfound,
  discover_all_missing,
  needs_recovery,
  search_for_missing,
} from "./unfound.ts";

const NO_MISSING = { may_include_deletes: true, items: [] } as const;

/** In the event's transaction; ActivateCommitted follows when it is durable. */
export function activate(ps: PeeringState, activation_epoch: epoch_t): void {
  invariant(!ps.is_peered(), "activate: already active", { pg: ps.spgid });
  ps.state_clear("down");
  ps.send_notify = false;
  note_last_epoch_started(ps, activation_epoch);
  const { info } = ps;
  ps.last_update_applied = info.last_update;
  if (ps.is_primary()) {
    ps.last_update_ondisk = info.last_update;
    ps.min_last_complete_ondisk = EVERSION_ZERO;
  }
  ps.need_up_thru = false;
  ps.activation_epoch = activation_epoch;
  ps.dirty_info = true;
  ps.dirty_big_info = true;
  const epoch = ps.get_osdmap_epoch();
  ps.schedule_event_on_commit({ type: "ActivateCommitted", epoch, activation_epoch });

  if (ps.missing.have_missing()) {
    ps.pg_log.activate_not_complete(info);
  } else {
    info.last_complete = info.last_update;
    ps.pg_log.reset_recovery_pointers();
  }
  ps.last_complete_ondisk = info.last_complete;
  if (ps.is_primary()) {
    for (const peer of ps.peers()) activate_peer(ps, peer);
    find_missing(ps);
    if (ps.actingset.size < ps.pool.info.size) ps.state_set("undersized");
    ps.state_set("activating");
    log_activation(ps);
  } else {
    ps.acting_recovery_backfill = ps.actingset;
  }
  // Replicated writes are never undone locally; EC entries become final with the next writes. Not
  // those of a stray that had to undo some: it declares nothing, so that a later authority may have less.
  const member = ps.is_acting(ps.pg_whoami) || ps.is_up(ps.pg_whoami);
  if (member && ps.acting_set_writeable()) ps.pg_log.roll_forward(ps.log_entry_handler());
  ps.dirty_info = true;
}

/**
 * info.last_epoch_started: "this copy has all that was committed up to the interval of that epoch".
 * Below min_size nothing can be committed, so there is nothing to declare.
 */
function note_last_epoch_started(ps: PeeringState, activation_epoch: epoch_t): void {
  const { info } = ps;
  const raise = ps.is_primary()
    ? ps.acting_set_writeable()
    : ps.is_acting(ps.pg_whoami) && info.last_epoch_started < activation_epoch;
  if (!raise) return;
  invariant(
    info.last_epoch_started <= activation_epoch ||
      ps.config.get("osd_find_best_info_ignore_history_les"),
    "activate: last_epoch_started would go back",
    { pg: ps.spgid, les: info.last_epoch_started, activation_epoch },
  );
  info.last_epoch_started = activation_epoch;
  info.last_interval_started = info.history.same_interval_since;
}

/** Tells one member what to adopt, and notes what it will have and miss then. */
function activate_peer(ps: PeeringState, peer: pg_shard_t): void {
  const pi = ps.get_peer_info(peer);
  const pm = ps.peer_missing.get(peer) ?? new pg_missing_t();
  ps.peer_missing.set(peer, pm);
  const is_new = info_dne(pi);
  if (ev_eq(pi.last_update, ps.info.last_update) && !restarts_backfill(ps, peer, pi)) {
    if (info_is_empty(pi)) send_log(ps, peer, pg_info_to_wire(ps.info), empty_log(ps), is_new);
    else {
      const notify = make_notify(ps, peer, ps.get_osdmap_epoch());
      ps.get_rctx().send_info(shard_osd(peer), { ...notify, ...lease_for(ps, peer) });
    }
  } else if (restarts_backfill(ps, peer, pi)) {
    reset_backfill(ps, peer, pi, pm, is_new);
  } else {
    invariant(ev_le(ps.info.log_tail, pi.last_update), "activate: the logs do not join", { peer });
    const log = ps.pg_log.log.copy_after(pi.last_update);
    send_log(ps, peer, pg_info_to_wire(ps.info), log, is_new);
    note_missing(pi, pm, log);
  }
  pi.last_update = ps.info.last_update;
  if (!pm.have_missing()) pi.last_complete = pi.last_update;
}

/**
 * The peer's copy is not to be continued from: its log does not reach ours, or it has nothing, or it
 * is complete as of a log that was judged too old when the targets were chosen.
 */
function restarts_backfill(ps: PeeringState, peer: pg_shard_t, pi: pg_info_t): boolean {
  if (ev_eq(pi.last_update, ps.info.last_update)) return false;
  return (
    ev_gt(ps.info.log_tail, pi.last_update) ||
    pi.last_backfill === "MIN" ||
    (ps.is_backfill_target(peer) && pi.last_backfill === "MAX")
  );
}

function reset_backfill(
  ps: PeeringState,
  peer: pg_shard_t,
  pi: pg_info_t,
  pm: pg_missing_t,
  is_new: boolean,
): void {
  const { info } = ps;
  if (!is_new && ev_gt(info.log_tail, pi.last_update)) sometimes("log trimmed past a peer");
  pi.last_update = info.last_update;
  pi.last_complete = info.last_update;
  pi.last_backfill = "MIN";
  pi.last_epoch_started = info.last_epoch_started;
  pi.last_interval_started = info.last_interval_started;
  pi.last_user_version = info.last_user_version;
  pi.history = { ...info.history };
  ps.peer_bytes.set(peer, pi.stats.stat_sum.num_bytes);
  pi.stats = { stat_sum: object_stat_sum_t(), stats_invalid: false };
  // Some recent log, so that it knows requests again should it become primary.
  const log = ps.pg_log.log.copy_up_to(
    ps.config.get("osd_max_pg_log_entries"),
    ps.config.get("osd_pg_log_dups_tracked"),
  );
  pi.log_tail = log.tail;
  pm.clear();
  send_log(ps, peer, pg_info_to_wire(pi), log, is_new);
}

function empty_log(ps: PeeringState): pg_log_wire_t {
  return ps.pg_log.log.copy_after(ps.info.last_update);
}

function send_log(
  ps: PeeringState,
  peer: pg_shard_t,
  info: pg_info_wire_t,
  log: pg_log_wire_t,
  with_past: boolean,
): void {
  const sent = { info, log, missing: NO_MISSING, with_past };
  // Unsolicited: of this peering attempt, so that a member that reset since then drops it.
  const msg = make_log_msg(ps, peer, ps.get_osdmap_epoch(), sent);
  ps.get_rctx().send(shard_osd(peer), { ...msg, ...lease_for(ps, peer) });
}

function note_missing(pi: pg_info_t, pm: pg_missing_t, log: pg_log_wire_t): void {
  if (pi.last_backfill === "MIN") return;
  for (const e of log.entries) {
    if (is_error(e) || hobject_cmp(e.soid, pi.last_backfill) > 0) continue;
    pm.add_next_event(e);
  }
}

/** Fills missing_loc: what has to be recovered, and where from. */
function find_missing(ps: PeeringState): void {
  const loc = ps.missing_loc;
  loc.add_active_missing(ps.missing);
  for (const peer of ps.peers()) loc.add_active_missing(shard_missing(ps, peer));
  ps.might_have_unfound.clear();
  if (!needs_recovery(ps)) return;
  loc.add_source_info(ps.pg_whoami, ps.info, ps.missing);
  for (const peer of ps.peers()) {
    loc.add_source_info(peer, ps.get_peer_info(peer), shard_missing(ps, peer));
  }
  for (const [peer, pm] of ps.peer_missing) {
    if (ps.is_acting_recovery_backfill(peer)) continue;
    search_for_missing(ps, ps.get_peer_info(peer), pm, peer);
  }
  // Before past_intervals can be trimmed: afterwards nobody knows who was there.
  build_might_have_unfound(ps);
  // Also when nothing is unfound: what strays have is misplaced, not degraded, and a source more.
  discover_all_missing(ps);
}
function shard_missing(ps: PeeringState, s: pg_shard_t): pg_missing_t {
  const m = ps.get_shard_missing(s);
  invariant(m, "activate: no missing set of a member", { pg: ps.spgid, peer: s });
  return m;
}

function log_activation(ps: PeeringState): void {
  if (!ps.log.enabled("info")) return;
  ps.log.info(
    {
      epoch: ps.get_osdmap_epoch(),
      interval: ps.info.history.same_interval_since,
      acting_recovery_backfill: [ps.pg_whoami, ...ps.peers()],
      backfill_targets: [...ps.backfill_targets],
      last_update: ps.info.last_update,
      missing: ps.missing.num_missing(),
      peer_missing: Object.fromEntries(
        ps.peers().map((p) => [p, ps.peer_missing.get(p)?.num_missing() ?? 0]),
      ),
      unfound: ps.get_num_unfound(),
    },
    "pg_activate",
  );
}
