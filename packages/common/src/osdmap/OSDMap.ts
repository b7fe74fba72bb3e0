/**
 * OSDMap: who is up, in and where, the pools, the overrides; and from that, which OSDs serve a PG.
 * Immutable once built; `apply_incremental` returns the next one and shares what did not change.
 * Ceph counterpart: src/osd/OSDMap.{h,cc}. cluster.md §1.
 */
import type { CrushWrapper } from "../crush/CrushWrapper.ts";
import type { entity_addr_t } from "../types/entity.ts";
import { type epoch_t, pg_t as make_pg, pg_pool, type pg_t } from "../types/osd_types.ts";
import { apply_incremental } from "./apply.ts";
import { crc32c } from "./crc32c.ts";
import { osdmap_dump } from "./dump.ts";
import { decode_osdmap, encode_osdmap } from "./encode.ts";
import {
  CEPH_OSD_DEFAULT_PRIMARY_AFFINITY,
  CEPH_OSD_DESTROYED,
  CEPH_OSD_EXISTS,
  CEPH_OSD_NEW,
  CEPH_OSD_NODOWN,
  CEPH_OSD_NOIN,
  CEPH_OSD_NOOUT,
  CEPH_OSD_NOUP,
  CEPH_OSD_STOP,
  CEPH_OSD_UP,
  OSDMAP_FLAGS,
  osdmap_flag_names,
  type osdmap_flag_t,
} from "./flags.ts";
import type { Incremental, osd_info_t, osd_xinfo_t, upmap_item_t } from "./Incremental.ts";
import { type crush_pick_t, PgMapper, type PlacementLender, type up_acting_t } from "./mapping.ts";
import {
  BLANK_ADDRS,
  BLANK_UUID,
  EMPTY_FIELDS,
  NO_INFO,
  NO_XINFO,
  type osd_addrs_t,
  type osdmap_fields,
} from "./osdmap_fields.ts";
import { type pg_pool_t, pool_hash_key, raw_pg_to_pg } from "./pg_pool_t.ts";

/** Where an object is to be placed: Ceph's object_locator_t plus the name. */
export interface object_locator {
  readonly pool: number;
  readonly oid: string;
  readonly nspace?: string;
  readonly key?: string;
}

/**
 * One epoch of the cluster: see the top of the file. Weights and affinities are 16.16 fixed point,
 * stamps ms since 1970. Questions about an OSD or PG that is not there have blank answers, and
 * throw nothing.
 */
export class OSDMap {
  /** All of the map's data; the getters below are the usual way in. */
  readonly f: osdmap_fields;
  readonly #mapper: PgMapper;
  #encoded: Uint8Array | undefined;
  #crc: number | undefined;
  #id_of_pool: Map<string, number> | undefined;
  #pool_ids: readonly number[] | undefined;

  /** Fields not given are those of the empty map, epoch 0. `prev` lends its placements. */
  constructor(fields: Partial<osdmap_fields> = {}, prev?: OSDMap) {
    this.f = { ...EMPTY_FIELDS, ...fields };
    this.#mapper = new PgMapper(this.f, prev ? prev.#mapper : undefined);
  }

