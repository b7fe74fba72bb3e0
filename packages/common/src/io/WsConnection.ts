/**
 * One connection as its dispatcher knows it, over any number of transports one after the other.
 * Sends in batches of a turn, replays what was not acknowledged, reconnects with back-off.
 * Decisions of the handshake are in msg/handshake.ts; sockets are opened by WsMessenger.
 * Ceph counterpart: AsyncConnection with ProtocolV2. Rules: peering.md §13, docs/wire-protocol.md.
 */
import { message_fault } from "../codec/catalogue.ts";
import { decode_frame, decode_messages, encode_messages } from "../codec/codec.ts";
import { bad_frame } from "../codec/scan.ts";
import type { Config } from "../config/index.ts";
import { InvariantError } from "../errors.ts";
import type { Message } from "../messages/index.ts";
import type { Hello, Refuse, SessionState, Welcome } from "../msg/handshake.ts";
import type { Connection, ConnectionPolicy, Dispatcher } from "../msg/Messenger.ts";
import { message_fields } from "../msg/message_fields.ts";
import { approx_bytes, SendQueue } from "../msg/SendQueue.ts";
import type { Clock, Log, Rng, TimerHandle } from "../ports.ts";
import { addr_str, type entity_addr_t, type entity_name_t } from "../types/entity.ts";
import { CLOSE, protocol_fault, type Transport } from "./Transport.ts";

/** What a connection needs of its messenger. */
export interface ConnectionHost {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly config: Config;
  readonly max_frame: number;
  dispatcher(): Dispatcher;
  /** Opens a socket to the peer; ends in attach, refused, or failed on the connection. */
  dial(con: WsConnection): Attempt;
  /** The connection is closed: forget it. */
  forget(con: WsConnection): void;
}
/** A socket on its way. */
export interface Attempt {
  abort(): void;
}

/** The message that was sent last, over whatever connection. */
let last_checked: Message | undefined;

type State = "idle" | "dialing" | "backoff" | "open" | "closed";

const MAX_BATCH = 1024;
const MAX_BATCH_BYTES = 1 << 20;
/** Acknowledge at the end of the turn, not later, after so many messages. */
const ACK_EVERY = 256;
/** A session whose frames the peer refuses so often, without progress, is given up. */
const MAX_BAD_FRAMES = 3;
/** A transport that lasted so long was good: the next attempt need not wait. */
const STABLE_MS = 1000;

export class WsConnection implements Connection {
  readonly policy: ConnectionPolicy;
  /** We opened it, at least at first. */
  readonly outgoing: boolean;
  peer_name: entity_name_t;
  peer_addr: entity_addr_t;
  priv: unknown;
  /** Session: see SessionState. Zeros when lossy. */
  readonly cookie: number;
  peer_cookie = 0;
  connect_seq = 0;
  private in_seq = 0;
  private acked_in = 0;

  private readonly host: ConnectionHost;
  private readonly log: Log;
  private readonly queue = new SendQueue();
  private state: State = "idle";
  private transport: Transport | undefined;
  private attempt: Attempt | undefined;
  private retry: TimerHandle | undefined;
  private ack_timer: TimerHandle | undefined;
  private flush_due = false;
  /** Since the session last made progress. */
  private attempts = 0;
  private open_since = 0;
  private bad_frames = 0;
  /** The dispatcher was told of the refusal; told again only after a connection stood. */
  private refusal_told = false;

  constructor(
    host: ConnectionHost,
    peer: { name: entity_name_t; addr: entity_addr_t; policy: ConnectionPolicy },
    cookie: number,
    outgoing: boolean,
  ) {
    this.host = host;
    this.peer_name = peer.name;
    this.peer_addr = peer.addr;
    this.policy = peer.policy;
    this.cookie = cookie;
    this.outgoing = outgoing;
    this.log = host.log.child({ peer: peer.name, addr: addr_str(peer.addr) });
  }

  // ---- Connection

