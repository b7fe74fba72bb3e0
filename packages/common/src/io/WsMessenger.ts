/**
 * The Messenger over WebSocket: listens, shakes hands, finds the connection that a peer belongs to.
 * What a connection does is in WsConnection; what a handshake decides, in msg/handshake.ts.
 * Ceph counterpart: AsyncMessenger. Wire: docs/wire-protocol.md.
 */
import { networkInterfaces } from "node:os";
import { decode_frame } from "../codec/codec.ts";
import { type FrameKind, pack_frame } from "../codec/frame.ts";
import { bad_frame } from "../codec/scan.ts";
import type { Config } from "../config/index.ts";
import { CommandError, InvariantError } from "../errors.ts";
import {
  type Hello,
  type Identity,
  judge_identity,
  judge_session,
  MAX_HANDSHAKE_BYTES,
  PROTOCOL_VERSION,
  type Refuse,
  to_hello,
  type Welcome,
} from "../msg/handshake.ts";
import type { Connection, ConnectionPolicy, Dispatcher, Messenger } from "../msg/Messenger.ts";
import type { Clock, Log, Rng, TimerHandle } from "../ports.ts";
import { addr_str, type entity_addr_t, type entity_name_t, is_osd } from "../types/entity.ts";
import { dial } from "./dial.ts";
import { Listener } from "./Listener.ts";
import { CLOSE, protocol_fault, type Transport } from "./Transport.ts";
import { type Attempt, type ConnectionHost, WsConnection } from "./WsConnection.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}
export interface WsMessengerOptions {
  readonly name: entity_name_t;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly config: Config;
  /** Without: only connects, as clients do. Port 0 takes a free one. */
  readonly listen?: HostPort;
  /** Where others reach us, when that is not where we listen. Port 0: the one we listen on. */
  readonly public_addr?: HostPort;
  /** Empty or absent: learnt from the first monitor or OSD that we reach. */
  readonly fsid?: string;
  /** Drawn when absent. */
  readonly nonce?: number;
  /** Answer to GET /healthz. */
  readonly health?: () => { readonly ok: boolean };
  /** A monitor says that it belongs to another cluster than ours: waiting will not help. */
  readonly on_wrong_cluster?: (mon: HostPort, reason: string) => void;
}

export class WsMessenger implements Messenger {
  readonly my_name: entity_name_t;
  private addr: entity_addr_t;
  private cluster: string;
  private readonly o: WsMessengerOptions;
  private readonly log: Log;
  private readonly max_frame: number;
  private readonly host: ConnectionHost;
  private listener: Listener | undefined;
  private disp: Dispatcher | undefined;
  /** Lossless sessions, and lossy ones that we opened, by key(). */
  private readonly by_peer = new Map<string, WsConnection>();
  private readonly all = new Set<WsConnection>();
  private last_cookie = 0;
  private sweep_timer: TimerHandle | undefined;
  private stopped = false;

  private constructor(o: WsMessengerOptions) {
    this.o = o;
    this.my_name = o.name;
    this.cluster = o.fsid ?? "";
    this.addr = { host: "", port: 0, nonce: o.nonce ?? this.draw_nonce() };
    this.log = o.log.child({ subsys: "ms" });
    this.max_frame = o.config.get("ms_max_frame_size");
    this.host = {
      clock: o.clock,
      rng: o.rng,
      log: this.log,
      config: o.config,
      max_frame: this.max_frame,
      dispatcher: () => this.dispatcher(),
      dial: (con) => this.dial(con),
      forget: (con) => this.forget(con),
    };
    this.sweep();
  }

  /** Listens, if it is to; CommandError when the port cannot be had. */
  static async open(o: WsMessengerOptions): Promise<WsMessenger> {
    const ms = new WsMessenger(o);
    if (o.listen === undefined) return ms;
    const listener = new Listener({
      clock: o.clock,
      log: ms.log,
      config: o.config,
      on_transport: (t, trust) => ms.greet(t, trust),
      health: o.health ?? (() => ({ ok: true })),
    });
    try {
      const port = await listener.listen(o.listen.host, o.listen.port);
      const pub = o.public_addr ?? { host: reachable_host(o.listen.host), port: 0 };
      ms.addr = { ...ms.addr, host: pub.host, port: pub.port === 0 ? port : pub.port };
      ms.listener = listener;
      ms.log.info({ listen: `${o.listen.host}:${port}`, addr: addr_str(ms.addr) }, "ms_listen");
    } catch (e) {
      ms.sweep_timer?.cancel();
      throw e;
    }
    return ms;
  }

