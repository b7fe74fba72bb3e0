/**
 * Backfill, primary side: walks its own objects and those of each target in order, pushes what a
 * target lacks or has in another version, removes what should not be there, and tells targets how far
 * they are complete.
 * Ceph counterpart: PrimaryLogPG::recover_backfill, update_range, scan_range, prep_backfill_object_push.
 * peering.md §7.3.
 */
import {
  EVERSION_ZERO,
  ev_eq,
  ev_ge,
  ev_lt,
  type eversion_t,
  hobject_cmp,
  hobject_max,
  hobject_min,
  type hobject_t,
  type pg_shard_t,
  shard_cmp,
  sometimes,
} from "@tako/common";
import { BackfillInterval, type BackfillObject } from "./BackfillInterval.ts";
import { is_delete, is_update } from "./log_entry.ts";
import { decode_object_info, OI_ATTR } from "./object_info.ts";
import type { PG } from "./PG.ts";
import { object_stats } from "./pg_stats.ts";
import { start_pushes } from "./push_pull.ts";
import { begin_recovery, lock_for_push, start_recovery_op } from "./recover_object.ts";
import { wire_stats } from "./wire_stats.ts";

/** A progress line each so many objects. */
const LOG_EVERY = 100;

interface Removal {
  readonly soid: hobject_t;
  readonly version: eversion_t;
}

/** Starts at most `max` operations (pushes, or one round of scans); returns how many. */
export function recover_backfill(pg: PG, max: number): number {
  const targets = [...pg.peering.backfill_targets].sort(shard_cmp);
  prepare_intervals(pg, targets);
  const removals = new Map<pg_shard_t, Removal[]>();
  const again = push_again(pg, targets, removals, max);
  const ops = again + compare(pg, targets, removals, max - again);
  for (const [target, objects] of removals) {
    pg.send(target, {
      type: "pg_backfill_remove",
      map_epoch: pg.osdmap_epoch,
      from: pg.whoami,
      pgid: pg.peering.peer_spg(target),
      objects,
    });
  }
  return ops + report_progress(pg, targets);
}

/** What could not be read here before, and can now. */
function push_again(
  pg: PG,
  targets: readonly pg_shard_t[],
  removals: Map<pg_shard_t, Removal[]>,
  max: number,
): number {
  const bf = pg.backfill;
  const { missing, missing_loc } = pg.peering;
  let ops = 0;
  for (const soid of [...bf.unreadable].sort(hobject_cmp)) {
    if (ops >= max) break;
    if (missing.is_missing(soid) || missing_loc.is_unfound(soid)) continue;
    if (pg.recovery.recovering.has(soid)) continue;
    const to = targets.filter((t) => {
      return hobject_cmp(soid, pg.peering.get_peer_info(t).last_backfill) > 0;
    });
    if (!pg.objects.get(soid).exists) {
      // Given up as lost. A target may have an older version from before.
      bf.unreadable.delete(soid);
      bf.backfills_in_flight.delete(soid);
      bf.pending_backfill_updates.set(soid, {});
      add_removal(removals, to, { soid, version: EVERSION_ZERO });
      continue;
    }
    const obc = lock_for_push(pg, soid);
    if (!obc) continue;
    bf.unreadable.delete(soid);
    begin_recovery(pg, soid, obc);
    start_pushes(pg, soid, obc.oi.version, to);
    ops++;
  }
  return ops;
}

function add_removal(
  removals: Map<pg_shard_t, Removal[]>,
  from: readonly pg_shard_t[],
  r: Removal,
): void {
  for (const t of from) {
    const list = removals.get(t);
    if (list) list.push(r);
    else removals.set(t, [r]);
  }
}

/** Brings all intervals to where the last turn ended, and the local one up to date with the log. */
function prepare_intervals(pg: PG, targets: readonly pg_shard_t[]): void {
  const bf = pg.backfill;
  if (bf.new_backfill) {
    bf.new_backfill = false;
    for (const t of targets) {
      const { last_backfill } = pg.peering.get_peer_info(t);
      if (last_backfill !== "MIN") sometimes("backfill resumed");
      bf.peer_backfill_info.set(t, new BackfillInterval(last_backfill));
    }
    bf.backfill_info.reset(bf.last_backfill_started);
    pg.log.info(
      { epoch: pg.osdmap_epoch, from: bf.last_backfill_started, targets },
      "backfill_start",
    );
  }
  bf.backfill_info.begin = bf.last_backfill_started;
  update_range(pg, bf.backfill_info);
  for (const t of targets) {
    const { last_backfill } = pg.peering.get_peer_info(t);
    peer_interval(pg, t).trim_to(hobject_max(last_backfill, bf.last_backfill_started));
  }
  bf.backfill_info.trim_to(bf.last_backfill_started);
}

