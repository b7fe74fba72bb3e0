/**
 * A client operation on an erasure-coded object. Its steps run as on a replicated one; where they, or
 * the stripes that they change in part, need old bytes, these are read from the shards first and the
 * steps run again: nothing they do takes effect before the end.
 * Ceph counterpart: PrimaryLogPG::do_osd_ops with pending async reads, ECBackend::start_rmw.
 * peering.md §10.
 */
import { ERRNO, pool_has_flag } from "@tako/common";
import { finish_ctx, type ObjectOp } from "../finish_ctx.ts";
import { new_op_context } from "../OpContext.ts";
import { do_osd_ops } from "../op_exec.ts";
import { reply_op_error } from "../op_reply.ts";
import { wait_keyed } from "../op_wait.ts";
import type { PG } from "../PG.ts";
import { recovery_unblocked } from "../recover_object.ts";
import { force_missing } from "../repair.ts";
import type { ECBackend } from "./ECBackend.ts";
import { ECObjectView } from "./ECObjectView.ts";
import type { ECReadResult } from "./ECReads.ts";
import { ECStripes, type StripeCache } from "./ECStripes.ts";
import { decode_extent, start_ec_read } from "./ec_read.ts";

export function execute_ec(pg: PG, ec: ECBackend, o: ObjectOp): void {
  attempt(pg, ec, o, new ECObjectView(pg.host.store, o.obc.oi.size, ec.sinfo));
}

function attempt(pg: PG, ec: ECBackend, o: ObjectOp, view: ECObjectView): void {
  const { config } = pg.host;
  const overwrites = pool_has_flag(pg.peering.pool.info, "ec_overwrites");
  const append_alignment = overwrites ? 0 : ec.sinfo.get_stripe_width();
  const ctx = new_op_context({ store: view, coll: pg.coll, config, append_alignment }, o.m, o.obc);
  const result = do_osd_ops(ctx);
  let stripes: ECStripes | null = null;
  if (o.write && result >= 0) {
    stripes = new ECStripes(view.cache, ctx.existed, ctx.old.size);
    const old_attrs = () => view.getattrs(pg.coll, ctx.soid)?.keys() ?? [];
    for (const step of ctx.t.ops) stripes.apply(step, old_attrs);
  }
  if (view.cache.wanted.size > 0) read_stripes(pg, ec, o, view);
  else finish_ctx(pg, o, ctx, result, stripes);
}

/** What the attempt lacked, then the next attempt. */
function read_stripes(pg: PG, ec: ECBackend, o: ObjectOp, view: ECObjectView): void {
  const { obc, op, write } = o;
  if (write && (obc.writes > 0 || obc.reads > 0)) {
    // The stripes are being written, or read by others before us.
    const lists = pg.waits.waiting_for_rw_lock;
    wait_keyed(pg, op, lists, obc.soid, "waiting for rw locks");
    return;
  }
  if (write) obc.rmw = true;
  else obc.reads++;
  const runs = runs_of([...view.cache.wanted]);
  const chunk = ec.sinfo.get_chunk_size();
  pg.host.op_tracker.mark(op, "waiting for shards", "waiting for sub ops");
  start_ec_read(pg, ec, {
    soid: obc.soid,
    version: obc.oi.version,
    extents: runs.map(([first, n]) => ({ off: first * chunk, len: n * chunk })),
    want: ec.data_ids(),
    want_attrs: false,
    op,
    done: (r) => {
      const got = take_stripes(ec, view.cache, runs, r);
      if (write) obc.rmw = false;
      else obc.reads--;
      if (got) attempt(pg, ec, o, view);
      else reply_op_error(pg, op, o.m, -ERRNO.EIO);
      repair_failed(pg, o, r);
      recovery_unblocked(pg, obc);
      pg.requeue(pg.waits.take_keyed(pg.waits.waiting_for_rw_lock, obc.soid));
    },
  });
}

/** [first stripe, how many], ascending. */
function runs_of(stripes: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const n of [...stripes].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last[0] + last[1] === n) last[1]++;
    else runs.push([n, 1]);
  }
  return runs;
}

function take_stripes(
  ec: ECBackend,
  cache: StripeCache,
  runs: readonly [number, number][],
  r: ECReadResult,
): boolean {
  if ("error" in r) return false;
  const width = ec.sinfo.get_stripe_width();
  for (const [i, [first, n]] of runs.entries()) {
    const bytes = decode_extent(ec, r.answers, i);
    // Shards shorter than the object's size says.
    if (bytes?.length !== n * width) return false;
    cache.put(first * width, bytes);
  }
  return true;
}

/** Shards that could not read their chunk get it anew. */
function repair_failed(pg: PG, o: ObjectOp, r: ECReadResult): void {
  const { soid, oi, writes } = o.obc;
  if (r.failed.length === 0 || writes > 0) return;
  for (const shard of r.failed) {
    pg.host.cluster_log("ERR", `${pg.pgid}: shard ${shard} of ${soid} is unreadable`);
    force_missing(pg, shard, soid, oi.version);
  }
  pg.queue_peering_event({ type: "DoRecovery" });
}