  get is_open(): boolean {
    return this.state !== "closed";
  }
  get queued_bytes(): number {
    return this.queue.unsent_bytes + (this.transport?.buffered ?? 0);
  }

  send(m: Message): void {
    if (this.state === "closed") return;
    // Messages are immutable, and a write goes to several members one after the other.
    if (m !== last_checked) {
      const fault = message_fault(m);
      if (fault !== undefined) {
        throw new InvariantError("message does not fit the catalogue", { fault: fault.message });
      }
      last_checked = m;
    }
    const size = approx_bytes(m);
    if (size > this.host.max_frame) {
      throw new InvariantError("message larger than a frame", { type: m.type, bytes: size });
    }
    this.queue.push(m);
    this.schedule_flush();
  }

  mark_down(): void {
    this.end(CLOSE.session_gone, "marked down");
  }

  // ---- what the messenger calls

  get lossless(): boolean {
    return this.policy === "lossless_peer";
  }
  get has_transport(): boolean {
    return this.transport !== undefined;
  }
  session_state(): SessionState {
    return {
      cookie: this.cookie,
      peer_cookie: this.peer_cookie,
      connect_seq: this.connect_seq,
      attempting: this.attempt !== undefined,
      last_sent: this.queue.last_sent,
    };
  }
  /** The session's part of our hello. */
  hello_part(): Pick<Hello, "cookie" | "peer_cookie" | "connect_seq" | "in_seq"> {
    const { cookie, peer_cookie, connect_seq, in_seq } = this;
    return { cookie, peer_cookie, connect_seq, in_seq };
  }
  /** The session's part of our welcome, after attach. */
  welcome_part(): Pick<Welcome, "cookie" | "connect_seq" | "in_seq"> {
    return { cookie: this.cookie, connect_seq: this.connect_seq, in_seq: this.in_seq };
  }

  /** Starts connecting, at the end of the turn. */
  open(): void {
    this.state = "backoff";
    this.host.clock.defer(() => {
      if (this.state === "backoff" && this.retry === undefined) this.dial();
    });
  }

  /** The peer's hello was accepted: its transport is ours from now on. Welcome is to be sent next. */
  accept(t: Transport, h: Hello): void {
    this.peer_cookie = h.cookie;
    this.connect_seq = Math.max(this.connect_seq, h.connect_seq) + 1;
    this.adopt(t, h.in_seq);
  }
  /** Our own attempt got through. */
  welcomed(t: Transport, w: Welcome): void {
    this.peer_cookie = w.cookie;
    this.connect_seq = w.connect_seq;
    this.peer_name = w.name;
    this.peer_addr = w.addr;
    this.adopt(t, w.in_seq);
    this.established();
  }
  /** The handshake is through on both ends: tell the dispatcher and start sending. */
  established(): void {
    this.log.debug({ policy: this.policy, connect_seq: this.connect_seq }, "ms_connect");
    this.host.dispatcher().ms_handle_connect(this);
    this.schedule_flush();
  }

  /** Our attempt was refused by the peer's daemon. */
  attempt_refused(r: Refuse): void {
    this.attempt = undefined;
    if (r.code === "race") return this.back_off();
    if (r.code === "retry_session") {
      this.connect_seq = Math.max(this.connect_seq, r.connect_seq);
      this.attempts++;
      return this.attempts > 3 ? this.back_off() : this.open();
    }
    this.log.info({ code: r.code, reason: r.reason }, "handshake_refused");
    this.reset(r.code);
  }
  /** Our attempt did not get as far as a handshake. */
  attempt_failed(why: "refused" | "failed", reason: string): void {
    this.attempt = undefined;
    if (this.state === "closed") return;
    this.state = "backoff";
    if (!this.refusal_told) this.log.debug({ why, reason }, "ms_connect_failed");
    if (why === "refused" && !this.refusal_told) {
      this.refusal_told = true;
      this.host.dispatcher().ms_handle_refused(this);
    }
    if (!this.is_open) return;
    if (this.lossless) this.back_off();
    else this.reset(reason);
  }

