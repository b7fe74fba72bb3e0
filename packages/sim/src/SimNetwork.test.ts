/** What SimNetwork promises of connections: the guarantees of the Messenger port. */

import { SimRng } from "@tako/client/chaos";
import type { Connection, Dispatcher, Message } from "@tako/common";
import { describe, expect, test } from "vitest";
import { Scheduler } from "./Scheduler.ts";
import { SimMessenger, SimNetwork } from "./SimNetwork.ts";

class End implements Dispatcher {
  readonly got: number[] = [];
  readonly connections: Connection[] = [];
  resets = 0;
  refused = 0;
  readonly messenger: SimMessenger;
  constructor(net: SimNetwork, name: "osd.0" | "osd.1" | "client.1", host: string | null) {
    const listen = host === null ? null : { host, port: 6800 };
    this.messenger = new SimMessenger(
      net,
      new SimRng(name.length, host?.length ?? 0),
      name,
      listen,
    );
    this.messenger.set_dispatcher(this);
  }
  ms_dispatch(con: Connection, m: Message): void {
    if (!this.connections.includes(con)) this.connections.push(con);
    if (m.type === "osd_pg_created") this.got.push(Number(m.pgid.slice(2)));
  }
  ms_handle_connect(): void {}
  ms_handle_reset(): void {
    this.resets++;
  }
  ms_handle_refused(): void {
    this.refused++;
  }
}
/** A message with a number on it. */
function numbered(n: number): Message {
  return { type: "osd_pg_created", pgid: `1.${n}` };
}
function upto(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function setup(policy: "lossy" | "lossless_peer", seed = 1) {
  const scheduler = new Scheduler();
  const net = new SimNetwork(scheduler, new SimRng(seed), { min_delay_ms: 1, max_delay_ms: 20 });
  const a = new End(
    net,
    policy === "lossy" ? "client.1" : "osd.0",
    policy === "lossy" ? null : "a",
  );
  const b = new End(net, "osd.1", "bb");
  const con = a.messenger.connect_to("osd.1", b.messenger.my_addr, policy);
  const send = (from: number, to: number, every_ms: number) => {
    for (let i = from; i < to; i++) {
      scheduler.schedule((i - from) * every_ms, () => con.send(numbered(i)));
    }
  };
  return { scheduler, net, a, b, con, send };
}

describe("a lossless connection", () => {
  test("delivers in order, whatever the delays", () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const { scheduler, b, send } = setup("lossless_peer", seed);
      send(0, 100, 1);
      scheduler.run_until(1000);
      expect(b.got).toEqual(upto(100));
    }
  });

  test("replays after a cut: nothing lost, nothing twice", () => {
    const { scheduler, net, a, b, send } = setup("lossless_peer");
    send(0, 200, 1);
    for (let t = 5; t < 200; t += 7) scheduler.schedule(t, () => net.cut(0));
    scheduler.run_until(2000);
    expect(b.got).toEqual(upto(200));
    expect([a.resets, b.resets]).toEqual([0, 0]);
  });

  test("waits out a partition, however long", () => {
    const { scheduler, net, a, b, send } = setup("lossless_peer");
    send(0, 10, 1);
    scheduler.run_until(100);
    net.partition("osd.0", "osd.1");
    send(10, 20, 1);
    scheduler.run_until(100_000);
    expect(b.got).toEqual(upto(10));
    net.heal("osd.0", "osd.1");
    scheduler.run_until(101_000);
    expect(b.got).toEqual(upto(20));
    expect([a.resets, b.resets]).toEqual([0, 0]);
  });

  test("connects when a partition that was there before ends", () => {
    const scheduler = new Scheduler();
    const net = new SimNetwork(scheduler, new SimRng(1), { min_delay_ms: 1, max_delay_ms: 2 });
    const a = new End(net, "osd.0", "a");
    const b = new End(net, "osd.1", "bb");
    net.partition("osd.0", "osd.1");
    a.messenger.connect_to("osd.1", b.messenger.my_addr, "lossless_peer").send(numbered(0));
    scheduler.run_until(5000);
    expect(b.got).toEqual([]);
    net.heal_all();
    scheduler.run_until(6000);
    expect(b.got).toEqual([0]);
  });

  test("crossing connections become one, and both directions keep their order", () => {
    const { scheduler, a, b, con, send } = setup("lossless_peer");
    const back = b.messenger.connect_to("osd.0", a.messenger.my_addr, "lossless_peer");
    send(0, 20, 1);
    for (let i = 0; i < 20; i++) scheduler.schedule(i, () => back.send(numbered(i)));
    scheduler.run_until(1000);
    expect(b.got).toEqual(upto(20));
    expect(a.got).toEqual(upto(20));
    expect(b.connections).toEqual([back]);
    expect(a.connections).toEqual([con]);
  });

  test("a peer that died is refused, and given up when its successor is there", () => {
    const { scheduler, net, a, b, con, send } = setup("lossless_peer");
    send(0, 5, 1);
    scheduler.run_until(100);
    b.messenger.kill();
    con.send(numbered(5));
    scheduler.run_until(1000);
    expect(a.refused).toBe(1);
    expect(con.is_open).toBe(true);
    const successor = new End(net, "osd.1", "bb");
    expect(successor.messenger.my_addr.nonce).toBeGreaterThan(0);
    successor.messenger.rebind();
    scheduler.run_until(2000);
    expect(con.is_open).toBe(false);
    expect(a.resets).toBe(1);
    expect(successor.got).toEqual([]);
  });

  test("an address of an earlier instance does not reach the present one", () => {
    const { scheduler, a, b } = setup("lossless_peer");
    const old = b.messenger.my_addr;
    b.messenger.rebind();
    const con = a.messenger.connect_to("osd.1", { ...old, nonce: old.nonce + 1 }, "lossless_peer");
    con.send(numbered(0));
    scheduler.run_until(1000);
    expect(b.got).toEqual([]);
    expect(con.is_open).toBe(false);
  });
});

