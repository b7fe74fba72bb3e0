/**
 * Moving an object: the primary pulls it from whoever has it, and pushes it to those who lack it.
 * Ceph counterpart: ReplicatedBackend::prepare_pull, start_pushes, handle_pull, handle_push,
 * handle_pull_response, handle_push_reply, _failed_pull. peering.md §7.2.
 */
import {
  ERRNO,
  EVERSION_ZERO,
  ev_eq,
  type eversion_t,
  type hobject_t,
  type Msg,
  type PushOp,
  type pg_shard_t,
  shard_cmp,
  shard_osd,
  sometimes,
} from "@tako/common";
import { Transaction } from "../store/Transaction.ts";
import { ec_piece_stored, start_ec_recovery } from "./ec/ec_recovery.ts";
import type { PG } from "./PG.ts";
import { queue_counted } from "./pg_stats.ts";
import { build_push_op, failed_push, pushed_object_info, submit_push_data } from "./push_data.ts";
import { is_complete, type PullInfo, START } from "./RecoveryOps.ts";
import {
  begin_recovery,
  end_recovery,
  lock_for_push,
  on_global_recover,
  on_local_recover,
  peers_missing,
} from "./recover_object.ts";
import { force_missing } from "./repair.ts";
import { relabelled, version_held } from "./revert.ts";

// ---------------------------------------------------------------- pull, primary

/** From a random holder, so that many pulls spread over the members. False: nobody up has it. */
export function start_pull(pg: PG, soid: hobject_t, need: eversion_t): boolean {
  const { ec } = pg;
  if (ec) {
    if (pg.peering.missing_loc.is_unfound(soid)) return false;
    // A rebuilt chunk is no dearer for one shard than for all that lack theirs.
    begin_recovery(pg, soid, null);
    start_ec_recovery(pg, ec, soid, need, [pg.whoami, ...peers_missing(pg, soid)]);
    return true;
  }
  const from = pick_holder(pg, soid);
  if (from === undefined) return false;
  begin_recovery(pg, soid, null);
  const version = version_held(pg, soid, from, need);
  const part = pg.recovery.partial.get(soid);
  pg.recovery.partial.delete(soid);
  const progress = part && ev_eq(part.version, version) ? part.progress : START;
  pull(pg, soid, { from, need, version, progress });
  return true;
}

function pick_holder(pg: PG, soid: hobject_t): pg_shard_t | undefined {
  const holders = [...pg.peering.missing_loc.get_locations(soid)]
    .filter((s) => s !== pg.whoami && pg.osdmap.is_up(shard_osd(s)))
    .sort(shard_cmp);
  return holders[holders.length > 1 ? pg.host.rng.int(holders.length) : 0];
}

/** Whom it was pulled from is gone, or cannot go on: from somebody else, and from where it stands. */
export function resume_pull(pg: PG, soid: hobject_t, p: PullInfo): void {
  const from = pick_holder(pg, soid);
  if (from === undefined) {
    pg.recovery.pulling.delete(soid);
    pg.recovery.partial.set(soid, p);
    end_recovery(pg, soid);
    return;
  }
  const version = version_held(pg, soid, from, p.need);
  const progress = ev_eq(version, p.version) ? p.progress : START;
  sometimes("pull goes on with another holder");
  pull(pg, soid, { from, need: p.need, version, progress });
}

function pull(pg: PG, soid: hobject_t, p: PullInfo): void {
  const { from, version, progress } = p;
  pg.recovery.pulling.set(soid, p);
  pg.send(from, {
    type: "pg_pull",
    map_epoch: pg.osdmap_epoch,
    min_epoch: pg.last_peering_reset,
    from: pg.whoami,
    pgid: pg.peering.peer_spg(from),
    pulls: [{ soid, version, progress }],
  });
}

/** Any holder, active or not: one chunk for each object asked for. */
export function do_pull(pg: PG, m: Msg<"pg_pull">): void {
  const pushes: PushOp[] = [];
  const data: Uint8Array[] = [];
  for (const p of m.pulls) {
    const have = pg.peering.missing.have_version(p.soid);
    const built =
      have && !ev_eq(have, p.version)
        ? -ERRNO.ENOENT
        : build_push_op(pg, p.soid, p.version, p.progress, data.length);
    if (typeof built === "number") {
      pg.log.warn({ epoch: pg.osdmap_epoch, soid: p.soid, error: built }, "pull_failed");
      pushes.push(failed_push(p.soid, p.version, p.progress, built));
      continue;
    }
    pushes.push(built.push);
    data.push(...built.data);
  }
  pg.send(m.from, push_message(pg, m.from, pushes, data));
}

