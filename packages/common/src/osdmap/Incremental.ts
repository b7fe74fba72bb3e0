/**
 * OSDMap::Incremental: what changes from one epoch to the next. Built by the monitor, so mutable.
 * "Not set" is -1 for numbers, "" for texts, null for blobs and empty for containers.
 * Ceph counterpart: src/osd/OSDMap.h. cluster.md §1.4.
 */
import type { CrushWrapper } from "../crush/CrushWrapper.ts";
import type { entity_addr_t } from "../types/entity.ts";
import type { epoch_t, pg_t } from "../types/osd_types.ts";
import type { pg_pool_t, snap_interval_t } from "./pg_pool_t.ts";

/** [from, to] */
export type upmap_item_t = readonly [from: number, to: number];

export interface osd_info_t {
  readonly last_clean_begin: epoch_t;
  readonly last_clean_end: epoch_t;
  readonly up_from: epoch_t;
  readonly up_thru: epoch_t;
  readonly down_at: epoch_t;
  readonly lost_at: epoch_t;
}
/** Epochs of an OSD's life; those not given are 0, never. */
export function osd_info_t(init: Partial<osd_info_t> = {}): osd_info_t {
  return {
    last_clean_begin: 0,
    last_clean_end: 0,
    up_from: 0,
    up_thru: 0,
    down_at: 0,
    lost_at: 0,
    ...init,
  };
}

/** Stamps are ms since 1970, laggy_interval is seconds. */
export interface osd_xinfo_t {
  readonly down_stamp: number;
  readonly laggy_probability: number;
  readonly laggy_interval: number;
  readonly features: number;
  readonly old_weight: number;
  readonly last_purged_snaps_scrub: number;
  readonly dead_epoch: epoch_t;
}
/** What the monitor remembers of an OSD beside; stamps in ms since 1970. */
export function osd_xinfo_t(init: Partial<osd_xinfo_t> = {}): osd_xinfo_t {
  return {
    down_stamp: 0,
    laggy_probability: 0,
    laggy_interval: 0,
    features: 0,
    old_weight: 0,
    last_purged_snaps_scrub: 0,
    dead_epoch: 0,
    ...init,
  };
}

/** Equal in all that the monitor remembers. */
export function xinfo_eq(a: osd_xinfo_t, b: osd_xinfo_t): boolean {
  return (
    a.down_stamp === b.down_stamp &&
    a.laggy_probability === b.laggy_probability &&
    a.laggy_interval === b.laggy_interval &&
    a.features === b.features &&
    a.old_weight === b.old_weight &&
    a.last_purged_snaps_scrub === b.last_purged_snaps_scrub &&
    a.dead_epoch === b.dead_epoch
  );
}

/** A blocklist key is `host:port/nonce`; port 0 and nonce 0 match the whole host. */
export type blocklist_key = string;

export interface Incremental {
  fsid: string;
  /** Epoch of the resulting map. */
  epoch: epoch_t;
  /** ms since 1970 */
  modified: number;
  /** A whole encoded map that replaces everything. */
  fullmap: Uint8Array | null;
  new_flags: number;
  new_max_osd: number;
  new_pool_max: number;
  new_pools: Map<number, pg_pool_t>;
  new_removed_snaps: Map<number, readonly snap_interval_t[]>;
  new_purged_snaps: Map<number, readonly snap_interval_t[]>;
  new_last_up_change: number;
  new_last_in_change: number;
  new_pool_names: Map<number, string>;
  old_pools: Set<number>;
  /** 16.16. A weight other than 0 also sets EXISTS and clears AUTOOUT and NEW. */
  new_weight: Map<number, number>;
  new_primary_affinity: Map<number, number>;
  old_erasure_code_profiles: Set<string>;
  new_erasure_code_profiles: Map<string, ReadonlyMap<string, string>>;
  /** XOR masks; 0 counts as UP. */
  new_state: Map<number, number>;
  new_up_client: Map<number, entity_addr_t>;
  /** Where these differ from the client address. */
  new_hb_back_up: Map<number, entity_addr_t>;
  new_hb_front_up: Map<number, entity_addr_t>;
  new_up_cluster: Map<number, entity_addr_t>;
  new_up_thru: Map<number, epoch_t>;
  new_last_clean_interval: Map<number, readonly [begin: epoch_t, end: epoch_t]>;
  new_lost: Map<number, epoch_t>;
  new_xinfo: Map<number, osd_xinfo_t>;
  new_uuid: Map<number, string>;
  /** An empty list removes. */
  new_pg_temp: Map<pg_t, readonly number[]>;
  /** -1 removes. */
  new_primary_temp: Map<pg_t, number>;
  new_pg_upmap: Map<pg_t, readonly number[]>;
  old_pg_upmap: Set<pg_t>;
  new_pg_upmap_items: Map<pg_t, readonly upmap_item_t[]>;
  old_pg_upmap_items: Set<pg_t>;
  /** address -> until, ms since 1970 */
  new_blocklist: Map<blocklist_key, number>;
  old_blocklist: Set<blocklist_key>;
  new_range_blocklist: Map<blocklist_key, number>;
  old_range_blocklist: Set<blocklist_key>;
  /** 0 deletes. */
  new_crush_node_flags: Map<number, number>;
  new_device_class_flags: Map<number, number>;
  cluster_snapshot: string;
  new_nearfull_ratio: number;
  new_backfillfull_ratio: number;
  new_full_ratio: number;
  new_require_min_compat_client: string;
  new_require_osd_release: string;
  crush: CrushWrapper | null;
  /** Checksum of the resulting map's canonical encoding; -1 while it is being built. */
  full_crc: number;
}

/** An incremental that changes nothing but the epoch. */
export function new_incremental(prev: {
  readonly fsid: string;
  readonly epoch: epoch_t;
}): Incremental {
  return {
    fsid: prev.fsid,
    epoch: prev.epoch + 1,
    modified: 0,
    fullmap: null,
    new_flags: -1,
    new_max_osd: -1,
    new_pool_max: -1,
    new_pools: new Map(),
    new_removed_snaps: new Map(),
    new_purged_snaps: new Map(),
    new_last_up_change: -1,
    new_last_in_change: -1,
    new_pool_names: new Map(),
    old_pools: new Set(),
    new_weight: new Map(),
    new_primary_affinity: new Map(),
    old_erasure_code_profiles: new Set(),
    new_erasure_code_profiles: new Map(),
    new_state: new Map(),
    new_up_client: new Map(),
    new_hb_back_up: new Map(),
    new_hb_front_up: new Map(),
    new_up_cluster: new Map(),
    new_up_thru: new Map(),
    new_last_clean_interval: new Map(),
    new_lost: new Map(),
    new_xinfo: new Map(),
    new_uuid: new Map(),
    new_pg_temp: new Map(),
    new_primary_temp: new Map(),
    new_pg_upmap: new Map(),
    old_pg_upmap: new Set(),
    new_pg_upmap_items: new Map(),
    old_pg_upmap_items: new Set(),
    new_blocklist: new Map(),
    old_blocklist: new Set(),
    new_range_blocklist: new Map(),
    old_range_blocklist: new Set(),
    new_crush_node_flags: new Map(),
    new_device_class_flags: new Map(),
    cluster_snapshot: "",
    new_nearfull_ratio: -1,
    new_backfillfull_ratio: -1,
    new_full_ratio: -1,
    new_require_min_compat_client: "",
    new_require_osd_release: "",
    crush: null,
    full_crc: -1,
  };
}
