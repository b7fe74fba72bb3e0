/**
 * Map changes as one PG sees them: is there a new interval, and what must be forgotten then.
 * Ceph counterpart: should_restart_peering, start_peering_interval, clear_primary_state,
 * remove_down_peer_info, check_past_interval_bounds in PeeringState.cc. peering.md §6.1-6.3.
 */
import {
  check_new_interval,
  EVERSION_ZERO,
  type epoch_t,
  InvariantError,
  is_erasure,
  is_new_interval,
  is_split,
  list_to_shards,
  note_mapping_change,
  type OSDMap,
  type pg_interval_t,
  pg_shard,
  type pg_shard_t,
  type pg_t,
  primary_shard,
  shard_cmp,
  shard_id,
  shard_osd,
  sort_few,
  spg_pg,
  spg_shard,
  spg_t,
  type up_acting_t,
} from "@tako/common";
import type { Evt } from "./events.ts";
import { on_new_interval } from "./leases.ts";
import type { PeeringState } from "./PeeringState.ts";
import type { RecoveryCtx } from "./RecoveryCtx.ts";

type Mapping = Pick<Evt<"AdvMap">, "newup" | "up_primary" | "newacting" | "acting_primary">;

export function own_shard(whoami: number, spgid: spg_t): pg_shard_t {
  return pg_shard(whoami, spg_shard(spgid));
}
export function spg_of(pgid: pg_t, shard: pg_shard_t): spg_t {
  return spg_t(pgid, shard_id(shard));
}

/** `shards` without our own, in the order in which they are sent to. */
export function others(shards: ReadonlySet<pg_shard_t>, own: pg_shard_t): pg_shard_t[] {
  const list: pg_shard_t[] = [];
  for (const s of shards) if (s !== own) list.push(s);
  return sort_few(list, shard_cmp);
}

/** init_primary_up_acting: takes over a mapping and what follows from it. */
export function set_mapping(ps: PeeringState, m: Mapping): void {
  const ec = is_erasure(ps.pool.info);
  ps.up = m.newup;
  ps.acting = m.newacting;
  ps.upset = new Set(list_to_shards(m.newup, ec));
  const same = same_osds(m.newup, m.newacting);
  ps.actingset = same ? ps.upset : new Set(list_to_shards(m.newacting, ec));
  ps.up_primary = primary_shard(m.up_primary, m.newup, ec);
  ps.primary = primary_shard(m.acting_primary, m.newacting, ec);
  const shard = shard_id(ps.pg_whoami);
  if (ec) ps.role = m.newacting[shard] === ps.whoami ? shard : -1;
  else ps.role = m.newacting.indexOf(ps.whoami);
}

/** The mapping by the map that the PG stands at. */
export function set_mapping_of_map(ps: PeeringState): void {
  const m = ps.osdmap.pg_to_up_acting_osds(spg_pg(ps.spgid));
  const { up, up_primary, acting, acting_primary } = m;
  set_mapping(ps, { newup: up, up_primary, newacting: acting, acting_primary });
}

/** The mapping that `set_mapping` was given last. */
function current_mapping(ps: PeeringState): up_acting_t {
  return {
    up: ps.up,
    acting: ps.acting,
    up_primary: ps.up_primary === null ? -1 : shard_osd(ps.up_primary),
    acting_primary: ps.primary === null ? -1 : shard_osd(ps.primary),
  };
}
function event_mapping(evt: Evt<"AdvMap">): up_acting_t {
  return {
    up: evt.newup,
    acting: evt.newacting,
    up_primary: evt.up_primary,
    acting_primary: evt.acting_primary,
  };
}

/** Feeds AdvMap; the mapping is that of `osdmap`. */
export function advance_map(
  ps: PeeringState,
  osdmap: OSDMap,
  lastmap: OSDMap,
  m: Mapping,
  rctx: RecoveryCtx,
): void {
  // Its last transaction is on the way: there is nothing left that could peer.
  if (ps.deleted) return;
  ps.osdmap = osdmap;
  update_pool(ps, osdmap);
  ps.handle_event({ type: "AdvMap", osdmap, lastmap, ...m }, rctx);
  if (osdmap.get_pg_pool(ps.pool.id)?.last_change === osdmap.epoch) {
    rctx.effect({ type: "on_pool_change" });
  }
}

/** The pool as `osdmap` has it; a deleted one stays as it was. */
function update_pool(ps: PeeringState, osdmap: OSDMap): void {
  ps.pool.info = osdmap.get_pg_pool(ps.pool.id) ?? ps.pool.info;
  ps.pool.name = osdmap.get_pool_name(ps.pool.id) ?? ps.pool.name;
}

