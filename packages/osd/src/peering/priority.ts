/**
 * Reservation priorities: which PG's recovery, backfill or deletion goes first.
 * Ceph counterpart: get_recovery_priority, get_backfill_priority, get_delete_priority and
 * clamp_recovery_priority in PeeringState.cc. peering.md §7.4.
 */

export const OSD_RECOVERY_PRIORITY_FORCED = 255;
export const OSD_BACKFILL_PRIORITY_FORCED = 254;
/** Highest priority that is not forced. */
export const OSD_RECOVERY_PRIORITY_MAX = 253;
export const OSD_RECOVERY_PRIORITY_MIN = 0;

/** Lowest and highest value of each class. */
const INACTIVE = [220, OSD_RECOVERY_PRIORITY_MAX] as const;
const RECOVERY = [180, 219] as const;
const DEGRADED_BACKFILL = [140, 179] as const;
const BEST_EFFORT_BACKFILL = [100, 139] as const;

export const OSD_DELETE_PRIORITY_NORMAL = 179;
export const OSD_DELETE_PRIORITY_FULLISH = 219;
export const OSD_DELETE_PRIORITY_FULL = 255;

/** Pool option recovery_priority: from -10 to 10. */
export const OSD_POOL_PRIORITY_MAX = 10;
export const OSD_POOL_PRIORITY_MIN = -OSD_POOL_PRIORITY_MAX;

/**
 * The pool's wish counts from the lowest one up, so a neutral pool adds 10 and no wish can carry a
 * PG below its class; `max` keeps it from rising above.
 */
function clamp_recovery_priority(priority: number, pool_priority: number, max: number): number {
  const wish = Math.min(Math.max(pool_priority, OSD_POOL_PRIORITY_MIN), OSD_POOL_PRIORITY_MAX);
  const shifted = priority + wish - OSD_POOL_PRIORITY_MIN;
  return Math.min(Math.max(shifted, OSD_RECOVERY_PRIORITY_MIN), max);
}

export interface recovery_priority_input {
  readonly forced: boolean;
  /** Option recovery_priority of the pool. */
  readonly pool_recovery_priority: number;
  readonly min_size: number;
  readonly degraded: boolean;
  /** Members of acting that miss no object. */
  readonly copies_missing_nothing: number;
}

export function get_recovery_priority(i: recovery_priority_input): number {
  if (i.forced) return OSD_RECOVERY_PRIORITY_FORCED;
  const short = i.min_size - i.copies_missing_nothing;
  if (i.degraded && short > 0) {
    return clamp_recovery_priority(INACTIVE[0] + short, i.pool_recovery_priority, INACTIVE[1]);
  }
  return clamp_recovery_priority(RECOVERY[0], i.pool_recovery_priority, RECOVERY[1]);
}

export interface backfill_priority_input {
  readonly forced: boolean;
  readonly pool_recovery_priority: number;
  readonly size: number;
  readonly min_size: number;
  /** Members of acting, holes not counted. */
  readonly num_acting: number;
  readonly undersized: boolean;
  readonly degraded: boolean;
}

export function get_backfill_priority(i: backfill_priority_input): number {
  if (i.forced) return OSD_BACKFILL_PRIORITY_FORCED;
  const clamp = (priority: number, max: number) =>
    clamp_recovery_priority(priority, i.pool_recovery_priority, max);
  if (i.num_acting < i.min_size) {
    return clamp(INACTIVE[0] + (i.min_size - i.num_acting), INACTIVE[1]);
  }
  if (i.undersized) {
    return clamp(DEGRADED_BACKFILL[0] + (i.size - i.num_acting), DEGRADED_BACKFILL[1]);
  }
  if (i.degraded) return clamp(DEGRADED_BACKFILL[0], DEGRADED_BACKFILL[1]);
  return clamp(BEST_EFFORT_BACKFILL[0], BEST_EFFORT_BACKFILL[1]);
}

/** Deletion frees space: the fuller the OSD, the sooner. */
export function get_delete_priority(
  full: "none" | "nearfull" | "backfillfull" | "full" | "failsafe",
): number {
  switch (full) {
    case "none":
      return OSD_DELETE_PRIORITY_NORMAL;
    case "nearfull":
      return OSD_DELETE_PRIORITY_FULLISH;
    case "backfillfull":
    case "full":
    case "failsafe":
      return OSD_DELETE_PRIORITY_FULL;
  }
}
