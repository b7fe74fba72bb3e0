/** Which faults of seeded runs can be done to real processes of one machine, and why others cannot. */
import {
  type Fault,
  LOST_FAULTS,
  MON_FAULTS,
  OSD_STATE_FAULTS,
  PG_FAULTS,
  PLACEMENT_FAULTS,
  POOL_FAULTS,
  PROCESS_FAULTS,
} from "@tako/client/chaos";

const FAULTS: readonly Fault[] = [
  ...PROCESS_FAULTS,
  ...MON_FAULTS,
  ...OSD_STATE_FAULTS,
  ...LOST_FAULTS,
  ...PLACEMENT_FAULTS,
  ...POOL_FAULTS,
  ...PG_FAULTS,
];
export const REAL_FAULTS: ReadonlyMap<string, Fault> = new Map(FAULTS.map((f) => [f.kind, f]));

const NETWORK = "processes on one machine cannot be cut off from each other here";
const MESSAGE = "nobody sees single messages between processes";
const DISK = "only a simulated disk can be told that";
const MOMENT = "nobody sees into the daemons, to wait for such a moment";
const CLOCK = "the daemons share the machine's clock";

/** By kind. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  same_id_twice: "the drill has one process for each daemon",
  kill_mon_in_commit: "nobody sees when the monitor commits",
  cut: NETWORK,
  partition: NETWORK,
  one_way_partition: NETWORK,
  isolate: NETWORK,
  two_sides: NETWORK,
  swizzle: NETWORK,
  slow_link: NETWORK,
  jitter: NETWORK,
  half_open: NETWORK,
  lost_reply: MESSAGE,
  cut_in_replication: MESSAGE,
  slow_disk: DISK,
  full_disk: DISK,
  write_error: DISK,
  empty_disk: DISK,
  snapshot_disk: DISK,
  old_disk: DISK,
  full_backfill_target: MOMENT,
  cut_off_backfill: MOMENT,
  late_revoke: MOMENT,
  two_branches: MOMENT,
  cut_off_primary: MOMENT,
  damaged_source: MOMENT,
  last_copy_damaged: MOMENT,
  split_degraded: MOMENT,
  kill_awaited: MOMENT,
  kill_in_commit: MOMENT,
  clock_jump: CLOCK,
  clock_drift: CLOCK,
};
