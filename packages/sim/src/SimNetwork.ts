/**
 * SimNetwork: connections between simulated processes, with the guarantees of the Messenger port and
 * none beyond: delays, reordering across connections, cut connections, partitions, dead hosts.
 * Messages are passed by reference, as they are immutable; with `wire` as bytes, through the codec.
 */

import type { SimRng } from "@tako/client/chaos";
import type {
  Connection,
  ConnectionPolicy,
  Dispatcher,
  entity_addr_t,
  entity_name_t,
  Message,
  Messenger,
} from "@tako/common";
import { addr_eq, BLANK_ADDR, through_wire } from "@tako/common";
import type { Scheduler } from "./Scheduler.ts";

export interface NetworkOptions {
  /** One-way delay, drawn per message, ms. */
  readonly min_delay_ms: number;
  readonly max_delay_ms: number;
  /** Every message goes through the codec: whoever sends what it cannot carry is found. */
  readonly wire?: boolean;
}

/** How long a lossy connection survives a partition before both ends give it up, ms. */
const LOSSY_TIMEOUT_MS = 15_000;
/** Pause between two attempts to reach the far end of a lossless connection, ms. */
const RECONNECT_MS = 200;

export class SimNetwork {
  readonly scheduler: Scheduler;
  readonly rng: SimRng;
  readonly options: NetworkOptions;
  /** By host:port. */
  readonly #listening = new Map<string, SimMessenger>();
  /** `a>b`: nothing that a says gets to b. */
  readonly #blocked = new Set<string>();
  /** `a>b`: how much longer it takes, ms. */
  readonly #slow = new Map<string, number>();
  /** By how much all delays differ from what they are in good times. */
  jitter = 1;
  readonly #pipes = new Set<Pipe>();
  /** Told of each delivery: the event log. */
  on_deliver: ((from: entity_name_t, to: entity_name_t, m: Message) => void) | null = null;
  /** True: this message, and what is behind it on its connection, waits for unstall(). */
  stall: ((from: entity_name_t, to: entity_name_t, m: Message) => boolean) | null = null;
  /** True: the connection breaks just before this message arrives. */
  breaks: ((from: entity_name_t, to: entity_name_t, m: Message) => boolean) | null = null;
  /** What arrives in place of this message: it was damaged on its way. */
  alter: ((from: entity_name_t, to: entity_name_t, m: Message) => Message) | null = null;
  /** True: taken off the wire; `late()` hands it over afterwards, as from the connection's past. */
  take: ((from: entity_name_t, to: entity_name_t, m: Message, late: () => void) => boolean) | null =
    null;
  messages_delivered = 0;

  constructor(scheduler: Scheduler, rng: SimRng, options: NetworkOptions) {
    this.scheduler = scheduler;
    this.rng = rng;
    this.options = options;
  }

