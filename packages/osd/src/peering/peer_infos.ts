/**
 * What the primary learns from its peers, what a peer answers, and how both take over the other's
 * history. Ceph counterpart: proc_replica_info, proc_primary_info, update_history, fulfill_query,
 * proc_master_log, proc_replica_log, build_prior in PeeringState.cc. peering.md §6.4, §6.9-6.11.
 */
import {
  EVERSION_ZERO,
  type epoch_t,
  ev_eq,
  ev_gt,
  ev_le,
  ev_lt,
  type eversion_t,
  info_dne,
  invariant,
  type Msg,
  type OSDMap,
  PriorSet,
  type pg_history_t,
  pg_info_copy,
  pg_info_to_wire,
  type pg_info_wire_t,
  type pg_log_wire_t,
  type pg_missing_wire_t,
  type pg_notify_t,
  type pg_query_type_t,
  type pg_shard_t,
  shard_cmp,
  shard_id,
  shard_osd,
  sort_few,
} from "@tako/common";
import { pg_missing_t } from "../pg/pg_missing.ts";
import type { Evt } from "./events.ts";
import {
  merge_prior_readable,
  note_prior_readable_down_osds,
  proc_primary_readable,
  refresh_prior_readable_until_ub,
} from "./leases.ts";
import type { PeeringState } from "./PeeringState.ts";
import { purge_strays } from "./strays.ts";

const SHARED_MAX = [
  "epoch_created",
  "epoch_pool_created",
  "last_epoch_started",
  "last_interval_started",
  "last_epoch_clean",
  "last_interval_clean",
  "last_epoch_split",
  "last_epoch_marked_full",
  "last_scrub_stamp",
  "last_deep_scrub_stamp",
  "last_clean_scrub_stamp",
] as const satisfies readonly (keyof pg_history_t)[];

/** Field-wise maximum of what peers share (not the same_*_since). True when something grew. */
export function merge_history(into: pg_history_t, from: pg_history_t): boolean {
  let grew = false;
  for (const f of SHARED_MAX) {
    if (from[f] <= into[f]) continue;
    into[f] = from[f];
    grew = true;
  }
  for (const f of ["last_scrub", "last_deep_scrub"] as const) {
    if (!ev_gt(from[f], into[f])) continue;
    into[f] = from[f];
    grew = true;
  }
  return grew;
}

export function update_history(ps: PeeringState, h: pg_history_t): void {
  const { history } = ps.info;
  merge_prior_readable(ps, h);
  if (!merge_history(history, h)) return;
  ps.dirty_info = true;
  if (history.last_epoch_clean >= history.same_interval_since && !ps.past_intervals.empty()) {
    // The PG has been clean in this very interval: what was before it does not matter any more.
    ps.past_intervals.clear();
    ps.dirty_big_info = true;
  }
}

/** Has this OSD been up without a break since map `e`? */
export function has_been_up_since(map: OSDMap, osd: number, e: epoch_t): boolean {
  return map.is_up(osd) && map.get_up_from(osd) <= e;
}

/** A notify. True when it told something new. */
export function proc_replica_info(
  ps: PeeringState,
  from: pg_shard_t,
  oinfo: pg_info_wire_t,
  send_epoch: epoch_t,
): boolean {
  const known = ps.peer_info.get(from);
  if (known && ev_eq(known.last_update, oinfo.last_update)) return false;
  if (!has_been_up_since(ps.osdmap, shard_osd(from), send_epoch)) return false;
  // Infos of messages are shared by reference; ours will be changed.
  ps.peer_info.set(from, pg_info_copy({ ...oinfo, pgid: ps.peer_spg(from) }));
  ps.might_have_unfound.add(from);
  update_history(ps, oinfo.history);
  if (!ps.is_up(from) && !ps.is_acting(from) && !info_dne(oinfo)) {
    ps.stray_set.add(from);
    if (ps.is_clean()) purge_strays(ps);
  }
  if (!known) ps.get_rctx().effect({ type: "update_heartbeat_peers" });
  return true;
}

