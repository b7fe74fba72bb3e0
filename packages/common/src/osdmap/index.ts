/** OSDMaps: what they say, their forms, how they change, and what tools make of them. */
export { dump_osdmap_file } from "./binary/dump_file.ts";
export {
  decode_osdmap_binary,
  encode_osdmap_binary,
  is_osdmap_binary,
  type osdmap_file,
} from "./binary/file.ts";
export type { raw_osdmap } from "./binary/raw.ts";
export {
  clean_temps,
  type clean_temps_result,
  find_stale_temps,
  type pg_temp_drop,
  type primary_temp_drop,
} from "./clean_temps.ts";
export { crc32c } from "./crc32c.ts";
export { dump_addrvec, dump_osd, dump_pool, get_min_compat_client } from "./dump.ts";
export {
  adjust_crush_weight,
  clear_temp,
  mark_in,
  mark_out,
  mark_up,
  mark_up_in,
  set_pg_num,
} from "./edit.ts";
export { decode_incremental, encode_incremental, pools_equal } from "./encode.ts";
export {
  CEPH_OSD_AUTOOUT,
  CEPH_OSD_BACKFILLFULL,
  CEPH_OSD_DEFAULT_PRIMARY_AFFINITY,
  CEPH_OSD_DESTROYED,
  CEPH_OSD_EXISTS,
  CEPH_OSD_FULL,
  CEPH_OSD_IN,
  CEPH_OSD_NEARFULL,
  CEPH_OSD_NEW,
  CEPH_OSD_NODOWN,
  CEPH_OSD_NOIN,
  CEPH_OSD_NOOUT,
  CEPH_OSD_NOUP,
  CEPH_OSD_OUT,
  CEPH_OSD_STOP,
  CEPH_OSD_UP,
  HIDDEN_FLAGS,
  INITIAL_FLAGS,
  MAX_MAX_OSD,
  OPERATOR_FLAGS,
  OSDMAP_FLAGS,
  osd_state_bits,
  osd_state_names,
  osdmap_flag_names,
  type osdmap_flag_t,
} from "./flags.ts";
export {
  type blocklist_key,
  type Incremental,
  new_incremental,
  osd_info_t,
  osd_xinfo_t,
  type upmap_item_t,
  xinfo_eq,
} from "./Incremental.ts";
export {
  check_new_interval,
  type check_new_interval_args,
  type compact_interval_t,
  type IsPGRecoverablePredicate,
  type interval_map,
  is_new_interval,
  list_to_shards,
  note_mapping_change,
  PastIntervals,
  type pg_interval_t,
  primary_shard,
} from "./intervals.ts";
export { osdmap_from_dump } from "./load.ts";
export { MapError, type MapErrorCode } from "./MapError.ts";
export type { up_acting_t } from "./mapping.ts";
export { OSDMap, type object_locator } from "./OSDMap.ts";
export { type mapping_update, OSDMapMapping, type pg_mapping_t } from "./OSDMapMapping.ts";
export {
  crush_tree_dump,
  osd_status,
  osd_subtree_dump,
  type osd_tree,
  osd_tree_dump,
  type osd_tree_node,
} from "./osd_tree.ts";
export {
  BLANK_ADDRS,
  BLANK_UUID,
  EMPTY_FIELDS,
  NO_INFO,
  NO_XINFO,
  type osd_addrs_t,
  type osdmap_fields,
} from "./osdmap_fields.ts";
export {
  CEPH_STR_HASH_LINUX,
  CEPH_STR_HASH_RJENKINS,
  can_shift_osds,
  is_erasure,
  is_replicated,
  MAX_PG_NUM,
  POOL_FLAGS,
  type pg_autoscale_mode_t,
  pg_pool_t,
  pool_flag_names,
  type pool_flag_t,
  pool_flag_words,
  pool_has_flag,
  pool_hash_key,
  type pool_snap_info_t,
  pool_type_name,
  type pool_type_t,
  raw_pg_to_pg,
  raw_pg_to_pps,
  type snap_interval_t,
  TYPE_ERASURE,
  TYPE_REPLICATED,
} from "./pg_pool_t.ts";
export {
  cbits,
  ceph_stable_mod,
  get_ancestor,
  get_merge_parent,
  get_parent,
  get_pg_children,
  get_pg_num_divisor,
  get_split_bits,
  is_merge_source,
  is_merge_target,
  is_split,
  pg_match_hash,
  pg_num_mask,
} from "./pg_split.ts";
export { RuleTree } from "./RuleTree.ts";
export { received_full_map, type received_map_t, received_next_map } from "./received_maps.ts";
export { is_release_before, THIS_RELEASE } from "./releases.ts";
export * from "./tool/index.ts";
export {
  calc_pg_upmaps,
  type calc_pg_upmaps_options,
  type pending_upmaps,
} from "./upmap_balancer.ts";
export { ctime_str, utime_parse, utime_str } from "./utime.ts";
export * from "./whatif/index.ts";
