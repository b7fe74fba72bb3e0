/**
 * do_op: a client operation on the primary of an active PG: checks, the waits that depend on the
 * object, duplicates, execution, and the answer.
 * Ceph counterpart: PrimaryLogPG::do_op, execute_ctx, prepare_transaction. peering.md §8.3, §8.4.
 */
import {
  addr_str,
  ERRNO,
  EVERSION_ZERO,
  ev_le,
  type hobject_parts_t,
  type hobject_t,
  type Msg,
  parse_hobject,
  pool_has_flag,
} from "@tako/common";
import { is_well_formed } from "../store/TransactionOp.ts";
import { do_pg_op } from "./do_pg_op.ts";
import { record_write_error } from "./log_update.ts";
import { may_read, may_write, type ObjectContext } from "./ObjectContext.ts";
import { new_op_context, type OpDelta, utf8_length } from "./OpContext.ts";
import type { OpRequest } from "./OpTracker.ts";
import { object_in_pg } from "./object_in_pg.ts";
import { do_osd_ops, op_may_write } from "./op_exec.ts";
import { dup_reply, make_reply, reply_op_error, send_reply, with_outcomes } from "./op_reply.ts";
import { drop, refuse, wait_keyed } from "./op_wait.ts";
import type { PG } from "./PG.ts";
import { issue_write } from "./ReplicatedBackend.ts";
import { is_degraded_or_backfilling_object, maybe_kick_recovery } from "./recovery.ts";
import { rep_repair_primary_object } from "./repair.ts";

export function do_op(pg: PG, op: OpRequest, m: Msg<"osd_op">): void {
  if (!pg.is_primary()) return drop(pg, op, "misdirected");
  if (is_blocklisted(pg, op)) return reply_op_error(pg, op, m, -ERRNO.ESHUTDOWN);
  if (m.ops.some((step) => step.op === "pgnls")) return do_pg_op(pg, op, m);
  const o = parse_hobject(m.hobj);
  if (!o || !object_in_pg(pg, m.hobj)) return drop(pg, op, "misdirected");
  const write = op_may_write(m);
  const bad = check_request(pg, m, o, write);
  if (bad !== 0) return reply_op_error(pg, op, m, bad);
  if (must_wait_for_recovery(pg, op, m.hobj, write)) return;
  if (write && reply_if_dup(pg, op, m)) return;

  const obc = pg.objects.get(m.hobj);
  const { waiting_for_rw_lock } = pg.waits;
  // Also behind others that wait for the lock: first come, first served.
  if (waiting_for_rw_lock.has(m.hobj) || !(write ? may_write(obc) : may_read(obc))) {
    wait_keyed(pg, op, waiting_for_rw_lock, m.hobj, "waiting for rw locks");
    return;
  }
  if (write && refuse(pg, op)) return;
  pg.host.op_tracker.mark(op, "started", "started");
  execute_ctx(pg, op, m, obc, write);
}

/** The instance, or everybody at its host (port and nonce 0). */
function is_blocklisted(pg: PG, op: OpRequest): boolean {
  const { blocklist } = pg.osdmap;
  if (blocklist.size === 0) return false;
  const addr = op.con.peer_addr;
  return blocklist.has(addr_str(addr)) || blocklist.has(addr_str({ ...addr, port: 0, nonce: 0 }));
}

/** 0, or -errno of a request that could never succeed. */
function check_request(pg: PG, m: Msg<"osd_op">, o: hobject_parts_t, write: boolean): number {
  const { config } = pg.host;
  if (o.oid === "" || o.snap !== "head") return -ERRNO.EINVAL;
  if (![o.oid, o.nspace, o.key].every(is_well_formed)) return -ERRNO.EINVAL;
  const name_len = config.get("osd_max_object_name_len");
  if (utf8_length(o.oid) > name_len || utf8_length(o.key) > name_len) return -ERRNO.ENAMETOOLONG;
  if (utf8_length(o.nspace) > config.get("osd_max_object_namespace_len")) {
    return -ERRNO.ENAMETOOLONG;
  }
  if (!write) return 0;
  let bytes = 0;
  for (const d of m.data ?? []) bytes += d.byteLength;
  return bytes > config.get("osd_max_write_size") * 2 ** 20 ? -ERRNO.EMSGSIZE : 0;
}

/** Missing here, or a write to what some member lacks: recovery of the object comes first. */
function must_wait_for_recovery(pg: PG, op: OpRequest, soid: hobject_t, write: boolean): boolean {
  const { waits } = pg;
  if (pg.peering.is_missing_object(soid)) {
    const lists = waits.waiting_for_unreadable_object;
    wait_keyed(pg, op, lists, soid, "waiting for missing object");
    maybe_kick_recovery(pg, soid);
    return true;
  }
  // Also behind others that wait for the object: their order is the client's order.
  const lists = waits.waiting_for_degraded_object;
  if (!write || !(lists.has(soid) || is_degraded_or_backfilling_object(pg, soid))) return false;
  wait_keyed(pg, op, lists, soid, "waiting for degraded object");
  maybe_kick_recovery(pg, soid);
  return true;
}

/** A resend of what the log already has: the stored answer, when it is durable everywhere. */
function reply_if_dup(pg: PG, op: OpRequest, m: Msg<"osd_op">): boolean {
  const done = pg.peering.pg_log.log.get_request(m.reqid);
  if (!done) return false;
  if (ev_le(done.version, pg.peering.last_update_ondisk)) {
    send_reply(pg, op, dup_reply(pg, m, done));
    return true;
  }
  pg.waits.add_ondisk({ op, ...done });
  pg.host.op_tracker.mark(op, "waiting for ondisk", "delayed");
  return true;
}

function execute_ctx(
  pg: PG,
  op: OpRequest,
  m: Msg<"osd_op">,
  obc: ObjectContext,
  write: boolean,
): void {
  if (obc.corrupt && repair_or_eio(pg, op, m)) return;
  if (!write && !obc.exists) return reply_op_error(pg, op, m, -ERRNO.ENOENT);
  const ctx = new_op_context(
    { store: pg.host.store, coll: pg.coll, config: pg.host.config },
    m,
    obc,
  );
  const result = do_osd_ops(ctx);
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
  issue_write(pg, op, m, obc, ctx);
}

/** Unreadable here: fetched from another member if there is one, else the client gets EIO. */
function repair_or_eio(pg: PG, op: OpRequest, m: Msg<"osd_op">): boolean {
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
