/**
 * A daemon's connection to itself: two shards of an erasure-coded PG can meet on one OSD while one of
 * them moves. Ceph counterpart: Messenger::get_loopback_connection. peering.md §10.
 */
import type {
  Clock,
  Connection,
  Dispatcher,
  entity_addr_t,
  entity_name_t,
  Message,
  Messenger,
} from "@tako/common";

export class LoopbackConnection implements Connection {
  readonly policy = "lossless_peer";
  readonly is_open = true;
  readonly queued_bytes = 0;
  priv: unknown;
  readonly #clock: Clock;
  readonly #messenger: Messenger;
  readonly #dispatcher: Dispatcher;

  constructor(clock: Clock, messenger: Messenger, dispatcher: Dispatcher) {
    this.#clock = clock;
    this.#messenger = messenger;
    this.#dispatcher = dispatcher;
  }
  get peer_name(): entity_name_t {
    return this.#messenger.my_name;
  }
  /** The present one: it changes when the daemon binds anew. */
  get peer_addr(): entity_addr_t {
    return this.#messenger.my_addr;
  }
  send(m: Message): void {
    this.#clock.defer(() => this.#dispatcher.ms_dispatch(this, m));
  }
  mark_down(): void {}
}
