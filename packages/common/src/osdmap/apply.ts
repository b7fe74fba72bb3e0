/**
 * OSDMap::apply_incremental: the next map out of a map and an incremental.
 * The order of the steps matters: state bits are flipped after weights and before the new boots.
 * Ceph counterpart: src/osd/OSDMap.cc. cluster.md §1.4.
 */
import type { pg_t } from "../types/osd_types.ts";
import { decode_osdmap } from "./encode.ts";
import {
  CEPH_OSD_AUTOOUT,
  CEPH_OSD_DEFAULT_PRIMARY_AFFINITY,
  CEPH_OSD_EXISTS,
  CEPH_OSD_NEW,
  CEPH_OSD_OUT,
  CEPH_OSD_STOP,
  CEPH_OSD_UP,
  MAX_MAX_OSD,
} from "./flags.ts";
import type { Incremental, osd_info_t, osd_xinfo_t } from "./Incremental.ts";
import { snap_subtract, snap_union } from "./interval_set.ts";
import { MapError } from "./MapError.ts";
import {
  BLANK_ADDRS,
  BLANK_UUID,
  NO_INFO,
  NO_XINFO,
  type osd_addrs_t,
  type osdmap_fields,
} from "./osdmap_fields.ts";
import type { snap_interval_t } from "./pg_pool_t.ts";
import { is_release_before } from "./releases.ts";

type Fields = { -readonly [K in keyof osdmap_fields]: osdmap_fields[K] };

export function apply_incremental(prev: osdmap_fields, inc: Incremental): osdmap_fields {
  if (inc.epoch !== prev.epoch + 1) {
    throw new MapError("wrong_epoch", `incremental ${inc.epoch} on top of map ${prev.epoch}`);
  }
  if (inc.epoch !== 1 && inc.fsid !== prev.fsid) {
    throw new MapError("wrong_fsid", `incremental of ${inc.fsid} for the map of ${prev.fsid}`);
  }
  if (inc.fullmap) {
    const full = decode_osdmap(inc.fullmap);
    if (full.epoch !== inc.epoch || full.fsid !== inc.fsid) {
      throw new MapError("wrong_epoch", `incremental ${inc.epoch} holds map ${full.epoch}`);
    }
    return full;
  }
  const f: Fields = { ...prev, fsid: inc.fsid, epoch: inc.epoch, modified: inc.modified };
  if (inc.new_flags >= 0) f.flags = inc.new_flags;
  apply_pools(f, inc);
  apply_osds(f, inc);
  apply_overrides(f, inc);
  apply_settings(f, inc);
  if (inc.crush) {
    f.crush = inc.crush;
    // Older releases did not count these, and still must get to the same map.
    if (!is_release_before(f.require_osd_release, "luminous")) f.crush_version++;
  }
  return f;
}

/** A copy of `m` with the entries of `set`; `m` itself when there are none. */
function with_entries<K, V>(m: ReadonlyMap<K, V>, set: ReadonlyMap<K, V>): ReadonlyMap<K, V> {
  return set.size === 0 ? m : new Map([...m, ...set]);
}
function without<K, V>(m: ReadonlyMap<K, V>, gone: Iterable<K>): ReadonlyMap<K, V> {
  let copy: Map<K, V> | undefined;
  for (const k of gone) {
    if (!m.has(k)) continue;
    copy ??= new Map(m);
    copy.delete(k);
  }
  return copy ?? m;
}
/** As with_entries, but values that `is_unset` delete their key. */
function updated<K, V>(
  m: ReadonlyMap<K, V>,
  set: ReadonlyMap<K, V>,
  is_unset: (v: V) => boolean,
): ReadonlyMap<K, V> {
  if (set.size === 0) return m;
  const copy = new Map(m);
  for (const [k, v] of set) {
    if (is_unset(v)) copy.delete(k);
    else copy.set(k, v);
  }
  return copy;
}
function by_key<V>(m: ReadonlyMap<number, V>): ReadonlyMap<number, V> {
  return new Map([...m].sort(([a], [b]) => a - b));
}

function apply_pools(f: Fields, inc: Incremental): void {
  if (inc.new_pool_max !== -1) f.pool_max = inc.new_pool_max;
  if (inc.new_pools.size > 0) {
    const pools = new Map(f.pools);
    for (const [id, pool] of inc.new_pools) pools.set(id, { ...pool, last_change: inc.epoch });
    f.pools = by_key(pools);
  }
  apply_snaps(f, inc);
  if (inc.new_pool_names.size > 0)
    f.pool_name = by_key(with_entries(f.pool_name, inc.new_pool_names));
  f.pools = without(f.pools, inc.old_pools);
  f.pool_name = without(f.pool_name, inc.old_pools);
}