describe("a lossy connection", () => {
  test("delivers in order", () => {
    const { scheduler, b, send } = setup("lossy");
    send(0, 50, 1);
    scheduler.run_until(1000);
    expect(b.got).toEqual(upto(50));
  });

  test("a cut resets both ends, and what was under way is lost", () => {
    const { scheduler, net, a, b, con, send } = setup("lossy");
    send(0, 5, 1);
    scheduler.run_until(100);
    con.send(numbered(5));
    net.cut(0);
    scheduler.run_until(200);
    expect([a.resets, b.resets]).toEqual([1, 1]);
    expect(con.is_open).toBe(false);
    con.send(numbered(6));
    scheduler.run_until(300);
    expect(b.got).toEqual(upto(5));
  });

  test("what a process had sent when it died arrives or is lost, and then the connection ends", () => {
    const arrived = [];
    for (let seed = 1; seed <= 20; seed++) {
      const { scheduler, a, b, con, send } = setup("lossy", seed);
      send(0, 5, 1);
      scheduler.run_until(100);
      con.send(numbered(5));
      con.send(numbered(6));
      a.messenger.kill();
      scheduler.run_until(200);
      expect(b.resets).toBe(1);
      if (b.got.length > 5) arrived.push(seed);
      expect(b.got).toEqual(upto(arrived.includes(seed) ? 7 : 5));
    }
    expect(arrived.length).toBeGreaterThan(2);
    expect(arrived.length).toBeLessThan(18);
  });

  test("survives a short partition, not a long one", () => {
    const { scheduler, net, a, b, con, send } = setup("lossy");
    send(0, 1, 1);
    scheduler.run_until(100);
    net.partition("client.1", "osd.1");
    con.send(numbered(1));
    scheduler.run_until(5000);
    net.heal("client.1", "osd.1");
    scheduler.run_until(5100);
    expect(b.got).toEqual([0, 1]);
    expect(a.resets).toBe(0);
    net.partition("client.1", "osd.1");
    scheduler.run_until(60_000);
    expect([a.resets, b.resets]).toEqual([1, 1]);
  });

  test("to nobody is refused", () => {
    const { scheduler, a, b } = setup("lossy");
    b.messenger.kill();
    const con = a.messenger.connect_to("osd.1", { host: "c", port: 1, nonce: 0 }, "lossy");
    scheduler.run_until(100);
    expect(con.is_open).toBe(false);
    expect(a.refused).toBeGreaterThan(0);
  });
});

describe("a scenario's hand on it", () => {
  test("stall holds a message and what is behind it, in one direction; unstall lets it go", () => {
    const { scheduler, net, a, b, send } = setup("lossless_peer");
    const back = b.messenger.connect_to("osd.0", a.messenger.my_addr, "lossless_peer");
    net.stall = (from, _to, m) =>
      from === "osd.0" && m.type === "osd_pg_created" && m.pgid === "1.3";
    send(0, 6, 1);
    scheduler.schedule(50, () => back.send(numbered(0)));
    scheduler.run_until(1000);
    expect(b.got).toEqual(upto(3));
    expect(a.got).toEqual([0]);
    net.stall = null;
    net.unstall();
    scheduler.run_until(2000);
    expect(b.got).toEqual(upto(6));
  });

  test("take removes one message, which comes late and from a connection of the past", () => {
    const { scheduler, net, b, send } = setup("lossless_peer");
    const late: (() => void)[] = [];
    net.take = (_from, _to, m, hand_over) => {
      if (m.type !== "osd_pg_created" || m.pgid !== "1.1") return false;
      late.push(hand_over);
      return true;
    };
    send(0, 4, 1);
    scheduler.run_until(1000);
    expect(b.got).toEqual([0, 2, 3]);
    for (const fn of late) fn();
    expect(b.got).toEqual([0, 2, 3, 1]);
    expect(b.connections[1]?.peer_addr).toEqual(b.connections[0]?.peer_addr);
  });

  test("a frozen process reads nothing until it is thawed", () => {
    const { scheduler, net, b, send } = setup("lossless_peer");
    b.messenger.frozen = true;
    send(0, 5, 1);
    scheduler.run_until(1000);
    expect(b.got).toEqual([]);
    b.messenger.frozen = false;
    net.unstall();
    scheduler.run_until(2000);
    expect(b.got).toEqual(upto(5));
  });
});
