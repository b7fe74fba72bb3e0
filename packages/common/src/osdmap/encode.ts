/**
 * Canonical bytes of maps and incrementals: equal values give equal bytes on every node, so a
 * checksum tells whether two nodes hold the same map.
 * Ceph counterpart: OSDMap::encode, OSDMap::Incremental::encode. cluster.md §1.5.
 */
import type { CrushWrapper } from "../crush/CrushWrapper.ts";
import { addr_eq, type entity_addr_t } from "../types/entity.ts";
import { pg_pool, pg_ps, pg_t, spg_cmp } from "../types/osd_types.ts";
import {
  blob,
  bool,
  by_number,
  by_text,
  type Codec,
  decode,
  encode,
  f64,
  i32,
  list,
  map,
  nullable,
  one_of,
  pair,
  same_bytes,
  set,
  sint,
  struct,
  text,
  u8,
  u16,
  u32,
  u53,
  uint,
} from "./bytes.ts";
import { crush_decode, crush_encode } from "./encode_crush.ts";
import { CEPH_OSD_DEFAULT_PRIMARY_AFFINITY, CEPH_OSD_IN, MAX_MAX_OSD } from "./flags.ts";
import type { Incremental, osd_info_t, osd_xinfo_t, upmap_item_t } from "./Incremental.ts";
import { MapError } from "./MapError.ts";
import type { osd_addrs_t, osdmap_fields } from "./osdmap_fields.ts";
import {
  MAX_PG_NUM,
  type pg_autoscale_mode_t,
  type pg_pool_t,
  type pool_snap_info_t,
  type pool_type_t,
  type snap_interval_t,
} from "./pg_pool_t.ts";

const MAP_MAGIC = "tako osdmap 1";
const INC_MAGIC = "tako osdmap inc 1";

const MAX_POOL_ID = 2 ** 40;

const ro = <K, V>(c: Codec<Map<K, V>>) => c as Codec<ReadonlyMap<K, V>>;

const epoch = u32;
const flags = uint(0x7fffffff);
const osd = uint(MAX_MAX_OSD - 1);
const osd_or_none = uint(0x7fffffff);
const pool_id = uint(MAX_POOL_ID);
const weight = uint(CEPH_OSD_IN);
const affinity = uint(CEPH_OSD_DEFAULT_PRIMARY_AFFINITY);
const pgid: Codec<pg_t> = {
  enc: (w, v) => {
    w.varint(pg_pool(v));
    w.varint(pg_ps(v));
  },
  dec: (r) => pg_t(r.varint(MAX_POOL_ID), r.varint(0xffffffff)),
};

const addr = struct<entity_addr_t>({ host: text, port: u16, nonce: u32 });
// One process that listens once has one address: written once.
const addrs: Codec<osd_addrs_t> = {
  enc: (w, v) => {
    addr.enc(w, v.client);
    for (const a of [v.cluster, v.hb_back, v.hb_front]) {
      nullable(addr).enc(w, addr_eq(a, v.client) ? null : a);
    }
  },
  dec: (r) => {
    const client = addr.dec(r);
    const other = () => {
      const a = nullable(addr).dec(r);
      return a && addr_eq(a, client) ? r.fail("address written twice") : (a ?? client);
    };
    return { client, cluster: other(), hb_back: other(), hb_front: other() };
  },
};
const info = struct<osd_info_t>({
  last_clean_begin: epoch,
  last_clean_end: epoch,
  up_from: epoch,
  up_thru: epoch,
  down_at: epoch,
  lost_at: epoch,
});
const xinfo = struct<osd_xinfo_t>({
  down_stamp: f64,
  laggy_probability: f64,
  laggy_interval: f64,
  features: u53,
  old_weight: weight,
  last_purged_snaps_scrub: f64,
  dead_epoch: epoch,
});

