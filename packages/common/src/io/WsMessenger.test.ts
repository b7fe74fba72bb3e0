import { createServer, type Server, type Socket, connect as tcp_connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { join_parts } from "../codec/codec.ts";
import { pack_frame } from "../codec/frame.ts";
import { Config, type ConfigValues } from "../config/index.ts";
import type { Message } from "../messages/index.ts";
import type { Hello } from "../msg/handshake.ts";
import type { Connection, Dispatcher } from "../msg/Messenger.ts";
import { type Log, type LogFields, NULL_LOG } from "../ports.ts";
import type { entity_name_t } from "../types/entity.ts";
import { SystemClock } from "./SystemClock.ts";
import { SystemRng } from "./SystemRng.ts";
import { WsMessenger, type WsMessengerOptions } from "./WsMessenger.ts";

const clock = new SystemClock();
const rng = new SystemRng();
const FSID = "5c7a2b2e-0000-4000-8000-000000000001";

// ---- one end, and what happened to it

interface Line extends LogFields {
  event: string;
}
class End implements Dispatcher {
  readonly ms: WsMessenger;
  readonly got: Message[] = [];
  readonly from: Connection[] = [];
  readonly events: string[] = [];
  on_message: ((con: Connection, m: Message) => void) | undefined;
  readonly lines: Line[];

  constructor(ms: WsMessenger, lines: Line[]) {
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
    expect(con.is_open).toBe(false);
    this.events.push(`reset ${con.peer_name}`);
  }
  ms_handle_refused(con: Connection): void {
    this.events.push(`refused ${con.peer_name}`);
  }
}

function log_into(lines: Line[], bound: LogFields = {}): Log {
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

const closing: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const f of closing.splice(0).reverse()) await f();
});

const FAST: ConfigValues = { ms_initial_backoff: 0.02, ms_max_backoff: 0.1, ms_ack_delay: 0.01 };

async function end(
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
  return new End(ms, lines);
}

function msg(tid: number, size = 0): Message {
  const m = { type: "command_reply", tid, result: 0, outs: "x".repeat(size) } as const;
  return m;
}
async function until(what: string, cond: () => boolean): Promise<void> {
  const deadline = clock.mono_ms() + 15_000;
  while (!cond()) {
    if (clock.mono_ms() > deadline) throw new Error(`never: ${what}`);
    await new Promise((r) => setTimeout(r, 2));
  }
}
function upto(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1);
}

// ---- a cable that can be cut

