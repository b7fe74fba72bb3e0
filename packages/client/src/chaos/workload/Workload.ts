/**
 * Workload: several clients at once, on few objects that they share and many that are seldom touched;
 * all operations of the client library, some with a deadline; clients are killed and started anew.
 * Everything is written into a history, which check_history judges. It knows neither simulator nor
 * sockets: what starts a client process is a port, so real processes run under the same load.
 * Ceph counterpart: the rados task of teuthology with RadosModel.
 */
import { type Clock, ERRNO, type Rng } from "@tako/common";
import { RadosError } from "../../errors.ts";
import type { IoCtx, OperateResult } from "../../IoCtx.ts";
import type { Rados } from "../../Rados.ts";
import { HistoryRecorder } from "../history/history.ts";
import {
  type Ask,
  ask_any,
  ask_everything,
  ask_journal,
  ask_read,
  type Hint,
  type Mix,
} from "./op_mix.ts";
import { read_op, seen_of, write_op } from "./op_of_steps.ts";

/** A client that can be killed. */
export interface ClientProcess {
  /** `client.7`; every process has one of its own. */
  readonly name: string;
  readonly rados: Rados;
  /** SIGKILL: nothing of it is heard again. */
  kill(): void;
}
export interface WorkloadPorts {
  /** Of the load itself: does not die with a client. */
  readonly clock: Clock;
  readonly rng: Rng;
  readonly spawn: () => ClientProcess;
}
export interface WorkloadPool {
  readonly name: string;
  /** Erasure-coded pools have none. */
  readonly omap: boolean;
}
export interface WorkloadOptions {
  readonly pools: readonly WorkloadPool[];
  readonly clients: number;
  /** Of each pool: shared by all clients, often several operations at once. */
  readonly hot: number;
  readonly cold: number;
  readonly ops_per_second: number;
  /** Mean time between two deaths of a client; 0: none. */
  readonly kill_mean_ms: number;
}
export const DEFAULT_LOAD: Omit<WorkloadOptions, "pools"> = {
  clients: 4,
  hot: 3,
  cold: 24,
  ops_per_second: 8,
  kill_mean_ms: 40_000,
};

interface Obj {
  readonly pool: WorkloadPool;
  readonly oid: string;
  /** `pool/oid` */
  readonly name: string;
  /** Among those of its kind in its pool. */
  readonly index: number;
  readonly journal: boolean;
  readonly hint: Hint;
  open: number;
}
interface Client {
  readonly process: ClientProcess;
  readonly ios: Map<string, IoCtx>;
  /** Ids in the history of what it has asked and not heard. */
  readonly open: Map<number, Obj | null>;
  /** Of its predecessor, if that was killed. */
  readonly slot: number;
  ready: boolean;
  dead: boolean;
}

/** Objects of the load, apart from everybody else's. */
export const LOAD_NSPACE = "load";
/** Mean pause between two bursts on the same clock, ms. */
const BURST_MS = 500;
const MAX_BURST = 8;
/**
 * A client only reads one object of so many, each client others. What is asked of an object waits for
 * what was asked before: who writes to it, too, soon reads nothing any more from a primary that cannot
 * write, and so nothing that is old.
 */
const READS_ONLY_ONE_OF = 4;
/** Of so many writes that were acknowledged, one is looked for by another client at once. */
const LOOKED_FOR_ONE_OF = 3;
/** Over how long the operations of a burst are spread, ms. */
const SPREADS_MS: readonly number[] = [0, 0, 10, 100, 1000];
/** More are not asked while these wait. */
const MAX_OPEN_PER_OBJECT = 6;
const MAX_OPEN_PER_CLIENT = 24;
/** Answers that say nothing about the object: it may or may not have happened. */
const NOT_ABOUT_THE_OBJECT: ReadonlySet<number> = new Set([
  ERRNO.ETIMEDOUT,
  ERRNO.ESHUTDOWN,
  ERRNO.EIO,
  ERRNO.ENOSPC,
  ERRNO.EDQUOT,
  ERRNO.ENXIO,
  ERRNO.ENOTCONN,
  ERRNO.EAGAIN,
  ERRNO.EPERM,
]);

export class Workload {
  readonly history: HistoryRecorder;
  readonly #p: WorkloadPorts;
  readonly #o: WorkloadOptions;
  readonly #hot: Obj[];
  readonly #cold: Obj[];
  #clients: Client[] = [];
  #started_ms = 0;
  /** Operations begun, and those that wait for their moment. */
  #planned = 0;
  #tags = 0;
  #stopping = false;
  #kill_at_ms = Number.POSITIVE_INFINITY;
  /** Something that no client should ever see. */
  failure: unknown;
  ops = 0;
  clients_killed = 0;

  constructor(ports: WorkloadPorts, options: WorkloadOptions) {
    this.#p = ports;
    this.#o = options;
    this.history = new HistoryRecorder(() => ports.clock.mono_ms());
    this.#hot = options.pools.flatMap((p) => objects_of(p, "hot", options.hot));
    this.#cold = options.pools.flatMap((p) => objects_of(p, "cold", options.cold));
  }

