/**
 * pg_stat_t: what the primary reports to the mon, with the counts that follow from who misses what.
 * Ceph counterpart: prepare_stats_for_publish, update_calc_stats in PeeringState.cc. Fields:
 * cluster.md §3.17.
 */
import {
  type epoch_t,
  ev_str,
  type Msg,
  type object_stat_sum_t,
  type pg_info_t,
  type pg_shard_t,
  type pg_state_t,
  shard_cmp,
  shard_osd,
  sort_few,
  stat_sum_to_wire,
  utime_str,
} from "@tako/common";
import { count_copies, num_missing_on } from "./copy_counts.ts";
import type { PeeringState } from "./PeeringState.ts";

type StampName =
  | "last_fresh"
  | "last_change"
  | "last_active"
  | "last_peered"
  | "last_clean"
  | "last_became_active"
  | "last_became_peered"
  | "last_unstale"
  | "last_undegraded"
  | "last_fullsized";

export interface object_location_count_t {
  readonly shards: string;
  readonly objects: number;
}

/** The part of pg_stat_t that is not stored. Stamps in ms. */
export interface VolatileStats {
  reported_seq: number;
  reported_epoch: epoch_t;
  state: string;
  readonly stamps: Record<StampName, number>;
  avail_no_missing: pg_shard_t[];
  object_location_counts: object_location_count_t[];
}

export function new_volatile_stats(now_ms: number): VolatileStats {
  const stamps = {
    last_fresh: now_ms,
    last_change: now_ms,
    last_active: now_ms,
    last_peered: now_ms,
    last_clean: now_ms,
    last_became_active: now_ms,
    last_became_peered: now_ms,
    last_unstale: now_ms,
    last_undegraded: now_ms,
    last_fullsized: now_ms,
  };
  return {
    reported_seq: 0,
    reported_epoch: 0,
    state: "unknown",
    stamps,
    avail_no_missing: [],
    object_location_counts: [],
  };
}

/** As `ceph pg dump` and `ceph pg <pgid> query` show it: versions and stamps as text. */
export interface pg_stat_t extends Record<StampName, string> {
  readonly version: string;
  readonly reported_seq: number;
  readonly reported_epoch: epoch_t;
  readonly state: string;
  readonly mapping_epoch: epoch_t;
  readonly log_start: string;
  readonly ondisk_log_start: string;
  readonly created: epoch_t;
  readonly last_epoch_clean: epoch_t;
  readonly parent: string;
  readonly parent_split_bits: number;
  readonly last_scrub: string;
  readonly last_scrub_stamp: string;
  readonly last_deep_scrub: string;
  readonly last_deep_scrub_stamp: string;
  readonly last_clean_scrub_stamp: string;
  readonly log_size: number;
  readonly ondisk_log_size: number;
  readonly stats_invalid: boolean;
  readonly dirty_stats_invalid: boolean;
  readonly omap_stats_invalid: boolean;
  readonly hitset_stats_invalid: boolean;
  readonly hitset_bytes_stats_invalid: boolean;
  readonly pin_stats_invalid: boolean;
  readonly manifest_stats_invalid: boolean;
  readonly snaptrimq_len: number;
  readonly stat_sum: object_stat_sum_t;
  readonly up: readonly number[];
  readonly acting: readonly number[];
  readonly avail_no_missing: readonly pg_shard_t[];
  readonly object_location_counts: readonly object_location_count_t[];
  readonly blocked_by: readonly number[];
  readonly up_primary: number;
  readonly acting_primary: number;
  readonly purged_snaps: readonly string[];
}

// ---------------------------------------------------------------- derived counts

/** Degraded: copies that exist nowhere. Misplaced: copies that exist, on the wrong OSD. */
export function update_calc_stats(ps: PeeringState): void {
  const sum = ps.info.stats.stat_sum;
  const total = Math.max(0, sum.num_objects);
  const size = ps.pool.info.size;
  const target = Math.max(size, ps.upset.size);
  sum.num_object_copies = total * Math.max(target, ps.actingset.size);
  sum.num_objects_degraded = 0;
  sum.num_objects_misplaced = 0;
  sum.num_objects_unfound = ps.get_num_unfound();
  sum.num_objects_missing = ps.missing.num_missing();
  sum.num_objects_missing_on_primary = ps.is_primary() ? sum.num_objects_missing : 0;
  ps.pg_stats.avail_no_missing = [];
  ps.pg_stats.object_location_counts = [];
  const interesting = ps.state_test("remapped") || ps.is_undersized() || !ps.is_clean();
  if (ps.is_primary() && interesting && (ps.is_peered() || ps.is_activating())) {
    const { degraded, misplaced } = count_copies(ps, total, target);
    sum.num_objects_degraded = degraded;
    sum.num_objects_misplaced = misplaced;
    count_locations(ps, total);
  }
  if (sum.num_objects_degraded > 0) ps.state_set("degraded");
  else ps.state_clear("degraded");
}

