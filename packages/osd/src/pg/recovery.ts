/**
 * What is recovered next: the primary first gets what it lacks, oldest change first, then gives the
 * members what they lack; then backfill.
 * Ceph counterpart: PrimaryLogPG::start_recovery_ops, recover_primary, recover_replicas,
 * maybe_kick_recovery, check_recovery_sources. peering.md §7.1, §7.2.
 */
import { type eversion_t, hobject_cmp, type hobject_t, shard_osd } from "@tako/common";
import { recover_backfill } from "./backfill.ts";
import { ec_sources_down } from "./ec/ec_read.ts";
import type { PG } from "./PG.ts";
import { resume_pull, revert_here, start_pull, start_pushes } from "./push_pull.ts";
import { begin_recovery, lock_for_push, log_progress, peers_missing } from "./recover_object.ts";
import { recover_delete_object, remove_missing_object } from "./recovery_delete.ts";
import { has_revert_target, settled } from "./revert.ts";

// ---------------------------------------------------------------- scheduling

/** Starts at most `max` operations; when there is nothing left to do, says so to peering. */
export function start_recovery_ops(pg: PG, max: number): number {
  const { peering, recovery } = pg;
  if (!peering.is_primary() || !peering.is_peered()) return 0;
  if (!peering.is_recovering() && !peering.is_backfilling()) return 0;
  const started = start_log_recovery(pg, max);
  const waiting = recovery.recovering.size > pg.backfill.backfills_in_flight.size;
  let held_back = false;
  let backfilled = 0;
  if (peering.is_backfilling() && !waiting && started === 0 && !peering.missing.have_missing()) {
    if (pg.backfill.waiting_on_backfill.size > 0) return 0;
    held_back = backfill_held_back(pg);
    if (!held_back) backfilled = recover_backfill(pg, max);
  }
  const running = recovery.ops_active > 0 || recovery.blocked_by_writes.size > 0;
  if (started + backfilled === 0 && !running && !held_back) nothing_left(pg);
  return started + backfilled;
}

function start_log_recovery(pg: PG, max: number): number {
  const { missing, missing_loc } = pg.peering;
  const num_unfound = missing_loc.num_unfound();
  let started = 0;
  if (missing.num_missing() === 0 || missing.num_missing() === num_unfound) {
    started = recover_replicas(pg, max);
  }
  if (started === 0) started = recover_primary(pg, max);
  if (started === 0 && num_unfound !== missing_loc.num_unfound()) {
    started = recover_replicas(pg, max);
  }
  return started;
}

function backfill_held_back(pg: PG): boolean {
  const { osdmap, peering } = pg;
  if (osdmap.test_flag("nobackfill")) return true;
  // norebalance is for data in the wrong place, not for data with too few copies.
  if (osdmap.test_flag("norebalance") && !peering.is_degraded()) return true;
  return !peering.backfill_reserved;
}

/** Nothing runs and nothing can be started. */
function nothing_left(pg: PG): void {
  const { peering } = pg;
  if (peering.have_unfound()) {
    const type = peering.is_backfilling() ? "UnfoundBackfill" : "UnfoundRecovery";
    pg.queue_peering_event({ type });
    return;
  }
  // Something is missing that could not be started now, for example for want of a live source.
  if (peering.needs_recovery()) return;
  log_progress(pg);
  if (peering.is_backfilling()) pg.queue_peering_event({ type: "Backfilled" });
  else if (peering.needs_backfill()) pg.queue_peering_event({ type: "RequestBackfill" });
  else pg.queue_peering_event({ type: "AllReplicasRecovered" });
}

function recover_primary(pg: PG, max: number): number {
  // Collected first: recovering an object changes the set.
  const next: { oid: hobject_t; need: eversion_t }[] = [];
  for (const r of pg.peering.missing.rmissing()) {
    if (next.length >= max) break;
    if (!pg.recovery.recovering.has(r.oid) && !pg.peering.missing_loc.is_unfound(r.oid)) {
      next.push(r);
    }
  }
  let started = 0;
  for (const r of next) if (recover_missing(pg, r.oid, r.need)) started++;
  return started;
}