  start(): void {
    for (let i = 0; i < this.#o.clients; i++) this.#spawn(i);
    this.#started_ms = this.#p.clock.mono_ms();
    this.#next_kill();
    this.#next_burst();
  }
  /** No new operations; those under way may still be answered. */
  stop(): void {
    this.#stopping = true;
  }
  /** Operations that have been asked and not answered. */
  get num_open(): number {
    return this.#clients.reduce((n, c) => n + c.open.size, 0);
  }
  get is_idle(): boolean {
    return this.#stopping && this.num_open === 0;
  }
  /** What read_everything() asks. */
  get closing_ops(): number {
    return this.#hot.length + this.#cold.length + this.#o.pools.length;
  }
  /** Reads all that there is, and lists it; `is_idle` when that is done. */
  read_everything(): void {
    const ready = this.#clients.filter((c) => c.ready);
    const client = ready[0];
    if (!client) {
      this.failure ??= new Error("no client has reached the cluster");
      return;
    }
    for (const [i, o] of [...this.#hot, ...this.#cold].entries()) {
      this.#run(ready[i % ready.length] ?? client, o, ask_everything(o.pool.omap), 0);
    }
    for (const pool of this.#o.pools) this.#list(client, pool);
  }
  /** Ends all clients. */
  kill_all(): void {
    for (const c of this.#clients) this.#kill(c, "the end");
  }

  // ------------------------------------------------------------ clients

  #spawn(slot: number): void {
    const process = this.#p.spawn();
    const state = { open: new Map(), ready: false, dead: false };
    const c: Client = { process, ios: new Map(), slot, ...state };
    this.#clients.push(c);
    this.#connect(c).catch((e: unknown) => {
      if (!c.dead) this.failure ??= e;
    });
  }
  async #connect(c: Client): Promise<void> {
    const { rados } = c.process;
    await rados.connect({ timeout_ms: 0 });
    for (const { name } of this.#o.pools) {
      const io = await rados.open_ioctx(name);
      io.nspace = LOAD_NSPACE;
      c.ios.set(name, io);
    }
    c.ready = true;
  }
  #next_kill(): void {
    const mean = this.#o.kill_mean_ms;
    if (mean === 0) return;
    this.#kill_at_ms = this.#p.clock.mono_ms() + this.#p.rng.next() * 2 * mean;
  }
  #kill(c: Client, why: string): void {
    c.dead = true;
    c.process.kill();
    for (const [id, o] of c.open) {
      this.history.info(id, why);
      if (o) o.open--;
    }
    c.open.clear();
  }
  /** In the middle of what it is doing. */
  #maybe_kill(): void {
    const { clock, rng } = this.#p;
    if (clock.mono_ms() < this.#kill_at_ms) return;
    this.#next_kill();
    const victim = this.#clients[rng.int(this.#clients.length)];
    if (!victim) return;
    clock.set_timer(rng.next() * 10, () => {
      if (this.#stopping || victim.dead) return;
      this.#kill(victim, "killed");
      this.clients_killed++;
      this.#clients = this.#clients.filter((c) => c !== victim);
      this.#spawn(victim.slot);
    });
  }

  // ------------------------------------------------------------ load

  #next_burst(): void {
    const { clock, rng } = this.#p;
    clock.set_timer(rng.next() * 2 * BURST_MS, () => {
      if (this.#stopping || this.failure !== undefined) return;
      this.#burst();
      this.#maybe_kill();
      this.#next_burst();
    });
  }
  /**
   * A few operations, most of them on one object, at once or one soon after the other; what was missed
   * is caught up with.
   */
  #burst(): void {
    const { clock, rng } = this.#p;
    const elapsed_s = (clock.mono_ms() - this.#started_ms) / 1000;
    const due = Math.floor(elapsed_s * this.#o.ops_per_second) - this.#planned;
    const shared = this.#hot[rng.int(this.#hot.length)];
    const spread_ms = SPREADS_MS[rng.int(SPREADS_MS.length)] ?? 0;
    for (let i = 0; i < Math.min(due, MAX_BURST); i++) {
      const o = rng.int(10) < 7 ? shared : this.#cold[rng.int(this.#cold.length)];
      if (!o) continue;
      this.#planned++;
      if (spread_ms === 0) this.#any_op(o);
      else clock.set_timer(rng.next() * spread_ms, () => this.#any_op(o));
    }
  }
  #any_op(o: Obj): void {
    const { rng } = this.#p;
    const ready = this.#ready();
    const client = ready.length > 0 ? ready[rng.int(ready.length)] : undefined;
    if (!client || this.#stopping || o.open >= MAX_OPEN_PER_OBJECT) {
      // Later, then.
      this.#planned--;
      return;
    }
    if (rng.int(100) === 0) this.#list(client, o.pool);
    else this.#run(client, o, this.#ask(client, o), this.#deadline_ms());
  }
  #ask(c: Client, o: Obj): Ask {
    const mix = this.#mix(o);
    if ((c.slot + o.index) % READS_ONLY_ONE_OF === 0) return ask_read(mix, o.pool.omap);
    return o.journal ? ask_journal(mix) : ask_any(mix, o.pool.omap);
  }
  #mix(o: Obj): Mix {
    return { rng: this.#p.rng, hint: o.hint, tag: `${++this.#tags}` };
  }
  #ready(): Client[] {
    return this.#clients.filter((c) => c.ready && c.open.size < MAX_OPEN_PER_CLIENT);
  }
  /** Most wait as long as it takes; some give up while it is under way. */
  #deadline_ms(): number {
    const { rng } = this.#p;
    const dice = rng.int(20);
    if (dice > 1) return 0;
    return dice === 0 ? 1 + rng.int(60) : 2000 + rng.int(10_000);
  }

  #run(c: Client, o: Obj, ask: Ask, timeout_ms: number): void {
    const io = c.ios.get(o.pool.name);
    if (!io) return;
    this.ops++;
    const id = this.history.invoke(c.process.name, o.name, ask.kind, ask.steps);
    c.open.set(id, o);
    o.open++;
    const answer =
      ask.kind === "write"
        ? io.operate_write(o.oid, write_op(ask.steps), { timeout_ms, full_try: false })
        : io.operate_read(o.oid, read_op(ask.steps), { timeout_ms });
    answer.then(
      (r) => this.#answered(c, o, id, ask, r),
      (e: unknown) => this.#refused(c, o, id, e),
    );
  }
  #answered(c: Client, o: Obj, id: number, ask: Ask, r: OperateResult): void {
    if (!this.#close(c, o, id)) return;
    const seen = ask.kind === "read" ? seen_by(ask, r) : [];
    this.history.ok(id, r.user_version, seen);
    o.hint.ver = Math.max(o.hint.ver, r.user_version);
    learn_size(o.hint, ask, seen);
    if (ask.kind === "write" && this.#p.rng.int(LOOKED_FOR_ONE_OF) === 0) this.#look_for(c, o);
  }
  /** Somebody who may hear of less than the writer. */
  #look_for(writer: Client, o: Obj): void {
    const { rng } = this.#p;
    const others = this.#ready().filter((c) => c !== writer);
    const client = others[rng.int(others.length)];
    if (!client || this.#stopping || o.open >= MAX_OPEN_PER_OBJECT) return;
    this.#planned++;
    this.#run(client, o, ask_read(this.#mix(o), o.pool.omap), this.#deadline_ms());
  }
  #refused(c: Client, o: Obj | null, id: number, e: unknown): void {
    if (!this.#close(c, o, id)) return;
    if (!(e instanceof RadosError)) {
      this.failure ??= e;
      this.history.info(id, String(e));
    } else if (NOT_ABOUT_THE_OBJECT.has(e.errno) || this.#pool_is_gone(c)) {
      this.history.info(id, e.code);
    } else {
      this.history.fail(id, e.errno);
    }
  }
  /** False when the client is dead: it hears nothing. */
  #close(c: Client, o: Obj | null, id: number): boolean {
    if (c.dead || !c.open.delete(id)) return false;
    if (o) o.open--;
    return true;
  }
  #pool_is_gone(c: Client): boolean {
    const { osdmap } = c.process.rados;
    return [...c.ios.values()].some((io) => !osdmap.have_pg_pool(io.pool_id));
  }

  #list(c: Client, pool: WorkloadPool): void {
    const io = c.ios.get(pool.name);
    if (!io) return;
    this.ops++;
    const id = this.history.invoke(c.process.name, `${pool.name}/`, "list", []);
    c.open.set(id, null);
    names_in(io).then(
      (names) => {
        if (this.#close(c, null, id)) this.history.ok(id, 0, names);
      },
      (e: unknown) => this.#refused(c, null, id, e),
    );
  }
}

