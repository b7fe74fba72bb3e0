/**
 * ToDelete, WaitDeleteReserved, Deleting: a copy that nobody needs goes away in batches.
 * Ceph counterpart: the states of the same names. peering.md §5.6, §9.3.
 */
import { DISCARD } from "@tako/common";
import type { PeeringMachine } from "../PeeringMachine.ts";
import type { Next } from "../state_name.ts";

export const toDelete = {
  exit({ ps }: PeeringMachine): void {
    ps.get_rctx().effect({ type: "cancel_reservation", reserver: "local" });
  },
  /** The fuller the OSD, the more urgent. */
  ActMap({ ps }: PeeringMachine): Next {
    const priority = ps.get_delete_priority();
    ps.get_rctx().effect({ type: "update_reservation_priority", priority });
    return DISCARD;
  },
};

export const waitDeleteReserved = {
  enter({ ps }: PeeringMachine): void {
    ps.get_rctx().effect({
      type: "request_reservation",
      reserver: "local",
      priority: ps.get_delete_priority(),
      grant: { type: "DeleteReserved" },
      preempt: { type: "DeleteInterrupted" },
    });
  },
};

export const deleting = {
  enter({ ps }: PeeringMachine): void {
    ps.deleting = true;
    // First of all, and durably: a copy that is half deleted must not pass for a whole one.
    ps.pg_log.roll_forward(ps.log_entry_handler());
    ps.info.last_backfill = "MIN";
    ps.pg_log.reset_backfill();
    ps.info.last_complete = ps.info.last_update;
    ps.dirty_info = true;
    ps.get_rctx().effect({ type: "do_delete_work" });
  },
  exit({ ps }: PeeringMachine): void {
    ps.deleting = false;
  },

  DeleteSome({ ps }: PeeringMachine): Next {
    if (!ps.deleted) ps.get_rctx().effect({ type: "do_delete_work" });
    return DISCARD;
  },
};
