/**
 * All kinds of faults: those of both kinds of clusters, and those of the simulator alone. Of these,
 * cli/src/drill/strike_kinds.ts says why real processes cannot have them.
 */
import {
  LOST_FAULTS,
  MON_FAULTS,
  OSD_STATE_FAULTS,
  PG_FAULTS,
  PLACEMENT_FAULTS,
  POOL_FAULTS,
  PROCESS_FAULTS,
} from "@tako/client/chaos";
import { AWAITED_FAULTS } from "./awaited.ts";
import { BACKFILL_FAULTS } from "./backfill.ts";
import { BRANCH_FAULTS } from "./branches.ts";
import { CLOCK_FAULTS } from "./clock.ts";
import { DAMAGE_FAULTS } from "./damage.ts";
import { DISK_FAULTS } from "./disk.ts";
import { NETWORK_FAULTS } from "./network.ts";
import { KILL_MON_IN_COMMIT, SAME_ID_TWICE } from "./process.ts";
import type { SimFault } from "./SimFault.ts";
import { SPLIT_FAULTS } from "./split.ts";

/** In this order a run draws which it has. */
export const ALL_FAULTS: readonly SimFault[] = [
  ...PROCESS_FAULTS,
  SAME_ID_TWICE,
  ...MON_FAULTS,
  KILL_MON_IN_COMMIT,
  ...NETWORK_FAULTS,
  ...DISK_FAULTS,
  ...CLOCK_FAULTS,
  ...OSD_STATE_FAULTS,
  ...LOST_FAULTS,
  ...PLACEMENT_FAULTS,
  ...POOL_FAULTS,
  ...PG_FAULTS,
  ...BACKFILL_FAULTS,
  ...BRANCH_FAULTS,
  ...DAMAGE_FAULTS,
  ...SPLIT_FAULTS,
  ...AWAITED_FAULTS,
];
/** Names of all kinds, in the order of the registry. */
export const FAULT_KINDS: readonly string[] = ALL_FAULTS.map((f) => f.kind);
