/**
 * Recovery of an erasure-coded object: chunks of enough shards are read, the lacking ones decoded and
 * pushed, a piece at a time; the primary's own shard is rebuilt in the same way.
 * Ceph counterpart: ECBackend::RecoveryOp, continue_recovery_op, handle_recovery_push. peering.md §10.
 */
import {
  type eversion_t,
  type hobject_t,
  type Msg,
  type PushOp,
  type pg_shard_t,
  type RecoveryProgress,
  shard_cmp,
  shard_id,
} from "@tako/common";
import { Transaction } from "../../store/Transaction.ts";
import type { PG } from "../PG.ts";
import { submit_push_data } from "../push_data.ts";
import { is_complete, START } from "../RecoveryOps.ts";
import { end_recovery, on_global_recover, on_local_recover } from "../recover_object.ts";
import { force_missing } from "../repair.ts";
import type { ECBackend } from "./ECBackend.ts";
import type { ECReadResult, ShardAnswer } from "./ECReads.ts";
import { start_ec_read } from "./ec_read.ts";

export interface ECRecovery {
  readonly soid: hobject_t;
  readonly need: eversion_t;
  /** Shards that get their chunks, ourselves perhaps among them. */
  readonly to: readonly pg_shard_t[];
  progress: RecoveryProgress;
  /** Shards that have not confirmed the piece in flight. */
  waiting: Set<pg_shard_t>;
  /** Bytes written so far, all shards. */
  bytes: number;
}

/** Its place among what is being recovered is taken already (begin_recovery). */
export function start_ec_recovery(
  pg: PG,
  ec: ECBackend,
  soid: hobject_t,
  need: eversion_t,
  to: readonly pg_shard_t[],
): void {
  const r: ECRecovery = { soid, need, to, progress: START, waiting: new Set(), bytes: 0 };
  ec.recoveries.set(soid, r);
  const backfill = pg.backfill.backfills_in_flight.has(soid);
  for (const peer of to) {
    if (!backfill && peer !== pg.whoami) pg.peering.begin_peer_recover(peer, soid);
  }
  read_piece(pg, ec, r);
}

function read_piece(pg: PG, ec: ECBackend, r: ECRecovery): void {
  const chunk = ec.sinfo.get_chunk_size();
  const max = Math.floor(pg.host.config.get("osd_recovery_max_chunk") / (ec.k * chunk));
  start_ec_read(pg, ec, {
    soid: r.soid,
    version: r.need,
    extents: [{ off: r.progress.data_recovered_to, len: Math.max(1, max) * chunk }],
    want: r.to.map(shard_id),
    want_attrs: r.progress.first,
    op: null,
    done: (result) => pieces_read(pg, ec, r, result),
  });
}

function pieces_read(pg: PG, ec: ECBackend, r: ECRecovery, result: ECReadResult): void {
  if (ec.recoveries.get(r.soid) !== r) return;
  note_failed(pg, r, result.failed);
  if ("error" in result) {
    // Where a source has just left, it is unfound now, and nobody tries again until it is found.
    const unfound = pg.peering.missing_loc.is_unfound(r.soid);
    if (result.failed.length === 0 && !unfound) defer_recovery(pg);
    return fail(pg, ec, r, "too few readable shards");
  }
  const answers = [...result.answers.values()];
  const [first] = answers;
  if (!first || answers.some((a) => a.size !== first.size)) {
    defer_recovery(pg);
    return fail(pg, ec, r, "shards of unequal size");
  }
  const chunks = new Map<number, Uint8Array>();
  for (const [i, a] of result.answers) chunks.set(i, a.chunks[0] ?? new Uint8Array(0));
  const decoded = ec.code.decode(r.to.map(shard_id), chunks);
  if ("error" in decoded) {
    defer_recovery(pg);
    return fail(pg, ec, r, decoded.why);
  }
  push_piece(pg, r, first, decoded.chunks);
}