/** How many objects lie on which set of shards. */
function count_locations(ps: PeeringState, total: number): void {
  const shards = sort_few([...new Set([...ps.upset, ...ps.actingset])], shard_cmp);
  const complete = shards.filter((s) => num_missing_on(ps, s) === 0);
  ps.pg_stats.avail_no_missing = complete;
  const lacking = ps.missing_loc.get_needs_recovery();
  // Objects in the same place share one set: name each place once.
  const places = new Map<ReadonlySet<pg_shard_t>, number>();
  for (const [soid, item] of lacking) {
    if (item.is_delete) continue;
    const at = ps.missing_loc.get_locations(soid);
    places.set(at, (places.get(at) ?? 0) + 1);
  }
  const counts = new Map<string, number>();
  const add = (at: Iterable<pg_shard_t>, n: number) => {
    const key = sort_few([...at], shard_cmp).join(",");
    counts.set(key, (counts.get(key) ?? 0) + n);
  };
  for (const [at, n] of places) add(at, n);
  // All others are on every member whose copy is not being backfilled.
  const whole = shards.filter((s) => {
    return s === ps.pg_whoami || ps.peer_info.get(s)?.last_backfill === "MAX";
  });
  add(whole, Math.max(0, total - lacking.size));
  ps.pg_stats.object_location_counts = [...counts]
    .filter(([, objects]) => objects > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([at, objects]) => ({ shards: at, objects }));
}

// ---------------------------------------------------------------- reporting

/** Of a state as text. */
function was_in(state: string, name: pg_state_t): boolean {
  return state.split("+").includes(name);
}

/** A PG's entry in MPGStats. */
export type pg_report_t = Msg<"pg_stats">["pg_stats"][number];

export function prepare_stats_for_publish(ps: PeeringState): pg_stat_t {
  refresh_stats(ps);
  return make_pg_stat(ps, ps.info);
}

/**
 * The same as the monitor is sent it, who counts what is absent as 0, empty or false: stamps in ms, and
 * only sums that are not 0. When many PGs peer these reports are most of what goes to it.
 */
export function prepare_report(ps: PeeringState): Omit<pg_report_t, "pgid"> {
  refresh_stats(ps);
  const v = ps.pg_stats;
  const { info } = ps;
  const h = info.history;
  const log_start = ev_str(info.log_tail);
  const log_size = Math.max(0, info.last_update.version - info.log_tail.version);
  const { stamps } = v;
  // One literal, and not a loop over names: engines keep it as a compact record.
  const stat = {
    last_fresh: stamps.last_fresh,
    last_change: stamps.last_change,
    last_active: stamps.last_active,
    last_peered: stamps.last_peered,
    last_clean: stamps.last_clean,
    last_became_active: stamps.last_became_active,
    last_became_peered: stamps.last_became_peered,
    last_unstale: stamps.last_unstale,
    last_undegraded: stamps.last_undegraded,
    last_fullsized: stamps.last_fullsized,
    version: ev_str(info.last_update),
    mapping_epoch: h.same_interval_since,
    log_start,
    ondisk_log_start: log_start,
    created: h.epoch_created,
    last_epoch_clean: h.last_epoch_clean,
    last_scrub: ev_str(h.last_scrub),
    last_scrub_stamp: h.last_scrub_stamp,
    last_deep_scrub: ev_str(h.last_deep_scrub),
    last_deep_scrub_stamp: h.last_deep_scrub_stamp,
    last_clean_scrub_stamp: h.last_clean_scrub_stamp,
    log_size,
    ondisk_log_size: log_size,
    stats_invalid: info.stats.stats_invalid,
    stat_sum: stat_sum_to_wire(info.stats.stat_sum),
    up: [...ps.up],
    acting: [...ps.acting],
    avail_no_missing: v.avail_no_missing,
    object_location_counts: v.object_location_counts,
    blocked_by: blocked_by(ps),
    up_primary: primary_osd(ps.up_primary),
    acting_primary: primary_osd(ps.primary),
  };
  return { state: v.state, reported_epoch: v.reported_epoch, reported_seq: v.reported_seq, stat };
}