/** The primary shares what it knows about the whole PG. */
export function proc_primary_info(ps: PeeringState, oinfo: pg_info_wire_t): void {
  invariant(!ps.is_primary(), "the primary got a primary's info", { pg: ps.spgid });
  update_history(ps, oinfo.history);
  take_scrub_errors(ps, oinfo);
  proc_primary_readable(ps, oinfo.history);
}
/** What scrub has found outlives the primary that found it. */
function take_scrub_errors(ps: PeeringState, oinfo: pg_info_wire_t): void {
  const own = ps.info.stats.stat_sum;
  const of_primary = oinfo.stats.stat_sum;
  for (const f of SCRUB_ERRORS) {
    const n = of_primary[f] ?? 0;
    if (own[f] === n) continue;
    own[f] = n;
    ps.dirty_info = true;
  }
}
const SCRUB_ERRORS = [
  "num_scrub_errors",
  "num_shallow_scrub_errors",
  "num_deep_scrub_errors",
] as const;

// ---------------------------------------------------------------- queries

/** Own info as it is sent: a copy, with the count by which the others judge how far we are behind. */
function own_info(ps: PeeringState): pg_info_wire_t {
  refresh_prior_readable_until_ub(ps);
  const info = pg_info_to_wire(ps.info);
  info.stats.stat_sum.num_objects_missing = ps.missing.num_missing();
  return info;
}

/** Own info as a notify (or info) for `to`. */
export function make_notify(ps: PeeringState, to: pg_shard_t, query_epoch: epoch_t): pg_notify_t {
  return {
    query_epoch,
    epoch_sent: ps.get_osdmap_epoch(),
    info: own_info(ps),
    to: shard_id(to),
    from: shard_id(ps.pg_whoami),
    past_intervals: ps.past_intervals.to_wire(),
  };
}
/** The unasked notify of a non-primary: "I am here". */
export function send_notify(ps: PeeringState): void {
  if (!ps.send_notify || ps.primary === null) return;
  const notify = make_notify(ps, ps.primary, ps.get_osdmap_epoch());
  ps.get_rctx().send_notify(shard_osd(ps.primary), notify);
}

export function send_query(
  ps: PeeringState,
  to: pg_shard_t,
  type: pg_query_type_t,
  since: eversion_t,
): void {
  refresh_prior_readable_until_ub(ps);
  ps.get_rctx().send_query(shard_osd(to), ps.peer_spg(to), {
    type,
    since,
    history: { ...ps.info.history },
    epoch_sent: ps.get_osdmap_epoch(),
    to: shard_id(to),
    from: shard_id(ps.pg_whoami),
  });
}

export function make_log_msg(
  ps: PeeringState,
  to: pg_shard_t,
  query_epoch: epoch_t,
  body: {
    info: pg_info_wire_t;
    log: pg_log_wire_t;
    missing: pg_missing_wire_t;
    with_past: boolean;
  },
): Msg<"pg_log"> {
  return {
    type: "pg_log",
    epoch: ps.get_osdmap_epoch(),
    query_epoch,
    pgid: ps.peer_spg(to),
    to: shard_id(to),
    from: shard_id(ps.pg_whoami),
    info: body.info,
    log: body.log,
    missing: body.missing,
    past_intervals: body.with_past ? ps.past_intervals.to_wire() : null,
  };
}

/** Answers the primary's question (peering.md §6.10). */
export function fulfill_query(ps: PeeringState, evt: Evt<"MQuery">): void {
  const { query, query_epoch, from } = evt;
  update_history(ps, query.history);
  if (query.type === "INFO") {
    ps.get_rctx().send_notify(shard_osd(from), make_notify(ps, from, query_epoch));
    return;
  }
  // Asked for more than there is, the whole log is still a valid answer: its tail says so.
  const whole = query.type !== "LOG" || ev_lt(query.since, ps.info.log_tail);
  const log = whole ? ps.pg_log.log.to_wire() : ps.pg_log.log.copy_after(query.since);
  const info = own_info(ps);
  const missing = ps.missing.to_wire();
  const msg = make_log_msg(ps, from, query_epoch, { info, log, missing, with_past: false });
  ps.get_rctx().send(shard_osd(from), msg);
}

// ---------------------------------------------------------------- logs of peers

/**
 * Is what was sent of a log enough to see where it and ours part? Not when it begins after that: an
 * interval that both logs tell differently was written off as lost. Then the whole is asked for, and
 * the answer is to be waited for.
 */
export function ask_whole_log(ps: PeeringState, from: pg_shard_t, msg: Msg<"pg_log">): boolean {
  const { log } = ps.pg_log;
  const { head, tail } = msg.log;
  const joins = ev_eq(head, log.head) || ev_le(tail, log.tail) || log.log.has_version(tail);
  if (joins || ev_le(tail, msg.info.log_tail)) return false;
  send_query(ps, from, "FULLLOG", EVERSION_ZERO);
  return true;
}

