/**
 * MonClient: one session with a monitor, kept alive by hunting. Holds the subscriptions and the
 * requests that a new session must repeat.
 * It does not interpret maps; its owner dispatches what it does not consume.
 * Ceph counterpart: src/mon/MonClient.{h,cc}, MonSub. Rules: cluster.md §3.16, §6.1.
 */
import type { Config } from "../config/index.ts";
import { CommandError } from "../errors.ts";
import type { Message, Msg } from "../messages/index.ts";
import type { Connection, Messenger } from "../msg/Messenger.ts";
import type { Clock, Log, Rng, TimerHandle } from "../ports.ts";
import type { entity_addr_t, entity_name_t } from "../types/entity.ts";
import type { epoch_t } from "../types/osd_types.ts";

/** Where a monitor may be. Nonce 0 and name "mon.any": whatever instance listens there. */
export interface MonTarget {
  readonly name: entity_name_t;
  readonly addr: entity_addr_t;
}
export type SubName = Msg<"mon_subscribe">["what"][number]["name"];

interface Sub {
  start: epoch_t;
  onetime: boolean;
}
/** Answer of a command: result 0 or -errno, status line, JSON value, bytes. */
export type CommandReply = Pick<Msg<"mon_command_ack">, "result" | "outs" | "outb" | "data">;
export type MonCommand = Msg<"mon_command">["cmd"];

interface PendingCommand {
  readonly msg: Msg<"mon_command">;
  readonly done: (r: CommandReply) => void;
}
interface PendingVersion {
  readonly msg: Msg<"mon_get_version">;
  readonly done: (version: epoch_t, oldest: epoch_t) => void;
}

/** First pause between two rounds of hunting; grows by 1.5 up to mon_client_hunt_interval. */
const HUNT_FIRST_MS = 100;

export interface MonClientPorts {
  readonly messenger: Messenger;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly config: Config;
  readonly mons: readonly MonTarget[];
  /** A session is established (again): repeat whatever the monitor has not confirmed. */
  readonly on_session: () => void;
}

/** A session with a monitor that is kept alive, with its subscriptions and requests. */
export class MonClient {
  readonly #p: MonClientPorts;
  #con: Connection | null = null;
  #connected = false;
  #stopped = false;
  #next = 0;
  #pause_ms = HUNT_FIRST_MS;
  #timer: TimerHandle | null = null;
  #tid = 0;
  readonly #subs = new Map<SubName, Sub>();
  readonly #sent = new Map<SubName, Sub>();
  readonly #commands = new Map<number, PendingCommand>();
  readonly #versions = new Map<number, PendingVersion>();

  constructor(ports: MonClientPorts) {
    this.#p = ports;
    if (ports.mons.length === 0) throw new CommandError("EINVAL", "no monitor address given");
    this.#next = ports.rng.int(ports.mons.length);
  }

