/**
 * The binary OSDMap, field by field as Ceph writes it: what OSDMap has no use for is here too, so
 * that a map that was read can be written again to the byte.
 * Ceph counterpart: OSDMap::encode, pg_pool_t::encode, osd_info_t, osd_xinfo_t, entity_addrvec_t.
 * cluster.md §1.1, §1.3.
 */
import { LeReader } from "../../crush/le_bytes.ts";
import { pg_pool, pg_ps, pg_t, spg_cmp } from "../../types/osd_types.ts";
import {
  blob,
  bool,
  by_id,
  by_text,
  bytes,
  f32,
  f64,
  i32,
  i64,
  id64,
  type LeCodec,
  list,
  map,
  pair,
  section,
  since,
  struct,
  text,
  u8,
  u32,
  u64,
  type ValueOf,
} from "./codec.ts";

/** Seconds and nanoseconds. */
export const utime = pair(u32, u32);
export type raw_utime = ValueOf<typeof utime>;
export const NO_TIME: raw_utime = [0, 0];

const uuid = bytes(16);
const pgid: LeCodec<pg_t> = {
  min: 17,
  enc: (w, v) => {
    w.u8(1);
    w.u64(BigInt(pg_pool(v)));
    w.u32(pg_ps(v));
    w.i32(-1);
  },
  dec: (r) => {
    const at = r.pos;
    const version = r.u8();
    if (version !== 1) r.fail(`a pg of version ${version}`, at);
    const pool = r.safe_i64("pool");
    if (pool < 0) r.fail(`pool ${pool} is out of range`, at);
    const pg = pg_t(pool, r.u32());
    // PGs that prefer an OSD are gone since firefly.
    if (r.i32() !== -1) r.fail("a localized pg", at);
    return pg;
  },
};
const by_pg = <V>(val: LeCodec<V>) => map(pgid, val, (a, b) => spg_cmp(a, b) < 0);
const snaps = list(pair(u64, u64));
const texts = by_text(text);

// ---------------------------------------------------------------- addresses

const ADDR_TYPE_LEGACY = 1;

/** One address. `sa` is a sockaddr: family, then what that family has; empty for none. */
export interface raw_addr {
  /** 0 none, 1 legacy (v1), 2 msgr2 (v2), 3 any. */
  readonly type: number;
  readonly nonce: number;
  readonly sa: Uint8Array;
  /** As releases before jewel wrote it. */
  readonly old: boolean;
}
const new_addr = section("address", 1, 1, { type: u32, nonce: u32, sa: blob });
/** A whole sockaddr_storage; the family comes first, and in network order. */
const old_addr = struct({ zeros: bytes(3), nonce: u32, sa: bytes(128) });

const addr: LeCodec<raw_addr> = {
  min: 1,
  enc: (w, v) => {
    w.u8(v.old ? 0 : 1);
    if (v.old) old_addr.enc(w, { zeros: new Uint8Array(3), nonce: v.nonce, sa: v.sa });
    else new_addr.enc(w, { ...v, struct_v: 1, struct_compat: 1, rest: new Uint8Array(0) });
  },
  dec: (r) => {
    const at = r.pos;
    const marker = r.u8();
    if (marker === 0) {
      const { nonce, sa } = old_addr.dec(r);
      return { type: ADDR_TYPE_LEGACY, nonce, sa, old: true };
    }
    if (marker !== 1) r.fail(`an address of kind ${marker}`, at);
    const { type, nonce, sa, struct_v, rest } = new_addr.dec(r);
    if (struct_v !== 1 || rest.length > 0) r.fail(`an address of version ${struct_v}`, at);
    return { type, nonce, sa, old: false };
  },
};

/** Addresses of one endpoint; `alone` as releases before nautilus wrote one. */
export interface raw_addrvec {
  readonly addrs: readonly raw_addr[];
  readonly alone: boolean;
}
const addr_list = list(addr);
const ADDRVEC_MARKER = 2;
export const addrvec: LeCodec<raw_addrvec> = {
  min: 1,
  enc: (w, v) => {
    const [first] = v.addrs;
    if (v.alone && first) {
      addr.enc(w, first);
      return;
    }
    w.u8(ADDRVEC_MARKER);
    addr_list.enc(w, v.addrs);
  },
  dec: (r) => {
    if (r.peek_u8() !== ADDRVEC_MARKER) return { addrs: [addr.dec(r)], alone: true };
    r.u8();
    return { addrs: addr_list.dec(r), alone: false };
  },
};

