/**
 * The write path: one transaction on every member with the data, the log entry and the info; the
 * client is answered when all have it on disk. Members of a replicated pool get the same data, shards
 * of an erasure-coded one each their own (ec/).
 * Ceph counterpart: PrimaryLogPG::issue_repop, eval_repop, finish_ctx; ReplicatedBackend and
 * ECBackend::submit_transaction, do_repop, handle_sub_write. peering.md §8.4, §10.
 */
import {
  EVERSION_ZERO,
  ev_gt,
  type eversion_t,
  hobject_cmp,
  type hobject_t,
  invariant,
  type Msg,
  ProtocolError,
  type pg_log_entry_t,
  type pg_shard_t,
  shard_id,
} from "@tako/common";
import { Transaction } from "../store/Transaction.ts";
import type { WireTransaction } from "../store/transaction_wire.ts";
import type { ECBackend } from "./ec/ECBackend.ts";
import type { ECStripes } from "./ec/ECStripes.ts";
import { plan_ec_write } from "./ec/ec_transaction.ts";
import type { ObjectContext } from "./ObjectContext.ts";
import type { OpContext } from "./OpContext.ts";
import type { OpRequest } from "./OpTracker.ts";
import { encode_object_info, NO_OBJECT, OI_ATTR, type object_info_t } from "./object_info.ts";
import { make_reply, send_reply, with_outcomes } from "./op_reply.ts";
import type { PG } from "./PG.ts";
import { pg_stash_coll } from "./pg_colls.ts";
import { apply_stats, queue_counted } from "./pg_stats.ts";
import type { RepOp } from "./RepOpQueue.ts";
import { recovery_unblocked } from "./recover_object.ts";
import { stats_from_wire, wire_stats } from "./wire_stats.ts";

type SubWrite = Msg<"rep_op"> | Msg<"ec_sub_write">;

// ---------------------------------------------------------------- primary: issue

/** finish_ctx and issue_repop: from the steps' changes to a write in flight. */
export function issue_write(
  pg: PG,
  op: OpRequest,
  m: Msg<"osd_op">,
  obc: ObjectContext,
  ctx: OpContext,
  stripes: ECStripes | null,
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
  const write = stripes
    ? ec_write(pg, ctx, stripes, entry, oi)
    : replicated_write(pg, ctx, entry, oi);
  obc.exists = ctx.exists;
  obc.oi = oi;
  obc.writes++;
  apply_stats(pg, ctx.soid, ctx.delta);
  const reply = with_outcomes(make_reply(pg, m, 0, at_version, user_version), ctx);
  submit_transaction(pg, write, { op, reply, obc, on_complete: null });
  pg.host.op_tracker.mark(op, "op_applied", "waiting for sub ops");
}

/** One write, ready for the log and the members. */
interface MemberWrite {
  readonly entry: pg_log_entry_t;
  /** Our own part. */
  readonly t: Transaction;
  readonly wire_for: (peer: pg_shard_t) => WireTransaction;
}

function replicated_write(
  pg: PG,
  ctx: OpContext,
  entry: pg_log_entry_t,
  oi: object_info_t,
): MemberWrite {
  const { t } = ctx;
  if (ctx.exists) t.setattr(pg.coll, ctx.soid, OI_ATTR, encode_object_info(oi));
  const wire = pg.peers.length > 0 ? t.to_wire() : { txn: [], data: [] };
  return { entry, t, wire_for: () => wire };
}

