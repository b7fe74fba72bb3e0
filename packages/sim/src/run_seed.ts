/** One seeded run: a cluster, a workload, faults, then healing and the checks. */
import type { Rados } from "@tako/client";
import {
  check_history,
  DEFAULT_LOAD,
  draw_pools,
  draw_run,
  type HistoryEvent,
  is_erasure_pool,
  MAPS_CONFIG,
  make_pools,
  type Pool,
  PROFILES,
  type Profile,
  type ProfileName,
  type RunDraw,
  type RunScript,
  render_verdict,
  SimRng,
  type Strike,
  scripted,
  Workload,
} from "@tako/client/chaos";
import { type ConfigValues, InvariantError, message_fields } from "@tako/common";
import { BitRot, bit_rot_config } from "./BitRot.ts";
import { Bounds } from "./Bounds.ts";
import { ClusterInvariants } from "./ClusterInvariants.ts";
import { check_quiescent, pgs_not_clean, why_not_clean } from "./checks.ts";
import { Nemesis } from "./nemesis/Nemesis.ts";
import { coverage_now, coverage_since, type RunCoverage } from "./run_coverage.ts";
import { ProcessClock } from "./Scheduler.ts";
import { World } from "./World.ts";

export interface RunOptions {
  readonly seed: number;
  /** Default: quick. */
  readonly profile?: ProfileName;
  /** Virtual seconds of faults and load; default: those of the profile. */
  readonly seconds?: number;
  /** Options of all daemons, over those of the profile. */
  readonly config?: ConfigValues;
  /** Messages go through the codec; the history is the same. */
  readonly wire?: boolean;
  /** Only this of what the seed has: a run that was shrunk. */
  readonly script?: RunScript;
  /** Gets every line of the event log. */
  readonly trace?: (line: string) => void;
  /** Gets the world before anything happens in it. */
  readonly watch?: (world: World) => void;
}

export interface RunResult {
  readonly seed: number;
  readonly ok: boolean;
  readonly error: unknown;
  readonly hash: string;
  readonly ops: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly virtual_ms: number;
  readonly events: number;
  /** The faults, in order. */
  readonly strikes: readonly Strike[];
  /** How many OSDs there were. */
  readonly osds: number;
  /** Newest lines of the event log. */
  readonly tail: string[];
  /** What clients asked and were told. */
  readonly history: readonly HistoryEvent[];
  /** Objects of which it could not be decided whether their history is possible. */
  readonly undecided: readonly string[];
  readonly coverage: RunCoverage;
}

export async function run_seed(o: RunOptions): Promise<RunResult> {
  const before = coverage_now();
  const profile = profile_of(o);
  const drawn = draw_run(o.seed, profile);
  const { rots, trims } = drawn;
  const world = new World({
    seed: o.seed,
    osds: drawn.osds,
    log_level: o.trace ? "debug" : "info",
    max_delay_ms: drawn.max_delay_ms,
    max_commit_ms: drawn.max_commit_ms,
    wire: o.wire ?? false,
    config: {
      osd_debug_check_invariants: true,
      ...(rots && bit_rot_config(profile.seconds)),
      ...(trims && MAPS_CONFIG),
      ...profile.config,
      ...o.config,
    },
  });
  if (o.trace) trace_all(world, o.trace);
  const invariants = new ClusterInvariants(world);
  world.scheduler.after_event = () => invariants.check_touched();
  o.watch?.(world);
  const bounds = new Bounds(world);
  bounds.start();
  const players = make_players(o.seed, profile, drawn, world, o.script);
  const { workload, nemesis, rot } = players;
  let error: unknown;
  let undecided: readonly string[] = [];
  try {
    undecided = await scenario(world, players, profile, drawn);
    if (bounds.failure !== undefined) throw bounds.failure;
    invariants.check_quiet();
    bounds.check_quiet();
  } catch (e) {
    error = e;
  }
  return {
    seed: o.seed,
    ok: error === undefined,
    error,
    hash: world.log.hash,
    ops: workload.ops,
    faults: new Map([...nemesis.counts, ...(rot?.counts ?? [])]),
    virtual_ms: world.scheduler.now_ms,
    events: world.scheduler.events_run,
    strikes: nemesis.strikes,
    osds: world.osd_ids.length,
    tail: world.log.tail(60),
    history: workload.history.events,
    undecided,
    coverage: coverage_since(before),
  };
}

function profile_of({ profile, seconds, script }: RunOptions): Profile {
  const { at_least, ...rest }: Profile = PROFILES[profile ?? "quick"];
  // Not of a run that was made shorter, or that repeats a part.
  const is_whole = (seconds ?? rest.seconds) >= rest.seconds && !script?.strikes;
  const p = { ...rest, seconds: seconds ?? rest.seconds };
  return scripted(at_least && is_whole ? { ...p, at_least } : p, script);
}

