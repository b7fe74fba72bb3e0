/**
 * Putting an operation aside, or away. Ceph counterpart: the waiting_for_* lists of PrimaryLogPG,
 * OSDService::client_messenger throttles. peering.md §8.2, §8.6.
 */
import type { OpRequest } from "./OpTracker.ts";
import type { PG } from "./PG.ts";

/** Writes that wait for members, of one PG. */
const MAX_REPOPS = 8192;

/** Puts `op` at the end of `list`. A client that has too much waiting here is cut off instead. */
export function wait(pg: PG, op: OpRequest, list: OpRequest[], why: string): void {
  if (refuse(pg, op)) return;
  pg.waits.add(list, op);
  pg.host.op_tracker.mark(op, why, "delayed");
}
export function wait_keyed<K>(
  pg: PG,
  op: OpRequest,
  lists: Map<K, OpRequest[]>,
  key: K,
  why: string,
): void {
  if (refuse(pg, op)) return;
  pg.waits.add_keyed(lists, key, op);
  pg.host.op_tracker.mark(op, why, "delayed");
}

/**
 * No room. Dropping one op would let the client's later ones overtake it, so its whole session ends:
 * it connects again after a while and resends everything in order.
 */
export function refuse(pg: PG, op: OpRequest): boolean {
  if (op.msg.type !== "osd_op") return false;
  if (!pg.waits.full_for(op) && pg.repops.size < MAX_REPOPS) return false;
  const { size, bytes } = pg.waits;
  pg.log.warn({ client: op.con.peer_name, ops: size, bytes }, "pg_queue_full");
  op.con.mark_down();
  pg.host.op_tracker.drop(op);
  pg.on_session_reset(op.con);
  return true;
}

export function drop(pg: PG, op: OpRequest, why: string): void {
  if (pg.log.enabled("debug")) {
    pg.log.debug({ epoch: pg.osdmap_epoch, type: op.msg.type, why }, "op_dropped");
  }
  pg.host.op_tracker.drop(op);
}
