/**
 * How much of the map history may go. Pure.
 * Ceph counterpart: OSDMonitor::get_trim_to, PaxosService::maybe_trim. cluster.md §3.15.
 */
import type { Config, epoch_t, OSDMap } from "@tako/common";
import { type Beacons, last_epoch_clean_bound } from "./beacon.ts";
import type { CreatingPGs } from "./creating_pgs.ts";

/** Epochs below this are needed by nobody; 0 when nothing may be said. */
export function get_trim_to(
  osdmap: OSDMap,
  beacons: Beacons,
  creating: CreatingPGs,
  config: Config,
): epoch_t {
  const forced = config.get("mon_osd_force_trim_to");
  if (forced > 0 && forced <= osdmap.epoch) return forced;
  if (creating.pgs.size > 0 || creating.queue.size > 0) return 0;
  let floor = last_epoch_clean_bound(beacons, osdmap);
  for (const o of osdmap.get_up_osds()) {
    const e = beacons.osd_epoch.get(o);
    if (e !== undefined) floor = Math.min(floor, e);
  }
  const keep = config.get("mon_min_osdmap_epochs");
  return floor + keep > osdmap.epoch ? Math.max(0, osdmap.epoch - keep) : floor;
}

/** The new first epoch of one trim step; undefined when there is not enough to trim. */
export function trim_step(first: epoch_t, trim_to: epoch_t, config: Config): epoch_t | undefined {
  if (trim_to <= first) return undefined;
  const n = trim_to - first;
  const forced = config.get("mon_osd_force_trim_to") > first;
  if (!forced && n < config.get("paxos_service_trim_min")) return undefined;
  const max = config.get("paxos_service_trim_max");
  return max > 0 && n > max ? first + max : trim_to;
}
