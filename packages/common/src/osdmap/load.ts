/** A map from the JSON that dump.ts prints, plus its CRUSH map: for tools and tests. */
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { CrushWrapper } from "../crush/CrushWrapper.ts";
import { BLANK_ADDR, type entity_addr_t } from "../types/entity.ts";
import { pg_parse, type pg_t } from "../types/osd_types.ts";
import { check_dump } from "./check_dump.ts";
import { CEPH_OSD_DEFAULT_PRIMARY_AFFINITY, CEPH_OSD_IN, osd_state_bits } from "./flags.ts";
import { osd_info_t, osd_xinfo_t, type upmap_item_t } from "./Incremental.ts";
import { MapError } from "./MapError.ts";
import { OSDMap } from "./OSDMap.ts";
import { BLANK_ADDRS, BLANK_UUID, NO_INFO, NO_XINFO, type osd_addrs_t } from "./osdmap_fields.ts";
import { pg_pool_t } from "./pg_pool_t.ts";
import { utime_parse } from "./utime.ts";

const uint = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const u32 = Type.Integer({ minimum: 0, maximum: 0xffffffff });
const text = Type.String();
const num = Type.Number();
const osds = Type.Array(Type.Integer());
const addrvec = Type.Object({
  addrvec: Type.Array(Type.Object({ addr: text, nonce: u32 })),
});

const Pool = Type.Object({
  pool: uint,
  pool_name: text,
  create_time: text,
  flags: u32,
  type: Type.Union([Type.Literal(1), Type.Literal(3)]),
  size: uint,
  min_size: uint,
  crush_rule: uint,
  object_hash: uint,
  pg_autoscale_mode: Type.Union([Type.Literal("on"), Type.Literal("off"), Type.Literal("warn")]),
  pg_num: uint,
  pg_placement_num: uint,
  pg_placement_num_target: uint,
  pg_num_target: uint,
  pg_num_pending: uint,
  last_change: text,
  snap_seq: uint,
  snap_epoch: uint,
  quota_max_bytes: uint,
  quota_max_objects: uint,
  erasure_code_profile: text,
  stripe_width: uint,
  expected_num_objects: uint,
  fast_read: Type.Boolean(),
  application_metadata: Type.Record(text, Type.Record(text, text)),
});
const Osd = Type.Object({
  osd: uint,
  uuid: text,
  weight: num,
  primary_affinity: num,
  last_clean_begin: uint,
  last_clean_end: uint,
  up_from: uint,
  up_thru: uint,
  down_at: uint,
  lost_at: uint,
  public_addrs: addrvec,
  cluster_addrs: addrvec,
  heartbeat_back_addrs: addrvec,
  heartbeat_front_addrs: addrvec,
  state: Type.Array(text),
});
const Xinfo = Type.Object({
  osd: uint,
  down_stamp: text,
  laggy_probability: num,
  laggy_interval: num,
  old_weight: uint,
  last_purged_snaps_scrub: text,
  dead_epoch: uint,
});
const Dump = Type.Object({
  epoch: u32,
  fsid: text,
  created: text,
  modified: text,
  last_up_change: text,
  last_in_change: text,
  flags_num: u32,
  crush_version: uint,
  full_ratio: num,
  backfillfull_ratio: num,
  nearfull_ratio: num,
  pool_max: Type.Integer(),
  max_osd: uint,
  require_min_compat_client: text,
  require_osd_release: text,
  pools: Type.Array(Pool),
  osds: Type.Array(Osd),
  osd_xinfo: Type.Array(Xinfo),
  pg_upmap: Type.Array(Type.Object({ pgid: text, osds })),
  pg_upmap_items: Type.Array(
    Type.Object({
      pgid: text,
      mappings: Type.Array(Type.Object({ from: Type.Integer(), to: Type.Integer() })),
    }),
  ),
  pg_temp: Type.Array(Type.Object({ pgid: text, osds })),
  primary_temp: Type.Array(Type.Union([text, Type.Integer()])),
  erasure_code_profiles: Type.Record(text, Type.Record(text, text)),
});

/** Throws MapError when `json` is not a dump. Snapshots and blocklists are not read. */
export function osdmap_from_dump(json: unknown, crush: CrushWrapper): OSDMap {
  if (!Value.Check(Dump, json)) {
    const e = Value.Errors(Dump, json).First();
    throw new MapError("bad_encoding", `not an osd dump: ${e?.path}: ${e?.message}`);
  }
  check_dump(json);
  return new OSDMap({
    fsid: json.fsid,
    epoch: json.epoch,
    created: stamp(json.created),
    modified: stamp(json.modified),
    last_up_change: stamp(json.last_up_change),
    last_in_change: stamp(json.last_in_change),
    flags: json.flags_num,
    pool_max: Math.max(0, json.pool_max),
    pools: new Map(json.pools.map((p) => [p.pool, load_pool(p)])),
    pool_name: new Map(json.pools.map((p) => [p.pool, p.pool_name])),
    ...load_osds(json),
    pg_temp: new Map(json.pg_temp.map((t) => [pgid(t.pgid), t.osds])),
    primary_temp: load_primary_temp(json.primary_temp),
    pg_upmap: new Map(json.pg_upmap.map((t) => [pgid(t.pgid), t.osds])),
    pg_upmap_items: new Map(
      json.pg_upmap_items.map((t) => [
        pgid(t.pgid),
        t.mappings.map((i): upmap_item_t => [i.from, i.to]),
      ]),
    ),
    crush,
    crush_version: json.crush_version,
    erasure_code_profiles: new Map(
      Object.entries(json.erasure_code_profiles).map(([n, p]) => [n, new Map(Object.entries(p))]),
    ),
    full_ratio: json.full_ratio,
    backfillfull_ratio: json.backfillfull_ratio,
    nearfull_ratio: json.nearfull_ratio,
    require_min_compat_client: json.require_min_compat_client,
    require_osd_release: json.require_osd_release,
  });
}