function apply_snaps(f: Fields, inc: Incremental): void {
  // These two tell of one epoch only.
  if (f.new_removed_snaps.size + inc.new_removed_snaps.size > 0) {
    f.new_removed_snaps = new Map(inc.new_removed_snaps);
  }
  if (f.new_purged_snaps.size + inc.new_purged_snaps.size > 0) {
    f.new_purged_snaps = new Map(inc.new_purged_snaps);
  }
  if (inc.new_removed_snaps.size + inc.new_purged_snaps.size === 0) return;
  const queue = new Map<number, readonly snap_interval_t[]>(f.removed_snaps_queue);
  for (const [pool, snaps] of inc.new_removed_snaps) {
    queue.set(pool, snap_union(queue.get(pool) ?? [], snaps));
  }
  for (const [pool, snaps] of inc.new_purged_snaps) {
    const left = snap_subtract(queue.get(pool) ?? [], snaps);
    if (left.length > 0) queue.set(pool, left);
    else queue.delete(pool);
  }
  f.removed_snaps_queue = queue;
}

/** The per-OSD arrays; each is copied when it is first written to. */
class OsdArrays {
  readonly max_osd: number;
  readonly state: Cow<number>;
  readonly weight: Cow<number>;
  readonly info: Cow<osd_info_t>;
  readonly xinfo: Cow<osd_xinfo_t>;
  readonly uuid: Cow<string>;
  readonly addrs: Cow<osd_addrs_t>;
  #affinity: Cow<number> | undefined;

  constructor(f: osdmap_fields, new_max_osd: number) {
    const n = new_max_osd >= 0 ? new_max_osd : f.max_osd;
    if (n > MAX_MAX_OSD) throw new MapError("bad_encoding", `max_osd ${n} is out of range`);
    this.max_osd = n;
    this.state = new Cow(f.osd_state, n, 0);
    this.weight = new Cow(f.osd_weight, n, CEPH_OSD_OUT);
    this.info = new Cow(f.osd_info, n, NO_INFO);
    this.xinfo = new Cow(f.osd_xinfo, n, NO_XINFO);
    this.uuid = new Cow(f.osd_uuid, n, BLANK_UUID);
    this.addrs = new Cow(f.osd_addrs, n, BLANK_ADDRS);
    const a = f.osd_primary_affinity;
    if (a) this.#affinity = new Cow(a, n, CEPH_OSD_DEFAULT_PRIMARY_AFFINITY);
  }
  set_primary_affinity(o: number, affinity: number): void {
    if (!this.#affinity) {
      if (affinity === CEPH_OSD_DEFAULT_PRIMARY_AFFINITY) return;
      this.#affinity = new Cow([], this.max_osd, CEPH_OSD_DEFAULT_PRIMARY_AFFINITY);
    }
    this.#affinity.set(o, affinity);
  }
  /** Nothing of an OSD that was removed stays with its id. */
  wipe(o: number): void {
    this.uuid.set(o, BLANK_UUID);
    this.info.set(o, NO_INFO);
    this.xinfo.set(o, NO_XINFO);
    this.set_primary_affinity(o, CEPH_OSD_DEFAULT_PRIMARY_AFFINITY);
    this.addrs.set(o, BLANK_ADDRS);
    this.state.set(o, 0);
  }
  store(f: Fields): void {
    f.max_osd = this.max_osd;
    f.osd_state = this.state.list;
    f.osd_weight = this.weight.list;
    f.osd_info = this.info.list;
    f.osd_xinfo = this.xinfo.list;
    f.osd_uuid = this.uuid.list;
    f.osd_addrs = this.addrs.list;
    f.osd_primary_affinity = this.#affinity?.list ?? null;
  }
}

class Cow<T> {
  list: readonly T[];
  #own: T[] | undefined;
  readonly #blank: T;

  constructor(list: readonly T[], length: number, blank: T) {
    this.#blank = blank;
    this.list = list;
    if (list.length === length) return;
    this.#own = Array.from({ length }, (_, i) => list[i] ?? blank);
    this.list = this.#own;
  }
  get(o: number): T {
    return this.list[o] ?? this.#blank;
  }
  set(o: number, v: T): void {
    if (!(o >= 0 && o < this.list.length)) {
      throw new MapError("bad_encoding", `osd.${o} is not below max_osd ${this.list.length}`);
    }
    if (this.list[o] === v) return;
    this.#own ??= [...this.list];
    this.#own[o] = v;
    this.list = this.#own;
  }
}

