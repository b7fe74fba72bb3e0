/** All kinds of faults. */
import { CLOCK_FAULTS } from "./clock.ts";
import { DISK_FAULTS } from "./disk.ts";
import type { Fault } from "./Fault.ts";
import { LOST_FAULTS } from "./lost.ts";
import { NETWORK_FAULTS } from "./network.ts";
import { OSD_STATE_FAULTS } from "./osd_states.ts";
import { PG_FAULTS } from "./pgs.ts";
import { PLACEMENT_FAULTS } from "./placement.ts";
import { POOL_FAULTS } from "./pools.ts";
import { PROCESS_FAULTS } from "./process.ts";

export const ALL_FAULTS: readonly Fault[] = [
  ...PROCESS_FAULTS,
  ...NETWORK_FAULTS,
  ...DISK_FAULTS,
  ...CLOCK_FAULTS,
  ...OSD_STATE_FAULTS,
  ...LOST_FAULTS,
  ...PLACEMENT_FAULTS,
  ...POOL_FAULTS,
  ...PG_FAULTS,
];
/** Names of all kinds, in the order of the registry. */
export const FAULT_KINDS: readonly string[] = ALL_FAULTS.map((f) => f.kind);