function addr_key(a: raw_addr): string {
  const hex = (b: Uint8Array) => [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return `${a.type}/${a.nonce}/${hex(a.sa)}`;
}
/** As a list, because the order is that of the addresses' bytes in the writer's memory. */
const blocklist: LeCodec<readonly (readonly [raw_addr, raw_utime])[]> = {
  min: 4,
  enc: (w, v) => w.list(v, (e) => pair(addr, utime).enc(w, e)),
  dec: (r) => {
    const entries = r.list(9, () => pair(addr, utime).dec(r));
    if (new Set(entries.map(([a]) => addr_key(a))).size !== entries.length) {
      r.fail("an address is on the blocklist twice");
    }
    return entries;
  },
};

// ---------------------------------------------------------------- pools

/** Kinds of option values. */
const OPT_STR = 0;
const OPT_INT = 1;
export const OPT_DOUBLE = 2;
export type raw_pool_opt =
  | { readonly type: typeof OPT_STR; readonly v: string }
  | { readonly type: typeof OPT_INT; readonly v: bigint }
  | { readonly type: typeof OPT_DOUBLE; readonly v: number };

function pool_opt(wide: boolean): LeCodec<raw_pool_opt> {
  return {
    min: 8,
    enc: (w, o) => {
      w.i32(o.type);
      if (o.type === OPT_STR) w.text(o.v);
      else if (o.type === OPT_DOUBLE) w.f64(o.v);
      else if (wide) w.i64(o.v);
      else w.i32(Number(o.v));
    },
    dec: (r) => {
      const at = r.pos;
      const type = r.i32();
      if (type === OPT_STR) return { type, v: r.text() };
      if (type === OPT_INT) return { type, v: wide ? r.i64() : BigInt(r.i32()) };
      if (type === OPT_DOUBLE) return { type, v: f64.dec(r) };
      return r.fail(`a pool option of kind ${type}`, at);
    },
  };
}
const opts_v1 = by_id(i32, pool_opt(false));
const opts_v2 = by_id(i32, pool_opt(true));
export interface raw_pool_opts {
  readonly struct_v: number;
  readonly struct_compat: number;
  readonly values: ReadonlyMap<number, raw_pool_opt>;
}
const pool_opts: LeCodec<raw_pool_opts> = {
  min: 6,
  enc: (w, v) =>
    w.section(v.struct_v, v.struct_compat, () =>
      (v.struct_v >= 2 ? opts_v2 : opts_v1).enc(w, v.values),
    ),
  dec: (r) => {
    let struct_v = 0;
    const { v, compat, rest } = r.section("pool options", 2, (version) => {
      struct_v = version;
      return (version >= 2 ? opts_v2 : opts_v1).dec(r);
    });
    if (rest.length > 0) r.fail("pool options: bytes too many");
    return { struct_v, struct_compat: compat, values: v };
  },
};

const hit_set_params = section("hit_set_params", 1, 1, { type: u8 });
const bloom_params = section("bloom filter", 1, 1, {
  /** Of a million. */
  fpp_micro: u32,
  target_size: u64,
  seed: u64,
});
export type raw_bloom_params = ValueOf<typeof bloom_params>;
/** undefined for hit sets that are no bloom filter. */
export function read_bloom_params(p: raw_pool["hit_set_params"]): raw_bloom_params | undefined {
  return p.type === BLOOM ? bloom_params.dec(new LeReader(p.rest)) : undefined;
}
const BLOOM = 3;
const merge_meta = section("last_pg_merge_meta", 1, 1, {
  source_pgid: pgid,
  ready_epoch: u32,
  last_epoch_started: u32,
  last_epoch_clean: u32,
  source_version: struct({ version: u64, epoch: u32 }),
  target_version: struct({ version: u64, epoch: u32 }),
});
export type raw_merge_meta = ValueOf<typeof merge_meta>;
const NO_REST = new Uint8Array(0);
const NO_MERGE: raw_merge_meta = {
  struct_v: 1,
  struct_compat: 1,
  rest: NO_REST,
  source_pgid: "0.0",
  ready_epoch: 0,
  last_epoch_started: 0,
  last_epoch_clean: 0,
  source_version: { version: 0n, epoch: 0 },
  target_version: { version: 0n, epoch: 0 },
};
const snap_info = section("pool_snap_info_t", 2, 2, { snapid: u64, stamp: utime, name: text });

/** From version 24 on, that of luminous. */
const pool = section("pg_pool_t", 24, 30, {
  type: u8,
  size: u8,
  crush_rule: u8,
  object_hash: u8,
  pg_num: u32,
  pgp_num: u32,
  lpg_num: u32,
  lpgp_num: u32,
  last_change: u32,
  snap_seq: u64,
  snap_epoch: u32,
  snaps: map(u64, snap_info, (a, b) => a < b),
  removed_snaps: snaps,
  auid: u64,
  flags: u64,
  crash_replay_interval: u32,
  min_size: u8,
  quota_max_bytes: u64,
  quota_max_objects: u64,
  tiers: list(u64),
  tier_of: i64,
  cache_mode: u8,
  read_tier: i64,
  write_tier: i64,
  properties: texts,
  hit_set_params,
  hit_set_period: u32,
  hit_set_count: u32,
  stripe_width: u32,
  target_max_bytes: u64,
  target_max_objects: u64,
  cache_target_dirty_ratio_micro: u32,
  cache_target_full_ratio_micro: u32,
  cache_min_flush_age: u32,
  cache_min_evict_age: u32,
  erasure_code_profile: text,
  last_force_op_resend_preluminous: u32,
  min_read_recency_for_promote: u32,
  expected_num_objects: u64,
  cache_target_dirty_high_ratio_micro: u32,
  min_write_recency_for_promote: u32,
  use_gmt_hitset: bool,
  fast_read: bool,
  hit_set_grade_decay_rate: i32,
  hit_set_search_last_n: u32,
  opts: pool_opts,
  last_force_op_resend_prenautilus: since(25, u32, 0),
  application_metadata: since(26, by_text(texts), new Map()),
  create_time: since(27, utime, NO_TIME),
  pg_num_target: since(28, u32, 0),
  pgp_num_target: since(28, u32, 0),
  pg_num_pending: since(28, u32, 0),
  /** Where development versions of nautilus had two epochs. */
  old_merge_epochs: since(28, pair(u32, u32), [0, 0]),
  last_force_op_resend: since(28, u32, 0),
  pg_autoscale_mode: since(28, u8, 0),
  last_pg_merge_meta: since(29, merge_meta, NO_MERGE),
  peering_crush_bucket_count: since(30, u32, 0),
  peering_crush_bucket_target: since(30, u32, 0),
  peering_crush_bucket_barrier: since(30, u32, 0),
  peering_crush_bucket_mandatory_member: since(30, i32, 0x7fffffff),
});
export type raw_pool = ValueOf<typeof pool>;

/** A pool with the values that Ceph's constructor gives. */
export const BLANK_POOL: raw_pool = {
  struct_v: 29,
  struct_compat: 5,
  rest: NO_REST,
  type: 1,
  size: 0,
  crush_rule: 0,
  object_hash: 0,
  pg_num: 0,
  pgp_num: 0,
  lpg_num: 0,
  lpgp_num: 0,
  last_change: 0,
  snap_seq: 0n,
  snap_epoch: 0,
  snaps: new Map(),
  removed_snaps: [],
  auid: 0n,
  flags: 0n,
  crash_replay_interval: 0,
  min_size: 0,
  quota_max_bytes: 0n,
  quota_max_objects: 0n,
  tiers: [],
  tier_of: -1n,
  cache_mode: 0,
  read_tier: -1n,
  write_tier: -1n,
  properties: new Map(),
  hit_set_params: { struct_v: 1, struct_compat: 1, rest: NO_REST, type: 0 },
  hit_set_period: 0,
  hit_set_count: 0,
  stripe_width: 0,
  target_max_bytes: 0n,
  target_max_objects: 0n,
  cache_target_dirty_ratio_micro: 400000,
  cache_target_full_ratio_micro: 800000,
  cache_min_flush_age: 0,
  cache_min_evict_age: 0,
  erasure_code_profile: "",
  last_force_op_resend_preluminous: 0,
  min_read_recency_for_promote: 0,
  expected_num_objects: 0n,
  cache_target_dirty_high_ratio_micro: 600000,
  min_write_recency_for_promote: 0,
  use_gmt_hitset: true,
  fast_read: false,
  hit_set_grade_decay_rate: 0,
  hit_set_search_last_n: 0,
  opts: { struct_v: 2, struct_compat: 1, values: new Map() },
  last_force_op_resend_prenautilus: 0,
  application_metadata: new Map(),
  create_time: NO_TIME,
  pg_num_target: 0,
  pgp_num_target: 0,
  pg_num_pending: 0,
  old_merge_epochs: [0, 0],
  last_force_op_resend: 0,
  pg_autoscale_mode: 0,
  last_pg_merge_meta: NO_MERGE,
  peering_crush_bucket_count: 0,
  peering_crush_bucket_target: 0,
  peering_crush_bucket_barrier: 0,
  peering_crush_bucket_mandatory_member: 0x7fffffff,
};

// ---------------------------------------------------------------- OSDs

const info_fields = struct({
  last_clean_begin: u32,
  last_clean_end: u32,
  up_from: u32,
  up_thru: u32,
  down_at: u32,
  lost_at: u32,
});
export type raw_info = ValueOf<typeof info_fields>;
const info: LeCodec<raw_info> = {
  min: 25,
  enc: (w, v) => {
    w.u8(1);
    info_fields.enc(w, v);
  },
  dec: (r) => {
    const version = r.u8();
    if (version !== 1) r.fail(`osd_info_t of version ${version}`, r.pos - 1);
    return info_fields.dec(r);
  },
};
const xinfo = section("osd_xinfo_t", 1, 4, {
  down_stamp: utime,
  /** Of 0xffffffff. */
  laggy_probability: u32,
  laggy_interval: u32,
  features: since(2, u64, 0n),
  old_weight: since(3, u32, 0),
  last_purged_snaps_scrub: since(4, utime, NO_TIME),
  dead_epoch: since(4, u32, 0),
});
export type raw_xinfo = ValueOf<typeof xinfo>;
export const BLANK_XINFO: raw_xinfo = {
  struct_v: 4,
  struct_compat: 1,
  rest: NO_REST,
  down_stamp: NO_TIME,
  laggy_probability: 0,
  laggy_interval: 0,
  features: 0n,
  old_weight: 0,
  last_purged_snaps_scrub: NO_TIME,
  dead_epoch: 0,
};

// ---------------------------------------------------------------- the map

const pool_snaps = by_id(id64, snaps);
const NONE = new Map<never, never>();

/** What clients need. From version 4 on, that of luminous. */
const client_fields = {
  fsid: uuid,
  epoch: u32,
  created: utime,
  modified: utime,
  pools: by_id(id64, pool),
  pool_name: by_id(id64, text),
  pool_max: i32,
  flags: u32,
  max_osd: i32,
};
const client_tail = {
  osd_weight: list(u32),
  client_addrs: list(addrvec),
  pg_temp: by_pg(list(i32)),
  primary_temp: by_pg(i32),
  osd_primary_affinity: list(u32),
  crush: blob,
  erasure_code_profiles: by_text(texts),
  pg_upmap: by_pg(list(i32)),
  pg_upmap_items: by_pg(list(pair(i32, i32))),
  crush_version: since(6, i32, 1),
  new_removed_snaps: since<ReadonlyMap<number, ValueOf<typeof snaps>>>(7, pool_snaps, NONE),
  new_purged_snaps: since<ReadonlyMap<number, ValueOf<typeof snaps>>>(7, pool_snaps, NONE),
  last_up_change: since(9, utime, NO_TIME),
  last_in_change: since(9, utime, NO_TIME),
};
/** States were bytes before version 5. */
const client_v4 = section("client data", 4, 4, {
  ...client_fields,
  osd_state: list(u8),
  ...client_tail,
});
const client_v5 = section("client data", 5, 9, {
  ...client_fields,
  osd_state: list(u32),
  ...client_tail,
});
export type raw_client = ValueOf<typeof client_v5>;
const client: LeCodec<raw_client> = {
  min: 6,
  enc: (w, v) => (v.struct_v < 5 ? client_v4 : client_v5).enc(w, v),
  dec: (r) => (r.peek_u8() < 5 ? client_v4 : client_v5).dec(r),
};

/** What OSDs need. From version 5 on, that of luminous. */
const osd_data = section("osd data", 5, 11, {
  hb_back_addrs: list(addrvec),
  osd_info: list(info),
  blocklist,
  cluster_addrs: list(addrvec),
  cluster_snapshot_epoch: u32,
  cluster_snapshot: text,
  osd_uuid: list(uuid),
  osd_xinfo: list(xinfo),
  hb_front_addrs: list(addrvec),
  nearfull_ratio: f32,
  full_ratio: f32,
  backfillfull_ratio: f32,
  require_min_compat_client: u8,
  require_osd_release: u8,
  removed_snaps_queue: since<ReadonlyMap<number, ValueOf<typeof snaps>>>(6, pool_snaps, NONE),
  crush_node_flags: since<ReadonlyMap<number, number>>(8, by_id(i32, u32), NONE),
  device_class_flags: since<ReadonlyMap<number, number>>(9, by_id(i32, u32), NONE),
  stretch_mode_enabled: since(10, bool, false),
  stretch_bucket_count: since(10, u32, 0),
  degraded_stretch_mode: since(10, u32, 0),
  recovering_stretch_mode: since(10, u32, 0),
  stretch_mode_bucket: since(10, i32, 0),
  range_blocklist: since<ValueOf<typeof blocklist>>(11, blocklist, []),
});
export type raw_osd_data = ValueOf<typeof osd_data>;

export interface raw_osdmap {
  readonly client: raw_client;
  readonly osd: raw_osd_data;
}
export const raw_osdmap_body: LeCodec<raw_osdmap> = struct({ client, osd: osd_data });
