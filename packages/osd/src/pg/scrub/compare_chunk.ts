/**
 * The maps of a chunk have come: they are compared, the findings kept, the objects counted, and
 * digests recorded of objects that have been at rest for a while.
 * Ceph counterpart: PgScrubber::scrub_compare_maps, PrimaryLogScrub::scrub_snapshot_metadata.
 * peering.md §11.
 */
import { EVERSION_ZERO, ev_eq, type hobject_t, reqid_str, stat_sum_add } from "@tako/common";
import { Transaction } from "../../store/Transaction.ts";
import { is_delete, reqid_is_set } from "../log_entry.ts";
import { encode_object_info, OI_ATTR, type object_info_t } from "../object_info.ts";
import type { PG } from "../PG.ts";
import { object_stats } from "../pg_stats.ts";
import { submit_transaction } from "../repop.ts";
import { type CompareResult, compare_scrubmaps } from "./compare_maps.ts";
import type { ScrubRun } from "./ScrubRun.ts";
import type { AuthCopy, CompareOptions } from "./select_auth.ts";

/** More than this is found in a PG only when a whole copy is gone: the rest is counted, not kept. */
const MAX_KEPT = 10_000;

export function scrub_compare_maps(pg: PG, run: ScrubRun): void {
  const r = compare_scrubmaps(run.maps, compare_options(pg));
  for (const line of r.lines) pg.host.cluster_log("ERR", line);
  run.shallow_errors += r.shallow_errors;
  run.deep_errors += r.deep_errors;
  run.repairable.push(...r.repairable);
  run.unexpected.push(...r.unexpected);
  run.inconsistent.push(...r.inconsistent.slice(0, MAX_KEPT - run.inconsistent.length));
  count_objects(run, r);
  run.counted_to = run.end;
  run.maps.clear();
  if (run.mode.deep && !pg.ec) record_digests(pg, run, r);
}

function compare_options(pg: PG): CompareOptions {
  const sinfo = pg.ec?.sinfo;
  return {
    pgid: pg.pgid,
    whoami: pg.whoami,
    erasure: pg.ec !== null,
    ondisk_size: (size) => sinfo?.logical_to_next_chunk_offset(size) ?? size,
    max_object_size: pg.host.config.get("osd_max_object_size"),
    is_deleted: (soid) => {
      const entry = pg.peering.pg_log.log.get_object(soid);
      return entry !== undefined && is_delete(entry);
    },
    reqid_of: (soid, oi) => last_reqid(pg, soid, oi),
  };
}
/** Of the write that made this version, while the log has it. */
export function last_reqid(pg: PG, soid: hobject_t, oi: object_info_t): string {
  const entry = pg.peering.pg_log.log.get_object(soid);
  const known = entry && ev_eq(entry.version, oi.version) && reqid_is_set(entry.reqid);
  return known ? reqid_str(entry.reqid) : "unknown.0.0:0";
}

function count_objects(run: ScrubRun, r: CompareResult): void {
  for (const { oi, object } of r.auth.values()) {
    stat_sum_add(run.sums, object_stats(oi));
    const { omap_keys = 0, omap_bytes = 0 } = object;
    stat_sum_add(run.sums, { num_omap_keys: omap_keys, num_omap_bytes: omap_bytes });
  }
  for (const oi of r.unsound.values()) stat_sum_add(run.sums, object_stats(oi));
}

// ---------------------------------------------------------------- digests

/** An object that is written all the time would lose them at once. */
function record_digests(pg: PG, run: ScrubRun, r: CompareResult): void {
  const { clock, config } = pg.host;
  const min_age_ms = config.get("osd_deep_scrub_update_digest_min_age") * 1000;
  const bad = new Set(r.repairable.map((x) => x.soid));
  for (const [soid, auth] of r.auth) {
    if (bad.has(soid) || !lacks_digest(auth)) continue;
    if (clock.now_ms() - auth.oi.mtime > min_age_ms) record_digest(pg, run, soid, auth);
  }
}
function lacks_digest({ oi, object }: AuthCopy): boolean {
  const data = object.digest !== undefined && oi.data_digest === undefined;
  return data || (object.omap_digest !== undefined && oi.omap_digest === undefined);
}

/** An ordinary write on all members, of the object info alone. */
function record_digest(pg: PG, run: ScrubRun, soid: hobject_t, auth: AuthCopy): void {
  const obc = pg.objects.get(soid);
  const { digest: data_digest, omap_digest } = auth.object;
  if (!obc.exists || obc.corrupt || !ev_eq(obc.oi.version, auth.oi.version)) return;
  const version = pg.peering.next_version();
  const { version: prior_version, user_version, mtime } = obc.oi;
  const oi: object_info_t = {
    ...obc.oi,
    version,
    prior_version,
    ...(data_digest !== undefined && { data_digest }),
    ...(omap_digest !== undefined && { omap_digest }),
  };
  const t = new Transaction();
  t.setattr(pg.coll, soid, OI_ATTR, encode_object_info(oi));
  obc.oi = oi;
  obc.writes++;
  run.digest_updates_pending++;
  const entry = {
    op: "modify" as const,
    soid,
    version,
    prior_version: prior_version ?? EVERSION_ZERO,
    reqid: { name: "", inc: 0, tid: 0 },
    user_version,
    mtime,
    return_code: 0,
  };
  const on_complete = () => {
    run.digest_updates_pending--;
  };
  const wire = pg.peers.length > 0 ? t.to_wire() : { txn: [], data: [] };
  const write = { entry, t, wire_for: () => wire };
  submit_transaction(pg, write, { op: null, reply: null, obc, on_complete });
}