/** Adopts the authoritative log. */
export function proc_master_log(ps: PeeringState, from: pg_shard_t, msg: Msg<"pg_log">): void {
  invariant(!ps.is_peered() && ps.is_primary(), "master log at the wrong time", { pg: ps.spgid });
  const oinfo = pg_info_copy({ ...msg.info, pgid: ps.peer_spg(from) });
  ps.pg_log.merge_log(oinfo, msg.log, from, ps.info, ps.log_entry_handler());
  ps.dirty_info = true;
  ps.peer_info.set(from, oinfo);
  const { info } = ps;
  // The log that we have now is as good as that of its source.
  if (oinfo.last_epoch_started > info.last_epoch_started) {
    info.last_epoch_started = oinfo.last_epoch_started;
    ps.dirty_info = true;
  }
  if (oinfo.last_interval_started > info.last_interval_started) {
    info.last_interval_started = oinfo.last_interval_started;
    ps.dirty_info = true;
  }
  update_history(ps, oinfo.history);
  invariant(
    ps.config.get("osd_find_best_info_ignore_history_les") ||
      info.last_epoch_started >= info.history.last_epoch_started,
    "the authoritative copy is older than the PG's last start",
    { pg: ps.spgid, les: info.last_epoch_started, history: info.history },
  );
  ps.peer_missing.set(from, pg_missing_t.from_wire(msg.missing));
  ps.might_have_unfound.add(from);
}

/** What will `from` miss once it has merged our log? Nothing of ours changes. */
export function proc_replica_log(ps: PeeringState, from: pg_shard_t, msg: Msg<"pg_log">): void {
  const oinfo = pg_info_copy({ ...msg.info, pgid: ps.peer_spg(from) });
  const omissing = pg_missing_t.from_wire(msg.missing);
  ps.pg_log.proc_replica_log(oinfo, msg.log, omissing);
  ps.peer_info.set(from, oinfo);
  ps.peer_missing.set(from, omissing);
  ps.might_have_unfound.add(from);
  update_history(ps, oinfo.history);
}

/** Takes over the primary's log on a replica; divergent entries are undone. */
export function merge_log(ps: PeeringState, msg: Msg<"pg_log">, from: pg_shard_t): void {
  const oinfo = pg_info_copy(msg.info);
  ps.pg_log.merge_log(oinfo, msg.log, from, ps.info, ps.log_entry_handler());
  ps.dirty_info = true;
}
export function rewind_divergent_log(ps: PeeringState, newhead: eversion_t): void {
  ps.pg_log.rewind_divergent_log(newhead, ps.info, ps.log_entry_handler());
  ps.dirty_info = true;
}

// ---------------------------------------------------------------- prior set

/** Whom must we hear before we may go active? (§6.4) */
export function build_prior(ps: PeeringState): PriorSet {
  const { history } = ps.info;
  // How long an older interval was readable counted from when the info was sent: done then.
  for (const i of ps.peer_info.values()) {
    update_history(ps, { ...i.history, prior_readable_until_ub: 0 });
  }
  const prior = PriorSet.build(ps);
  note_prior_readable_down_osds(ps, prior);
  if (prior.pg_down) ps.state_set("down");
  else ps.state_clear("down");
  ps.need_up_thru = ps.osdmap.get_up_thru(ps.whoami) < history.same_interval_since;
  ps.prior_set = prior;
  log_prior(ps, prior);
  return prior;
}

function log_prior(ps: PeeringState, prior: PriorSet): void {
  if (!ps.log.enabled("info")) return;
  ps.log.info(
    {
      epoch: ps.get_osdmap_epoch(),
      interval: ps.info.history.same_interval_since,
      probe: sort_few([...prior.probe], shard_cmp),
      down: [...prior.down.keys()].sort((a, b) => a - b),
      pg_down: prior.pg_down,
      blocked_by: [...prior.blocked_by.keys()].sort((a, b) => a - b),
      need_up_thru: ps.need_up_thru,
    },
    "pg_prior_set",
  );
}

export function adjust_need_up_thru(ps: PeeringState, map: OSDMap): void {
  if (!ps.need_up_thru) return;
  const since = ps.info.history.same_interval_since;
  if (map.get_up_thru(ps.whoami) >= since) ps.need_up_thru = false;
}