  /** Ends the connection and tells the dispatcher: the session cannot go on. */
  reset(reason: string): void {
    if (this.state === "closed") return;
    this.log.debug({ reason, lost: this.queue.unsent + this.queue.unacked }, "ms_reset");
    this.end(CLOSE.session_gone, reason);
    this.host.dispatcher().ms_handle_reset(this);
  }

  /** Frames over the transport in use, since its handshake. */
  stats(): { readonly frames_out: number; readonly frames_in: number } {
    return {
      frames_out: this.transport?.frames_out ?? 0,
      frames_in: this.transport?.frames_in ?? 0,
    };
  }

  check_alive(interval_ms: number, timeout_ms: number): void {
    this.transport?.check_alive(interval_ms, timeout_ms);
  }

  /** Sends what is queued, if there is a transport, and closes. Resolves when the socket is gone. */
  async shut(): Promise<void> {
    const t = this.transport;
    for (let left = this.queue.unsent; left > 0 && t?.is_open === true; ) {
      this.drain(Number.POSITIVE_INFINITY);
      if (this.queue.unsent >= left) break;
      left = this.queue.unsent;
    }
    this.end(CLOSE.going_away, "stopping");
    await t?.gone();
  }

  // ---- transports

  private adopt(t: Transport, peer_in_seq: number): void {
    this.attempt?.abort();
    this.attempt = undefined;
    this.retry?.cancel();
    this.retry = undefined;
    this.transport?.close(CLOSE.going_away, "replaced");
    this.transport = t;
    this.state = "open";
    this.open_since = this.host.clock.mono_ms();
    this.refusal_told = false;
    if (this.lossless) {
      this.queue.ack(peer_in_seq);
      this.queue.rewind();
      this.acked_in = this.in_seq;
    }
    t.set_handler({
      on_frame: (bytes) => this.handle_frame(t, bytes),
      on_close: (code, reason) => this.broken(code, reason),
      on_bad_frame: (reason) => this.bad_frame(t, reason),
      on_drain: () => this.drained(),
    });
  }

  private broken(code: number, reason: string): void {
    this.transport = undefined;
    this.ack_timer?.cancel();
    this.ack_timer = undefined;
    if (this.host.clock.mono_ms() - this.open_since > STABLE_MS) this.attempts = 0;
    if (code === CLOSE.bad_frame) this.bad_frames++;
    if (!this.lossless || code === CLOSE.session_gone || this.bad_frames >= MAX_BAD_FRAMES) {
      this.reset(reason === "" ? `closed ${code}` : reason);
      return;
    }
    this.log.debug({ code, reason }, "ms_fault");
    this.queue.rewind();
    this.state = "idle";
    // The end that opened it comes back in any case, and so learns whether the peer still lives;
    // the other one leaves it the first try.
    if (this.outgoing && this.attempts === 0) this.open();
    else if (this.outgoing || this.queue.unsent > 0) this.back_off();
  }

  /** The peer's frame is not in the catalogue: one line, this transport ends, nothing else. */
  private bad_frame(t: Transport, reason: string): void {
    this.log.warn({ reason, remote: t.remote }, "bad_frame");
    t.close(CLOSE.bad_frame, reason);
    this.broken(CLOSE.bad_frame, reason);
  }

  private dial(): void {
    this.state = "dialing";
    this.attempt = this.host.dial(this);
  }

  private back_off(): void {
    const c = this.host.config;
    const base = c.get("ms_initial_backoff") * 2 ** Math.min(this.attempts, 20);
    const s = Math.min(base, c.get("ms_max_backoff")) * (0.5 + this.host.rng.next() / 2);
    this.attempts++;
    this.state = "backoff";
    this.retry = this.host.clock.set_timer(s * 1000, () => {
      this.retry = undefined;
      if (this.state === "backoff") this.dial();
    });
  }

