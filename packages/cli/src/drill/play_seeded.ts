/**
 * Plays the file of a seeded run (docs/scenario-files.md) on real processes: the same OSDs, pools and
 * load, and those of its strikes that can be done to processes, from the same streams of chance; then
 * everything is healed, must become clean, and what clients were told is judged. Processes have their own
 * timing, so this is no repetition of the simulated run; it is the same trouble, once more.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Rados } from "@tako/client";
import {
  check_history,
  DEFAULT_LOAD,
  draw_pools,
  draw_run,
  type Fault,
  Field,
  history_to_lines,
  is_erasure_pool,
  MAPS_CONFIG,
  make_pools,
  type Pool,
  PROFILES,
  type Profile,
  parse_sim_scenario,
  type RunDraw,
  render_verdict,
  restore,
  rng_of_strike,
  SIM_CONFIG,
  SimRng,
  type SimScenario,
  type Strike,
  scripted,
  take_baseline,
  Workload,
} from "@tako/client/chaos";
import { open_rados } from "@tako/client/io";
import { CommandError, type ConfigValues } from "@tako/common";
import { SystemClock } from "@tako/common/io";
import { DrillError, DrillStage } from "./DrillStage.ts";
import { ProcessWorld } from "./ProcessWorld.ts";
import type { DrillOptions } from "./play_drill.ts";
import { LEFT_OUT, REAL_FAULTS } from "./strike_kinds.ts";

/** Until all PGs are clean after the last fault, at least: as long as a simulated run may take. */
const CLEAN_MS = 360_000;
/** Handles that are open but not connected: the load takes one at a time, and does not wait. */
const SPARES = 6;
/** Of the search for an order of one object's calls. */
const BUDGET = 2_000_000;

export interface SeededResult {
  readonly strikes: number;
  readonly played: number;
  /** Could be done, but not at their moment. */
  readonly missed: number;
  readonly left_out: number;
  readonly ops: number;
  /** Why the run fails; empty: all held. */
  readonly wrong: readonly string[];
}

export interface SeededPlan {
  readonly scenario: SimScenario;
  readonly profile: Profile;
  readonly draw: RunDraw;
  readonly pools: readonly Pool[];
  readonly strikes: readonly { readonly strike: Strike; readonly fault: Fault }[];
  /** With the reason. */
  readonly left_out: readonly { readonly strike: Strike; readonly why: string }[];
}

/** What of the file is played. CommandError for what is no such file, or names no fault. */
export function seeded_plan(text: string): SeededPlan {
  const scenario = parse_sim_scenario(text);
  const { seed, script } = scenario;
  const profile = scripted(PROFILES[scenario.profile], script);
  const draw = draw_run(seed, profile);
  if (!Number.isInteger(draw.osds) || draw.osds < 1) {
    throw new CommandError("EINVAL", `osds=${draw.osds}: want at least one`);
  }
  const pools = draw_pools(profile.pools, seed, draw.osds).filter((p) => {
    return script.pools?.includes(p.name) ?? true;
  });
  if (pools.length === 0) throw new CommandError("EINVAL", "the run has no pool");
  const strikes = [];
  const left_out = [];
  for (const strike of script.strikes ?? []) {
    const fault = REAL_FAULTS.get(strike.kind);
    const why = LEFT_OUT[strike.kind];
    if (fault) strikes.push({ strike, fault });
    else if (why !== undefined) left_out.push({ strike, why });
    else throw new CommandError("EINVAL", `no fault is called ${strike.kind}`);
  }
  return { scenario, profile, draw, pools, strikes, left_out };
}

/** Before anything starts: what this is not, and what is left out. */
export function preface(plan: SeededPlan): string[] {
  const lines = [
    "not an exact repeat: processes have their own timing, and a kill loses no write that the kernel has",
  ];
  const { fails } = plan.scenario;
  if (fails !== undefined) lines.push(`in the simulator it fails: ${fails}`);
  const by_why = new Map<string, string[]>();
  for (const { strike, why } of plan.left_out) {
    by_why.set(why, [...(by_why.get(why) ?? []), `${strike.at_ms} ms ${strike.kind}`]);
  }
  for (const [why, strikes] of by_why) lines.push(`left out, ${why}: ${strikes.join(", ")}`);
  if (plan.draw.rots)
    lines.push("left out, only a simulated disk can be told that: bits that turn");
  return lines;
}

