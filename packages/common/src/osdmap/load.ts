/**
 * A map from the JSON that `ceph osd dump` prints, plus its CRUSH map. What releases since luminous
 * added may lack; what Tako has no use for, cache tiers for one, is not read.
 */
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { CrushWrapper } from "../crush/CrushWrapper.ts";
import { BLANK_ADDR, type entity_addr_t } from "../types/entity.ts";
import { pg_parse, type pg_t } from "../types/osd_types.ts";
import { check_dump } from "./check_dump.ts";
import {
  CEPH_OSD_DEFAULT_PRIMARY_AFFINITY,
  CEPH_OSD_IN,
  osd_state_bits,
  osdmap_flag_bits,
} from "./flags.ts";
import { osd_info_t, osd_xinfo_t, type upmap_item_t } from "./Incremental.ts";
import { load_pool, PoolDump } from "./load_pool.ts";
import { MapError } from "./MapError.ts";
import { OSDMap } from "./OSDMap.ts";
import { BLANK_ADDRS, BLANK_UUID, NO_INFO, NO_XINFO, type osd_addrs_t } from "./osdmap_fields.ts";
import type { snap_interval_t } from "./pg_pool_t.ts";
import { parse_stamp } from "./utime.ts";

const uint = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const u32 = Type.Integer({ minimum: 0, maximum: 0xffffffff });
const text = Type.String();
const num = Type.Number();
const osds = Type.Array(Type.Integer());
const later = Type.Optional;
const addrvec = Type.Object({
  addrvec: Type.Array(Type.Object({ type: later(text), addr: text, nonce: u32 })),
});
const stamps = Type.Record(text, text);
const flag_names = Type.Record(text, Type.Array(text));
const pool_snaps = Type.Array(
  Type.Object({ pool: uint, snaps: Type.Array(Type.Object({ begin: uint, length: uint })) }),
);

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
  public_addrs: later(addrvec),
  cluster_addrs: later(addrvec),
  heartbeat_back_addrs: later(addrvec),
  heartbeat_front_addrs: later(addrvec),
  // All there was before nautilus.
  public_addr: later(text),
  cluster_addr: later(text),
  heartbeat_back_addr: later(text),
  heartbeat_front_addr: later(text),
  state: Type.Array(text),
});
const Xinfo = Type.Object({
  osd: uint,
  down_stamp: text,
  laggy_probability: num,
  laggy_interval: num,
  features: num,
  old_weight: uint,
  last_purged_snaps_scrub: later(text),
  dead_epoch: later(uint),
});
const Dump = Type.Object({
  epoch: u32,
  fsid: text,
  created: text,
  modified: text,
  last_up_change: later(text),
  last_in_change: later(text),
  flags: text,
  flags_num: later(u32),
  crush_version: later(uint),
  full_ratio: num,
  backfillfull_ratio: num,
  nearfull_ratio: num,
  cluster_snapshot: later(text),
  pool_max: Type.Integer(),
  max_osd: uint,
  require_min_compat_client: text,
  require_osd_release: text,
  pools: Type.Array(PoolDump),
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
  blocklist: later(stamps),
  // Its name before pacific.
  blacklist: later(stamps),
  range_blocklist: later(stamps),
  erasure_code_profiles: Type.Record(text, Type.Record(text, text)),
  removed_snaps_queue: later(pool_snaps),
  new_removed_snaps: later(pool_snaps),
  new_purged_snaps: later(pool_snaps),
  crush_node_flags: later(flag_names),
  device_class_flags: later(flag_names),
});

