/**
 * Splitting a PG when pg_num has grown: its children's collections, metadata and statistics, in the
 * transaction of the turn in which the PG advances over that map.
 * Ceph counterpart: OSD::split_pgs, PG::split_into. peering.md §9.2.
 */
import {
  get_pg_children,
  get_split_bits,
  hobject_hash,
  object_stat_sum_t,
  pg_match_hash,
  type pg_t,
  sometimes,
  spg_shard,
  spg_t,
  stat_sum_add,
} from "@tako/common";
import type { RecoveryCtx } from "../peering/RecoveryCtx.ts";
import { divide_stats } from "../peering/split.ts";
import { PG } from "./PG.ts";
import { each_object, MAX_COUNTED, object_stats, set_counted } from "./pg_stats.ts";

/**
 * Splits `pg` by the pool's pg_num at the map it stands at, if its objects are divided by less.
 * The children are complete once `rctx.transaction` is queued; nothing of them may run before.
 */
export function split_pg(pg: PG, rctx: RecoveryCtx): PG[] {
  const ps = pg.peering;
  const { pg_num } = ps.pool.info;
  if (ps.split_pg_num >= pg_num || pg.deleted) return [];
  const seeds = get_pg_children(pg.pgid, ps.split_pg_num, pg_num);
  const sums = seeds.length > 0 ? count_objects(pg, [pg.pgid, ...seeds]) : undefined;
  ps.split_pg_num = pg_num;
  const t = rctx.transaction;
  const shard = spg_shard(pg.spgid);
  const children = seeds.map((c) => PG.split_off(pg, spg_t(c, shard), t));
  if (children.length === 0) return children;
  if (ps.missing.have_missing() || ps.is_incomplete()) sometimes("split during recovery");
  ps.info.history.last_epoch_split = ps.get_osdmap_epoch();
  settle_stats(pg, children, sums);
  for (const each of [pg, ...children]) {
    each.peering.dirty_info = true;
    each.peering.write_if_dirty(t);
  }
  pg.log.info(
    { epoch: pg.osdmap_epoch, pg_num, children: children.map((c) => c.spgid) },
    "pg_split",
  );
  return children;
}

type Sums = ReadonlyMap<pg_t, object_stat_sum_t>;

/** What each of `pgs` has of the objects here; undefined when that would not be the truth. */
function count_objects(pg: PG, pgs: readonly pg_t[]): Sums | undefined {
  const { info, missing, pool } = pg.peering;
  const known = info.stats.stat_sum.num_objects;
  const partial = pg.peering.is_incomplete() || missing.num_missing() > 0;
  if (partial || info.stats.stats_invalid || known > MAX_COUNTED) return undefined;
  const sums = pgs.map((pgid) => {
    const bits = get_split_bits(pgid, pool.info.pg_num);
    return { pgid, bits, sum: object_stat_sum_t() };
  });
  const complete = each_object(pg, (o, oi) => {
    const hash = hobject_hash(o);
    const of = sums.find((s) => pg_match_hash(s.pgid, s.bits, hash));
    if (of) stat_sum_add(of.sum, object_stats(oi));
  });
  return complete ? new Map(sums.map((s) => [s.pgid, s.sum])) : undefined;
}

function settle_stats(pg: PG, children: readonly PG[], sums: Sums | undefined): void {
  const of_children = children.map((c) => c.peering);
  divide_stats(pg.peering, of_children);
  if (!sums) return;
  for (const each of [pg, ...children]) {
    set_counted(each.peering.info.stats, sums.get(each.pgid) ?? object_stat_sum_t());
  }
}
