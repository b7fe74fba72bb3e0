/**
 * Rados: a program's handle on a cluster: session, commands, pools, and IoCtx for objects.
 * Ceph counterpart: librados::Rados (RadosClient). cluster.md §6.1, §6.7.
 */
import {
  type Clock,
  type Config,
  type Connection,
  type Dispatcher,
  type entity_name_t,
  type Log,
  type Message,
  type Messenger,
  MonClient,
  type MonCommand,
  type MonTarget,
  type Msg,
  type OSDMap,
  pg_parse,
  type Rng,
} from "@tako/common";
import { ClientMaps } from "./ClientMaps.ts";
import { RadosError } from "./errors.ts";
import { type CallOptions, IoCtx } from "./IoCtx.ts";
import { Objecter } from "./Objecter.ts";

export interface RadosPorts {
  readonly messenger: Messenger;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly config: Config;
  readonly mons: readonly MonTarget[];
}
export interface CommandResult {
  /** Status line. */
  readonly outs: string;
  /** JSON value, when the command returns one. */
  readonly outb: unknown;
  readonly data: Uint8Array[];
}
type LogEntry = Msg<"log">["entries"][number];

export class Rados implements Dispatcher {
  readonly #p: RadosPorts;
  readonly #monc: MonClient;
  readonly #objecter: Objecter;
  readonly #maps: ClientMaps;
  #command_tid = 0;
  readonly #osd_commands = new Map<
    number,
    { con: Connection; done: (m: Msg<"command_reply"> | undefined) => void }
  >();
  #on_log: ((e: LogEntry) => void) | undefined;