function peer_interval(pg: PG, t: pg_shard_t): BackfillInterval {
  let bi = pg.backfill.peer_backfill_info.get(t);
  if (!bi) {
    bi = new BackfillInterval(pg.backfill.last_backfill_started);
    pg.backfill.peer_backfill_info.set(t, bi);
  }
  return bi;
}

function compare(
  pg: PG,
  targets: readonly pg_shard_t[],
  removals: Map<pg_shard_t, Removal[]>,
  max: number,
): number {
  const bf = pg.backfill;
  const local = bf.backfill_info;
  let ops = 0;
  while (ops < max) {
    const earliest = bf.earliest_peer_backfill();
    if (local.empty && !local.extends_to_end && hobject_cmp(local.begin, earliest) <= 0) {
      scan_next(pg, local);
    }
    if (request_scans(pg, targets)) {
      // However many targets, one operation: it ends when the last of them has answered.
      start_recovery_op(pg);
      return ops + 1;
    }
    if (local.empty && bf.all_peers_done()) return ops;
    const check = bf.earliest_peer_backfill();
    if (hobject_cmp(check, local.begin) < 0) {
      schedule_removal(pg, targets, check, removals);
      continue;
    }
    const pushed = handle_front(pg, targets);
    if (pushed === "blocked") return ops;
    if (pushed === "pushed") ops++;
  }
  return ops;
}

/** The target has an object that does not exist. Cheap, and not answered: no operation. */
function schedule_removal(
  pg: PG,
  targets: readonly pg_shard_t[],
  check: hobject_t,
  removals: Map<pg_shard_t, Removal[]>,
): void {
  for (const t of targets) {
    const pbi = peer_interval(pg, t);
    if (pbi.begin !== check || !pbi.front) continue;
    add_removal(removals, [t], pbi.front);
    pbi.pop_front();
  }
  pg.backfill.last_backfill_started = check;
  pg.backfill.add_pending(check, {});
}

/** The first local object: pushed to the targets that lack it or have another version. */
function handle_front(pg: PG, targets: readonly pg_shard_t[]): "pushed" | "kept" | "blocked" {
  const bf = pg.backfill;
  const local = bf.backfill_info;
  const front = local.front;
  if (!front) return "blocked";
  const at_front: BackfillInterval[] = [];
  const push_to: pg_shard_t[] = [];
  for (const t of targets) {
    const pbi = peer_interval(pg, t);
    if (pbi.front?.soid === front.soid) {
      at_front.push(pbi);
      if (!ev_eq(pbi.front.version, front.version)) push_to.push(t);
    } else if (hobject_cmp(front.soid, pg.peering.get_peer_info(t).last_backfill) > 0) {
      push_to.push(t);
    }
  }
  const obc = push_to.length > 0 ? lock_for_push(pg, front.soid) : undefined;
  if (push_to.length > 0 && !obc) return "blocked";
  bf.last_backfill_started = front.soid;
  bf.add_pending(front.soid, object_stats(pg.objects.get(front.soid).oi));
  local.pop_front();
  for (const pbi of at_front) pbi.pop_front();
  if (!obc) return "kept";
  bf.backfills_in_flight.add(front.soid);
  begin_recovery(pg, front.soid, obc);
  start_pushes(pg, front.soid, front.version, push_to);
  return "pushed";
}

/** Asks the targets whose interval is used up for the next one. */
function request_scans(pg: PG, targets: readonly pg_shard_t[]): boolean {
  const bf = pg.backfill;
  for (const t of targets) {
    const pbi = peer_interval(pg, t);
    const wanted = hobject_cmp(pbi.begin, bf.backfill_info.begin) <= 0;
    if (!wanted || !pbi.empty || pbi.extends_to_end) continue;
    bf.waiting_on_backfill.add(t);
    pg.send(t, {
      type: "pg_scan",
      op: "GET_DIGEST",
      map_epoch: pg.osdmap_epoch,
      query_epoch: pg.last_peering_reset,
      from: pg.whoami,
      pgid: pg.peering.peer_spg(t),
      begin: pbi.end,
      end: "MAX",
      objects: [],
    });
  }
  return bf.waiting_on_backfill.size > 0;
}

