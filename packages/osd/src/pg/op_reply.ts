/**
 * Answers to client operations. Ceph counterpart: MOSDOpReply, OSDService::reply_op_error.
 */
import type { eversion_t, Msg, version_t } from "@tako/common";
import type { OpContext } from "./OpContext.ts";
import { payload } from "./OpCounters.ts";
import type { OpRequest } from "./OpTracker.ts";
import type { PG } from "./PG.ts";

export function make_reply(
  pg: PG,
  m: Msg<"osd_op">,
  result: number,
  version: eversion_t,
  user_version: version_t,
): Msg<"osd_op_reply"> {
  return {
    type: "osd_op_reply",
    tid: m.tid,
    result,
    map_epoch: pg.osdmap_epoch,
    pgid: pg.pgid,
    retry_attempt: m.retry_attempt,
    version,
    user_version,
    outcomes: [],
  };
}
export function with_outcomes(r: Msg<"osd_op_reply">, ctx: OpContext): Msg<"osd_op_reply"> {
  const { outcomes, data } = ctx;
  return data.length > 0 ? { ...r, outcomes, data } : { ...r, outcomes };
}
export function send_reply(pg: PG, op: OpRequest, reply: Msg<"osd_op_reply">): void {
  op.con.send(reply);
  pg.host.op_tracker.finish(op, payload(reply));
}
/** An answer that leaves no trace in the log. */
export function reply_op_error(pg: PG, op: OpRequest, m: Msg<"osd_op">, result: number): void {
  const { last_update, last_user_version } = pg.peering.info;
  send_reply(pg, op, make_reply(pg, m, result, last_update, last_user_version));
}

/** What the first of two sendings of one request was, or would have been, told. */
export function dup_reply(
  pg: PG,
  m: Msg<"osd_op">,
  done: { version: eversion_t; user_version: version_t; return_code: number },
): Msg<"osd_op_reply"> {
  return make_reply(pg, m, done.return_code, done.version, done.user_version);
}
