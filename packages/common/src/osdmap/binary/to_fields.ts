/** From the binary map's records to those of OSDMap. What is out of range is refused. */

import { decode_crush_binary } from "../../crush/binary.ts";
import type { CrushWrapper } from "../../crush/CrushWrapper.ts";
import { addr_str } from "../../types/entity.ts";
import {
  CEPH_OSD_DEFAULT_PRIMARY_AFFINITY,
  CEPH_OSD_IN,
  MAX_MAX_OSD,
  OSDMAP_FLAGS,
} from "../flags.ts";
import type { osd_xinfo_t } from "../Incremental.ts";
import { MapError } from "../MapError.ts";
import type { osd_addrs_t, osdmap_fields } from "../osdmap_fields.ts";
import {
  MAX_PG_NUM,
  POOL_FLAGS,
  type pg_pool_t,
  type pool_snap_info_t,
  type pool_type_t,
  type snap_interval_t,
} from "../pg_pool_t.ts";
import { release_name, release_number } from "../releases.ts";
import { raw_to_entity_addr, to_entity_addr } from "./addr.ts";
import type { raw_osd_data, raw_osdmap, raw_pool, raw_xinfo } from "./raw.ts";
import { autoscale_name, opt_name, opt_value, utime_to_ms, uuid_to_text } from "./values.ts";

function bad(what: string): never {
  throw new MapError("bad_encoding", what);
}
function safe(v: bigint, what: string): number {
  const n = Number(v);
  return Number.isSafeInteger(n) && n >= 0 ? n : bad(`${what} ${v} is out of range`);
}
/** Sizes may be "unlimited": what a number cannot hold becomes the largest that it can. */
function clamped(v: bigint): number {
  return v > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(v);
}
const runs = (l: readonly (readonly [bigint, bigint])[]): snap_interval_t[] =>
  l.map(([start, length]) => [safe(start, "snapshot"), safe(length, "snapshot count")]);
const map_values = <K, V, W>(m: ReadonlyMap<K, V>, fn: (v: V, k: K) => W): Map<K, W> =>
  new Map([...m].map(([k, v]) => [k, fn(v, k)]));

const LEGACY_FLAGS =
  OSDMAP_FLAGS.require_jewel_osds |
  OSDMAP_FLAGS.require_kraken_osds |
  OSDMAP_FLAGS.require_luminous_osds;

/** A required release stands for flags that older ones had to say. */
export function flags_of_release({ client, osd }: raw_osdmap): number {
  const since = (release: string) => osd.require_osd_release >= release_number(release);
  if (!since("luminous")) return client.flags;
  const { recovery_deletes, pglog_hardlimit } = OSDMAP_FLAGS;
  const stood_for = recovery_deletes | (since("nautilus") ? pglog_hardlimit : 0);
  return (client.flags & ~LEGACY_FLAGS) | stood_for;
}

export function to_fields(raw: raw_osdmap): osdmap_fields {
  const { client: c, osd: o } = raw;
  if (c.flags > 0x7fffffff) bad(`flags ${c.flags} are out of range`);
  if (c.crush_version < 0) bad(`crush_version ${c.crush_version} is out of range`);
  return {
    fsid: uuid_to_text(c.fsid),
    epoch: c.epoch,
    created: utime_to_ms(c.created),
    modified: utime_to_ms(c.modified),
    last_up_change: utime_to_ms(c.last_up_change),
    last_in_change: utime_to_ms(c.last_in_change),
    flags: flags_of_release(raw),
    pool_max: Math.max(0, c.pool_max),
    pools: map_values(c.pools, to_pool),
    pool_name: c.pool_name,
    ...osd_arrays(raw),
    pg_temp: map_values(c.pg_temp, (osds, pg) => osds.map((o) => member(o, pg))),
    primary_temp: map_values(c.primary_temp, member),
    pg_upmap: c.pg_upmap,
    pg_upmap_items: c.pg_upmap_items,
    crush: to_crush(c.crush),
    crush_version: c.crush_version,
    erasure_code_profiles: c.erasure_code_profiles,
    nearfull_ratio: o.nearfull_ratio,
    backfillfull_ratio: o.backfillfull_ratio,
    full_ratio: o.full_ratio,
    blocklist: to_blocklist(o.blocklist),
    range_blocklist: to_blocklist(o.range_blocklist),
    crush_node_flags: o.crush_node_flags,
    device_class_flags: o.device_class_flags,
    removed_snaps_queue: map_values(o.removed_snaps_queue, runs),
    new_removed_snaps: map_values(c.new_removed_snaps, runs),
    new_purged_snaps: map_values(c.new_purged_snaps, runs),
    cluster_snapshot: o.cluster_snapshot,
    require_min_compat_client: to_release(o.require_min_compat_client),
    require_osd_release: to_release(o.require_osd_release),
  };
}

