/**
 * ReplicaActive and below: a member that the primary has activated, and the reservations that the
 * primary asks of it. Ceph counterpart: PeeringState::ReplicaActive, RepNotRecovering ...
 * peering.md §5.6, §7.4.
 */
import { DISCARD, type Msg, shard_id, shard_osd } from "@tako/common";
import { activate } from "../activate.ts";
import { replica_activate_committed } from "../completion.ts";
import type { Evt } from "../events.ts";
import { start_flush } from "../interval.ts";
import { proc_lease, send_lease_ack } from "../leases.ts";
import { trim_log } from "../log_ops.ts";
import type { PeeringMachine } from "../PeeringMachine.ts";
import type { PeeringState } from "../PeeringState.ts";
import { merge_log, proc_primary_info } from "../peer_infos.ts";
import { shard_bytes } from "../recovery_ops.ts";
import type { Next } from "../state_name.ts";

export const replicaActive = {
  enter({ ps }: PeeringMachine): void {
    start_flush(ps);
  },
  exit({ ps }: PeeringMachine): void {
    cancel_remote(ps);
    ps.state_clear("active", "peered");
  },

  Activate({ ps }: PeeringMachine, evt: Evt<"Activate">): Next {
    activate(ps, evt.activation_epoch);
    return DISCARD;
  },
  ActivateCommitted({ ps }: PeeringMachine, evt: Evt<"ActivateCommitted">): Next {
    if (evt.epoch >= ps.last_peering_reset) replica_activate_committed(ps, evt);
    return DISCARD;
  },
  MInfoRec({ ps }: PeeringMachine, evt: Evt<"MInfoRec">): Next {
    if (evt.lease) proc_lease(ps, evt.lease);
    proc_primary_info(ps, evt.info);
    return DISCARD;
  },
  MLogRec({ ps }: PeeringMachine, evt: Evt<"MLogRec">): Next {
    if (evt.msg.lease) proc_lease(ps, evt.msg.lease);
    merge_log(ps, evt.msg, evt.from);
    return DISCARD;
  },
  MLease({ ps }: PeeringMachine, evt: Evt<"MLease">): Next {
    proc_lease(ps, evt.lease);
    send_lease_ack(ps);
    return DISCARD;
  },
  MTrim({ ps }: PeeringMachine, evt: Evt<"MTrim">): Next {
    trim_log(ps, evt.trim_to);
    return DISCARD;
  },
};

// ---------------------------------------------------------------- reservations

function cancel_remote(ps: PeeringState): void {
  ps.reserved_num_bytes = 0;
  ps.get_rctx().effect({ type: "cancel_reservation", reserver: "remote" });
}

function answer_recovery(ps: PeeringState, op: Msg<"recovery_reserve">["op"]): void {
  if (ps.primary === null) return;
  ps.get_rctx().send(shard_osd(ps.primary), {
    type: "recovery_reserve",
    pgid: ps.peer_spg(ps.primary),
    query_epoch: ps.get_osdmap_epoch(),
    op,
    priority: 0,
    from: shard_id(ps.pg_whoami),
  });
}
function answer_backfill(ps: PeeringState, op: Msg<"backfill_reserve">["op"]): void {
  if (ps.primary === null) return;
  ps.get_rctx().send(shard_osd(ps.primary), {
    type: "backfill_reserve",
    pgid: ps.peer_spg(ps.primary),
    query_epoch: ps.get_osdmap_epoch(),
    op,
    priority: 0,
    primary_num_bytes: 0,
    shard_num_bytes: 0,
    from: shard_id(ps.pg_whoami),
  });
}

/** Too full to be given more data? */
function too_full(ps: PeeringState): boolean {
  const full = ps.full_state();
  return full === "backfillfull" || full === "full" || full === "failsafe";
}

