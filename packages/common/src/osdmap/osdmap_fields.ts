/**
 * What a map consists of, as plain data. OSDMap gives it meaning.
 * Ceph counterpart: the members of OSDMap (src/osd/OSDMap.h). cluster.md §1.1.
 */
import { CrushWrapper } from "../crush/CrushWrapper.ts";
import { BLANK_ADDR, type entity_addr_t } from "../types/entity.ts";
import type { epoch_t, pg_t } from "../types/osd_types.ts";
import { osd_info_t, osd_xinfo_t, type upmap_item_t } from "./Incremental.ts";
import type { pg_pool_t, snap_interval_t } from "./pg_pool_t.ts";

/** The four endpoints of an OSD; one process that listens once has the same in all of them. */
export interface osd_addrs_t {
  readonly client: entity_addr_t;
  readonly cluster: entity_addr_t;
  readonly hb_back: entity_addr_t;
  readonly hb_front: entity_addr_t;
}

/** Everything a map consists of. Arrays are indexed by OSD id and `max_osd` long. */
export interface osdmap_fields {
  readonly fsid: string;
  readonly epoch: epoch_t;
  /** Stamps are ms since 1970. */
  readonly created: number;
  readonly modified: number;
  readonly last_up_change: number;
  readonly last_in_change: number;
  readonly flags: number;
  readonly pool_max: number;
  readonly pools: ReadonlyMap<number, pg_pool_t>;
  readonly pool_name: ReadonlyMap<number, string>;
  readonly max_osd: number;
  readonly osd_state: readonly number[];
  readonly osd_weight: readonly number[];
  /** null: all default. */
  readonly osd_primary_affinity: readonly number[] | null;
  readonly osd_info: readonly osd_info_t[];
  readonly osd_xinfo: readonly osd_xinfo_t[];
  readonly osd_uuid: readonly string[];
  readonly osd_addrs: readonly osd_addrs_t[];
  readonly pg_temp: ReadonlyMap<pg_t, readonly number[]>;
  readonly primary_temp: ReadonlyMap<pg_t, number>;
  readonly pg_upmap: ReadonlyMap<pg_t, readonly number[]>;
  readonly pg_upmap_items: ReadonlyMap<pg_t, readonly upmap_item_t[]>;
  readonly crush: CrushWrapper;
  readonly crush_version: number;
  readonly erasure_code_profiles: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly nearfull_ratio: number;
  readonly backfillfull_ratio: number;
  readonly full_ratio: number;
  readonly blocklist: ReadonlyMap<string, number>;
  readonly range_blocklist: ReadonlyMap<string, number>;
  readonly crush_node_flags: ReadonlyMap<number, number>;
  readonly device_class_flags: ReadonlyMap<number, number>;
  readonly removed_snaps_queue: ReadonlyMap<number, readonly snap_interval_t[]>;
  readonly new_removed_snaps: ReadonlyMap<number, readonly snap_interval_t[]>;
  readonly new_purged_snaps: ReadonlyMap<number, readonly snap_interval_t[]>;
  readonly cluster_snapshot: string;
  readonly require_min_compat_client: string;
  readonly require_osd_release: string;
}

export const BLANK_UUID = "00000000-0000-0000-0000-000000000000";
export const BLANK_ADDRS: osd_addrs_t = Object.freeze({
  client: BLANK_ADDR,
  cluster: BLANK_ADDR,
  hb_back: BLANK_ADDR,
  hb_front: BLANK_ADDR,
});
export const NO_INFO: osd_info_t = Object.freeze(osd_info_t());
export const NO_XINFO: osd_xinfo_t = Object.freeze(osd_xinfo_t());

/** The map before the first epoch. */
export const EMPTY_FIELDS: osdmap_fields = {
  fsid: BLANK_UUID,
  epoch: 0,
  created: 0,
  modified: 0,
  last_up_change: 0,
  last_in_change: 0,
  flags: 0,
  pool_max: 0,
  pools: new Map(),
  pool_name: new Map(),
  max_osd: 0,
  osd_state: [],
  osd_weight: [],
  osd_primary_affinity: null,
  osd_info: [],
  osd_xinfo: [],
  osd_uuid: [],
  osd_addrs: [],
  pg_temp: new Map(),
  primary_temp: new Map(),
  pg_upmap: new Map(),
  pg_upmap_items: new Map(),
  crush: new CrushWrapper(),
  crush_version: 1,
  erasure_code_profiles: new Map(),
  nearfull_ratio: 0,
  backfillfull_ratio: 0,
  full_ratio: 0,
  blocklist: new Map(),
  range_blocklist: new Map(),
  crush_node_flags: new Map(),
  device_class_flags: new Map(),
  removed_snaps_queue: new Map(),
  new_removed_snaps: new Map(),
  new_purged_snaps: new Map(),
  cluster_snapshot: "",
  require_min_compat_client: "unknown",
  require_osd_release: "unknown",
};
