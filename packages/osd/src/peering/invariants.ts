/**
 * What must hold in one PG between any two events. Numbers are those of peering.md §12.1.
 * Tests and the simulator call this after each event; it only reads.
 */
import {
  ev_cmp,
  ev_eq,
  ev_gt,
  ev_le,
  type eversion_t,
  hobject_cmp,
  InvariantError,
  info_is_incomplete,
  is_erasure,
  type pg_info_t,
  type pg_shard_t,
} from "@tako/common";
import type { pg_missing_t } from "../pg/pg_missing.ts";
import { required_past_interval_bounds } from "./interval.ts";
import type { PeeringState } from "./PeeringState.ts";

function fail(ps: PeeringState, which: string, detail: Record<string, unknown>): never {
  throw new InvariantError(which, {
    pg: ps.spgid,
    osd: ps.whoami,
    epoch: ps.get_osdmap_epoch(),
    state: ps.state_name,
    ...detail,
  });
}

export function check_invariants(ps: PeeringState): void {
  if (ps.deleted) return;
  check_log(ps);
  check_missing(ps, ps.pg_whoami, ps.info, ps.missing);
  check_history(ps);
  check_past_intervals(ps);
  if (ps.is_primary() && (ps.is_peered() || ps.is_activating())) check_active_primary(ps);
  if (!ps.is_primary() && ps.stray_set.size > 0) fail(ps, "I20: a non-primary keeps strays", {});
  if (ps.is_clean()) check_clean(ps);
}

/** I3 */
function check_log(ps: PeeringState): void {
  const { info } = ps;
  const { head, tail, can_rollback_to: crt, rollback_info_trimmed_to: rit } = ps.pg_log.log;
  const bounds = { info_head: info.last_update, head, tail, crt, rit };
  if (!ev_eq(info.last_update, head)) fail(ps, "I3: last_update is not the log's head", bounds);
  if (!ev_eq(info.log_tail, tail)) fail(ps, "I3: log_tail is not the log's tail", bounds);
  if (!(ev_le(tail, rit) && ev_le(rit, crt) && ev_le(crt, head))) {
    fail(ps, "I3: tail <= rit <= crt <= head does not hold", bounds);
  }
  if (ev_gt(info.last_complete, info.last_update)) {
    fail(ps, "I3: last_complete is beyond last_update", { ...bounds, lc: info.last_complete });
  }
  check_entries(ps);
  const h = info.history;
  if (ps.is_active() && h.last_epoch_started > info.last_epoch_started && ps.role >= 0) {
    fail(ps, "I6: history.les is beyond info.les of an active member", {
      les: info.last_epoch_started,
      history_les: h.last_epoch_started,
    });
  }
}

/** Ends of the logs whose entries were found to be in order: only a change of them moves one. */
const checked = new WeakMap<PeeringState, { begin: number; end: number; head: eversion_t }>();

function check_entries(ps: PeeringState): void {
  const { head, tail, log } = ps.pg_log.log;
  const { begin, end } = log;
  const was = checked.get(ps);
  if (was?.head === head && was.begin === begin && was.end === end) return;
  let prev = tail;
  for (const e of log) {
    if (e.version.version <= prev.version || e.version.epoch < prev.epoch) {
      fail(ps, "I3: log entries are not in order", { prev, version: e.version });
    }
    prev = e.version;
  }
  if (ev_gt(prev, head)) fail(ps, "I3: an entry lies beyond the head", { prev, head });
  checked.set(ps, { begin, end, head });
}

/** I11 */
function check_missing(
  ps: PeeringState,
  shard: pg_shard_t,
  info: pg_info_t,
  missing: pg_missing_t,
): void {
  for (const [soid, item] of missing.get_items()) {
    const detail = { shard, soid, need: item.need, have: item.have };
    if (hobject_cmp(soid, info.last_backfill) > 0) {
      fail(ps, "I11: an object beyond last_backfill is missing", detail);
    }
    if (!ev_gt(item.need, item.have)) fail(ps, "I11: need is not above have", detail);
    if (ev_gt(item.need, info.last_update)) fail(ps, "I11: need is beyond last_update", detail);
  }
  if (shard === ps.pg_whoami) check_last_complete(ps, info, missing);
}