/** The configuration file of its cluster, apart from the monitor's address. */
export function seeded_conf({ profile, draw }: SeededPlan): string {
  const config: ConfigValues = {
    ...SIM_CONFIG,
    osd_debug_check_invariants: true,
    osd_crush_initial_weight: 1,
    ...(draw.trims && MAPS_CONFIG),
    ...profile.config,
  };
  const options = Object.entries(config).map(([name, v]) => `${name} = ${v}`);
  // Rules ask for hosts, as in the simulator: each OSD has one of its own.
  const hosts = Array.from({ length: draw.osds }, (_, i) => {
    return `\n[osd.${i}]\ncrush_location = root=default host=host${i}`;
  });
  return `${["[global]", ...options, ...hosts].join("\n")}\n`;
}

export async function play_seeded(text: string, o: DrillOptions): Promise<SeededResult> {
  const plan = seeded_plan(text);
  const run = new SeededRun(plan, o);
  for (const line of preface(plan)) run.say(line);
  return run.play();
}

class SeededRun {
  readonly #plan: SeededPlan;
  readonly #o: DrillOptions;
  readonly #stage: DrillStage;
  readonly #world: ProcessWorld;
  readonly #began = Date.now();
  #spares: Rados[] = [];
  #ended = false;
  #played = 0;
  #missed = 0;
  readonly #wrong: string[] = [];

  constructor(plan: SeededPlan, o: DrillOptions) {
    this.#plan = plan;
    this.#o = o;
    this.#stage = new DrillStage(o.dir, o.limit_ms);
    this.#world = new ProcessWorld(this.#stage, plan.draw.osds, (text) => this.say(text));
  }
  say(text: string): void {
    this.#o.say(`${((Date.now() - this.#began) / 1000).toFixed(1).padStart(6)} s  ${text}`);
  }