const WITH_ROT = { two_lost: 0, empty_disk: 0, old_disk: 0, mark_lost: 0, pool_size: 0 };

function make_players(
  seed: number,
  profile: Profile,
  { mean_interval_ms, max_dead, rots }: RunDraw,
  world: World,
  script: RunScript | undefined,
): Players {
  const ports = {
    clock: new ProcessClock(world.scheduler),
    rng: new SimRng(seed, 8),
    spawn: () => world.spawn_client(),
  };
  const drawn = draw_pools(profile.pools, seed, world.options.osds).filter((p) => {
    return script?.pools?.includes(p.name) ?? true;
  });
  const pools = drawn.map((p) => ({ name: p.name, omap: !is_erasure_pool(p) }));
  const workload = new Workload(ports, { ...DEFAULT_LOAD, ...profile.load, pools });
  const admin = world.operator;
  const nemesis = new Nemesis(world, new SimRng(seed, 9), admin, {
    seed,
    script: script?.strikes,
    mean_interval_ms,
    even: profile.even_faults,
    max_dead,
    max_pg_num: profile.max_pg_num,
    max_lasting_ms: profile.max_lasting_ms,
    // What has rotted on one disk must be whole on all others.
    rates: rots ? { ...profile.rates, ...WITH_ROT } : profile.rates,
    mix: profile.mix,
  });
  const rot = rots ? new BitRot(world, new SimRng(seed, 12), admin, profile.seconds) : null;
  return { admin, pools: drawn, workload, nemesis, rot };
}

/** Every line of the event log, and every message that is delivered. */
function trace_all(world: World, out: (line: string) => void): void {
  world.log.on_line = out;
  world.net.on_deliver = (from, to, m) => {
    if (m.type !== "osd_ping") world.log.add(to, `<- ${from} ${JSON.stringify(message_fields(m))}`);
  };
}

/** Purges of strays and last statistics are done, and pgp_num has caught up with its target. */
async function settled(world: World): Promise<void> {
  for (let epoch = -1; epoch !== world.osdmap.epoch; ) {
    epoch = world.osdmap.epoch;
    await world.until(() => why_not_clean(world) === undefined, "still clean");
    await world.run_for(3000);
  }
  if (why_not_clean(world) !== undefined) await settled(world);
}

/** What clients were told is what a store may tell them. Returns the objects that are undecided. */
function check_load(workload: Workload): readonly string[] {
  if (workload.failure !== undefined) throw workload.failure;
  const verdict = check_history(workload.history.events);
  if (verdict.result === "violation") throw new InvariantError(render_verdict(verdict));
  return verdict.undecided;
}

interface Players {
  readonly admin: Rados;
  readonly pools: readonly Pool[];
  readonly workload: Workload;
  readonly nemesis: Nemesis;
  readonly rot: BitRot | null;
}

async function scenario(
  world: World,
  { admin, pools, workload, nemesis, rot }: Players,
  { seconds, at_least }: Profile,
  { pg_num }: RunDraw,
): Promise<readonly string[]> {
  await world.start();
  await world.done(admin.connect(), "client connects");
  await world.until(() => world.osdmap.get_up_osds().length === world.osd_ids.length, "all up");
  await make_pools(admin, pools, pg_num, (p, what) => world.done(p, what));
  await world.done(admin.wait_for_latest_osdmap(), "the map with the pools");
  await world.until(() => why_not_clean(world) === undefined, "clean at the start");
  workload.start();
  const first = pools[0];
  if (first) await rot?.start(first.name, !is_erasure_pool(first));
  nemesis.start();
  await world.run_for(seconds * 1000);
  const { ops, faults } = at_least ?? { ops: 0, faults: 0 };
  const lacks_ops = () => workload.ops + workload.closing_ops < ops;
  const latest_ms = world.scheduler.now_ms + seconds * 1000;
  while (nemesis.total < faults && world.scheduler.now_ms < latest_ms) await world.run_for(1000);
  const failure = workload.failure ?? rot?.failure;
  if (failure !== undefined) throw failure;
  nemesis.stop();
  rot?.stop();
  if (!lacks_ops()) workload.stop();
  await nemesis.restore();
  // Much of the time nobody could be served: now all can.
  if (lacks_ops()) await world.until(() => !lacks_ops(), "enough operations", 360_000);
  workload.stop();
  try {
    await rot?.heal();
    await world.until(() => why_not_clean(world) === undefined, "all PGs active+clean", 360_000);
  } catch (e) {
    throw new Error(`${(e as Error).message}: ${pgs_not_clean(world).join("; ")}`, { cause: e });
  }
  await world.until(() => workload.is_idle, "operations under way are answered", 360_000);
  workload.read_everything();
  await world.until(() => workload.is_idle, "everything can be read");
  const undecided = check_load(workload);
  await settled(world);
  check_quiescent(world);
  return undecided;
}
