/** A whole cluster in memory on virtual time, for tests. */
export { all_pgs, check_quiescent, why_not_clean } from "./checks.ts";
export { EventLog } from "./EventLog.ts";
export {
  Cluster,
  type ClusterOptions,
  createCluster,
  type DaemonName,
} from "./embed/createCluster.ts";
export {
  check_history,
  history_from_lines,
  history_to_lines,
  render_verdict,
} from "./history/index.ts";
export { Nemesis, type NemesisOptions } from "./nemesis/Nemesis.ts";
export { is_profile, PROFILES, type Profile, type ProfileName } from "./profiles.ts";
export { type RunOptions, type RunResult, run_seed } from "./run_seed.ts";
export { ProcessClock, Scheduler } from "./Scheduler.ts";
export { SimMessenger, SimNetwork } from "./SimNetwork.ts";
export { SimRng } from "./SimRng.ts";
export { SIM_CONFIG, World, type WorldOptions } from "./World.ts";
export { type ClientProcess, Workload, type WorkloadOptions } from "./workload/Workload.ts";
