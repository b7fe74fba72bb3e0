import {
  addr_str,
  build_simple_crush_map,
  type Clock,
  Config,
  type Connection,
  type ConnectionPolicy,
  ERRNO,
  type entity_addr_t,
  type entity_name_t,
  INITIAL_FLAGS,
  type Incremental,
  type Message,
  type Messenger,
  MonClient,
  type Msg,
  NULL_LOG,
  new_incremental,
  OSDMap,
  pg_pool_t,
} from "@tako/common";
import { beforeEach, expect, test } from "vitest";
import { Objecter, type OpReply } from "./Objecter.ts";

// ---------------------------------------------------------------- a cluster that only listens

class FakeClock implements Clock {
  now = 0;
  #timers: { at: number; fn: () => void; live: boolean }[] = [];
  now_ms(): number {
    return 1_700_000_000_000 + this.now;
  }
  mono_ms(): number {
    return this.now;
  }
  set_timer(delay_ms: number, fn: () => void) {
    const t = { at: this.now + delay_ms, fn, live: true };
    this.#timers.push(t);
    return {
      cancel: () => {
        t.live = false;
      },
    };
  }
  defer(fn: () => void): void {
    this.set_timer(0, fn);
  }
  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      this.#timers = this.#timers.filter((t) => t.live).sort((a, b) => a.at - b.at);
      const t = this.#timers[0];
      if (!t || t.at > end) break;
      t.live = false;
      this.now = t.at;
      t.fn();
    }
    this.now = end;
  }
}

class FakeConnection implements Connection {
  readonly peer_name: entity_name_t;
  readonly peer_addr: entity_addr_t;
  readonly policy: ConnectionPolicy = "lossy";
  readonly sent: Message[] = [];
  readonly queued_bytes = 0;
  is_open = true;
  priv: unknown;
  constructor(peer_name: entity_name_t, peer_addr: entity_addr_t) {
    this.peer_name = peer_name;
    this.peer_addr = peer_addr;
  }
  send(m: Message): void {
    this.sent.push(m);
  }
  mark_down(): void {
    this.is_open = false;
  }
  ops(): Msg<"osd_op">[] {
    return this.sent.filter((m) => m.type === "osd_op");
  }
}

const cons = new Map<string, FakeConnection>();
const messenger: Messenger = {
  my_name: "client.7",
  my_addr: { host: "", port: 0, nonce: 1 },
  set_dispatcher() {},
  connect_to(name, addr) {
    const key = `${name} ${addr_str(addr)}`;
    const known = cons.get(key);
    if (known?.is_open) return known;
    const con = new FakeConnection(name, addr);
    cons.set(key, con);
    return con;
  },
  connection_to: () => undefined,
  rebind: () => ({ host: "", port: 0, nonce: 2 }),
  shutdown: async () => {},
};

let clock: FakeClock;
let config: Config;
let monc: MonClient;
let objecter: Objecter;
let map: OSDMap;
let results: [number, OpReply | undefined][];

beforeEach(() => {
  cons.clear();
  clock = new FakeClock();
  config = new Config();
  results = [];
  monc = new MonClient({
    messenger,
    clock,
    rng: { next: () => 0.5, int: () => 0 },
    log: NULL_LOG,
    config,
    mons: [{ name: "mon.a", addr: { host: "m", port: 1, nonce: 0 } }],
    on_session: () => {},
  });
  monc.start();
  monc.ms_handle_connect(mon());
  objecter = new Objecter({ messenger, clock, config, log: NULL_LOG, monc });
  const first = new_incremental({ fsid: "f", epoch: 0 });
  first.new_flags = INITIAL_FLAGS;
  first.new_max_osd = 4;
  first.crush = build_simple_crush_map("osd").edit((b) => {
    for (let i = 0; i < 4; i++) b.insert_item(i, 1, `osd.${i}`, new Map([["root", "default"]]));
  });
  first.new_pools.set(1, pg_pool_t({ size: 3, min_size: 2, pg_num: 8, pgp_num: 8 }));
  first.new_pool_names.set(1, "p");
  first.new_pool_max = 1;
  map = new OSDMap().apply_incremental(first);
  next((inc) => {
    for (let i = 0; i < 4; i++) {
      inc.new_weight.set(i, 0x10000);
      inc.new_up_client.set(i, { host: "h", port: 6800 + i, nonce: 1 });
    }
  });
});

