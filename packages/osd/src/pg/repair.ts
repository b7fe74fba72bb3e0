/**
 * A copy turned out to be unreadable: it counts as missing from now on, and is fetched from another
 * member. Ceph counterpart: PrimaryLogPG::rep_repair_primary_object, primary_error. peering.md §7.2.
 */
import {
  type eversion_t,
  type hobject_t,
  type pg_shard_t,
  shard_cmp,
  sometimes,
} from "@tako/common";
import { Transaction } from "../store/Transaction.ts";
import type { PG } from "./PG.ts";

/** False: nobody else has it, or its version is not known. */
export function rep_repair_primary_object(pg: PG, soid: hobject_t): boolean {
  const { peering } = pg;
  const entry = peering.pg_log.log.get_object(soid);
  const obc = pg.objects.get(soid);
  const version = obc.corrupt ? entry?.version : obc.oi.version;
  // Below a write in flight the version would be wrong by the time the copy arrives.
  if (!version || obc.writes > 0) return false;
  const others = pg.peers.filter(
    (p) =>
      !peering.peer_missing.get(p)?.is_missing(soid) &&
      peering.get_peer_info(p).last_backfill === "MAX",
  );
  if (!peering.is_recoverable(new Set(others))) return false;
  force_missing(pg, pg.whoami, soid, version);
  const at = [...peering.missing_loc.get_locations(soid)].sort(shard_cmp);
  const text = `${pg.spgid} missing primary copy of ${soid}, will try copies on ${at}`;
  pg.host.cluster_log("ERR", text);
  pg.queue_peering_event({ type: "DoRecovery" });
  return true;
}

/** The copy, or chunk, of `shard` is no good: recovery will give it a new one. */
export function force_missing(
  pg: PG,
  shard: pg_shard_t,
  soid: hobject_t,
  version: eversion_t,
): void {
  sometimes("copy found damaged");
  const t = new Transaction();
  pg.peering.force_object_missing(shard, soid, version, t);
  if (!t.empty) pg.host.store.queue_transaction(t);
  pg.host.publish_stats(pg);
}