/** Feeds ActMap. The epoch key may lag behind the map only so far. */
export function activate_map(ps: PeeringState, rctx: RecoveryCtx): void {
  if (ps.deleted) return;
  const max_stale = ps.config.get("osd_pg_epoch_persisted_max_stale");
  if (ps.get_osdmap_epoch() - ps.last_persisted_epoch > max_stale) ps.dirty_info = true;
  ps.handle_event({ type: "ActMap" }, rctx);
}

/** Did this OSD start anew between the two maps? Also seen when maps in between are gone. */
function restarted(evt: Evt<"AdvMap">, osd: number): boolean {
  const { lastmap, osdmap } = evt;
  if (!osdmap.is_up(osd)) return false;
  return !lastmap.is_up(osd) || lastmap.get_up_from(osd) !== osdmap.get_up_from(osd);
}

export function should_restart_peering(ps: PeeringState, evt: Evt<"AdvMap">): boolean {
  const { lastmap, osdmap } = evt;
  const cur = event_mapping(evt);
  if (is_new_interval(current_mapping(ps), cur, lastmap, osdmap, spg_pg(ps.spgid))) return true;
  return restarted(evt, ps.whoami);
}

/** Messages and events of earlier epochs are dropped from now on (peering.md §4.2). */
export function set_last_peering_reset(ps: PeeringState): void {
  const epoch = ps.get_osdmap_epoch();
  if (ps.last_peering_reset === epoch) return;
  ps.last_peering_reset = epoch;
  const rctx = ps.get_rctx();
  rctx.messages.length = 0;
  rctx.effect({ type: "on_new_peering_reset", epoch });
}

export function start_peering_interval(ps: PeeringState, evt: Evt<"AdvMap">): void {
  set_last_peering_reset(ps);
  const was_primary = ps.is_primary();
  const old_role = ps.role;
  const old_map = current_mapping(ps);
  set_mapping(ps, evt);
  if (same_osds(ps.up, ps.acting)) ps.state_clear("remapped");
  else ps.state_set("remapped");

  const ended = note_interval(ps, evt, old_map);
  on_new_interval(ps, old_map.acting);
  const ec = is_erasure(ps.pool.info);
  note_mapping_change(ps.info.history, old_map, current_mapping(ps), ec, evt.osdmap.epoch);
  ps.dirty_info = true;
  ps.dirty_big_info = true;

  ps.state_clear("active", "peered", "premerge", "down", "activating", "peering", "incomplete");
  ps.state_clear("recovery_wait", "recovery_toofull", "recovering", "degraded", "undersized");
  ps.peer_purged.clear();
  const rctx = ps.get_rctx();
  if (was_primary || ps.is_primary()) rctx.effect({ type: "clear_want_pg_temp" });
  clear_primary_state(ps);
  rctx.effect({ type: "on_change", still_primary: ps.is_primary() });
  ps.send_notify = !ps.is_primary();
  if (was_primary !== ps.is_primary() || old_role !== ps.role) ps.state_clear("clean");
  if (was_primary && ps.is_primary() && ended !== undefined) ps.state_clear("clean");
  if (ps.acting_osds().length === 0 && ps.up.length > 0 && ps.up_primary === ps.pg_whoami) {
    // A pg_temp that names only dead OSDs would keep the PG without a primary for ever.
    rctx.effect({ type: "queue_want_pg_temp", acting: [] });
  }
  log_interval(ps, ended);
}

/** Records the interval that has ended, if one has, and that the new one starts here. */
function note_interval(
  ps: PeeringState,
  evt: Evt<"AdvMap">,
  old: up_acting_t,
): pg_interval_t | undefined {
  const { history } = ps.info;
  const pgid = spg_pg(ps.spgid);
  const { osdmap, lastmap } = evt;
  const ended = check_new_interval({
    old,
    cur: event_mapping(evt),
    same_interval_since: history.same_interval_since,
    last_epoch_clean: history.last_epoch_clean,
    osdmap,
    lastmap,
    pg: pgid,
    could_have_gone_active: (have) => ps.is_recoverable(have),
    past_intervals: ps.past_intervals,
  });
  if (ended !== undefined) {
    history.same_interval_since = osdmap.epoch;
    const was = lastmap.get_pg_pool(ps.pool.id);
    const now = osdmap.get_pg_pool(ps.pool.id);
    if (was && now && is_split(pgid, was.pg_num, now.pg_num)) {
      history.last_epoch_split = osdmap.epoch;
    }
  }
  if (osdmap.epoch > lastmap.epoch + 1 && history.last_epoch_clean < osdmap.epoch) {
    // The mon trims a map only when every PG has been clean after it, so nothing that happened
    // before the gap matters any more; of what happened inside nothing can be known.
    ps.past_intervals.clear();
    ps.map_gap_end = osdmap.epoch;
  }
  return ended;
}

