/**
 * GetLog and Incomplete: whose history is the PG's, and getting it.
 * Ceph counterpart: PeeringState::GetLog, Incomplete. peering.md §5.4, §6.5-6.8.
 */
import {
  DISCARD,
  ev_ge,
  ev_lt,
  type eversion_t,
  FORWARD,
  type pg_info_t,
  shard_osd,
} from "@tako/common";
import { choose_acting } from "../acting.ts";
import type { Evt } from "../events.ts";
import { start_flush } from "../interval.ts";
import type { PeeringMachine } from "../PeeringMachine.ts";
import type { PeeringState } from "../PeeringState.ts";
import { ask_whole_log, proc_master_log, proc_replica_info, send_query } from "../peer_infos.ts";
import type { Next } from "../state_name.ts";

/** From where on we need the authority's log: our head, or that of a peer whom our log can't reach. */
function request_log_from(ps: PeeringState, auth: pg_info_t): eversion_t {
  let since = ps.info.last_update;
  for (const peer of ps.peers()) {
    const { last_update } = ps.get_peer_info(peer);
    const beyond_us = ev_lt(last_update, ps.info.log_tail) && ev_ge(last_update, auth.log_tail);
    if (beyond_us && ev_lt(last_update, since)) since = last_update;
  }
  return since;
}

export const getLog = {
  enter(m: PeeringMachine): void {
    const { ps } = m;
    const local: NonNullable<PeeringMachine["get_log"]> = { auth_log_shard: null, msg: null };
    m.get_log = local;
    const auth = choose_acting(ps);
    if (auth === null) {
      m.post_event({ type: ps.want_acting.length > 0 ? "NeedActingChange" : "IsIncomplete" });
      return;
    }
    local.auth_log_shard = auth;
    if (auth === ps.pg_whoami) {
      m.post_event({ type: "GotLog" });
      return;
    }
    const best = ps.get_peer_info(auth);
    if (ev_lt(ps.info.last_update, best.log_tail)) {
      m.post_event({ type: "IsIncomplete" });
      return;
    }
    send_query(ps, auth, "LOG", request_log_from(ps, best));
    ps.blocked_by.clear();
    ps.blocked_by.add(shard_osd(auth));
    ps.publish_stats();
  },
  exit(m: PeeringMachine): void {
    m.get_log = null;
    m.ps.blocked_by.clear();
  },

  /** The authority may be somebody whom the prior set does not watch. */
  AdvMap(m: PeeringMachine, evt: Evt<"AdvMap">): Next<"Reset"> {
    const { auth_log_shard } = m.local(m.get_log);
    if (auth_log_shard !== null && !evt.osdmap.is_up(shard_osd(auth_log_shard))) {
      m.post_event(evt);
      return "Reset";
    }
    return FORWARD;
  },
  MLogRec(m: PeeringMachine, evt: Evt<"MLogRec">): Next {
    const local = m.local(m.get_log);
    if (local.msg !== null || evt.from !== local.auth_log_shard) return DISCARD;
    if (ask_whole_log(m.ps, evt.from, evt.msg)) return DISCARD;
    local.msg = evt.msg;
    m.post_event({ type: "GotLog" });
    return DISCARD;
  },
  GotLog(m: PeeringMachine): Next<"GetMissing"> {
    const { auth_log_shard, msg } = m.local(m.get_log);
    if (msg !== null && auth_log_shard !== null) proc_master_log(m.ps, auth_log_shard, msg);
    start_flush(m.ps);
    return "GetMissing";
  },
};

export const incomplete = {
  enter({ ps }: PeeringMachine): void {
    ps.state_clear("peering");
    ps.state_set("incomplete");
    ps.blocked_by.clear();
    for (const osd of [...(ps.prior_set?.down.keys() ?? [])].sort((a, b) => a - b)) {
      ps.blocked_by.add(osd);
    }
    ps.publish_stats();
  },
  exit({ ps }: PeeringMachine): void {
    ps.state_clear("incomplete");
    ps.state_set("peering");
    ps.blocked_by.clear();
  },

  AdvMap(m: PeeringMachine, evt: Evt<"AdvMap">): Next<"Reset"> {
    const was = evt.lastmap.get_pg_pool(m.ps.pool.id);
    const now = evt.osdmap.get_pg_pool(m.ps.pool.id);
    // The operator lowered the bar, or gave up.
    if (!now || (was && now.min_size < was.min_size)) {
      m.post_event(evt);
      return "Reset";
    }
    return FORWARD;
  },
  MNotifyRec({ ps }: PeeringMachine, evt: Evt<"MNotifyRec">): Next<"GetLog"> {
    const { from, notify } = evt;
    return proc_replica_info(ps, from, notify.info, notify.epoch_sent) ? "GetLog" : DISCARD;
  },
};
