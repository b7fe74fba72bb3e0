/**
 * Copies outside of up and acting go when, and only when, the PG is clean without them.
 * Ceph counterpart: PeeringState::purge_strays. peering.md §6.17.
 */
import { invariant, shard_cmp, shard_osd, sort_few, type spg_t } from "@tako/common";
import type { PeeringState } from "./PeeringState.ts";

/** Tells strays to delete their copy. */
export function purge_strays(ps: PeeringState): void {
  invariant(ps.is_clean() && ps.is_primary(), "only a clean PG purges strays", { pg: ps.spgid });
  let removed = false;
  for (const peer of sort_few([...ps.stray_set], shard_cmp)) {
    invariant(!ps.is_acting_recovery_backfill(peer), "a member is no stray", { peer });
    const osd = shard_osd(peer);
    if (ps.osdmap.is_up(osd)) send_remove(ps, osd, ps.peer_spg(peer));
    ps.peer_purged.add(peer);
    ps.peer_info.delete(peer);
    ps.peer_missing.delete(peer);
    ps.missing_loc.remove_source(peer);
    removed = true;
  }
  ps.stray_set.clear();
  // Nobody is being waited for any more who could answer.
  ps.peer_log_requested.clear();
  ps.peer_missing_requested.clear();
  if (removed) ps.get_rctx().effect({ type: "update_heartbeat_peers" });
}
function send_remove(ps: PeeringState, osd: number, pgid: spg_t): void {
  ps.get_rctx().send(osd, { type: "pg_remove", epoch: ps.get_osdmap_epoch(), pg_list: [pgid] });
}
