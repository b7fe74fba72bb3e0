/**
 * Field: what faults work on: the world, chance, the operator's commands; and what has to be undone
 * again, each thing after a while, and everything when the faults end.
 */
import type { pg_pool_t, pg_t } from "@tako/common";
import type { Rados } from "../../Rados.ts";
import type { SimRng } from "../SimRng.ts";
import type { FaultWorld } from "./FaultWorld.ts";

const LOOK_MS = 250;

export type Command = { readonly prefix: string } & Record<string, unknown>;

/** Who asks the monitor. */
export type Operator = Pick<Rados, "mon_command">;

export interface FieldOptions {
  /** Most OSDs dead at a time. */
  readonly max_dead: number;
  /** PGs of a pool: enough to split often, few enough to stay quick. */
  readonly max_pg_num: number;
  /** The longest that a fault lasts which ends by itself, virtual ms. */
  readonly max_lasting_ms: number;
}
export interface PoolRef {
  readonly id: number;
  readonly name: string;
  readonly info: pg_pool_t;
}

export class Field<W extends FaultWorld = FaultWorld> {
  readonly world: W;
  /** Of the strike that came last. */
  rng: SimRng;
  readonly options: FieldOptions;
  readonly #admin: Operator;
  readonly #undo = new Map<number, () => void>();
  #serial = 0;
  readonly #working = new Set<Promise<boolean>>();
  readonly #asked = new Set<Promise<boolean>>();
  /** Dead OSDs that stay dead until their time has come. */
  readonly held = new Set<number>();
  /** The OSD whose disk was taken away and is not full again. */
  lost_disk: number | undefined;
  /** And nobody else may be disturbed meanwhile: the copy on it is an old one. */
  gentle_only = false;
  ended = false;

  constructor(world: W, rng: SimRng, admin: Operator, options: FieldOptions) {
    this.world = world;
    this.rng = rng;
    this.options = options;
    this.#admin = admin;
  }
  note(text: string): void {
    this.world.note(text);
  }

  // ------------------------------------------------------------ what ends again

  /** `undo` runs after `ms`, or when the faults end. */
  later(ms: number, undo: () => void): void {
    const n = this.#serial++;
    this.#undo.set(n, undo);
    this.world.after(ms, () => {
      if (!this.#undo.delete(n)) return;
      undo();
    });
  }
  /** As `later`, after a time of the run's own choice. */
  lasting(shortest_ms: number, undo: () => void): void {
    const { max_lasting_ms } = this.options;
    this.later(this.rng.between(shortest_ms, Math.max(shortest_ms, max_lasting_ms)), undo);
  }
  get num_lasting(): number {
    return this.#undo.size;
  }
  undo_all(): void {
    while (this.#undo.size > 0) {
      const all = [...this.#undo.values()];
      this.#undo.clear();
      for (const undo of all) undo();
    }
  }

  // ------------------------------------------------------------ the operator

  /** Asks the monitor; true when it said yes. */
  ask(cmd: Command): Promise<boolean> {
    this.note(`operator: ${JSON.stringify(cmd)}`);
    const asked = this.#admin.mon_command(cmd).then(
      () => true,
      () => false,
    );
    this.#asked.add(asked);
    void asked.finally(() => this.#asked.delete(asked));
    return asked;
  }
  async ask_all(cmds: readonly Command[]): Promise<boolean> {
    let all = true;
    for (const cmd of cmds) all = (await this.ask(cmd)) && all;
    return all;
  }
  /** Something with several steps, which goes on when the faults end. */
  work(p: Promise<boolean>): Promise<boolean> {
    this.#working.add(p);
    void p.finally(() => this.#working.delete(p));
    return p;
  }
  async worked(): Promise<void> {
    await this.world.until(() => this.#working.size === 0, "what was begun is done");
  }
  /** Resolves when `cond` holds; looks now and then. */
  when(cond: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (cond()) resolve();
        else this.world.after(LOOK_MS, look);
      };
      look();
    });
  }
  /** Asks until the monitor says yes. */
  async insist(cmd: Command): Promise<void> {
    while (!(await this.ask(cmd))) await this.pause(LOOK_MS);
  }
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.after(ms, resolve);
    });
  }
  /** All questions have been answered. */
  async answered(): Promise<void> {
    await this.world.until(() => this.#asked.size === 0, "the operator's commands are answered");
  }

  // ------------------------------------------------------------ who there is

  get alive(): number[] {
    return this.world.osd_ids.filter((id) => this.world.osd(id) !== undefined);
  }
  get dead(): number[] {
    return this.world.osd_ids.filter((id) => this.world.osd(id) === undefined);
  }
  get may_kill(): boolean {
    return this.dead.length < this.options.max_dead;
  }
  some_osd(from: readonly number[] = this.world.osd_ids): number | undefined {
    return from.length > 0 ? this.rng.pick(from) : undefined;
  }
  get pools(): PoolRef[] {
    if (!this.world.mon_running) return [];
    const { osdmap } = this.world;
    return [...osdmap.pools.keys()]
      .sort((a, b) => a - b)
      .flatMap((id) => {
        const info = osdmap.get_pg_pool(id);
        const name = osdmap.get_pool_name(id);
        return info && name !== undefined ? [{ id, name, info }] : [];
      });
  }
  some_pool(which: (p: PoolRef) => boolean = () => true): PoolRef | undefined {
    const pools = this.pools.filter(which);
    return pools.length > 0 ? this.rng.pick(pools) : undefined;
  }
  some_pg(): pg_t | undefined {
    if (!this.world.mon_running) return undefined;
    const map = this.world.osdmap;
    const pools = [...map.pools.keys()].sort((a, b) => a - b);
    const pgs = pools.flatMap((id) => [...map.get_pgs(id)]);
    return pgs.length > 0 ? this.rng.pick(pgs) : undefined;
  }
  /** Every PG has all its copies, and nothing is out of order. */
  get clean(): boolean {
    return this.world.is_clean;
  }
}
