/** Garbage on the ports of a cluster at work: each a line in the log, and nobody else notices. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { join_parts } from "../../packages/common/src/codec/codec.ts";
import { pack_frame } from "../../packages/common/src/codec/frame.ts";
import type { Hello } from "../../packages/common/src/msg/handshake.ts";
import { Cluster } from "./cluster.ts";
import type { Daemon } from "./daemon.ts";
import { until } from "./until.ts";
import { Workload } from "./workload.ts";

const IDLE = 1000;
const UPGRADE = [
  "GET / HTTP/1.1",
  "Host: x",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  `Sec-WebSocket-Key: ${Buffer.alloc(16).toString("base64")}`,
  "\r\n",
].join("\r\n");
/** Head of a binary WebSocket frame that claims 2 GiB. */
const CLAIM_2GB = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x80, 0, 0, 0, 1, 2, 3, 4]);

test("a cluster works on while its ports get garbage", async () => {
  const c = await Cluster.start({ conf: { ms_connection_ready_timeout: 2 } });
  const rados = await c.rados();
  await c.pool(rados, "test");
  const w = new Workload(await rados.open_ioctx("test")).start();
  await w.more(20);

  await Promise.all([c.mon, c.osd(0)].map((d) => pester(d, rados.fsid, w)));
  const late = await c.rados();
  await c.clean(late);
  await w.stop();
  await w.verify();
  expect(c.daemons.map((d) => [d.alive, d.logged("daemon_start").length])).toEqual(
    c.daemons.map(() => [true, 1]),
  );
  expect(c.osds.flatMap((d) => d.logged("wrongly_marked_down"))).toEqual([]);
});

async function pester(d: Daemon, fsid: string, w: Workload): Promise<void> {
  const { port } = d.spec;
  const cases: [what: string, event: string, reason: RegExp, () => Promise<unknown>][] = [
    ["random bytes", "bad_frame", /Parse Error/, () => raw(port, randomBytes(4096))],
    ["a browser", "http_request", /undefined/, () => fetch(`http://127.0.0.1:${port}/admin`)],
    ["wrong types", "bad_frame", /osd_alive at/, () => send(port, hello(fsid, d), WRONG)],
    ["not msgpack", "bad_frame", /./, () => send(port, hello(fsid, d), randomBytes(200))],
    ["2 GB", "bad_frame", /Max payload/, () => raw(port, UPGRADE, CLAIM_2GB)],
  ];
  for (const [what, event, reason, act] of cases) {
    const mark = d.lines.length;
    await act();
    const line = await d.log(event, mark);
    expect(`${what}: ${line.reason}`).toMatch(reason);
    // One line for each, and no other complaint, while others are served.
    await w.more(5);
    const noise = d.lines.slice(mark).filter((l) => l.level !== "info");
    expect(noise.map((l) => l.msg)).toEqual([event]);
  }
  await crowd(d, w);
}

/** A thousand that connect and say nothing: ended by and by, in few lines, while others are served. */
async function crowd(d: Daemon, w: Workload): Promise<void> {
  const mark = d.lines.length;
  let closed = 0;
  const sockets = Array.from({ length: IDLE }, () => open(d.spec.port));
  for (const s of sockets) s.once("close", () => closed++);
  await w.more(20);
  const lines = () => d.logged("handshake_timeout", mark);
  const told = () => lines().reduce((n, l) => n + Number(l.timed_out) + Number(l.evicted), 0);
  await until("all idle connections ended and told", () => closed === IDLE && told() >= IDLE);
  expect(told()).toBe(IDLE);
  expect(lines().length).toBeLessThan(20);
}

function open(port: number): Socket {
  const s = connect(port, "127.0.0.1");
  s.on("error", () => {});
  s.resume();
  onTestFinished(() => {
    s.destroy();
  });
  return s;
}
/** Sends the parts; resolves when the daemon has closed the connection. */
function raw(port: number, ...parts: (Uint8Array | string)[]): Promise<void> {
  const s = open(port);
  for (const p of parts) s.write(p);
  return new Promise((ok) => s.once("close", () => ok()));
}
/** Shakes hands, sends a frame; resolves when the daemon has closed the connection. */
function send(port: number, first: Uint8Array, second: Uint8Array): Promise<void> {
  const ws = new WebSocket(`ws://127.0.0.1:${port}`);
  ws.on("open", () => ws.send(first));
  ws.once("message", () => ws.send(second));
  ws.on("error", () => {});
  return new Promise((ok) => ws.once("close", () => ok()));
}

const WRONG = join_parts(
  pack_frame({
    kind: "messages",
    seq: 0,
    ack: 0,
    messages: 1,
    body: [{ type: "osd_alive", version: "newest", want: { __proto__: 1 } }, null],
    segments: [],
  }),
);
function hello(fsid: string, to: Daemon): Uint8Array {
  const body: Hello = {
    protocol: 1,
    fsid,
    name: "client.666",
    addr: { host: "", port: 0, nonce: 666 },
    policy: "lossy",
    target: { name: to.name as Hello["target"]["name"], nonce: 0 },
    cookie: 0,
    peer_cookie: 0,
    connect_seq: 0,
    in_seq: 0,
  };
  return join_parts(pack_frame({ kind: "hello", seq: 0, ack: 0, messages: 0, body, segments: [] }));
}
