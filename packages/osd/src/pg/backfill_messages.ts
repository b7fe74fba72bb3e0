/**
 * Backfill messages: the target scans, removes and stores how far it is complete; the primary takes
 * digests and acks. Ceph counterpart: PrimaryLogPG::do_scan, do_backfill, do_backfill_remove,
 * on_backfill_suspended. peering.md §7.3.
 */
import type { Msg } from "@tako/common";
import { Transaction } from "../store/Transaction.ts";
import { BackfillInterval } from "./BackfillInterval.ts";
import { scan_range } from "./backfill.ts";
import type { PG } from "./PG.ts";
import { queue_counted } from "./pg_stats.ts";
import { finish_recovery_op } from "./recover_object.ts";
import { stats_from_wire } from "./wire_stats.ts";

export function do_scan(pg: PG, m: Msg<"pg_scan">): void {
  if (m.op === "DIGEST") take_digest(pg, m);
  else give_digest(pg, m);
}

/** Target: gives the slot back when room has become scarce since it was promised. */
function too_full(pg: PG): boolean {
  const full = pg.host.full_state();
  if (full === "none" || full === "nearfull") return false;
  pg.queue_peering_event({ type: "BackfillTooFull" });
  return true;
}

/** Target. Too full: no answer; the primary is told by the reservation being revoked. */
function give_digest(pg: PG, m: Msg<"pg_scan">): void {
  if (too_full(pg)) return;
  const bi = new BackfillInterval(m.begin);
  scan_range(pg, bi, m.begin);
  pg.send(m.from, {
    type: "pg_scan",
    op: "DIGEST",
    map_epoch: pg.osdmap_epoch,
    query_epoch: m.query_epoch,
    from: pg.whoami,
    pgid: pg.peering.peer_spg(m.from),
    begin: bi.begin,
    end: bi.end,
    objects: [...bi.objects()],
  });
}

/** Primary. */
function take_digest(pg: PG, m: Msg<"pg_scan">): void {
  const bf = pg.backfill;
  // Nobody waits for it: asked before backfill was suspended. A new scan has been, or will be, asked for.
  if (!bf.waiting_on_backfill.delete(m.from)) return;
  bf.peer_backfill_info.get(m.from)?.assign(m.begin, m.end, m.objects);
  if (bf.waiting_on_backfill.size === 0) finish_recovery_op(pg);
}

export function do_backfill(pg: PG, m: Msg<"pg_backfill">): void {
  if (m.op === "FINISH_ACK") {
    if (pg.backfill.waiting_on_finish.delete(m.from)) finish_recovery_op(pg);
    return;
  }
  const t = new Transaction();
  pg.peering.update_backfill_progress(m.last_backfill, stats_from_wire(m.stats), t);
  // One scan may have covered all that was here: it must be noticed between scans, too.
  if (m.op === "PROGRESS") too_full(pg);
  // Now, not after the commit: the primary's next request may be here already, which this is not about.
  else pg.queue_peering_event({ type: "RecoveryDone" });
  const { generation } = pg;
  pg.host.store.queue_transaction(t, () => {
    if (m.op !== "FINISH") return;
    pg.run_if_current(generation, () => {
      pg.send(m.from, {
        type: "pg_backfill",
        op: "FINISH_ACK",
        map_epoch: pg.osdmap_epoch,
        query_epoch: m.query_epoch,
        from: pg.whoami,
        pgid: pg.peering.peer_spg(m.from),
        last_backfill: m.last_backfill,
        stats: m.stats,
      });
    });
  });
}

/** Target: objects that do not exist any more. What is pushed later comes later on the connection. */
export function do_backfill_remove(pg: PG, m: Msg<"pg_backfill_remove">): void {
  const t = new Transaction();
  const objects = m.objects.map((o) => o.soid);
  for (const soid of objects) t.try_remove(pg.coll, soid);
  queue_counted(pg, objects, t);
}

/** Reservations were lost: scans asked for are not waited for; they will be asked for again. */
export function on_backfill_suspended(pg: PG): void {
  const bf = pg.backfill;
  if (bf.waiting_on_backfill.size === 0) return;
  bf.waiting_on_backfill.clear();
  finish_recovery_op(pg);
}