/** Members that lack least come first, so that most objects are safe soonest. */
function recover_replicas(pg: PG, max: number): number {
  const { peering, recovery } = pg;
  const lacking = pg.peers
    .map((peer) => ({ peer, missing: peering.peer_missing.get(peer) }))
    .filter((p) => p.missing?.have_missing())
    .sort((a, b) => (a.missing?.num_missing() ?? 0) - (b.missing?.num_missing() ?? 0));
  let started = 0;
  for (const { peer, missing } of lacking) {
    const { last_backfill } = peering.get_peer_info(peer);
    const next: { oid: hobject_t; need: eversion_t }[] = [];
    for (const r of missing?.rmissing() ?? []) {
      if (started + next.length >= max) break;
      if (recovery.recovering.has(r.oid) || recovery.blocked_by_writes.has(r.oid)) continue;
      if (peering.missing_loc.is_unfound(r.oid)) continue;
      if (peering.missing.is_missing(r.oid)) continue;
      if (hobject_cmp(r.oid, last_backfill) > 0) continue;
      next.push(r);
    }
    for (const r of next) if (recover_on_replicas(pg, r.oid, r.need)) started++;
    if (started >= max) break;
  }
  return started;
}

/** The primary lacks it. */
function recover_missing(pg: PG, soid: hobject_t, need: eversion_t): boolean {
  if (!settled(pg, soid)) return false;
  if (pg.peering.missing_loc.is_deleted(soid)) {
    begin_recovery(pg, soid, null);
    remove_missing_object(pg, soid, need);
    return true;
  }
  if (has_revert_target(pg, soid) && revert_here(pg, soid, need)) return true;
  return start_pull(pg, soid, need);
}

/** The primary has it (or it is to be deleted), some member does not. */
function recover_on_replicas(pg: PG, soid: hobject_t, need: eversion_t): boolean {
  if (!settled(pg, soid)) return false;
  if (pg.peering.missing_loc.is_deleted(soid)) {
    begin_recovery(pg, soid, null);
    recover_delete_object(pg, soid, need);
    return true;
  }
  const obc = lock_for_push(pg, soid);
  if (!obc) return false;
  begin_recovery(pg, soid, obc);
  start_pushes(pg, soid, need, peers_missing(pg, soid));
  return true;
}

/** A client waits for the object: out of turn. */
export function maybe_kick_recovery(pg: PG, soid: hobject_t): void {
  const { peering, recovery } = pg;
  const need = peering.missing_loc.needs_recovery(soid);
  if (!need || recovery.recovering.has(soid) || peering.missing_loc.is_unfound(soid)) return;
  if (peering.is_missing_object(soid)) recover_missing(pg, soid, need);
  else recover_on_replicas(pg, soid, need);
}

/** May a write not go on yet: some member lacks the object, or it is being copied right now? */
export function is_degraded_or_backfilling_object(pg: PG, soid: hobject_t): boolean {
  // What has come here counts as had at once, but may not be on the disk yet: a write that went out
  // before that could survive elsewhere while this copy dies, and undoing it takes the old one along.
  if (pg.recovery.recovering.has(soid)) return true;
  return pg.backfill.backfills_in_flight.has(soid) || pg.peering.is_degraded_object(soid);
}

// ---------------------------------------------------------------- sources

/** OSDs left: what was being pulled from them is pulled from others. */
export function recovery_sources_down(pg: PG, osds: readonly number[]): void {
  for (const [soid, pull] of [...pg.recovery.pulling]) {
    if (osds.includes(shard_osd(pull.from))) resume_pull(pg, soid, pull);
  }
  if (pg.ec) ec_sources_down(pg, pg.ec, osds);
  found_objects(pg);
}

/** Sources appeared or went: objects that clients wait for are tried again. */
export function found_objects(pg: PG): void {
  if (!pg.is_primary() || !pg.peering.is_peered()) return;
  for (const soid of [...pg.waits.waiting_for_unreadable_object.keys()].sort(hobject_cmp)) {
    maybe_kick_recovery(pg, soid);
  }
}
