/**
 * The JSON of `osdmaptool --dump json`: that of OSDMap with what only the file knows put in.
 * Ceph counterpart: OSDMap::dump, pg_pool_t::dump.
 */
import { get_min_compat_client } from "../dump.ts";
import { utime_str } from "../utime.ts";
import { addr_type_name, raw_addr_text, typed_addr_text } from "./addr.ts";
import type { osdmap_file } from "./file.ts";
import {
  type raw_addr,
  type raw_addrvec,
  type raw_osdmap,
  type raw_pool,
  read_bloom_params,
} from "./raw.ts";
import { utime_to_ms } from "./values.ts";

type Json = Record<string, unknown>;

/** Numbers beyond what JavaScript counts exactly are bigints: see json_text. */
export function dump_osdmap_file({ map, raw }: osdmap_file): Json {
  const dump = map.dump();
  return {
    ...dump,
    min_compat_client: get_min_compat_client(map, has_tiers(raw)),
    // A snapshot's name stands in one epoch.
    cluster_snapshot: raw.osd.cluster_snapshot_epoch === map.epoch ? dump.cluster_snapshot : "",
    blocklist: dump_blocklist(raw.osd.blocklist),
    range_blocklist: dump_blocklist(raw.osd.range_blocklist),
    pool_max: raw.client.pool_max,
    pools: map.pool_ids().map((id, i) => ({
      ...element(dump, "pools", i),
      ...(raw.client.pools.has(id) ? pool_extras(raw.client.pools.get(id)) : {}),
    })),
    osds: map.get_all_osds().map((o, i) => ({
      ...element(dump, "osds", i),
      ...addr_extras(raw, o),
    })),
    osd_xinfo: map.get_all_osds().map((o, i) => ({
      ...element(dump, "osd_xinfo", i),
      features: exact(raw.osd.osd_xinfo[o]?.features ?? 0n),
    })),
    stretch_mode: {
      stretch_mode_enabled: raw.osd.stretch_mode_enabled,
      stretch_bucket_count: raw.osd.stretch_bucket_count,
      degraded_stretch_mode: raw.osd.degraded_stretch_mode,
      recovering_stretch_mode: raw.osd.recovering_stretch_mode,
      stretch_mode_bucket: raw.osd.stretch_mode_bucket,
    },
  };
}

export function has_tiers(raw: raw_osdmap): boolean {
  return [...raw.client.pools.values()].some((p) => p.tiers.length > 0 || p.tier_of >= 0n);
}

function dump_blocklist(l: raw_osdmap["osd"]["blocklist"]): Json {
  return Object.fromEntries(
    l.map(([a, until]) => [typed_addr_text(a), utime_str(utime_to_ms(until))]),
  );
}

function element(dump: Json, key: string, i: number): Json {
  const list = dump[key];
  return Array.isArray(list) ? list[i] : {};
}
/** A number where that is exact. */
function exact(v: bigint): number | bigint {
  return v <= BigInt(Number.MAX_SAFE_INTEGER) && v >= -1n ? Number(v) : v;
}

const CACHE_MODES = [
  "none",
  "writeback",
  "forward",
  "readonly",
  "readforward",
  "readproxy",
  "proxy",
];
const HIT_SETS = ["none", "explicit_hash", "explicit_object", "bloom"];

function pool_extras(p: raw_pool | undefined): Json {
  if (!p) return {};
  const merge = p.last_pg_merge_meta;
  const version = (v: { epoch: number; version: bigint }) => `${v.epoch}'${v.version}`;
  return {
    last_pg_merge_meta: {
      source_pgid: merge.source_pgid,
      ready_epoch: merge.ready_epoch,
      last_epoch_started: merge.last_epoch_started,
      last_epoch_clean: merge.last_epoch_clean,
      source_version: version(merge.source_version),
      target_version: version(merge.target_version),
    },
    auid: exact(p.auid),
    quota_max_bytes: exact(p.quota_max_bytes),
    quota_max_objects: exact(p.quota_max_objects),
    tiers: p.tiers.map(exact),
    tier_of: exact(p.tier_of),
    read_tier: exact(p.read_tier),
    write_tier: exact(p.write_tier),
    cache_mode: CACHE_MODES[p.cache_mode] ?? "unknown",
    target_max_bytes: exact(p.target_max_bytes),
    target_max_objects: exact(p.target_max_objects),
    cache_target_dirty_ratio_micro: p.cache_target_dirty_ratio_micro,
    cache_target_dirty_high_ratio_micro: p.cache_target_dirty_high_ratio_micro,
    cache_target_full_ratio_micro: p.cache_target_full_ratio_micro,
    cache_min_flush_age: p.cache_min_flush_age,
    cache_min_evict_age: p.cache_min_evict_age,
    hit_set_params: dump_hit_set(p),
    hit_set_period: p.hit_set_period,
    hit_set_count: p.hit_set_count,
    use_gmt_hitset: p.use_gmt_hitset,
    min_read_recency_for_promote: p.min_read_recency_for_promote,
    min_write_recency_for_promote: p.min_write_recency_for_promote,
    hit_set_grade_decay_rate: p.hit_set_grade_decay_rate,
    hit_set_search_last_n: p.hit_set_search_last_n,
    grade_table: grade_table(p),
    expected_num_objects: exact(p.expected_num_objects),
  };
}
export function hit_set_name(p: raw_pool): string {
  return HIT_SETS[p.hit_set_params.type] ?? "???";
}
function dump_hit_set(p: raw_pool): Json {
  const bloom = read_bloom_params(p.hit_set_params);
  if (!bloom) return { type: hit_set_name(p) };
  return {
    type: hit_set_name(p),
    false_positive_probability: bloom.fpp_micro / 1e6,
    target_size: exact(bloom.target_size),
    seed: exact(bloom.seed),
  };
}

/** How much an older hit set counts, of a million. */
function grade_table(p: raw_pool): number[] {
  let v = 1_000_000;
  return Array.from({ length: p.hit_set_count }, () => {
    v = Math.trunc(v * (1 - p.hit_set_grade_decay_rate / 100));
    return v;
  });
}

const ROLES = [
  ["public", "client_addrs"],
  ["cluster", "cluster_addrs"],
  ["heartbeat_back", "hb_back_addrs"],
  ["heartbeat_front", "hb_front_addrs"],
] as const;

/** All addresses of an OSD, by role; the plain one is the oldest protocol's. */
function addr_extras(raw: raw_osdmap, o: number): Json {
  const of_role = { ...raw.client, ...raw.osd };
  const vecs = ROLES.map(([name, key]) => [name, of_role[key][o]] as const);
  return Object.fromEntries([
    ...vecs.map(([name, v]) => [`${name}_addrs`, { addrvec: (v?.addrs ?? []).map(dump_addr) }]),
    ...vecs.map(([name, v]) => [`${name}_addr`, legacy_text(v)]),
  ]);
}
function dump_addr(a: raw_addr): Json {
  return { type: addr_type_name(a), addr: raw_addr_text(a), nonce: a.nonce };
}
const LEGACY = 1;
function legacy_text(v: raw_addrvec | undefined): string {
  const a = v?.addrs.find((x) => x.type === LEGACY) ?? v?.addrs[0];
  return a ? `${raw_addr_text(a)}/${a.nonce}` : "(unrecognized address family 0)/0";
}
