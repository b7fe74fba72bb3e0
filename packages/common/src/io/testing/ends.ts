/** Ends of connections over loopback, and cables that can be cut, for tests of the messenger. */
import { createServer, type Server, type Socket, connect as tcp_connect } from "node:net";
import { join_parts } from "../../codec/codec.ts";
import { pack_frame } from "../../codec/frame.ts";
import { Config, type ConfigValues } from "../../config/index.ts";
import type { Message } from "../../messages/index.ts";
import type { Hello } from "../../msg/handshake.ts";
import type { Connection, Dispatcher } from "../../msg/Messenger.ts";
import { type Log, type LogFields, NULL_LOG } from "../../ports.ts";
import type { entity_name_t } from "../../types/entity.ts";
import { SystemClock } from "../SystemClock.ts";
import { SystemRng } from "../SystemRng.ts";
import { WsMessenger, type WsMessengerOptions } from "../WsMessenger.ts";

export const clock = new SystemClock();
const rng = new SystemRng();
export const FSID = "5c7a2b2e-0000-4000-8000-000000000001";

// ---- one end, and what happened to it

export interface Line extends LogFields {
  event: string;
}
export class End implements Dispatcher {
  readonly ms: WsMessenger;
  readonly got: Message[] = [];
  readonly from: Connection[] = [];
  readonly events: string[] = [];
  on_message: ((con: Connection, m: Message) => void) | undefined;
  readonly lines: Line[];
  readonly config: Config;

  constructor(ms: WsMessenger, lines: Line[], config: Config) {
    this.config = config;
    this.ms = ms;
    this.lines = lines;
    ms.set_dispatcher(this);
  }
  get tids(): number[] {
    return this.got.flatMap((m) => (m.type === "command_reply" ? [m.tid] : []));
  }
  count(event: string): number {
    return this.lines.filter((l) => l.event === event).length;
  }
  ms_dispatch(con: Connection, m: Message): void {
    this.got.push(m);
    this.from.push(con);
    this.on_message?.(con, m);
  }
  ms_handle_connect(con: Connection): void {
    this.events.push(`connect ${con.peer_name}`);
  }
  ms_handle_reset(con: Connection): void {
    if (con.is_open) throw new Error("reset, but still open");
    this.events.push(`reset ${con.peer_name}`);
  }
  ms_handle_refused(con: Connection): void {
    this.events.push(`refused ${con.peer_name}`);
  }
}

export function log_into(lines: Line[], bound: LogFields = {}): Log {
  const add = (fields: LogFields, event: string) => {
    lines.push({ ...bound, ...fields, event });
  };
  return {
    ...NULL_LOG,
    child: (b) => log_into(lines, { ...bound, ...b }),
    info: add,
    warn: add,
    error: add,
  };
}

export const closing: (() => Promise<unknown> | unknown)[] = [];
/** For afterEach: closes what was opened, last first. */
export async function close_all(): Promise<void> {
  for (const f of closing.splice(0).reverse()) await f();
}

const FAST: ConfigValues = { ms_initial_backoff: 0.02, ms_max_backoff: 0.1, ms_ack_delay: 0.01 };

export async function end(
  name: entity_name_t,
  more: Partial<WsMessengerOptions> = {},
  values: ConfigValues = {},
): Promise<End> {
  const lines: Line[] = [];
  const config = new Config({ ...FAST, ...values });
  const listen = name.startsWith("client.") ? {} : { listen: { host: "127.0.0.1", port: 0 } };
  const o = { name, clock, rng, log: log_into(lines), config, fsid: FSID, ...listen, ...more };
  const ms = await WsMessenger.open(o);
  closing.push(() => ms.shutdown());
  return new End(ms, lines, config);
}

export function msg(tid: number, size = 0): Message {
  const m = { type: "command_reply", tid, result: 0, outs: "x".repeat(size) } as const;
  return m;
}
export async function until(what: string, cond: () => boolean): Promise<void> {
  const deadline = clock.mono_ms() + 15_000;
  while (!cond()) {
    if (clock.mono_ms() > deadline) throw new Error(`never: ${what}`);
    await new Promise((r) => setTimeout(r, 2));
  }
}
export function upto(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1);
}

// ---- a cable that can be cut

export class Cable {
  private readonly server: Server;
  private readonly pairs = new Set<Socket>();
  port = 0;
  /** New connections are cut at once. */
  severed = false;
  constructor(to: () => number) {
    this.server = createServer((a) => {
      if (this.severed) {
        a.destroy();
        return;
      }
      const b = tcp_connect(to(), "127.0.0.1");
      for (const [x, y] of [
        [a, b],
        [b, a],
      ] as const) {
        this.pairs.add(x);
        x.on("error", () => {});
        x.on("close", () => {
          this.pairs.delete(x);
          y.destroy();
        });
        x.pipe(y);
      }
    });
  }
  async open(): Promise<this> {
    await new Promise<void>((r) => this.server.listen(0, "127.0.0.1", r));
    const a = this.server.address();
    this.port = typeof a === "object" && a !== null ? a.port : 0;
    closing.push(() => {
      this.cut();
      this.server.close();
    });
    return this;
  }
  cut(): void {
    for (const s of this.pairs) s.destroy();
  }
  /** Nothing gets through any more, and nobody is told. */
  freeze(): void {
    for (const s of this.pairs) {
      s.unpipe();
      s.pause();
    }
  }
  get lines(): number {
    return this.pairs.size / 2;
  }
}

/** Two OSDs, each of which the other reaches by a cable. */
export async function wired(
  values: ConfigValues = {},
): Promise<{ a: End; b: End; to_a: Cable; to_b: Cable; cut: () => void }> {
  const real = { a: 0, b: 0 };
  const to_a = await new Cable(() => real.a).open();
  const to_b = await new Cable(() => real.b).open();
  const port = await free_ports(2);
  real.a = port[0] ?? 0;
  real.b = port[1] ?? 0;
  const one = (name: entity_name_t, p: number, cable: Cable) =>
    end(
      name,
      {
        listen: { host: "127.0.0.1", port: p },
        public_addr: { host: "127.0.0.1", port: cable.port },
      },
      values,
    );
  const a = await one("osd.1", real.a, to_a);
  const b = await one("osd.2", real.b, to_b);
  const cut = () => {
    to_a.cut();
    to_b.cut();
  };
  return { a, b, to_a, to_b, cut };
}
export async function free_ports(n: number): Promise<number[]> {
  const servers = await Promise.all(
    upto(n).map(
      () =>
        new Promise<Server>((r) => {
          const s = createServer().listen(0, "127.0.0.1", () => r(s));
        }),
    ),
  );
  const ports = servers.map((s) => {
    const a = s.address();
    return typeof a === "object" && a !== null ? a.port : 0;
  });
  await Promise.all(servers.map((s) => new Promise((r) => s.close(r))));
  return ports;
}

export function hello_frame(change: Partial<Hello>): Uint8Array {
  const body: Hello = {
    protocol: 1,
    fsid: FSID,
    name: "osd.9",
    addr: { host: "127.0.0.1", port: 1, nonce: 9 },
    policy: "lossy",
    target: { name: "osd.1", nonce: 0 },
    cookie: 1,
    peer_cookie: 0,
    connect_seq: 0,
    in_seq: 0,
    ...change,
  };
  return join_parts(pack_frame({ kind: "hello", seq: 0, ack: 0, messages: 0, body, segments: [] }));
}
