/**
 * The vocabulary every daemon shares: epochs, versions, PG and shard names, PG info.
 * Plain data, comparison and printing only; nothing here acts.
 * Ceph counterpart: src/osd/osd_types.h. Source of the rules: peering.md §1, §2.
 */
import type { hobject_t } from "./hobject.ts";

/** OSDMap version, integer >= 1; 0 = none. */
export type epoch_t = number;
/** Per-PG counter that grows by one with each log entry. */
export type version_t = number;

// ---------------------------------------------------------------- eversion_t

/** (epoch, version); `0'0` is "nothing". Ordered by epoch, then version. */
export interface eversion_t {
  readonly epoch: epoch_t;
  readonly version: version_t;
}

export const EVERSION_ZERO: eversion_t = Object.freeze({ epoch: 0, version: 0 });
export const EVERSION_MAX: eversion_t = Object.freeze({
  epoch: 0xffffffff,
  version: Number.MAX_SAFE_INTEGER,
});

/** Epoch and version: `12'34`. */
export function eversion(epoch: epoch_t, version: version_t): eversion_t {
  return { epoch, version };
}
/** <0, 0 or >0, as Array.prototype.sort wants it. */
export function ev_cmp(a: eversion_t, b: eversion_t): number {
  return a.epoch - b.epoch || a.version - b.version;
}
/** The same? */
export function ev_eq(a: eversion_t, b: eversion_t): boolean {
  return a.version === b.version && a.epoch === b.epoch;
}
/** a before b? */
export function ev_lt(a: eversion_t, b: eversion_t): boolean {
  return ev_cmp(a, b) < 0;
}
/** a before b, or the same? */
export function ev_le(a: eversion_t, b: eversion_t): boolean {
  return ev_cmp(a, b) <= 0;
}
/** a after b? */
export function ev_gt(a: eversion_t, b: eversion_t): boolean {
  return ev_cmp(a, b) > 0;
}
/** a after b, or the same? */
export function ev_ge(a: eversion_t, b: eversion_t): boolean {
  return ev_cmp(a, b) >= 0;
}
/** The later one. */
export function ev_max(a: eversion_t, b: eversion_t): eversion_t {
  return ev_cmp(a, b) >= 0 ? a : b;
}
/** The earlier one. */
export function ev_min(a: eversion_t, b: eversion_t): eversion_t {
  return ev_cmp(a, b) <= 0 ? a : b;
}
/** Before every write? */
export function ev_is_zero(a: eversion_t): boolean {
  return a.version === 0 && a.epoch === 0;
}
/** `12'34` */
export function ev_str(a: eversion_t): string {
  return `${a.epoch}'${a.version}`;
}
/** Inverse of {@link ev_str}; undefined when the text is not an eversion. */
export function ev_parse(s: string): eversion_t | undefined {
  const m = /^(\d{1,10})'(\d{1,15})$/.exec(s);
  return m ? { epoch: Number(m[1]), version: Number(m[2]) } : undefined;
}

// ---------------------------------------------------------------- pg_t, spg_t, pg_shard_t

/** EC position 0..k+m-1; NO_SHARD for replicated pools. */
export type shard_id_t = number;
export const NO_SHARD: shard_id_t = -1;
/** "No OSD at this position" in up, acting and CRUSH results. */
export const CRUSH_ITEM_NONE = 0x7fffffff;

/** Placement group, `<pool>.<seed in hex>`, e.g. `1.2a`. */
export type pg_t = `${number}.${string}`;
/** One PG instance on one OSD: `1.2a`, or `1.2as0` for shard 0 of an erasure-coded PG. */
export type spg_t = pg_t;
/** "This OSD in this position": `2`, or `2(1)` for shard 1. Printed as Ceph prints it. */
export type pg_shard_t = `${number}` | `${number}(${number})`;

// Ids are asked for the numbers in them all the time, and parseInt is a call out of compiled code.

/** The decimal number at `from`; NaN when there is none. */
function decimal_at(s: string, from: number): number {
  let n = 0;
  let i = from;
  for (; i < s.length; i++) {
    const digit = s.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) break;
    n = n * 10 + digit;
  }
  return i > from ? n : Number.parseInt(s.slice(from), 10);
}
/** The same in hex. */
function hex_at(s: string, from: number): number {
  let n = 0;
  let i = from;
  for (; i < s.length; i++) {
    const c = s.charCodeAt(i);
    const digit = c < 58 ? c - 48 : (c | 32) - 87;
    if (digit < 0 || digit > 15 || (c >= 58 && digit < 10)) break;
    n = n * 16 + digit;
  }
  return i > from ? n : Number.parseInt(s.slice(from), 16);
}