function mon(): FakeConnection {
  return messenger.connect_to("mon.a", { host: "m", port: 1, nonce: 0 }, "lossy") as FakeConnection;
}
function next(edit: (inc: Incremental) => void): void {
  const inc = new_incremental(map);
  edit(inc);
  map = map.apply_incremental(inc);
  objecter?.handle_map([map], false);
}
function submit(oid: string, o: { timeout_ms?: number; pool?: number; writes?: boolean } = {}) {
  return objecter.submit({
    base: { kind: "object", pool: o.pool ?? 1, oid, nspace: "", key: "" },
    ops: [{ op: "stat" }],
    data: [],
    reads: !o.writes,
    writes: o.writes ?? false,
    ignores_full: false,
    timeout_ms: o.timeout_ms ?? 0,
    done: (result, reply) => results.push([result, reply]),
  });
}
function primary_of(oid: string): number {
  const at = map.object_locator_to_pg({ pool: 1, oid });
  return map.pg_to_up_acting_osds(map.raw_pg_to_pg(at?.raw_pg ?? "1.0") ?? "1.0").acting_primary;
}
function osd(id: number): FakeConnection {
  return messenger.connect_to(`osd.${id}`, map.get_addr(id), "lossy") as FakeConnection;
}
function reply(con: FakeConnection, m: Msg<"osd_op">, result = 0, retry = m.retry_attempt): void {
  objecter.ms_dispatch(con, {
    type: "osd_op_reply",
    tid: m.tid,
    result,
    map_epoch: map.epoch,
    pgid: m.pgid,
    retry_attempt: retry,
    version: { epoch: 1, version: 1 },
    user_version: 1,
    outcomes: [],
  });
}
function only_op(con: FakeConnection): Msg<"osd_op"> {
  const ops = con.ops();
  expect(ops).toHaveLength(1);
  return ops[0] as Msg<"osd_op">;
}

// ---------------------------------------------------------------- the rules

test("an operation goes to the acting primary of its object's PG, and its answer ends it", () => {
  submit("x");
  const con = osd(primary_of("x"));
  const op = only_op(con);
  expect(op).toMatchObject({ retry_attempt: 0, map_epoch: map.epoch, flags: ["read"] });
  reply(con, op);
  expect(results).toHaveLength(1);
  expect(objecter.num_in_flight).toBe(0);
});

test("when the primary dies it goes to the next one, with the same reqid and a higher attempt", () => {
  submit("x");
  const was = primary_of("x");
  const first = only_op(osd(was));
  next((inc) => inc.new_state.set(was, 2));
  const again = only_op(osd(primary_of("x")));
  expect(again).toMatchObject({ reqid: first.reqid, retry_attempt: 1, map_epoch: map.epoch });
  expect(again.flags).toContain("retry");
});

test("a map change that leaves the PG alone sends nothing", () => {
  submit("x");
  next((inc) => {
    inc.new_flags = map.flags | 128;
  });
  only_op(osd(primary_of("x")));
});

test("an interval that has come and gone among maps that came together sends it again", () => {
  submit("x");
  const was = primary_of("x");
  const affinity = (weight: number) => {
    const inc = new_incremental(map);
    inc.new_primary_affinity.set(was, weight);
    map = map.apply_incremental(inc);
    return map;
  };
  const away = affinity(0);
  expect(primary_of("x")).not.toBe(was);
  const back = affinity(0x10000);
  expect(primary_of("x")).toBe(was);
  objecter.handle_map([away, back], false);
  expect(osd(was).ops()).toMatchObject([
    { retry_attempt: 0 },
    { retry_attempt: 1, map_epoch: back.epoch },
  ]);
});

test("answers to an older send, or from a session left behind, do not count", () => {
  submit("x");
  const old = osd(primary_of("x"));
  const first = only_op(old);
  next((inc) => inc.new_state.set(primary_of("x"), 2));
  reply(old, first);
  const now = osd(primary_of("x"));
  const second = only_op(now);
  reply(now, second, 0, 0);
  expect(results).toEqual([]);
  reply(now, second);
  expect(results).toHaveLength(1);
});

