/**
 * pg_pool_t: everything a map says about a pool. Records are immutable: an edit is a new record in
 * `Incremental.new_pools`.
 * Ceph counterpart: pg_pool_t (src/osd/osd_types.h). cluster.md §1.3.
 */
import {
  ceph_str_hash_linux,
  ceph_str_hash_rjenkins,
  crush_hash32_2,
  utf8,
} from "../crush/hash.ts";
import { type epoch_t, pg_pool, pg_ps, pg_t } from "../types/osd_types.ts";
import { ceph_stable_mod, pg_num_mask } from "./pg_split.ts";

/** No pool has more PGs. */
export const MAX_PG_NUM = 1 << 22;

export const TYPE_REPLICATED = 1;
export const TYPE_ERASURE = 3;
export type pool_type_t = typeof TYPE_REPLICATED | typeof TYPE_ERASURE;

export const CEPH_STR_HASH_LINUX = 1;
export const CEPH_STR_HASH_RJENKINS = 2;
/** What all names have in a pool whose hash nobody knows. */
const UNKNOWN_HASH = 0xffffffff;

/** Pool flags and their names, lowest bit first: the order in which they are printed. */
export const POOL_FLAGS = {
  hashpspool: 1,
  full: 2,
  ec_overwrites: 4,
  incomplete_clones: 8,
  nodelete: 16,
  nopgchange: 32,
  nosizechange: 64,
  write_fadvise_dontneed: 128,
  noscrub: 256,
  "nodeep-scrub": 512,
  full_quota: 1024,
  nearfull: 2048,
  backfillfull: 4096,
  selfmanaged_snaps: 8192,
  pool_snaps: 16384,
  creating: 32768,
  eio: 65536,
  bulk: 131072,
} as const;
export type pool_flag_t = keyof typeof POOL_FLAGS;

export type pg_autoscale_mode_t = "off" | "warn" | "on";

export interface pool_snap_info_t {
  readonly snapid: number;
  /** ms since 1970 */
  readonly stamp: number;
  readonly name: string;
}

/** [start, length) of a run of snapshot ids. */
export type snap_interval_t = readonly [start: number, length: number];

export interface pg_pool_t {
  readonly type: pool_type_t;
  readonly size: number;
  readonly min_size: number;
  readonly crush_rule: number;
  readonly object_hash: number;
  readonly pg_num: number;
  readonly pgp_num: number;
  readonly pg_num_target: number;
  readonly pgp_num_target: number;
  /** pg_num after the merge that is being prepared; equal to pg_num when none is. */
  readonly pg_num_pending: number;
  readonly flags: number;
  /** ms since 1970 */
  readonly create_time: number;
  /** Epoch of the last edit; set when an incremental is applied. */
  readonly last_change: epoch_t;
  readonly last_force_op_resend: epoch_t;
  readonly last_force_op_resend_prenautilus: epoch_t;
  readonly last_force_op_resend_preluminous: epoch_t;
  readonly snap_seq: number;
  readonly snap_epoch: epoch_t;
  readonly snaps: ReadonlyMap<number, pool_snap_info_t>;
  readonly removed_snaps: readonly snap_interval_t[];
  readonly quota_max_bytes: number;
  readonly quota_max_objects: number;
  readonly erasure_code_profile: string;
  readonly stripe_width: number;
  readonly expected_num_objects: number;
  readonly fast_read: boolean;
  readonly pg_autoscale_mode: pg_autoscale_mode_t;
  /** scrub_min_interval, recovery_priority, compression_mode, pg_num_min ... */
  readonly opts: ReadonlyMap<string, string | number>;
  /** application -> key -> value */
  readonly application_metadata: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Stretch mode: 0 unless an operator set it. */
  readonly peering_crush_bucket_count: number;
  readonly peering_crush_bucket_target: number;
  readonly peering_crush_bucket_barrier: number;
  readonly peering_crush_bucket_mandatory_member: number;
}

