/** What the seed of a run decides before anything happens, beside its pools. */
import type { Profile } from "./profiles.ts";
import { SimRng } from "./SimRng.ts";
import type { RunScript } from "./sim_scenario.ts";

export interface RunDraw {
  readonly osds: number;
  /** Of each pool. */
  readonly pg_num: number;
  /** Of the network, and of disks; only simulated ones can be told so. */
  readonly max_delay_ms: number;
  readonly max_commit_ms: number;
  /** Between two faults. */
  readonly mean_interval_ms: number;
  /** Most OSDs dead at a time. */
  readonly max_dead: number;
  /** Bits turn over on a disk, and scrubs run. */
  readonly rots: boolean;
  /** Maps are trimmed early. */
  readonly trims: boolean;
}

export function draw_run(seed: number, profile: Profile): RunDraw {
  const rng = new SimRng(seed, 7);
  return {
    osds: rng.pick(profile.osds),
    pg_num: new SimRng(seed, 14).pick(profile.pg_num),
    max_delay_ms: rng.pick([1, 5, 30]),
    max_commit_ms: rng.pick([0.5, 5]),
    mean_interval_ms: rng.pick(profile.fault_intervals_ms),
    max_dead: 1 + rng.int(2),
    rots: new SimRng(seed, 11).chance(profile.rot),
    trims: new SimRng(seed, 13).chance(profile.trims),
  };
}

/** The profile as the script of the run has it. */
export function scripted(p: Profile, script: RunScript | undefined): Profile {
  if (!script) return p;
  const { osds, load } = script;
  return {
    ...p,
    ...(osds !== undefined && { osds: [osds] }),
    load: { ...p.load, ...load },
  };
}
