/**
 * Active: the primary after peering. What concerns recovery, backfill and their reservations is in
 * recovery.ts and backfill.ts. Ceph counterpart: PeeringState::Active. peering.md §5.5.
 */
import { DISCARD, FORWARD, invariant, shard_cmp, shard_osd, sort_few } from "@tako/common";
import { choose_acting } from "../acting.ts";
import { activate } from "../activate.ts";
import { all_replicas_activated, note_activated } from "../completion.ts";
import type { Evt, PeeringEvent } from "../events.ts";
import { start_flush } from "../interval.ts";
import {
  begin_leases,
  check_prior_readable_down_osds,
  proc_check_readable,
  proc_lease_ack,
  proc_renew_lease,
  recheck_readable,
  start_leases,
} from "../leases.ts";
import { calc_min_last_complete_ondisk } from "../log_ops.ts";
import type { PeeringMachine } from "../PeeringMachine.ts";
import { proc_replica_info, proc_replica_log } from "../peer_infos.ts";
import type { Next } from "../state_name.ts";
import { purge_strays } from "../strays.ts";
import {
  ask_full_log,
  discover_all_missing,
  rewind_stray,
  search_for_missing,
} from "../unfound.ts";

export const active = {
  enter(m: PeeringMachine, evt: PeeringEvent | undefined): void {
    const { ps } = m;
    invariant(evt?.type === "Activate", "Active is entered by Activate", { pg: ps.spgid });
    invariant(!ps.need_up_thru, "I9: activation before up_thru", { pg: ps.spgid });
    m.active = { all_replicas_activated: false, rewinding: new Set() };
    ps.peer_activated.clear();
    ps.backfill_reserved = false;
    start_flush(ps);
    begin_leases(ps);
    activate(ps, evt.activation_epoch);
    ps.blocked_by.clear();
    for (const peer of sort_few([...ps.peers()], shard_cmp)) ps.blocked_by.add(shard_osd(peer));
    ps.publish_stats();
  },
  exit(m: PeeringMachine): void {
    const { ps } = m;
    ps.get_rctx().effect({ type: "cancel_reservation", reserver: "local" });
    m.active = null;
    m.recovery_reservations = null;
    m.backfill_reservations = null;
    ps.backfill_reserved = false;
    ps.blocked_by.clear();
    ps.state_clear("activating", "degraded", "undersized", "backfill_toofull", "backfill_wait");
    ps.state_clear("recovery_wait", "recovery_toofull", "recovery_unfound", "backfill_unfound");
    ps.state_clear("clean", "repair", "inconsistent", "failed_repair");
  },

  AdvMap({ ps }: PeeringMachine, evt: Evt<"AdvMap">): Next {
    check_prior_readable_down_osds(ps, evt.osdmap);
    const wanted = ps.want_acting;
    const outsider_died = wanted.some((o) => {
      const outside = !evt.newup.includes(o) && !evt.newacting.includes(o);
      return outside && !evt.osdmap.is_up(o);
    });
    if (outsider_died) {
      // The mon will not grant that any more.
      ps.want_acting = [];
      choose_acting(ps, { request_pg_temp_change_only: true });
    }
    return FORWARD;
  },
  ActMap(m: PeeringMachine): Next {
    const { ps } = m;
    // Not before it is known that the map does not end the interval.
    recheck_readable(m);
    if (ps.have_unfound()) discover_all_missing(ps);
    if (ps.actingset.size < ps.pool.info.size) ps.state_set("undersized");
    else ps.state_clear("undersized");
    return FORWARD;
  },

  MNotifyRec({ ps }: PeeringMachine, evt: Evt<"MNotifyRec">): Next {
    const { from, notify } = evt;
    if (ps.peer_purged.has(from) || ps.peer_info.has(from)) return DISCARD;
    if (!proc_replica_info(ps, from, notify.info, notify.epoch_sent)) return DISCARD;
    const may_help = ps.is_degraded() && ps.might_have_unfound.has(from);
    if (ps.have_unfound() || may_help) discover_all_missing(ps);
    // A complete copy has come back that acting is short of.
    if (ps.peer_info.has(from)) choose_acting(ps, { request_pg_temp_change_only: true });
    return DISCARD;
  },
  MInfoRec(m: PeeringMachine, evt: Evt<"MInfoRec">): Next {
    if (evt.lease_ack) proc_lease_ack(m.ps, evt.from, evt.lease_ack);
    if (m.ps.is_acting_recovery_backfill(evt.from)) note_activated(m, evt.from);
    else if (m.active?.rewinding.has(evt.from)) ask_full_log(m.ps, evt.from);
    return DISCARD;
  },
  /** The answer of one whom discover_all_missing asked. */
  MLogRec(m: PeeringMachine, evt: Evt<"MLogRec">): Next {
    const { ps } = m;
    const { from, msg } = evt;
    ps.peer_missing_requested.delete(from);
    if (ps.is_acting_recovery_backfill(from) || ps.peer_purged.has(from)) return DISCARD;
    const { rewinding } = m.local(m.active);
    if (!rewinding.has(from) && rewind_stray(ps, from, msg)) {
      rewinding.add(from);
      return DISCARD;
    }
    proc_replica_log(ps, from, msg);
    const pm = m.local(ps.peer_missing.get(from) ?? null);
    if (!search_for_missing(ps, ps.get_peer_info(from), pm, from)) return DISCARD;
    if (!ps.have_unfound()) ps.state_clear("recovery_unfound", "backfill_unfound");
    ps.get_rctx().effect({ type: "found_objects" });
    if (ps.is_peered()) m.post_event({ type: "DoRecovery" });
    return DISCARD;
  },
  MTrim({ ps }: PeeringMachine, evt: Evt<"MTrim">): Next {
    if (!ps.is_acting_recovery_backfill(evt.from)) return DISCARD;
    ps.update_peer_last_complete_ondisk(evt.from, evt.trim_to);
    calc_min_last_complete_ondisk(ps);
    return DISCARD;
  },

  MLeaseAck(m: PeeringMachine, evt: Evt<"MLeaseAck">): Next {
    proc_lease_ack(m.ps, evt.from, evt.lease_ack);
    recheck_readable(m);
    return DISCARD;
  },
  RenewLease({ ps }: PeeringMachine): Next {
    proc_renew_lease(ps);
    return DISCARD;
  },
  CheckReadable(m: PeeringMachine): Next {
    proc_check_readable(m);
    return DISCARD;
  },

  ActivateCommitted(m: PeeringMachine, evt: Evt<"ActivateCommitted">): Next {
    if (evt.epoch >= m.ps.last_peering_reset) note_activated(m, m.ps.pg_whoami);
    return DISCARD;
  },
  AllReplicasActivated(m: PeeringMachine): Next {
    start_leases(m.ps);
    all_replicas_activated(m);
    return DISCARD;
  },

  /** Clean has become durable: nobody needs the strays any more. */
  FinishRecovery({ ps }: PeeringMachine): Next {
    if (ps.is_clean()) purge_strays(ps);
    return DISCARD;
  },
};
