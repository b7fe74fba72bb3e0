/** One seeded run: a cluster, a workload, faults, then healing and the checks. */
import type { Rados } from "@tako/client";
import { InvariantError, message_fields } from "@tako/common";
import { BIT_ROT_CONFIG, BitRot } from "./BitRot.ts";
import { ClusterInvariants } from "./ClusterInvariants.ts";
import { check_quiescent, pgs_not_clean, why_not_clean } from "./checks.ts";
import { check_history, type HistoryEvent, render_verdict } from "./history/index.ts";
import { Nemesis } from "./Nemesis.ts";
import { coverage_now, coverage_since, type RunCoverage } from "./run_coverage.ts";
import { ProcessClock } from "./Scheduler.ts";
import { SimRng } from "./SimRng.ts";
import { World } from "./World.ts";
import { DEFAULT_LOAD, Workload } from "./workload/Workload.ts";

const POOLS = [
  { name: "three", omap: true },
  { name: "two", omap: true },
  { name: "ec", omap: false },
];

export interface RunOptions {
  readonly seed: number;
  /** Virtual seconds of faults and load. */
  readonly seconds: number;
  /** Messages go through the codec; the history is the same. */
  readonly wire?: boolean;
  /** Gets every line of the event log. */
  readonly trace?: (line: string) => void;
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
  /** Newest lines of the event log. */
  readonly tail: string[];
  /** What clients asked and were told. */
  readonly history: readonly HistoryEvent[];
  readonly coverage: RunCoverage;
}

export async function run_seed(o: RunOptions): Promise<RunResult> {
  const before = coverage_now();
  const rng = new SimRng(o.seed, 7);
  // In every other run bits turn over, and scrubs run.
  const rots = new SimRng(o.seed, 11).int(2) === 0;
  const osds = 3 + rng.int(3);
  const world = new World({
    seed: o.seed,
    osds,
    log_level: o.trace ? "debug" : "info",
    max_delay_ms: rng.pick([1, 5, 30]),
    max_commit_ms: rng.pick([0.5, 5]),
    wire: o.wire ?? false,
    config: { osd_debug_check_invariants: true, ...(rots && BIT_ROT_CONFIG) },
  });
  if (o.trace) trace_all(world, o.trace);
  const invariants = new ClusterInvariants(world);
  world.scheduler.after_event = () => invariants.check_touched();
  const workload = new Workload(
    {
      clock: new ProcessClock(world.scheduler),
      rng: new SimRng(o.seed, 8),
      spawn: () => world.spawn_client(),
    },
    { ...DEFAULT_LOAD, pools: POOLS },
  );
  const admin = world.client();
  const nemesis = new Nemesis(world, new SimRng(o.seed, 9), {
    mean_interval_ms: rng.pick([300, 1000, 3000]),
    max_dead: 1 + rng.int(2),
    tell: (cmd) => void admin.mon_command(cmd).catch(() => undefined),
  });
  const rot = rots ? new BitRot(world, new SimRng(o.seed, 12), admin) : null;
  let error: unknown;
  try {
    await scenario(world, { admin, workload, nemesis, rot }, o.seconds);
    invariants.check_quiet();
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
    tail: world.log.tail(60),
    history: workload.history.events,
    coverage: coverage_since(before),
  };
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

/** Two data chunks and one more; stripes so small that most writes change several, or a part of one. */
async function make_erasure_pool(world: World, admin: Rados, pool: string): Promise<void> {
  const profile = ["k=2", "m=1", "stripe_unit=64", "crush-failure-domain=osd"];
  const commands = [
    { prefix: "osd erasure-code-profile set", name: "small", profile, force: true },
    {
      prefix: "osd pool create",
      pool,
      pg_num: 4,
      pool_type: "erasure",
      erasure_code_profile: "small",
    },
    { prefix: "osd pool set", pool, var: "allow_ec_overwrites", val: "true" },
  ];
  for (const cmd of commands) await world.done(admin.mon_command(cmd), cmd.prefix);
  await world.done(admin.wait_for_latest_osdmap(), "the map with the pool");
}

/** What clients were told is what a store may tell them. */
function check_load(workload: Workload): void {
  if (workload.failure !== undefined) throw workload.failure;
  const verdict = check_history(workload.history.events);
  if (verdict.result === "violation") throw new InvariantError(render_verdict(verdict));
}

interface Players {
  readonly admin: Rados;
  readonly workload: Workload;
  readonly nemesis: Nemesis;
  readonly rot: BitRot | null;
}

async function scenario(world: World, players: Players, seconds: number): Promise<void> {
  const { admin, workload, nemesis, rot } = players;
  await world.start();
  await world.done(admin.connect(), "client connects");
  await world.until(() => world.osdmap.get_up_osds().length === world.osd_ids.length, "all up");
  await world.done(admin.pool_create("three", { pg_num: 4 }), "pool create");
  await world.done(admin.pool_create("two", { pg_num: 4, size: 2, min_size: 1 }), "pool create");
  await make_erasure_pool(world, admin, "ec");
  await world.until(() => why_not_clean(world) === undefined, "clean at the start");
  workload.start();
  await rot?.start("three");
  nemesis.start();
  await world.run_for(seconds * 1000);
  const failure = workload.failure ?? rot?.failure;
  if (failure !== undefined) throw failure;
  nemesis.stop();
  rot?.stop();
  workload.stop();
  await rot?.heal();
  try {
    await world.until(() => why_not_clean(world) === undefined, "all PGs active+clean", 360_000);
  } catch (e) {
    throw new Error(`${(e as Error).message}: ${pgs_not_clean(world).join("; ")}`, { cause: e });
  }
  await world.until(() => workload.is_idle, "operations under way are answered", 360_000);
  workload.read_everything();
  await world.until(() => workload.is_idle, "everything can be read");
  check_load(workload);
  await settled(world);
  check_quiescent(world);
}
