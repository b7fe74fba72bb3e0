/** Fullness of an OSD against the ratios of the map. Pure. Rules: peering.md §7.5, cluster.md §3.13. */
import { CEPH_OSD_BACKFILLFULL, CEPH_OSD_FULL, CEPH_OSD_NEARFULL, type OSDMap } from "@tako/common";

export const FULL_STATES = ["none", "nearfull", "backfillfull", "full", "failsafe"] as const;
export type full_state_t = (typeof FULL_STATES)[number];

/** `ratio` = used / total, 0..1. */
export function full_state_of(
  ratio: number,
  map: Pick<OSDMap, "full_ratio" | "backfillfull_ratio" | "nearfull_ratio">,
  failsafe_ratio: number,
): full_state_t {
  if (ratio >= failsafe_ratio) return "failsafe";
  if (ratio >= map.full_ratio) return "full";
  if (ratio >= map.backfillfull_ratio) return "backfillfull";
  if (ratio >= map.nearfull_ratio) return "nearfull";
  return "none";
}

/** Failsafe is an OSD's own matter: the map knows it as full. */
export function map_state_of(state: full_state_t): full_state_t {
  return state === "failsafe" ? "full" : state;
}
/** What the map says of an OSD. */
export function state_in_map(map: Pick<OSDMap, "get_state">, osd: number): full_state_t {
  const bits = map.get_state(osd);
  if (bits & CEPH_OSD_FULL) return "full";
  if (bits & CEPH_OSD_BACKFILLFULL) return "backfillfull";
  return bits & CEPH_OSD_NEARFULL ? "nearfull" : "none";
}
