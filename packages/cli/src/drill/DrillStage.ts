/**
 * What a scenario is played on: a private cluster of real processes, two clients, and who is called
 * what. Waiting is for conditions; the limit only bounds how long a failure takes.
 */
import { appendFileSync, mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type IoCtx, type Rados, RadosError } from "@tako/client";
import { open_rados } from "@tako/client/io";
import { type MonCommand, scenario_letters } from "@tako/common";
import type { GlobalOptions } from "../cli_context.ts";
import type { ClusterDir, DaemonEntry } from "../cluster/ClusterDir.ts";
import { create_cluster, stop_cluster } from "../cluster/local_cluster.ts";
import { is_running, signal_daemon, start_daemon, wait_gone } from "../cluster/processes.ts";
import { Fields } from "../render/Fields.ts";

const POLL_MS = 50;
const GONE_MS = 15_000;
/** Of an operation that is to be answered at once. */
export const OP_LIMIT_MS = 60_000;

/** An operation that goes on while other steps are played. */
export interface DrillOp {
  readonly abort: AbortController;
  /** undefined: not answered. */
  result: string | undefined;
}

/** A step could not be done, or what was expected is not so. */
export class DrillError extends Error {
  override readonly name = "DrillError";
}

/** The one PG that a scenario is about: first pool, first PG. */
export const PGID = "1.0";

export class DrillStage {
  readonly #dir: ClusterDir;
  readonly #limit_ms: number;
  #clients: Rados[] = [];
  #ios: IoCtx[] = [];
  #letters = new Map<string, number>();
  readonly ops = new Map<string, DrillOp>();

  constructor(dir: ClusterDir, limit_ms: number) {
    this.#dir = dir;
    this.#limit_ms = limit_ms;
  }

  // ------------------------------------------------------------ processes