/** Throws MapError when `json` is not a dump. */
export function osdmap_from_dump(json: unknown, crush: CrushWrapper): OSDMap {
  if (!Value.Check(Dump, json)) {
    const e = Value.Errors(Dump, json).First();
    throw new MapError("bad_encoding", `not an osd dump: ${e?.path}: ${e?.message}`);
  }
  check_dump(json);
  return new OSDMap({
    fsid: json.fsid,
    epoch: json.epoch,
    created: parse_stamp(json.created),
    modified: parse_stamp(json.modified),
    last_up_change: parse_stamp(json.last_up_change ?? NEVER),
    last_in_change: parse_stamp(json.last_in_change ?? NEVER),
    flags: json.flags_num ?? osdmap_flag_bits(json.flags.split(",")),
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
    crush_version: json.crush_version ?? 1,
    erasure_code_profiles: new Map(
      Object.entries(json.erasure_code_profiles).map(([n, p]) => [n, new Map(Object.entries(p))]),
    ),
    full_ratio: json.full_ratio,
    backfillfull_ratio: json.backfillfull_ratio,
    nearfull_ratio: json.nearfull_ratio,
    require_min_compat_client: json.require_min_compat_client,
    require_osd_release: json.require_osd_release,
    cluster_snapshot: json.cluster_snapshot ?? "",
    blocklist: load_stamps(json.blocklist ?? json.blacklist ?? {}),
    range_blocklist: load_stamps(json.range_blocklist ?? {}),
    removed_snaps_queue: load_snaps(json.removed_snaps_queue),
    new_removed_snaps: load_snaps(json.new_removed_snaps),
    new_purged_snaps: load_snaps(json.new_purged_snaps),
    crush_node_flags: load_flags(json.crush_node_flags, (name) => crush.get_item_id(name)),
    device_class_flags: load_flags(json.device_class_flags, (name) => crush.get_class_id(name)),
  });
}

const NEVER = "0.000000";

/** Addresses may have their protocol in front. */
function load_stamps(o: Static<typeof stamps>): Map<string, number> {
  return new Map(
    Object.entries(o).map(([addr, until]) => [addr.replace(/^v[12]:/, ""), parse_stamp(until)]),
  );
}
function load_snaps(l: Static<typeof pool_snaps> = []): Map<number, snap_interval_t[]> {
  return new Map(l.map((p) => [p.pool, p.snaps.map((r): snap_interval_t => [r.begin, r.length])]));
}
/** What has no name shows as its number. */
function load_flags(
  o: Static<typeof flag_names> = {},
  id_of: (name: string) => number | undefined,
): Map<number, number> {
  const entries = Object.entries(o).map(([name, flags]): [number, number] => [
    id_of(name) ?? Number(name),
    osd_state_bits(flags),
  ]);
  return new Map(entries.filter(([id]) => Number.isInteger(id)));
}

function pgid(s: string): pg_t {
  const pg = pg_parse(s);
  if (pg === undefined) throw new MapError("bad_encoding", `not a pg: ${s}`);
  return pg;
}

/** msgr2's where there is one. */
function load_addr(v: Static<typeof addrvec> | undefined, legacy = ""): entity_addr_t {
  const a = v?.addrvec.find((x) => x.type === "v2") ?? v?.addrvec[0];
  const m = /^(.*):(\d+)(?:\/(\d+))?$/.exec(a?.addr ?? legacy);
  if (!m) return BLANK_ADDR;
  const host = (m[1] ?? "").replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(m[2]), nonce: a?.nonce ?? Number(m[3] ?? 0) };
}
function load_addrs(o: Static<typeof Osd>): osd_addrs_t {
  return {
    client: load_addr(o.public_addrs, o.public_addr),
    cluster: load_addr(o.cluster_addrs, o.cluster_addr),
    hb_back: load_addr(o.heartbeat_back_addrs, o.heartbeat_back_addr),
    hb_front: load_addr(o.heartbeat_front_addrs, o.heartbeat_front_addr),
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
          down_stamp: parse_stamp(x.down_stamp),
          laggy_probability: x.laggy_probability,
          laggy_interval: x.laggy_interval,
          // Feature bits beyond what JSON counts exactly are lost, as in a map read from a file.
          features: Number.isSafeInteger(x.features) ? x.features : 0,
          old_weight: x.old_weight,
          last_purged_snaps_scrub: parse_stamp(x.last_purged_snaps_scrub ?? NEVER),
          dead_epoch: x.dead_epoch ?? 0,
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