  constructor(ports: RadosPorts) {
    this.#p = ports;
    this.#monc = new MonClient({ ...ports, on_session: () => {} });
    this.#objecter = new Objecter({ ...ports, monc: this.#monc });
    this.#maps = new ClientMaps({
      monc: this.#monc,
      log: ports.log,
      on_map: (maps, skipped) => this.#objecter.handle_map(maps, skipped),
    });
    ports.messenger.set_dispatcher(this);
  }

  /** Resolves with a session and a first map; ETIMEDOUT when no monitor answers in time (0 = never). */
  connect(o: { timeout_ms?: number; signal?: AbortSignal } = {}): Promise<void> {
    this.#monc.start();
    this.#objecter.start();
    return this.#promise(o, "connect: no monitor answers", (done) => {
      this.#objecter.wait_for_map(1, () => done(undefined));
    });
  }
  /** Ends operations under way with ESHUTDOWN and closes all sessions. */
  async shutdown(): Promise<void> {
    this.#objecter.stop();
    this.#monc.stop();
    for (const c of [...this.#osd_commands.values()]) c.done(undefined);
    await this.#p.messenger.shutdown();
  }
  get osdmap(): OSDMap {
    const map = this.#objecter.osdmap;
    if (!map) throw RadosError.of("ENOTCONN", "not connected");
    return map;
  }
  get fsid(): string {
    return this.osdmap.fsid;
  }
  /** `client.4123` */
  get instance_name(): entity_name_t {
    return this.#p.messenger.my_name;
  }

  // ------------------------------------------------------------ Dispatcher

  ms_dispatch(con: Connection, m: Message): void {
    if (m.type === "osd_map") {
      this.#maps.handle_osd_map(m);
    } else if (m.type === "command_reply") {
      const c = this.#osd_commands.get(m.tid);
      if (c?.con === con) c.done(m);
    } else if (m.type === "log") {
      for (const e of m.entries) this.#on_log?.(e);
    } else if (!this.#objecter.ms_dispatch(con, m)) {
      this.#monc.ms_dispatch(m);
    }
  }
  ms_handle_connect(con: Connection): void {
    this.#monc.ms_handle_connect(con);
  }
  ms_handle_reset(con: Connection): void {
    this.#monc.ms_handle_reset(con);
    this.#objecter.ms_handle_reset(con);
    for (const c of [...this.#osd_commands.values()]) if (c.con === con) c.done(undefined);
  }
  ms_handle_refused(con: Connection): void {
    this.#monc.ms_handle_refused(con);
    this.#objecter.ms_handle_reset(con);
    for (const c of [...this.#osd_commands.values()]) if (c.con === con) c.done(undefined);
  }

  // ------------------------------------------------------------ commands

  /** Runs a monitor command (cluster.md §7.1); rejects with its errno and status line. */
  mon_command(
    cmd: MonCommand,
    o: CallOptions & { data?: Uint8Array[] } = {},
  ): Promise<CommandResult> {
    const timeout_ms = o.timeout_ms ?? this.#p.config.get("rados_mon_op_timeout") * 1000;
    let tid = 0;
    const what = `${String(cmd.prefix)}: no answer from the monitor`;
    return this.#promise<CommandResult>(
      { ...o, timeout_ms },
      what,
      (done, fail) => {
        tid = this.#monc.command(cmd, o.data ?? [], (r) => {
          if (r.result < 0) fail(new RadosError(-r.result, r.outs));
          else done({ outs: r.outs, outb: r.outb, data: r.data ?? [] });
        });
      },
      () => this.#monc.cancel_command(tid),
    );
  }
  /** `tell osd.N`: ENXIO when that OSD is not up or its session breaks. */
  osd_command(osd: number, cmd: MonCommand, o: CallOptions = {}): Promise<CommandResult> {
    const map = this.osdmap;
    if (!map.is_up(osd)) {
      const what = map.exists(osd) ? `osd.${osd} is not up` : `osd.${osd} does not exist`;
      return Promise.reject(RadosError.of("ENXIO", what));
    }
    const con = this.#p.messenger.connect_to(`osd.${osd}`, map.get_addr(osd), "lossy");
    const tid = ++this.#command_tid;
    const timeout_ms = o.timeout_ms ?? this.#p.config.get("rados_mon_op_timeout") * 1000;
    return this.#promise<CommandResult>(
      { ...o, timeout_ms },
      `osd.${osd} does not answer`,
      (done, fail) => {
        this.#osd_commands.set(tid, {
          con,
          done: (m) => {
            this.#osd_commands.delete(tid);
            if (!m) fail(RadosError.of("ENXIO", `session with osd.${osd} broke`));
            else if (m.result < 0) fail(new RadosError(-m.result, m.outs));
            else done({ outs: m.outs, outb: m.outb, data: [] });
          },
        });
        con.send({ type: "command", tid, cmd });
      },
      () => this.#osd_commands.delete(tid),
    );
  }
  /** A command to the primary of a PG: `query`, `list_unfound`, ... ENXIO when it has none. */
  async pg_command(pgid: string, cmd: MonCommand, o: CallOptions = {}): Promise<CommandResult> {
    const pg = pg_parse(pgid);
    if (!pg) throw RadosError.of("EINVAL", `invalid pgid '${pgid}': want <pool>.<hex>`);
    await this.wait_for_latest_osdmap(o);
    const map = this.osdmap;
    if (!map.raw_pg_to_pg(pg)) throw RadosError.of("ENOENT", `pool of pg ${pgid} does not exist`);
    const { acting_primary } = map.pg_to_up_acting_osds(pg);
    if (acting_primary < 0) throw RadosError.of("ENXIO", `pg ${pgid} has no primary`);
    return this.osd_command(acting_primary, { ...cmd, pgid: pg }, o);
  }
  /** Calls `fn` for each entry of the cluster log from now on. */
  watch_log(fn: (e: LogEntry) => void): void {
    this.#on_log = fn;
    this.#monc.sub_want("log-info", 0);
  }
  wait_for_latest_osdmap(o: CallOptions = {}): Promise<void> {
    return this.#promise(o, "no answer from the monitor", (done) => {
      this.#objecter.wait_for_latest_osdmap(() => done(undefined));
    });
  }

  // ------------------------------------------------------------ pools

  async pool_create(name: string, args: Record<string, unknown> = {}): Promise<void> {
    await this.mon_command({ prefix: "osd pool create", pool: name, ...args });
    await this.wait_for_latest_osdmap();
  }
  async pool_delete(name: string): Promise<void> {
    const sure = { yes_i_really_really_mean_it: true };
    await this.mon_command({ prefix: "osd pool rm", pool: name, pool2: name, ...sure });
    await this.wait_for_latest_osdmap();
  }
  pool_list(): string[] {
    const { pool_name } = this.osdmap;
    return [...pool_name].sort((a, b) => a[0] - b[0]).map(([, name]) => name);
  }
  /** Pool id by name (or by id as text); undefined when the current map has none. */
  pool_lookup(name: string): number | undefined {
    const id = this.osdmap.lookup_pg_pool_name(name);
    return id < 0 ? undefined : id;
  }
  /** ENOENT when the pool does not exist, also by the monitor's newest map. */
  async open_ioctx(pool: string, o: CallOptions = {}): Promise<IoCtx> {
    let id = this.pool_lookup(pool);
    if (id === undefined) {
      await this.wait_for_latest_osdmap(o);
      id = this.pool_lookup(pool);
    }
    if (id === undefined) throw RadosError.of("ENOENT", `pool '${pool}' does not exist`);
    return new IoCtx(
      this.#objecter,
      { id, name: pool },
      () => this.#p.config.get("rados_osd_op_timeout") * 1000,
    );
  }

  // ------------------------------------------------------------ helpers

  /** A promise with time-out and abort; `undo` runs when one of these ends it. */
  #promise<T>(
    o: { readonly timeout_ms?: number; readonly signal?: AbortSignal },
    what: string,
    start: (done: (v: T) => void, fail: (e: RadosError) => void) => void,
    undo: () => void = () => {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      let ended = false;
      const end = (fn: () => void) => {
        if (ended) return;
        ended = true;
        timer?.cancel();
        o.signal?.removeEventListener("abort", on_abort);
        fn();
      };
      const give_up = (e: RadosError) =>
        end(() => {
          undo();
          reject(e);
        });
      const on_abort = () => give_up(RadosError.of("ECANCELED", "aborted"));
      const ms = o.timeout_ms ?? 0;
      const timer =
        ms > 0
          ? this.#p.clock.set_timer(ms, () => give_up(RadosError.of("ETIMEDOUT", what)))
          : undefined;
      if (o.signal?.aborted) {
        on_abort();
        return;
      }
      o.signal?.addEventListener("abort", on_abort, { once: true });
      start(
        (v) => end(() => resolve(v)),
        (e) => end(() => reject(e)),
      );
    });
  }
}