  get epoch(): epoch_t {
    return this.f.epoch;
  }
  get fsid(): string {
    return this.f.fsid;
  }
  get created(): number {
    return this.f.created;
  }
  get modified(): number {
    return this.f.modified;
  }
  get last_up_change(): number {
    return this.f.last_up_change;
  }
  get last_in_change(): number {
    return this.f.last_in_change;
  }
  get flags(): number {
    return this.f.flags;
  }
  get pools(): ReadonlyMap<number, pg_pool_t> {
    return this.f.pools;
  }
  get pool_name(): ReadonlyMap<number, string> {
    return this.f.pool_name;
  }
  get pool_max(): number {
    return this.f.pool_max;
  }
  get max_osd(): number {
    return this.f.max_osd;
  }
  get pg_temp(): ReadonlyMap<pg_t, readonly number[]> {
    return this.f.pg_temp;
  }
  get primary_temp(): ReadonlyMap<pg_t, number> {
    return this.f.primary_temp;
  }
  get pg_upmap(): ReadonlyMap<pg_t, readonly number[]> {
    return this.f.pg_upmap;
  }
  get pg_upmap_items(): ReadonlyMap<pg_t, readonly upmap_item_t[]> {
    return this.f.pg_upmap_items;
  }
  get crush(): CrushWrapper {
    return this.f.crush;
  }
  get crush_version(): number {
    return this.f.crush_version;
  }
  get erasure_code_profiles(): ReadonlyMap<string, ReadonlyMap<string, string>> {
    return this.f.erasure_code_profiles;
  }
  get nearfull_ratio(): number {
    return this.f.nearfull_ratio;
  }
  get backfillfull_ratio(): number {
    return this.f.backfillfull_ratio;
  }
  get full_ratio(): number {
    return this.f.full_ratio;
  }
  get blocklist(): ReadonlyMap<string, number> {
    return this.f.blocklist;
  }

  // ---------------------------------------------------------------- OSDs

  get_state(o: number): number {
    const { osd_state } = this.f;
    // Asked of OSDs that there are not, too: V8 gives up code that reads beyond an array.
    return o >= 0 && o < osd_state.length ? (osd_state[o] ?? 0) : 0;
  }
  exists(o: number): boolean {
    return (this.get_state(o) & CEPH_OSD_EXISTS) !== 0;
  }
  is_up(o: number): boolean {
    const both = CEPH_OSD_EXISTS | CEPH_OSD_UP;
    return (this.get_state(o) & both) === both;
  }
  /** Not up; also true for an OSD that does not exist. */
  is_down(o: number): boolean {
    return !this.is_up(o);
  }
  /** Known to have stopped serving since it was up last: its process ended, or has seen that it is down. */
  is_dead(o: number): boolean {
    return this.exists(o) && this.get_xinfo(o).dead_epoch > this.get_up_from(o);
  }
  is_in(o: number): boolean {
    return this.exists(o) && this.get_weight(o) !== 0;
  }
  /** Not in; also true for an OSD that does not exist. */
  is_out(o: number): boolean {
    return !this.is_in(o);
  }
  is_destroyed(o: number): boolean {
    return this.exists(o) && (this.get_state(o) & CEPH_OSD_DESTROYED) !== 0;
  }
  is_new(o: number): boolean {
    return this.exists(o) && (this.get_state(o) & CEPH_OSD_NEW) !== 0;
  }
  is_stop(o: number): boolean {
    return this.exists(o) && (this.get_state(o) & CEPH_OSD_STOP) !== 0;
  }
  is_noup(o: number): boolean {
    return this.#is_no(o, "noup", CEPH_OSD_NOUP);
  }
  is_nodown(o: number): boolean {
    return this.#is_no(o, "nodown", CEPH_OSD_NODOWN);
  }
  is_noin(o: number): boolean {
    return this.#is_no(o, "noin", CEPH_OSD_NOIN);
  }
  is_noout(o: number): boolean {
    return this.#is_no(o, "noout", CEPH_OSD_NOOUT);
  }
  /** 16.16; 0 = out. */
  get_weight(o: number): number {
    return this.f.osd_weight[o] ?? 0;
  }
  get_weightf(o: number): number {
    return this.get_weight(o) / 0x10000;
  }
  get_primary_affinity(o: number): number {
    return this.f.osd_primary_affinity?.[o] ?? CEPH_OSD_DEFAULT_PRIMARY_AFFINITY;
  }
  get_primary_affinityf(o: number): number {
    return this.get_primary_affinity(o) / CEPH_OSD_DEFAULT_PRIMARY_AFFINITY;
  }
  /** Where clients reach it. Blank for an OSD that never was up. */
  get_addr(o: number): entity_addr_t {
    return this.get_addrs(o).client;
  }
  get_cluster_addr(o: number): entity_addr_t {
    return this.get_addrs(o).cluster;
  }
  get_addrs(o: number): osd_addrs_t {
    return this.f.osd_addrs[o] ?? BLANK_ADDRS;
  }
  get_info(o: number): osd_info_t {
    return this.f.osd_info[o] ?? NO_INFO;
  }
  get_xinfo(o: number): osd_xinfo_t {
    return this.f.osd_xinfo[o] ?? NO_XINFO;
  }
  get_uuid(o: number): string {
    return this.f.osd_uuid[o] ?? BLANK_UUID;
  }
  get_up_from(o: number): epoch_t {
    return this.get_info(o).up_from;
  }
  get_up_thru(o: number): epoch_t {
    return this.get_info(o).up_thru;
  }
  get_down_at(o: number): epoch_t {
    return this.get_info(o).down_at;
  }
  get_lost_at(o: number): epoch_t {
    return this.get_info(o).lost_at;
  }
  /** OSDs that exist, ascending. */
  get_all_osds(): number[] {
    return this.#osds_where((o) => this.exists(o));
  }
  get_up_osds(): number[] {
    return this.#osds_where((o) => this.is_up(o));
  }
  get_in_osds(): number[] {
    return this.#osds_where((o) => this.is_in(o));
  }
  get_num_osds(): number {
    return this.get_all_osds().length;
  }
  get_num_up_osds(): number {
    return this.get_up_osds().length;
  }
  get_num_in_osds(): number {
    return this.get_in_osds().length;
  }
  /** The OSD with this uuid, -1 when there is none. */
  identify_osd(uuid: string): number {
    return uuid === BLANK_UUID ? -1 : this.f.osd_uuid.indexOf(uuid);
  }

