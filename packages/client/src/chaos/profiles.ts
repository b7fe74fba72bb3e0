/** Profiles: what a run is like: how large and long, which pools, which faults, what load. */
import type { ConfigValues } from "@tako/common";
import { ALL_CODES, type ErasureSpec, type PoolSpec, type ReplicatedSpec } from "./pools.ts";
import type { WorkloadOptions } from "./workload/Workload.ts";

/** Time constants shrunk, log and scan sizes small enough to reach the corners (peering.md §14). */
export const SIM_CONFIG: ConfigValues = {
  osd_heartbeat_interval: 1,
  osd_heartbeat_grace: 4,
  osd_mon_report_interval: 1,
  mgr_stats_period: 1,
  mon_osd_min_down_reporters: 1,
  mon_osd_adjust_heartbeat_grace: false,
  mon_osd_down_out_interval: 0,
  osd_max_markdown_count: 100,
  osd_min_pg_log_entries: 20,
  osd_max_pg_log_entries: 50,
  osd_pg_log_trim_min: 5,
  osd_pg_log_dups_tracked: 1000,
  osd_backfill_scan_min: 2,
  osd_backfill_scan_max: 4,
  osd_recovery_max_chunk: 4096,
  osd_backfill_retry_interval: 1,
  osd_recovery_retry_interval: 1,
  mon_allow_pool_delete: true,
};

export interface Profile {
  /** Virtual seconds of faults and load. */
  readonly seconds: number;
  /**
   * It goes on, up to as long again, until it has had so many faults, and when these have ended, until it
   * has had so many operations, with those that read everything at its end.
   */
  readonly at_least?: { readonly ops: number; readonly faults: number };
  /** A run has one of these numbers of OSDs. */
  readonly osds: readonly number[];
  readonly pools: readonly PoolSpec[];
  /** Of each pool, of which a run draws one. */
  readonly pg_num: readonly number[];
  readonly max_pg_num: number;
  readonly config: ConfigValues;
  readonly load: Partial<Omit<WorkloadOptions, "pools">>;
  /** Mean times between two faults, of which a run draws one, virtual ms. */
  readonly fault_intervals_ms: readonly number[];
  /** A long time follows a short one, and what fails is made up for: runs have about as many faults. */
  readonly even_faults: boolean;
  /** Parts of all kinds of faults that a run has, of which it draws one. */
  readonly mix: readonly number[];
  /** How much more often a kind of fault comes; 0: never. */
  readonly rates: Readonly<Record<string, number>>;
  /** The longest that a fault lasts which ends by itself, virtual ms. */
  readonly max_lasting_ms: number;
  /** Of runs, where bits turn over on one disk. */
  readonly rot: number;
  /** Of runs, where maps are trimmed early. */
  readonly trims: number;
}

const THREE: ReplicatedSpec = { name: "three", size: 3, min_size: 2 };
const TWO: ReplicatedSpec = { name: "two", size: 2, min_size: 1 };
const EC: ErasureSpec = { name: "ec", codes: ["small"] };
/** Any code; served with k shards, or one more. */
const ANY_EC: ErasureSpec = { name: "ec", codes: ALL_CODES, beside_k: [0, 1] };

const QUICK: Profile = {
  seconds: 20,
  osds: [3, 4, 5],
  pools: [THREE, TWO, EC],
  pg_num: [4],
  max_pg_num: 24,
  config: {},
  load: {},
  fault_intervals_ms: [300, 1000, 2000],
  even_faults: false,
  mix: [0.25, 0.5, 1],
  rates: {},
  max_lasting_ms: 8000,
  rot: 0.5,
  trims: 0,
};
/** Maps are trimmed early, and OSDs are slow, or away, for longer than that. */
export const MAPS_CONFIG: ConfigValues = {
  mon_min_osdmap_epochs: 10,
  paxos_service_trim_min: 5,
  mon_tick_interval: 1,
  osd_map_cache_size: 20,
  osd_map_message_max: 5,
  osd_beacon_report_interval: 2,
};

/** Less talk while nothing happens: times closer to the defaults, in their proportions. */
const CALM_CONFIG: ConfigValues = {
  osd_heartbeat_interval: 3,
  osd_heartbeat_grace: 10,
  mgr_stats_period: 5,
};

export const PROFILES = {
  quick: QUICK,
  default: {
    ...QUICK,
    seconds: 300,
    at_least: { ops: 2000, faults: 20 },
    osds: [5],
    pools: [THREE, EC],
    pg_num: [2, 2, 3, 4],
    max_pg_num: 8,
    config: CALM_CONFIG,
    load: { ops_per_second: 6.5 },
    trims: 0.25,
    fault_intervals_ms: [13_000, 13_500, 14_000],
    even_faults: true,
    max_lasting_ms: 20_000,
    rot: 0.1,
  },
  ec: {
    ...QUICK,
    seconds: 60,
    osds: [5, 6],
    pools: [ANY_EC, { ...ANY_EC, name: "ec2" }, { ...THREE, of_runs: 0.5 }],
    fault_intervals_ms: [500, 2000],
    max_lasting_ms: 12_000,
  },
  maps: {
    ...QUICK,
    seconds: 120,
    osds: [4, 5],
    config: MAPS_CONFIG,
    fault_intervals_ms: [500, 1500],
    max_lasting_ms: 15_000,
    rates: {
      many_maps: 6,
      long_dead: 6,
      slow_disk: 4,
      slow_link: 4,
      kill_mon: 2,
      kill_mon_in_commit: 3,
      pause_osd: 2,
      grow_pg_num: 3,
      pool_create: 4,
      pool_delete: 4,
    },
  },
  soak: {
    ...QUICK,
    seconds: 3600,
    osds: [5, 6, 7],
    max_pg_num: 32,
    config: MAPS_CONFIG,
    fault_intervals_ms: [1000, 5000],
    max_lasting_ms: 30_000,
  },
} satisfies Record<string, Profile>;

export type ProfileName = keyof typeof PROFILES;
export function is_profile(name: string): name is ProfileName {
  return Object.hasOwn(PROFILES, name);
}
