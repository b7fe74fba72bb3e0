/** What comes to an open port: random bytes, HTTP, frames that lie, a crowd that says nothing. */
import { connect as tcp_connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { join_parts } from "../codec/codec.ts";
import { pack_frame } from "../codec/frame.ts";
import {
  close_all,
  closing,
  type End,
  end,
  hello_frame,
  msg,
  until,
  upto,
} from "./testing/ends.ts";

afterEach(close_all);

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
    const faults = () => osd.lines.filter((l) => l.event === "bad_frame").map((l) => l.reason);
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
