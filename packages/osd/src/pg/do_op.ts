/**
 * do_op: a client operation on the primary of an active PG: checks, the waits that depend on the
 * object, duplicates, execution, and the answer.
 * Ceph counterpart: PrimaryLogPG::do_op, execute_ctx, prepare_transaction. peering.md §8.3, §8.4.
 */
import {
  addr_str,
  ERRNO,
  ev_le,
  type hobject_parts_t,
  type hobject_t,
  type Msg,
  parse_hobject,
  sometimes,
} from "@tako/common";
import { is_well_formed } from "../store/TransactionOp.ts";
import { do_pg_op } from "./do_pg_op.ts";
import { execute_ec } from "./ec/ec_op.ts";
import { finish_ctx, repair_or_eio } from "./finish_ctx.ts";
import { may_read, may_write, type ObjectContext } from "./ObjectContext.ts";
import { new_op_context, utf8_length } from "./OpContext.ts";
import type { OpRequest } from "./OpTracker.ts";
import { object_in_pg } from "./object_in_pg.ts";
import { do_osd_ops, op_may_write } from "./op_exec.ts";
import { dup_reply, reply_op_error, send_reply } from "./op_reply.ts";
import { drop, refuse, wait, wait_keyed } from "./op_wait.ts";
import type { PG } from "./PG.ts";
import { is_degraded_or_backfilling_object, maybe_kick_recovery } from "./recovery.ts";

export function do_op(pg: PG, op: OpRequest, m: Msg<"osd_op">): void {
  if (!pg.is_primary()) return drop(pg, op, "misdirected");
  if (is_blocklisted(pg, op)) return reply_op_error(pg, op, m, -ERRNO.ESHUTDOWN);
  if (m.ops.some((step) => step.op === "pgnls")) return do_pg_op(pg, op, m);
  const o = parse_hobject(m.hobj);
  if (!o || !object_in_pg(pg, m.hobj)) return drop(pg, op, "misdirected");
  const write = op_may_write(m);
  const bad = check_request(pg, m, o, write);
  if (bad !== 0) return reply_op_error(pg, op, m, bad);
  if (write && must_wait_for_scrub(pg, op, m.hobj)) return;
  if (must_wait_for_recovery(pg, op, m.hobj, write)) return;
  if (write && reply_if_dup(pg, op, m)) return;

  const obc = pg.objects.get(m.hobj);
  const { waiting_for_rw_lock } = pg.waits;
  // Also behind others that wait for the lock: first come, first served.
  if (waiting_for_rw_lock.has(m.hobj) || !(write ? may_write(obc) : may_read(obc))) {
    sometimes("op waits for the object's lock");
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
  if (pg.ec && m.ops.some((step) => step.op.startsWith("omap"))) return -ERRNO.EOPNOTSUPP;
  if (!write) return 0;
  let bytes = 0;
  for (const d of m.data ?? []) bytes += d.byteLength;
  return bytes > config.get("osd_max_write_size") * 2 ** 20 ? -ERRNO.EMSGSIZE : 0;
}

/** Being compared. Not when others wait for the object already: this one goes behind them. */
function must_wait_for_scrub(pg: PG, op: OpRequest, soid: hobject_t): boolean {
  if (!pg.scrubber.write_blocked_by_scrub(soid)) return false;
  const { waits } = pg;
  if (waits.waiting_for_rw_lock.has(soid) || waits.waiting_for_degraded_object.has(soid)) {
    return false;
  }
  if (waits.waiting_for_unreadable_object.has(soid)) return false;
  sometimes("write waits for scrub");
  wait(pg, op, waits.waiting_for_scrub, "waiting for scrub");
  return true;
}

/**
 * Missing here, or not enough of the acting shards have it to decode it; or a write to what some
 * member lacks: recovery of the object comes first.
 */
function must_wait_for_recovery(pg: PG, op: OpRequest, soid: hobject_t, write: boolean): boolean {
  const { waits } = pg;
  if (pg.peering.is_unreadable_object(soid)) {
    const lists = waits.waiting_for_unreadable_object;
    sometimes("op waits for a missing object");
    wait_keyed(pg, op, lists, soid, "waiting for missing object");
    maybe_kick_recovery(pg, soid);
    return true;
  }
  // Also behind others that wait for the object: their order is the client's order.
  const lists = waits.waiting_for_degraded_object;
  if (!write || !(lists.has(soid) || is_degraded_or_backfilling_object(pg, soid))) return false;
  sometimes("op waits for a degraded object");
  wait_keyed(pg, op, lists, soid, "waiting for degraded object");
  maybe_kick_recovery(pg, soid);
  return true;
}

/** A resend of what the log already has: the stored answer, when it is durable everywhere. */
function reply_if_dup(pg: PG, op: OpRequest, m: Msg<"osd_op">): boolean {
  const done = pg.peering.pg_log.log.get_request(m.reqid);
  if (!done) return false;
  if (ev_le(done.version, pg.peering.last_update_ondisk)) {
    sometimes("dup op answered from the log");
    send_reply(pg, op, dup_reply(pg, m, done));
    return true;
  }
  sometimes("dup op waits for its commit");
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
  if (pg.ec) {
    execute_ec(pg, pg.ec, { op, m, obc, write });
    return;
  }
  const { store, config } = pg.host;
  const ctx = new_op_context({ store, coll: pg.coll, config, append_alignment: 0 }, m, obc);
  finish_ctx(pg, { op, m, obc, write }, ctx, do_osd_ops(ctx), null);
}
