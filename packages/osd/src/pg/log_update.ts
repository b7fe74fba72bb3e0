/**
 * Log entries without data: failed writes (ERROR), which are kept so that a resend gets the same
 * answer after any failover. They travel and commit like writes.
 * Ceph counterpart: PrimaryLogPG::record_write_error, submit_log_entries, do_update_log_missing,
 * do_update_log_missing_reply. peering.md §8.4.2.
 */
import { EVERSION_ZERO, type Msg, type pg_log_entry_t, sometimes } from "@tako/common";
import { Transaction } from "../store/Transaction.ts";
import type { OpRequest } from "./OpTracker.ts";
import type { PG } from "./PG.ts";
import type { RepOp } from "./RepOpQueue.ts";
import { committed_by, queue_repop_transaction } from "./repop.ts";

export function record_write_error(
  pg: PG,
  op: OpRequest,
  reply: Msg<"osd_op_reply">,
  m: Msg<"osd_op">,
): void {
  const entry: pg_log_entry_t = {
    op: "error",
    soid: m.hobj,
    version: pg.peering.next_version(),
    prior_version: EVERSION_ZERO,
    reqid: m.reqid,
    user_version: reply.user_version,
    mtime: m.mtime || pg.host.clock.now_ms(),
    return_code: reply.result,
  };
  sometimes("refusal kept in the log");
  submit_log_entries(pg, [entry], { op, reply, on_complete: null });
  pg.host.op_tracker.mark(op, "error recorded", "waiting for sub ops");
}

/** `entries` into every member's log; `what` is told when all have them. */
export function submit_log_entries(
  pg: PG,
  entries: readonly pg_log_entry_t[],
  what: Pick<RepOp, "op" | "reply" | "on_complete" | "on_abort">,
): void {
  const last = entries.at(-1);
  if (!last) return;
  const { peering } = pg;
  const t = new Transaction();
  const pg_trim_to = peering.calc_trim_to();
  // An erasure-coded write before them may not be on all shards yet.
  const roll_forward_to = pg.ec ? peering.last_update_ondisk : last.version;
  peering.merge_new_log_entries(entries, t, pg_trim_to, roll_forward_to);
  peering.write_if_dirty(t);
  const tid = pg.repops.next_tid();
  for (const peer of pg.peers) {
    pg.send(peer, {
      type: "pg_update_log_missing",
      map_epoch: pg.osdmap_epoch,
      min_epoch: pg.last_peering_reset,
      from: pg.whoami,
      pgid: peering.peer_spg(peer),
      tid,
      entries: [...entries],
      pg_trim_to,
      roll_forward_to,
    });
  }
  const repop: RepOp = {
    tid,
    v: last.version,
    waiting_for_commit: new Set(pg.peers).add(pg.whoami),
    pg_local_last_complete: peering.info.last_complete,
    obc: null,
    ...what,
  };
  pg.repops.add(repop);
  queue_repop_transaction(pg, t, repop);
}

export function do_update_log_missing(pg: PG, m: Msg<"pg_update_log_missing">): void {
  const { peering } = pg;
  const t = new Transaction();
  peering.append_log_entries_update_missing(m.entries, t, m.pg_trim_to, m.roll_forward_to);
  peering.write_if_dirty(t);
  const last_complete = peering.info.last_complete;
  const { generation } = pg;
  pg.host.store.queue_transaction(t, () => {
    pg.run_if_current(generation, () => {
      peering.update_last_complete_ondisk(last_complete);
      pg.send(m.from, {
        type: "pg_update_log_missing_reply",
        map_epoch: pg.osdmap_epoch,
        min_epoch: pg.last_peering_reset,
        from: pg.whoami,
        pgid: peering.peer_spg(m.from),
        tid: m.tid,
        last_complete_ondisk: last_complete,
      });
    });
  });
  const last = m.entries.at(-1);
  if (last) peering.local_write_applied(last.version);
}

export function do_update_log_missing_reply(pg: PG, m: Msg<"pg_update_log_missing_reply">): void {
  if (!pg.is_primary()) return;
  const repop = pg.repops.get(m.tid);
  if (!repop) return;
  pg.peering.update_peer_last_complete_ondisk(m.from, m.last_complete_ondisk);
  committed_by(pg, repop, m.from);
}
