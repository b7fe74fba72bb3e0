/**
 * How many copies of its objects a PG lacks altogether (degraded), and how many lie on an OSD that is
 * not to have them (misplaced). Ceph counterpart: PeeringState::update_calc_stats. peering.md §3.4.
 *
 * While objects are recovered from the log, it is known of each where it lies: an unfound one nowhere,
 * so every member of up lacks it. Otherwise there are only counts: a member outside of up makes good
 * for what a member of up lacks, of an erasure-coded pool the one of the same shard; whoever lacks most
 * is helped first, and whoever has most helps first.
 */
import { is_erasure, type pg_shard_t, shard_cmp, shard_id, sort_few } from "@tako/common";
import type { PeeringState } from "./PeeringState.ts";

export interface copy_counts_t {
  readonly degraded: number;
  readonly misplaced: number;
}
interface Lacking {
  readonly shard: pg_shard_t | null;
  readonly missing: number;
}

/** Objects that `s` lacks of those the PG has. */
export function num_missing_on(ps: PeeringState, s: pg_shard_t): number {
  const total = Math.max(0, ps.info.stats.stat_sum.num_objects);
  if (s === ps.pg_whoami) return ps.missing.num_missing();
  const pi = ps.peer_info.get(s);
  if (!pi) return total;
  const behind = ps.peer_missing.get(s)?.num_missing() ?? 0;
  // A copy being backfilled lacks, besides, all that the scan has not reached.
  if (pi.last_backfill === "MAX") return behind;
  const has = Math.max(0, pi.stats.stat_sum.num_objects);
  return Math.max(0, total - has) + behind;
}

export function count_copies(ps: PeeringState, total: number, target: number): copy_counts_t {
  const erasure = is_erasure(ps.pool.info);
  if (ps.is_recovering()) {
    return erasure ? recovering_shards(ps, total, target) : recovering_copies(ps, total, target);
  }
  const lacking: Lacking[] = [...ps.upset].map((s) => ({
    shard: s,
    missing: num_missing_on(ps, s),
  }));
  if (erasure) {
    for (const i of shards_without(ps.upset, target)) {
      lacking.push({ shard: `0(${i})`, missing: total });
    }
  } else while (lacking.length < target) lacking.push({ shard: null, missing: total });
  return set_off(lacking, outside_of_up(ps), total, erasure);
}

/** Members outside of up, those that lack least first. */
function outside_of_up(ps: PeeringState): { shard: pg_shard_t; missing: number }[] {
  const sources = [...ps.actingset]
    .filter((s) => !ps.is_up(s))
    .map((s) => ({ shard: s, missing: num_missing_on(ps, s) }));
  return sort_few(sources, (a, b) => a.missing - b.missing || shard_cmp(a.shard, b.shard));
}

function set_off(
  lacking: readonly Lacking[],
  sources: { shard: pg_shard_t; missing: number }[],
  total: number,
  by_shard: boolean,
): copy_counts_t {
  let degraded = 0;
  let misplaced = 0;
  const left = [...sources];
  for (const { shard, missing } of sort_few([...lacking], (a, b) => b.missing - a.missing)) {
    const same = (s: pg_shard_t) => shard !== null && shard_id(s) === shard_id(shard);
    const at = by_shard ? left.findIndex((x) => same(x.shard)) : 0;
    const [source] = at < 0 ? [] : left.splice(at, 1);
    if (source && missing >= source.missing) {
      misplaced += missing - source.missing;
      degraded += source.missing;
    } else degraded += missing;
  }
  // Members that nobody in up needs any more hold what they have in the wrong place.
  for (const s of left) misplaced += Math.max(0, total - s.missing);
  return { degraded, misplaced };
}

function recovering_copies(ps: PeeringState, total: number, target: number): copy_counts_t {
  let degraded = total * Math.max(0, target - ps.upset.size);
  let misplaced = 0;
  for (const { shards, objects } of ps.missing_loc.location_counts()) {
    const up = shards.filter((s) => ps.is_up(s)).length;
    const short = ps.upset.size - up;
    const elsewhere = Math.min(short, shards.length - up);
    misplaced += objects * elsewhere;
    degraded += objects * (short - elsewhere);
  }
  return { degraded, misplaced };
}

function recovering_shards(ps: PeeringState, total: number, target: number): copy_counts_t {
  let degraded = 0;
  let misplaced = 0;
  const in_up = [...ps.upset].map(shard_id);
  for (const { shards, objects } of ps.missing_loc.location_counts()) {
    for (const i of in_up) {
      const having = shards.filter((s) => shard_id(s) === i);
      if (having.some((s) => ps.is_up(s))) continue;
      if (having.length > 0) misplaced += objects;
      else degraded += objects;
    }
  }
  // Positions that up leaves empty: what an acting member has there is misplaced.
  for (const i of shards_without(ps.upset, target)) {
    const acting = [...ps.actingset].find((s) => shard_id(s) === i);
    const missing = acting === undefined ? total : num_missing_on(ps, acting);
    degraded += missing;
    misplaced += Math.max(0, total - missing);
  }
  return { degraded, misplaced };
}

function shards_without(set: ReadonlySet<pg_shard_t>, target: number): number[] {
  const have = new Set([...set].map(shard_id));
  return Array.from({ length: target }, (_, i) => i).filter((i) => !have.has(i));
}