test("a skipped epoch sends everything again, in order of tid", () => {
  for (const oid of ["a", "b", "c", "d"]) submit(oid);
  const inc = new_incremental(map);
  map = map.apply_incremental(inc);
  objecter.handle_map([map], true);
  for (const con of cons.values()) {
    const ops = con.ops().filter((m) => m.retry_attempt === 1);
    expect(ops.map((m) => m.tid)).toEqual(ops.map((m) => m.tid).sort((x, y) => x - y));
  }
  const again = [...cons.values()].flatMap((c) => c.ops().filter((m) => m.retry_attempt === 1));
  expect(again).toHaveLength(4);
});

test("a broken session is opened again after a pause, and its operations repeated", () => {
  submit("x");
  const con = osd(primary_of("x"));
  con.is_open = false;
  objecter.ms_handle_reset(con);
  clock.advance(1000);
  const op = only_op(osd(primary_of("x")));
  expect(op.retry_attempt).toBe(1);
});

test("EAGAIN is the Objecter's affair: a new tid, the same request", () => {
  submit("x");
  const con = osd(primary_of("x"));
  const first = con.ops()[0] as Msg<"osd_op">;
  reply(con, first, -ERRNO.EAGAIN);
  const second = con.ops()[1] as Msg<"osd_op">;
  expect(second.reqid).toEqual(first.reqid);
  expect(second.tid).not.toBe(first.tid);
  reply(con, second, 0);
  expect(results).toHaveLength(1);
});

test("pausewr holds writes and lets reads pass; they go when it ends", () => {
  next((inc) => {
    inc.new_flags = map.flags | 8;
  });
  submit("x", { writes: true });
  submit("x");
  expect(osd(primary_of("x")).ops()).toHaveLength(1);
  next((inc) => {
    inc.new_flags = map.flags & ~8;
  });
  expect(
    osd(primary_of("x"))
      .ops()
      .map((m) => m.flags),
  ).toEqual([["read"], ["write"]]);
});

test("a pool that the newest map lacks is ENOENT, but not before the monitor has said so", () => {
  submit("x", { pool: 9 });
  expect(results).toEqual([]);
  const ask = mon().sent.find((m) => m.type === "mon_get_version");
  expect(ask).toBeDefined();
  if (ask?.type !== "mon_get_version") return;
  const { handle } = ask;
  monc.ms_dispatch({
    type: "mon_get_version_reply",
    handle,
    version: map.epoch + 1,
    oldest_version: 1,
  });
  expect(results).toEqual([]);
  next(() => {});
  expect(results).toEqual([[-ERRNO.ENOENT, undefined]]);
});

test("time-out and cancel end an operation; what comes later is ignored", () => {
  submit("x", { timeout_ms: 500 });
  const tid = submit("y");
  const con = osd(primary_of("x"));
  const op = con.ops()[0] as Msg<"osd_op">;
  clock.advance(499);
  expect(results).toEqual([]);
  clock.advance(1);
  objecter.cancel(tid, ERRNO.ECANCELED);
  reply(con, op);
  expect(results.map((r) => r[0])).toEqual([-ERRNO.ETIMEDOUT, -ERRNO.ECANCELED]);
});

test("no more than objecter_inflight_ops are on their way; the others follow in order", () => {
  config.put("objecter_inflight_ops", 2, "cmdline");
  for (const oid of ["a", "b", "c"]) submit(oid);
  expect(objecter.num_in_flight).toBe(2);
  const con = osd(primary_of("a"));
  reply(con, con.ops()[0] as Msg<"osd_op">);
  expect(
    osd(primary_of("c"))
      .ops()
      .map((m) => m.tid),
  ).toContain(3);
});

test("after stop() everything ends with ESHUTDOWN", () => {
  submit("a");
  objecter.stop();
  submit("b");
  clock.advance(1);
  expect(results.map((r) => r[0])).toEqual([-ERRNO.ESHUTDOWN, -ERRNO.ESHUTDOWN]);
});
