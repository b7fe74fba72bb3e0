/**
 * One WebSocket: whole frames in and out, how much is unsent, when it was last heard of. Knows no
 * sessions. Compression is off, and the mask is zero: both ends are ours, and no proxy is confused
 * by binary frames.
 */
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { join_parts } from "../codec/codec.ts";
import { ProtocolError } from "../errors.ts";
import type { Clock } from "../ports.ts";

/** WebSocket close codes of ours (the 4000s are free for applications). */
export const CLOSE = {
  /** An orderly end: the process stops. */
  going_away: 1001,
  /** The handshake was refused; the refuse frame before says why. */
  refused: 4000,
  /** The session is dropped for good: no use in coming back to it. */
  session_gone: 4001,
  /** What came was not in the catalogue. */
  bad_frame: 4002,
} as const;

export interface TransportHandler {
  on_frame(bytes: Uint8Array): void;
  /** Once, at the end, unless on_bad_frame was called. Never after the handler was replaced. */
  on_close(code: number, reason: string): void;
  /** What came is no frame: closed by us. */
  on_bad_frame(reason: string): void;
  /** What was written has left for the kernel. */
  on_drain(): void;
}

/** After a close that the peer does not answer. */
const CLOSE_WAIT_MS = 1000;

export class Transport {
  private readonly ws: WebSocket;
  private readonly clock: Clock;
  private handler: TransportHandler | undefined;
  private last_rx: number;
  private pinged = false;
  /** Address of the far socket, for logs only: identity comes from the handshake. */
  readonly remote: string;
  frames_out = 0;
  frames_in = 0;

  constructor(ws: WebSocket, clock: Clock, remote: string) {
    this.ws = ws;
    this.clock = clock;
    this.remote = remote;
    this.last_rx = clock.mono_ms();
    ws.binaryType = "nodebuffer";
    ws.on("message", (data, is_binary) => this.receive(data, is_binary));
    ws.on("close", (code, reason) => this.closed(code, reason.toString()));
    ws.on("pong", () => this.heard());
    ws.on("ping", () => this.heard());
    // A "close" always follows, except for errors of the WebSocket protocol before it.
    ws.on("error", (e) => {
      if (is_ws_protocol_error(e)) this.bad_frame(e.message);
    });
  }

  /** Who is told from now on; without, events are dropped. */
  set_handler(h: TransportHandler | undefined): void {
    this.handler = h;
  }

  get is_open(): boolean {
    return this.ws.readyState === WebSocket.OPEN;
  }
  get buffered(): number {
    return this.ws.bufferedAmount;
  }

  send(parts: readonly Uint8Array[]): void {
    if (!this.is_open) return;
    this.frames_out++;
    this.ws.send(join_parts(parts), { binary: true }, (e) => {
      if (e === undefined || e === null) this.handler?.on_drain();
    });
  }

  /** Sends what is queued, then closes. No event comes any more. */
  close(code: number, reason: string): void {
    this.handler = undefined;
    if (this.ws.readyState === WebSocket.CLOSED) return;
    if (this.ws.readyState === WebSocket.CONNECTING) {
      this.ws.terminate();
      return;
    }
    this.ws.close(code, reason.slice(0, 100));
    const t = this.clock.set_timer(CLOSE_WAIT_MS, () => this.ws.terminate());
    this.ws.once("close", () => t.cancel());
  }

  /** Breaks the connection as a pulled cable would; the handler hears of it. */
  terminate(): void {
    this.ws.terminate();
  }

  /** Resolves when the socket is gone. */
  gone(): Promise<void> {
    if (this.ws.readyState === WebSocket.CLOSED) return Promise.resolve();
    return new Promise((resolve) => this.ws.once("close", () => resolve()));
  }

  /** Pings when silent for `interval_ms`; breaks it when silent for `timeout_ms`. */
  check_alive(interval_ms: number, timeout_ms: number): void {
    const silent = this.clock.mono_ms() - this.last_rx;
    if (silent >= timeout_ms && this.pinged) this.ws.terminate();
    else if (silent >= interval_ms && !this.pinged && this.is_open) {
      this.pinged = true;
      this.ws.ping();
    }
  }

  private receive(data: unknown, is_binary: boolean): void {
    this.heard();
    if (this.handler === undefined || !(data instanceof Uint8Array)) return;
    this.frames_in++;
    if (is_binary) this.handler.on_frame(data);
    else this.bad_frame("a text frame");
  }

  private heard(): void {
    this.last_rx = this.clock.mono_ms();
    this.pinged = false;
  }

  private closed(code: number, reason: string): void {
    const h = this.handler;
    this.handler = undefined;
    h?.on_close(code, reason);
  }
  private bad_frame(reason: string): void {
    const h = this.handler;
    this.close(CLOSE.bad_frame, reason);
    h?.on_bad_frame(reason);
  }
}

/** `ws` reports a peer that does not speak WebSocket, or too large a frame, with these codes. */
function is_ws_protocol_error(e: Error): boolean {
  return "code" in e && typeof e.code === "string" && e.code.startsWith("WS_ERR_");
}

/** Text of a ProtocolError for the peer and the log; anything else is not ours to swallow. */
export function protocol_fault(e: unknown): string {
  if (e instanceof ProtocolError) return e.message;
  throw e;
}

export function remote_of(s: Socket): string {
  return `${s.remoteAddress ?? "?"}:${s.remotePort ?? 0}`;
}