function member(osd: number, pg: string): number {
  return osd >= 0 ? osd : bad(`pg ${pg}: osd.${osd} is out of range`);
}
function to_release(n: number): string {
  return release_name(n) ?? bad(`release ${n} is not known`);
}
/** The checksum of the map around it says that it is whole, however old it is. */
function to_crush(bytes: Uint8Array): CrushWrapper {
  try {
    return decode_crush_binary(bytes, { allow_older: true });
  } catch (e) {
    if (!(e instanceof MapError)) throw e;
    throw new MapError("bad_encoding", `CRUSH map inside: ${e.message}`, { cause: e });
  }
}
export function to_blocklist(l: raw_osd_data["blocklist"]): Map<string, number> {
  return new Map(l.map(([a, until]) => [addr_str(raw_to_entity_addr(a)), utime_to_ms(until)]));
}

function osd_arrays(raw: raw_osdmap) {
  const { client: c, osd: o } = raw;
  const n = c.max_osd;
  if (n < 0 || n > MAX_MAX_OSD) bad(`max_osd ${n} is out of range`);
  const affinity = c.osd_primary_affinity.length > 0 ? c.osd_primary_affinity : null;
  for (const [what, l] of Object.entries({
    osd_state: c.osd_state,
    osd_weight: c.osd_weight,
    client_addrs: c.client_addrs,
    ...(affinity ? { osd_primary_affinity: affinity } : {}),
    osd_info: o.osd_info,
    osd_xinfo: o.osd_xinfo,
    osd_uuid: o.osd_uuid,
    cluster_addrs: o.cluster_addrs,
    hb_back_addrs: o.hb_back_addrs,
    hb_front_addrs: o.hb_front_addrs,
  })) {
    if (l.length !== n) bad(`max_osd is ${n}, but there are ${l.length} of ${what}`);
  }
  c.osd_weight.forEach((w, osd) => {
    if (w > CEPH_OSD_IN) bad(`osd.${osd}: weight ${w} is above 1.0 (${CEPH_OSD_IN})`);
  });
  affinity?.forEach((a, osd) => {
    if (a > CEPH_OSD_DEFAULT_PRIMARY_AFFINITY)
      bad(`osd.${osd}: primary affinity ${a} is above 1.0`);
  });
  return {
    max_osd: n,
    osd_state: c.osd_state,
    osd_weight: c.osd_weight,
    osd_primary_affinity: affinity,
    osd_info: o.osd_info,
    osd_xinfo: o.osd_xinfo.map(to_xinfo),
    osd_uuid: o.osd_uuid.map(uuid_to_text),
    osd_addrs: Array.from({ length: n }, (_, osd) => to_addrs(raw, osd)),
  };
}
export function to_addrs({ client, osd }: raw_osdmap, o: number): osd_addrs_t {
  const none = { addrs: [], alone: false };
  return {
    client: to_entity_addr(client.client_addrs[o] ?? none),
    cluster: to_entity_addr(osd.cluster_addrs[o] ?? none),
    hb_back: to_entity_addr(osd.hb_back_addrs[o] ?? none),
    hb_front: to_entity_addr(osd.hb_front_addrs[o] ?? none),
  };
}
export function to_xinfo(x: raw_xinfo): osd_xinfo_t {
  return {
    down_stamp: utime_to_ms(x.down_stamp),
    // Each step in C's float.
    laggy_probability: Math.fround(Math.fround(x.laggy_probability) / Math.fround(0xffffffff)),
    laggy_interval: x.laggy_interval,
    // Ceph's bits reach beyond what a number holds; the file keeps them.
    features: Number.isSafeInteger(Number(x.features)) ? Number(x.features) : 0,
    old_weight: x.old_weight,
    last_purged_snaps_scrub: utime_to_ms(x.last_purged_snaps_scrub),
    dead_epoch: x.dead_epoch,
  };
}

