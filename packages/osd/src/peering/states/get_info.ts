/**
 * GetInfo and Down: hearing everybody who may know of writes, or waiting for those who are needed.
 * Ceph counterpart: PeeringState::GetInfo, Down. peering.md §5.4, §6.4.
 */
import { DISCARD, EVERSION_ZERO, shard_cmp, shard_osd, sometimes, sort_few } from "@tako/common";
import type { Evt } from "../events.ts";
import { check_past_interval_bounds } from "../interval.ts";
import type { PeeringMachine } from "../PeeringMachine.ts";
import {
  build_prior,
  has_been_up_since,
  proc_replica_info,
  send_query,
  update_history,
} from "../peer_infos.ts";
import type { Next } from "../state_name.ts";

/** Asks those of the prior set who have not told anything and have not been asked. */
function get_infos(m: PeeringMachine): void {
  const { ps } = m;
  const requested = m.local(m.peer_info_requested);
  const prior = m.local(ps.prior_set);
  for (const peer of sort_few([...prior.probe], shard_cmp)) {
    if (peer === ps.pg_whoami || ps.peer_info.has(peer) || requested.has(peer)) continue;
    if (!ps.osdmap.is_up(shard_osd(peer))) continue;
    send_query(ps, peer, "INFO", EVERSION_ZERO);
    requested.add(peer);
  }
  ps.blocked_by.clear();
  for (const peer of requested) ps.blocked_by.add(shard_osd(peer));
  if (ps.blocked_by.size > 0) sometimes("blocked_by");
  ps.publish_stats();
}

/** Goes on when everybody has answered and enough of them exist. */
function check_done(m: PeeringMachine): void {
  const { ps } = m;
  if (m.local(ps.prior_set).pg_down) m.post_event({ type: "IsDown" });
  else if (m.local(m.peer_info_requested).size === 0) m.post_event({ type: "GotInfo" });
}

export const getInfo = {
  enter(m: PeeringMachine): void {
    check_past_interval_bounds(m.ps);
    m.peer_info_requested = new Set();
    build_prior(m.ps);
    get_infos(m);
    check_done(m);
  },
  exit(m: PeeringMachine): void {
    m.peer_info_requested = null;
    m.ps.blocked_by.clear();
  },

  MNotifyRec(m: PeeringMachine, evt: Evt<"MNotifyRec">): Next {
    const { ps } = m;
    const { from, notify } = evt;
    const requested = m.local(m.peer_info_requested);
    const old_start = ps.info.history.last_epoch_started;
    if (requested.delete(from)) ps.blocked_by.delete(shard_osd(from));
    if (!proc_replica_info(ps, from, notify.info, notify.epoch_sent)) return DISCARD;
    ps.get_rctx().drop_query(shard_osd(from), ps.peer_spg(from));
    if (ps.info.history.last_epoch_started > old_start) {
      // The PG was active later than we knew: older intervals, and their members, do not matter.
      const prior = build_prior(ps);
      for (const peer of [...requested]) if (!prior.probe.has(peer)) requested.delete(peer);
      get_infos(m);
    }
    check_done(m);
    return DISCARD;
  },
};

export const down = {
  enter({ ps }: PeeringMachine): void {
    ps.state_clear("peering");
    ps.state_set("down");
    ps.blocked_by.clear();
    for (const osd of [...(ps.prior_set?.down.keys() ?? [])].sort((a, b) => a - b)) {
      ps.blocked_by.add(osd);
    }
    ps.publish_stats();
  },
  exit({ ps }: PeeringMachine): void {
    ps.state_clear("down");
    ps.state_set("peering");
    ps.blocked_by.clear();
  },

  /** Somebody may know that the interval which blocks us does not matter any more. */
  MNotifyRec({ ps }: PeeringMachine, evt: Evt<"MNotifyRec">): Next<"GetInfo"> {
    const { from, notify } = evt;
    const old_start = ps.info.history.last_epoch_started;
    const valid = has_been_up_since(ps.osdmap, shard_osd(from), notify.epoch_sent);
    if (valid && !ps.peer_info.has(from)) update_history(ps, notify.info.history);
    return ps.info.history.last_epoch_started > old_start ? "GetInfo" : DISCARD;
  },
};
