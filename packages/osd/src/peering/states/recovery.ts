/**
 * Log-based recovery of an active PG: reservations first here, then on each member, then the work
 * (which is the PG's), then giving everything back.
 * Ceph counterpart: WaitLocalRecoveryReserved ... Recovering, NotRecovering, Recovered, Clean.
 * peering.md §5.5, §7.4.
 */
import {
  CEPH_OSD_FULL,
  DISCARD,
  ev_eq,
  FORWARD,
  invariant,
  type pg_shard_t,
  shard_cmp,
  shard_id,
  shard_osd,
  sometimes,
  sort_few,
} from "@tako/common";
import { choose_acting } from "../acting.ts";
import { try_mark_clean } from "../completion.ts";
import type { Evt } from "../events.ts";
import type { PeeringMachine } from "../PeeringMachine.ts";
import type { PeeringState } from "../PeeringState.ts";
import type { Next } from "../state_name.ts";
import { discover_all_missing } from "../unfound.ts";

/** One shard of each OSD: an OSD is asked once, whatever number of shards it has. */
export function one_shard_per_osd(ps: PeeringState, shards: Iterable<pg_shard_t>): pg_shard_t[] {
  const seen = new Set<number>([ps.whoami]);
  const out: pg_shard_t[] = [];
  for (const s of sort_few([...shards], shard_cmp)) {
    if (seen.has(shard_osd(s))) continue;
    seen.add(shard_osd(s));
    out.push(s);
  }
  return out;
}

function send_reserve(ps: PeeringState, to: pg_shard_t, op: "REQUEST" | "RELEASE"): void {
  ps.get_rctx().send(shard_osd(to), {
    type: "recovery_reserve",
    pgid: ps.peer_spg(to),
    query_epoch: ps.get_osdmap_epoch(),
    op,
    priority: op === "REQUEST" ? ps.get_recovery_priority() : 0,
    from: shard_id(ps.pg_whoami),
  });
}

function cancel_local(ps: PeeringState): void {
  ps.get_rctx().effect({ type: "cancel_reservation", reserver: "local" });
}

/** Also those that were asked and have not answered. */
function release_remotes(m: PeeringMachine): void {
  const r = m.recovery_reservations;
  if (r === null) return;
  for (const to of r.targets.slice(0, r.asked)) send_reserve(m.ps, to, "RELEASE");
  m.recovery_reservations = null;
}

/** Gives everything back and tries again after `delay_s`. */
function defer(m: PeeringMachine, delay_s: number): void {
  const { ps } = m;
  ps.state_set("recovery_wait");
  cancel_local(ps);
  release_remotes(m);
  ps.schedule_event_after({ type: "DoRecovery" }, delay_s);
}

// ---------------------------------------------------------------- local

function somebody_full(ps: PeeringState): boolean {
  const full = ps.full_state();
  if (full === "full" || full === "failsafe") return true;
  return ps
    .osds_of(ps.acting_recovery_backfill)
    .some((o) => (ps.osdmap.get_state(o) & CEPH_OSD_FULL) !== 0);
}

export const waitLocalRecoveryReserved = {
  enter(m: PeeringMachine): void {
    const { ps } = m;
    if (somebody_full(ps)) {
      m.post_event({ type: "RecoveryTooFull" });
      return;
    }
    ps.state_clear("recovery_toofull");
    ps.state_set("recovery_wait");
    ps.get_rctx().effect({
      type: "request_reservation",
      reserver: "local",
      priority: ps.get_recovery_priority(),
      grant: { type: "LocalRecoveryReserved" },
      preempt: { type: "DeferRecovery", delay_s: 0 },
    });
    ps.publish_stats();
  },

  RecoveryTooFull({ ps }: PeeringMachine): Next<"NotRecovering"> {
    ps.state_set("recovery_toofull");
    ps.schedule_event_after({ type: "DoRecovery" }, ps.config.get("osd_recovery_retry_interval"));
    return "NotRecovering";
  },
  /** By an operator. */
  DeferRecovery(m: PeeringMachine, evt: Evt<"DeferRecovery">): Next<"NotRecovering"> {
    defer(m, evt.delay_s);
    return "NotRecovering";
  },
};

// ---------------------------------------------------------------- remote

/** Asks the next one; only one is asked at a time, so no two PGs can wait for each other. */
function ask_next(m: PeeringMachine): void {
  const r = m.local(m.recovery_reservations);
  const next = r.targets[r.asked];
  if (next === undefined) {
    m.post_event({ type: "AllRemotesReserved" });
    return;
  }
  r.asked++;
  send_reserve(m.ps, next, "REQUEST");
}