  private end(code: number, reason: string): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.attempt?.abort();
    this.retry?.cancel();
    this.ack_timer?.cancel();
    this.transport?.close(code, reason);
    this.transport = undefined;
    this.queue.clear();
    this.host.forget(this);
  }

  // ---- sending

  private schedule_flush(): void {
    if (this.flush_due) return;
    this.flush_due = true;
    this.host.clock.defer(() => {
      this.flush_due = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.state === "idle" && this.queue.unsent > 0) this.dial();
    if (this.state !== "open") return;
    this.drain(this.host.config.get("ms_send_high_water"));
    if (this.ack_owed >= ACK_EVERY) this.send_ack();
  }

  /** Writes frames until nothing is left or the socket holds `high_water` bytes. */
  private drain(high_water: number): void {
    const t = this.transport;
    while (t?.is_open === true && t.buffered < high_water) {
      const batch = this.queue.take(MAX_BATCH, MAX_BATCH_BYTES);
      if (batch === undefined) return;
      if (this.log.enabled("debug")) for (const m of batch.messages) this.trace_out(m);
      const ack = this.lossless ? this.in_seq : 0;
      t.send(encode_messages(batch.messages, { seq: this.lossless ? batch.seq : 0, ack }));
      this.acked_in = this.in_seq;
      if (!this.lossless) this.queue.ack(this.queue.last_sent);
    }
  }

  private drained(): void {
    if (this.queue.unsent > 0) this.schedule_flush();
  }

  private get ack_owed(): number {
    return this.in_seq - this.acked_in;
  }
  private send_ack(): void {
    if (this.ack_owed === 0) return;
    this.acked_in = this.in_seq;
    this.transport?.send(encode_messages([], { seq: 0, ack: this.in_seq }));
  }

  // ---- receiving

  private handle_frame(t: Transport, bytes: Uint8Array): void {
    let seq: number;
    let messages: Message[];
    try {
      const f = decode_frame(bytes, this.host.max_frame);
      messages = decode_messages(f);
      seq = f.seq;
      this.check_seq(f.seq, f.ack, messages.length);
    } catch (e) {
      this.bad_frame(t, protocol_fault(e));
      return;
    }
    for (const m of messages) {
      if (this.lossless && seq++ <= this.in_seq) continue;
      this.in_seq = this.lossless ? seq - 1 : 0;
      this.attempts = 0;
      this.bad_frames = 0;
      if (this.log.enabled("debug")) this.trace_in(m);
      this.host.dispatcher().ms_dispatch(this, m);
      // The dispatcher may have closed this connection, or the transport was replaced meanwhile.
      if (this.transport !== t) return;
    }
    if (this.lossless) this.note_ack_owed();
  }

  private check_seq(seq: number, ack: number, n: number): void {
    if (!this.lossless) return;
    if (n > 0 && (seq === 0 || seq > this.in_seq + 1)) {
      throw bad_frame(`message ${seq} after ${this.in_seq}`);
    }
    const before = this.queue.unacked;
    if (!this.queue.ack(ack)) throw bad_frame(`ack ${ack}, but last sent ${this.queue.last_sent}`);
    if (this.queue.unacked < before) {
      this.attempts = 0;
      this.bad_frames = 0;
    }
  }

  private note_ack_owed(): void {
    if (this.ack_owed >= ACK_EVERY) this.schedule_flush();
    else if (this.ack_owed > 0 && this.ack_timer === undefined) {
      const ms = this.host.config.get("ms_ack_delay") * 1000;
      this.ack_timer = this.host.clock.set_timer(ms, () => {
        this.ack_timer = undefined;
        this.send_ack();
      });
    }
  }

  /** Pings are too many for debug. */
  private trace_in(m: Message): void {
    if (m.type === "osd_ping") this.log.trace(message_fields(m), "msg_in");
    else this.log.debug(message_fields(m), "msg_in");
  }
  private trace_out(m: Message): void {
    if (m.type === "osd_ping") this.log.trace(message_fields(m), "msg_out");
    else this.log.debug(message_fields(m), "msg_out");
  }
}
