/**
 * The JSON of `ceph osd dump`, key by key in Ceph's order. cluster.md §7.2.
 * Ceph counterpart: OSDMap::dump, pg_pool_t::dump, osd_info_t::dump, osd_xinfo_t::dump.
 */
import { has_incompat_choose_args } from "../crush/choose_args.ts";
import { crush_requirements } from "../crush/dump.ts";
import { CRUSH_RULE_OPS, type crush_rule_step } from "../crush/types.ts";
import { addr_is_blank, addr_str, type entity_addr_t } from "../types/entity.ts";
import { type pg_t, spg_cmp } from "../types/osd_types.ts";
import { by_text } from "./bytes.ts";
import {
  CEPH_OSD_DEFAULT_PRIMARY_AFFINITY,
  OSDMAP_FLAGS,
  osd_state_names,
  osdmap_flag_names,
} from "./flags.ts";
import type { OSDMap } from "./OSDMap.ts";
import {
  type pg_pool_t,
  pool_flag_words,
  pool_has_flag,
  type snap_interval_t,
} from "./pg_pool_t.ts";
import { utime_str } from "./utime.ts";

type Json = Record<string, unknown>;

function by_id<V>(m: ReadonlyMap<number, V>): [number, V][] {
  return [...m].sort(([a], [b]) => a - b);
}
function by_name<V>(m: ReadonlyMap<string, V>): [string, V][] {
  return [...m].sort(([a], [b]) => by_text(a, b));
}
function by_pg<V>(m: ReadonlyMap<pg_t, V>): [pg_t, V][] {
  return [...m].sort(([a], [b]) => spg_cmp(a, b));
}

export function osdmap_dump(m: OSDMap): Json {
  const f = m.f;
  const flags = osdmap_flag_names(f.flags);
  return {
    epoch: f.epoch,
    fsid: f.fsid,
    created: utime_str(f.created),
    modified: utime_str(f.modified),
    last_up_change: utime_str(f.last_up_change),
    last_in_change: utime_str(f.last_in_change),
    flags: flags.join(","),
    flags_num: f.flags,
    flags_set: flags_set(f.flags),
    crush_version: f.crush_version,
    full_ratio: Math.fround(f.full_ratio),
    backfillfull_ratio: Math.fround(f.backfillfull_ratio),
    nearfull_ratio: Math.fround(f.nearfull_ratio),
    cluster_snapshot: f.cluster_snapshot,
    pool_max: f.pool_max,
    max_osd: f.max_osd,
    require_min_compat_client: f.require_min_compat_client,
    min_compat_client: get_min_compat_client(m),
    require_osd_release: f.require_osd_release,
    pools: m.pool_ids().map((id) => dump_pool(m, id)),
    osds: m.get_all_osds().map((o) => dump_osd(m, o)),
    osd_xinfo: m.get_all_osds().map((o) => dump_xinfo(m, o)),
    ...dump_overrides(m),
    blocklist: stamps(f.blocklist),
    range_blocklist: stamps(f.range_blocklist),
    erasure_code_profiles: Object.fromEntries(
      by_name(f.erasure_code_profiles).map(([n, p]) => [n, Object.fromEntries(by_name(p))]),
    ),
    removed_snaps_queue: snaps(f.removed_snaps_queue),
    new_removed_snaps: snaps(f.new_removed_snaps),
    new_purged_snaps: snaps(f.new_purged_snaps),
    crush_node_flags: Object.fromEntries(
      by_id(f.crush_node_flags).map(([id, bits]) => [
        m.crush.get_item_name(id) ?? id,
        osd_state_names(bits),
      ]),
    ),
    device_class_flags: Object.fromEntries(
      by_id(f.device_class_flags).map(([id, bits]) => [
        m.crush.map.class_names.get(id) ?? id,
        osd_state_names(bits),
      ]),
    ),
    stretch_mode: {
      stretch_mode_enabled: false,
      stretch_bucket_count: 0,
      degraded_stretch_mode: 0,
      recovering_stretch_mode: 0,
      stretch_mode_bucket: 0,
    },
  };
}

/** Each bit by its name; those without one, as full and nearfull today, are one empty name. */
function flags_set(flags: number): string[] {
  const names = osdmap_flag_names(flags);
  const named = names.reduce((bits, n) => bits | OSDMAP_FLAGS[n], 0);
  return [...(flags & ~named ? [""] : []), ...names].sort(by_text);
}

