/** Fullness of an OSD against the ratios of the map. Pure. Rules: peering.md §7.5, cluster.md §3.13. */
import type { OSDMap } from "@tako/common";

export type full_state_t = "none" | "nearfull" | "backfillfull" | "full" | "failsafe";

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
