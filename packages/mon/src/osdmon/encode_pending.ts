/**
 * Makes the pending epoch ready to be committed: stamps it, cleans it up, and computes the map that
 * results, its checksum and its bytes. Pure but for the edits of `pending` itself.
 * Ceph counterpart: OSDMonitor::encode_pending. cluster.md §3.1.
 */
import {
  CEPH_OSD_UP,
  clean_pg_upmaps,
  clean_temps,
  encode_incremental,
  type OSDMap,
  type OSDMapMapping,
  type pg_t,
} from "@tako/common";
import { type CreatingPGs, clear_creating_flags, update_creating_pgs } from "./creating_pgs.ts";
import { update_pool_full_flags } from "./full.ts";
import { edit_xinfo, pending_xinfo, type View } from "./pending.ts";

export interface EncodedEpoch {
  readonly next: OSDMap;
  readonly inc_bytes: Uint8Array;
  readonly full_bytes: Uint8Array;
  readonly creating: CreatingPGs;
  /** PGs that are new, or may be mapped otherwise than before. */
  readonly moved: readonly pg_t[];
}

/** `mapping`, which is that of the committed map, goes on to the next one. */
export function encode_pending(
  v: View,
  creating: CreatingPGs,
  mapping: OSDMapMapping,
): EncodedEpoch {
  const { inc } = v.pending;
  inc.modified = v.now_ms;
  for (const [o, mask] of [...inc.new_state]) if (mask === 0) inc.new_state.delete(o);
  stamp_changes(v);
  stamp_downs(v);
  forget_old_laggy(v);

  const tmp = v.osdmap.apply_incremental(inc);
  const moved = new Set(mapping.update(tmp).changed);
  const created = update_creating_pgs(creating, v.osdmap, tmp, v.pending, v.config);
  const edits = [
    clean_temps(v.osdmap, tmp, inc),
    clean_pg_upmaps(v.osdmap, tmp, inc),
    update_pool_full_flags(tmp, mapping, inc),
    clear_creating_flags(created, tmp, v.pending),
  ];
  const next = edits.includes(true) ? v.osdmap.apply_incremental(inc, tmp) : tmp;
  for (const pg of mapping.update(next).changed) moved.add(pg);
  inc.full_crc = next.crc;
  return {
    next,
    inc_bytes: encode_incremental(inc),
    full_bytes: next.encode(),
    creating: created,
    moved: [...moved],
  };
}

function stamp_changes(v: View): void {
  const { inc } = v.pending;
  const went_down = [...inc.new_state].some(
    ([o, mask]) => (mask & CEPH_OSD_UP) !== 0 && v.osdmap.is_up(o),
  );
  if (went_down || inc.new_up_client.size > 0) inc.new_last_up_change = inc.modified;
  const in_changed = [...inc.new_weight].some(
    ([o, w]) => w > 0 !== (v.osdmap.exists(o) && v.osdmap.get_weight(o) > 0),
  );
  if (in_changed) inc.new_last_in_change = inc.modified;
}

// new_xinfo is applied after new_state and would carry the old down_stamp over the new one.
function stamp_downs(v: View): void {
  const { inc } = v.pending;
  for (const [o, mask] of inc.new_state) {
    if ((mask & CEPH_OSD_UP) === 0 || !v.osdmap.is_up(o) || !inc.new_xinfo.has(o)) continue;
    edit_xinfo(v, o, { down_stamp: inc.modified });
  }
}

/** An OSD that has behaved for 48 half-lives is not laggy any more. */
function forget_old_laggy(v: View): void {
  const old_ms = 48 * v.config.get("mon_osd_laggy_halflife") * 1000;
  for (const o of v.osdmap.get_up_osds()) {
    const x = pending_xinfo(v, o);
    if (x.laggy_probability === 0 && x.laggy_interval === 0) continue;
    if (x.down_stamp === 0 || v.now_ms - x.down_stamp < old_ms) continue;
    edit_xinfo(v, o, { laggy_probability: 0, laggy_interval: 0 });
  }
}