  delay_ms(): number {
    return this.rng.between(this.options.min_delay_ms, this.options.max_delay_ms * this.jitter);
  }
  delay_between(from: entity_name_t, to: entity_name_t): number {
    const extra = this.#slow.size > 0 ? (this.#slow.get(`${from}>${to}`) ?? 0) : 0;
    return this.delay_ms() + extra;
  }
  at(addr: entity_addr_t): SimMessenger | undefined {
    return this.#listening.get(`${addr.host}:${addr.port}`);
  }
  add(m: SimMessenger): void {
    if (m.my_addr.port !== 0) this.#listening.set(`${m.my_addr.host}:${m.my_addr.port}`, m);
  }
  remove(m: SimMessenger): void {
    const key = `${m.my_addr.host}:${m.my_addr.port}`;
    if (this.#listening.get(key) === m) this.#listening.delete(key);
  }
  add_pipe(p: Pipe): void {
    this.#pipes.add(p);
  }
  remove_pipe(p: Pipe): void {
    this.#pipes.delete(p);
  }

  // ------------------------------------------------------------ faults

  /** Cuts `a` off from `b` in both directions until heal(). Names as in `osd.0`. */
  partition(a: entity_name_t, b: entity_name_t): void {
    this.block(a, b);
    this.block(b, a);
  }
  heal(a: entity_name_t, b: entity_name_t): void {
    this.unblock(a, b);
    this.unblock(b, a);
  }
  /** Nothing that `from` says gets to `to`; what `to` says arrives. */
  block(from: entity_name_t, to: entity_name_t): void {
    this.#blocked.add(`${from}>${to}`);
    for (const p of this.#pipes) if (p.joins(from, to)) p.on_partition();
  }
  unblock(from: entity_name_t, to: entity_name_t): void {
    this.#blocked.delete(`${from}>${to}`);
    for (const p of [...this.#pipes]) if (p.joins(from, to)) p.on_heal();
  }
  heal_all(): void {
    this.#blocked.clear();
    this.#slow.clear();
    this.jitter = 1;
    for (const p of [...this.#pipes]) p.on_heal();
  }
  is_blocked(from: entity_name_t, to: entity_name_t): boolean {
    return this.#blocked.size > 0 && this.#blocked.has(`${from}>${to}`);
  }
  /** In one of the two directions: no connection comes about. */
  is_partitioned(a: entity_name_t, b: entity_name_t): boolean {
    return this.is_blocked(a, b) || this.is_blocked(b, a);
  }
  /** Everything from `from` to `to` takes `ms` longer; 0: as ever. */
  slow_down(from: entity_name_t, to: entity_name_t, ms: number): void {
    if (ms > 0) this.#slow.set(`${from}>${to}`, ms);
    else this.#slow.delete(`${from}>${to}`);
  }
  /** One end of a lossy connection (by number) gives it up; the other hears of it much later. */
  half_open(n: number): boolean {
    const all = [...this.#pipes].filter((p) => p.policy === "lossy");
    const pipe = all[(n >> 1) % Math.max(1, all.length)];
    pipe?.half_open(n % 2 === 0 ? pipe.a : pipe.b);
    return pipe !== undefined;
  }
  /** Breaks one connection (by number): lossless ones replay, lossy ones are reset. */
  cut(n: number): void {
    const all = [...this.#pipes];
    if (all.length > 0) (all[n % all.length] as Pipe).cut();
  }
  /** Messages that each daemon has not been able to send yet. */
  *queued(): Iterable<[entity_name_t, number]> {
    for (const m of this.#listening.values()) yield [m.my_name, m.num_queued];
  }
  *connections(): Iterable<[entity_name_t, number]> {
    for (const m of this.#listening.values()) yield [m.my_name, m.num_connections];
  }
  get num_connections(): number {
    return this.#pipes.size;
  }
  /** What was stalled goes on, where `stall` does not object again. */
  unstall(): void {
    for (const p of [...this.#pipes]) p.unstall();
  }
}

/** The transport between two endpoints. Delivers in order in each direction. */
class Pipe {
  readonly net: SimNetwork;
  readonly policy: ConnectionPolicy;
  readonly a: Endpoint;
  readonly b: Endpoint;
  #blocked_since = -1;
  #generation = 0;

  constructor(net: SimNetwork, policy: ConnectionPolicy, a: Endpoint, b: Endpoint) {
    this.net = net;
    this.policy = policy;
    this.a = a;
    this.b = b;
    net.add_pipe(this);
  }
  joins(x: string, y: string): boolean {
    const m = this.a.owner.my_name;
    const n = this.b.owner.my_name;
    return (m === x && n === y) || (m === y && n === x);
  }
  other(e: Endpoint): Endpoint {
    return e === this.a ? this.b : this.a;
  }
  get partitioned(): boolean {
    return this.net.is_partitioned(this.a.owner.my_name, this.b.owner.my_name);
  }
  #blocked(from: Endpoint): boolean {
    return this.net.is_blocked(from.owner.my_name, this.other(from).owner.my_name);
  }

  /** Starts the delivery of what `from` has queued, if it is not under way. */
  pump(from: Endpoint): void {
    if (from.pumping || from.stalled || from.queue.length === 0 || this.#blocked(from)) return;
    from.pumping = true;
    const generation = this.#generation;
    const delay = this.net.delay_between(from.owner.my_name, this.other(from).owner.my_name);
    this.net.scheduler.schedule(delay, () => {
      from.pumping = false;
      const arrives = generation === this.#generation && !this.#blocked(from);
      if (arrives) this.#deliver(from);
      if (from.has_last_words) {
        from.has_last_words = false;
        from.queue = [];
        this.on_closed(from);
      } else if (!arrives) this.pump(from);
    });
  }
  /** All that was queued when the delay began goes as one frame, as on a real socket. */
  #deliver(from: Endpoint): void {
    const { net } = this;
    const to = this.other(from);
    const frame = from.queue;
    from.queue = [];
    net.scheduler.daemons_only = to.owner.listens;
    const sender = from.owner.my_name;
    const receiver = to.owner.my_name;
    for (let i = 0; i < frame.length; i++) {
      if (!to.is_open) return;
      const sent = frame[i] as Message;
      const m = net.options.wire ? through_wire(sent) : sent;
      if (to.owner.frozen || net.stall?.(sender, receiver, m)) {
        from.queue = [...frame.slice(i), ...from.queue];
        from.stalled = true;
        return;
      }
      if (net.breaks?.(sender, receiver, m)) {
        if (this.policy !== "lossy") from.queue = [...frame.slice(i), ...from.queue];
        this.cut();
        break;
      }
      if (net.take?.(sender, receiver, m, () => to.dispatch_late(m))) continue;
      net.messages_delivered++;
      net.on_deliver?.(sender, receiver, m);
      to.owner.dispatch(to, net.alter?.(sender, receiver, m) ?? m);
    }
    this.pump(from);
  }
  unstall(): void {
    for (const e of [this.a, this.b]) {
      e.stalled = false;
      this.pump(e);
    }
  }

  cut(): void {
    this.#generation++;
    if (this.policy === "lossy") this.reset_both();
  }
  on_partition(): void {
    if (this.policy !== "lossy" || this.#blocked_since >= 0) return;
    this.#blocked_since = this.net.scheduler.now_ms;
    const since = this.#blocked_since;
    this.net.scheduler.schedule(LOSSY_TIMEOUT_MS, () => {
      if (this.partitioned && this.#blocked_since === since) this.reset_both();
    });
  }
  on_heal(): void {
    if (!this.partitioned) this.#blocked_since = -1;
    this.pump(this.a);
    this.pump(this.b);
  }
  /** Both ends learn, each after a delay of its own, that the connection is gone. */
  reset_both(): void {
    for (const e of [this.a, this.b]) this.reset(e);
  }
  /** `e` is told now; the far end finds out by its own timeout. */
  half_open(e: Endpoint): void {
    const left = this.other(e);
    this.reset(e);
    this.net.scheduler.schedule(LOSSY_TIMEOUT_MS, () => this.reset(left));
  }
  reset(e: Endpoint): void {
    if (!e.is_open) return;
    e.queue = [];
    this.net.scheduler.schedule(this.net.delay_ms(), () => {
      if (!e.is_open) return;
      e.close();
      e.owner.told_reset(e);
    });
  }
  /** `gone` was closed by its owner (mark_down), or its process died. */
  on_closed(gone: Endpoint): void {
    const left = this.other(gone);
    if (!left.is_open) {
      this.net.remove_pipe(this);
      return;
    }
    // A dead lossless peer is looked for again until its instance is known to be gone.
    if (this.policy === "lossy" || gone.owner.alive) this.reset(left);
    else left.owner.look_for(left);
  }
}

class Endpoint implements Connection {
  readonly peer_name: entity_name_t;
  readonly peer_addr: entity_addr_t;
  readonly policy: ConnectionPolicy;
  readonly owner: SimMessenger;
  pipe: Pipe | null = null;
  queue: Message[] = [];
  pumping = false;
  stalled = false;
  is_open = true;
  /** Its process died with this on the way: it arrives, and then the connection ends. */
  has_last_words = false;
  priv: unknown = undefined;

  constructor(
    owner: SimMessenger,
    peer_name: entity_name_t,
    peer_addr: entity_addr_t,
    policy: ConnectionPolicy,
  ) {
    this.owner = owner;
    this.peer_name = peer_name;
    this.peer_addr = peer_addr;
    this.policy = policy;
  }
  /** As from a connection that was there before this one. */
  dispatch_late(m: Message): void {
    const { owner, peer_name, peer_addr, policy } = this;
    owner.dispatch(new Endpoint(owner, peer_name, peer_addr, policy), m);
  }
  is_to(addr: entity_addr_t, policy: ConnectionPolicy): boolean {
    return policy === this.policy && addr_eq(addr, this.peer_addr);
  }
  send(m: Message): void {
    if (!this.is_open) return;
    // Most frames are of one message: an array that is pushed to makes room for many.
    if (this.queue.length === 0) this.queue = [m];
    else this.queue.push(m);
    this.pipe?.pump(this);
  }
  get queued_bytes(): number {
    return this.queue.length * 256;
  }
  mark_down(): void {
    if (!this.is_open) return;
    this.close();
    this.pipe?.on_closed(this);
  }
  close(): void {
    this.is_open = false;
    this.queue = [];
    this.owner.forget(this);
    const { pipe } = this;
    if (pipe && !pipe.other(this).is_open) pipe.net.remove_pipe(pipe);
  }
}

export class SimMessenger implements Messenger {
  readonly my_name: entity_name_t;
  my_addr: entity_addr_t;
  alive = true;
  /** The process stands still (SIGSTOP): connections stay, nothing is read from them. */
  frozen = false;
  /** A daemon; clients only connect. */
  readonly listens: boolean;
  readonly #net: SimNetwork;
  readonly #rng: SimRng;
  #dispatcher: Dispatcher | null = null;
  readonly #endpoints = new Set<Endpoint>();
  /** Those that connect_to() gives again, by the name of the far end: asked for with each message. */
  readonly #by_name = new Map<entity_name_t, Endpoint[]>();

  /** `listen` null: only connects (a client). */
  constructor(
    net: SimNetwork,
    rng: SimRng,
    name: entity_name_t,
    listen: { readonly host: string; readonly port: number } | null,
  ) {
    this.#net = net;
    this.#rng = rng;
    this.my_name = name;
    this.listens = listen !== null;
    this.my_addr = listen
      ? { ...listen, nonce: this.#nonce() }
      : { ...BLANK_ADDR, nonce: this.#nonce() };
    net.add(this);
  }
  #nonce(): number {
    return 1 + this.#rng.int(0xfffffffe);
  }
  get num_queued(): number {
    let n = 0;
    for (const e of this.#endpoints) n += e.queue.length;
    return n;
  }
  get num_connections(): number {
    return this.#endpoints.size;
  }
  set_dispatcher(d: Dispatcher): void {
    this.#dispatcher = d;
  }

  connection_to(
    name: entity_name_t,
    addr: entity_addr_t,
    policy: ConnectionPolicy,
  ): Connection | undefined {
    return this.#find(name, addr, policy);
  }
  #find(name: entity_name_t, addr: entity_addr_t, policy: ConnectionPolicy): Endpoint | undefined {
    return this.#by_name.get(name)?.find((e) => e.is_to(addr, policy));
  }
  #add(e: Endpoint): void {
    this.#endpoints.add(e);
    const others = this.#by_name.get(e.peer_name);
    if (others) others.push(e);
    else this.#by_name.set(e.peer_name, [e]);
  }
  connect_to(name: entity_name_t, addr: entity_addr_t, policy: ConnectionPolicy): Connection {
    const open = this.#find(name, addr, policy);
    if (open) return open;
    const e = new Endpoint(this, name, addr, policy);
    this.#add(e);
    this.#try_connect(e, addr);
    return e;
  }
  #try_connect(e: Endpoint, addr: entity_addr_t): void {
    this.#net.scheduler.schedule(this.#net.delay_ms(), () => {
      if (!e.is_open || !this.alive || e.pipe) return;
      const far = this.#net.at(addr);
      if (far && this.#net.is_partitioned(this.my_name, far.my_name)) {
        this.#retry_silently(e, addr);
        return;
      }
      if (!far?.alive) {
        this.#refused(e, addr);
        return;
      }
      if (addr.nonce !== 0 && addr.nonce !== far.my_addr.nonce) {
        e.close();
        this.#dispatcher?.ms_handle_reset(e);
        return;
      }
      this.#establish(e, far);
    });
  }
  /** The SYN is lost: nothing is heard, it is tried again until the partition ends. */
  #retry_silently(e: Endpoint, addr: entity_addr_t): void {
    this.#net.scheduler.schedule(RECONNECT_MS, () => this.#try_connect(e, addr));
  }
  #refused(e: Endpoint, addr: entity_addr_t): void {
    if (e.policy === "lossy") e.close();
    else this.#retry_silently(e, addr);
    this.#dispatcher?.ms_handle_refused(e);
  }
  #establish(e: Endpoint, far: SimMessenger): void {
    const crossing =
      e.policy === "lossless_peer"
        ? far.#find(this.my_name, this.my_addr, "lossless_peer")
        : undefined;
    if (crossing?.pipe) {
      // The far end has opened one to us in the meantime: both settle on that.
      e.pipe = crossing.pipe;
      return;
    }
    const back = crossing ?? new Endpoint(far, this.my_name, this.my_addr, e.policy);
    if (!crossing) far.#accept(back);
    const pipe = new Pipe(this.#net, e.policy, e, back);
    e.pipe = pipe;
    back.pipe = pipe;
    this.#dispatcher?.ms_handle_connect(e);
    far.#dispatcher?.ms_handle_connect(back);
    pipe.pump(e);
    pipe.pump(back);
  }
  #accept(e: Endpoint): void {
    // Lossy connections from one instance are independent of each other.
    if (e.policy === "lossy") this.#endpoints.add(e);
    else this.#add(e);
  }
  forget(e: Endpoint): void {
    this.#endpoints.delete(e);
    const others = this.#by_name.get(e.peer_name) ?? [];
    const i = others.indexOf(e);
    if (i >= 0) others.splice(i, 1);
    if (others.length === 0) this.#by_name.delete(e.peer_name);
  }
  dispatch(e: Endpoint, m: Message): void {
    if (this.alive) this.#dispatcher?.ms_dispatch(e, m);
  }
  told_reset(e: Endpoint): void {
    if (this.alive) this.#dispatcher?.ms_handle_reset(e);
  }
  /** The far process of a lossless connection is dead: refused until another instance listens. */
  look_for(e: Endpoint): void {
    let told = false;
    const look = () => {
      if (!e.is_open || !this.alive) return;
      const far = this.#net.at(e.peer_addr);
      if (far && this.#net.is_partitioned(this.my_name, far.my_name)) {
        this.#net.scheduler.schedule(RECONNECT_MS, look);
      } else if (far?.alive && far.my_addr.nonce !== e.peer_addr.nonce) {
        e.close();
        this.#dispatcher?.ms_handle_reset(e);
      } else {
        if (!told) this.#dispatcher?.ms_handle_refused(e);
        told = true;
        this.#net.scheduler.schedule(RECONNECT_MS, look);
      }
    };
    this.#net.scheduler.schedule(this.#net.delay_ms(), look);
  }

  rebind(): entity_addr_t {
    this.#net.remove(this);
    for (const e of [...this.#endpoints]) {
      // Sessions with the monitor survive: it is the cluster endpoints that are new.
      if (!e.peer_name.startsWith("mon.")) e.mark_down();
    }
    this.my_addr = { ...this.my_addr, nonce: this.#nonce() };
    this.#net.add(this);
    return this.my_addr;
  }
  async shutdown(): Promise<void> {
    this.kill();
  }
  /** The process is gone, without a word to anybody. */
  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#net.remove(this);
    for (const e of [...this.#endpoints]) {
      e.is_open = false;
      // What the host has taken goes out, unless the host dies, too.
      e.has_last_words = e.pumping && this.#net.rng.chance(0.5);
      if (e.has_last_words) continue;
      e.queue = [];
      e.pipe?.on_closed(e);
    }
    this.#endpoints.clear();
    this.#by_name.clear();
  }
}