/** `1.2a`: pool, and placement seed in hex. */
export function pg_t(pool: number, ps: number): pg_t {
  return `${pool}.${ps.toString(16)}`;
}
/** Pool of a PG or a shard of one. */
export function pg_pool(pg: pg_t): number {
  return decimal_at(pg, 0);
}
/** Placement seed, u32. Also accepts an spg_t. */
export function pg_ps(pg: pg_t): number {
  return hex_at(pg, pg.indexOf(".") + 1);
}
/** `1.2as0`: a shard of an erasure-coded PG; the PG itself for NO_SHARD. */
export function spg_t(pg: pg_t, shard: shard_id_t): spg_t {
  return shard === NO_SHARD ? pg : `${pg}s${shard}`;
}
/** The PG that it is a shard of. */
export function spg_pg(spg: spg_t): pg_t {
  const i = spg.indexOf("s");
  return i < 0 ? spg : (spg.slice(0, i) as pg_t);
}
/** NO_SHARD for the PG of a replicated pool. */
export function spg_shard(spg: spg_t): shard_id_t {
  const i = spg.indexOf("s");
  return i < 0 ? NO_SHARD : Number(spg.slice(i + 1));
}
const PG_RE = /^(\d{1,15})\.([0-9a-f]{1,8})$/;
/** The pg named by `text`, or undefined when it is not of the form `<pool>.<hex>`. */
export function pg_parse(text: string): pg_t | undefined {
  const m = PG_RE.exec(text.toLowerCase());
  return m ? pg_t(Number(m[1]), Number.parseInt(m[2] as string, 16)) : undefined;
}
/** Order by pool, then seed, then shard. */
export function spg_cmp(a: spg_t, b: spg_t): number {
  return pg_pool(a) - pg_pool(b) || pg_ps(a) - pg_ps(b) || spg_shard(a) - spg_shard(b);
}

/** `2` or `2(1)`: an OSD, with the shard that it holds. */
export function pg_shard(osd: number, shard: shard_id_t = NO_SHARD): pg_shard_t {
  return shard === NO_SHARD ? `${osd}` : `${osd}(${shard})`;
}
/** The OSD of `2(1)`. */
export function shard_osd(s: pg_shard_t): number {
  return decimal_at(s, 0);
}
/** The shard of `2(1)`; NO_SHARD when it names none. */
export function shard_id(s: pg_shard_t): shard_id_t {
  const i = s.indexOf("(");
  return i < 0 ? NO_SHARD : decimal_at(s, i + 1);
}
/** Order by OSD, then shard: the order in which shards are visited, sent to and printed. */
export function shard_cmp(a: pg_shard_t, b: pg_shard_t): number {
  return shard_osd(a) - shard_osd(b) || shard_id(a) - shard_id(b);
}

// ---------------------------------------------------------------- reqid

/** osd_reqid_t: who asked (`client.4123`), in which incarnation, with which tid. */
export interface osd_reqid_t {
  readonly name: string;
  readonly inc: number;
  readonly tid: number;
}
/** `client.4123.0:17`: also the key of every reqid index. */
export function reqid_str(r: osd_reqid_t): string {
  return `${r.name}.${r.inc}:${r.tid}`;
}

// ---------------------------------------------------------------- pg_history_t, pg_info_t

/** peering.md §2.2. Stamps are milliseconds since the epoch. */
export interface pg_history_t {
  epoch_created: epoch_t;
  epoch_pool_created: epoch_t;
  last_epoch_started: epoch_t;
  last_interval_started: epoch_t;
  last_epoch_clean: epoch_t;
  last_interval_clean: epoch_t;
  last_epoch_split: epoch_t;
  last_epoch_marked_full: epoch_t;
  same_up_since: epoch_t;
  same_interval_since: epoch_t;
  same_primary_since: epoch_t;
  last_scrub: eversion_t;
  last_scrub_stamp: number;
  last_deep_scrub: eversion_t;
  last_deep_scrub_stamp: number;
  last_clean_scrub_stamp: number;
  /**
   * For how long, ms from when this was written or sent, an earlier interval may go on serving
   * reads at most; 0: it cannot any more. Received late it only bounds from further above.
   */
  prior_readable_until_ub: number;
}

