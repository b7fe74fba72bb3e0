/**
 * Scene: the cluster of one scenario, its one PG, its client, and what has been seen so far. The
 * commands work on it.
 */

import { type IoCtx, type Rados, RadosError } from "@tako/client";
import { InvariantError, pg_parse, type pg_t } from "@tako/common";
import type { PG } from "@tako/osd";
import { ClusterInvariants } from "../ClusterInvariants.ts";
import { World, type WorldOptions } from "../World.ts";
import { Cast } from "./Cast.ts";
import { Recorder } from "./Recorder.ts";
import { Wire } from "./Wire.ts";

export interface AsyncOp {
  readonly abort: AbortController;
  /** undefined: not answered. */
  result: string | undefined;
}

/** The one PG: first pool, pg_num 1. */
export const PGID: pg_t = "1.0";

export class Scene {
  readonly world: World;
  readonly cast = new Cast();
  readonly recorder: Recorder;
  readonly wire: Wire;
  readonly invariants: ClusterInvariants;
  readonly admin: Rados;
  readonly client: Rados;
  readonly ops = new Map<string, AsyncOp>();
  /** What churned objects must contain; `-` none. */
  readonly churned = new Map<string, string>();
  /** Epochs that a scenario compares with later ones. */
  readonly noted = new Map<string, number>();
  #events = 0;
  #io: IoCtx | null = null;
  #other_io: IoCtx | null = null;
  #out: string[] = [];

  private constructor(world: World, check_every: number) {
    this.world = world;
    this.recorder = new Recorder(world, this.cast, PGID);
    this.wire = new Wire(world, this.cast);
    this.invariants = new ClusterInvariants(world);
    world.scheduler.after_event = () => {
      this.recorder.look_at_map();
      if (this.tracking) this.#track();
      if (++this.#events % check_every === 0) this.invariants.check();
    };
    this.admin = world.client();
    this.client = world.client();
  }

  /** The cluster's invariants are checked after every event, or every so many. */
  static async start(options: WorldOptions, check_every = 1): Promise<Scene> {
    const world = new World(options);
    const scene = new Scene(world, check_every);
    await world.start();
    await world.done(scene.admin.connect(), "admin connects");
    await world.done(scene.client.connect(), "client connects");
    const all_up = () => world.osdmap.get_up_osds().length === options.osds;
    await world.until(all_up, "all OSDs are up");
    return scene;
  }

  // ------------------------------------------------------------ output

  say(line: string): void {
    this.#out.push(line);
  }
  /** An assertion held. */
  ok(): void {
    if (this.#out.at(-1) !== "ok") this.#out.push("ok");
  }
  take_output(): string[] {
    const out = [...this.#out, ...this.recorder.take()];
    this.#out = [];
    return out;
  }

  // ------------------------------------------------------------ the client

  async open_pool(name: string): Promise<void> {
    this.#io = await this.world.done(this.client.open_ioctx(name), "open_ioctx");
    this.#other_io = await this.world.done(this.admin.open_ioctx(name), "open_ioctx");
  }
  /** A second client. */
  get other_io(): IoCtx {
    if (!this.#other_io) throw new InvariantError("there is no pool yet");
    return this.#other_io;
  }
  get io(): IoCtx {
    if (!this.#io) throw new InvariantError("there is no pool yet");
    return this.#io;
  }
  async mon_command(cmd: { prefix: string } & Record<string, unknown>): Promise<string> {
    const r = await this.world.done(this.admin.mon_command(cmd), cmd.prefix);
    return r.outs;
  }

  // ------------------------------------------------------------ the PG

  /** Statistics of the PG are looked at after every event. */
  tracking = false;
  #track(): void {
    const p = this.primary()?.peering;
    if (!p) return;
    const { state, stat_sum } = p.prepare_stats_for_publish();
    this.recorder.copies.note(state, stat_sum);
  }

  pg(osd: number, pgid = PGID): PG | undefined {
    return this.world.osd(osd)?.pgs.find_primary(pgid);
  }
  primary(pgid = PGID): PG | undefined {
    const { acting_primary } = this.world.osdmap.pg_to_up_acting_osds(pgid);
    const pg = acting_primary < 0 ? undefined : this.pg(acting_primary, pgid);
    return pg?.is_primary() ? pg : undefined;
  }
  /** As the primary would report it. */
  pg_state(pgid: string = PGID): string {
    const pg = pg_parse(pgid);
    return (pg && this.primary(pg)?.get_stats().state) ?? "no primary";
  }
}

/** What `p` gives, or the name of its errno. */
export async function outcome(p: Promise<string>): Promise<string> {
  try {
    return await p;
  } catch (e) {
    if (e instanceof RadosError) return e.code;
    throw e;
  }
}
