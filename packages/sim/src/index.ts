/** A whole cluster in memory on virtual time, for tests. */
export { all_pgs, check_quiescent, why_not_clean } from "./checks.ts";
export { EventLog } from "./EventLog.ts";
export {
  Cluster,
  type ClusterOptions,
  createCluster,
  type DaemonName,
} from "./embed/createCluster.ts";
export { Nemesis, type NemesisOptions } from "./nemesis/Nemesis.ts";
export { type RunOptions, type RunResult, run_seed } from "./run_seed.ts";
export { ProcessClock, Scheduler } from "./Scheduler.ts";
export { SimMessenger, SimNetwork } from "./SimNetwork.ts";
export { World, type WorldOptions } from "./World.ts";