function ec_write(
  pg: PG,
  ctx: OpContext,
  stripes: ECStripes,
  entry: pg_log_entry_t,
  oi: object_info_t,
): MemberWrite {
  const { ec, peering } = pg;
  invariant(ec, "stripes of a replicated pool", { pg: pg.spgid });
  if (ctx.exists) stripes.attrs.set(OI_ATTR, encode_object_info(oi));
  const write = {
    soid: ctx.soid,
    version: entry.version,
    existed: ctx.existed,
    old_size: ctx.old.size,
    old_attrs: pg.host.store.getattrs(pg.coll, ctx.soid) ?? new Map(),
    stripes,
  };
  const plan = plan_ec_write(write, ec.sinfo, ec.code);
  const part = (s: pg_shard_t) => plan.transaction(shard_id(s), peering.peer_spg(s));
  return {
    entry: { ...entry, mod_desc: plan.mod_desc },
    t: part(pg.whoami),
    wire_for: (peer) => part(peer).to_wire(),
  };
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
export function submit_transaction(
  pg: PG,
  write: MemberWrite,
  what: Pick<RepOp, "op" | "reply" | "obc" | "on_complete">,
): void {
  const { peering } = pg;
  const { entry, t } = write;
  const logv = [entry];
  peering.pre_submit_op(entry.soid, logv, entry.version);
  const trim_to = peering.calc_trim_to();
  const tid = pg.repops.next_tid();
  send_repops(pg, tid, write, trim_to);
  const mlcod = peering.min_last_complete_ondisk;
  peering.append_log(logv, trim_to, roll_forward_to(pg, entry.version), mlcod, t, {
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

/** An erasure-coded write can be undone until all shards are known to have it (I24). */
function roll_forward_to(pg: PG, version: eversion_t): eversion_t {
  return pg.ec ? pg.peering.last_update_ondisk : version;
}

function send_repops(pg: PG, tid: number, write: MemberWrite, pg_trim_to: eversion_t): void {
  const { peers, peering } = pg;
  const { entry } = write;
  const type = pg.ec ? "ec_sub_write" : "rep_op";
  const common = {
    map_epoch: pg.osdmap_epoch,
    min_epoch: pg.last_peering_reset,
    tid,
    reqid: entry.reqid,
    from: pg.whoami,
    hobj: entry.soid,
    version: entry.version,
    log_entries: [entry],
    pg_trim_to,
    min_last_complete_ondisk: peering.min_last_complete_ondisk,
    roll_forward_to: roll_forward_to(pg, entry.version),
  };
  const all = wire_stats(peering.info.stats);
  for (const peer of peers) {
    const target = peering.is_backfill_target(peer);
    // The sums of a target are those of the part that it has.
    const stats = target ? wire_stats(peering.get_peer_info(peer).stats) : all;
    const applied = !target || should_send_op(pg, peer, entry.soid);
    const { txn, data } = applied ? write.wire_for(peer) : { txn: [], data: [] };
    const pgid = peering.peer_spg(peer);
    pg.send(peer, { type, pgid, ...common, stats, txn, data } satisfies SubWrite);
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
  if (pg.ec && pg.repops.size === 0) schedule_kick(pg, pg.ec);
}

/** How long the last writes stay undoable when none follows that would carry the news, ms. */
const KICK_MS = 1000;

function schedule_kick(pg: PG, ec: ECBackend): void {
  ec.kick?.cancel();
  const { generation } = pg;
  ec.kick = pg.host.clock.set_timer(KICK_MS, () => {
    pg.run_if_current(generation, () => kick_roll_forward(pg));
  });
}

/** All shards have everything: nobody need keep what it would take to undo it. */
function kick_roll_forward(pg: PG): void {
  const { peering } = pg;
  const to = peering.last_update_ondisk;
  if (pg.repops.size > 0 || !ev_gt(to, peering.pg_log.get_can_rollback_to())) return;
  const trim_to = peering.calc_trim_to();
  const mlcod = peering.min_last_complete_ondisk;
  for (const peer of pg.peers) {
    pg.send(peer, {
      type: "ec_sub_write",
      map_epoch: pg.osdmap_epoch,
      min_epoch: pg.last_peering_reset,
      tid: pg.repops.next_tid(),
      reqid: { name: "", inc: 0, tid: 0 },
      from: pg.whoami,
      pgid: peering.peer_spg(peer),
      hobj: pg.pgmeta_oid,
      version: peering.info.last_update,
      txn: [],
      log_entries: [],
      pg_trim_to: trim_to,
      min_last_complete_ondisk: mlcod,
      roll_forward_to: to,
      stats: wire_stats(
        peering.is_backfill_target(peer) ? peering.get_peer_info(peer).stats : peering.info.stats,
      ),
    });
  }
  const t = new Transaction();
  peering.append_log([], trim_to, to, mlcod, t, { transaction_applied: true, async: false });
  pg.host.store.queue_transaction(t);
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
  recovery_unblocked(pg, obc);
}

export function do_repop_reply(pg: PG, m: Msg<"rep_op_reply" | "ec_sub_write_reply">): void {
  if (!pg.is_primary()) return;
  const repop = pg.repops.get(m.tid);
  // Unknown: of a write that an interval change has aborted.
  if (!repop) return;
  pg.peering.update_peer_last_complete_ondisk(m.from, m.last_complete_ondisk);
  committed_by(pg, repop, m.from);
}

// ---------------------------------------------------------------- member

/** A write from the primary: data, log and info in one transaction; the reply follows its commit. */
export function do_repop(pg: PG, m: SubWrite): void {
  const { peering } = pg;
  const t = Transaction.from_wire(m.txn, m.data);
  const stash = pg.ec ? pg_stash_coll(pg.spgid) : undefined;
  for (const c of t.collections()) {
    if (c !== pg.coll && c !== stash) throw foreign_collection(c, m);
  }
  // Without entries it only says what has become final.
  const transaction_applied = m.txn.length > 0 || m.log_entries.length === 0;
  peering.update_stats((s) => {
    const { num_bytes } = s.stat_sum;
    Object.assign(s, stats_from_wire(m.stats));
    if (peering.is_incomplete()) s.stat_sum.num_bytes = num_bytes;
  });
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
  queue_counted(pg, [m.hobj], t, () => {
    pg.run_if_current(generation, () => {
      peering.update_last_complete_ondisk(last_complete);
      pg.send(m.from, {
        type: m.type === "rep_op" ? "rep_op_reply" : "ec_sub_write_reply",
        map_epoch: pg.osdmap_epoch,
        min_epoch: pg.last_peering_reset,
        tid: m.tid,
        reqid: m.reqid,
        from: pg.whoami,
        pgid: peering.peer_spg(m.from),
        result: 0,
        last_complete_ondisk: last_complete,
      });
    });
  });
  peering.local_write_applied(m.version);
}

function foreign_collection(c: string, m: SubWrite): ProtocolError {
  return new ProtocolError("a write for a collection that is not its pg's", {
    code: "bad_message",
    type: m.type,
    path: "txn",
    reason: `collection ${c} in a write of pg ${m.pgid}`,
  });
}