  // ---- Messenger

  get my_addr(): entity_addr_t {
    return this.addr;
  }
  /** Cluster id: given, or learnt; "" as long as unknown. */
  get fsid(): string {
    return this.cluster;
  }
  set_dispatcher(d: Dispatcher): void {
    this.disp = d;
  }

  connect_to(name: entity_name_t, addr: entity_addr_t, policy: ConnectionPolicy): WsConnection {
    const known = this.by_peer.get(key(name, addr, policy));
    if (known !== undefined) return known;
    if (policy === "lossless_peer" && (addr.nonce === 0 || this.listener === undefined)) {
      throw new InvariantError("lossless needs two instances that listen", { name, addr });
    }
    const con = this.add({ name, addr, policy }, true);
    this.by_peer.set(key(name, addr, policy), con);
    con.open();
    return con;
  }

  connection_to(
    name: entity_name_t,
    addr: entity_addr_t,
    policy: ConnectionPolicy,
  ): Connection | undefined {
    return this.by_peer.get(key(name, addr, policy));
  }

  rebind(): entity_addr_t {
    for (const con of [...this.all]) if (is_osd(con.peer_name)) con.mark_down();
    this.addr = { ...this.addr, nonce: this.draw_nonce() };
    this.log.info({ addr: addr_str(this.addr) }, "ms_rebind");
    return this.addr;
  }

  async shutdown(): Promise<void> {
    this.stopped = true;
    this.sweep_timer?.cancel();
    await Promise.all([...this.all].map((con) => con.shut()));
    await this.listener?.close();
  }

  /** For tests and `dump_messenger`: how many connections there are. */
  get connections(): number {
    return this.all.size;
  }

  // ---- connections

  private add(
    peer: { name: entity_name_t; addr: entity_addr_t; policy: ConnectionPolicy },
    outgoing: boolean,
  ): WsConnection {
    const cookie = peer.policy === "lossless_peer" ? ++this.last_cookie : 0;
    const con = new WsConnection(this.host, peer, cookie, outgoing);
    this.all.add(con);
    return con;
  }

  private forget(con: WsConnection): void {
    this.all.delete(con);
    for (const [k, c] of this.by_peer) if (c === con) this.by_peer.delete(k);
  }

  private dial(con: WsConnection): Attempt {
    const { clock, config } = this.o;
    const timeout_ms = config.get("ms_connection_ready_timeout") * 1000;
    const options = { clock, timeout_ms, max_frame: this.max_frame };
    return dial(con.peer_addr, () => this.hello(con), options, {
      welcome: (t, w) => this.welcomed(con, t, w),
      refuse: (r) => this.refused(con, r),
      failed: (why, reason) => con.attempt_failed(why, reason),
    });
  }

  private hello(con: WsConnection): Hello {
    return {
      protocol: PROTOCOL_VERSION,
      fsid: this.cluster,
      name: this.my_name,
      addr: this.addr,
      policy: con.policy,
      target: { name: con.peer_name, nonce: con.peer_addr.nonce },
      ...con.hello_part(),
    };
  }

  private refused(con: WsConnection, r: Refuse): void {
    if (r.code === "wrong_fsid" && con.peer_name.startsWith("mon.")) {
      this.o.on_wrong_cluster?.(con.peer_addr, r.reason);
    }
    con.attempt_refused(r);
  }
  private welcomed(con: WsConnection, t: Transport, w: Welcome): void {
    if (this.cluster === "") this.cluster = w.fsid;
    con.welcomed(t, w);
  }

  // ---- accepting

  /** A WebSocket was opened to us: its first frame must be a hello. */
  private greet(t: Transport, trust: () => void): void {
    t.set_handler({
      on_frame: (bytes) => {
        const h = this.read_hello(t, bytes);
        if (h === undefined) return;
        // Not yet, or no longer: it may come again.
        if (this.disp === undefined || this.stopped) t.close(CLOSE.going_away, "not serving");
        else if (this.judge(t, h)) trust();
      },
      on_close: () => {},
      on_bad_frame: (reason) => this.blame(t, reason),
      on_drain: () => {},
    });
  }

  private read_hello(t: Transport, bytes: Uint8Array): Hello | undefined {
    try {
      const f = decode_frame(bytes, MAX_HANDSHAKE_BYTES);
      if (f.kind !== "hello") throw bad_frame(`a ${f.kind} frame before the handshake`);
      return to_hello(f.body);
    } catch (e) {
      const reason = protocol_fault(e);
      this.blame(t, reason);
      t.close(CLOSE.bad_frame, reason);
      return undefined;
    }
  }

