/**
 * A monitor on virtual time with a fake network, for tests: OSDs and clients are connections that
 * keep what was sent to them.
 */
import {
  type Clock,
  Config,
  type ConfigValues,
  type Connection,
  type Dispatcher,
  decode_incremental,
  type entity_addr_t,
  type entity_name_t,
  InvariantError,
  type Log,
  type Message,
  type MessageType,
  type Messenger,
  type Msg,
  NULL_LOG,
  OSDMap,
  type StoreError,
} from "@tako/common";
import type { CommandReply } from "../commands/reply.ts";
import { Monitor } from "../monitor/Monitor.ts";
import { mkfs } from "../monitor/mkfs.ts";
import { MemMonStore } from "../store/MemMonStore.ts";

export const FSID = "11111111-2222-4333-8444-555555555555";

export class FakeClock implements Clock {
  private now = 0;
  private seq = 0;
  private queue: { at: number; seq: number; fn: () => void }[] = [];
  now_ms(): number {
    return 1_700_000_000_000 + this.now;
  }
  mono_ms(): number {
    return this.now;
  }
  defer(fn: () => void): void {
    this.queue.push({ at: this.now, seq: this.seq++, fn });
  }
  set_timer(delay_ms: number, fn: () => void) {
    const t = { at: this.now + Math.max(delay_ms, 0.001), seq: this.seq++, fn };
    this.queue.push(t);
    const cancel = () => {
      this.queue = this.queue.filter((x) => x !== t);
    };
    return { cancel };
  }
  /** Runs what is due within the next `ms`, in order. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = this.queue
        .filter((t) => t.at <= end)
        .sort((a, b) => a.at - b.at || a.seq - b.seq)[0];
      if (!due) break;
      this.queue = this.queue.filter((t) => t !== due);
      this.now = Math.max(this.now, due.at);
      due.fn();
    }
    this.now = end;
  }
  /** What is due now: commits, replies. No time passes. */
  settle(): void {
    this.advance(0);
  }
}

export class FakeConnection implements Connection {
  readonly peer_name: entity_name_t;
  readonly peer_addr: entity_addr_t;
  readonly policy = "lossy";
  is_open = true;
  readonly queued_bytes = 0;
  priv: unknown;
  readonly sent: Message[] = [];
  constructor(name: entity_name_t, addr: entity_addr_t) {
    this.peer_name = name;
    this.peer_addr = addr;
  }
  send(m: Message): void {
    if (this.is_open) this.sent.push(m);
  }
  mark_down(): void {
    this.is_open = false;
  }
  /** Messages of one kind, removed from what was sent. */
  take<T extends MessageType>(type: T): Msg<T>[] {
    const found = this.sent.filter((m): m is Msg<T> => m.type === type);
    const rest = this.sent.filter((m) => m.type !== type);
    this.sent.splice(0, this.sent.length, ...rest);
    return found;
  }
}

class FakeMessenger implements Messenger {
  readonly my_name: entity_name_t = "mon.a";
  readonly my_addr = { host: "10.0.0.1", port: 3300, nonce: 7 };
  dispatcher: Dispatcher | undefined;
  set_dispatcher(d: Dispatcher): void {
    this.dispatcher = d;
  }
  connect_to(): Connection {
    throw new InvariantError("a monitor opens no connections");
  }
  connection_to(): undefined {
    return undefined;
  }
  rebind(): entity_addr_t {
    return this.my_addr;
  }
  async shutdown(): Promise<void> {}
}

/** The epochs of a map message, as a client applies them. */
export function apply_maps(have: OSDMap | undefined, m: Msg<"osd_map">): OSDMap | undefined {
  let map = have;
  m.full.forEach((_, i) => {
    map = OSDMap.decode(m.data[i] ?? new Uint8Array());
  });
  m.incremental.forEach((e, i) => {
    const inc = decode_incremental(m.data[m.full.length + i] ?? new Uint8Array());
    if (map && e === map.epoch + 1) map = map.apply_incremental(inc);
  });
  return map;
}

export class Harness {
  readonly clock = new FakeClock();
  readonly store: MemMonStore;
  readonly config: Config;
  readonly fatal: StoreError[] = [];
  mon: Monitor;
  private readonly log: Log;
  private readonly messengers: FakeMessenger[] = [];
  private nonce = 100;

  constructor(config: ConfigValues = {}, log: Log = NULL_LOG) {
    this.log = log;
    this.config = new Config({ mon_osd_min_down_reporters: 2, ...config });
    this.store = new MemMonStore(this.clock);
    mkfs(this.store, { fsid: FSID, now_ms: this.clock.now_ms(), config: this.config }, () => {});
    this.clock.settle();
    this.mon = this.start();
  }

  private start(): Monitor {
    const messenger = new FakeMessenger();
    this.messengers.push(messenger);
    const mon = new Monitor("a", {
      store: this.store,
      messenger,
      clock: this.clock,
      rng: { next: () => 0.5, int: () => 0 },
      log: this.log,
      config: this.config,
      on_fatal: (e) => this.fatal.push(e),
    });
    mon.init();
    return mon;
  }

  /** kill -9 and start again: of the commits in flight the first `applied` had reached the disk. */
  restart(applied = 0): void {
    this.store.crash(applied);
    this.mon.shutdown();
    this.mon = this.start();
  }

  get map(): OSDMap {
    return this.mon.osdmap;
  }
  settle(): void {
    this.clock.settle();
  }
  advance(ms: number): void {
    this.clock.advance(ms);
  }

