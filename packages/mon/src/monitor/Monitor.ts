/**
 * The monitor: sessions, subscriptions, commands, and the services behind them.
 * Ceph counterpart: src/mon/Monitor.h. cluster.md §3, §4, §7.
 */
import type { Connection, Dispatcher, Message, OSDMap } from "@tako/common";
import { InvariantError } from "@tako/common";
import type { MonitorPorts } from "./ports.ts";

export class Monitor implements Dispatcher {
  /** `a` of mon.a */
  readonly name: string;
  protected readonly ports: MonitorPorts;

  /** Registers itself as the messenger's dispatcher. Nothing is sent before init(). */
  constructor(name: string, ports: MonitorPorts) {
    this.name = name;
    this.ports = ports;
    ports.messenger.set_dispatcher(this);
  }

  /** Loads what is committed and starts the tick. Throws StoreError when the store is damaged. */
  init(): void {}
  /** Stops timers and answers nothing any more. Loses nothing: what was acknowledged is durable. */
  shutdown(): void {}

  get fsid(): string {
    return "";
  }
  /** Last committed map. */
  get osdmap(): OSDMap {
    throw new InvariantError("init() first");
  }
  /** First epoch that is not trimmed. */
  get first_committed(): number {
    return 0;
  }

  ms_dispatch(_con: Connection, _m: Message): void {}
  ms_handle_connect(_con: Connection): void {}
  ms_handle_reset(_con: Connection): void {}
  ms_handle_refused(_con: Connection): void {}
}
