/**
 * What daemons see of the network: connections that carry messages, and who is told about them.
 * Interfaces only; io/WsMessenger and the simulator implement them.
 * Ceph counterpart: src/msg/Messenger.h, Connection.h, Dispatcher.h. Rules: peering.md §13 (end).
 */
import type { Message } from "../messages/index.ts";
import type { entity_addr_t, entity_name_t } from "../types/entity.ts";

/**
 * How a connection behaves when its transport breaks.
 * - `lossless_peer`: both ends reconnect and replay what was not acknowledged, in order, as long as
 *   both instances (name + nonce) live. OSD to OSD.
 * - `lossy`: what was in flight is lost; both ends get ms_handle_reset. Clients, monitors, heartbeats.
 */
export type ConnectionPolicy = "lossless_peer" | "lossy";

export interface Connection {
  /** From the handshake, never from the address. */
  readonly peer_name: entity_name_t;
  /** Advertised address of the peer; its nonce is the peer's instance. */
  readonly peer_addr: entity_addr_t;
  readonly policy: ConnectionPolicy;
  /** False after mark_down or a reset: nothing that is sent arrives any more. */
  readonly is_open: boolean;
  /** Queues `m` in order. Messages of one turn leave in one frame. A closed connection drops it. */
  send(m: Message): void;
  /** Bytes queued here and in the socket: for back-pressure. */
  readonly queued_bytes: number;
  /** Closes at once and forgets what is queued. No event is delivered to our own dispatcher. */
  mark_down(): void;
  /** Whatever the dispatcher wants to remember per connection (Ceph's Session). */
  priv: unknown;
}

export interface Dispatcher {
  /** One message; never called again before it returns. Must not throw for what a peer sent. */
  ms_dispatch(con: Connection, m: Message): void;
  /** A peer has connected to us, or our own connection is established (again). */
  ms_handle_connect(con: Connection): void;
  /** A lossy connection broke, or the far instance of a lossless one is gone. `con` is closed. */
  ms_handle_reset(con: Connection): void;
  /** Nobody listens at that address (ECONNREFUSED), on a connection we opened. */
  ms_handle_refused(con: Connection): void;
}

export interface Messenger {
  readonly my_name: entity_name_t;
  /** Where others reach us. Blank for one who only connects (clients). */
  readonly my_addr: entity_addr_t;
  /** Must be called once, before anything is sent. */
  set_dispatcher(d: Dispatcher): void;
  /**
   * The connection to that instance, opened if there is none. With two opens crossing each other
   * the two ends settle on one. The same (name, address) gives the same Connection while it is open.
   */
  connect_to(name: entity_name_t, addr: entity_addr_t, policy: ConnectionPolicy): Connection;
  /** The open connection to that instance, if there is one; opens none. */
  connection_to(
    name: entity_name_t,
    addr: entity_addr_t,
    policy: ConnectionPolicy,
  ): Connection | undefined;
  /**
   * Draws a new nonce (and keeps the port): connections with OSDs are dropped without an event, those
   * with monitors and clients stay. Used after a wrong mark-down.
   */
  rebind(): entity_addr_t;
  /** Closes everything; resolves when the sockets are gone and queued frames were flushed. */
  shutdown(): Promise<void>;
}