function stamp(s: string): number {
  const ms = utime_parse(s);
  if (ms === undefined) throw new MapError("bad_encoding", `not a stamp: ${s}`);
  return ms;
}
function pgid(s: string): pg_t {
  const pg = pg_parse(s);
  if (pg === undefined) throw new MapError("bad_encoding", `not a pg: ${s}`);
  return pg;
}

function load_pool(p: Static<typeof Pool>): pg_pool_t {
  return pg_pool_t({
    type: p.type,
    size: p.size,
    min_size: p.min_size,
    crush_rule: p.crush_rule,
    object_hash: p.object_hash,
    pg_num: p.pg_num,
    pgp_num: p.pg_placement_num,
    pg_num_target: p.pg_num_target,
    pgp_num_target: p.pg_placement_num_target,
    pg_num_pending: p.pg_num_pending,
    flags: p.flags,
    create_time: stamp(p.create_time),
    last_change: Number(p.last_change),
    snap_seq: p.snap_seq,
    snap_epoch: p.snap_epoch,
    quota_max_bytes: p.quota_max_bytes,
    quota_max_objects: p.quota_max_objects,
    erasure_code_profile: p.erasure_code_profile,
    stripe_width: p.stripe_width,
    expected_num_objects: p.expected_num_objects,
    fast_read: p.fast_read,
    pg_autoscale_mode: p.pg_autoscale_mode,
    application_metadata: new Map(
      Object.entries(p.application_metadata).map(([app, kv]) => [app, new Map(Object.entries(kv))]),
    ),
  });
}

function load_addr(v: Static<typeof addrvec>): entity_addr_t {
  const a = v.addrvec[0];
  const m = /^(.*):(\d+)$/.exec(a?.addr ?? "");
  if (!a || !m) return BLANK_ADDR;
  const host = (m[1] ?? "").replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(m[2]), nonce: a.nonce };
}
function load_addrs(o: Static<typeof Osd>): osd_addrs_t {
  return {
    client: load_addr(o.public_addrs),
    cluster: load_addr(o.cluster_addrs),
    hb_back: load_addr(o.heartbeat_back_addrs),
    hb_front: load_addr(o.heartbeat_front_addrs),
  };
}

function load_osds(json: Static<typeof Dump>) {
  const osd = new Map(json.osds.map((o) => [o.osd, o]));
  const xinfo = new Map(json.osd_xinfo.map((x) => [x.osd, x]));
  const each = <T, S>(from: Map<number, S>, get: (s: S) => T, blank: T): T[] =>
    Array.from({ length: json.max_osd }, (_, o) => {
      const s = from.get(o);
      return s === undefined ? blank : get(s);
    });
  const affinity = each(
    osd,
    (o) => Math.round(o.primary_affinity * CEPH_OSD_DEFAULT_PRIMARY_AFFINITY),
    CEPH_OSD_DEFAULT_PRIMARY_AFFINITY,
  );
  const lowered = affinity.some((a) => a !== CEPH_OSD_DEFAULT_PRIMARY_AFFINITY);
  return {
    max_osd: json.max_osd,
    osd_state: each(osd, (o) => osd_state_bits(o.state), 0),
    osd_weight: each(osd, (o) => Math.round(o.weight * CEPH_OSD_IN), 0),
    osd_primary_affinity: lowered ? affinity : null,
    osd_info: each(osd, (o) => osd_info_t(pick_info(o)), NO_INFO),
    osd_xinfo: each(
      xinfo,
      (x) =>
        osd_xinfo_t({
          down_stamp: stamp(x.down_stamp),
          laggy_probability: x.laggy_probability,
          laggy_interval: x.laggy_interval,
          old_weight: x.old_weight,
          last_purged_snaps_scrub: stamp(x.last_purged_snaps_scrub),
          dead_epoch: x.dead_epoch,
        }),
      NO_XINFO,
    ),
    osd_uuid: each(osd, (o) => o.uuid, BLANK_UUID),
    osd_addrs: each(osd, load_addrs, BLANK_ADDRS),
  };
}
function pick_info(o: Static<typeof Osd>): osd_info_t {
  const { last_clean_begin, last_clean_end, up_from, up_thru, down_at, lost_at } = o;
  return { last_clean_begin, last_clean_end, up_from, up_thru, down_at, lost_at };
}

function load_primary_temp(flat: readonly (string | number)[]): Map<pg_t, number> {
  const out = new Map<pg_t, number>();
  for (let i = 0; i + 1 < flat.length; i += 2) out.set(pgid(String(flat[i])), Number(flat[i + 1]));
  return out;
}
