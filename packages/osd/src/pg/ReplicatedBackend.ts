/**
 * The write path of a replicated pool: one transaction on every member with the data, the log entry
 * and the info; the client is answered when all have it on disk.
 * Ceph counterpart: PrimaryLogPG::issue_repop, eval_repop, finish_ctx; ReplicatedBackend::
 * submit_transaction, do_repop, do_repop_reply. peering.md §8.4.
 */
import {
  EVERSION_ZERO,
  type eversion_t,
  hobject_cmp,
  type hobject_t,
  type Msg,
  ProtocolError,
  type pg_log_entry_t,
  type pg_shard_t,
} from "@tako/common";
import { Transaction } from "../store/Transaction.ts";
import type { ObjectContext } from "./ObjectContext.ts";
import type { OpContext } from "./OpContext.ts";
import type { OpRequest } from "./OpTracker.ts";
import { encode_object_info, NO_OBJECT, OI_ATTR, type object_info_t } from "./object_info.ts";
import { make_reply, send_reply, with_outcomes } from "./op_reply.ts";
import type { PG } from "./PG.ts";
import { apply_stats } from "./pg_stats.ts";
import type { RepOp } from "./RepOpQueue.ts";
import { stats_from_wire, wire_stats } from "./wire_stats.ts";

// ---------------------------------------------------------------- primary: issue

/** finish_ctx and issue_repop: from the steps' changes to a write in flight. */
export function issue_write(
  pg: PG,
  op: OpRequest,
  m: Msg<"osd_op">,
  obc: ObjectContext,
  ctx: OpContext,
): void {
  const { info } = pg.peering;
  const at_version = pg.peering.next_version();
  const user_version = Math.max(info.last_user_version, ctx.user_version) + 1;
  const mtime = m.mtime || pg.host.clock.now_ms();
  const entry: pg_log_entry_t = {
    op: ctx.exists ? "modify" : "delete",
    soid: ctx.soid,
    version: at_version,
    prior_version: ctx.existed ? ctx.old.version : EVERSION_ZERO,
    reqid: m.reqid,
    user_version,
    mtime,
    return_code: 0,
  };
  const oi = next_object_info(ctx, at_version, user_version, mtime);
  if (ctx.exists) ctx.t.setattr(pg.coll, ctx.soid, OI_ATTR, encode_object_info(oi));
  obc.exists = ctx.exists;
  obc.oi = oi;
  obc.writes++;
  apply_stats(pg, ctx.soid, ctx.delta);
  const reply = with_outcomes(make_reply(pg, m, 0, at_version, user_version), ctx);
  submit_transaction(pg, ctx.t, entry, { op, reply, obc, on_complete: null });
  pg.host.op_tracker.mark(op, "op_applied", "waiting for sub ops");
}

function next_object_info(
  ctx: OpContext,
  version: eversion_t,
  user_version: number,
  mtime: number,
): object_info_t {
  if (!ctx.exists) return NO_OBJECT;
  const prior_version = ctx.existed ? ctx.old.version : EVERSION_ZERO;
  return { version, prior_version, user_version, size: ctx.size, mtime, omap: ctx.omap };
}

/** Sends the write to the members and applies it here, together with its log entry. */
function submit_transaction(
  pg: PG,
  t: Transaction,
  entry: pg_log_entry_t,
  what: Pick<RepOp, "op" | "reply" | "obc" | "on_complete">,
): void {
  const { peering } = pg;
  const logv = [entry];
  peering.pre_submit_op(entry.soid, logv, entry.version);
  const trim_to = peering.calc_trim_to();
  const tid = pg.repops.next_tid();
  send_repops(pg, tid, t, entry, trim_to);
  const mlcod = peering.min_last_complete_ondisk;
  peering.append_log(logv, trim_to, entry.version, mlcod, t, {
    transaction_applied: true,
    async: false,
  });
  const repop: RepOp = {
    tid,
    v: entry.version,
    waiting_for_commit: new Set(pg.peers).add(pg.whoami),
    pg_local_last_complete: peering.info.last_complete,
    ...what,
  };
  pg.repops.add(repop);
  queue_repop_transaction(pg, t, repop);
}

/** Our own part of a repop; its commit counts like a member's reply. */
export function queue_repop_transaction(pg: PG, t: Transaction, repop: RepOp): void {
  const { generation } = pg;
  const on_commit = pg.host.commit_latency.timed(() => {
    pg.run_if_current(generation, () => committed_by(pg, repop, pg.whoami));
  });
  pg.host.store.queue_transaction(t, on_commit);
  pg.peering.local_write_applied(repop.v);
}