function objects_of(pool: WorkloadPool, kind: string, count: number): Obj[] {
  return Array.from({ length: count }, (_, i) => {
    const oid = `${kind}.${i}`;
    const name = `${pool.name}/${oid}`;
    // The first hot one of each pool.
    const journal = kind === "hot" && i === 0;
    return { pool, oid, name, index: i, journal, hint: { size: 0, ver: 0 }, open: 0 };
  });
}

async function names_in(io: IoCtx): Promise<string[]> {
  const names = new Set<string>();
  for await (const e of io.list_objects()) names.add(e.oid);
  return [...names].sort();
}

function seen_by(ask: Ask, r: OperateResult): ReturnType<typeof seen_of>[] {
  return ask.steps.map((s, i) => {
    const step = r.steps[i];
    return step ? seen_of(s, step) : null;
  });
}
function learn_size(hint: Hint, ask: Ask, seen: readonly unknown[]): void {
  const [first] = ask.steps;
  const [shown] = seen;
  if (first?.op === "read" && first.len === 0 && typeof shown === "string") {
    hint.size = shown.length;
  } else if (first?.op === "stat" && typeof shown === "number") hint.size = shown;
  else if (first?.op === "writefull") hint.size = first.data.length;
  else if (first?.op === "append") hint.size += first.data.length;
}
