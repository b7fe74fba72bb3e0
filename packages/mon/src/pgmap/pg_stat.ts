/**
 * pg_stat_t and osd_stat_t: what OSDs report, checked field by field (a bad one counts as absent),
 * and as `pg dump` prints them. Key order is Ceph's.
 * Ceph counterpart: pg_stat_t, osd_stat_t (src/osd/osd_types.h). cluster.md §3.17.
 */
import { object_stat_sum_t, PG_STATES, type pg_t, utime_str } from "@tako/common";
import { utime_ms } from "./stamps.ts";

const STAMPS = [
  "last_fresh",
  "last_change",
  "last_active",
  "last_peered",
  "last_clean",
  "last_became_active",
  "last_became_peered",
  "last_unstale",
  "last_undegraded",
  "last_fullsized",
] as const;
type Stamp =
  | (typeof STAMPS)[number]
  | "last_scrub_stamp"
  | "last_deep_scrub_stamp"
  | "last_clean_scrub_stamp";

/** Stamps are ms since 1970, versions are text (`15'8`). */
export interface pg_stat_t extends Readonly<Record<Stamp, number>> {
  readonly version: string;
  readonly reported_seq: number;
  readonly reported_epoch: number;
  readonly state: string;
  readonly states: ReadonlySet<string>;
  readonly mapping_epoch: number;
  readonly log_start: string;
  readonly ondisk_log_start: string;
  readonly created: number;
  readonly last_epoch_clean: number;
  readonly parent: string;
  readonly parent_split_bits: number;
  readonly last_scrub: string;
  readonly last_deep_scrub: string;
  readonly log_size: number;
  readonly ondisk_log_size: number;
  readonly stats_invalid: boolean;
  readonly snaptrimq_len: number;
  readonly stat_sum: Readonly<object_stat_sum_t>;
  readonly up: readonly number[];
  readonly acting: readonly number[];
  readonly avail_no_missing: readonly string[];
  readonly object_location_counts: readonly unknown[];
  readonly blocked_by: readonly number[];
  readonly up_primary: number;
  readonly acting_primary: number;
}

/** A primary does not know that it is dead: `stale` is added here. */
const STATE_ORDER: readonly string[] = ["stale", ...PG_STATES];
const KNOWN_STATES = new Set([...STATE_ORDER, "unknown"]);
export function is_pg_state_name(name: string): boolean {
  return KNOWN_STATES.has(name);
}

/** Names as a set, and joined as Ceph does. */
interface States {
  readonly names: ReadonlySet<string>;
  readonly text: string;
}
const interned = new Map<string, States>();
function states_of(state: string): States {
  const known = interned.get(state);
  if (known) return known;
  const names = new Set(state.split("+").filter((s) => KNOWN_STATES.has(s)));
  const states = { names, text: state_text(names) };
  // Reports come from outside: do not let them fill the memory.
  if (interned.size < 4096) interned.set(state, states);
  return states;
}
/** Names joined in Ceph's order; `unknown` when there is none. */
export function state_text(states: ReadonlySet<string>): string {
  return STATE_ORDER.filter((s) => states.has(s)).join("+") || "unknown";
}

// ---------------------------------------------------------------- reading a report

type Raw = Readonly<Record<string, unknown>>;
const NONE: Raw = {};
const is_raw = (v: unknown): v is Raw => typeof v === "object" && v !== null;
const num = (r: Raw, k: string, d = 0): number => {
  const v = r[k];
  return typeof v === "number" && Number.isSafeInteger(v) ? v : d;
};
const text = (r: Raw, k: string, d: string): string => {
  const v = r[k];
  return typeof v === "string" && v.length < 256 ? v : d;
};
const ints = (r: Raw, k: string): number[] => {
  const v = r[k];
  return Array.isArray(v) ? v.filter((x) => Number.isInteger(x)).slice(0, 1024) : [];
};
const texts = (r: Raw, k: string): string[] => {
  const v = r[k];
  return Array.isArray(v) ? v.filter((x) => typeof x === "string").slice(0, 1024) : [];
};

function stat_sum_of(v: unknown): object_stat_sum_t {
  const sum = object_stat_sum_t();
  if (typeof v !== "object" || v === null) return sum;
  // Those that are 0 are not there.
  const given: Partial<Record<keyof object_stat_sum_t, unknown>> = v;
  let k: keyof object_stat_sum_t;
  for (k in given) {
    const n = given[k];
    if (Number.isSafeInteger(n) && typeof n === "number" && Object.hasOwn(sum, k)) sum[k] = n;
  }
  return sum;
}

