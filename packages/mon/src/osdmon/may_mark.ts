/**
 * The brakes: may this OSD be marked down, out, up or in at all? Protects a cluster from thrashing
 * itself when most of it seems to be gone. Pure.
 * Ceph counterpart: OSDMonitor::can_mark_*. cluster.md §3.8, §3.10.
 */
import { net_marked_down, net_marked_out, type View } from "./pending.ts";

/** The candidate itself is not counted: one more may go than the ratio says. */
export function can_mark_down(v: View, o: number): boolean {
  const total = v.osdmap.get_num_osds();
  if (v.osdmap.is_nodown(o) || total === 0) return false;
  const up = v.osdmap.get_num_up_osds() - net_marked_down(v);
  return up / total >= v.config.get("mon_osd_min_up_ratio");
}

/** Without `o`: may anything be marked out? */
export function can_mark_out(v: View, o?: number): boolean {
  if (v.osdmap.test_flag("noout")) return false;
  if (o !== undefined && v.osdmap.is_noout(o)) return false;
  const total = v.osdmap.get_num_osds();
  if (total === 0) return false;
  const inn = v.osdmap.get_num_in_osds() - net_marked_out(v);
  return inn / total >= v.config.get("mon_osd_min_in_ratio");
}

export function can_mark_up(v: View, o: number): boolean {
  return !v.osdmap.is_noup(o);
}
export function can_mark_in(v: View, o: number): boolean {
  return !v.osdmap.is_noin(o);
}