/** Oldest release whose clients can use this map. `tiers`: pools are cache tiers of others. */
export function get_min_compat_client(m: OSDMap, tiers = false): string {
  const f = m.f;
  const { map } = m.crush;
  const q = crush_requirements(map);
  if (f.pg_upmap.size + f.pg_upmap_items.size > 0 || has_incompat_choose_args(map)) {
    return "luminous";
  }
  const ops = new Set(m.pool_ids().flatMap((id) => steps_of_pool(m, id).map((s) => s.op)));
  const { set_chooseleaf_stable, set_chooseleaf_vary_r } = CRUSH_RULE_OPS;
  if (q.require_feature_tunables5 || ops.has(set_chooseleaf_stable)) return "jewel";
  if (q.has_v4_buckets) return "hammer";
  const affinity = f.osd_primary_affinity?.some((a) => a !== CEPH_OSD_DEFAULT_PRIMARY_AFFINITY);
  if (q.require_feature_tunables3 || ops.has(set_chooseleaf_vary_r) || affinity || tiers) {
    return "firefly";
  }
  const hashed = [...f.pools.values()].some((p) => pool_has_flag(p, "hashpspool"));
  return q.require_feature_tunables2 || hashed ? "dumpling" : "argonaut";
}
function steps_of_pool(m: OSDMap, id: number): readonly crush_rule_step[] {
  const p = m.get_pg_pool(id);
  const rule = p && m.crush.find_rule(p.crush_rule, p.type, p.size);
  return (rule === undefined ? undefined : m.crush.get_rule(rule)?.steps) ?? [];
}

function dump_overrides(m: OSDMap): Json {
  return {
    pg_upmap: by_pg(m.pg_upmap).map(([pgid, osds]) => ({ pgid, osds: [...osds] })),
    pg_upmap_items: by_pg(m.pg_upmap_items).map(([pgid, items]) => ({
      pgid,
      mappings: items.map(([from, to]) => ({ from, to })),
    })),
    pg_temp: by_pg(m.pg_temp).map(([pgid, osds]) => ({ pgid, osds: [...osds] })),
    // Ceph forgets to open an object for each entry: pgid, osd, pgid, osd ...
    primary_temp: by_pg(m.primary_temp).flat(),
  };
}

function stamps(m: ReadonlyMap<string, number>): Json {
  return Object.fromEntries(by_name(m).map(([addr, until]) => [addr, utime_str(until)]));
}
function snaps(m: ReadonlyMap<number, readonly snap_interval_t[]>): Json[] {
  return by_id(m).map(([pool, runs]) => ({
    pool,
    snaps: runs.map(([begin, length]) => ({ begin, length })),
  }));
}

/** One element of `pools`; also the body of `ceph osd pool ls detail`. */
export function dump_pool(m: OSDMap, id: number): Json {
  const p = m.get_pg_pool(id);
  if (!p) return {};
  return {
    pool: id,
    pool_name: m.get_pool_name(id) ?? "<unknown>",
    create_time: utime_str(p.create_time),
    flags: p.flags,
    flags_names: pool_flag_words(p.flags),
    type: p.type,
    size: p.size,
    min_size: p.min_size,
    crush_rule: p.crush_rule,
    peering_crush_bucket_count: p.peering_crush_bucket_count,
    peering_crush_bucket_target: p.peering_crush_bucket_target,
    peering_crush_bucket_barrier: p.peering_crush_bucket_barrier,
    peering_crush_bucket_mandatory_member: p.peering_crush_bucket_mandatory_member,
    object_hash: p.object_hash,
    pg_autoscale_mode: p.pg_autoscale_mode,
    pg_num: p.pg_num,
    pg_placement_num: p.pgp_num,
    pg_placement_num_target: p.pgp_num_target,
    pg_num_target: p.pg_num_target,
    pg_num_pending: p.pg_num_pending,
    last_pg_merge_meta: {
      source_pgid: "0.0",
      ready_epoch: 0,
      last_epoch_started: 0,
      last_epoch_clean: 0,
      source_version: "0'0",
      target_version: "0'0",
    },
    last_change: String(p.last_change),
    last_force_op_resend: String(p.last_force_op_resend),
    last_force_op_resend_prenautilus: String(p.last_force_op_resend_prenautilus),
    last_force_op_resend_preluminous: String(p.last_force_op_resend_preluminous),
    auid: 0,
    ...dump_pool_snaps(p),
    quota_max_bytes: p.quota_max_bytes,
    quota_max_objects: p.quota_max_objects,
    ...dump_tiering(p),
    stripe_width: p.stripe_width,
    expected_num_objects: p.expected_num_objects,
    fast_read: p.fast_read,
    options: Object.fromEntries(by_name(p.opts)),
    application_metadata: Object.fromEntries(
      by_name(p.application_metadata).map(([app, kv]) => [app, Object.fromEntries(by_name(kv))]),
    ),
  };
}

