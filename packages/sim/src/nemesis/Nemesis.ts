/**
 * Nemesis: breaks things at random times. Each run draws its own kinds of faults and its own rates
 * (swarm testing: a run with everything in it seldom gets far into anything). Whatever it does,
 * what was acknowledged can come back: a disk is taken away only when all copies are there without it.
 */
import type { Rados } from "@tako/client";
import {
  type Baseline,
  Field,
  type FieldOptions,
  type Outcome,
  restore,
  rng_of_strike,
  type SimRng,
  type Strike,
  take_baseline,
} from "@tako/client/chaos";
import { InvariantError } from "@tako/common";
import type { World } from "../World.ts";
import { ALL_FAULTS } from "./registry.ts";
import type { SimFault } from "./SimFault.ts";

export interface NemesisOptions extends FieldOptions {
  /** Of the streams that strikes take their chance from. */
  readonly seed: number;
  /** These, and no others. */
  readonly script?: readonly Strike[] | undefined;
  /** Mean time between two faults, virtual ms. */
  readonly mean_interval_ms: number;
  /** Runs are to have about as many faults as each other. */
  readonly even: boolean;
  /** How much more often than by itself a kind comes; 0: never. */
  readonly rates: Readonly<Record<string, number>>;
  /** Which part of all kinds a run has: one of these. */
  readonly mix: readonly number[];
}

/** Kinds without which nothing would ever be alive again. */
const ALWAYS: readonly string[] = ["restart_osd"];
/** Looks at so many kinds for one that can be done just now. */
const TRIES = 12;
/** After this a run that is to have as many faults as others looks again. */
const AGAIN_MS = 1000;

interface Drawn {
  readonly fault: SimFault;
  readonly rate: number;
}

export class Nemesis {
  readonly field: Field<World>;
  readonly #options: NemesisOptions;
  readonly #drawn: readonly Drawn[];
  /** When and what; the details of a strike have their own. */
  readonly #rng: SimRng;
  #began_ms = 0;
  #streams = 0;
  /** The next interval, where it depends on the last. */
  #makes_up_ms: number | null = null;
  /** What was done. */
  readonly strikes: Strike[] = [];
  #baseline: Baseline | undefined;
  #stopped = false;
  readonly counts = new Map<string, number>();

  constructor(world: World, rng: SimRng, admin: Rados, options: NemesisOptions) {
    this.#options = options;
    this.#rng = rng;
    this.field = new Field(world, rng, admin, options);
    this.#drawn = draw(rng, options);
  }
  /** The cluster as it is now is what `restore` brings back. */
  start(): void {
    this.#baseline = take_baseline(this.field);
    this.#began_ms = this.field.world.scheduler.now_ms;
    if (this.#options.script) {
      for (const s of this.#options.script) this.#schedule(s);
      return;
    }
    const kinds = this.#drawn.map((d) => `${d.fault.kind} ${d.rate.toFixed(1)}`);
    this.field.note(`faults: ${kinds.join(", ")}`);
    this.#next();
  }
  #schedule(s: Strike): void {
    const fault = ALL_FAULTS.find((f) => f.kind === s.kind);
    if (!fault) throw new InvariantError(`no fault is called ${s.kind}`);
    this.field.world.scheduler.schedule(s.at_ms, () => {
      if (!this.#stopped) this.#strike(fault, s.stream);
    });
  }
  #next(): void {
    this.field.world.scheduler.schedule(this.#interval_ms(), () => this.#now());
  }
  #now(): void {
    if (this.#stopped) return;
    if (!this.#any()) this.#make_up();
    this.#next();
  }
  /** False: none of those that were looked at can be done just now. */
  #any(): boolean {
    for (let i = 0; i < TRIES; i++) if (this.#strike(this.#pick(), this.#streams++)) return true;
    return false;
  }
  /** For one that was not to be, or came to nothing. */
  #make_up(): void {
    if (!this.#options.even || this.#is_scripted) return;
    this.field.world.scheduler.schedule(AGAIN_MS, () => {
      if (!this.#stopped && !this.#any()) this.#make_up();
    });
  }
  #interval_ms(): number {
    const { mean_interval_ms, even } = this.#options;
    const made_up = this.#makes_up_ms;
    this.#makes_up_ms = null;
    if (made_up !== null) return made_up;
    const ms = this.#rng.between(0, 2 * mean_interval_ms);
    if (even) this.#makes_up_ms = 2 * mean_interval_ms - ms;
    return ms;
  }
  /** False: it could not be done just now. */
  #strike(fault: SimFault, stream: number): boolean {
    const { field } = this;
    if (field.gentle_only && fault.gentle !== true) return false;
    field.rng = rng_of_strike(this.#options.seed, stream);
    const outcome: Outcome = fault.strike(field);
    if (outcome === false) return false;
    const ms = field.world.scheduler.now_ms - this.#began_ms;
    this.strikes.push({ at_ms: Math.round(ms * 1000) / 1000, kind: fault.kind, stream });
    if (outcome === true) this.#count(fault.kind);
    else void outcome.then((done) => (done ? this.#count(fault.kind) : this.#make_up()));
    return true;
  }
  #pick(): SimFault {
    let dice = this.#rng.next() * this.#drawn.reduce((n, d) => n + d.rate, 0);
    for (const d of this.#drawn) {
      dice -= d.rate;
      if (dice < 0) return d.fault;
    }
    throw new InvariantError("no kind of fault was drawn");
  }
  #count(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }
  get #is_scripted(): boolean {
    return this.#options.script !== undefined;
  }
  get total(): number {
    return [...this.counts.values()].reduce((a, b) => a + b, 0);
  }

  /** No more faults; what lasts ends, and everything runs. */
  stop(): void {
    const { world } = this.field;
    this.#stopped = true;
    this.field.ended = true;
    this.field.note("faults end");
    this.field.undo_all();
    world.net.heal_all();
    world.start_mon();
    world.thaw_mon();
    for (const id of world.osd_ids) {
      world.store(id).set_commit_latency_ms(0.5);
      world.store(id).end_write_failure();
      world.thaw_osd(id);
      if (!this.field.held.has(id)) world.start_osd(id);
    }
  }
  /** The operator puts everything back: flags, weights, sizes, overrides. After `stop`. */
  async restore(): Promise<void> {
    if (this.#baseline) await restore(this.field, this.#baseline);
  }
}

/** The run's own kinds and rates. */
function draw(rng: SimRng, { mix, rates }: NemesisOptions): Drawn[] {
  const part = rng.pick(mix);
  return ALL_FAULTS.flatMap((fault) => {
    const taken = rng.chance(part) || ALWAYS.includes(fault.kind);
    const rate = fault.weight * rng.pick([0.3, 1, 3]) * (rates[fault.kind] ?? 1);
    return taken && rate > 0 ? [{ fault, rate }] : [];
  });
}