  /** Starts hunting. Messages sent before a session stands are dropped: use on_session. */
  start(): void {
    this.#hunt();
  }
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#con?.mark_down();
    this.#con = null;
    this.#connected = false;
  }
  get connected(): boolean {
    return this.#connected;
  }
  /** True for the connection to the monitor in use. */
  is_mon(con: Connection): boolean {
    return con === this.#con;
  }

  #hunt(): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    const mon = this.#p.mons[this.#next % this.#p.mons.length] as MonTarget;
    this.#next++;
    this.#con = this.#p.messenger.connect_to(mon.name, mon.addr, "lossy");
    // A monitor that accepts and then stays silent is given up after one hunt interval.
    this.#timer = this.#p.clock.set_timer(this.#hunt_max_ms(), () => this.#lost("timeout"));
  }
  #hunt_max_ms(): number {
    return this.#p.config.get("mon_client_hunt_interval") * 1000;
  }
  #lost(why: string): void {
    if (this.#stopped) return;
    this.#p.log.debug({ why, was_connected: this.#connected }, "mon_session_lost");
    this.#con?.mark_down();
    this.#con = null;
    this.#connected = false;
    this.#timer?.cancel();
    const jitter = 0.75 + this.#p.rng.next() / 2;
    this.#timer = this.#p.clock.set_timer(this.#pause_ms * jitter, () => this.#hunt());
    this.#pause_ms = Math.min(this.#pause_ms * 1.5, this.#hunt_max_ms());
  }

  // ------------------------------------------------------------ from the owner's dispatcher

  ms_handle_connect(con: Connection): void {
    if (con !== this.#con || this.#connected) return;
    this.#connected = true;
    this.#timer?.cancel();
    this.#pause_ms = HUNT_FIRST_MS;
    this.#sent.clear();
    this.#renew_subs();
    for (const c of this.#commands.values()) con.send(c.msg);
    for (const v of this.#versions.values()) con.send(v.msg);
    this.#p.on_session();
  }
  ms_handle_reset(con: Connection): void {
    if (con === this.#con) this.#lost("reset");
  }
  ms_handle_refused(con: Connection): void {
    if (con === this.#con) this.#lost("refused");
  }
  /** True when the message was for the MonClient alone. */
  ms_dispatch(m: Message): boolean {
    switch (m.type) {
      case "mon_subscribe_ack":
        return true;
      case "mon_command_ack": {
        const c = this.#commands.get(m.tid);
        this.#commands.delete(m.tid);
        c?.done(m);
        return true;
      }
      case "mon_get_version_reply": {
        const v = this.#versions.get(m.handle);
        this.#versions.delete(m.handle);
        v?.done(m.version, m.oldest_version);
        return true;
      }
      default:
        return false;
    }
  }

  // ------------------------------------------------------------ subscriptions (MonSub)

  /** Wants `name` from version `start` on; sent when it differs from what the monitor knows. */
  sub_want(name: SubName, start: epoch_t, onetime = false): boolean {
    const have = this.#subs.get(name);
    if (have && have.start === start && have.onetime === onetime) return false;
    this.#subs.set(name, { start, onetime });
    this.#renew_subs();
    return true;
  }
  /** As sub_want, but only ever raises `start` (inc_want). */
  sub_want_increment(name: SubName, start: epoch_t, onetime = false): boolean {
    const have = this.#subs.get(name);
    if (have && have.start >= start && (onetime || !have.onetime)) return false;
    return this.sub_want(name, start, onetime);
  }
  /** Asks again even though the monitor has been asked before (its answer left a gap). */
  sub_want_again(name: SubName, start: epoch_t, onetime = false): void {
    this.#sent.delete(name);
    this.#subs.set(name, { start, onetime });
    this.#renew_subs();
  }
  /** Version `have` has arrived. */
  sub_got(name: SubName, have: epoch_t): void {
    const s = this.#subs.get(name);
    if (!s || s.start > have) return;
    if (s.onetime) {
      this.#subs.delete(name);
      this.#sent.delete(name);
    } else {
      s.start = have + 1;
      const sent = this.#sent.get(name);
      if (sent) sent.start = have + 1;
    }
  }
  #renew_subs(): void {
    if (!this.#connected) return;
    const what: Msg<"mon_subscribe">["what"] = [];
    for (const [name, s] of this.#subs) {
      const sent = this.#sent.get(name);
      if (sent && sent.start === s.start && sent.onetime === s.onetime) continue;
      what.push({ name, start: s.start, onetime: s.onetime });
      this.#sent.set(name, { ...s });
    }
    if (what.length > 0) this.#con?.send({ type: "mon_subscribe", what });
  }

  // ------------------------------------------------------------ requests

  /** Sends on the current session; dropped when there is none. */
  send_mon_message(m: Message): void {
    if (this.#connected) this.#con?.send(m);
  }
  /** Newest and oldest osdmap epoch of the monitor; asked again on a new session. */
  get_version(done: (version: epoch_t, oldest: epoch_t) => void): void {
    const msg = { type: "mon_get_version", handle: ++this.#tid, what: "osdmap" } as const;
    this.#versions.set(msg.handle, { msg, done });
    this.send_mon_message(msg);
  }
  /** Runs a monitor command; sent again on a new session (commands are idempotent). Returns its tid. */
  command(cmd: MonCommand, data: Uint8Array[], done: (r: CommandReply) => void): number {
    const tid = ++this.#tid;
    const msg: Msg<"mon_command"> =
      data.length > 0 ? { type: "mon_command", tid, cmd, data } : { type: "mon_command", tid, cmd };
    this.#commands.set(tid, { msg, done });
    this.send_mon_message(msg);
    return tid;
  }
  /** Forgets a command: its answer is dropped. */
  cancel_command(tid: number): void {
    this.#commands.delete(tid);
  }
}
