/**
 * From OSDMap's records to the binary map's. Where a record stands for what `base` said, base's own
 * bytes stay: a map that was read and not changed comes out as it went in.
 */
import { encode_crush_binary } from "../../crush/binary.ts";
import type { entity_addr_t } from "../../types/entity.ts";
import type { osd_xinfo_t } from "../Incremental.ts";
import type { osd_addrs_t, osdmap_fields } from "../osdmap_fields.ts";
import type { pg_pool_t, snap_interval_t } from "../pg_pool_t.ts";
import { release_number } from "../releases.ts";
import { from_entity_addr, make_raw_addr } from "./addr.ts";
import {
  BLANK_POOL,
  BLANK_XINFO,
  NO_TIME,
  type raw_addr,
  type raw_addrvec,
  type raw_client,
  type raw_osd_data,
  type raw_osdmap,
  type raw_pool,
  type raw_pool_opt,
  type raw_utime,
  type raw_xinfo,
} from "./raw.ts";
import { flags_of_release, to_blocklist, to_pool, to_xinfo } from "./to_fields.ts";
import { autoscale_number, ms_to_utime, opt_entry, text_to_uuid } from "./values.ts";

const NO_REST = new Uint8Array(0);
/** The versions that 16.2 writes for a map that uses nothing newer. */
const CLIENT_V = 9;
const OSD_V = 9;
const WITH_RANGES_V = 11;

/** Type of an address that is blocked whatever protocol it speaks. */
const ANY = 3;

type AddrRole = keyof osd_addrs_t;

export function from_fields(f: osdmap_fields, base?: raw_osdmap): raw_osdmap {
  return { client: client_data(f, base), osd: osd_data(f, base?.osd) };
}

const map_values = <K, V, W>(m: ReadonlyMap<K, V>, fn: (v: V, k: K) => W): Map<K, W> =>
  new Map([...m].map(([k, v]) => [k, fn(v, k)]));
const runs = (l: readonly snap_interval_t[]): (readonly [bigint, bigint])[] =>
  l.map(([start, length]) => [BigInt(start), BigInt(length)]);
/** `base` where it reads as `v`, else `made`. */
function keep<R, V>(base: R | undefined, v: V, read: (r: R) => V, made: () => R): R {
  return base !== undefined && same(read(base), v) ? base : made();
}
/** Deep comparison of plain data. */
function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([k, v]) => b.has(k) && same(v, b.get(k)));
  }
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Map || b instanceof Map) return false;
  const keys = Object.keys(a);
  const value = (o: object, k: string) => Reflect.get(o, k) as unknown;
  return keys.length === Object.keys(b).length && keys.every((k) => same(value(a, k), value(b, k)));
}

function addrs(f: osdmap_fields, role: AddrRole, base?: readonly raw_addrvec[]): raw_addrvec[] {
  return f.osd_addrs.map((a, o) => from_entity_addr(a[role], base?.[o]));
}

function client_data(f: osdmap_fields, file?: raw_osdmap): raw_client {
  const base = file?.client;
  return {
    struct_v: base?.struct_v ?? CLIENT_V,
    struct_compat: base?.struct_compat ?? 1,
    rest: base?.rest ?? NO_REST,
    fsid: text_to_uuid(f.fsid),
    epoch: f.epoch,
    created: ms_to_utime(f.created, base?.created),
    modified: ms_to_utime(f.modified, base?.modified),
    pools: map_values(f.pools, (p, id) => from_pool(p, id, base?.pools.get(id))),
    pool_name: f.pool_name,
    pool_max: keep(
      base?.pool_max,
      f.pool_max,
      (n) => Math.max(0, n),
      () => f.pool_max,
    ),
    flags: file && flags_of_release(file) === f.flags ? file.client.flags : f.flags,
    max_osd: f.max_osd,
    osd_state: f.osd_state,
    osd_weight: f.osd_weight,
    client_addrs: addrs(f, "client", base?.client_addrs),
    pg_temp: f.pg_temp,
    primary_temp: f.primary_temp,
    osd_primary_affinity: f.osd_primary_affinity ?? [],
    crush: encode_crush_binary(f.crush),
    erasure_code_profiles: f.erasure_code_profiles,
    pg_upmap: f.pg_upmap,
    pg_upmap_items: f.pg_upmap_items,
    crush_version: f.crush_version,
    new_removed_snaps: map_values(f.new_removed_snaps, runs),
    new_purged_snaps: map_values(f.new_purged_snaps, runs),
    last_up_change: ms_to_utime(f.last_up_change, base?.last_up_change),
    last_in_change: ms_to_utime(f.last_in_change, base?.last_in_change),
  };
}

