/** Names of the states of the peering chart, and what a reaction may answer. peering.md §5.2. */
import type { Handled } from "@tako/common";

export type StateName =
  | "Initial"
  | "Reset"
  | "Started"
  | "Start"
  | "Primary"
  | "Peering"
  | "GetInfo"
  | "GetLog"
  | "GetMissing"
  | "WaitUpThru"
  | "Down"
  | "Incomplete"
  | "WaitActingChange"
  | "Active"
  | "Activating"
  | "WaitLocalRecoveryReserved"
  | "WaitRemoteRecoveryReserved"
  | "Recovering"
  | "NotRecovering"
  | "WaitLocalBackfillReserved"
  | "WaitRemoteBackfillReserved"
  | "Backfilling"
  | "NotBackfilling"
  | "Recovered"
  | "Clean"
  | "ReplicaActive"
  | "RepNotRecovering"
  | "RepWaitRecoveryReserved"
  | "RepWaitBackfillReserved"
  | "RepRecovering"
  | "Stray"
  | "ToDelete"
  | "WaitDeleteReserved"
  | "Deleting";

/** Answer of a handler that may go to one of the states T. */
export type Next<T extends StateName = never> = Handled | T;