// ---------------------------------------------------------------- progress

/** Tells targets up to where they are complete; returns operations started (FINISH waits for acks). */
function report_progress(pg: PG, targets: readonly pg_shard_t[]): number {
  const bf = pg.backfill;
  const backfill_pos = hobject_min(bf.backfill_info.begin, bf.earliest_peer_backfill());
  const bound = bf.earliest_in_flight() ?? backfill_pos;
  let new_last_backfill = targets
    .map((t) => pg.peering.get_peer_info(t).last_backfill)
    .reduce(hobject_min, "MAX");
  for (const [soid, sums] of bf.take_pending_below(bound)) {
    for (const t of targets) {
      if (hobject_cmp(soid, pg.peering.get_peer_info(t).last_backfill) <= 0) continue;
      pg.peering.update_complete_backfill_object_stats(t, sums);
    }
    new_last_backfill = soid;
    if (++bf.num_backfilled % LOG_EVERY === 0) log_progress(pg, soid);
  }
  if (bf.pending_backfill_updates.size === 0 && backfill_pos === "MAX") {
    new_last_backfill = "MAX";
    bf.last_backfill_started = "MAX";
  }
  let finishes = 0;
  for (const t of targets) {
    const { last_backfill } = pg.peering.get_peer_info(t);
    if (hobject_cmp(new_last_backfill, last_backfill) <= 0) continue;
    pg.peering.update_peer_last_backfill(t, new_last_backfill);
    if (send_progress(pg, t, new_last_backfill)) finishes++;
  }
  if (finishes > 0) log_progress(pg, "MAX");
  return finishes;
}

/** True for FINISH, which counts as an operation until it is answered. */
function send_progress(pg: PG, t: pg_shard_t, last_backfill: hobject_t): boolean {
  const finish = last_backfill === "MAX";
  if (finish) {
    pg.backfill.waiting_on_finish.add(t);
    start_recovery_op(pg);
  }
  pg.send(t, {
    type: "pg_backfill",
    op: finish ? "FINISH" : "PROGRESS",
    map_epoch: pg.osdmap_epoch,
    query_epoch: pg.last_peering_reset,
    from: pg.whoami,
    pgid: pg.peering.peer_spg(t),
    last_backfill,
    stats: wire_stats(pg.peering.get_peer_info(t).stats),
  });
  return finish;
}

function log_progress(pg: PG, last_backfill: hobject_t): void {
  const objects = pg.backfill.num_backfilled;
  const total = pg.peering.info.stats.stat_sum.num_objects;
  pg.log.info({ epoch: pg.osdmap_epoch, objects, total, last_backfill }, "backfill_progress");
}

// ---------------------------------------------------------------- scanning

/** The next stretch of our own objects. */
function scan_next(pg: PG, bi: BackfillInterval): void {
  scan_range(pg, bi, bi.end);
  bi.trim();
}

/** Keeps a local interval true to what has been written since it was scanned. */
function update_range(pg: PG, bi: BackfillInterval): void {
  const { info, pg_log } = pg.peering;
  if (bi.version === undefined || ev_ge(bi.version, info.last_update)) return;
  if (ev_lt(bi.version, info.log_tail)) {
    // The log does not tell any more what happened since.
    scan_range(pg, bi, bi.begin);
    return;
  }
  const { log } = pg_log.log;
  for (const e of log.range(log.upper_bound(bi.version), log.end)) {
    if (is_update(e)) bi.set(e.soid, e.version);
    else if (is_delete(e)) bi.delete(e.soid);
  }
  bi.version = info.last_update;
}

/** [start, as far as one scan goes) of this shard's store. Targets do the same when asked. */
export function scan_range(pg: PG, bi: BackfillInterval, start: hobject_t): void {
  const { store, config } = pg.host;
  const max = Math.max(config.get("osd_backfill_scan_min"), config.get("osd_backfill_scan_max"));
  const { objects, next } = store.collection_list(pg.coll, start, "MAX", max);
  const found: BackfillObject[] = [];
  for (const soid of objects) {
    if (soid === pg.pgmeta_oid) continue;
    const attr = store.getattr(pg.coll, soid, OI_ATTR);
    // An unreadable one matches no version and so is replaced.
    const version = (attr && decode_object_info(attr)?.version) ?? EVERSION_ZERO;
    found.push({ soid, version });
  }
  bi.assign(start, next, found);
  bi.version = pg.peering.info.last_update;
}