/** Fields not given are 0: nothing is known to have happened. */
export function pg_history_t(init: Partial<pg_history_t> = {}): pg_history_t {
  return {
    epoch_created: 0,
    epoch_pool_created: 0,
    last_epoch_started: 0,
    last_interval_started: 0,
    last_epoch_clean: 0,
    last_interval_clean: 0,
    last_epoch_split: 0,
    last_epoch_marked_full: 0,
    same_up_since: 0,
    same_interval_since: 0,
    same_primary_since: 0,
    last_scrub: EVERSION_ZERO,
    last_scrub_stamp: 0,
    last_deep_scrub: EVERSION_ZERO,
    last_deep_scrub_stamp: 0,
    last_clean_scrub_stamp: 0,
    prior_readable_until_ub: 0,
    ...init,
  };
}

/** Sums over the objects of a PG (object_stat_sum_t); cluster.md §3.17. */
export interface object_stat_sum_t {
  num_bytes: number;
  num_objects: number;
  num_object_clones: number;
  num_object_copies: number;
  num_objects_missing_on_primary: number;
  num_objects_missing: number;
  num_objects_degraded: number;
  num_objects_misplaced: number;
  num_objects_unfound: number;
  num_objects_dirty: number;
  num_whiteouts: number;
  num_read: number;
  num_read_kb: number;
  num_write: number;
  num_write_kb: number;
  num_scrub_errors: number;
  num_shallow_scrub_errors: number;
  num_deep_scrub_errors: number;
  num_objects_recovered: number;
  num_bytes_recovered: number;
  num_keys_recovered: number;
  num_objects_omap: number;
  num_objects_hit_set_archive: number;
  num_bytes_hit_set_archive: number;
  num_flush: number;
  num_flush_kb: number;
  num_evict: number;
  num_evict_kb: number;
  num_promote: number;
  num_flush_mode_high: number;
  num_flush_mode_low: number;
  num_evict_mode_some: number;
  num_evict_mode_full: number;
  num_objects_pinned: number;
  num_legacy_snapsets: number;
  num_large_omap_objects: number;
  num_objects_manifest: number;
  num_omap_bytes: number;
  num_omap_keys: number;
  num_objects_repaired: number;
}

/** Written out, not filled in by a loop: engines keep it, and its copies, as compact records. */
const NO_STAT_SUM: Readonly<object_stat_sum_t> = {
  num_bytes: 0,
  num_objects: 0,
  num_object_clones: 0,
  num_object_copies: 0,
  num_objects_missing_on_primary: 0,
  num_objects_missing: 0,
  num_objects_degraded: 0,
  num_objects_misplaced: 0,
  num_objects_unfound: 0,
  num_objects_dirty: 0,
  num_whiteouts: 0,
  num_read: 0,
  num_read_kb: 0,
  num_write: 0,
  num_write_kb: 0,
  num_scrub_errors: 0,
  num_shallow_scrub_errors: 0,
  num_deep_scrub_errors: 0,
  num_objects_recovered: 0,
  num_bytes_recovered: 0,
  num_keys_recovered: 0,
  num_objects_omap: 0,
  num_objects_hit_set_archive: 0,
  num_bytes_hit_set_archive: 0,
  num_flush: 0,
  num_flush_kb: 0,
  num_evict: 0,
  num_evict_kb: 0,
  num_promote: 0,
  num_flush_mode_high: 0,
  num_flush_mode_low: 0,
  num_evict_mode_some: 0,
  num_evict_mode_full: 0,
  num_objects_pinned: 0,
  num_legacy_snapsets: 0,
  num_large_omap_objects: 0,
  num_objects_manifest: 0,
  num_omap_bytes: 0,
  num_omap_keys: 0,
  num_objects_repaired: 0,
};