const snap_runs: Codec<readonly snap_interval_t[]> = list(pair(u53, u53));
const opt_value: Codec<string | number> = {
  enc: (w, v) => {
    bool.enc(w, typeof v === "number");
    if (typeof v === "number") f64.enc(w, v);
    else text.enc(w, v);
  },
  dec: (r) => (bool.dec(r) ? f64.dec(r) : text.dec(r)),
};
const texts = ro(map(text, text, by_text));
const pool = struct<pg_pool_t>({
  type: one_of<pool_type_t>(1, 3),
  size: uint(0xff),
  min_size: uint(0xff),
  crush_rule: u8,
  object_hash: u8,
  pg_num: uint(MAX_PG_NUM),
  pgp_num: uint(MAX_PG_NUM),
  pg_num_target: uint(MAX_PG_NUM),
  pgp_num_target: uint(MAX_PG_NUM),
  pg_num_pending: uint(MAX_PG_NUM),
  flags,
  create_time: f64,
  last_change: epoch,
  last_force_op_resend: epoch,
  last_force_op_resend_prenautilus: epoch,
  last_force_op_resend_preluminous: epoch,
  snap_seq: u53,
  snap_epoch: epoch,
  snaps: ro(map(u53, struct<pool_snap_info_t>({ snapid: u53, stamp: f64, name: text }), by_number)),
  removed_snaps: snap_runs,
  quota_max_bytes: u53,
  quota_max_objects: u53,
  erasure_code_profile: text,
  stripe_width: u32,
  expected_num_objects: u53,
  fast_read: bool,
  pg_autoscale_mode: one_of<pg_autoscale_mode_t>("off", "warn", "on"),
  opts: ro(map(text, opt_value, by_text)),
  application_metadata: ro(map(text, texts, by_text)),
  peering_crush_bucket_count: u32,
  peering_crush_bucket_target: u32,
  peering_crush_bucket_barrier: u32,
  peering_crush_bucket_mandatory_member: i32,
});

/** Equal in all that a map says of them. Of most maps they are one object. */
export function pools_equal(a: pg_pool_t | undefined, b: pg_pool_t | undefined): boolean {
  if (a === b) return true;
  return !!a && !!b && same_bytes(encode(pool, "pool", a), encode(pool, "pool", b));
}
const by_pool = <V>(val: Codec<V>) => map(pool_id, val, by_number);
const by_osd = <V>(val: Codec<V>) => map(osd, val, by_number);
const by_pg = <V>(val: Codec<V>) => map(pgid, val, spg_cmp);
const osds = list(osd_or_none);
const upmap_items: Codec<readonly upmap_item_t[]> = list(pair(i32, i32));
const upmap_osds = list(i32);
const profiles = map(text, texts, by_text);
const stamps = map(text, f64, by_text);
const crush: Codec<CrushWrapper> = {
  enc: (w, v) => w.blob(crush_encode(v)),
  dec: (r) => crush_decode(r.blob()),
};

const map_codec = struct<osdmap_fields>({
  fsid: text,
  epoch,
  created: f64,
  modified: f64,
  last_up_change: f64,
  last_in_change: f64,
  flags,
  pool_max: pool_id,
  pools: ro(by_pool(pool)),
  pool_name: ro(by_pool(text)),
  max_osd: uint(MAX_MAX_OSD),
  osd_state: list(u16),
  osd_weight: list(weight),
  osd_primary_affinity: nullable(list(affinity)),
  osd_info: list(info),
  osd_xinfo: list(xinfo),
  osd_uuid: list(text),
  osd_addrs: list(addrs),
  pg_temp: ro(by_pg(osds)),
  primary_temp: ro(by_pg(osd_or_none)),
  pg_upmap: ro(by_pg(upmap_osds)),
  pg_upmap_items: ro(by_pg(upmap_items)),
  crush,
  crush_version: u32,
  erasure_code_profiles: ro(profiles),
  nearfull_ratio: f64,
  backfillfull_ratio: f64,
  full_ratio: f64,
  blocklist: ro(stamps),
  range_blocklist: ro(stamps),
  crush_node_flags: ro(map(i32, flags, by_number)),
  device_class_flags: ro(map(i32, flags, by_number)),
  removed_snaps_queue: ro(by_pool(snap_runs)),
  new_removed_snaps: ro(by_pool(snap_runs)),
  new_purged_snaps: ro(by_pool(snap_runs)),
  cluster_snapshot: text,
  require_min_compat_client: text,
  require_osd_release: text,
});

