/**
 * A cluster of real processes as faults see it: whom they kill, start and stop, what the newest map is,
 * and whether every PG is clean. Faults decide at once, as in the simulator; processes and answers take
 * their time, so what was ordered of a daemon is carried out in order, and what was seen of the cluster
 * holds only until the next thing is done to it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type CommandResult, type Rados, RadosError } from "@tako/client";
import type { FaultWorld } from "@tako/client/chaos";
import type { MonCommand, OSDMap, pg_t } from "@tako/common";
import { Fields } from "../render/Fields.ts";
import type { DrillStage } from "./DrillStage.ts";

const POLL_MS = 50;
const ASK_MS = 3000;
/** Clients begin something new at any time: shorter than what a fault leaves a pause to reach them. */
const IDLE_HOLDS_MS = 800;

type Name = number | "mon";

/** What it needs of the drill's stage. */
export interface Processes
  extends Pick<DrillStage, "gone" | "is_running" | "launch" | "send_signal" | "signal" | "until"> {
  readonly admin: Pick<Rados, "mon_command" | "osd_command" | "osdmap" | "wait_for_latest_osdmap">;
}

interface Daemon {
  alive: boolean;
  frozen: boolean;
  /** Goes up with each start. */
  starts: number;
  /** It is meant to end by itself. */
  stopping: boolean;
  /** What was ordered of it. */
  orders: Promise<void>;
}

export class ProcessWorld implements FaultWorld {
  readonly #stage: Processes;
  readonly #say: (text: string) => void;
  readonly #now_ms: () => number;
  readonly #daemons = new Map<Name, Daemon>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Things done so far. */
  #done = 0;
  /** Commands under way. */
  #asked = 0;
  /** All PGs were clean when so many things had been done; and nobody had an operation under way. */
  #clean_at = -1;
  #idle_at = -1;
  /** The asking of which that is the answer began then. */
  #idle_since_ms = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  /** Somebody wanted to know it, and it was not known. */
  look_wanted = false;
  /** What no fault should ever bring about. */
  readonly wrong: string[] = [];

  constructor(
    stage: Processes,
    osds: number,
    say: (text: string) => void,
    now_ms = () => performance.now(),
  ) {
    this.#stage = stage;
    this.#say = say;
    this.#now_ms = now_ms;
    for (const id of ["mon" as const, ...Array.from({ length: osds }, (_, i) => i)]) {
      const orders = Promise.resolve();
      const d = { alive: true, frozen: false, starts: 1, stopping: false, orders };
      this.#daemons.set(id, d);
    }
  }
  note(text: string): void {
    this.#done++;
    this.#say(text);
  }

  // ------------------------------------------------------------ processes

