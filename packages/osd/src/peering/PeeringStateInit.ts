/** What a PeeringState is made from. */
import type { Clock, Config, epoch_t, Log, OSDMap, pg_pool_t, spg_t } from "@tako/common";
import type { LogEntryHandler } from "../pg/PGLog.ts";
import type { Transaction } from "../store/Transaction.ts";

/** Used ratio of this OSD against the map's ratios. */
export type full_state_t = "none" | "nearfull" | "backfillfull" | "full" | "failsafe";

/** The pool as of the PG's map; kept from the last map that had it when the pool is deleted. */
export interface PGPool {
  readonly id: number;
  name: string;
  info: pg_pool_t;
  /** Of an erasure-coded pool: its profile. */
  readonly profile?: ReadonlyMap<string, string>;
}
export function pool_of(map: OSDMap, id: number): PGPool | undefined {
  const info = map.get_pg_pool(id);
  if (!info) return undefined;
  const profile = map.erasure_code_profiles.get(info.erasure_code_profile);
  return { id, name: map.get_pool_name(id) ?? "", info, ...(profile && { profile }) };
}

export interface PeeringStateInit {
  readonly spgid: spg_t;
  readonly whoami: number;
  /** Map the PG stands at: that of its creation, or that of the persisted epoch. */
  readonly osdmap: OSDMap;
  readonly pool: PGPool;
  readonly config: Config;
  readonly clock: Clock;
  /** Already bound to osd and pg. */
  readonly log: Log;
  /** Fullness of this OSD: decides about reservations. */
  readonly full_state: () => full_state_t;
  /**
   * Would so many bytes more, with what is still to come into PGs that have been promised room, fill
   * this OSD beyond backfillfull?
   */
  readonly tentative_backfill_full: (bytes: number) => boolean;
  /**
   * What the log has done to objects, written into `t`. Without it: objects are removed, and
   * nothing can be rolled back (replicated pools).
   */
  readonly get_log_handler?: (t: Transaction) => LogEntryHandler;
  /**
   * Superblock's cluster_osdmap_trim_lower_bound: every PG has been clean at or after it, so past
   * intervals need not reach further back.
   */
  readonly oldest_map?: () => epoch_t;
}