  private blame(t: Transport, reason: string): void {
    this.log.warn({ remote: t.remote, reason }, "bad_frame");
  }

  /** True when the hello was accepted. */
  private judge(t: Transport, h: Hello): boolean {
    const wrong = judge_identity(this.identity(), h);
    if (wrong !== undefined) {
      const { code, reason } = wrong;
      this.log.warn({ peer: h.name, remote: t.remote, code, reason }, "handshake_refused");
      return this.refuse(t, wrong);
    }
    if (h.policy === "lossy") {
      this.welcome(t, h, this.add(h, false));
      return true;
    }
    return this.judge_lossless(t, h);
  }

  private judge_lossless(t: Transport, h: Hello): boolean {
    this.drop_dead_instances(h);
    const k = key(h.name, h.addr, h.policy);
    let session = this.by_peer.get(k);
    let verdict = judge_session(this.identity(), session?.session_state(), h);
    if (verdict.kind === "reset") {
      session?.reset("the peer began a new session");
      // The dispatcher may have opened a new one already.
      session = this.by_peer.get(k);
      verdict = judge_session(this.identity(), session?.session_state(), h);
    }
    if (verdict.kind === "refuse") return this.refuse(t, verdict.refuse);
    if (verdict.kind === "reset") throw new InvariantError("a session that was just made is old");
    session ??= this.add(h, false);
    this.by_peer.set(k, session);
    this.welcome(t, h, session);
    return true;
  }

  /** A new instance of a peer: sessions with earlier ones that have lost their transport are over. */
  private drop_dead_instances(h: Hello): void {
    for (const con of [...this.all]) {
      const other = con.peer_name === h.name && con.peer_addr.nonce !== h.addr.nonce;
      if (other && con.lossless && !con.has_transport && con.peer_cookie !== 0) {
        con.reset("the peer is a new instance");
      }
    }
  }

  private welcome(t: Transport, h: Hello, con: WsConnection): void {
    con.accept(t, h);
    const { name, addr, fsid } = this.identity();
    this.reply(t, "welcome", { fsid, name, addr, ...con.welcome_part() });
    con.established();
  }
  private refuse(t: Transport, r: Refuse): false {
    this.reply(t, "refuse", r);
    t.close(CLOSE.refused, r.code);
    return false;
  }
  private reply(t: Transport, kind: FrameKind, body: Welcome | Refuse): void {
    t.send(pack_frame({ kind, seq: 0, ack: 0, messages: 0, body, segments: [] }));
  }

  // ----

  private identity(): Identity {
    return { name: this.my_name, addr: this.addr, fsid: this.cluster };
  }
  private dispatcher(): Dispatcher {
    if (this.disp === undefined) throw new InvariantError("messenger without dispatcher");
    return this.disp;
  }
  private draw_nonce(): number {
    return 1 + this.o.rng.int(0xfffffffe);
  }

  /** Looks for peers that fell silent. */
  private sweep(): void {
    const interval_ms = this.o.config.get("ms_ping_interval") * 1000;
    const timeout_ms = this.o.config.get("ms_ping_timeout") * 1000;
    for (const con of this.all) con.check_alive(interval_ms, timeout_ms);
    const pause = Math.min(1000, interval_ms / 2, timeout_ms / 2);
    this.sweep_timer = this.o.clock.set_timer(pause, () => this.sweep());
  }
}

function key(name: entity_name_t, addr: entity_addr_t, policy: ConnectionPolicy): string {
  // A lossless session belongs to two instances; where the peer is reached does not matter.
  return policy === "lossless_peer" ? `${name}/${addr.nonce}` : `${name}@${addr_str(addr)}`;
}

/** `host:port`, `[::1]:port`, or `host` alone (port 0). CommandError EINVAL when it is none. */
export function parse_host_port(text: string, what: string): HostPort {
  const m = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const host = m?.[1] ?? m?.[2];
  const port = Number(m?.[3] ?? 0);
  if (host === undefined || port > 65535) {
    throw new CommandError("EINVAL", `${what} must be host:port, got "${text}"`);
  }
  return { host, port };
}

/** An address under which others reach one who listens on `host`. */
function reachable_host(host: string): string {
  if (host !== "0.0.0.0" && host !== "::" && host !== "") return host;
  for (const list of Object.values(networkInterfaces())) {
    const a = list?.find((x) => x.family === "IPv4" && !x.internal);
    if (a !== undefined) return a.address;
  }
  return "127.0.0.1";
}