function push_message(
  pg: PG,
  to: pg_shard_t,
  pushes: PushOp[],
  data: Uint8Array[],
): Msg<"pg_push"> {
  return {
    type: "pg_push",
    map_epoch: pg.osdmap_epoch,
    min_epoch: pg.last_peering_reset,
    from: pg.whoami,
    pgid: pg.peering.peer_spg(to),
    is_repair: false,
    pushes,
    data,
  };
}

/** Chunks: the primary gets what it pulled, a member what the primary gives it. */
export function do_push(pg: PG, m: Msg<"pg_push">): void {
  if (pg.is_primary()) for (const push of m.pushes) handle_pull_response(pg, m, push);
  else handle_pushes(pg, m);
}

function handle_pull_response(pg: PG, m: Msg<"pg_push">, push: PushOp): void {
  const { soid } = push;
  const pulling = pg.recovery.pulling.get(soid);
  // An answer to a pull that was given up and begun anew with somebody else.
  if (!pulling || pulling.from !== m.from) return;
  if (push.error !== undefined) {
    failed_pull(pg, soid, pulling);
    return;
  }
  if (push.before_progress.data_recovered_to !== pulling.progress.data_recovered_to) return;
  if (push.before_progress.omap_recovered_to !== pulling.progress.omap_recovered_to) return;
  const t = new Transaction();
  if (!submit_push_data(pg, m, push, t)) {
    pg.host.store.queue_transaction(t);
    pull(pg, soid, { ...pulling, progress: push.after_progress });
    return;
  }
  if (!ev_eq(push.version, pulling.need)) {
    const oi = pushed_object_info(pg, m, push);
    if (!oi) return failed_pull(pg, soid, pulling);
    t.setattrs(pg.coll, soid, relabelled(oi, pulling.need));
  }
  pg.recovery.pulling.delete(soid);
  got_here(pg, soid, pulling.need, push.size, t);
}

/** With `t` the primary has the object in version `need`. */
function got_here(pg: PG, soid: hobject_t, need: eversion_t, size: number, t: Transaction): void {
  const { generation } = pg;
  pg.peering.recover_got(soid, need, false, t);
  const { last_complete } = pg.peering.info;
  pg.host.store.queue_transaction(t, () => {
    pg.run_if_current(generation, () => {
      pg.peering.update_last_complete_ondisk(last_complete);
      pull_complete(pg, soid, need, size);
    });
  });
  on_local_recover(pg, soid);
}

/** The older version that is wanted is here: it becomes the object. False: it is not, after all. */
export function revert_here(pg: PG, soid: hobject_t, need: eversion_t): boolean {
  const { exists, corrupt, oi } = pg.objects.get(soid);
  const have = pg.peering.missing.have_version(soid);
  if (!exists || corrupt || !have || !ev_eq(oi.version, have)) {
    pg.peering.missing.revise_have(soid, EVERSION_ZERO);
    pg.peering.missing_loc.remove_location(soid, pg.whoami);
    return false;
  }
  begin_recovery(pg, soid, null);
  const t = new Transaction();
  t.setattrs(pg.coll, soid, relabelled(oi, need));
  got_here(pg, soid, need, oi.size, t);
  return true;
}

/** The primary has it on disk: the members that lack it get it, or that was all. */
function pull_complete(pg: PG, soid: hobject_t, version: eversion_t, size: number): void {
  const peers = peers_missing(pg, soid);
  if (peers.length === 0) {
    on_global_recover(pg, soid, { num_objects_recovered: 1, num_bytes_recovered: size });
    return;
  }
  const obc = lock_for_push(pg, soid);
  if (!obc) {
    // Cannot be: writes wait until no member lacks the object. Recovery will come back to it.
    end_recovery(pg, soid);
    return;
  }
  pg.recovery.recovering.set(soid, obc);
  start_pushes(pg, soid, version, peers);
}

/** The holder has no such copy, or cannot read it. */
function failed_pull(pg: PG, soid: hobject_t, p: PullInfo): void {
  const { from, need } = p;
  pg.peering.missing_loc.remove_location(soid, from);
  pg.host.cluster_log("ERR", `${pg.pgid}: ${soid} could not be read from osd.${shard_osd(from)}`);
  if (pg.peers.includes(from) && !pg.peering.peer_missing.get(from)?.is_missing(soid)) {
    // It belongs to those who should have the object: it is given it anew once we have it.
    pg.peering.force_object_missing(from, soid, need, new Transaction());
  } else {
    // It has no older version either that could stand for a lost one.
    pg.peering.peer_missing.get(from)?.revise_have(soid, EVERSION_ZERO);
  }
  resume_pull(pg, soid, p);
}

