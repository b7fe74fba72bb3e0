/**
 * Deletions that some member has in its log and has not carried out.
 * Ceph counterpart: PGBackend::recover_delete_object, handle_recovery_delete(_reply),
 * PrimaryLogPG::remove_missing_object. peering.md §7.2.
 */
import { ev_lt, type eversion_t, type hobject_t, type Msg } from "@tako/common";
import { Transaction } from "../store/Transaction.ts";
import { decode_object_info, OI_ATTR } from "./object_info.ts";
import type { PG } from "./PG.ts";
import { queue_counted } from "./pg_stats.ts";
import { on_global_recover, on_local_recover, peers_missing } from "./recover_object.ts";

/** On the primary's own copy; then on the members'. */
export function remove_missing_object(pg: PG, soid: hobject_t, version: eversion_t): void {
  const t = new Transaction();
  t.try_remove(pg.coll, soid);
  pg.peering.recover_got(soid, version, true, t);
  const { generation } = pg;
  const { last_complete } = pg.peering.info;
  pg.host.store.queue_transaction(t, () => {
    pg.run_if_current(generation, () => {
      pg.peering.update_last_complete_ondisk(last_complete);
      recover_delete_object(pg, soid, version);
    });
  });
  on_local_recover(pg, soid);
}

/** All members that have yet to delete it are told at once. */
export function recover_delete_object(pg: PG, soid: hobject_t, version: eversion_t): void {
  const peers = peers_missing(pg, soid);
  if (peers.length === 0) {
    on_global_recover(pg, soid, { num_objects_recovered: 1 });
    return;
  }
  pg.recovery.deleting.set(soid, { version, waiting_for: new Set(peers) });
  for (const peer of peers) {
    pg.peering.begin_peer_recover(peer, soid);
    pg.send(peer, {
      type: "pg_recovery_delete",
      map_epoch: pg.osdmap_epoch,
      min_epoch: pg.last_peering_reset,
      from: pg.whoami,
      pgid: pg.peering.peer_spg(peer),
      objects: [{ soid, version }],
    });
  }
}

export function do_recovery_delete(pg: PG, m: Msg<"pg_recovery_delete">): void {
  const t = new Transaction();
  for (const { soid, version } of m.objects) {
    // Told a second time after an interrupted recovery: it may be gone, or exist again.
    const missing = pg.peering.missing.is_missing(soid, version);
    if (!missing && !is_older(pg, soid, version)) continue;
    t.try_remove(pg.coll, soid);
    if (missing) pg.peering.recover_got(soid, version, true, t);
  }
  const { generation } = pg;
  const { last_complete } = pg.peering.info;
  const objects = m.objects.map((o) => o.soid);
  queue_counted(pg, objects, t, () => {
    pg.run_if_current(generation, () => {
      pg.peering.update_last_complete_ondisk(last_complete);
      pg.send(m.from, {
        type: "pg_recovery_delete_reply",
        map_epoch: pg.osdmap_epoch,
        min_epoch: pg.last_peering_reset,
        from: pg.whoami,
        pgid: pg.peering.peer_spg(m.from),
        objects: m.objects,
        last_complete_ondisk: last_complete,
      });
    });
  });
}

/** A copy that the deletion has not reached, though we believed so: scrub has found it. */
function is_older(pg: PG, soid: hobject_t, version: eversion_t): boolean {
  const attr = pg.host.store.getattr(pg.coll, soid, OI_ATTR);
  const oi = attr && decode_object_info(attr);
  return oi !== undefined && ev_lt(oi.version, version);
}

export function do_recovery_delete_reply(pg: PG, m: Msg<"pg_recovery_delete_reply">): void {
  if (!pg.is_primary()) return;
  pg.peering.update_peer_last_complete_ondisk(m.from, m.last_complete_ondisk);
  for (const { soid } of m.objects) {
    const del = pg.recovery.deleting.get(soid);
    if (!del?.waiting_for.delete(m.from)) continue;
    pg.peering.on_peer_recover(m.from, soid, del.version);
    if (del.waiting_for.size > 0) continue;
    pg.recovery.deleting.delete(soid);
    on_global_recover(pg, soid, { num_objects_recovered: 1 });
  }
  pg.peering.calc_min_last_complete_ondisk();
}
