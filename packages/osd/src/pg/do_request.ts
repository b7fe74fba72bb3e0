/**
 * Which operations a PG may run now, which must wait, and which are dropped: in that order for every
 * client operation and every object message between OSDs.
 * Ceph counterpart: PrimaryLogPG::do_request, PG::can_discard_request. peering.md §8.2.
 */
import { type epoch_t, type Message, type Msg, type pg_shard_t, shard_osd } from "@tako/common";
import { is_readable } from "../peering/leases.ts";
import { do_backfill, do_backfill_remove, do_scan } from "./backfill_messages.ts";
import { do_op } from "./do_op.ts";
import { do_ec_sub_read, do_ec_sub_read_reply } from "./ec/ec_read.ts";
import { do_update_log_missing, do_update_log_missing_reply } from "./log_update.ts";
import type { OpRequest } from "./OpTracker.ts";
import { object_in_pg } from "./object_in_pg.ts";
import { drop, wait } from "./op_wait.ts";
import type { PG } from "./PG.ts";
import { do_pull, do_push, do_push_reply } from "./push_pull.ts";
import { do_recovery_delete, do_recovery_delete_reply } from "./recovery_delete.ts";
import { do_repop, do_repop_reply } from "./repop.ts";

/** The messages between OSDs that a PG handles. */
export type SubOp = Extract<Message, { map_epoch: epoch_t; pgid: string; from: pg_shard_t }>;

/** A message from outside. */
export function do_request(pg: PG, op: OpRequest): void {
  const behind = pg.waits.waiting_for_map.get(op.con.peer_name);
  if (behind !== undefined && behind.length > 0) {
    // One of that source waits for a map: overtaking it would change their order.
    wait(pg, op, behind, "waiting_for_map");
    return;
  }
  redo_request(pg, op);
}

/** The same for one that has waited. */
export function redo_request(pg: PG, op: OpRequest): void {
  const m = op.msg;
  if (min_epoch_of(m) > pg.osdmap_epoch) {
    let list = pg.waits.waiting_for_map.get(op.con.peer_name);
    if (!list) {
      list = [];
      pg.waits.waiting_for_map.set(op.con.peer_name, list);
    }
    wait(pg, op, list, "waiting_for_map");
    return;
  }
  if (m.type === "osd_op") client_op(pg, op, m);
  else if (is_sub_op(m)) sub_op(pg, op, m);
  else drop(pg, op, "not for a pg");
}

function is_sub_op(m: Message): m is SubOp {
  return "map_epoch" in m && "pgid" in m && "from" in m && typeof m.from === "string";
}

/** The map a message needs; less than the sender had when nothing changed for this PG meanwhile. */
function min_epoch_of(m: Message): epoch_t {
  if ("min_epoch" in m) return m.min_epoch;
  if (m.type === "pg_scan" || m.type === "pg_backfill") return m.query_epoch;
  return "map_epoch" in m ? m.map_epoch : 0;
}

function client_op(pg: PG, op: OpRequest, m: Msg<"osd_op">): void {
  const why = can_discard_op(pg, op, m);
  if (why) {
    drop(pg, op, why);
    return;
  }
  const { peering, waits } = pg;
  if (!peering.is_peered()) wait(pg, op, waits.waiting_for_peered, "waiting_for_peered");
  else if (peering.flushes_in_progress > 0) {
    wait(pg, op, waits.waiting_for_flush, "waiting_for_flush");
  } else if (!peering.is_active()) wait(pg, op, waits.waiting_for_active, "waiting_for_active");
  else if (!check_laggy(pg)) wait(pg, op, waits.waiting_for_readable, "waiting for readable");
  else do_op(pg, op, m);
}

/** May clients be answered? The lease may have run out unnoticed since the last one. */
function check_laggy(pg: PG): boolean {
  const { peering } = pg;
  const was_laggy = peering.state_test("laggy");
  if (is_readable(peering)) return true;
  if (!was_laggy && peering.state_test("laggy")) pg.host.publish_stats(pg);
  return false;
}

/** The client sends again by itself, or nobody is there to be answered. */
function can_discard_op(pg: PG, op: OpRequest, m: Msg<"osd_op">): string | undefined {
  if (!op.con.is_open) return "client is gone";
  // The monitor may have told the others by now that nobody is served here any more.
  if (pg.host.is_stopping()) return "stopping";
  const { history } = pg.peering.info;
  if (m.map_epoch < history.same_primary_since) return "primary changed";
  const pool = pg.peering.pool.info;
  if (m.map_epoch < pool.last_force_op_resend) return "force_op_resend";
  if (m.map_epoch < history.last_epoch_split && !object_in_pg(pg, m.hobj)) return "split";
  return undefined;
}

const SERVED_INACTIVE: ReadonlySet<string> = new Set<SubOp["type"]>([
  "pg_pull",
  "pg_push",
  "ec_sub_read",
]);

function sub_op(pg: PG, op: OpRequest, m: SubOp): void {
  const why = can_discard_replica_op(pg, m);
  if (why) {
    drop(pg, op, why);
    return;
  }
  // Pulls and their answers are served by members that are not active (strays, during peering).
  const inactive_too = SERVED_INACTIVE.has(m.type);
  if (!inactive_too && !pg.peering.is_peered()) {
    wait(pg, op, pg.waits.waiting_for_peered, "waiting_for_peered");
    return;
  }
  if (!inactive_too && pg.peering.flushes_in_progress > 0) {
    wait(pg, op, pg.waits.waiting_for_flush, "waiting_for_flush");
    return;
  }
  handle_sub_op(pg, m);
  pg.host.op_tracker.finish(op);
}

function can_discard_replica_op(pg: PG, m: SubOp): string | undefined {
  const osd = shard_osd(m.from);
  // The newest map, not the PG's: replies of an instance that is gone must not be counted, even
  // when the PG has not advanced so far.
  const next = pg.host.osdmap();
  if (next.is_down(osd)) return "sender is down";
  // Strays that push may restart without a new interval.
  if (next.get_down_at(osd) >= m.map_epoch) return "sender was down since";
  if (pg.peering.pg_has_reset_since(m.map_epoch)) return "older interval";
  return undefined;
}

function handle_sub_op(pg: PG, m: SubOp): void {
  switch (m.type) {
    case "rep_op":
    case "ec_sub_write":
      return do_repop(pg, m);
    case "rep_op_reply":
    case "ec_sub_write_reply":
      return do_repop_reply(pg, m);
    case "ec_sub_read":
      return do_ec_sub_read(pg, m);
    case "ec_sub_read_reply":
      return pg.ec ? do_ec_sub_read_reply(pg, pg.ec, m) : undefined;
    case "pg_update_log_missing":
      return do_update_log_missing(pg, m);
    case "pg_update_log_missing_reply":
      return do_update_log_missing_reply(pg, m);
    case "pg_push":
      return do_push(pg, m);
    case "pg_push_reply":
      return do_push_reply(pg, m);
    case "pg_pull":
      return do_pull(pg, m);
    case "pg_recovery_delete":
      return do_recovery_delete(pg, m);
    case "pg_recovery_delete_reply":
      return do_recovery_delete_reply(pg, m);
    case "pg_scan":
      return do_scan(pg, m);
    case "pg_backfill":
      return do_backfill(pg, m);
    case "pg_backfill_remove":
      return do_backfill_remove(pg, m);
    case "scrub_reserve":
      return pg.scrubber.handle_scrub_reserve(m);
    case "rep_scrub":
      return pg.scrubber.handle_rep_scrub(m);
    case "rep_scrub_map":
      return pg.scrubber.handle_rep_scrub_map(m);
  }
}