/** Counters not given are 0. */
export function object_stat_sum_t(init: Partial<object_stat_sum_t> = {}): object_stat_sum_t {
  return { ...NO_STAT_SUM, ...init };
}
/** Adds each counter of `delta`. */
export function stat_sum_add(into: object_stat_sum_t, delta: Partial<object_stat_sum_t>): void {
  let f: keyof object_stat_sum_t;
  for (f in delta) into[f] += delta[f] ?? 0;
}
/** Takes each counter of `delta` away. */
export function stat_sum_sub(into: object_stat_sum_t, delta: Partial<object_stat_sum_t>): void {
  let f: keyof object_stat_sum_t;
  for (f in delta) into[f] -= delta[f] ?? 0;
}
/** The counters that differ: what makes `is` out of `was`. */
export function stat_sum_diff(
  is: Readonly<object_stat_sum_t>,
  was: Readonly<object_stat_sum_t>,
): Partial<object_stat_sum_t> {
  const delta: Partial<object_stat_sum_t> = {};
  if (is === was) return delta;
  let f: keyof object_stat_sum_t;
  for (f in is) if (is[f] !== was[f]) delta[f] = is[f] - was[f];
  return delta;
}

/** What a PG shard persists about its statistics (the stored part of pg_stat_t). */
export interface pg_stats_t {
  stat_sum: object_stat_sum_t;
  /** Set by a split: the sums are estimates until the next scrub. */
  stats_invalid: boolean;
}
/** Those of a PG without objects. */
export function pg_stats_t(): pg_stats_t {
  return { stat_sum: object_stat_sum_t(), stats_invalid: false };
}

/** peering.md §2.1. */
export interface pg_info_t {
  pgid: spg_t;
  last_update: eversion_t;
  last_complete: eversion_t;
  log_tail: eversion_t;
  /** HOBJECT_MAX = complete copy, HOBJECT_MIN = nothing. */
  last_backfill: hobject_t;
  last_epoch_started: epoch_t;
  last_interval_started: epoch_t;
  last_user_version: version_t;
  stats: pg_stats_t;
  history: pg_history_t;
}
/** What is known of a PG that has seen nothing yet. */
export function pg_info_t(pgid: spg_t, init: Partial<Omit<pg_info_t, "pgid">> = {}): pg_info_t {
  return {
    pgid,
    last_update: EVERSION_ZERO,
    last_complete: EVERSION_ZERO,
    log_tail: EVERSION_ZERO,
    last_backfill: "MAX",
    last_epoch_started: 0,
    last_interval_started: 0,
    last_user_version: 0,
    stats: pg_stats_t(),
    history: pg_history_t(),
    ...init,
  };
}
/** A pg_info_t as it travels, by value. Sums that are not there are 0: most of the forty are. */
export interface pg_info_wire_t extends Omit<pg_info_t, "stats"> {
  readonly stats: {
    readonly stat_sum: Partial<object_stat_sum_t>;
    readonly stats_invalid: boolean;
  };
}
/** The sums that are not 0. */
export function stat_sum_to_wire(s: Readonly<object_stat_sum_t>): Partial<object_stat_sum_t> {
  const given: Partial<object_stat_sum_t> = {};
  let f: keyof object_stat_sum_t;
  for (f in s) if (s[f] !== 0) given[f] = s[f];
  return given;
}
/** For a message, which must not change when the PG goes on. */
export function pg_info_to_wire(i: pg_info_t): pg_info_wire_t {
  const { stat_sum, stats_invalid } = i.stats;
  const stats = { stat_sum: stat_sum_to_wire(stat_sum), stats_invalid };
  return { ...i, history: { ...i.history }, stats };
}
/** Deep copy, also of one out of a message. */
export function pg_info_copy(i: pg_info_t | pg_info_wire_t): pg_info_t {
  const { stat_sum, stats_invalid } = i.stats;
  const stats = { stat_sum: object_stat_sum_t(stat_sum), stats_invalid };
  return { ...i, history: { ...i.history }, stats };
}
/** Nothing was ever written? */
export function info_is_empty(i: pg_info_t): boolean {
  return i.last_update.version === 0;
}
/** dne: the PG does not exist there. */
export function info_dne(i: Pick<pg_info_t, "history">): boolean {
  return i.history.epoch_created === 0;
}
/** Being backfilled: objects after last_backfill are missing? */
export function info_is_incomplete(i: Pick<pg_info_t, "last_backfill">): boolean {
  return i.last_backfill !== "MAX";
}

// ---------------------------------------------------------------- log entries, missing (wire form)