function osd_data(f: osdmap_fields, base?: raw_osd_data): raw_osd_data {
  return {
    struct_v: Math.max(base?.struct_v ?? OSD_V, f.range_blocklist.size > 0 ? WITH_RANGES_V : 0),
    struct_compat: base?.struct_compat ?? 1,
    rest: base?.rest ?? NO_REST,
    hb_back_addrs: addrs(f, "hb_back", base?.hb_back_addrs),
    osd_info: f.osd_info,
    blocklist: from_blocklist(f.blocklist, base?.blocklist),
    cluster_addrs: addrs(f, "cluster", base?.cluster_addrs),
    cluster_snapshot_epoch:
      f.cluster_snapshot === (base?.cluster_snapshot ?? "")
        ? (base?.cluster_snapshot_epoch ?? 0)
        : f.epoch,
    cluster_snapshot: f.cluster_snapshot,
    osd_uuid: f.osd_uuid.map(text_to_uuid),
    osd_xinfo: f.osd_xinfo.map((x, o) => from_xinfo(x, base?.osd_xinfo[o])),
    hb_front_addrs: addrs(f, "hb_front", base?.hb_front_addrs),
    nearfull_ratio: f.nearfull_ratio,
    full_ratio: f.full_ratio,
    backfillfull_ratio: f.backfillfull_ratio,
    require_min_compat_client: release_number(f.require_min_compat_client),
    require_osd_release: release_number(f.require_osd_release),
    removed_snaps_queue: map_values(f.removed_snaps_queue, runs),
    crush_node_flags: f.crush_node_flags,
    device_class_flags: f.device_class_flags,
    stretch_mode_enabled: base?.stretch_mode_enabled ?? false,
    stretch_bucket_count: base?.stretch_bucket_count ?? 0,
    degraded_stretch_mode: base?.degraded_stretch_mode ?? 0,
    recovering_stretch_mode: base?.recovering_stretch_mode ?? 0,
    stretch_mode_bucket: base?.stretch_mode_bucket ?? 0,
    range_blocklist: from_blocklist(f.range_blocklist, base?.range_blocklist),
  };
}

function from_xinfo(x: osd_xinfo_t, base: raw_xinfo | undefined): raw_xinfo {
  return keep(base, x, to_xinfo, () => ({
    ...(base ?? BLANK_XINFO),
    struct_v: BLANK_XINFO.struct_v,
    down_stamp: ms_to_utime(x.down_stamp, base?.down_stamp),
    laggy_probability: Math.round(x.laggy_probability * 0xffffffff),
    laggy_interval: Math.trunc(x.laggy_interval),
    features: base && to_xinfo(base).features === x.features ? base.features : BigInt(x.features),
    old_weight: x.old_weight,
    last_purged_snaps_scrub: ms_to_utime(x.last_purged_snaps_scrub, base?.last_purged_snaps_scrub),
    dead_epoch: x.dead_epoch,
  }));
}