function send_repops(
  pg: PG,
  tid: number,
  t: Transaction,
  entry: pg_log_entry_t,
  pg_trim_to: eversion_t,
): void {
  const { peers, peering } = pg;
  if (peers.length === 0) return;
  const { txn, data } = t.to_wire();
  const full: Msg<"rep_op"> = {
    type: "rep_op",
    map_epoch: pg.osdmap_epoch,
    min_epoch: pg.last_peering_reset,
    tid,
    reqid: entry.reqid,
    from: pg.whoami,
    pgid: pg.spgid,
    hobj: entry.soid,
    version: entry.version,
    txn,
    log_entries: [entry],
    pg_trim_to,
    min_last_complete_ondisk: peering.min_last_complete_ondisk,
    roll_forward_to: entry.version,
    stats: wire_stats(peering.info.stats),
    data,
  };
  for (const peer of peers) {
    const target = peering.is_backfill_target(peer);
    if (!target) pg.send(peer, full);
    else {
      // Its sums are those of the part that it has.
      const stats = wire_stats(peering.get_peer_info(peer).stats);
      const applied = should_send_op(pg, peer, entry.soid);
      pg.send(peer, applied ? { ...full, stats } : { ...full, stats, txn: [], data: [] });
    }
  }
}

/** A target has what the scan has passed; beyond, it only keeps the log (§8.4.4). */
function should_send_op(pg: PG, peer: pg_shard_t, soid: hobject_t): boolean {
  return (
    hobject_cmp(soid, pg.backfill.last_backfill_started) <= 0 ||
    hobject_cmp(soid, pg.peering.get_peer_info(peer).last_backfill) <= 0
  );
}

// ---------------------------------------------------------------- primary: commits

/** A member has it on disk. */
export function committed_by(pg: PG, repop: RepOp, who: pg_shard_t): void {
  repop.waiting_for_commit.delete(who);
  if (repop.waiting_for_commit.size === 0) eval_repops(pg);
}

/** Completes in version order what all members have. */
function eval_repops(pg: PG): void {
  let done = pg.repops.pop_completed();
  if (!done) return;
  for (; done; done = pg.repops.pop_completed()) complete_repop(pg, done);
  pg.host.publish_stats(pg, "later");
}

function complete_repop(pg: PG, r: RepOp): void {
  pg.peering.complete_write(r.v, r.pg_local_last_complete);
  if (r.op && r.reply) {
    pg.host.op_tracker.mark(r.op, "commit_sent", "commit sent; apply or cleanup");
    send_reply(pg, r.op, { ...r.reply, version: r.v, map_epoch: pg.osdmap_epoch });
  }
  for (const w of pg.waits.take_ondisk(r.v.version)) {
    if (w.op.msg.type !== "osd_op") continue;
    const reply = make_reply(pg, w.op.msg, w.return_code, w.version, w.user_version);
    send_reply(pg, w.op, reply);
  }
  if (r.obc) drop_write_lock(pg, r.obc);
  r.on_complete?.();
}

function drop_write_lock(pg: PG, obc: ObjectContext): void {
  if (--obc.writes > 0) return;
  pg.requeue(pg.waits.take_keyed(pg.waits.waiting_for_rw_lock, obc.soid));
  // A push that could not read the object may try again.
  if (pg.recovery.blocked_by_writes.delete(obc.soid)) pg.host.queue_recovery(pg);
}

export function do_repop_reply(pg: PG, m: Msg<"rep_op_reply">): void {
  if (!pg.is_primary()) return;
  const repop = pg.repops.get(m.tid);
  // Unknown: of a write that an interval change has aborted.
  if (!repop) return;
  pg.peering.update_peer_last_complete_ondisk(m.from, m.last_complete_ondisk);
  committed_by(pg, repop, m.from);
}

// ---------------------------------------------------------------- member

/** A write from the primary: data, log and info in one transaction; the reply follows its commit. */
export function do_repop(pg: PG, m: Msg<"rep_op">): void {
  const { peering } = pg;
  const t = Transaction.from_wire(m.txn, m.data);
  for (const c of t.collections()) {
    if (c !== pg.coll) throw foreign_collection(c, m);
  }
  const transaction_applied = m.txn.length > 0;
  peering.update_stats((s) => Object.assign(s, stats_from_wire(m.stats)));
  peering.append_log(
    m.log_entries,
    m.pg_trim_to,
    m.roll_forward_to,
    m.min_last_complete_ondisk,
    t,
    { transaction_applied, async: false },
  );
  const last_complete = peering.info.last_complete;
  const { generation } = pg;
  pg.host.store.queue_transaction(t, () => {
    pg.run_if_current(generation, () => {
      peering.update_last_complete_ondisk(last_complete);
      pg.send(m.from, {
        type: "rep_op_reply",
        map_epoch: pg.osdmap_epoch,
        min_epoch: pg.last_peering_reset,
        tid: m.tid,
        reqid: m.reqid,
        from: pg.whoami,
        pgid: m.pgid,
        result: 0,
        last_complete_ondisk: last_complete,
      });
    });
  });
  peering.local_write_applied(m.version);
}

function foreign_collection(c: string, m: Msg<"rep_op">): ProtocolError {
  return new ProtocolError("rep_op for a collection that is not its pg's", {
    code: "bad_message",
    type: m.type,
    path: "txn",
    reason: `collection ${c} in a write of pg ${m.pgid}`,
  });
}