/** On the disk an op is its place in this list: append only. */
export const PG_LOG_OPS = [
  "modify",
  "clone",
  "delete",
  "lost_revert",
  "lost_delete",
  "lost_mark",
  "promote",
  "clean",
  "error",
] as const;
export type pg_log_op_t = (typeof PG_LOG_OPS)[number];

/** pg_log_entry_t, peering.md §2.3. Immutable once appended; shared by reference. */
export interface pg_log_entry_t {
  readonly op: pg_log_op_t;
  readonly soid: hobject_t;
  readonly version: eversion_t;
  readonly prior_version: eversion_t;
  readonly reverting_to?: eversion_t;
  readonly reqid: osd_reqid_t;
  readonly extra_reqids?: readonly {
    readonly reqid: osd_reqid_t;
    readonly user_version: version_t;
  }[];
  readonly user_version: version_t;
  /** Milliseconds since the epoch. */
  readonly mtime: number;
  /** Result of a failed write (ERROR entries) and of a successful one that returned a code. */
  readonly return_code: number;
  /** Rollback information; absent or `rollbackable: false` on replicated pools. */
  readonly mod_desc?: pg_log_mod_desc_t;
}
/** Local undo steps of an erasure-coded write, oldest first (ObjectModDesc, peering.md §10). */
export interface pg_log_mod_desc_t {
  readonly rollbackable: boolean;
  readonly ops: readonly { readonly code: string; readonly [k: string]: unknown }[];
}

/** pg_log_dup_t: a reqid remembered after its entry was trimmed. */
export interface pg_log_dup_t {
  readonly reqid: osd_reqid_t;
  readonly version: eversion_t;
  readonly user_version: version_t;
  readonly return_code: number;
}

/** A stretch of log as it travels: entries ascending, covering (tail, head]. */
export interface pg_log_wire_t {
  readonly head: eversion_t;
  readonly tail: eversion_t;
  readonly can_rollback_to: eversion_t;
  readonly rollback_info_trimmed_to: eversion_t;
  readonly entries: readonly pg_log_entry_t[];
  readonly dups: readonly pg_log_dup_t[];
}

/** One missing object: needed version, version at hand (0'0 = none), deletion still to be done. */
export interface pg_missing_item_t {
  readonly need: eversion_t;
  readonly have: eversion_t;
  readonly is_delete: boolean;
}
export interface pg_missing_wire_t {
  readonly may_include_deletes: boolean;
  readonly items: readonly { readonly oid: hobject_t; readonly item: pg_missing_item_t }[];
}

// ---------------------------------------------------------------- past intervals (wire form)

/** peering.md §2.5. `intervals` holds only those that may have taken writes, oldest first. */
export interface past_intervals_wire_t {
  readonly first: epoch_t;
  readonly last: epoch_t;
  readonly all_participants: readonly pg_shard_t[];
  readonly intervals: readonly {
    readonly first: epoch_t;
    readonly last: epoch_t;
    readonly acting: readonly pg_shard_t[];
  }[];
}

// ---------------------------------------------------------------- queries, notifies

export type pg_query_type_t = "INFO" | "LOG" | "MISSING" | "FULLLOG";

/** pg_query_t */
export interface pg_query_t {
  readonly type: pg_query_type_t;
  readonly since: eversion_t;
  readonly history: pg_history_t;
  readonly epoch_sent: epoch_t;
  /** Shard that should answer, shard that asks. */
  readonly to: shard_id_t;
  readonly from: shard_id_t;
}

/** Milliseconds of the primary's monotonic clock; only `interval` means anything to others. */
export interface pg_lease_t {
  /** Until when all acting members have agreed so far. */
  readonly readable_until: number;
  /** Until when the primary may be readable once they agree to this. */
  readonly readable_until_ub: number;
  /** readable_until_ub is so far away from when the lease was made. */
  readonly interval: number;
}
/** What a member agreed to: the readable_until_ub that it was sent. */
export interface pg_lease_ack_t {
  readonly readable_until_ub: number;
}

/** pg_notify_t; also the element of MOSDPGInfo, which may carry a lease or its ack. */
export interface pg_notify_t {
  readonly query_epoch: epoch_t;
  readonly epoch_sent: epoch_t;
  readonly info: pg_info_wire_t;
  readonly to: shard_id_t;
  readonly from: shard_id_t;
  readonly past_intervals: past_intervals_wire_t | null;
  readonly lease?: pg_lease_t;
  readonly lease_ack?: pg_lease_ack_t;
}
