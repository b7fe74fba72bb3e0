/**
 * PGs of new pools on their way into being. The monitor keeps their intervals until a primary says
 * that it has created them, so that whoever becomes primary later starts with the right history.
 * Pure. Ceph counterpart: src/mon/CreatingPGs.h, OSDMonitor::update_pending_pgs. cluster.md §3.11.
 */
import {
  type Config,
  check_new_interval,
  type epoch_t,
  is_erasure,
  is_split,
  type Msg,
  note_mapping_change,
  type OSDMap,
  PastIntervals,
  POOL_FLAGS,
  type past_intervals_wire_t,
  pg_history_t,
  pg_pool,
  pg_t,
  spg_cmp,
  type up_acting_t,
} from "@tako/common";
import type { Pending } from "./pending.ts";

export interface creating_pg_t {
  readonly create_epoch: epoch_t;
  readonly create_stamp: number;
  readonly mapping: up_acting_t;
  readonly history: pg_history_t;
  readonly past_intervals: past_intervals_wire_t | null;
}

/** PGs [start, end) of a pool that wait for their turn. */
interface queued_pool_t {
  readonly start: number;
  readonly end: number;
}

export interface CreatingPGs {
  readonly last_scan_epoch: epoch_t;
  /** Pools whose PGs were all queued once: they are never scanned again. */
  readonly created_pools: ReadonlySet<number>;
  readonly queue: ReadonlyMap<number, queued_pool_t>;
  readonly pgs: ReadonlyMap<pg_t, creating_pg_t>;
}

export const NO_CREATING_PGS: CreatingPGs = {
  last_scan_epoch: 0,
  created_pools: new Set(),
  queue: new Map(),
  pgs: new Map(),
};

/** Is any PG of `pool` queued or being created? */
export function is_pool_creating(c: CreatingPGs, pool: number): boolean {
  if (c.queue.has(pool)) return true;
  for (const pg of c.pgs.keys()) if (pg_pool(pg) === pool) return true;
  return false;
}

/** The state after the pending epoch, whose map will be `next`. */
export function update_creating_pgs(
  c: CreatingPGs,
  osdmap: OSDMap,
  next: OSDMap,
  pending: Pending,
  config: Config,
): CreatingPGs {
  const created_pools = new Set([...c.created_pools].filter((id) => next.have_pg_pool(id)));
  const queue = new Map([...c.queue].filter(([id]) => next.have_pg_pool(id)));
  for (const id of next.pool_ids()) {
    if (created_pools.has(id)) continue;
    created_pools.add(id);
    queue.set(id, { start: 0, end: next.get_pg_num(id) });
  }
  const pgs = new Map<pg_t, creating_pg_t>();
  for (const [pg, info] of c.pgs) {
    if (!next.pg_exists(pg) || pending.created_pgs.has(pg)) continue;
    pgs.set(pg, advance(pg, info, osdmap, next));
  }
  const stamp = pending.inc.modified;
  for (const pg of [...pending.force_create].sort(spg_cmp)) {
    if (next.pg_exists(pg)) pgs.set(pg, begin(pg, next, stamp));
  }
  take_from_queue(queue, pgs, next, stamp, config.get("mon_osd_max_creating_pgs"));
  return { last_scan_epoch: next.epoch, created_pools, queue, pgs };
}

function take_from_queue(
  queue: Map<number, queued_pool_t>,
  pgs: Map<pg_t, creating_pg_t>,
  next: OSDMap,
  stamp: number,
  max: number,
): void {
  for (const [id, q] of [...queue].sort(([a], [b]) => a - b)) {
    const end = Math.min(q.end, next.get_pg_num(id), q.start + Math.max(0, max - pgs.size));
    for (let ps = q.start; ps < end; ps++) {
      const pg = pg_t(id, ps);
      if (!pgs.has(pg)) pgs.set(pg, begin(pg, next, stamp));
    }
    if (end >= Math.min(q.end, next.get_pg_num(id))) queue.delete(id);
    else queue.set(id, { start: end, end: q.end });
  }
}

// Created as of the epoch being proposed, not of the pool's birth: that keeps past intervals short.
function begin(pg: pg_t, next: OSDMap, stamp: number): creating_pg_t {
  const e = next.epoch;
  const history = pg_history_t({
    epoch_created: e,
    epoch_pool_created: e,
    same_up_since: e,
    same_interval_since: e,
    same_primary_since: e,
    last_scrub_stamp: stamp,
    last_deep_scrub_stamp: stamp,
    last_clean_scrub_stamp: stamp,
  });
  return {
    create_epoch: e,
    create_stamp: stamp,
    mapping: next.pg_to_up_acting_osds(pg),
    history,
    past_intervals: null,
  };
}

