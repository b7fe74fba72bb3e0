/**
 * `pg <pgid> mark_unfound_lost`: the operator gives up objects of which no copy is known. Refused as
 * long as somebody who may have one has not been asked, or declared lost.
 * Ceph counterpart: PrimaryLogPG::do_command (mark_unfound_lost), mark_all_unfound_lost. peering.md §7.6.
 */
import {
  CommandError,
  EVERSION_ZERO,
  ev_is_zero,
  is_erasure,
  type pg_log_entry_t,
} from "@tako/common";
import { submit_log_entries } from "./log_update.ts";
import type { PG } from "./PG.ts";
import { found_objects } from "./recovery.ts";
import { pick_newest_available } from "./revert.ts";

/** The status line, or why the outcome is not known. */
export type LostAnswer = (outs: string | CommandError) => void;

/**
 * Throws CommandError when refused. `answer` comes when all members have the entries on disk: who has
 * been told that objects are given up can rely on it.
 */
export function mark_unfound_lost(pg: PG, mode: string, answer: LostAnswer): void {
  const { peering } = pg;
  if (mode !== "revert" && mode !== "delete") {
    throw new CommandError("EINVAL", `mode must be 'revert' or 'delete', got '${mode}'`);
  }
  if (mode === "revert" && is_erasure(peering.pool.info)) {
    throw new CommandError("EINVAL", "mode must be 'delete' for an erasure-coded pool");
  }
  if (!peering.is_active()) throw new CommandError("EAGAIN", `pg ${pg.pgid} is not active`);
  const unfound = peering.missing_loc.get_unfound();
  if (unfound.length === 0) return answer("pg has no unfound objects");
  const count = `pg has ${unfound.length} unfound objects`;
  if (!peering.all_unfound_are_queried_or_lost()) {
    throw new CommandError(
      "EINVAL",
      `${count} but we haven't probed all sources, not marking lost`,
    );
  }
  const outs = `pg has ${unfound.length} objects unfound and apparently lost marking`;
  const again = `pg ${pg.pgid} peers anew before all members have it: see list_unfound, and ask again`;
  mark_all_unfound_lost(pg, mode, {
    on_complete: () => answer(outs),
    on_abort: () => answer(new CommandError("EAGAIN", again)),
  });
}

/**
 * One LOST_REVERT for each of which an older version is left, one LOST_DELETE for each other, in one
 * batch; then recovery brings the older versions to all, and deletes what is left of the others.
 */
function mark_all_unfound_lost(
  pg: PG,
  mode: "revert" | "delete",
  told: { readonly on_complete: () => void; readonly on_abort: () => void },
): void {
  const { missing_loc } = pg.peering;
  const { epoch, version: first } = pg.peering.next_version();
  const mtime = pg.host.clock.now_ms();
  const entries = missing_loc.get_unfound().map((soid, i): pg_log_entry_t => {
    const older = mode === "revert" ? pick_newest_available(pg, soid) : EVERSION_ZERO;
    return {
      ...(ev_is_zero(older) ? { op: "lost_delete" } : { op: "lost_revert", reverting_to: older }),
      soid,
      version: { epoch, version: first + i },
      prior_version: missing_loc.needs_recovery(soid) ?? EVERSION_ZERO,
      reqid: { name: "", inc: 0, tid: 0 },
      user_version: 0,
      mtime,
      return_code: 0,
    };
  });
  pg.log.warn({ epoch, mode, objects: entries.length }, "unfound_marked_lost");
  pg.run(() => {
    const on_complete = () => {
      resume(pg);
      told.on_complete();
    };
    const { on_abort } = told;
    submit_log_entries(pg, entries, { op: null, reply: null, on_complete, on_abort });
  });
}

/** Everybody has the entries: whoever waits for the objects gets what there is of them now. */
function resume(pg: PG): void {
  found_objects(pg);
  if (pg.peering.state_test("recovery_unfound")) pg.queue_peering_event({ type: "DoRecovery" });
  else if (pg.peering.state_test("backfill_unfound")) {
    pg.queue_peering_event({ type: "RequestBackfill" });
  } else {
    pg.host.queue_recovery(pg);
  }
}
