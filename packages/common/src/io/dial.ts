/**
 * One attempt to reach a daemon: TCP, WebSocket, hello, and the answer. Exactly one of the three
 * callbacks is called, unless the attempt is aborted.
 */
import { WebSocket } from "ws";
import { decode_frame } from "../codec/codec.ts";
import { pack_frame } from "../codec/frame.ts";
import { bad_frame } from "../codec/scan.ts";
import {
  type Hello,
  MAX_HANDSHAKE_BYTES,
  type Refuse,
  to_refuse,
  to_welcome,
  type Welcome,
} from "../msg/handshake.ts";
import type { Clock } from "../ports.ts";
import type { entity_addr_t } from "../types/entity.ts";
import { CLOSE, protocol_fault, Transport } from "./Transport.ts";
import type { Attempt } from "./WsConnection.ts";

export interface DialResult {
  welcome(t: Transport, w: Welcome): void;
  refuse(r: Refuse): void;
  /** `refused`: nobody listens there. `failed`: anything else, a bad answer included. */
  failed(why: "refused" | "failed", reason: string): void;
}
export interface DialOptions {
  readonly clock: Clock;
  readonly timeout_ms: number;
  readonly max_frame: number;
}

export function dial(
  addr: entity_addr_t,
  hello: () => Hello,
  options: DialOptions,
  result: DialResult,
): Attempt {
  const host = addr.host.includes(":") ? `[${addr.host}]` : addr.host;
  const ws = new WebSocket(`ws://${host}:${addr.port}/`, {
    perMessageDeflate: false,
    skipUTF8Validation: true,
    maxPayload: options.max_frame,
    followRedirects: false,
    generateMask: (mask: Buffer) => mask.fill(0),
  });
  const t = new Transport(ws, options.clock, `${addr.host}:${addr.port}`);
  let over = false;
  const finish = (fn: () => void) => {
    if (over) return;
    over = true;
    timer.cancel();
    fn();
  };
  const fail = (why: "refused" | "failed", reason: string) =>
    finish(() => {
      t.close(CLOSE.going_away, reason);
      result.failed(why, reason);
    });
  const timer = options.clock.set_timer(options.timeout_ms, () => fail("failed", "timed out"));
  t.set_handler({
    on_frame: (bytes) => answered(bytes),
    on_close: (code, reason) => fail("failed", reason === "" ? `closed ${code}` : reason),
    on_bad_frame: (reason) => fail("failed", reason),
    on_drain: () => {},
  });
  ws.on("error", (e) => {
    const refused = "code" in e && e.code === "ECONNREFUSED";
    fail(refused ? "refused" : "failed", e.message === "" ? "refused" : e.message);
  });
  ws.on("open", () => {
    if (!over)
      t.send(
        pack_frame({ kind: "hello", seq: 0, ack: 0, messages: 0, body: hello(), segments: [] }),
      );
  });

  function answered(bytes: Uint8Array): void {
    try {
      const f = decode_frame(bytes, MAX_HANDSHAKE_BYTES);
      if (f.kind === "welcome") {
        const w = to_welcome(f.body);
        finish(() => result.welcome(t, w));
      } else if (f.kind === "refuse") {
        const r = to_refuse(f.body);
        finish(() => {
          t.close(CLOSE.refused, r.code);
          result.refuse(r);
        });
      } else throw bad_frame(`a ${f.kind} frame as answer to hello`);
    } catch (e) {
      fail("failed", protocol_fault(e));
    }
  }
  return {
    abort: () => finish(() => t.close(CLOSE.going_away, "given up")),
  };
}
