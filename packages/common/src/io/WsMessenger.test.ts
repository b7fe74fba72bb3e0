import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { Message } from "../messages/index.ts";
import type { entity_name_t } from "../types/entity.ts";
import {
  close_all,
  end,
  FSID,
  free_ports,
  hello_frame,
  msg,
  until,
  upto,
  wired,
} from "./testing/ends.ts";

afterEach(close_all);

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
      return e.lines.find((l) => l.event === "handshake_refused")?.code;
    };
    const { nonce } = osd.ms.my_addr;
    expect(await refused("osd.2", "osd.1", nonce, "another")).toBe("wrong_fsid");
    expect(await refused("osd.2", "osd.3", nonce)).toBe("wrong_identity");
    expect(await refused("osd.2", "osd.1", nonce + 1)).toBe("wrong_identity");
    expect(await refused("osd.1", "osd.1", nonce)).toBe("own_name");
    expect(osd.events).toEqual([]);
    const reasons = osd.lines.filter((l) => l.event === "handshake_refused").map((l) => l.code);
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

  it("replace a transport that only one end knows to be dead, and lose nothing", async () => {
    const { a, b, to_b } = await wired({ ms_ping_interval: 0.03, ms_ping_timeout: 0.1 });
    b.config.set("ms_ping_interval", 500);
    b.config.set("ms_ping_timeout", 1000);
    const con = a.ms.connect_to("osd.2", b.ms.my_addr, "lossless_peer");
    con.send(msg(1));
    await until("first", () => b.got.length === 1);
    to_b.freeze();
    for (const t of [2, 3]) con.send(msg(t));
    for (const t of [1, 2, 3]) b.from[0]?.send(msg(t));
    await until("both", () => a.got.length === 3 && b.got.length === 3);
    expect([a.tids, b.tids]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(b.events).toEqual(["connect osd.1", "connect osd.1"]);
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
