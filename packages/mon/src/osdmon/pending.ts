/**
 * The epoch in the making: the incremental and what is committed together with it, and the
 * questions that rules ask about "the committed map plus what is pending". Pure.
 * Ceph counterpart: OSDMonitor's pending_inc, pending_metadata. cluster.md §3.1.
 */
import {
  CEPH_OSD_DESTROYED,
  CEPH_OSD_EXISTS,
  CEPH_OSD_UP,
  type Config,
  type CrushWrapper,
  type Incremental,
  new_incremental,
  type OSDMap,
  type osd_xinfo_t,
  type pg_pool_t,
  type pg_t,
} from "@tako/common";

export type OsdMetadata = Readonly<Record<string, string>>;

export interface Pending {
  readonly inc: Incremental;
  readonly new_metadata: Map<number, OsdMetadata>;
  readonly old_metadata: Set<number>;
  /** PGs whose primary says that they are active now. */
  readonly created_pgs: Set<pg_t>;
  /** PGs to create anew at the operator's order, their data being lost. */
  readonly force_create: Set<pg_t>;
  /** Lines for the cluster log, written when the epoch is committed. */
  readonly log: { readonly prio: "DBG" | "INF" | "WRN" | "ERR"; readonly text: string }[];
}

export function new_pending(map: OSDMap): Pending {
  return {
    inc: new_incremental(map),
    new_metadata: new Map(),
    old_metadata: new Set(),
    created_pgs: new Set(),
    force_create: new Set(),
    log: [],
  };
}

/** Is there anything to commit? */
export function is_pending_empty(p: Pending): boolean {
  if (p.new_metadata.size + p.old_metadata.size > 0) return false;
  if (p.created_pgs.size + p.force_create.size > 0) return false;
  return is_incremental_empty(p.inc);
}

const HEADER = new Set(["fsid", "epoch", "modified", "full_crc"]);
function is_incremental_empty(inc: Incremental): boolean {
  let name: keyof Incremental;
  for (name in inc) {
    const v = inc[name];
    if (HEADER.has(name)) continue;
    if (v instanceof Map || v instanceof Set) {
      if (v.size > 0) return false;
    } else if (v !== -1 && v !== "" && v !== null) return false;
  }
  return true;
}

/** What a rule may look at. It edits `pending` and nothing else. */
export interface View {
  /** Last committed. */
  readonly osdmap: OSDMap;
  readonly pending: Pending;
  /** Wall clock, for stamps. */
  readonly now_ms: number;
  /** Monotonic clock, for durations. */
  readonly mono_ms: number;
  readonly config: Config;
}

export function pending_state(v: View, o: number): number {
  return v.osdmap.get_state(o) ^ (v.pending.inc.new_state.get(o) ?? 0);
}
export function xor_state(v: View, o: number, mask: number): void {
  const next = (v.pending.inc.new_state.get(o) ?? 0) ^ mask;
  if (next === 0) v.pending.inc.new_state.delete(o);
  else v.pending.inc.new_state.set(o, next);
}
/** Up in the committed map, and to be marked down in the next one. */
export function is_pending_down(v: View, o: number): boolean {
  return v.osdmap.is_up(o) && ((v.pending.inc.new_state.get(o) ?? 0) & CEPH_OSD_UP) !== 0;
}
export function mark_down(v: View, o: number): void {
  if (v.osdmap.is_up(o) && !is_pending_down(v, o)) xor_state(v, o, CEPH_OSD_UP);
}
/** Exists in the committed map and nothing pending removes it. */
export function pending_exists(v: View, o: number): boolean {
  return (
    (pending_state(v, o) & CEPH_OSD_EXISTS) !== 0 ||
    (v.pending.inc.new_weight.get(o) ?? 0) > 0 ||
    v.pending.inc.new_up_client.has(o)
  );
}
export function pending_destroyed(v: View, o: number): boolean {
  return (pending_state(v, o) & CEPH_OSD_DESTROYED) !== 0;
}

export function pending_xinfo(v: View, o: number): osd_xinfo_t {
  return v.pending.inc.new_xinfo.get(o) ?? v.osdmap.get_xinfo(o);
}
export function edit_xinfo(v: View, o: number, changes: Partial<osd_xinfo_t>): void {
  v.pending.inc.new_xinfo.set(o, { ...pending_xinfo(v, o), ...changes });
}
export function pending_weight(v: View, o: number): number {
  return v.pending.inc.new_weight.get(o) ?? v.osdmap.get_weight(o);
}
export function pending_max_osd(v: View): number {
  const m = v.pending.inc.new_max_osd;
  return m >= 0 ? m : v.osdmap.max_osd;
}
export function pending_flags(v: View): number {
  const f = v.pending.inc.new_flags;
  return f >= 0 ? f : v.osdmap.flags;
}
export function pending_crush(v: View): CrushWrapper {
  return v.pending.inc.crush ?? v.osdmap.crush;
}
/** The pool as the next map will have it; undefined when that has none. */
export function pending_pool(v: View, id: number): pg_pool_t | undefined {
  if (v.pending.inc.old_pools.has(id)) return undefined;
  return v.pending.inc.new_pools.get(id) ?? v.osdmap.get_pg_pool(id);
}
/** Changes that say what is so already cost no epoch. */
export function edit_pool(v: View, id: number, changes: Partial<pg_pool_t>): void {
  const p = pending_pool(v, id);
  if (!p) return;
  const next: pg_pool_t = { ...p, ...changes };
  const same = Object.entries(changes).every(([k, x]) => Reflect.get(p, k) === x);
  if (!same) v.pending.inc.new_pools.set(id, next);
}
export function pool_id_by_pending_name(v: View, name: string): number | undefined {
  for (const [id, n] of v.pending.inc.new_pool_names) if (n === name) return id;
  const id = v.osdmap.lookup_pg_pool_name(name);
  if (id < 0 || v.pending.inc.old_pools.has(id)) return undefined;
  return v.pending.inc.new_pool_names.has(id) ? undefined : id;
}

/** Up OSDs that pending takes down, less those it brings up. */
export function net_marked_down(v: View): number {
  let n = 0;
  for (const [o, mask] of v.pending.inc.new_state) {
    if (mask & CEPH_OSD_UP && v.osdmap.is_up(o)) n++;
  }
  return n - v.pending.inc.new_up_client.size;
}
/** OSDs that pending puts out, less those it takes in. */
export function net_marked_out(v: View): number {
  let n = 0;
  for (const [o, w] of v.pending.inc.new_weight) {
    if (w === 0 && v.osdmap.get_weight(o) !== 0) n++;
    if (w !== 0 && v.osdmap.get_weight(o) === 0) n--;
  }
  return n;
}

/** `(root=default,host=vm)`: where an OSD hangs, outermost first, as the cluster log prints it. */
export function location_text(map: OSDMap, id: number): string {
  const loc = [...map.crush.get_full_location(id)].reverse();
  return loc.length === 0 ? "()" : `(${loc.map(([t, n]) => `${t}=${n}`).join(",")})`;
}
