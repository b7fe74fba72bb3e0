/**
 * After activation: everybody has it durably, the PG is active, later clean; strays may go.
 * Ceph counterpart: all_activated_and_committed, share_pg_info, try_mark_clean in
 * PeeringState.cc. peering.md §6.16, §6.17.
 */
import { invariant, type pg_info_t, type pg_shard_t, shard_osd } from "@tako/common";
import type { Evt } from "./events.ts";
import { get_lease_ack } from "./leases.ts";
import type { PeeringMachine } from "./PeeringMachine.ts";
import type { PeeringState } from "./PeeringState.ts";
import { make_notify, merge_history } from "./peer_infos.ts";
import type { RecoveryCtx } from "./RecoveryCtx.ts";
import { update_calc_stats } from "./stats.ts";
import { needs_backfill, needs_recovery } from "./unfound.ts";

/** `from` has made its activation durable. When it is the last one, the PG is through. */
export function note_activated(m: PeeringMachine, from: pg_shard_t): void {
  const { ps } = m;
  const active = m.local(m.active);
  ps.peer_activated.add(from);
  ps.blocked_by.delete(shard_osd(from));
  ps.publish_stats();
  // By name: with a primary_temp the primary itself may be none of the acting set.
  const waits_for = [ps.pg_whoami, ...ps.peers()].some((s) => !ps.peer_activated.has(s));
  if (active.all_replicas_activated || waits_for) return;
  active.all_replicas_activated = true;
  ps.blocked_by.clear();
  update_calc_stats(ps);
  m.post_event({ type: "AllReplicasActivated" });
}

/** The primary goes active (or peered) and posts what is to be done next. */
export function all_replicas_activated(m: PeeringMachine): void {
  const { ps } = m;
  const { info } = ps;
  ps.state_clear("activating", "creating", "premerge");
  ps.state_set(ps.acting_set_writeable() ? "active" : "peered");
  if (info.history.last_epoch_started === 0) ps.get_rctx().effect({ type: "send_pg_created" });
  // Only now: history.last_epoch_started says that *every* member has it on disk.
  info.history.last_epoch_started = info.last_epoch_started;
  info.history.last_interval_started = info.last_interval_started;
  ps.dirty_info = true;
  share_pg_info(ps);
  ps.publish_stats();
  ps.get_rctx().effect({ type: "on_activate_complete" });
  if (needs_recovery(ps)) m.post_event({ type: "DoRecovery" });
  else if (needs_backfill(ps)) m.post_event({ type: "RequestBackfill" });
  else m.post_event({ type: "AllReplicasRecovered" });
}

/** A member's own activation is durable: tells the primary, and is ready for sub-ops. */
export function replica_activate_committed(ps: PeeringState, evt: Evt<"ActivateCommitted">): void {
  invariant(!ps.is_primary() && ps.primary !== null, "activation ack without a primary", {
    pg: ps.spgid,
  });
  const notify = make_notify(ps, ps.primary, evt.epoch);
  notify.info.history.last_epoch_started = evt.activation_epoch;
  notify.info.history.last_interval_started = ps.info.history.same_interval_since;
  const lease_ack = get_lease_ack(ps);
  ps.get_rctx().send_info(shard_osd(ps.primary), { ...notify, ...(lease_ack && { lease_ack }) });
  ps.state_set(ps.acting_set_writeable() ? "active" : "peered");
  ps.get_rctx().effect({ type: "on_activate_committed" });
}

/** The members learn (and store) what is known of the PG as a whole. */
export function share_pg_info(ps: PeeringState): void {
  for (const peer of ps.peers()) {
    const pi = ps.get_peer_info(peer);
    pi.last_epoch_started = ps.info.last_epoch_started;
    pi.last_interval_started = ps.info.last_interval_started;
    merge_history(pi.history, ps.info.history);
    ps.get_rctx().share_info(shard_osd(peer), make_notify(ps, peer, ps.get_osdmap_epoch()));
  }
}

/** The primary changes its info between events, and shares it. */
export function update_and_share(
  ps: PeeringState,
  rctx: RecoveryCtx,
  f: (info: pg_info_t) => void,
): void {
  invariant(ps.rctx === null, "the info is changed within an event", { pg: ps.spgid });
  ps.rctx = rctx;
  try {
    f(ps.info);
    ps.dirty_info = true;
    share_pg_info(ps);
    ps.write_if_dirty(rctx.transaction);
  } finally {
    ps.rctx = null;
  }
}

/**
 * Clean: every member has everything, and there are as many as the pool wants. With fewer, those
 * who are gone are still needed as history.
 */
export function try_mark_clean(ps: PeeringState): void {
  const { info } = ps;
  ps.state_clear("repair");
  if (ps.actingset.size === ps.pool.info.size) {
    ps.state_clear("forced_backfill", "forced_recovery");
    ps.state_set("clean");
    info.history.last_epoch_clean = ps.get_osdmap_epoch();
    info.history.last_interval_clean = info.history.same_interval_since;
    ps.past_intervals.clear();
    ps.dirty_info = true;
    ps.dirty_big_info = true;
  }
  update_calc_stats(ps);
  share_pg_info(ps);
  ps.publish_stats();
  ps.get_rctx().effect({ type: "on_clean" });
}
