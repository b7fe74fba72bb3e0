/**
 * GetMissing and WaitUpThru: what does each member lack, and may we go active?
 * Ceph counterpart: PeeringState::GetMissing, WaitUpThru. peering.md §5.4.
 */
import {
  DISCARD,
  ev_eq,
  ev_le,
  ev_lt,
  eversion,
  info_is_empty,
  invariant,
  pg_info_copy,
  type pg_shard_t,
  shard_osd,
  sometimes,
} from "@tako/common";
import { pg_missing_t } from "../../pg/pg_missing.ts";
import type { Evt } from "../events.ts";
import type { PeeringMachine } from "../PeeringMachine.ts";
import type { PeeringState } from "../PeeringState.ts";
import { ask_whole_log, proc_replica_log, send_query } from "../peer_infos.ts";
import type { Next } from "../state_name.ts";

/** Need we see the peer's log to know what it lacks? If not, its missing set is noted as empty. */
function must_ask(ps: PeeringState, peer: pg_shard_t): boolean {
  const pi = ps.get_peer_info(peer);
  // Nothing there: nothing divergent.
  if (info_is_empty(pi)) return false;
  // Out of reach of our log, or not begun: backfill starts it anew.
  if (ev_lt(pi.last_update, ps.info.log_tail) || pi.last_backfill === "MIN") return false;
  const complete = ev_eq(pi.last_update, pi.last_complete);
  return !(complete && ev_eq(pi.last_update, ps.info.last_update));
}

function ask(ps: PeeringState, peer: pg_shard_t): void {
  const pi = ps.get_peer_info(peer);
  // From its last start on it may have entries that nobody else has.
  const since = eversion(pi.last_epoch_started, 0);
  send_query(ps, peer, ev_le(pi.log_tail, since) ? "LOG" : "FULLLOG", since);
  ps.peer_missing_requested.add(peer);
  ps.blocked_by.add(shard_osd(peer));
}

function check_done(m: PeeringMachine): void {
  const { ps } = m;
  if (ps.peer_missing_requested.size > 0) return;
  if (ps.need_up_thru) m.post_event({ type: "NeedUpThru" });
  else m.post_event({ type: "Activate", activation_epoch: ps.get_osdmap_epoch() });
}

export const getMissing = {
  enter(m: PeeringMachine): void {
    const { ps } = m;
    invariant(ps.acting_recovery_backfill.size > 0, "GetMissing without members", { pg: ps.spgid });
    ps.blocked_by.clear();
    for (const peer of ps.peers()) {
      if (must_ask(ps, peer)) ask(ps, peer);
      else ps.peer_missing.set(peer, new pg_missing_t());
    }
    ps.publish_stats();
    check_done(m);
  },
  exit({ ps }: PeeringMachine): void {
    ps.peer_missing_requested.clear();
    ps.blocked_by.clear();
  },

  MLogRec(m: PeeringMachine, evt: Evt<"MLogRec">): Next {
    const { ps } = m;
    if (!ps.peer_missing_requested.has(evt.from)) return DISCARD;
    if (ask_whole_log(ps, evt.from, evt.msg)) return DISCARD;
    ps.peer_missing_requested.delete(evt.from);
    ps.blocked_by.delete(shard_osd(evt.from));
    proc_replica_log(ps, evt.from, evt.msg);
    check_done(m);
    return DISCARD;
  },
};

export const waitUpThru = {
  enter({ ps }: PeeringMachine): void {
    sometimes("up_thru waited for");
    ps.publish_stats();
  },
  /** Peering.AdvMap has looked at the new maps. */
  ActMap(m: PeeringMachine): Next {
    const { ps } = m;
    if (!ps.need_up_thru) {
      m.post_event({ type: "Activate", activation_epoch: ps.get_osdmap_epoch() });
    }
    ps.publish_stats();
    return DISCARD;
  },
  /** A late answer. What we computed of a member stays. */
  MLogRec({ ps }: PeeringMachine, evt: Evt<"MLogRec">): Next {
    if (ps.is_acting_recovery_backfill(evt.from)) return DISCARD;
    ps.peer_missing.set(evt.from, pg_missing_t.from_wire(evt.msg.missing));
    ps.peer_info.set(evt.from, pg_info_copy(evt.msg.info));
    return DISCARD;
  },
};