// ---------------------------------------------------------------- push, primary

/** To all `peers` at once: the object is read once. Its recovery read lock is held. */
export function start_pushes(
  pg: PG,
  soid: hobject_t,
  version: eversion_t,
  peers: readonly pg_shard_t[],
): void {
  if (pg.ec) {
    start_ec_recovery(pg, pg.ec, soid, version, peers);
    return;
  }
  const built = build_push_op(pg, soid, version, START, 0);
  if (typeof built === "number") {
    failed_push_read(pg, soid, version, built);
    return;
  }
  const in_flight = new Map(
    peers.map((p) => [p, { version, progress: built.push.after_progress }] as const),
  );
  pg.recovery.pushing.set(soid, in_flight);
  const backfill = pg.backfill.backfills_in_flight.has(soid);
  for (const peer of peers) {
    if (!backfill) pg.peering.begin_peer_recover(peer, soid);
    pg.send(peer, push_message(pg, peer, [built.push], [...built.data]));
  }
}

/** Our own copy is bad: it must come from somebody else first. */
function failed_push_read(pg: PG, soid: hobject_t, version: eversion_t, error: number): void {
  pg.log.error({ epoch: pg.osdmap_epoch, soid, error }, "push_read_failed");
  pg.recovery.pushing.delete(soid);
  if (pg.backfill.backfills_in_flight.has(soid)) pg.backfill.unreadable.add(soid);
  force_missing(pg, pg.whoami, soid, version);
  end_recovery(pg, soid);
}

/** A member has stored a chunk: the next one, or it is done. */
export function do_push_reply(pg: PG, m: Msg<"pg_push_reply">): void {
  if (!pg.is_primary()) return;
  pg.peering.update_peer_last_complete_ondisk(m.from, m.last_complete_ondisk);
  for (const { soid } of m.replies) handle_push_reply(pg, m.from, soid);
  pg.peering.calc_min_last_complete_ondisk();
}

function handle_push_reply(pg: PG, from: pg_shard_t, soid: hobject_t): void {
  if (pg.ec) {
    ec_piece_stored(pg, soid, from);
    return;
  }
  const peers = pg.recovery.pushing.get(soid);
  const push = peers?.get(from);
  if (!peers || !push) return;
  if (!is_complete(push.progress)) {
    const built = build_push_op(pg, soid, push.version, push.progress, 0);
    if (typeof built === "number") {
      failed_push_read(pg, soid, push.version, built);
      return;
    }
    peers.set(from, { version: push.version, progress: built.push.after_progress });
    pg.send(from, push_message(pg, from, [built.push], [...built.data]));
    return;
  }
  peers.delete(from);
  pg.peering.on_peer_recover(from, soid, push.version);
  if (peers.size > 0) return;
  pg.recovery.pushing.delete(soid);
  const num_bytes_recovered = pg.objects.get(soid).oi.size;
  on_global_recover(pg, soid, { num_objects_recovered: 1, num_bytes_recovered });
}

// ---------------------------------------------------------------- push, member

function handle_pushes(pg: PG, m: Msg<"pg_push">): void {
  const t = new Transaction();
  for (const push of m.pushes) {
    if (push.error !== undefined) continue;
    const complete = submit_push_data(pg, m, push, t);
    // Beyond last_backfill nothing is on the missing list.
    if (complete && pg.peering.missing.is_missing(push.soid, push.version)) {
      pg.peering.recover_got(push.soid, push.version, false, t);
    }
  }
  const { generation } = pg;
  const { last_complete } = pg.peering.info;
  const replies = m.pushes.map((p) => ({ soid: p.soid }));
  const objects = replies.map((r) => r.soid);
  queue_counted(pg, objects, t, () => {
    pg.run_if_current(generation, () => {
      pg.peering.update_last_complete_ondisk(last_complete);
      pg.send(m.from, {
        type: "pg_push_reply",
        map_epoch: pg.osdmap_epoch,
        min_epoch: pg.last_peering_reset,
        from: pg.whoami,
        pgid: pg.peering.peer_spg(m.from),
        replies,
        last_complete_ondisk: last_complete,
      });
    });
  });
}