  get osd_ids(): readonly number[] {
    return [...this.#daemons.keys()].filter((id) => id !== "mon");
  }
  #daemon(id: Name): Daemon {
    const d = this.#daemons.get(id);
    if (!d) throw new Error(`no osd.${id} in this cluster`);
    return d;
  }
  /** Its number of starts: another one is another process. */
  osd(id: number): number | undefined {
    const { alive, starts } = this.#daemon(id);
    return alive ? starts : undefined;
  }
  is_frozen(id: number): boolean {
    return this.#daemon(id).frozen;
  }
  host_of(id: number): string {
    return `host${id}`;
  }
  #order(id: Name, work: () => unknown): void {
    const d = this.#daemon(id);
    const failed = (e: unknown) => void this.wrong.push((e as Error).message);
    d.orders = d.orders.then(work).then(() => {}, failed);
  }
  #kill(id: Name): void {
    const d = this.#daemon(id);
    if (!d.alive) return;
    this.note(`kill ${name_of(id)}`);
    this.#look_at(id, d);
    Object.assign(d, { alive: false, frozen: false, stopping: false });
    this.#stage.send_signal(id, "SIGKILL");
    // The next process needs its port and its files.
    this.#order(id, () => this.#stage.gone(id));
  }
  #start(id: Name): void {
    const d = this.#daemon(id);
    if (d.alive) return;
    this.note(`start ${name_of(id)}`);
    d.alive = true;
    const starts = ++d.starts;
    this.#order(id, () => {
      if (d.alive && d.starts === starts) this.#stage.launch(id);
    });
  }
  #signal(id: Name, frozen: boolean): void {
    const d = this.#daemon(id);
    if (!d.alive || d.frozen === frozen) return;
    this.note(`${frozen ? "freeze" : "thaw"} ${name_of(id)}`);
    d.frozen = frozen;
    const starts = d.starts;
    this.#order(id, () => {
      // Unless it was killed before its turn came.
      if (!d.alive || d.starts !== starts) return;
      this.#stage.send_signal(id, d.frozen ? "SIGSTOP" : "SIGCONT");
    });
  }
  /** A process cannot be killed with its writes lost: the kernel has them. */
  kill_osd(id: number): void {
    this.#kill(id);
  }
  start_osd(id: number): void {
    this.#start(id);
  }
  begin_stop_osd(id: number): void {
    const d = this.#daemon(id);
    if (!d.alive) return;
    this.note(`stop osd.${id}`);
    d.stopping = true;
    const { starts } = d;
    this.#order(id, async () => {
      if (!d.alive || d.starts !== starts) return;
      this.#stage.send_signal(id, "SIGCONT");
      await this.#stage.signal(id, "SIGTERM");
      if (d.starts === starts) Object.assign(d, { alive: false, stopping: false });
    });
  }
  freeze_osd(id: number): void {
    this.#signal(id, true);
  }
  thaw_osd(id: number): void {
    this.#signal(id, false);
  }
  get mon_running(): boolean {
    return this.#daemon("mon").alive;
  }
  get mon_frozen(): boolean {
    return this.#daemon("mon").frozen;
  }
  kill_mon(): void {
    this.#kill("mon");
  }
  start_mon(): void {
    this.#start("mon");
  }
  freeze_mon(): void {
    this.#signal("mon", true);
  }
  thaw_mon(): void {
    this.#signal("mon", false);
  }
  /** What was ordered has been done. */
  async orders_done(): Promise<void> {
    await Promise.all([...this.#daemons.values()].map((d) => d.orders));
  }
  /** Notes daemons that have ended by themselves. */
  async note_deaths(): Promise<void> {
    await this.orders_done();
    for (const [id, d] of this.#daemons) this.#look_at(id, d);
  }
  #look_at(id: Name, d: Daemon): void {
    if (!d.alive || d.stopping || d.frozen || this.#stage.is_running(id)) return;
    const starting = d.starts > 1;
    d.alive = false;
    this.wrong.push(`${name_of(id)} has ended by itself${starting ? ", after a restart" : ""}`);
  }

  // ------------------------------------------------------------ the cluster

  /** As the monitor's client; nothing given up, as it may be away for long. */
  async mon_command(cmd: MonCommand): Promise<CommandResult> {
    this.#asked++;
    try {
      return await this.#stage.admin.mon_command(cmd);
    } finally {
      this.#asked--;
      this.#done++;
    }
  }
  get osdmap(): OSDMap {
    return this.#stage.admin.osdmap;
  }
  async newest_map(): Promise<void> {
    if (!this.mon_running || this.mon_frozen) return;
    await this.#stage.admin.wait_for_latest_osdmap({ timeout_ms: ASK_MS }).catch(ignore_refusal);
  }
  get is_clean(): boolean {
    return this.#known(this.#clean_at, true);
  }
  get is_idle(): boolean {
    return this.#known(this.#idle_at, this.#now_ms() - this.#idle_since_ms < IDLE_HOLDS_MS);
  }
  /** What was seen is still so; else somebody goes and looks. */
  #known(seen_at: number, fresh: boolean): boolean {
    if (fresh && seen_at === this.#done && this.#asked === 0) return true;
    this.look_wanted = true;
    this.look().catch((e: unknown) => this.wrong.push((e as Error).message));
    return false;
  }
  /** Resolves when what is known is as new as this call. */
  async look(): Promise<void> {
    const stale = this.#looking;
    if (stale !== undefined) await stale;
    // Somebody else may have waited, too.
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }
  /** Asks the primary of every PG, and all OSDs; the monitor hears of it too late. */
  async #look(): Promise<void> {
    const before = this.#done;
    await this.newest_map();
    const map = this.osdmap;
    const pgs = [...map.pools.keys()].flatMap((id) => [...map.get_pgs(id)]);
    for (const pgid of pgs) if (!(await this.#pg_is_clean(map, pgid))) return;
    const still = () => this.#done === before && this.#asked === 0;
    if (still()) this.#clean_at = before;
    // No answer is older than this.
    const since_ms = this.#now_ms();
    for (const id of this.osd_ids) {
      if (this.osd(id) === undefined) continue;
      const ops = await this.#ask_osd(id, { prefix: "dump_ops_in_flight" });
      if (ops?.num("num_ops", -1) !== 0) return;
    }
    if (!still()) return;
    this.#idle_at = before;
    this.#idle_since_ms = since_ms;
  }
  async #pg_is_clean(map: OSDMap, pgid: pg_t): Promise<boolean> {
    const { acting_primary } = map.pg_to_up_acting_osds(pgid);
    if (acting_primary < 0) return false;
    const f = await this.#ask_osd(acting_primary, { prefix: "query", pgid });
    return f?.text("state") === "active+clean" && f.num("epoch") >= map.epoch;
  }
  async #ask_osd(id: number, cmd: MonCommand): Promise<Fields | undefined> {
    try {
      return new Fields(
        (await this.#stage.admin.osd_command(id, cmd, { timeout_ms: ASK_MS })).outb,
      );
    } catch (e) {
      ignore_refusal(e);
      return undefined;
    }
  }

  // ------------------------------------------------------------ time

  after(ms: number, fn: () => void): void {
    const t = setTimeout(() => {
      this.#timers.delete(t);
      fn();
    }, ms);
    this.#timers.add(t);
  }
  /** And the map is the newest then. */
  async until(cond: () => boolean, what: string): Promise<void> {
    await this.#stage.until(what, cond);
    await this.newest_map();
  }
  /** Looks again and again; false when it is not so in time. */
  async becomes_clean(limit_ms: number): Promise<boolean> {
    for (const deadline = Date.now() + limit_ms; Date.now() < deadline; await sleep(POLL_MS)) {
      await this.look();
      if (this.is_clean) return true;
    }
    return false;
  }
  end(): void {
    for (const t of this.#timers) clearTimeout(t);
    this.#timers.clear();
  }
}

function name_of(id: Name): string {
  return id === "mon" ? "mon.a" : `osd.${id}`;
}
function ignore_refusal(e: unknown): void {
  if (!(e instanceof RadosError)) throw e;
}