class Cable {
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
async function wired(
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
async function free_ports(n: number): Promise<number[]> {
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

// ----

describe("handshake", () => {
  it("tells each end who the other is, and the cluster to one who does not know it", async () => {
    const mon = await end("mon.a");
    const client = await end("client.7", { fsid: "" });
    const addr = { ...mon.ms.my_addr, nonce: 0 };
    const con = client.ms.connect_to("mon.any", addr, "lossy");
    con.send(msg(1));
    await until("arrival", () => mon.got.length === 1);
    expect(mon.from[0]?.peer_name).toBe("client.7");
    expect(mon.from[0]?.peer_addr).toEqual(client.ms.my_addr);
    expect(con.peer_name).toBe("mon.a");
    expect(con.peer_addr).toEqual(mon.ms.my_addr);
    expect(client.ms.fsid).toBe(FSID);
    expect(client.ms.connect_to("mon.any", addr, "lossy")).toBe(con);
    expect(mon.events).toEqual(["connect client.7"]);
  });

  it("is refused with a reason, and logged, when it is wrong", async () => {
    const osd = await end("osd.1");
    const refused = async (name: entity_name_t, to: entity_name_t, nonce: number, fsid = FSID) => {
      const e = await end(name, { fsid });
      e.ms.connect_to(to, { ...osd.ms.my_addr, nonce }, "lossy");
      await until("reset", () => e.events.length > 0);
      expect(e.events).toEqual([`reset ${to}`]);
      return e.lines.find((l) => l.event === "handshake_refused")?.["code"];
    };
    const { nonce } = osd.ms.my_addr;
    expect(await refused("osd.2", "osd.1", nonce, "another")).toBe("wrong_fsid");
    expect(await refused("osd.2", "osd.3", nonce)).toBe("wrong_identity");
    expect(await refused("osd.2", "osd.1", nonce + 1)).toBe("wrong_identity");
    expect(await refused("osd.1", "osd.1", nonce)).toBe("own_name");
    expect(osd.events).toEqual([]);
    const reasons = osd.lines.filter((l) => l.event === "handshake_refused").map((l) => l["code"]);
    expect(reasons).toEqual(["wrong_fsid", "wrong_identity", "wrong_identity", "own_name"]);
  });

  it("refuses another protocol version", async () => {
    const osd = await end("osd.1");
    const ws = new WebSocket(`ws://127.0.0.1:${osd.ms.my_addr.port}`);
    const answer = new Promise<string>((r) => ws.on("close", (_c, reason) => r(String(reason))));
    ws.on("open", () => ws.send(hello_frame({ protocol: 99 })));
    expect(await answer).toBe("wrong_version");
  });
});

function hello_frame(change: Partial<Hello>): Uint8Array {
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

describe("sending", () => {
  it("puts the messages of one turn into one frame, in order, payloads intact", async () => {
    const late = { ms_ack_delay: 60 };
    const a = await end("osd.1", {}, late);
    const b = await end("osd.2", {}, late);
    const con = a.ms.connect_to("osd.2", b.ms.my_addr, "lossless_peer");
    await until("connect", () => a.events.length === 1);
    const before = con.stats();
    const data = [Uint8Array.of(1, 2, 3), new Uint8Array(70_000).fill(5)];
    const payload: Message = { type: "mon_command", tid: 3, cmd: { prefix: "x" }, data };
    for (const m of [msg(1), msg(2), payload, msg(4)]) con.send(m);
    await until("arrival", () => b.got.length === 4);
    expect(con.stats().frames_out - before.frames_out).toBe(1);
    expect(b.got).toEqual([
      msg(1),
      msg(2),
      { ...payload, data: data.map((d) => Buffer.from(d)) },
      msg(4),
    ]);
    // Sixteen answers in one turn are one frame, which carries the acknowledgement, too.
    b.on_message = (c) => {
      for (const t of upto(16)) c.send(msg(t));
    };
    con.send(msg(5));
    await until("answers", () => a.got.length === 16);
    expect(con.stats().frames_in - before.frames_in).toBe(1);
  });

  it("throws at the sender for what is not in the catalogue", async () => {
    const a = await end("osd.1");
    const con = a.ms.connect_to("osd.2", { host: "127.0.0.1", port: 1, nonce: 5 }, "lossy");
    expect(() => con.send({ ...msg(1), tid: Number.NaN } as Message)).toThrow("catalogue");
  });

  it("holds back when the socket is full, counts the bytes, and loses nothing", async () => {
    const { a, b } = await wired({ ms_send_high_water: 1 << 16 });
    const con = a.ms.connect_to("osd.2", b.ms.my_addr, "lossless_peer");
    await until("connect", () => a.events.length === 1);
    const data = [new Uint8Array(100_000)];
    for (const tid of upto(300)) con.send({ type: "mon_command", tid, cmd: {}, data });
    expect(con.queued_bytes).toBeGreaterThan(300 * 100_000);
    await until("arrival", () => b.got.length === 300);
    await until("empty", () => con.queued_bytes === 0);
    expect(b.got.map((m) => ("tid" in m ? m.tid : 0))).toEqual(upto(300));
  });
});

describe("lossless peers", () => {
  it("lose, repeat and reorder nothing when the cable is cut again and again", async () => {
    const { a, b, cut } = await wired();
    const N = 10_000;
    const ab = a.ms.connect_to("osd.2", b.ms.my_addr, "lossless_peer");
    let cuts = 0;
    // Both ends send: b answers each message, and the cable is cut in the middle of bursts.
    b.on_message = (con, m) => {
      if (m.type !== "command_reply") return;
      con.send(msg(m.tid));
      if (m.tid % 1500 === 700) {
        cuts++;
        cut();
      }
    };
    a.on_message = (_con, m) => {
      if (m.type === "command_reply" && m.tid % 2100 === 1000) {
        cuts++;
        cut();
      }
    };
    for (let tid = 1; tid <= N; ) {
      for (let i = 0; i < 100; i++) ab.send(msg(tid++, tid % 300));
      await new Promise((r) => setImmediate(r));
    }
    await until("all answered", () => a.got.length >= N && b.got.length >= N);
    expect(cuts).toBeGreaterThan(8);
    expect(b.tids).toEqual(upto(N));
    expect(a.tids).toEqual(upto(N));
    expect(a.events.concat(b.events).filter((e) => !e.startsWith("connect"))).toEqual([]);
    expect(new Set(b.from).size).toBe(1);
    expect(new Set(a.from)).toEqual(new Set([ab]));
  });

  it("settle on one connection when both open at the same time", async () => {
    for (let round = 0; round < 10; round++) {
      const { a, b, cut, to_a, to_b } = await wired();
      const ab = a.ms.connect_to("osd.2", b.ms.my_addr, "lossless_peer");
      const ba = b.ms.connect_to("osd.1", a.ms.my_addr, "lossless_peer");
      for (const t of upto(50)) {
        ab.send(msg(t));
        ba.send(msg(t));
        if (t % 10 === 0) await new Promise((r) => setImmediate(r));
        if (t === 30 && round % 2 === 1) cut();
      }
      await until("both", () => a.got.length >= 50 && b.got.length >= 50);
      expect([a.tids, b.tids]).toEqual([upto(50), upto(50)]);
      expect([a.ms.connections, b.ms.connections]).toEqual([1, 1]);
      expect(new Set([...a.from, ...b.from])).toEqual(new Set([ab, ba]));
      await until("one socket", () => to_a.lines + to_b.lines === 1);
      expect(a.events.concat(b.events).some((e) => e.startsWith("reset"))).toBe(false);
    }
  });

  it("reconnect from the accepting end, too, when only that has something to say", async () => {
    const { a, b, to_b } = await wired();
    a.ms.connect_to("osd.2", b.ms.my_addr, "lossless_peer").send(msg(1));
    await until("first", () => b.got.length === 1);
    to_b.severed = true; // a cannot reach b any more, but b can reach a
    to_b.cut();
    b.from[0]?.send(msg(7));
    await until("answer", () => a.got.length === 1);
    expect(a.tids).toEqual([7]);
    expect(a.events.filter((e) => e.startsWith("reset"))).toEqual([]);
  });

  it("are reset when the other instance is gone and a new one has come", async () => {
    const a = await end("osd.1");
    const b = await end("osd.2");
    const addr = b.ms.my_addr;
    const con = a.ms.connect_to("osd.2", addr, "lossless_peer");
    con.send(msg(1));
    await until("first", () => b.got.length === 1);
    await b.ms.shutdown();
    await until("refusal", () => a.events.includes("refused osd.2"));
    con.send(msg(2));
    const b2 = await end("osd.2", { listen: { host: "127.0.0.1", port: addr.port } });
    await until("reset", () => a.events.includes("reset osd.2"));
    expect(con.is_open).toBe(false);
    expect(b2.got).toEqual([]);
    expect(a.events.filter((e) => e === "refused osd.2")).toEqual(["refused osd.2"]);
    a.ms.connect_to("osd.2", b2.ms.my_addr, "lossless_peer").send(msg(3));
    await until("third", () => b2.got.length === 1);
    expect(b2.tids).toEqual([3]);
  });

  it("hear of it when the other end has dropped the session", async () => {
    const a = await end("osd.1");
    const b = await end("osd.2");
    const con = a.ms.connect_to("osd.2", b.ms.my_addr, "lossless_peer");
    con.send(msg(1));
    await until("first", () => b.got.length === 1);
    b.from[0]?.mark_down();
    await until("reset", () => a.events.includes("reset osd.2"));
    expect(b.events).toEqual(["connect osd.1"]);
    const again = a.ms.connect_to("osd.2", b.ms.my_addr, "lossless_peer");
    expect(again).not.toBe(con);
    again.send(msg(2));
    await until("second", () => b.got.length === 2);
    // The dropping end comes back first: the other one's session is reset by the new one.
    again.mark_down();
    a.ms.connect_to("osd.2", b.ms.my_addr, "lossless_peer").send(msg(3));
    await until("third", () => b.got.length === 3);
    expect(b.events.slice(1)).toEqual(["connect osd.1", "reset osd.1", "connect osd.1"]);
  });

  it("drop sessions with OSDs at a rebind, and keep clients", async () => {
    const a = await end("osd.1");
    const b = await end("osd.2");
    const client = await end("client.1");
    b.ms.connect_to("osd.1", a.ms.my_addr, "lossless_peer").send(msg(1));
    client.ms.connect_to("osd.1", a.ms.my_addr, "lossy").send(msg(2));
    await until("both", () => a.got.length === 2);
    const old = a.ms.my_addr;
    const addr = a.ms.rebind();
    expect({ ...addr, nonce: 0 }).toEqual({ ...old, nonce: 0 });
    await until("reset", () => b.events.includes("reset osd.1"));
    a.from.find((c) => c.peer_name === "client.1")?.send(msg(3));
    await until("client", () => client.got.length === 1);
    b.ms.connect_to("osd.1", old, "lossy");
    await until("refusal", () => b.count("handshake_refused") === 1);
  });
});

describe("lossy connections", () => {
  it("are reset on both ends when they break, and stay closed", async () => {
    const { a, b, cut } = await wired();
    const con = a.ms.connect_to("osd.2", b.ms.my_addr, "lossy");
    con.send(msg(1));
    await until("first", () => b.got.length === 1);
    cut();
    await until("resets", () => a.events.length === 2 && b.events.length === 2);
    expect(a.events).toEqual(["connect osd.2", "reset osd.2"]);
    expect(b.events).toEqual(["connect osd.1", "reset osd.1"]);
    con.send(msg(2));
    expect([con.is_open, con.queued_bytes, a.ms.connections, b.ms.connections]).toEqual([
      false,
      0,
      0,
      0,
    ]);
  });

  it("report a refusal, then the reset", async () => {
    const a = await end("osd.1");
    const [port = 0] = await free_ports(1);
    a.ms.connect_to("osd.2", { host: "127.0.0.1", port, nonce: 1 }, "lossy");
    await until("events", () => a.events.length === 2);
    expect(a.events).toEqual(["refused osd.2", "reset osd.2"]);
  });

  it("break when the far end has fallen silent", async () => {
    const quick = { ms_ping_interval: 0.05, ms_ping_timeout: 0.2 };
    const { a, b, to_b } = await wired(quick);
    const con = a.ms.connect_to("osd.2", b.ms.my_addr, "lossy");
    await until("connect", () => a.events.length === 1);
    // Pings keep it alive as long as they are answered.
    await new Promise((r) => setTimeout(r, 500));
    expect(con.is_open).toBe(true);
    to_b.freeze();
    await until("reset", () => a.events.includes("reset osd.2"));
  });
});

describe("garbage on the port", () => {
  function raw(port: number, bytes: Uint8Array | string): Promise<void> {
    return new Promise((resolve) => {
      const s = tcp_connect(port, "127.0.0.1", () => s.write(bytes));
      s.resume();
      s.on("error", () => {});
      s.on("close", () => resolve());
      closing.push(() => {
        s.destroy();
      });
    });
  }
  /** Sends frames over a WebSocket, one after the other; resolves with the close code. */
  function ws_send(port: number, ...frames: (Uint8Array | string)[]): Promise<number> {
    return new Promise((resolve) => {
      const ws = new WebSocket(`ws://127.0.0.1:${port}`);
      const next = () => {
        const f = frames.shift();
        if (f !== undefined) ws.send(f);
      };
      ws.on("open", next);
      ws.on("message", next);
      ws.on("error", () => {});
      ws.on("close", (code) => resolve(code));
    });
  }

  it("closes that connection with one line each, and serves others meanwhile", async () => {
    const osd = await end("osd.1", {}, { ms_max_frame_size: 1 << 20 });
    const { port } = osd.ms.my_addr;
    const peer = await end("osd.2");
    const con = peer.ms.connect_to("osd.1", osd.ms.my_addr, "lossless_peer");
    let served = 0;
    const serve = async () => {
      con.send(msg(++served));
      await until("service", () => osd.got.length === served);
    };
    await serve();
    const faults = () => osd.lines.filter((l) => l.event === "bad_frame").map((l) => l["reason"]);
    const hello = hello_frame({});
    const wrong_types = join_parts(
      pack_frame({
        kind: "messages",
        seq: 0,
        ack: 0,
        messages: 1,
        body: [{ type: "osd_alive", osd: "one", version: {}, want: null }, null],
        segments: [],
      }),
    );
    const cases: [string, () => Promise<unknown>, RegExp][] = [
      ["random bytes", () => raw(port, Uint8Array.of(0, 255, 13, 10, 7, 7, 13, 10)), /Parse Error/],
      ["TLS", () => raw(port, Uint8Array.of(22, 3, 1, 0, 200, 1, 0, 0)), /Parse Error/],
      ["bytes after the upgrade", () => ws_send(port, Uint8Array.of(1, 2, 3)), /no frame/],
      ["text", () => ws_send(port, "hello"), /text frame/],
      ["no hello", () => ws_send(port, wrong_types), /before the handshake/],
      ["wrong hello", () => ws_send(port, hello_frame({ in_seq: -1 })), /bad handshake: hello/],
      ["wrong types", () => ws_send(port, hello, wrong_types), /osd_alive at \/osd/],
      ["hello twice", () => ws_send(port, hello, hello), /a hello frame where/],
      ["too large", () => ws_send(port, hello, new Uint8Array((1 << 20) + 1)), /Max payload/],
      ["2 GB claim", () => claim_2gb(port), /Max payload/],
    ];
    for (const [what, act, reason] of cases) {
      const before = faults().length;
      await act();
      await until(`a line for ${what}`, () => faults().length > before);
      expect(faults().slice(before), what).toEqual([expect.stringMatching(reason)]);
      await serve();
    }
    expect(osd.ms.connections).toBe(1);
    expect(con.is_open).toBe(true);
  });

  function claim_2gb(port: number): Promise<void> {
    const key = Buffer.alloc(16).toString("base64");
    const head = `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;
    const frame = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 1]);
    return raw(port, Buffer.concat([Buffer.from(head), frame]));
  }

  it("answers HTTP with 426, and /healthz with the state", async () => {
    let ok = true;
    const osd = await end("osd.1", { health: () => ({ ok, state: "active" }) });
    const get = (path: string) => fetch(`http://127.0.0.1:${osd.ms.my_addr.port}${path}`);
    expect((await get("/")).status).toBe(426);
    expect(osd.count("http_request")).toBe(1);
    const healthy = await get("/healthz");
    expect([healthy.status, await healthy.json()]).toEqual([200, { ok: true, state: "active" }]);
    ok = false;
    expect((await get("/healthz")).status).toBe(503);
    expect(osd.count("http_request")).toBe(1);
  });

  it("serves others while 1,000 connections idle, and ends those", async () => {
    const values = { ms_connection_ready_timeout: 0.5, ms_max_unauthenticated: 100 };
    const osd = await end("osd.1", {}, values);
    let closed = 0;
    for (const _ of upto(1000)) void raw(osd.ms.my_addr.port, "").then(() => closed++);
    const client = await end("client.1");
    client.ms.connect_to("osd.1", osd.ms.my_addr, "lossy").send(msg(1));
    await until("service", () => osd.got.length === 1);
    await until("all closed", () => closed === 1000);
    expect(client.ms.connections).toBe(1);
    await until("lines", () => total(osd, "evicted") + total(osd, "timed_out") === 1000);
    expect(osd.count("handshake_timeout")).toBeLessThan(10);
  });
  function total(e: End, field: string): number {
    const lines = e.lines.filter((l) => l.event === "handshake_timeout");
    return lines.reduce((n, l) => n + Number(l[field]), 0);
  }
});

describe("start and stop", () => {
  it("flushes what is queued before the sockets go", async () => {
    const a = await end("osd.1");
    const b = await end("osd.2");
    const con = a.ms.connect_to("osd.2", b.ms.my_addr, "lossless_peer");
    await until("connect", () => a.events.length === 1);
    for (const t of upto(5000)) con.send(msg(t));
    await a.ms.shutdown();
    await until("arrival", () => b.got.length === 5000);
    expect(b.tids).toEqual(upto(5000));
  });

  it("says which port it cannot have", async () => {
    const a = await end("osd.1");
    const listen = { host: "127.0.0.1", port: a.ms.my_addr.port };
    await expect(end("osd.2", { listen })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${listen.port}`,
    );
  });
});
