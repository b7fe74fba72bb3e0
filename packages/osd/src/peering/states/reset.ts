/**
 * Initial, Reset, Started, Start: where a PG begins and where every interval begins anew.
 * Ceph counterpart: PeeringState::Initial, Reset, Started, Start. peering.md §5.3.
 */
import { DISCARD } from "@tako/common";
import type { Evt } from "../events.ts";
import {
  check_past_interval_bounds,
  remove_down_peer_info,
  set_last_peering_reset,
  should_restart_peering,
  start_peering_interval,
} from "../interval.ts";
import type { PeeringMachine } from "../PeeringMachine.ts";
import { send_notify } from "../peer_infos.ts";
import type { Next } from "../state_name.ts";

export const initial = {
  Initialize({ ps }: PeeringMachine): Next<"Reset"> {
    ps.send_notify = !ps.is_primary();
    return "Reset";
  },
};

export const reset = {
  enter({ ps }: PeeringMachine): void {
    ps.flushes_in_progress = 0;
    set_last_peering_reset(ps);
  },

  /** Also the AdvMap that Started posts again: what it decided is decided here once more. */
  AdvMap({ ps }: PeeringMachine, evt: Evt<"AdvMap">): Next {
    if (should_restart_peering(ps, evt)) start_peering_interval(ps, evt);
    remove_down_peer_info(ps, evt.osdmap);
    check_past_interval_bounds(ps);
    return DISCARD;
  },

  ActMap({ ps }: PeeringMachine): Next<"Started"> {
    send_notify(ps);
    ps.get_rctx().effect({ type: "update_heartbeat_peers" });
    return "Started";
  },
};

export const started = {
  AdvMap(m: PeeringMachine, evt: Evt<"AdvMap">): Next<"Reset"> {
    if (should_restart_peering(m.ps, evt)) {
      m.post_event(evt);
      return "Reset";
    }
    remove_down_peer_info(m.ps, evt.osdmap);
    return DISCARD;
  },

  FlushedEvt({ ps }: PeeringMachine): Next {
    if (ps.flushes_in_progress > 0) ps.flushes_in_progress--;
    if (ps.flushes_in_progress === 0) ps.get_rctx().effect({ type: "on_flushed" });
    return DISCARD;
  },

  exit({ ps }: PeeringMachine): void {
    ps.state_clear("wait", "laggy");
  },
};

export const start = {
  enter(m: PeeringMachine): void {
    m.post_event({ type: m.ps.is_primary() ? "MakePrimary" : "MakeStray" });
  },
};
