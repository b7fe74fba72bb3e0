/**
 * Primary, Peering, WaitActingChange. Ceph counterpart: the states of the same names.
 * peering.md §5.4.
 */
import { CRUSH_ITEM_NONE, DISCARD, FORWARD, invariant } from "@tako/common";
import type { Evt } from "../events.ts";
import type { PeeringMachine } from "../PeeringMachine.ts";
import { adjust_need_up_thru, proc_replica_info } from "../peer_infos.ts";
import type { Next } from "../state_name.ts";

function set_forced(m: PeeringMachine, what: "recovery" | "backfill", on: boolean): void {
  const { ps } = m;
  const bit = `forced_${what}` as const;
  if (ps.state_test(bit) === on) return;
  const concerned =
    ps.is_degraded() ||
    (what === "recovery"
      ? ps.state_test("recovery_wait") || ps.is_recovering()
      : ps.state_test("backfill_wait") || ps.is_backfilling());
  if (on && !concerned) return;
  if (on) ps.state_set(bit);
  else ps.state_clear(bit);
  requeue_reservations(m);
  ps.publish_stats();
}

/** Our place in our own queue is moved; those of the members only by asking them again. */
function requeue_reservations(m: PeeringMachine): void {
  const { ps } = m;
  const update = (priority: number) =>
    ps.get_rctx().effect({ type: "update_reservation_priority", priority });
  if (ps.state_test("recovery_wait") || ps.is_recovering()) update(ps.get_recovery_priority());
  else if (ps.state_test("backfill_wait") || ps.is_backfilling()) {
    update(ps.get_backfill_priority());
  }
  if (m.state === "WaitRemoteRecoveryReserved") m.post_event({ type: "DeferRecovery", delay_s: 0 });
  if (m.state === "WaitRemoteBackfillReserved") m.post_event({ type: "DeferBackfill", delay_s: 0 });
}

export const primary = {
  enter({ ps }: PeeringMachine): void {
    invariant(ps.want_acting.length === 0, "want_acting outlived its interval", { pg: ps.spgid });
    // Until the PG has been active for the first time.
    if (ps.info.history.last_epoch_started === 0) ps.state_set("creating");
  },
  exit({ ps }: PeeringMachine): void {
    ps.want_acting = [];
    ps.state_clear("creating", "forced_recovery", "forced_backfill", "down", "incomplete");
  },

  ActMap({ ps }: PeeringMachine): Next {
    ps.publish_stats();
    return FORWARD;
  },
  MNotifyRec({ ps }: PeeringMachine, evt: Evt<"MNotifyRec">): Next {
    proc_replica_info(ps, evt.from, evt.notify.info, evt.notify.epoch_sent);
    return DISCARD;
  },
  SetForceRecovery(m: PeeringMachine): Next {
    set_forced(m, "recovery", true);
    return DISCARD;
  },
  UnsetForceRecovery(m: PeeringMachine): Next {
    set_forced(m, "recovery", false);
    return DISCARD;
  },
  SetForceBackfill(m: PeeringMachine): Next {
    set_forced(m, "backfill", true);
    return DISCARD;
  },
  UnsetForceBackfill(m: PeeringMachine): Next {
    set_forced(m, "backfill", false);
    return DISCARD;
  },
};

export const peering = {
  enter({ ps }: PeeringMachine): void {
    invariant(ps.is_primary() && !ps.is_peered(), "peering while peered", { pg: ps.spgid });
    ps.history_les_bound = false;
    ps.state_set("peering");
  },
  exit({ ps }: PeeringMachine): void {
    ps.state_clear("peering");
    ps.prior_set = null;
    ps.blocked_by.clear();
  },

  /** No new interval (that is Started's), but perhaps other people to ask, or one less to wait for. */
  AdvMap(m: PeeringMachine, evt: Evt<"AdvMap">): Next<"Reset"> {
    const { ps } = m;
    // Across a gap a peer may have restarted unseen, and what we asked it is lost.
    const gap = evt.osdmap.epoch > evt.lastmap.epoch + 1;
    if (gap || ps.prior_set?.affected_by_map(evt.osdmap)) {
      m.post_event(evt);
      return "Reset";
    }
    adjust_need_up_thru(ps, evt.osdmap);
    return FORWARD;
  },
};

export const waitActingChange = {
  enter({ ps }: PeeringMachine): void {
    ps.publish_stats();
  },
  exit({ ps }: PeeringMachine): void {
    ps.want_acting = [];
  },

  /** The mon may rightly ignore a wish that names somebody who died. */
  AdvMap(m: PeeringMachine, evt: Evt<"AdvMap">): Next<"Reset"> {
    const wanted = m.ps.want_acting.filter((o) => o !== CRUSH_ITEM_NONE);
    if (wanted.some((o) => !evt.osdmap.is_up(o))) {
      m.post_event(evt);
      return "Reset";
    }
    return FORWARD;
  },
};