function dump_pool_snaps(p: pg_pool_t): Json {
  const runs = p.removed_snaps.map(([start, n]) => `${start.toString(16)}~${n.toString(16)}`);
  return {
    snap_mode: pool_has_flag(p, "pool_snaps") ? "pool" : "selfmanaged",
    snap_seq: p.snap_seq,
    snap_epoch: p.snap_epoch,
    pool_snaps: by_id(p.snaps).map(([, s]) => ({
      snapid: s.snapid,
      stamp: utime_str(s.stamp),
      name: s.name,
    })),
    removed_snaps: `[${runs.join(",")}]`,
  };
}

/** There are no cache tiers here: the values of a pool that has none. */
function dump_tiering(p: pg_pool_t): Json {
  return {
    tiers: [],
    tier_of: -1,
    read_tier: -1,
    write_tier: -1,
    cache_mode: "none",
    target_max_bytes: 0,
    target_max_objects: 0,
    cache_target_dirty_ratio_micro: 400000,
    cache_target_dirty_high_ratio_micro: 600000,
    cache_target_full_ratio_micro: 800000,
    cache_min_flush_age: 0,
    cache_min_evict_age: 0,
    erasure_code_profile: p.erasure_code_profile,
    hit_set_params: { type: "none" },
    hit_set_period: 0,
    hit_set_count: 0,
    use_gmt_hitset: true,
    min_read_recency_for_promote: 0,
    min_write_recency_for_promote: 0,
    hit_set_grade_decay_rate: 0,
    hit_set_search_last_n: 0,
    grade_table: [],
  };
}

/** `{ addrvec: [{ type, addr, nonce }] }` */
export function dump_addrvec(a: entity_addr_t): Json {
  if (addr_is_blank(a)) return { addrvec: [] };
  const text = addr_str(a);
  return {
    addrvec: [{ type: "v2", addr: text.slice(0, text.lastIndexOf("/")), nonce: a.nonce }],
  };
}
function legacy_addr(a: entity_addr_t): string {
  return addr_is_blank(a) ? "(unrecognized address family 0)/0" : addr_str(a);
}

/** One element of `osds`. */
export function dump_osd(m: OSDMap, o: number): Json {
  const info = m.get_info(o);
  const a = m.get_addrs(o);
  return {
    osd: o,
    uuid: m.get_uuid(o),
    up: m.is_up(o) ? 1 : 0,
    in: m.is_in(o) ? 1 : 0,
    weight: m.get_weightf(o),
    primary_affinity: m.get_primary_affinityf(o),
    last_clean_begin: info.last_clean_begin,
    last_clean_end: info.last_clean_end,
    up_from: info.up_from,
    up_thru: info.up_thru,
    down_at: info.down_at,
    lost_at: info.lost_at,
    public_addrs: dump_addrvec(a.client),
    cluster_addrs: dump_addrvec(a.cluster),
    heartbeat_back_addrs: dump_addrvec(a.hb_back),
    heartbeat_front_addrs: dump_addrvec(a.hb_front),
    public_addr: legacy_addr(a.client),
    cluster_addr: legacy_addr(a.cluster),
    heartbeat_back_addr: legacy_addr(a.hb_back),
    heartbeat_front_addr: legacy_addr(a.hb_front),
    state: osd_state_names(m.get_state(o)),
  };
}

function dump_xinfo(m: OSDMap, o: number): Json {
  const x = m.get_xinfo(o);
  return {
    osd: o,
    down_stamp: utime_str(x.down_stamp),
    laggy_probability: x.laggy_probability,
    laggy_interval: x.laggy_interval,
    features: x.features,
    old_weight: x.old_weight,
    last_purged_snaps_scrub: utime_str(x.last_purged_snaps_scrub),
    dead_epoch: x.dead_epoch,
  };
}
