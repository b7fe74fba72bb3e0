import { Config, type Connection, type Message, NULL_LOG, type OSDMap } from "@tako/common";
import { beforeEach, expect, test } from "vitest";
import { addr_of, FSID, MapHistory } from "../testing/osd_maps.ts";
import { fake_connection } from "../testing/TestOSD.ts";
import { SeededRng, VirtualClock } from "../testing/VirtualClock.ts";
import { Heartbeat } from "./Heartbeat.ts";

let clock: VirtualClock;
let history: MapHistory;
let to_mon: Message[];
let pings: number[];
let shared: number[];
let hb: Heartbeat;
let cons: Map<number, Connection>;
let connected: (osd: number) => void;
const map = (): OSDMap => history.newest;

beforeEach(() => {
  clock = new VirtualClock();
  history = new MapHistory(4);
  to_mon = [];
  pings = [];
  shared = [];
  cons = new Map();
  connected = () => {};
  hb = new Heartbeat({
    whoami: 0,
    clock,
    rng: new SeededRng(1),
    log: NULL_LOG,
    config: new Config({ osd_heartbeat_interval: 1, osd_heartbeat_grace: 4 }),
    get_osdmap: map,
    get_up_epoch: () => 2,
    connect: (osd) => {
      const con = fake_connection(`osd.${osd}`, () => pings.push(osd));
      cons.set(osd, con);
      connected(osd);
      return con;
    },
    send_mon: (m) => to_mon.push(m),
    pg_peers: () => [2],
    share_map: (osd) => shared.push(osd),
    on_you_died: () => {},
  });
  hb.start();
});

function run(ms: number, answer: readonly number[] = []): void {
  const end = clock.mono_ms() + ms;
  while (clock.run_timer(end - clock.mono_ms())) {
    for (const osd of pings.splice(0)) if (answer.includes(osd)) reply(osd);
  }
}
function reply(osd: number): void {
  const con = cons.get(osd);
  if (!con) return;
  hb.handle_ping(con, osd, {
    type: "osd_ping",
    fsid: FSID,
    map_epoch: map().epoch,
    op: "PING_REPLY",
    ping_stamp: clock.mono_ms(),
    up_from: 2,
  });
}

test("everybody is a peer while the cluster is small", () => {
  run(2000);
  expect(hb.peers).toEqual([1, 2, 3]);
});

test("a silent peer is reported after the grace, once, and withdrawn when it answers", () => {
  run(3000, [1, 2, 3]);
  run(7000, [1, 3]);
  hb.check();
  hb.send_failures();
  hb.check();
  hb.send_failures();
  expect(to_mon).toMatchObject([{ type: "osd_failure", target_osd: 2, is_failed: true }]);
  run(2000, [1, 2, 3]);
  expect(to_mon[1]).toMatchObject({ type: "osd_failure", target_osd: 2, is_failed: false });
});

test("peers that answer are healthy; the ratio counts who has answered", () => {
  run(2000, [1, 2]);
  expect(hb.healthy_ratio()).toBeCloseTo(2 / 3);
});

test("a map that shows a peer down drops it, and its report", () => {
  run(2000, [1, 2, 3]);
  run(7000, [1, 3]);
  hb.check();
  hb.on_osdmap(history.down(2));
  hb.send_failures();
  expect(hb.peers).toEqual([1, 3]);
  expect(to_mon).toEqual([]);
});

test("a refused connection is reported at once, if the address is still the map's", () => {
  hb.on_refused(3, addr_of(3, 1));
  expect(to_mon).toEqual([]);
  hb.on_refused(3, addr_of(3));
  expect(to_mon).toMatchObject([{ target_osd: 3, is_failed: true, immediate: true }]);
});

test("a connection that breaks is opened once more at once, then once a round", () => {
  let opened = 0;
  const closed = { is_open: false };
  connected = (osd) => {
    if (osd !== 3) return;
    opened++;
    const con = cons.get(3);
    if (con) Object.assign(con, closed);
  };
  const refuse = () => {
    const con = cons.get(3);
    if (!con) return;
    hb.on_refused(3, addr_of(3));
    hb.ms_handle_reset(con);
  };
  run(1500);
  const before = opened;
  for (let i = 0; i < 10; i++) refuse();
  expect(opened - before).toBe(1);
  const reports = to_mon.length;
  run(1500);
  refuse();
  refuse();
  refuse();
  expect(opened - before).toBeGreaterThan(2);
  expect(opened - before).toBeLessThan(6);
  hb.on_mon_session();
  expect(to_mon.length).toBe(reports + 4);
});

test("who stood still itself accuses nobody", () => {
  run(2000, [1, 2, 3]);
  run(6000);
  hb.forget_unanswered();
  hb.check();
  hb.send_failures();
  expect(to_mon).toEqual([]);
});

test("a ping is answered, its sender told when it is down here, and maps are shared", () => {
  const answers: Message[] = [];
  const con = { ...fake_connection("osd.1", (m) => answers.push(m)), peer_addr: addr_of(1) };
  const ping = {
    type: "osd_ping",
    fsid: FSID,
    map_epoch: 1,
    op: "PING",
    ping_stamp: 7,
    up_from: 2,
  } as const;
  hb.handle_ping(con, 1, ping);
  expect([answers.map((m) => m.type === "osd_ping" && m.op), shared]).toEqual([
    ["PING_REPLY"],
    [1],
  ]);
  history.down(1);
  answers.length = 0;
  hb.handle_ping(con, 1, ping);
  expect(answers.map((m) => m.type === "osd_ping" && m.op)).toEqual(["PING_REPLY", "YOU_DIED"]);
});

test("a new mon session hears of the failures again", () => {
  run(2000, [1, 2, 3]);
  run(7000, [1, 3]);
  hb.check();
  hb.send_failures();
  hb.on_mon_session();
  expect(to_mon).toHaveLength(2);
});