  async play(): Promise<SeededResult> {
    const { draw, strikes, left_out } = this.#plan;
    let load: Workload | undefined;
    try {
      mkdirSync(this.#o.dir.path, { recursive: true });
      writeFileSync(this.#o.dir.conf, seeded_conf(this.#plan));
      await this.#stage.start(draw.osds, {}, this.#o.g);
      load = await this.#prepare();
      await this.#strike_and_heal(load);
    } catch (e) {
      this.#wrong.push((e as Error).message);
    } finally {
      await this.#end(load);
    }
    const counts = { strikes: strikes.length + left_out.length, left_out: left_out.length };
    const wrong = [...new Set([...this.#world.wrong, ...this.#wrong])];
    return { ...counts, played: this.#played, missed: this.#missed, ops: load?.ops ?? 0, wrong };
  }

  async #prepare(): Promise<Workload> {
    const { scenario, profile, pools, draw } = this.#plan;
    await make_pools(this.#stage.admin, pools, draw.pg_num, (answer) => answer);
    await this.#clean("clean at the start");
    await this.#fill_spares();
    const ports = {
      clock: new SystemClock(),
      rng: new SimRng(scenario.seed, 8),
      spawn: () => this.#client(),
    };
    return new Workload(ports, {
      ...DEFAULT_LOAD,
      ...profile.load,
      pools: pools.map((p) => ({ name: p.name, omap: !is_erasure_pool(p) })),
    });
  }
  async #strike_and_heal(load: Workload): Promise<void> {
    const { scenario, draw, profile } = this.#plan;
    const { max_pg_num, max_lasting_ms } = profile;
    const options = { max_dead: draw.max_dead, max_pg_num, max_lasting_ms };
    const field = new Field(this.#world, new SimRng(scenario.seed, 9), this.#world, options);
    const baseline = take_baseline(field);
    load.start();
    await this.#strike(field, load);
    this.say("faults end");
    field.ended = true;
    field.undo_all();
    this.#revive(field);
    load.stop();
    await restore(field, baseline);
    await this.#clean("all PGs active+clean");
    this.say("all PGs active+clean");
    await this.#stage.until("operations under way are answered", () => load.is_idle);
    load.read_everything();
    await this.#stage.until("everything can be read", () => load.is_idle);
    await this.#world.note_deaths();
    this.#judge(load);
  }
  async #strike(field: Field, load: Workload): Promise<void> {
    const { scenario, strikes } = this.#plan;
    const from = Date.now();
    const reach = (ms: number) => sleep(Math.max(0, from + ms - Date.now()));
    for (const { strike, fault } of strikes) {
      if (strike.at_ms > scenario.seconds * 1000) break;
      await reach(strike.at_ms);
      await this.#world.newest_map();
      const done = await this.#blow(field, fault, strike);
      if (done) this.#played++;
      else this.#missed++;
      if (!done) this.say(`${strike.kind} ${strike.stream}: cannot be done just now`);
      await this.#world.note_deaths();
      if (load.failure !== undefined) throw load.failure;
    }
    await reach(scenario.seconds * 1000);
  }
  /** False: it could not be done. What needs all PGs clean is tried again when it is known. */
  async #blow(field: Field, fault: Fault, { kind, stream }: Strike): Promise<boolean> {
    if (field.gentle_only && fault.gentle !== true) return false;
    this.say(`strike: ${kind} ${stream}`);
    const blow = () => {
      field.rng = rng_of_strike(this.#plan.scenario.seed, stream);
      return fault.strike(field);
    };
    this.#world.look_wanted = false;
    let outcome = blow();
    if (outcome === false && this.#world.look_wanted) {
      await this.#world.look();
      outcome = blow();
    }
    // The answer of the monitor may come much later: the next strike does not wait for it.
    return outcome !== false;
  }
  #revive(field: Field): void {
    const world = this.#world;
    world.start_mon();
    world.thaw_mon();
    for (const id of world.osd_ids) {
      world.thaw_osd(id);
      if (!field.held.has(id)) world.start_osd(id);
    }
  }
  async #clean(what: string): Promise<void> {
    const limit_ms = Math.max(CLEAN_MS, this.#o.limit_ms);
    if (await this.#world.becomes_clean(limit_ms)) return;
    const states = (await this.#stage.pg_stats()).map(
      (s) => `${s.text("pgid")} ${s.text("state")}`,
    );
    const bad = states.filter((s) => !s.endsWith(" active+clean"));
    throw new DrillError(`not within ${limit_ms / 1000} s: ${what}: ${bad.join("; ")}`);
  }
  #judge(load: Workload): void {
    if (load.failure !== undefined) throw load.failure;
    const verdict = check_history(load.history.events, { budget: BUDGET });
    this.say(`history: ${render_verdict(verdict).replaceAll("\n", "; ")}`);
    if (verdict.result !== "violation") return;
    const file = join(this.#o.dir.path, "history.jsonl");
    writeFileSync(file, history_to_lines(load.history.events));
    this.#wrong.push(`the history is not that of a store: ${render_verdict(verdict)}`);
  }

  // ------------------------------------------------------------ clients

  async #fill_spares(): Promise<void> {
    while (this.#spares.length < SPARES && !this.#ended) {
      this.#spares.push(await open_rados({ conf: this.#o.dir.conf }));
    }
  }
  #client() {
    const rados = this.#spares.shift();
    if (!rados) throw new DrillError("clients die faster than they are made");
    this.#fill_spares().catch((e: unknown) => this.#wrong.push((e as Error).message));
    const kill = () => void rados.shutdown().catch(() => {});
    return { name: rados.instance_name, rados, kill };
  }
  async #end(load: Workload | undefined): Promise<void> {
    this.#ended = true;
    this.#world.end();
    load?.stop();
    load?.kill_all();
    await Promise.allSettled(this.#spares.map((c) => c.shutdown()));
    await this.#world.orders_done();
    await this.#stage.end();
  }
}
