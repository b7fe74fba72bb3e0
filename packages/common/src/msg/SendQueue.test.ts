import fc from "fast-check";
import { expect, it } from "vitest";
import type { Message } from "../messages/index.ts";
import { approx_bytes, SendQueue } from "./SendQueue.ts";

function msg(n: number): Message {
  return { type: "command", tid: n, cmd: {} };
}

/**
 * A peer that receives what a lossy wire lets through, in order, and acknowledges now and then; the
 * wire breaks at any point. Whatever happens, the peer gets every message once and in order.
 */
it("delivers everything once and in order over transports that break", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("push" as const), n: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ do: fc.constant("send" as const), n: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant("lose" as const), n: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant("ack" as const), n: fc.constant(0) }),
    fc.record({ do: fc.constant("reconnect" as const), n: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const q = new SendQueue();
      const got: number[] = [];
      let pushed = 0;
      let broken = false;
      const reconnect = () => {
        expect(q.ack(got.length)).toBe(true);
        q.rewind();
        broken = false;
      };
      const transmit = (n: number, lost: boolean) => {
        const b = q.take(n, 1 << 20);
        broken ||= lost;
        if (b === undefined || broken) return;
        b.messages.forEach((m, i) => {
          if (b.seq + i === got.length + 1 && m.type === "command") got.push(m.tid);
        });
      };
      for (const s of steps) {
        if (s.do === "push") for (let i = 0; i < s.n; i++) q.push(msg(++pushed));
        else if (s.do === "reconnect") reconnect();
        else if (s.do === "ack") expect(q.ack(got.length)).toBe(true);
        else transmit(s.n, s.do === "lose");
        expect(q.unsent_bytes).toBe(q.unsent * approx_bytes(msg(0)));
      }
      reconnect();
      while (q.unsent > 0) transmit(3, false);
      expect(got).toEqual(Array.from({ length: pushed }, (_, i) => i + 1));
      expect(q.ack(pushed)).toBe(true);
      expect([q.unacked, q.unsent, q.unsent_bytes]).toEqual([0, 0, 0]);
      expect(q.ack(pushed + 1)).toBe(false);
    }),
  );
});

it("cuts batches by count and by bytes, but never refuses a large message", () => {
  const q = new SendQueue();
  const big: Message = { type: "mon_command", tid: 1, cmd: {}, data: [new Uint8Array(5000)] };
  for (const m of [msg(1), big, msg(2), msg(3), msg(4)]) q.push(m);
  const sizes = () => q.take(2, 1000)?.messages.length;
  expect([sizes(), sizes(), sizes(), sizes(), sizes()]).toEqual([1, 1, 2, 1, undefined]);
});
