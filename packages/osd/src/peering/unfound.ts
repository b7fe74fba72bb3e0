/**
 * Objects that must be recovered, and the search for those of which no copy is known.
 * Ceph counterpart: search_for_missing, discover_all_missing, build_might_have_unfound,
 * all_unfound_are_queried_or_lost in PeeringState.cc. peering.md §6.14, §7.6.
 */
import {
  EVERSION_ZERO,
  ev_lt,
  info_dne,
  info_is_empty,
  info_is_incomplete,
  is_erasure,
  type Msg,
  pg_info_copy,
  type pg_info_t,
  type pg_shard_t,
  shard_cmp,
  shard_osd,
  sometimes,
  sort_few,
} from "@tako/common";
import { pg_missing_t } from "../pg/pg_missing.ts";
import type { PeeringState } from "./PeeringState.ts";
import { make_notify, send_query } from "./peer_infos.ts";

/** Some member lacks an object that its log says it has. */
export function needs_recovery(ps: PeeringState): boolean {
  if (ps.missing.have_missing()) return true;
  return ps.peers().some((p) => ps.peer_missing.get(p)?.have_missing() ?? false);
}
export function needs_backfill(ps: PeeringState): boolean {
  return [...ps.backfill_targets].some((t) => info_is_incomplete(ps.get_peer_info(t)));
}

/** A peer's log has come: does it have something that we are looking for? */
export function search_for_missing(
  ps: PeeringState,
  oinfo: pg_info_t,
  omissing: pg_missing_t,
  from: pg_shard_t,
): boolean {
  const unfound_before = ps.get_num_unfound();
  const found = ps.missing_loc.add_source_info(from, oinfo, omissing);
  if (found && ps.get_num_unfound() !== unfound_before) {
    sometimes("unfound found again");
    ps.publish_stats();
  }
  return found;
}

/** Everybody who took part since the PG was clean may have what we lack. */
export function build_might_have_unfound(ps: PeeringState): void {
  ps.might_have_unfound.clear();
  for (const s of ps.past_intervals.get_all_participants()) ps.might_have_unfound.add(s);
  for (const s of ps.peer_info.keys()) ps.might_have_unfound.add(s);
  ps.might_have_unfound.delete(ps.pg_whoami);
}

/** Asks those candidates for their log and missing set that have not been asked. */
export function discover_all_missing(ps: PeeringState): void {
  for (const peer of sort_few([...ps.might_have_unfound], shard_cmp)) {
    if (!ps.osdmap.is_up(shard_osd(peer)) || ps.peer_purged.has(peer)) continue;
    const pi = ps.peer_info.get(peer);
    if (pi && (info_is_empty(pi) || info_dne(pi))) continue;
    if (ps.peer_missing.has(peer) || ps.peer_missing_requested.has(peer)) continue;
    ask_full_log(ps, peer);
  }
}
export function ask_full_log(ps: PeeringState, peer: pg_shard_t): void {
  ps.peer_missing_requested.add(peer);
  send_query(ps, peer, "FULLLOG", EVERSION_ZERO);
}

/**
 * The log of a stray goes on where ours does not. On an erasure-coded pool it can undo that, and then
 * has its chunks as they were before: proc_replica_log counts on it. Until it has, they are of another
 * version, and do not decode with those of the others. Activation tells only members to undo. So this
 * stray is told here, by an info with the head that is left to it; it acknowledges when that is
 * durable, is asked anew, and is no source before. True: it had to be told.
 *
 * Ceph sends such an info to every stray that turns out to be a source (search_for_missing), and lets
 * reads wait at the stray until it is active. That misses who is taken for a source without a search,
 * when an object is found damaged later; and a source that has nothing to undo needs no info.
 * On replicated pools nothing is undone: what diverges is missing. peering.md §5.6, §6.11, §6.14, §10.
 */
export function rewind_stray(ps: PeeringState, from: pg_shard_t, msg: Msg<"pg_log">): boolean {
  if (!is_erasure(ps.pool.info)) return false;
  const info = pg_info_copy({ ...msg.info, pgid: ps.peer_spg(from) });
  ps.pg_log.proc_replica_log(info, msg.log, pg_missing_t.from_wire(msg.missing));
  if (!ev_lt(info.last_update, msg.info.last_update)) return false;
  sometimes("a stray undid writes before it became a source");
  ps.peer_missing_requested.add(from);
  const notify = make_notify(ps, from, ps.get_osdmap_epoch());
  ps.get_rctx().send_info(shard_osd(from), { ...notify, info });
  return true;
}

/** May unfound objects be given up? Only when nobody is left who could have them. */
export function all_unfound_are_queried_or_lost(ps: PeeringState): boolean {
  for (const peer of ps.might_have_unfound) {
    if (ps.peer_missing.has(peer) || ps.peer_purged.has(peer)) continue;
    const pi = ps.peer_info.get(peer);
    if (pi && (info_is_empty(pi) || info_dne(pi))) continue;
    const osd = shard_osd(peer);
    if (!ps.osdmap.exists(osd)) continue;
    if (ps.osdmap.get_lost_at(osd) > ps.osdmap.get_up_from(osd)) continue;
    return false;
  }
  return true;
}
