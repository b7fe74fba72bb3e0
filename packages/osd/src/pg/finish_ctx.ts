/**
 * The end of a client operation whose steps have been carried out: its answer, or its write on the way.
 * Ceph counterpart: PrimaryLogPG::execute_ctx, complete_read_ctx, prepare_transaction. peering.md §8.4.
 */
import { ERRNO, EVERSION_ZERO, type Msg, pool_has_flag } from "@tako/common";
import type { ECStripes } from "./ec/ECStripes.ts";
import { record_write_error } from "./log_update.ts";
import type { ObjectContext } from "./ObjectContext.ts";
import type { OpContext, OpDelta } from "./OpContext.ts";
import type { OpRequest } from "./OpTracker.ts";
import { make_reply, reply_op_error, send_reply, with_outcomes } from "./op_reply.ts";
import { wait_keyed } from "./op_wait.ts";
import type { PG } from "./PG.ts";
import { maybe_kick_recovery } from "./recovery.ts";
import { rep_repair_primary_object } from "./repair.ts";
import { issue_write } from "./repop.ts";

/** A client operation on an object whose locks it may take. */
export interface ObjectOp {
  readonly op: OpRequest;
  readonly m: Msg<"osd_op">;
  readonly obc: ObjectContext;
  readonly write: boolean;
}

/** The steps have been carried out with `result`: the answer, or the write. */
export function finish_ctx(
  pg: PG,
  { op, m, obc, write }: ObjectOp,
  ctx: OpContext,
  result: number,
  stripes: ECStripes | null,
): void {
  if (result === -ERRNO.EIO && repair_or_eio(pg, op, m)) return;
  if (!write) {
    count_reads(pg, ctx.delta);
    const reply = make_reply(pg, m, result, obc.oi.version, obc.oi.user_version);
    send_reply(pg, op, with_outcomes(reply, ctx));
    return;
  }
  const changes = ctx.modified && (ctx.existed || ctx.exists);
  if (result < 0 || !changes) {
    // Kept in the log, so that a resend gets the same answer whatever happens meanwhile.
    const reply = make_reply(pg, m, result, EVERSION_ZERO, obc.oi.user_version);
    record_write_error(pg, op, with_outcomes(reply, ctx), m);
    return;
  }
  if (refused_as_full(pg, m, ctx.delta)) return reply_op_error(pg, op, m, -full_errno(pg));
  issue_write(pg, op, m, obc, ctx, stripes);
}

/** Unreadable here: fetched from another member if there is one, else the client gets EIO. */
export function repair_or_eio(pg: PG, op: OpRequest, m: Msg<"osd_op">): boolean {
  if (!rep_repair_primary_object(pg, m.hobj)) {
    reply_op_error(pg, op, m, -ERRNO.EIO);
    return true;
  }
  const lists = pg.waits.waiting_for_unreadable_object;
  wait_keyed(pg, op, lists, m.hobj, "waiting for missing object");
  maybe_kick_recovery(pg, m.hobj);
  return true;
}

/** Writes that need room are refused when there is none; what frees room is always let through. */
function refused_as_full(pg: PG, m: Msg<"osd_op">, delta: OpDelta): boolean {
  if (delta.num_bytes <= 0 && delta.num_objects <= 0) return false;
  const state = pg.host.full_state();
  if (state === "failsafe") return true;
  if (m.flags.includes("full_force")) return false;
  const pool_full = pool_has_flag(pg.peering.pool.info, "full");
  return pool_full || state === "full" || pg.osdmap.test_flag("full");
}
function full_errno(pg: PG): number {
  return pool_has_flag(pg.peering.pool.info, "full_quota") ? ERRNO.EDQUOT : ERRNO.ENOSPC;
}

function count_reads(pg: PG, delta: OpDelta): void {
  // Not worth a transaction: it goes to disk and to the members with the next write.
  const { stat_sum } = pg.peering.info.stats;
  stat_sum.num_read += delta.num_read;
  stat_sum.num_read_kb += delta.num_read_kb;
}