  // ---------------------------------------------------------------- flags

  test_flag(flag: osdmap_flag_t): boolean {
    return (this.f.flags & OSDMAP_FLAGS[flag]) !== 0;
  }
  /** Comma list in Ceph's order. */
  get_flag_string(): string {
    return osdmap_flag_names(this.f.flags).join(",");
  }

  // ---------------------------------------------------------------- pools and PGs

  get_pg_pool(id: number): pg_pool_t | undefined {
    return this.f.pools.get(id);
  }
  have_pg_pool(id: number): boolean {
    return this.f.pools.has(id);
  }
  /** -1 when there is no such pool. */
  lookup_pg_pool_name(name: string): number {
    this.#id_of_pool ??= new Map([...this.f.pool_name].map(([id, n]) => [n, id]));
    return this.#id_of_pool.get(name) ?? -1;
  }
  get_pool_name(id: number): string | undefined {
    return this.f.pool_name.get(id);
  }
  /** Pool ids, ascending. */
  pool_ids(): readonly number[] {
    this.#pool_ids ??= [...this.f.pools.keys()].sort((a, b) => a - b);
    return this.#pool_ids;
  }
  get_pg_num(pool: number): number {
    return this.f.pools.get(pool)?.pg_num ?? 0;
  }
  /** The PGs of a pool by ascending seed. */
  get_pgs(pool: number): pg_t[] {
    return Array.from({ length: this.get_pg_num(pool) }, (_, ps) => make_pg(pool, ps));
  }
  pg_exists(pg: pg_t): boolean {
    return this.#mapper.pg_exists(pg);
  }
  /** undefined when the pool does not exist. The key, where there is one, places the object. */
  object_locator_to_pg(loc: object_locator): { hash: number; raw_pg: pg_t } | undefined {
    const pool = this.f.pools.get(loc.pool);
    if (!pool) return undefined;
    const hash = pool_hash_key(pool, loc.key ? loc.key : loc.oid, loc.nspace ?? "");
    return { hash, raw_pg: make_pg(loc.pool, hash) };
  }
  /** The PG that a raw one (seed = full hash) falls into; undefined when its pool is gone. */
  raw_pg_to_pg(pg: pg_t): pg_t | undefined {
    const pool = this.f.pools.get(pg_pool(pg));
    return pool && raw_pg_to_pg(pool, pg);
  }