/** Larger numbers are damage. */
const MAX_HIT_SETS = 10_000;

function to_pool_type(n: number, id: number): pool_type_t {
  return n === 1 || n === 3 ? n : bad(`pool ${id}: unknown type ${n}`);
}

const { selfmanaged_snaps, pool_snaps } = POOL_FLAGS;
/** Which kind of snapshots a pool has, where its flags are of a release that did not say so. */
function snap_mode(p: raw_pool): number {
  const said = (p.flags & BigInt(selfmanaged_snaps | pool_snaps)) !== 0n;
  if (said || p.snap_seq === 0n) return 0;
  return p.removed_snaps.length > 0 ? selfmanaged_snaps : pool_snaps;
}

export function to_pool(p: raw_pool, id: number): pg_pool_t {
  const staged = p.struct_v >= 28;
  const prenautilus =
    p.struct_v >= 25 ? p.last_force_op_resend_prenautilus : p.last_force_op_resend_preluminous;
  if (p.pg_num > MAX_PG_NUM) bad(`pool ${id}: pg_num ${p.pg_num} is above ${MAX_PG_NUM}`);
  if (p.hit_set_count > MAX_HIT_SETS) bad(`pool ${id}: ${p.hit_set_count} hit sets`);
  if (p.size === 0 || p.pg_num === 0 || p.pgp_num === 0 || p.pgp_num > p.pg_num) {
    bad(`pool ${id}: size ${p.size}, pg_num ${p.pg_num}, pgp_num ${p.pgp_num}`);
  }
  return {
    type: to_pool_type(p.type, id),
    size: p.size,
    min_size: p.min_size,
    crush_rule: p.crush_rule,
    object_hash: p.object_hash,
    pg_num: p.pg_num,
    pgp_num: p.pgp_num,
    pg_num_target: staged ? p.pg_num_target : p.pg_num,
    pgp_num_target: staged ? p.pgp_num_target : p.pgp_num,
    pg_num_pending: staged ? p.pg_num_pending : p.pg_num,
    flags: safe(p.flags, `pool ${id}: flags`) | snap_mode(p),
    create_time: utime_to_ms(p.create_time),
    last_change: p.last_change,
    last_force_op_resend: staged ? p.last_force_op_resend : prenautilus,
    last_force_op_resend_prenautilus: prenautilus,
    last_force_op_resend_preluminous: p.last_force_op_resend_preluminous,
    snap_seq: safe(p.snap_seq, `pool ${id}: snap_seq`),
    snap_epoch: p.snap_epoch,
    snaps: new Map(
      [...p.snaps].map(([snapid, s]): [number, pool_snap_info_t] => [
        safe(snapid, "snapshot"),
        { snapid: safe(s.snapid, "snapshot"), stamp: utime_to_ms(s.stamp), name: s.name },
      ]),
    ),
    removed_snaps: runs(p.removed_snaps),
    quota_max_bytes: clamped(p.quota_max_bytes),
    quota_max_objects: clamped(p.quota_max_objects),
    erasure_code_profile: p.erasure_code_profile,
    stripe_width: p.stripe_width,
    expected_num_objects: clamped(p.expected_num_objects),
    fast_read: p.fast_read,
    pg_autoscale_mode: staged
      ? (autoscale_name(p.pg_autoscale_mode) ?? bad(`pool ${id}: autoscale mode`))
      : "warn",
    opts: new Map([...p.opts.values].map(([key, o]) => [opt_name(key) ?? `${key}`, opt_value(o)])),
    application_metadata: p.application_metadata,
    peering_crush_bucket_count: p.peering_crush_bucket_count,
    peering_crush_bucket_target: p.peering_crush_bucket_target,
    peering_crush_bucket_barrier: p.peering_crush_bucket_barrier,
    peering_crush_bucket_mandatory_member: p.peering_crush_bucket_mandatory_member,
  };
}
