/**
 * The port of a daemon: WebSockets for the messenger, one HTTP answer for health checks, and a guard
 * against everything else. Connections that have not shaken hands are few and short-lived, whatever
 * comes in; each sort of garbage is one line in the log.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { Config } from "../config/index.ts";
import { CommandError } from "../errors.ts";
import { MAX_HANDSHAKE_BYTES } from "../msg/handshake.ts";
import type { Clock, Log, TimerHandle } from "../ports.ts";
import { remote_of, Transport } from "./Transport.ts";

export interface ListenerPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly config: Config;
  /** A WebSocket that has said nothing yet; `trust` once its handshake is through. */
  readonly on_transport: (t: Transport, trust: () => void) => void;
  /** Answer to GET /healthz; `ok` false makes it a 503. */
  readonly health: () => { readonly ok: boolean };
}

interface Stranger {
  readonly deadline: number;
  readonly bytes_at: (n: Buffer) => void;
  transport?: Transport;
}

export class Listener {
  private readonly p: ListenerPorts;
  private readonly server: Server;
  private readonly wss: WebSocketServer;
  /** Sockets that have not shaken hands, oldest first. */
  private readonly strangers = new Map<Socket, Stranger>();
  private readonly sockets = new Set<Socket>();
  private readonly blamed = new WeakSet<Duplex>();
  private sweep_timer: TimerHandle | undefined;
  private evicted = 0;
  private timed_out = 0;
  private example = "";

  constructor(ports: ListenerPorts) {
    this.p = ports;
    this.server = createServer((req, res) => this.answer(req, res));
    this.wss = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      skipUTF8Validation: true,
      maxPayload: ports.config.get("ms_max_frame_size"),
    });
    this.server.on("connection", (s) => this.greet(s));
    this.server.on("clientError", (e, s) => {
      // One who only looked whether the port is open says nothing.
      if ("code" in e && e.code === "ECONNRESET") s.destroy();
      else this.refuse_bytes(s, e.message);
    });
    this.server.on("upgrade", (req, s, head) => this.upgrade(req, s, head));
    this.wss.on("wsClientError", (e, s) => this.refuse_bytes(s, e.message));
  }

  /** Resolves with the port; CommandError when it cannot be had. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once("error", (e) => {
        reject(new CommandError("EINVAL", `cannot listen on ${host}:${port}: ${e.message}`));
      });
      this.server.listen({ host, port, backlog: 512 }, () => {
        const a = this.server.address();
        this.sweep();
        resolve(typeof a === "object" && a !== null ? a.port : port);
      });
    });
  }

  async close(): Promise<void> {
    this.sweep_timer?.cancel();
    for (const s of this.strangers.keys()) s.destroy();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    for (const s of this.sockets) s.destroy();
    await closed;
  }

  // ---- strangers

  private greet(s: Socket): void {
    s.setNoDelay(this.p.config.get("ms_tcp_nodelay"));
    this.sockets.add(s);
    s.once("close", () => {
      this.sockets.delete(s);
      this.strangers.delete(s);
    });
    s.on("error", () => s.destroy());
    let seen = 0;
    const bytes_at = (b: Buffer) => {
      seen += b.length;
      if (seen <= 2 * MAX_HANDSHAKE_BYTES) return;
      this.strangers.get(s)?.transport?.set_handler(undefined);
      this.blame(s, "too many bytes before the handshake", remote_of(s));
    };
    s.on("data", bytes_at);
    const ready_ms = this.p.config.get("ms_connection_ready_timeout") * 1000;
    this.strangers.set(s, { deadline: this.p.clock.mono_ms() + ready_ms, bytes_at });
    if (this.strangers.size > this.p.config.get("ms_max_unauthenticated")) this.evict_oldest();
  }

  private acquit(s: Socket): void {
    const x = this.strangers.get(s);
    if (x !== undefined) s.off("data", x.bytes_at);
    this.strangers.delete(s);
  }

  private evict_oldest(): void {
    const [oldest] = this.strangers.keys();
    if (oldest === undefined) return;
    this.evicted++;
    this.example = remote_of(oldest);
    this.strangers.delete(oldest);
    oldest.destroy();
  }

  /** Once a second: ends what took too long, and says so in one line however many there were. */
  private sweep(): void {
    const now = this.p.clock.mono_ms();
    for (const [s, { deadline }] of this.strangers) {
      if (deadline > now) break;
      this.timed_out++;
      this.example = remote_of(s);
      this.strangers.delete(s);
      s.destroy();
    }
    if (this.timed_out + this.evicted > 0) {
      const { timed_out, evicted, example } = this;
      this.p.log.warn({ timed_out, evicted, example }, "handshake_timeout");
      this.timed_out = 0;
      this.evicted = 0;
    }
    this.sweep_timer = this.p.clock.set_timer(1000, () => this.sweep());
  }

  /** Closes it, with one line in the log. */
  private blame(s: Duplex, reason: string, remote = ""): void {
    if (!this.blamed.has(s)) {
      this.blamed.add(s);
      this.p.log.warn({ remote, reason }, "bad_frame");
    }
    s.destroy();
  }

  private refuse_bytes(s: Duplex, reason: string): void {
    if ("remoteAddress" in s && s.remoteAddress === undefined) {
      s.destroy();
      return;
    }
    this.blame(s, reason, remote_text(s));
  }

  // ---- HTTP

  private upgrade(req: IncomingMessage, s: Duplex, head: Buffer): void {
    this.wss.handleUpgrade(req, s, head, (ws) => {
      const t = new Transport(ws, this.p.clock, remote_of(req.socket));
      const stranger = this.strangers.get(req.socket);
      if (stranger !== undefined) stranger.transport = t;
      this.p.on_transport(t, () => this.acquit(req.socket));
    });
  }

  private answer(req: IncomingMessage, res: ServerResponse): void {
    res.setHeader("connection", "close");
    if (req.method === "GET" && req.url === "/healthz") {
      const state = this.p.health();
      res.writeHead(state.ok ? 200 : 503, { "content-type": "application/json" });
      res.end(`${JSON.stringify(state)}\n`);
      return;
    }
    const remote = remote_of(req.socket);
    this.p.log.warn({ remote, method: req.method, url: req.url?.slice(0, 80) }, "http_request");
    res.writeHead(426, { upgrade: "websocket", "content-type": "text/plain" });
    res.end("This port speaks Tako's own protocol over WebSocket. GET /healthz tells its state.\n");
  }
}

function remote_text(s: Duplex): string {
  if (!("remoteAddress" in s) || !("remotePort" in s)) return "";
  return `${String(s.remoteAddress)}:${String(s.remotePort)}`;
}