function apply_osds(f: Fields, inc: Incremental): void {
  const a = new OsdArrays(f, inc.new_max_osd);
  for (const [o, w] of inc.new_weight) {
    a.weight.set(o, w);
    if (w === CEPH_OSD_OUT) continue;
    a.state.set(o, (a.state.get(o) | CEPH_OSD_EXISTS) & ~(CEPH_OSD_AUTOOUT | CEPH_OSD_NEW));
    if (a.xinfo.get(o).old_weight !== 0) a.xinfo.set(o, { ...a.xinfo.get(o), old_weight: 0 });
  }
  for (const [o, affinity] of inc.new_primary_affinity) a.set_primary_affinity(o, affinity);
  for (const [o, mask] of inc.new_state) apply_state(a, o, mask || CEPH_OSD_UP, inc);
  for (const [o, client] of inc.new_up_client) {
    a.state.set(o, (a.state.get(o) | CEPH_OSD_EXISTS | CEPH_OSD_UP) & ~CEPH_OSD_STOP);
    const hb_back = inc.new_hb_back_up.get(o) ?? client;
    const hb_front = inc.new_hb_front_up.get(o) ?? client;
    a.addrs.set(o, { client, cluster: client, hb_back, hb_front });
    a.info.set(o, { ...a.info.get(o), up_from: inc.epoch });
  }
  for (const [o, cluster] of inc.new_up_cluster) a.addrs.set(o, { ...a.addrs.get(o), cluster });
  for (const [o, up_thru] of inc.new_up_thru) a.info.set(o, { ...a.info.get(o), up_thru });
  for (const [o, [last_clean_begin, last_clean_end]] of inc.new_last_clean_interval) {
    a.info.set(o, { ...a.info.get(o), last_clean_begin, last_clean_end });
  }
  for (const [o, lost_at] of inc.new_lost) a.info.set(o, { ...a.info.get(o), lost_at });
  for (const [o, xinfo] of inc.new_xinfo) a.xinfo.set(o, xinfo);
  for (const [o, uuid] of inc.new_uuid) a.uuid.set(o, uuid);
  a.store(f);
}

function apply_state(a: OsdArrays, o: number, mask: number, inc: Incremental): void {
  const state = a.state.get(o);
  if (state & mask & CEPH_OSD_UP) {
    a.info.set(o, { ...a.info.get(o), down_at: inc.epoch });
    a.xinfo.set(o, { ...a.xinfo.get(o), down_stamp: inc.modified });
  }
  if (state & mask & CEPH_OSD_EXISTS) a.wipe(o);
  else a.state.set(o, state ^ mask);
}

function apply_overrides(f: Fields, inc: Incremental): void {
  const is_empty = (l: readonly number[]) => l.length === 0;
  const is_negative = (n: number) => n === -1;
  f.pg_temp = updated<pg_t, readonly number[]>(f.pg_temp, inc.new_pg_temp, is_empty);
  f.primary_temp = updated(f.primary_temp, inc.new_primary_temp, is_negative);
  f.pg_upmap = without(with_entries(f.pg_upmap, inc.new_pg_upmap), inc.old_pg_upmap);
  f.pg_upmap_items = without(
    with_entries(f.pg_upmap_items, inc.new_pg_upmap_items),
    inc.old_pg_upmap_items,
  );
  f.blocklist = without(with_entries(f.blocklist, inc.new_blocklist), inc.old_blocklist);
  f.range_blocklist = without(
    with_entries(f.range_blocklist, inc.new_range_blocklist),
    inc.old_range_blocklist,
  );
}

function apply_settings(f: Fields, inc: Incremental): void {
  const is_zero = (n: number) => n === 0;
  if (inc.new_last_up_change !== -1) f.last_up_change = inc.new_last_up_change;
  if (inc.new_last_in_change !== -1) f.last_in_change = inc.new_last_in_change;
  f.erasure_code_profiles = with_entries(
    without(f.erasure_code_profiles, inc.old_erasure_code_profiles),
    inc.new_erasure_code_profiles,
  );
  f.crush_node_flags = updated(f.crush_node_flags, inc.new_crush_node_flags, is_zero);
  f.device_class_flags = updated(f.device_class_flags, inc.new_device_class_flags, is_zero);
  if (inc.cluster_snapshot !== "") f.cluster_snapshot = inc.cluster_snapshot;
  if (inc.new_nearfull_ratio >= 0) f.nearfull_ratio = inc.new_nearfull_ratio;
  if (inc.new_backfillfull_ratio >= 0) f.backfillfull_ratio = inc.new_backfillfull_ratio;
  if (inc.new_full_ratio >= 0) f.full_ratio = inc.new_full_ratio;
  if (inc.new_require_min_compat_client !== "") {
    f.require_min_compat_client = inc.new_require_min_compat_client;
  }
  if (inc.new_require_osd_release !== "") f.require_osd_release = inc.new_require_osd_release;
}
