/**
 * Two daemons that open, drop, cut and talk at random: whatever the order of events, what arrives of
 * a connection is what was sent on it, once, in order, without a gap; and everything, if it stands.
 */
import { afterEach, expect, it } from "vitest";
import type { Connection } from "../msg/Messenger.ts";
import { close_all, type End, msg, until, wired } from "./testing/ends.ts";

afterEach(close_all);

/** Messages carry the number of the sending connection and their own: con * 1e6 + n. */
const BASE = 1_000_000;

class Talker {
  readonly me: End;
  private readonly other: End;
  private readonly numbers = new Map<Connection, number>();
  private readonly counts = new Map<Connection, number>();
  private next = 1;

  constructor(me: End, other: End) {
    this.me = me;
    this.other = other;
  }
  /** The connection in use: ours, or the one the other has opened to us. */
  con(): Connection {
    return this.me.ms.connect_to(this.other.ms.my_name, this.other.ms.my_addr, "lossless_peer");
  }
  say(times: number): void {
    const con = this.con();
    const number = this.numbers.get(con) ?? this.next++;
    this.numbers.set(con, number);
    for (let i = 0; i < times; i++) {
      const n = (this.counts.get(con) ?? 0) + 1;
      this.counts.set(con, n);
      con.send(msg(number * BASE + n));
    }
  }
  /** What was sent on connections that still stand. */
  standing(): [number, number][] {
    return [...this.numbers]
      .filter(([con]) => con.is_open)
      .map(([con, number]) => [number, this.counts.get(con) ?? 0]);
  }
}

function received(e: End): Map<number, number[]> {
  const out = new Map<number, number[]>();
  for (const tid of e.tids) {
    const number = Math.floor(tid / BASE);
    const list = out.get(number) ?? [];
    list.push(tid % BASE);
    out.set(number, list);
  }
  return out;
}

it.each([1, 2, 3, 4, 5, 6])("keep their promises, seed %i", async (seed) => {
  let state = seed * 2654435761;
  const dice = (n: number) => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9) >>> 0;
    return state % n;
  };
  const { a, b, cut } = await wired();
  const talkers = [new Talker(a, b), new Talker(b, a)];
  for (let step = 0; step < 250; step++) {
    const t = talkers[dice(2)];
    const what = dice(40);
    if (what < 26) t?.say(1 + dice(30));
    else if (what < 30) cut();
    else if (what < 32) t?.con().mark_down();
    else if (what < 36) await new Promise((r) => setTimeout(r, dice(8)));
    else await new Promise((r) => setImmediate(r));
  }
  // At the end both say one more thing: what stands must all get through.
  for (const t of talkers) t.say(1);
  const complete = (from: Talker | undefined, at: End) =>
    from?.standing().every(([number, n]) => (received(at).get(number)?.length ?? 0) >= n) === true;
  await until("everything that stands", () => complete(talkers[0], b) && complete(talkers[1], a));
  for (const e of [a, b]) {
    for (const [number, list] of received(e)) {
      expect(list, `connection ${number}`).toEqual(list.map((_, i) => i + 1));
    }
  }
  expect([a.count("bad_frame"), b.count("bad_frame")]).toEqual([0, 0]);
  expect([a.ms.connections, b.ms.connections]).toEqual([1, 1]);
});