  connect(name: entity_name_t, addr: entity_addr_t): FakeConnection {
    const con = new FakeConnection(name, addr);
    this.messengers.at(-1)?.dispatcher?.ms_handle_connect(con);
    return con;
  }
  disconnect(con: FakeConnection): void {
    con.is_open = false;
    this.messengers.at(-1)?.dispatcher?.ms_handle_reset(con);
  }
  /** Delivered, and all that follows at this instant. */
  send(con: FakeConnection, m: Message): void {
    this.post(con, m);
    this.settle();
  }
  /** Delivered only. */
  post(con: FakeConnection, m: Message): void {
    this.messengers.at(-1)?.dispatcher?.ms_dispatch(con, m);
  }
  client(): FakeConnection {
    return this.connect("client.1", { host: "", port: 0, nonce: this.nonce++ });
  }
  addr(osd: number): entity_addr_t {
    return { host: `10.0.1.${osd}`, port: 6800 + osd, nonce: this.nonce++ };
  }
  osd(id: number, addr = this.addr(id)): FakeOsd {
    return new FakeOsd(this, id, addr);
  }
  /** `n` OSDs, each on a host of its own, booted and subscribed. */
  boot(n: number): FakeOsd[] {
    const osds = Array.from({ length: n }, (_, i) => this.osd(i));
    for (const o of osds) {
      o.subscribe();
      o.boot();
    }
    this.advance(1000);
    return osds;
  }

  command(cmd: Record<string, unknown>, data: readonly Uint8Array[] = []): CommandReply {
    let reply: CommandReply | undefined;
    const done = (r: CommandReply) => {
      reply = r;
    };
    this.mon.handle_command(cmd, done, data);
    this.settle();
    if (!reply) this.advance(100);
    if (!reply) throw new InvariantError("no answer", { cmd });
    return reply;
  }
}

export class FakeOsd {
  readonly h: Harness;
  readonly id: number;
  addr: entity_addr_t;
  con: FakeConnection;
  readonly uuid: string;
  private seq = 0;

  constructor(h: Harness, id: number, addr: entity_addr_t) {
    this.h = h;
    this.id = id;
    this.addr = addr;
    this.uuid = `00000000-0000-4000-8000-${String(id + 1).padStart(12, "0")}`;
    this.con = h.connect(`osd.${id}`, addr);
  }
  boot_msg(more: Partial<Msg<"osd_boot">> = {}): Msg<"osd_boot"> {
    return {
      type: "osd_boot",
      osd: this.id,
      cluster_fsid: FSID,
      osd_fsid: this.uuid,
      current_epoch: 0,
      oldest_map: 0,
      newest_map: 0,
      mounted: 0,
      clean_thru: 0,
      boot_epoch: 0,
      version: this.h.map.epoch,
      addr: this.addr,
      metadata: { hostname: `h${this.id}`, ceph_version: "tako version 0.1.0" },
      crush_weight: 1,
      crush_location: { root: "default", host: `h${this.id}` },
      device_class: "ssd",
      ...more,
    };
  }
  boot(more: Partial<Msg<"osd_boot">> = {}): void {
    this.h.send(this.con, this.boot_msg(more));
  }
  subscribe(start = 1): void {
    this.h.send(this.con, {
      type: "mon_subscribe",
      what: [
        { name: "osdmap", start, onetime: false },
        { name: "osd_pg_creates", start: 0, onetime: false },
      ],
    });
  }
  send(m: Message): void {
    this.h.send(this.con, m);
  }
  /** The process starts again: other nonce, other connection, `newest_map` says it has its disk. */
  restart(more: Partial<Msg<"osd_boot">> = {}): void {
    this.h.disconnect(this.con);
    this.addr = this.h.addr(this.id);
    this.con = this.h.connect(`osd.${this.id}`, this.addr);
    const e = this.h.map.epoch;
    this.boot({ newest_map: e, current_epoch: e, ...more });
  }
  report_failed(target: number, more: Partial<Msg<"osd_failure">> = {}): void {
    this.send({
      type: "osd_failure",
      target_osd: target,
      target_addr: this.h.map.get_addr(target),
      failed_for: 20,
      epoch: this.h.map.epoch,
      is_failed: true,
      immediate: false,
      ...more,
    });
  }
  beacon(min_last_epoch_clean = 0, pgs: readonly `${number}.${string}`[] = []): void {
    const version = this.h.map.epoch;
    const m = {
      type: "osd_beacon",
      version,
      min_last_epoch_clean,
      report_interval_s: 300,
    } as const;
    this.send({ ...m, pgs: [...pgs] });
  }
  stats(pgs: Record<string, string>, stat: Record<string, unknown> = {}): void {
    const epoch = this.h.map.epoch;
    this.send({
      type: "pg_stats",
      epoch,
      pg_stats: Object.entries(pgs).map(([pgid, state]) => {
        const pg = pgid as `${number}.${string}`;
        const m = this.h.map.pg_to_up_acting_osds(pg);
        const all = { ...m, state, stat_sum: {}, ...stat };
        return { pgid: pg, reported_epoch: epoch, reported_seq: ++this.seq, state, stat: all };
      }),
      osd_stat: { kb: 1000, kb_used: 100, kb_avail: 900, num_pgs: 1 },
      slow_ops: 0,
      oldest_slow_op_s: 0,
    });
  }
}