type raw_blocklist = raw_osd_data["blocklist"];
function from_blocklist(m: ReadonlyMap<string, number>, base?: raw_blocklist): raw_blocklist {
  return keep(base, new Map(m), to_blocklist, () => {
    const known = new Map((base ?? []).map((e) => [[...to_blocklist([e]).keys()][0], e]));
    const entries = [...m].map(([key, until]): readonly [raw_addr, raw_utime] => {
      const old = known.get(key);
      return [old?.[0] ?? make_raw_addr(parse_addr(key), ANY), ms_to_utime(until, old?.[1])];
    });
    return entries.sort(([a], [b]) => a.type - b.type || a.nonce - b.nonce || bytewise(a.sa, b.sa));
  });
}
function bytewise(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const d = (a[i] ?? 0) - (b[i] ?? 0);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}
/** Of `host:port/nonce`. */
function parse_addr(key: string): entity_addr_t {
  const m = /^(.*):(\d+)\/(\d+)$/.exec(key);
  const host = (m?.[1] ?? key).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(m?.[2] ?? 0), nonce: Number(m?.[3] ?? 0) };
}

function from_pool(p: pg_pool_t, id: number, base: raw_pool | undefined): raw_pool {
  return keep(
    base,
    p,
    (r) => to_pool(r, id),
    () => ({
      ...(base ?? BLANK_POOL),
      ...pool_numbers(p, base),
      snaps: new Map(
        [...p.snaps].map(([snapid, s]) => {
          const old = base?.snaps.get(BigInt(snapid));
          const head = old ?? { struct_v: 2, struct_compat: 2, rest: NO_REST };
          const stamp = ms_to_utime(s.stamp, old?.stamp);
          return [BigInt(snapid), { ...head, snapid: BigInt(s.snapid), stamp, name: s.name }];
        }),
      ),
      removed_snaps: runs(p.removed_snaps),
      opts: { struct_v: 2, struct_compat: 1, ...base?.opts, values: opt_values(p) },
      application_metadata: p.application_metadata,
      create_time: ms_to_utime(p.create_time, base?.create_time ?? NO_TIME),
    }),
  );
}

function opt_values(p: pg_pool_t): Map<number, raw_pool_opt> {
  const out = new Map<number, raw_pool_opt>();
  for (const [name, v] of p.opts) {
    const entry = opt_entry(name, v);
    if (entry) out.set(...entry);
  }
  return out;
}

/** The fields that are numbers and texts in both. */
function pool_numbers(p: pg_pool_t, base: raw_pool | undefined): Partial<raw_pool> {
  const stretch = p.peering_crush_bucket_count > 0 || p.peering_crush_bucket_target > 0;
  const wanted = stretch ? 30 : BLANK_POOL.struct_v;
  return {
    struct_v: Math.max(base?.struct_v ?? 0, wanted),
    type: p.type,
    size: p.size,
    crush_rule: p.crush_rule,
    object_hash: p.object_hash,
    pg_num: p.pg_num,
    pgp_num: p.pgp_num,
    last_change: p.last_change,
    snap_seq: BigInt(p.snap_seq),
    snap_epoch: p.snap_epoch,
    flags: BigInt(p.flags),
    min_size: p.min_size,
    quota_max_bytes: BigInt(p.quota_max_bytes),
    quota_max_objects: BigInt(p.quota_max_objects),
    stripe_width: p.stripe_width,
    erasure_code_profile: p.erasure_code_profile,
    last_force_op_resend_preluminous: p.last_force_op_resend_preluminous,
    expected_num_objects: BigInt(p.expected_num_objects),
    fast_read: p.fast_read,
    last_force_op_resend_prenautilus: p.last_force_op_resend_prenautilus,
    pg_num_target: p.pg_num_target,
    pgp_num_target: p.pgp_num_target,
    pg_num_pending: p.pg_num_pending,
    last_force_op_resend: p.last_force_op_resend,
    pg_autoscale_mode: autoscale_number(p.pg_autoscale_mode),
    peering_crush_bucket_count: p.peering_crush_bucket_count,
    peering_crush_bucket_target: p.peering_crush_bucket_target,
    peering_crush_bucket_barrier: p.peering_crush_bucket_barrier,
    peering_crush_bucket_mandatory_member: p.peering_crush_bucket_mandatory_member,
  };
}