/** State, stamps and derived counts as of now. */
function refresh_stats(ps: PeeringState): void {
  const v = ps.pg_stats;
  const now = ps.clock.now_ms();
  update_calc_stats(ps);
  if (ps.info.stats.stat_sum.num_scrub_errors > 0) ps.state_set("inconsistent");
  else ps.state_clear("inconsistent", "failed_repair");
  const state = ps.get_pg_state_string();
  const was = v.state;
  if (state !== was) {
    const was_active = was_in(was, "active");
    v.stamps.last_change = now;
    if (was_active) v.stamps.last_active = now;
    if (ps.is_active() && !was_active) v.stamps.last_became_active = now;
    if (ps.is_peered() && !was_active && !was_in(was, "peered")) v.stamps.last_became_peered = now;
    v.state = state;
  }
  v.reported_epoch = ps.get_osdmap_epoch();
  v.reported_seq++;
  v.stamps.last_fresh = now;
  v.stamps.last_unstale = now;
  if (ps.is_clean()) v.stamps.last_clean = now;
  if (ps.is_active()) v.stamps.last_active = now;
  if (ps.is_peered()) v.stamps.last_peered = now;
  if (!ps.is_degraded()) v.stamps.last_undegraded = now;
  if (!ps.is_undersized()) v.stamps.last_fullsized = now;
}

/** Of this PG, or of a peer's info (whose stamps are not known: ours are shown). */
export function make_pg_stat(ps: PeeringState, info: pg_info_t): pg_stat_t {
  const v = ps.pg_stats;
  const h = info.history;
  const own = info === ps.info;
  const stamp = (s: StampName) => utime_str(v.stamps[s]);
  const size = Math.max(0, info.last_update.version - info.log_tail.version);
  // One literal, as above.
  return {
    version: ev_str(info.last_update),
    reported_seq: own ? v.reported_seq : 0,
    reported_epoch: own ? v.reported_epoch : 0,
    state: own ? v.state : "unknown",
    last_fresh: stamp("last_fresh"),
    last_change: stamp("last_change"),
    last_active: stamp("last_active"),
    last_peered: stamp("last_peered"),
    last_clean: stamp("last_clean"),
    last_became_active: stamp("last_became_active"),
    last_became_peered: stamp("last_became_peered"),
    last_unstale: stamp("last_unstale"),
    last_undegraded: stamp("last_undegraded"),
    last_fullsized: stamp("last_fullsized"),
    mapping_epoch: h.same_interval_since,
    log_start: ev_str(info.log_tail),
    ondisk_log_start: ev_str(info.log_tail),
    created: h.epoch_created,
    last_epoch_clean: h.last_epoch_clean,
    parent: "0.0",
    parent_split_bits: 0,
    last_scrub: ev_str(h.last_scrub),
    last_scrub_stamp: utime_str(h.last_scrub_stamp),
    last_deep_scrub: ev_str(h.last_deep_scrub),
    last_deep_scrub_stamp: utime_str(h.last_deep_scrub_stamp),
    last_clean_scrub_stamp: utime_str(h.last_clean_scrub_stamp),
    log_size: size,
    ondisk_log_size: size,
    stats_invalid: info.stats.stats_invalid,
    dirty_stats_invalid: false,
    omap_stats_invalid: false,
    hitset_stats_invalid: false,
    hitset_bytes_stats_invalid: false,
    pin_stats_invalid: false,
    manifest_stats_invalid: false,
    snaptrimq_len: 0,
    stat_sum: { ...info.stats.stat_sum },
    up: [...ps.up],
    acting: [...ps.acting],
    avail_no_missing: own ? [...v.avail_no_missing] : [],
    object_location_counts: own ? [...v.object_location_counts] : [],
    blocked_by: own ? blocked_by(ps) : [],
    up_primary: primary_osd(ps.up_primary),
    acting_primary: primary_osd(ps.primary),
    purged_snaps: [],
  };
}

function primary_osd(s: pg_shard_t | null): number {
  return s === null ? -1 : shard_osd(s);
}
function blocked_by(ps: PeeringState): number[] {
  const max = ps.config.get("osd_max_pg_blocked_by");
  return sort_few([...ps.blocked_by], (a, b) => a - b).slice(0, max);
}