/** The same rule as in peering: does `next` end the PG's interval? */
function advance(pg: pg_t, info: creating_pg_t, osdmap: OSDMap, next: OSDMap): creating_pg_t {
  const cur = next.pg_to_up_acting_osds(pg);
  // The rest of the rule is about the pool and the cluster's flags.
  const same_pool = osdmap.get_pg_pool(pg_pool(pg)) === next.get_pg_pool(pg_pool(pg));
  if (same_pool && osdmap.flags === next.flags && same_mapping(cur, info.mapping)) return info;
  const past_intervals = PastIntervals.from_wire(info.past_intervals);
  const pool = pg_pool(pg);
  const pool_info = next.get_pg_pool(pool);
  const min_size = pool_info?.min_size ?? 0;
  const ended = check_new_interval({
    old: info.mapping,
    cur,
    same_interval_since: info.history.same_interval_since,
    last_epoch_clean: info.history.last_epoch_clean,
    osdmap: next,
    lastmap: osdmap,
    pg,
    could_have_gone_active: (have) => have.size >= min_size,
    past_intervals,
  });
  if (!ended) return info;
  const history = { ...info.history, same_interval_since: next.epoch };
  const ec = pool_info !== undefined && is_erasure(pool_info);
  note_mapping_change(history, info.mapping, cur, ec, next.epoch);
  if (is_split(pg, osdmap.get_pg_num(pool), next.get_pg_num(pool))) {
    history.last_epoch_split = next.epoch;
  }
  return { ...info, mapping: cur, history, past_intervals: past_intervals.to_wire() };
}

function same_mapping(a: up_acting_t, b: up_acting_t): boolean {
  const same = (x: readonly number[], y: readonly number[]) =>
    x.length === y.length && x.every((o, i) => o === y[i]);
  if (a.up_primary !== b.up_primary || a.acting_primary !== b.acting_primary) return false;
  return a === b || (same(a.up, b.up) && same(a.acting, b.acting));
}

/** At encode: pools that have all their PGs lose the flag CREATING. True when any did. */
export function clear_creating_flags(c: CreatingPGs, next: OSDMap, pending: Pending): boolean {
  let changed = false;
  for (const id of next.pool_ids()) {
    const pool = next.get_pg_pool(id);
    if (!pool || (pool.flags & POOL_FLAGS.creating) === 0 || is_pool_creating(c, id)) continue;
    const edited = pending.inc.new_pools.get(id) ?? pool;
    pending.inc.new_pools.set(id, { ...edited, flags: edited.flags & ~POOL_FLAGS.creating });
    changed = true;
  }
  return changed;
}

/** Creates that `osd` leads and that changed hands at `start` or later; undefined when none. */
export function creates_for(
  c: CreatingPGs,
  osd: number,
  start: epoch_t,
  epoch: epoch_t,
): Msg<"osd_pg_create"> | undefined {
  const mine = [...c.pgs]
    .filter(([, i]) => i.mapping.acting_primary === osd && i.history.same_interval_since >= start)
    .sort(([a], [b]) => spg_cmp(a, b));
  if (mine.length === 0) return undefined;
  const pgs = mine.map(([pgid, i]) => ({
    pgid,
    create_epoch: i.create_epoch,
    create_stamp: i.create_stamp,
    history: i.history,
    past_intervals: i.past_intervals,
  }));
  return { type: "osd_pg_create", epoch, pgs };
}

// ---------------------------------------------------------------- stored form

export function encode_creating_pgs(c: CreatingPGs): Uint8Array {
  const doc = {
    last_scan_epoch: c.last_scan_epoch,
    created_pools: [...c.created_pools].sort((a, b) => a - b),
    queue: [...c.queue].sort(([a], [b]) => a - b),
    pgs: [...c.pgs].sort(([a], [b]) => spg_cmp(a, b)),
  };
  return new TextEncoder().encode(JSON.stringify(doc));
}

/** Inverse; the caller turns what JSON.parse throws into a StoreError. */
export function decode_creating_pgs(bytes: Uint8Array): CreatingPGs {
  const doc: StoredCreatingPGs = JSON.parse(new TextDecoder().decode(bytes));
  return {
    last_scan_epoch: doc.last_scan_epoch,
    created_pools: new Set(doc.created_pools),
    queue: new Map(doc.queue),
    pgs: new Map(doc.pgs),
  };
}
interface StoredCreatingPGs {
  last_scan_epoch: number;
  created_pools: number[];
  queue: [number, queued_pool_t][];
  pgs: [pg_t, creating_pg_t][];
}