export const repNotRecovering = {
  RequestRecoveryPrio(
    { ps }: PeeringMachine,
    evt: Evt<"RequestRecoveryPrio">,
  ): Next<"RepWaitRecoveryReserved"> {
    ps.get_rctx().effect({
      type: "request_reservation",
      reserver: "remote",
      priority: evt.priority,
      grant: { type: "RemoteRecoveryReserved" },
      preempt: { type: "RemoteRecoveryPreempted" },
    });
    return "RepWaitRecoveryReserved";
  },
  RequestBackfillPrio(
    m: PeeringMachine,
    evt: Evt<"RequestBackfillPrio">,
  ): Next<"RepWaitBackfillReserved"> {
    const { ps } = m;
    const { num_bytes, num_objects } = ps.info.stats.stat_sum;
    const bytes = shard_bytes(ps, evt.primary_num_bytes, num_objects);
    const here = ps.info.stats.stats_invalid ? evt.local_num_bytes : num_bytes;
    const to_come = Math.max(0, bytes - here);
    const unchecked = ps.config.get("osd_debug_skip_full_check_in_backfill_reservation");
    if (!unchecked && (too_full(ps) || ps.tentative_backfill_full(to_come))) {
      m.post_event({ type: "RejectTooFullRemoteReservation" });
      return DISCARD;
    }
    ps.reserved_num_bytes = bytes;
    ps.get_rctx().effect({
      type: "request_reservation",
      reserver: "remote",
      priority: evt.priority,
      grant: { type: "RemoteBackfillReserved" },
      preempt: { type: "RemoteBackfillPreempted" },
    });
    return "RepWaitBackfillReserved";
  },
  RejectTooFullRemoteReservation({ ps }: PeeringMachine): Next {
    answer_backfill(ps, "REJECT_TOOFULL");
    return DISCARD;
  },
};

export const repWaitRecoveryReserved = {
  RemoteRecoveryReserved({ ps }: PeeringMachine): Next<"RepRecovering"> {
    answer_recovery(ps, "GRANT");
    return "RepRecovering";
  },
  /** The slot went to somebody more urgent before we heard that we had it. */
  RemoteRecoveryPreempted({ ps }: PeeringMachine): Next<"RepNotRecovering"> {
    cancel_remote(ps);
    answer_recovery(ps, "REVOKE");
    return "RepNotRecovering";
  },
  release({ ps }: PeeringMachine): Next<"RepNotRecovering"> {
    cancel_remote(ps);
    return "RepNotRecovering";
  },
};

export const repWaitBackfillReserved = {
  RemoteBackfillReserved({ ps }: PeeringMachine): Next<"RepRecovering" | "RepNotRecovering"> {
    // Time has passed in the queue.
    if (too_full(ps)) {
      cancel_remote(ps);
      answer_backfill(ps, "REJECT_TOOFULL");
      return "RepNotRecovering";
    }
    answer_backfill(ps, "GRANT");
    return "RepRecovering";
  },
  RejectTooFullRemoteReservation({ ps }: PeeringMachine): Next<"RepNotRecovering"> {
    cancel_remote(ps);
    answer_backfill(ps, "REJECT_TOOFULL");
    return "RepNotRecovering";
  },
  RemoteBackfillPreempted({ ps }: PeeringMachine): Next<"RepNotRecovering"> {
    cancel_remote(ps);
    answer_backfill(ps, "REVOKE");
    return "RepNotRecovering";
  },
};

export const repRecovering = {
  exit({ ps }: PeeringMachine): void {
    cancel_remote(ps);
  },

  BackfillTooFull({ ps }: PeeringMachine): Next<"RepNotRecovering"> {
    answer_backfill(ps, "REVOKE_TOOFULL");
    return "RepNotRecovering";
  },
  RemoteBackfillPreempted({ ps }: PeeringMachine): Next<"RepNotRecovering"> {
    answer_backfill(ps, "REVOKE");
    return "RepNotRecovering";
  },
  RemoteRecoveryPreempted({ ps }: PeeringMachine): Next<"RepNotRecovering"> {
    answer_recovery(ps, "REVOKE");
    return "RepNotRecovering";
  },
};