/** A pool with Ceph's defaults; pgp_num, targets and pending follow pg_num unless given. */
export function pg_pool_t(init: Partial<pg_pool_t> = {}): pg_pool_t {
  const pg_num = init.pg_num ?? 1;
  const pgp_num = init.pgp_num ?? pg_num;
  return {
    type: TYPE_REPLICATED,
    size: 3,
    min_size: 2,
    crush_rule: 0,
    object_hash: CEPH_STR_HASH_RJENKINS,
    pg_num_target: pg_num,
    pgp_num_target: pgp_num,
    pg_num_pending: pg_num,
    flags: POOL_FLAGS.hashpspool,
    create_time: 0,
    last_change: 0,
    last_force_op_resend: 0,
    last_force_op_resend_prenautilus: 0,
    last_force_op_resend_preluminous: 0,
    snap_seq: 0,
    snap_epoch: 0,
    snaps: new Map(),
    removed_snaps: [],
    quota_max_bytes: 0,
    quota_max_objects: 0,
    erasure_code_profile: "",
    stripe_width: 0,
    expected_num_objects: 0,
    fast_read: false,
    pg_autoscale_mode: "off",
    opts: new Map(),
    application_metadata: new Map(),
    peering_crush_bucket_count: 0,
    peering_crush_bucket_target: 0,
    peering_crush_bucket_barrier: 0,
    peering_crush_bucket_mandatory_member: 0x7fffffff,
    ...init,
    pg_num,
    pgp_num,
  };
}

/** Is every copy the same? */
export function is_replicated(p: pg_pool_t): boolean {
  return p.type === TYPE_REPLICATED;
}
/** Is every copy another shard? */
export function is_erasure(p: pg_pool_t): boolean {
  return p.type === TYPE_ERASURE;
}
/** May a list of OSDs close its gaps? Replicas are alike; erasure shards keep their position. */
export function can_shift_osds(p: pg_pool_t): boolean {
  return p.type === TYPE_REPLICATED;
}
/** Is this flag of {@link POOL_FLAGS} set? */
export function pool_has_flag(p: pg_pool_t, flag: pool_flag_t): boolean {
  return (p.flags & POOL_FLAGS[flag]) !== 0;
}
/** The flags that are set, lowest bit first. */
export function pool_flag_names(flags: number): pool_flag_t[] {
  const names: pool_flag_t[] = [];
  for (const [name, bit] of Object.entries(POOL_FLAGS) as [pool_flag_t, number][]) {
    if (flags & bit) names.push(name);
  }
  return names;
}
/** As dumps and tables have them: Ceph forgot the word for eio there. */
export function pool_flag_words(flags: number): string {
  return pool_flag_names(flags)
    .map((name) => (name === "eio" ? "???" : name))
    .join(",");
}
/** As `pool create` takes it. */
export function pool_type_name(p: pg_pool_t): "replicated" | "erasure" {
  return p.type === TYPE_ERASURE ? "erasure" : "replicated";
}

/** Placement hash (u32) of a key in a namespace of this pool. */
export function pool_hash_key(p: pg_pool_t, key: string, nspace: string): number {
  const bytes = utf8(nspace === "" ? key : `${nspace}\x1f${key}`);
  if (p.object_hash === CEPH_STR_HASH_RJENKINS) return ceph_str_hash_rjenkins(bytes);
  return p.object_hash === CEPH_STR_HASH_LINUX ? ceph_str_hash_linux(bytes) : UNKNOWN_HASH;
}

/** From a PG with the full hash as its seed to the one that exists. */
export function raw_pg_to_pg(p: pg_pool_t, pg: pg_t): pg_t {
  return pg_t(pg_pool(pg), ceph_stable_mod(pg_ps(pg), p.pg_num, pg_num_mask(p.pg_num)));
}
/** The input CRUSH gets for a PG, u32. */
export function raw_pg_to_pps(p: pg_pool_t, pg: pg_t): number {
  const s = ceph_stable_mod(pg_ps(pg), p.pgp_num, pg_num_mask(p.pgp_num));
  const pool = pg_pool(pg);
  return p.flags & POOL_FLAGS.hashpspool ? crush_hash32_2(s, pool) : (s + pool) >>> 0;
}