function check_last_complete(ps: PeeringState, info: pg_info_t, missing: pg_missing_t): void {
  const { last_complete, last_update } = info;
  const oldest_need = missing.get_oldest_need();
  if (oldest_need) {
    // Logs would be trimmed up to here, and whoever asks would take the copy for whole.
    if (ev_gt(oldest_need, last_complete)) return;
    fail(ps, "I3: last_complete is beyond an object that is missing", {
      last_complete,
      oldest_need,
    });
  }
  if (ps.is_peered() && ev_cmp(last_complete, last_update) !== 0) {
    fail(ps, "I3: nothing is missing, yet last_complete is behind", { last_complete, last_update });
  }
}

/** Same_* only ever come from maps. */
function check_history(ps: PeeringState): void {
  const h = ps.info.history;
  if (h.same_interval_since < h.same_up_since || h.same_interval_since < h.same_primary_since) {
    fail(ps, "I14: an interval is older than its up set or primary", { history: h });
  }
  // A start of this interval that some member may not have on its disk yet.
  if (ps.is_primary() && !ps.is_peered() && h.last_epoch_started > ps.last_peering_reset) {
    fail(ps, "I7: the PG's start is told before all members have it", {
      history: h,
      last_peering_reset: ps.last_peering_reset,
    });
  }
  if (h.last_epoch_clean > ps.get_osdmap_epoch() && ps.is_clean()) {
    fail(ps, "I6: clean in the future", { history: h });
  }
}

/** I13 */
function check_past_intervals(ps: PeeringState): void {
  const { past_intervals: past } = ps;
  const [start, end] = required_past_interval_bounds(ps);
  if (!past.empty() && past.last + 1 !== ps.info.history.same_interval_since) {
    fail(ps, "I13: past_intervals do not end where the interval begins", {
      past: past.toString(),
      same_interval_since: ps.info.history.same_interval_since,
    });
  }
  if (start < end && !past.empty() && past.first > start) {
    fail(ps, "I13: past_intervals do not reach back far enough", { past: past.toString(), start });
  }
}

function check_active_primary(ps: PeeringState): void {
  const since = ps.info.history.same_interval_since;
  if (ps.osdmap.get_up_thru(ps.whoami) < since) {
    fail(ps, "I9: active without up_thru for this interval", { since });
  }
  for (const s of ps.backfill_targets) {
    if (!ps.is_up(s)) fail(ps, "I19: a backfill target is not in up", { shard: s });
    if (ps.is_acting(s)) fail(ps, "I19: a backfill target is in acting", { shard: s });
  }
  for (const peer of ps.peers()) {
    const pi = ps.get_peer_info(peer);
    const pm = ps.peer_missing.get(peer);
    if (!pm) fail(ps, "I12: a member's missing set is not known", { peer });
    check_missing(ps, peer, pi, pm);
    if (!ev_eq(pi.last_update, ps.info.last_update)) {
      fail(ps, "I5: a member's head differs from ours", { peer, last_update: pi.last_update });
    }
    if (ps.is_acting(peer) && info_is_incomplete(pi)) {
      fail(ps, "I19: an incomplete copy is in acting", { peer, last_backfill: pi.last_backfill });
    }
  }
  if (ps.is_active() && !ps.acting_set_writeable()) fail(ps, "I8: active below min_size", {});
  if (is_erasure(ps.pool.info)) return;
  if (ev_gt(ps.last_update_ondisk, ps.info.last_update)) {
    fail(ps, "I10: more is on disk than was written", { ondisk: ps.last_update_ondisk });
  }
}

/** A clean PG may have found bad copies (scrub), but every member has been filled. */
function check_clean(ps: PeeringState): void {
  if (!ps.is_primary()) fail(ps, "I20: a non-primary claims to be clean", {});
  if (ps.needs_backfill() || !ps.past_intervals.empty()) {
    fail(ps, "I26: clean with work left to do", { past: ps.past_intervals.toString() });
  }
  // Who is not there is still needed as history.
  if (ps.actingset.size !== ps.pool.info.size) {
    fail(ps, "I26: clean with too few members", { acting: ps.acting, size: ps.pool.info.size });
  }
}