  /** A new cluster in the directory; `config`: more lines of its configuration file. */
  async start(osds: number, config: Readonly<Record<string, string>>, g: GlobalOptions) {
    await create_cluster(this.#dir, { osds, pg_num: 1, timeout_s: this.#limit_ms / 1000 });
    mkdirSync(this.#dir.path, { recursive: true });
    const lines = Object.entries(config).map(([name, value]) => `${name} = ${value}\n`);
    appendFileSync(this.#dir.conf, `\n[global]\n${lines.join("")}`);
    const { store, daemons } = this.#dir.read();
    for (const d of daemons) start_daemon(this.#dir, d, store);
    for (let i = 0; i < 2; i++) {
      const rados = await open_rados({ conf: this.#dir.conf });
      this.#clients.push(rados);
      await rados.connect({ timeout_ms: g.connectTimeout * 1000 });
    }
    await this.until("all OSDs are up", async () => (await this.up_osds()).length === osds);
  }
  /** Ends every process. */
  async end(): Promise<void> {
    for (const op of this.ops.values()) op.abort.abort();
    for (const d of this.#dir.exists ? this.#dir.read().daemons : []) {
      // One that stands still would not hear the other signals.
      if (is_running(d)) signal_daemon(d, "SIGCONT");
    }
    await Promise.allSettled(this.#clients.map((c) => c.shutdown()));
    if (this.#dir.exists) await stop_cluster(this.#dir);
  }
  #daemon(id: number | "mon"): DaemonEntry {
    return this.#dir.daemon(id === "mon" ? "mon.a" : `osd.${id}`);
  }
  is_running(id: number | "mon"): boolean {
    return is_running(this.#daemon(id));
  }
  /** Sends a signal; after one that ends the process it is gone. */
  async signal(id: number | "mon", signal: NodeJS.Signals): Promise<void> {
    if (!this.send_signal(id, signal)) return;
    if (signal === "SIGKILL" || signal === "SIGTERM") await this.gone(id);
  }
  /** False when there is no such process. */
  send_signal(id: number | "mon", signal: NodeJS.Signals): boolean {
    const d = this.#daemon(id);
    if (!is_running(d)) return false;
    signal_daemon(d, signal);
    return true;
  }
  /** DrillError when the process is still there after a while. */
  async gone(id: number | "mon"): Promise<void> {
    const d = this.#daemon(id);
    if (!(await wait_gone(d, GONE_MS))) throw new DrillError(`${d.name} does not end`);
  }
  launch(id: number | "mon"): void {
    const d = this.#daemon(id);
    if (!is_running(d)) start_daemon(this.#dir, d, this.#dir.read().store);
  }

  // ------------------------------------------------------------ clients

  get admin(): Rados {
    return this.#client(0);
  }
  #client(i: number): Rados {
    const c = this.#clients[i];
    if (!c) throw new DrillError("a scenario begins with: cluster osds=3");
    return c;
  }
  async open_pool(name: string): Promise<void> {
    this.#ios = [];
    for (const c of this.#clients) this.#ios.push(await c.open_ioctx(name));
  }
  /** Of the client, or of the other one. */
  io(other = false): IoCtx {
    const io = this.#ios[other ? 0 : 1];
    if (!io) throw new DrillError("there is no pool yet");
    return io;
  }
  /** The JSON of a monitor command. */
  async command(cmd: MonCommand): Promise<Fields> {
    return new Fields((await this.admin.mon_command(cmd)).outb);
  }

  // ------------------------------------------------------------ who and what

  /** The members of the PG get their letters. */
  async assign_letters(): Promise<void> {
    const { up } = await this.pg_map();
    const all = this.#dir.read().daemons.flatMap((d) => {
      return d.name.startsWith("osd.") ? [Number(d.name.slice(4))] : [];
    });
    this.#letters = scenario_letters(
      up,
      all.sort((a, b) => a - b),
    );
  }
  get all(): number[] {
    return [...this.#letters.values()];
  }
  /** `A`, or `osd.2`. */
  id(name: string): number {
    const m = /^osd\.(\d+)$/.exec(name);
    const id = m ? Number(m[1]) : this.#letters.get(name);
    if (id === undefined) throw new DrillError(`nobody is called '${name}'`);
    return id;
  }
  ids(names: readonly string[]): number[] {
    return names.map((n) => this.id(n));
  }
  /** As the steps call them. */
  names(ids: readonly number[]): string {
    const name = (id: number) => [...this.#letters].find(([, o]) => o === id)?.[0];
    return ids.map((id) => name(id) ?? (id === 0x7fffffff ? "-" : `osd.${id}`)).join();
  }
  async pg_map(pgid = PGID): Promise<{ up: number[]; acting: number[] }> {
    const m = await this.command({ prefix: "pg map", pgid });
    return { up: m.nums("up"), acting: m.nums("acting") };
  }
  async osd_dump(): Promise<Fields> {
    return this.command({ prefix: "osd dump" });
  }
  async up_osds(): Promise<number[]> {
    const osds = (await this.osd_dump()).list("osds");
    return osds.filter((o) => o.yes("up")).map((o) => o.num("osd"));
  }
  /** What `pg dump` tells of every PG. */
  async pg_stats(): Promise<Fields[]> {
    const dump = await this.command({ prefix: "pg dump" });
    const map = dump.has("pg_map") ? dump.at("pg_map") : dump;
    return map.list("pg_stats");
  }
  /** By the primary, which knows it first; by the monitor when there is none to ask. */
  async pg_state(pgid = PGID): Promise<string> {
    try {
      const r = await this.admin.pg_command(pgid, { prefix: "query" }, { timeout_ms: 5000 });
      return new Fields(r.outb).text("state");
    } catch (e) {
      if (!(e instanceof RadosError)) throw e;
      return (await this.pg_stats()).find((s) => s.text("pgid") === pgid)?.text("state") ?? "";
    }
  }

  // ------------------------------------------------------------ waiting

  /** `limit_ms`: default the drill's own. What the monitor cannot answer is asked again. */
  async until(
    what: string,
    cond: () => Promise<boolean> | boolean,
    limit_ms = this.#limit_ms,
  ): Promise<void> {
    const deadline = Date.now() + limit_ms;
    for (;;) {
      if (await answered(cond)) return;
      if (Date.now() > deadline) throw new DrillError(`not within ${limit_ms / 1000} s: ${what}`);
      await sleep(POLL_MS);
    }
  }
}

async function answered(cond: () => Promise<boolean> | boolean): Promise<boolean> {
  try {
    return await cond();
  } catch (e) {
    if (e instanceof RadosError) return false;
    throw e;
  }
}
