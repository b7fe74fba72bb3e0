/**
 * Automatic out: an OSD that stays down for mon_osd_down_out_interval gives its data up. Pure over
 * the leader's table of OSDs that are down and not out.
 * Ceph counterpart: OSDMonitor::tick (down_pending_out). cluster.md §3.10.
 */
import { CEPH_OSD_AUTOOUT, type OSDMap } from "@tako/common";
import { subtree_is_down } from "./crush_edit.ts";
import { can_mark_out } from "./may_mark.ts";
import { edit_xinfo, pending_weight, type View, xor_state } from "./pending.ts";

/** osd -> monotonic ms since when this leader has seen it down. */
export type DownPendingOut = Map<number, number>;

/** After each commit: who is down and in starts waiting, who is not stops. */
export function update_down_pending_out(d: DownPendingOut, osdmap: OSDMap, mono_ms: number): void {
  for (const o of [...d.keys()]) {
    if (!osdmap.exists(o) || osdmap.is_up(o) || osdmap.is_out(o)) d.delete(o);
  }
  for (const o of osdmap.get_in_osds()) {
    if (osdmap.is_down(o) && !d.has(o)) d.set(o, mono_ms);
  }
}

/** On tick: marks out what has waited long enough. True when there is any. */
export function tick_auto_out(v: View, d: DownPendingOut): boolean {
  if (!can_mark_out(v)) return false;
  let found = false;
  for (const o of [...d.keys()].sort((a, b) => a - b)) {
    if (!v.osdmap.is_down(o) || !v.osdmap.is_in(o) || v.pending.inc.new_up_client.has(o)) continue;
    if (v.pending.inc.new_weight.has(o)) continue;
    const down_ms = v.mono_ms - (d.get(o) ?? v.mono_ms);
    const grace_s = grace_before_out(v, o, down_ms / 1000);
    if (grace_s === undefined || !can_mark_out(v, o)) continue;
    if (whole_subtree_down(v, o)) {
      // A power cut of a rack is no reason to copy all of it elsewhere: the clock starts over.
      d.set(o, v.mono_ms);
      continue;
    }
    if (down_ms / 1000 < grace_s) continue;
    mark_out(v, o, down_ms / 1000);
    found = true;
  }
  return found;
}

function mark_out(v: View, o: number, down_s: number): void {
  edit_xinfo(v, o, { old_weight: pending_weight(v, o) });
  v.pending.inc.new_weight.set(o, 0);
  if ((v.osdmap.get_state(o) & CEPH_OSD_AUTOOUT) === 0) xor_state(v, o, CEPH_OSD_AUTOOUT);
  v.pending.log.push({
    prio: "INF",
    text: `Marking osd.${o} out (has been down for ${Math.floor(down_s)} seconds)`,
  });
}

/** Seconds; undefined = never. */
function grace_before_out(v: View, o: number, down_s: number): number | undefined {
  if (v.osdmap.is_destroyed(o)) {
    const s = v.config.get("mon_osd_destroyed_out_interval");
    return s > 0 ? s : undefined;
  }
  const s = v.config.get("mon_osd_down_out_interval");
  if (s <= 0) return undefined;
  if (!v.config.get("mon_osd_adjust_down_out_interval")) return s;
  const k = Math.log(0.5) / v.config.get("mon_osd_laggy_halflife");
  const x = v.osdmap.get_xinfo(o);
  return s + Math.exp(down_s * k) * x.laggy_interval * x.laggy_probability;
}

function whole_subtree_down(v: View, o: number): boolean {
  const type = v.osdmap.crush.get_type_id(v.config.get("mon_osd_down_out_subtree_limit"));
  if (type === undefined || type === 0) return false;
  const node = v.osdmap.crush.get_parent_of_type(o, type);
  return node !== undefined && subtree_is_down(v.osdmap, node);
}