const or_unset = sint(-1, Number.MAX_SAFE_INTEGER / 4);
const inc_codec = struct<Incremental>({
  fsid: text,
  epoch,
  modified: f64,
  fullmap: nullable(blob),
  new_flags: sint(-1, 0x7fffffff),
  new_max_osd: sint(-1, MAX_MAX_OSD),
  new_pool_max: or_unset,
  new_pools: by_pool(pool),
  new_removed_snaps: by_pool(snap_runs),
  new_purged_snaps: by_pool(snap_runs),
  new_last_up_change: f64,
  new_last_in_change: f64,
  new_pool_names: by_pool(text),
  old_pools: set(pool_id, by_number),
  new_weight: by_osd(weight),
  new_primary_affinity: by_osd(affinity),
  old_erasure_code_profiles: set(text, by_text),
  new_erasure_code_profiles: profiles,
  new_state: by_osd(u16),
  new_up_client: by_osd(addr),
  new_hb_back_up: by_osd(addr),
  new_hb_front_up: by_osd(addr),
  new_up_cluster: by_osd(addr),
  new_up_thru: by_osd(epoch),
  new_last_clean_interval: by_osd(pair(epoch, epoch)),
  new_lost: by_osd(epoch),
  new_xinfo: by_osd(xinfo),
  new_uuid: by_osd(text),
  new_pg_temp: by_pg(osds),
  new_primary_temp: by_pg(sint(-1, 0x7fffffff)),
  new_pg_upmap: by_pg(upmap_osds),
  old_pg_upmap: set(pgid, spg_cmp),
  new_pg_upmap_items: by_pg(upmap_items),
  old_pg_upmap_items: set(pgid, spg_cmp),
  new_blocklist: stamps,
  old_blocklist: set(text, by_text),
  new_range_blocklist: stamps,
  old_range_blocklist: set(text, by_text),
  new_crush_node_flags: map(i32, flags, by_number),
  new_device_class_flags: map(i32, flags, by_number),
  cluster_snapshot: text,
  new_nearfull_ratio: f64,
  new_backfillfull_ratio: f64,
  new_full_ratio: f64,
  new_require_min_compat_client: text,
  new_require_osd_release: text,
  crush: nullable(crush),
  full_crc: sint(-1, 0xffffffff),
});

export function encode_osdmap(f: osdmap_fields): Uint8Array {
  return encode(map_codec, MAP_MAGIC, f);
}

/** Throws MapError for anything that {@link encode_osdmap} would not have written. */
export function decode_osdmap(bytes: Uint8Array): osdmap_fields {
  const f = decode(map_codec, MAP_MAGIC, bytes);
  const n = f.max_osd;
  const per_osd = [f.osd_state, f.osd_weight, f.osd_info, f.osd_xinfo, f.osd_uuid, f.osd_addrs];
  if (f.osd_primary_affinity) per_osd.push(f.osd_primary_affinity);
  if (per_osd.some((a) => a.length !== n)) {
    throw new MapError("bad_encoding", `max_osd is ${n}, but not every list has that many`);
  }
  for (const [id, p] of f.pools) check_pool(id, p);
  return f;
}

/** Our own form of an incremental, which travels and is stored: equal ones encode equally. */
export function encode_incremental(inc: Incremental): Uint8Array {
  return encode(inc_codec, INC_MAGIC, inc);
}

/** Inverse; throws MapError with the byte for anything else. */
export function decode_incremental(bytes: Uint8Array): Incremental {
  const inc = decode(inc_codec, INC_MAGIC, bytes);
  for (const [id, p] of inc.new_pools) check_pool(id, p);
  return inc;
}

function check_pool(id: number, p: pg_pool_t): void {
  if (p.pg_num > 0 && p.pgp_num > 0 && p.pgp_num <= p.pg_num && p.size > 0) return;
  throw new MapError(
    "bad_encoding",
    `pool ${id}: size ${p.size}, pg_num ${p.pg_num}, pgp_num ${p.pgp_num}`,
  );
}