function push_piece(
  pg: PG,
  r: ECRecovery,
  source: ShardAnswer,
  chunks: ReadonlyMap<number, Uint8Array>,
): void {
  const off = r.progress.data_recovered_to;
  const len = source.chunks[0]?.length ?? 0;
  const after: RecoveryProgress = {
    first: false,
    data_recovered_to: off + len,
    data_complete: off + len >= source.size,
    omap_recovered_to: "",
    omap_complete: true,
  };
  r.waiting = new Set(r.to);
  const own: Msg<"pg_push">[] = [];
  for (const peer of [...r.to].sort(shard_cmp)) {
    const bytes = chunks.get(shard_id(peer)) ?? new Uint8Array(0);
    const m = push_message(pg, r, peer, source, bytes, after);
    r.bytes += bytes.length;
    if (peer === pg.whoami) own.push(m);
    else pg.send(peer, m);
  }
  r.progress = after;
  for (const m of own) for (const push of m.pushes) store_own(pg, r, m, push);
}

function push_message(
  pg: PG,
  r: ECRecovery,
  peer: pg_shard_t,
  source: ShardAnswer,
  bytes: Uint8Array,
  after: RecoveryProgress,
): Msg<"pg_push"> {
  const data: Uint8Array[] = [];
  const off = r.progress.data_recovered_to;
  const extents = bytes.length > 0 ? [{ off, seg: data.push(bytes) - 1 }] : [];
  const attrs = [...source.attrs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ({ key, value: data.push(value) - 1 }));
  const push: PushOp = {
    soid: r.soid,
    version: r.need,
    size: source.size,
    extents,
    attrs: r.progress.first ? attrs : [],
    omap_entries: [],
    before_progress: r.progress,
    after_progress: after,
  };
  return {
    type: "pg_push",
    map_epoch: pg.osdmap_epoch,
    min_epoch: pg.last_peering_reset,
    from: pg.whoami,
    pgid: pg.peering.peer_spg(peer),
    is_repair: false,
    pushes: [push],
    data,
  };
}

/** The primary's own chunks. */
function store_own(pg: PG, r: ECRecovery, m: Msg<"pg_push">, push: PushOp): void {
  const t = new Transaction();
  const complete = submit_push_data(pg, m, push, t);
  if (complete) pg.peering.recover_got(r.soid, r.need, false, t);
  const { last_complete } = pg.peering.info;
  const { generation } = pg;
  pg.host.store.queue_transaction(t, () => {
    pg.run_if_current(generation, () => {
      pg.peering.update_last_complete_ondisk(last_complete);
      ec_piece_stored(pg, r.soid, pg.whoami);
    });
  });
  if (complete) on_local_recover(pg, r.soid);
}

/** A shard has stored its piece: the next one for all, or it was the last. */
export function ec_piece_stored(pg: PG, soid: hobject_t, from: pg_shard_t): void {
  const { ec } = pg;
  const r = ec?.recoveries.get(soid);
  if (!ec || !r?.waiting.delete(from)) return;
  const complete = is_complete(r.progress);
  if (complete && from !== pg.whoami) pg.peering.on_peer_recover(from, soid, r.need);
  if (r.waiting.size > 0) return;
  if (!complete) {
    read_piece(pg, ec, r);
    return;
  }
  ec.recoveries.delete(soid);
  on_global_recover(pg, soid, { num_objects_recovered: 1, num_bytes_recovered: r.bytes });
}

/** What could not be read must be written anew once the object can be had. */
function note_failed(pg: PG, r: ECRecovery, failed: readonly pg_shard_t[]): void {
  for (const shard of failed) {
    pg.peering.missing_loc.remove_location(r.soid, shard);
    if (shard !== pg.whoami && !pg.peers.includes(shard)) continue;
    force_missing(pg, shard, r.soid, r.need);
  }
}

/**
 * No shard is to blame that recovery could do without: the same again at once would never end. Ceph asserts
 * that chunks can be decoded; here the PG tries again later, as when its recovery was deferred.
 */
function defer_recovery(pg: PG): void {
  const delay_s = pg.host.config.get("osd_recovery_retry_interval");
  pg.queue_peering_event({ type: "DeferRecovery", delay_s });
}

function fail(pg: PG, ec: ECBackend, r: ECRecovery, why: string): void {
  pg.log.error({ epoch: pg.osdmap_epoch, soid: r.soid, why }, "ec_recovery_failed");
  ec.recoveries.delete(r.soid);
  if (pg.backfill.backfills_in_flight.has(r.soid)) pg.backfill.unreadable.add(r.soid);
  end_recovery(pg, r.soid);
}