/** `15'8`, also from {epoch, version}. */
function version_of(v: unknown): string {
  if (typeof v === "string" && (v === "0'0" || /^\d+'\d+$/.test(v))) return v;
  if (typeof v === "object" && v !== null && "epoch" in v && "version" in v) {
    return `${Number(v.epoch) || 0}'${Number(v.version) || 0}`;
  }
  return "0'0";
}

export function parse_pg_stat(
  r: Raw,
  head: { readonly state: string; readonly reported_epoch: number; readonly reported_seq: number },
): pg_stat_t {
  const stamp = (k: Stamp) => utime_ms(r[k]);
  const states = states_of(head.state);
  // Each field by its name, in one literal: engines keep that as a compact record.
  return {
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
    version: version_of(r.version),
    reported_seq: head.reported_seq,
    reported_epoch: head.reported_epoch,
    state: states.text,
    states: states.names,
    mapping_epoch: num(r, "mapping_epoch"),
    log_start: version_of(r.log_start),
    ondisk_log_start: version_of(r.ondisk_log_start),
    created: num(r, "created"),
    last_epoch_clean: num(r, "last_epoch_clean"),
    parent: text(r, "parent", "0.0"),
    parent_split_bits: num(r, "parent_split_bits"),
    last_scrub: version_of(r.last_scrub),
    last_scrub_stamp: stamp("last_scrub_stamp"),
    last_deep_scrub: version_of(r.last_deep_scrub),
    last_deep_scrub_stamp: stamp("last_deep_scrub_stamp"),
    last_clean_scrub_stamp: stamp("last_clean_scrub_stamp"),
    log_size: num(r, "log_size"),
    ondisk_log_size: num(r, "ondisk_log_size"),
    stats_invalid: r.stats_invalid === true,
    snaptrimq_len: num(r, "snaptrimq_len"),
    stat_sum: stat_sum_of(r.stat_sum),
    up: ints(r, "up"),
    acting: ints(r, "acting"),
    avail_no_missing: texts(r, "avail_no_missing"),
    object_location_counts: Array.isArray(r.object_location_counts) ? r.object_location_counts : [],
    blocked_by: ints(r, "blocked_by"),
    up_primary: num(r, "up_primary", -1),
    acting_primary: num(r, "acting_primary", -1),
  };
}

/** A PG that nobody has reported yet. */
export function unknown_pg_stat(
  now_ms: number,
  created: number,
  mapping: Pick<pg_stat_t, "up" | "acting" | "up_primary" | "acting_primary">,
): pg_stat_t {
  const s = parse_pg_stat({}, { state: "unknown", reported_epoch: 0, reported_seq: 0 });
  const stamps: Partial<Record<Stamp, number>> = {};
  for (const k of STAMPS) if (!k.startsWith("last_became")) stamps[k] = now_ms;
  return { ...s, ...stamps, ...mapping, created };
}

// ---------------------------------------------------------------- printing

/** As in `pg dump`: `{pgid, version, ...}`. */
export function dump_pg_stat(pgid: pg_t, s: pg_stat_t): Record<string, unknown> {
  const stamps: Record<string, string> = {};
  for (const k of STAMPS) stamps[k] = utime_str(s[k]);
  return {
    pgid,
    version: s.version,
    reported_seq: s.reported_seq,
    reported_epoch: s.reported_epoch,
    state: s.state,
    ...stamps,
    mapping_epoch: s.mapping_epoch,
    log_start: s.log_start,
    ondisk_log_start: s.ondisk_log_start,
    created: s.created,
    last_epoch_clean: s.last_epoch_clean,
    parent: s.parent,
    parent_split_bits: s.parent_split_bits,
    last_scrub: s.last_scrub,
    last_scrub_stamp: utime_str(s.last_scrub_stamp),
    last_deep_scrub: s.last_deep_scrub,
    last_deep_scrub_stamp: utime_str(s.last_deep_scrub_stamp),
    last_clean_scrub_stamp: utime_str(s.last_clean_scrub_stamp),
    log_size: s.log_size,
    ondisk_log_size: s.ondisk_log_size,
    stats_invalid: s.stats_invalid,
    dirty_stats_invalid: false,
    omap_stats_invalid: false,
    hitset_stats_invalid: false,
    hitset_bytes_stats_invalid: false,
    pin_stats_invalid: false,
    manifest_stats_invalid: false,
    snaptrimq_len: s.snaptrimq_len,
    stat_sum: s.stat_sum,
    up: s.up,
    acting: s.acting,
    avail_no_missing: s.avail_no_missing,
    object_location_counts: s.object_location_counts,
    blocked_by: s.blocked_by,
    up_primary: s.up_primary,
    acting_primary: s.acting_primary,
    purged_snaps: [],
  };
}
export function dump_pg_stat_brief(pgid: pg_t, s: pg_stat_t): Record<string, unknown> {
  return {
    pgid,
    state: s.state,
    up: s.up,
    acting: s.acting,
    up_primary: s.up_primary,
    acting_primary: s.acting_primary,
  };
}

// ---------------------------------------------------------------- osd_stat_t

export interface osd_stat_t {
  readonly up_from: number;
  readonly seq: number;
  readonly num_pgs: number;
  readonly kb: number;
  readonly kb_used: number;
  readonly kb_used_data: number;
  readonly kb_used_omap: number;
  readonly kb_used_meta: number;
  readonly kb_avail: number;
  readonly hb_peers: readonly number[];
  readonly snap_trim_queue_len: number;
  readonly num_snap_trimming: number;
  readonly commit_latency_ms: number;
  readonly apply_latency_ms: number;
  readonly slow_ops: number;
  readonly oldest_slow_op_s: number;
}

export function parse_osd_stat(
  r: Raw,
  head: Pick<osd_stat_t, "up_from" | "seq" | "slow_ops" | "oldest_slow_op_s">,
): osd_stat_t {
  const perf = is_raw(r.perf_stat) ? r.perf_stat : NONE;
  return {
    up_from: head.up_from,
    seq: head.seq,
    slow_ops: head.slow_ops,
    oldest_slow_op_s: head.oldest_slow_op_s,
    num_pgs: num(r, "num_pgs"),
    kb: num(r, "kb"),
    kb_used: num(r, "kb_used"),
    kb_used_data: num(r, "kb_used_data"),
    kb_used_omap: num(r, "kb_used_omap"),
    kb_used_meta: num(r, "kb_used_meta"),
    kb_avail: num(r, "kb_avail"),
    hb_peers: ints(r, "hb_peers"),
    snap_trim_queue_len: num(r, "snap_trim_queue_len"),
    num_snap_trimming: num(r, "num_snap_trimming"),
    commit_latency_ms: num(perf, "commit_latency_ms"),
    apply_latency_ms: num(perf, "apply_latency_ms"),
  };
}

/** As in `pg dump osds`; without an id as in osd_stats_sum. */
export function dump_osd_stat(s: osd_stat_t, osd?: number): Record<string, unknown> {
  const head = osd === undefined ? {} : { osd };
  return {
    ...head,
    up_from: s.up_from,
    seq: s.seq,
    num_pgs: s.num_pgs,
    num_osds: 1,
    num_per_pool_osds: 1,
    num_per_pool_omap_osds: 1,
    kb: s.kb,
    kb_used: s.kb_used,
    kb_used_data: s.kb_used_data,
    kb_used_omap: s.kb_used_omap,
    kb_used_meta: s.kb_used_meta,
    kb_avail: s.kb_avail,
    statfs: dump_statfs(s),
    hb_peers: s.hb_peers,
    snap_trim_queue_len: s.snap_trim_queue_len,
    num_snap_trimming: s.num_snap_trimming,
    num_shards_repaired: 0,
    op_queue_age_hist: { histogram: [], upper_bound: 1 },
    perf_stat: dump_perf_stat(s),
    alerts: [],
    network_ping_times: [],
  };
}
export function dump_perf_stat(s: osd_stat_t): Record<string, number> {
  return {
    commit_latency_ms: s.commit_latency_ms,
    apply_latency_ms: s.apply_latency_ms,
    commit_latency_ns: s.commit_latency_ms * 1_000_000,
    apply_latency_ns: s.apply_latency_ms * 1_000_000,
  };
}
function dump_statfs(s: osd_stat_t): Record<string, number> {
  return {
    total: s.kb * 1024,
    available: s.kb_avail * 1024,
    internally_reserved: 0,
    allocated: s.kb_used_data * 1024,
    data_stored: s.kb_used_data * 1024,
    data_compressed: 0,
    data_compressed_allocated: 0,
    data_compressed_original: 0,
    omap_allocated: s.kb_used_omap * 1024,
    internal_metadata: s.kb_used_meta * 1024,
  };
}