  /** Up and acting with their primaries. Shared with the map: do not change the lists. */
  pg_to_up_acting_osds(pg: pg_t): up_acting_t {
    return this.#mapper.pg_to_up_acting_osds(pg);
  }
  /** Up as CRUSH, upmaps and affinity give it: what acting would be without temps. */
  pg_to_raw_up(pg: pg_t): { up: readonly number[]; up_primary: number } {
    return this.#mapper.pg_to_raw_up(pg);
  }
  /** What CRUSH picks, less OSDs that do not exist: no upmaps, down OSDs included. */
  pg_to_raw_osds(pg: pg_t): { raw: readonly number[]; primary: number } {
    return this.#mapper.pg_to_raw_osds(pg);
  }
  /** {@link pg_to_raw_osds} after upmaps. */
  pg_to_raw_upmap(pg: pg_t): readonly number[] {
    return this.#mapper.pg_to_raw_upmap(pg);
  }
  /** What CRUSH says of a PG of a pool that exists. */
  crush_pick(pool: number, ps: number): crush_pick_t {
    return this.#mapper.crush_pick(pool, ps);
  }
  /** The same, not remembered: for OSDMapMapping, which keeps all of them itself. */
  peek_crush_pick(pool: number, ps: number): crush_pick_t {
    return this.#mapper.peek_crush_pick(pool, ps);
  }
  /** `lender` is asked before CRUSH. */
  lend_placements(lender: PlacementLender): void {
    this.#mapper.lend(lender);
  }
  /** Position of an OSD in a list, -1 when it is not there. */
  static calc_pg_role(osd: number, acting: readonly number[]): number {
    return acting.indexOf(osd);
  }

  // ---------------------------------------------------------------- next map, bytes

  /**
   * The map that follows. Throws MapError when `inc` does not fit this map. Placements known of
   * `like` need not be worked out again; by default those of this map.
   */
  apply_incremental(inc: Incremental, like: OSDMap = this): OSDMap {
    return new OSDMap(apply_incremental(this.f, inc), like);
  }
  /** Canonical bytes: equal maps encode equally. Do not change them. */
  encode(): Uint8Array {
    this.#encoded ??= encode_osdmap(this.f);
    return this.#encoded;
  }
  /** CRC-32C of the canonical encoding. */
  get crc(): number {
    this.#crc ??= crc32c(this.encode());
    return this.#crc;
  }
  /** Throws MapError for anything but an encoded map. */
  static decode(bytes: Uint8Array): OSDMap {
    return new OSDMap(decode_osdmap(bytes));
  }
  /** JSON as `ceph osd dump`. */
  dump(): Record<string, unknown> {
    return osdmap_dump(this);
  }

  #osds_where(test: (o: number) => boolean): number[] {
    const out: number[] = [];
    for (let o = 0; o < this.f.max_osd; o++) if (test(o)) out.push(o);
    return out;
  }
  // A flag may be set on the cluster, on the OSD, on a CRUSH node above it or on its class.
  #is_no(o: number, flag: osdmap_flag_t, bit: number): boolean {
    if (this.test_flag(flag)) return true;
    if (this.exists(o) && (this.get_state(o) & bit) !== 0) return true;
    if (this.f.device_class_flags.size > 0) {
      const c = this.f.crush.map.class_map.get(o);
      if (c !== undefined && ((this.f.device_class_flags.get(c) ?? 0) & bit) !== 0) return true;
    }
    if (this.f.crush_node_flags.size === 0) return false;
    let node: number | undefined = o;
    for (let n = this.f.crush.map.buckets.size; node !== undefined && n >= 0; n--) {
      if (((this.f.crush_node_flags.get(node) ?? 0) & bit) !== 0) return true;
      node = this.f.crush.get_immediate_parent_id(node);
    }
    return false;
  }
}