function log_interval(ps: PeeringState, ended: pg_interval_t | undefined): void {
  if (!ps.log.enabled("info")) return;
  ps.log.info(
    {
      epoch: ps.get_osdmap_epoch(),
      interval: ps.info.history.same_interval_since,
      up: ps.up,
      acting: ps.acting,
      primary: ps.primary,
      role: ps.role,
      ended: ended ? [ended.first, ended.last] : null,
      ended_maybe_went_rw: ended?.maybe_went_rw ?? null,
      past_intervals: ps.past_intervals.toString(),
    },
    "pg_interval",
  );
}

const NOBODY: ReadonlySet<pg_shard_t> = new Set();

/** Executed in every new interval, also by a primary that stays primary. */
export function clear_primary_state(ps: PeeringState): void {
  ps.peer_info.clear();
  ps.peer_missing.clear();
  ps.peer_log_requested.clear();
  ps.peer_missing_requested.clear();
  ps.stray_set.clear();
  ps.might_have_unfound.clear();
  ps.peer_last_complete_ondisk.clear();
  ps.peer_bytes.clear();
  ps.peer_activated.clear();
  ps.blocked_by.clear();
  ps.min_last_complete_ondisk = EVERSION_ZERO;
  ps.pg_trim_to = EVERSION_ZERO;
  ps.last_update_ondisk = EVERSION_ZERO;
  ps.need_up_thru = false;
  ps.acting_recovery_backfill = NOBODY;
  ps.backfill_targets = NOBODY;
  ps.async_recovery_targets = NOBODY;
  ps.backfill_reserved = false;
  ps.prior_set = null;
  ps.missing_loc.clear();
  ps.pg_log.reset_recovery_pointers();
}

/** What we know from OSDs that are down now tells nothing about what they will be when back. */
export function remove_down_peer_info(ps: PeeringState, osdmap: OSDMap): void {
  let removed = false;
  for (const s of gone(ps.peer_info, osdmap)) {
    ps.peer_info.delete(s);
    ps.peer_missing.delete(s);
    ps.peer_log_requested.delete(s);
    ps.peer_missing_requested.delete(s);
    ps.stray_set.delete(s);
    removed = true;
  }
  for (const set of [ps.peer_purged, ps.peer_log_requested, ps.peer_missing_requested]) {
    for (const s of gone(set, osdmap)) set.delete(s);
  }
  if (removed) ps.get_rctx().effect({ type: "update_heartbeat_peers" });
  check_recovery_sources(ps, osdmap);
}

/** Those of `shards` whose OSD is down; at most epochs none. */
function gone(
  shards: ReadonlySet<pg_shard_t> | ReadonlyMap<pg_shard_t, unknown>,
  osdmap: OSDMap,
): readonly pg_shard_t[] {
  if (shards.size === 0) return NONE_GONE;
  let found: pg_shard_t[] | undefined;
  for (const s of shards.keys()) {
    if (osdmap.is_up(shard_osd(s))) continue;
    found ??= [];
    found.push(s);
  }
  return found ?? NONE_GONE;
}
const NONE_GONE: readonly pg_shard_t[] = [];

function check_recovery_sources(ps: PeeringState, osdmap: OSDMap): void {
  const down = ps.missing_loc.check_recovery_sources((osd) => osdmap.is_down(osd));
  if (down.length === 0) return;
  const osds = ps.osds_of(down);
  ps.get_rctx().effect({ type: "recovery_sources_down", osds });
}

/** First epoch that the past intervals must reach back to, and where they must end. */
export function required_past_interval_bounds(ps: PeeringState): [start: epoch_t, end: epoch_t] {
  const h = ps.info.history;
  const start = Math.max(h.last_epoch_clean || h.epoch_pool_created, ps.oldest_map());
  return [start, Math.max(h.same_interval_since, h.epoch_pool_created)];
}

/** Gaps in the past would let the PG go active without having asked everybody it must. */
export function check_past_interval_bounds(ps: PeeringState): void {
  const [start, end] = required_past_interval_bounds(ps);
  const { past_intervals } = ps;
  const [first, past_end] = past_intervals.get_bounds();
  // More than is required does no harm: the cluster's trim bound may have moved meanwhile.
  if (start >= end) return;
  if (!past_intervals.empty() && first <= start && past_end === end) return;
  throw new InvariantError("past_intervals do not cover the time since the PG was clean", {
    pg: ps.spgid,
    epoch: ps.get_osdmap_epoch(),
    required: [start, end],
    past_intervals: past_intervals.toString(),
  });
}

export function start_flush(ps: PeeringState): void {
  ps.flushes_in_progress++;
  ps.get_rctx().effect({ type: "start_flush" });
}

/** update_heartbeat_peers: the primary watches everybody it has to do with; adds them to `osds`. */
export function add_heartbeat_peers(ps: PeeringState, osds: Set<number>): void {
  if (!ps.is_primary()) return;
  for (const shards of [ps.upset, ps.actingset, ps.peer_info]) {
    for (const s of shards.keys()) osds.add(shard_osd(s));
  }
  osds.delete(ps.whoami);
}

export function same_osds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}
