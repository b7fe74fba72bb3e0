/**
 * Nemesis: breaks things at random times: kills and restarts OSDs and the monitor, stops OSDs in
 * order, cuts and partitions connections, splits PGs and moves them. Keeps enough alive that what was
 * acknowledged can always come back (never destroys a disk).
 */
import type { SimRng } from "./SimRng.ts";
import type { World } from "./World.ts";

export interface NemesisOptions {
  /** Mean time between two faults, virtual ms. */
  readonly mean_interval_ms: number;
  /** Most OSDs dead at a time. */
  readonly max_dead: number;
  /** Gives a command to the monitor; what it answers does not matter. */
  readonly tell: (cmd: { readonly prefix: string } & Record<string, unknown>) => void;
}

type Fault = { readonly name: string; readonly weight: number; readonly run: () => void };

/** PGs of a pool that are enough to split often, and few enough to stay quick. */
const MAX_PG_NUM = 24;

export class Nemesis {
  readonly #world: World;
  readonly #rng: SimRng;
  readonly #options: NemesisOptions;
  readonly #faults: readonly Fault[];
  #stopped = false;
  readonly counts = new Map<string, number>();

  constructor(world: World, rng: SimRng, options: NemesisOptions) {
    this.#world = world;
    this.#rng = rng;
    this.#options = options;
    this.#faults = [
      { name: "kill_osd", weight: 10, run: () => this.#kill_osd() },
      { name: "restart_osd", weight: 14, run: () => this.#restart_osd() },
      { name: "kill_all_osds", weight: 1, run: () => this.#kill_all() },
      { name: "cut", weight: 8, run: () => world.net.cut(rng.int(1 << 20)) },
      { name: "partition", weight: 4, run: () => this.#partition() },
      { name: "kill_mon", weight: 2, run: () => this.#kill_mon() },
      { name: "slow_disk", weight: 2, run: () => this.#slow_disk() },
      { name: "grow_pg_num", weight: 2, run: () => this.#grow_pg_num() },
      { name: "grow_pgp_num", weight: 1, run: () => this.#grow_pgp_num() },
    ];
  }
  start(): void {
    this.#next();
  }
  #next(): void {
    const delay = this.#rng.between(0, 2 * this.#options.mean_interval_ms);
    this.#world.scheduler.schedule(delay, () => {
      if (this.#stopped) return;
      this.#strike();
      this.#next();
    });
  }
  #strike(): void {
    const total = this.#faults.reduce((n, f) => n + f.weight, 0);
    let dice = this.#rng.int(total);
    for (const f of this.#faults) {
      dice -= f.weight;
      if (dice >= 0) continue;
      this.counts.set(f.name, (this.counts.get(f.name) ?? 0) + 1);
      f.run();
      return;
    }
  }
  get total(): number {
    return [...this.counts.values()].reduce((a, b) => a + b, 0);
  }

  #alive(): number[] {
    return this.#world.osd_ids.filter((id) => this.#world.osd(id) !== undefined);
  }
  #dead(): number[] {
    return this.#world.osd_ids.filter((id) => this.#world.osd(id) === undefined);
  }
  #kill_osd(): void {
    const alive = this.#alive();
    if (alive.length > 0 && this.#dead().length < this.#options.max_dead) {
      this.#world.kill_osd(this.#rng.pick(alive));
    }
  }
  #restart_osd(): void {
    const dead = this.#dead();
    if (dead.length > 0) this.#world.start_osd(this.#rng.pick(dead));
  }
  #kill_all(): void {
    for (const id of this.#alive()) this.#world.kill_osd(id);
    for (const id of this.#world.osd_ids) {
      const delay = this.#rng.between(0, 4000);
      this.#world.scheduler.schedule(delay, () => this.#world.start_osd(id));
    }
  }
  #partition(): void {
    const names = ["mon.a", ...this.#world.osd_ids.map((id) => `osd.${id}`)] as const;
    const a = this.#rng.pick(names) as "mon.a";
    const b = this.#rng.pick(names) as "mon.a";
    if (a === b) return;
    this.#world.log.add("sim", `partition ${a} ${b}`);
    this.#world.net.partition(a, b);
    this.#world.scheduler.schedule(this.#rng.between(100, 10_000), () => {
      this.#world.log.add("sim", `heal ${a} ${b}`);
      this.#world.net.heal(a, b);
    });
  }
  #kill_mon(): void {
    this.#world.kill_mon();
    this.#world.scheduler.schedule(this.#rng.between(10, 3000), () => this.#world.start_mon());
  }
  #slow_disk(): void {
    const id = this.#rng.pick(this.#world.osd_ids);
    this.#world.store(id).set_commit_latency_ms(this.#rng.between(0.05, 50));
  }
  /** A pool's PGs split, up to MAX_PG_NUM of them. */
  #grow_pg_num(): void {
    const pool = this.#any_pool();
    if (!pool || pool.pg_num >= MAX_PG_NUM) return;
    const val = Math.min(MAX_PG_NUM, pool.pg_num + 1 + this.#rng.int(pool.pg_num));
    this.#options.tell({ prefix: "osd pool set", pool: pool.name, var: "pg_num", val: `${val}` });
  }
  /** The children are placed by themselves, and move. */
  #grow_pgp_num(): void {
    const pool = this.#any_pool();
    if (!pool || pool.pgp_num >= pool.pg_num) return;
    const val = `${pool.pg_num}`;
    this.#options.tell({ prefix: "osd pool set", pool: pool.name, var: "pgp_num", val });
  }
  #any_pool(): { name: string; pg_num: number; pgp_num: number } | undefined {
    if (!this.#world.mon_running) return undefined;
    const { osdmap } = this.#world;
    const ids = [...osdmap.pools.keys()].sort((a, b) => a - b);
    if (ids.length === 0) return undefined;
    const id = this.#rng.pick(ids);
    const pool = osdmap.get_pg_pool(id);
    const name = osdmap.get_pool_name(id);
    return pool && name !== undefined ? { ...pool, name } : undefined;
  }

  /** No more faults; everything is healed and restarted. */
  stop(): void {
    this.#stopped = true;
    this.#world.log.add("sim", "faults end");
    this.#world.net.heal_all();
    this.#world.start_mon();
    for (const id of this.#world.osd_ids) {
      this.#world.store(id).set_commit_latency_ms(0.5);
      this.#world.start_osd(id);
    }
  }
}