export const waitRemoteRecoveryReserved = {
  enter(m: PeeringMachine): void {
    const targets = one_shard_per_osd(m.ps, m.ps.acting_recovery_backfill);
    m.recovery_reservations = { targets, asked: 0 };
    ask_next(m);
  },

  RemoteRecoveryReserved(m: PeeringMachine, evt: Evt<"RemoteRecoveryReserved">): Next {
    const r = m.local(m.recovery_reservations);
    // A late grant of an earlier round is not the one we wait for.
    const waiting_for = r.targets[r.asked - 1];
    if (evt.from === undefined || evt.from === waiting_for) ask_next(m);
    return DISCARD;
  },
  DeferRecovery(m: PeeringMachine, evt: Evt<"DeferRecovery">): Next<"NotRecovering"> {
    defer(m, evt.delay_s);
    return "NotRecovering";
  },
};

// ---------------------------------------------------------------- the work

export const recovering = {
  enter({ ps }: PeeringMachine): void {
    ps.state_clear("recovery_wait", "recovery_toofull");
    ps.state_set("recovering");
    ps.publish_stats();
    ps.get_rctx().effect({ type: "queue_recovery" });
  },
  exit({ ps }: PeeringMachine): void {
    ps.state_clear("recovering");
  },

  AllReplicasRecovered(m: PeeringMachine): Next<"Recovered"> {
    if (unfinished(m.ps) || m.ps.needs_backfill()) return DISCARD;
    m.ps.state_clear("forced_recovery");
    release_remotes(m);
    cancel_local(m.ps);
    return "Recovered";
  },
  RequestBackfill(m: PeeringMachine): Next<"WaitLocalBackfillReserved"> {
    if (unfinished(m.ps)) return DISCARD;
    m.ps.state_clear("forced_recovery");
    release_remotes(m);
    cancel_local(m.ps);
    return "WaitLocalBackfillReserved";
  },
  DeferRecovery(m: PeeringMachine, evt: Evt<"DeferRecovery">): Next<"NotRecovering"> {
    m.ps.get_rctx().effect({ type: "cancel_recovery" });
    defer(m, evt.delay_s);
    return "NotRecovering";
  },
  UnfoundRecovery(m: PeeringMachine): Next<"NotRecovering"> {
    if (!m.ps.have_unfound()) return DISCARD;
    // A copy may have turned out to be bad when it was to be pulled: whoever has not been asked yet is.
    discover_all_missing(m.ps);
    m.ps.state_set("recovery_unfound");
    sometimes("unfound");
    cancel_local(m.ps);
    release_remotes(m);
    return "NotRecovering";
  },
};

/** The PG's word that the work is done was overtaken by new work: it goes on. */
function unfinished(ps: PeeringState): boolean {
  if (!ps.needs_recovery()) return false;
  ps.get_rctx().effect({ type: "queue_recovery" });
  return true;
}

export const notRecovering = {
  enter({ ps }: PeeringMachine): void {
    ps.publish_stats();
  },
  exit({ ps }: PeeringMachine): void {
    ps.state_clear("recovery_unfound", "recovery_toofull");
  },
};

// ---------------------------------------------------------------- done

export const recovered = {
  enter(m: PeeringMachine): void {
    const { ps } = m;
    invariant(!ps.needs_recovery() && !ps.needs_backfill(), "recovered with work left", {
      pg: ps.spgid,
    });
    ps.state_clear("recovery_wait", "backfill_wait");
    // Who stood in for a member that is complete now may go.
    if (ps.acting.join() !== ps.up.join()) choose_acting(ps, { restrict_to_up_acting: true });
    if (m.local(m.active).all_replicas_activated) m.post_event({ type: "GoClean" });
  },

  /** Overtook us when there was nothing to recover. */
  AllReplicasActivated(m: PeeringMachine): Next {
    m.post_event({ type: "GoClean" });
    return FORWARD;
  },
  /**
   * Not while an older interval may still be served from: whose it was, past_intervals tells, and
   * they end with Clean. recheck_readable asks again.
   */
  GoClean({ ps }: PeeringMachine): Next<"Clean"> {
    return ps.state_test("wait") ? DISCARD : "Clean";
  },
};

/** Stale timers and late finds may ask for recovery when there is nothing left to do. */
export function do_recovery_if_needed({ ps }: PeeringMachine): Next<"WaitLocalRecoveryReserved"> {
  if (ps.needs_recovery()) return "WaitLocalRecoveryReserved";
  if (ps.is_clean() && ps.state_test("repair")) {
    // A client wanted the object so badly that it was repaired out of turn.
    ps.state_clear("repair");
    ps.get_rctx().effect({ type: "on_clean" });
  }
  return DISCARD;
}

export const clean = {
  enter({ ps }: PeeringMachine): void {
    const { last_complete, last_update } = ps.info;
    invariant(ev_eq(last_complete, last_update), "clean with objects missing", {
      pg: ps.spgid,
      last_complete,
      last_update,
    });
    try_mark_clean(ps);
    ps.schedule_event_on_commit({ type: "FinishRecovery" });
  },
  exit({ ps }: PeeringMachine): void {
    ps.state_clear("clean");
  },
};
