/**
 * What puts a cluster to the test, simulated or of real processes: the load, the faults that both can
 * have, and the judge of what clients were told; and the files of seeded runs.
 */
export { draw_run, type RunDraw, scripted } from "./draw_run.ts";
export {
  type CheckOptions,
  check_history,
  type HistoryEvent,
  HistoryRecorder,
  history_from_lines,
  history_to_lines,
  render_verdict,
  type Seen,
  type Step,
  type Verdict,
  type Violation,
} from "./history/index.ts";
export type { Fault, Outcome } from "./nemesis/Fault.ts";
export type { FaultWorld } from "./nemesis/FaultWorld.ts";
export { type Command, Field, type FieldOptions, type PoolRef } from "./nemesis/Field.ts";
export { LOST_FAULTS } from "./nemesis/lost.ts";
export { OSD_STATE_FAULTS } from "./nemesis/osd_states.ts";
export { PG_FAULTS } from "./nemesis/pgs.ts";
export { PLACEMENT_FAULTS } from "./nemesis/placement.ts";
export { POOL_FAULTS } from "./nemesis/pools.ts";
export { kill_mon, MON_FAULTS, PROCESS_FAULTS } from "./nemesis/process.ts";
export { type Baseline, restore, take_baseline } from "./nemesis/restore.ts";
export { draw_pools, is_erasure_pool, make_pools, type Pool } from "./pools.ts";
export {
  is_profile,
  MAPS_CONFIG,
  PROFILES,
  type Profile,
  type ProfileName,
  SIM_CONFIG,
} from "./profiles.ts";
export { SimRng } from "./SimRng.ts";
export {
  parse_sim_scenario,
  type RunScript,
  rng_of_strike,
  type SimScenario,
  type Strike,
  sim_scenario_text,
} from "./sim_scenario.ts";
export {
  type ClientProcess,
  DEFAULT_LOAD,
  Workload,
  type WorkloadOptions,
} from "./workload/Workload.ts";
