/**
 * Stray: every non-primary at first. It answers the primary's questions until that activates it, or
 * tells it to delete its copy. Ceph counterpart: PeeringState::Stray. peering.md §5.6.
 */
import { DISCARD, ev_eq, ev_gt, invariant, pg_info_copy } from "@tako/common";
import type { Evt } from "../events.ts";
import { start_flush } from "../interval.ts";
import { proc_lease } from "../leases.ts";
import type { PeeringMachine } from "../PeeringMachine.ts";
import type { PeeringState } from "../PeeringState.ts";
import {
  fulfill_query,
  merge_log,
  rewind_divergent_log,
  send_notify,
  update_history,
} from "../peer_infos.ts";
import type { Next } from "../state_name.ts";

/** The primary starts our copy anew: its log, no objects, to be filled by backfill. */
function restart_backfill(ps: PeeringState, evt: Evt<"MLogRec">): void {
  const { info, log } = evt.msg;
  const { history } = ps.info;
  const { num_bytes } = ps.info.stats.stat_sum;
  ps.info = pg_info_copy({ ...info, pgid: ps.spgid, history });
  // What is in the store stays there until the scan comes by: it takes no more room then.
  ps.info.stats.stat_sum.num_bytes = num_bytes;
  ps.pg_log.reset_backfill_claim_log(log, ps.log_entry_handler());
  update_history(ps, info.history);
  ps.dirty_info = true;
  ps.dirty_big_info = true;
}

function assert_head(ps: PeeringState, evt: Evt<"MLogRec"> | Evt<"MInfoRec">): void {
  const { last_update } = evt.type === "MLogRec" ? evt.msg.info : evt.info;
  const same = ev_eq(ps.info.last_update, last_update) && ev_eq(ps.pg_log.head, last_update);
  invariant(same, "activation: our head is not the primary's", {
    pg: ps.spgid,
    ours: ps.info.last_update,
    theirs: last_update,
  });
}

export const stray = {
  enter(m: PeeringMachine): void {
    const { ps } = m;
    invariant(!ps.is_primary() && !ps.is_peered(), "a stray cannot be primary or peered", {
      pg: ps.spgid,
    });
    if (!ps.osdmap.have_pg_pool(ps.pool.id)) m.post_event({ type: "DeleteStart" });
    else start_flush(ps);
  },

  MLogRec(m: PeeringMachine, evt: Evt<"MLogRec">): Next<"ReplicaActive"> {
    const { ps } = m;
    if (evt.msg.lease) proc_lease(ps, evt.msg.lease);
    if (evt.msg.info.last_backfill === "MIN") restart_backfill(ps, evt);
    else merge_log(ps, evt.msg, evt.from);
    assert_head(ps, evt);
    const activation_epoch = evt.msg.info.last_epoch_started;
    m.post_event({ type: "Activate", activation_epoch });
    return "ReplicaActive";
  },
  MInfoRec(m: PeeringMachine, evt: Evt<"MInfoRec">): Next<"ReplicaActive"> {
    const { ps } = m;
    if (evt.lease) proc_lease(ps, evt.lease);
    if (ev_gt(ps.info.last_update, evt.info.last_update)) {
      rewind_divergent_log(ps, evt.info.last_update);
      if (ps.info.last_backfill === "MAX") {
        ps.info.stats = pg_info_copy(evt.info).stats;
      }
    }
    assert_head(ps, evt);
    const activation_epoch = evt.info.last_epoch_started;
    m.post_event({ type: "Activate", activation_epoch });
    return "ReplicaActive";
  },

  MQuery({ ps }: PeeringMachine, evt: Evt<"MQuery">): Next {
    fulfill_query(ps, evt);
    return DISCARD;
  },
  /** The primary may not have heard us: it may have had no instance of the PG, or an older map. */
  ActMap({ ps }: PeeringMachine): Next {
    send_notify(ps);
    return DISCARD;
  },
  /** MOSDPGRemove, or the pool is gone. A member keeps its copy whatever it is told. */
  DeleteStart({ ps }: PeeringMachine): Next<"ToDelete"> {
    const member = ps.is_up(ps.pg_whoami) || ps.is_acting(ps.pg_whoami);
    return member && ps.osdmap.have_pg_pool(ps.pool.id) ? DISCARD : "ToDelete";
  },
};
