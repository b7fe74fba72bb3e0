/**
 * MemStore: a KStore in memory. Durable means: survives crash() and a later mount of the same object.
 * For tests, the simulator and `--store mem`; a simulated disk loses what was not committed, commits
 * late, and fails when told to. Ceph counterpart: src/os/memstore/MemStore.cc.
 */
import {
  type Clock,
  type hobject_t,
  InvariantError,
  StoreError,
  type TimerHandle,
} from "@tako/common";
import type { KeyValueDB, KVChanges } from "./KeyValueDB.ts";
import { DEFAULT_STRIPE_SIZE, KStore, make_format } from "./KStore.ts";
import { FORMAT_KEY } from "./keys.ts";
import type { coll_t } from "./ObjectStore.ts";
import { HEADER } from "./value_format.ts";

export interface MemStoreOptions {
  readonly clock: Clock;
  /** How long a commit takes. Transactions that arrive meanwhile share the next one. Default 0. */
  readonly commit_latency_ms?: number;
  /** Default 1 GiB. */
  readonly capacity_bytes?: number;
  /** For error messages. */
  readonly path?: string;
  /** Object data is kept in pieces of this size. */
  readonly stripe_size?: number;
}

/** Keys and values; values never change in place. */
export type DiskSnapshot = ReadonlyMap<string, Uint8Array>;

const DEFAULT_CAPACITY = 1 << 30;

export class MemStore extends KStore {
  readonly kind = "mem";
  readonly #db: MemDB;
  #capacity_bytes: number;
  readonly #stripe_size: number;

  constructor(options: MemStoreOptions) {
    const db = new MemDB(options);
    super(db, (fn) => options.clock.defer(fn));
    this.#db = db;
    this.#capacity_bytes = options.capacity_bytes ?? DEFAULT_CAPACITY;
    this.#stripe_size = options.stripe_size ?? DEFAULT_STRIPE_SIZE;
  }

  mkfs(fsid: string): Promise<void> {
    return settled(() => this.mkfs_now(fsid));
  }
  mount(): Promise<void> {
    return settled(() => this.mount_now());
  }
  umount(): Promise<void> {
    return settled(() => this.umount_now());
  }

  // The same without a Promise, for a simulator that must not wait.
  mkfs_now(fsid: string): void {
    if (this.#db.values.has(FORMAT_KEY)) {
      const { path } = this.#db;
      const what = "there is a store already";
      throw new StoreError(`${path}: ${what}`, { code: "wrong_identity", path, what });
    }
    for (const [key, value] of make_format(fsid, this.#stripe_size)) {
      this.#db.values.set(key, value);
    }
  }
  mount_now(): void {
    this.begin_mount();
    const { values } = this.#db;
    for (const kind of ["C/", "O/", "M"]) {
      for (const [key, value] of values) if (key.startsWith(kind)) this.load(key, value);
    }
    this.end_mount();
  }
  /** Commits what is queued, however long commits take, then closes. */
  umount_now(): void {
    while (this.pump()) this.#db.finish_now();
    this.forget();
  }

  /**
   * The process dies: what was not committed is lost, on_commit callbacks with it. Then mount(). The
   * group that is on its way has reached the disk or not: a batch of the database is never torn.
   */
  crash(in_flight: "lost" | "synced" = "lost"): void {
    if (in_flight === "synced") this.#db.write_in_flight();
    this.#db.drop_in_flight();
    this.forget();
  }
  /** What is durable now. */
  snapshot(): DiskSnapshot {
    return new Map(this.#db.values);
  }
  /** The disk as it was then; the store must not be mounted. */
  restore(snapshot: DiskSnapshot): void {
    if (this.mounted) throw new InvariantError("restore: the store is mounted");
    this.#db.values.clear();
    for (const [key, value] of snapshot) this.#db.values.set(key, value);
  }

  // Faults

  /** How long commits take that start from now on. */
  set_commit_latency_ms(ms: number): void {
    this.#db.latency_ms = ms;
  }
  /** A disk of another size. */
  set_capacity_bytes(bytes: number): void {
    this.#capacity_bytes = bytes;
  }
  /** The next write to start fails, and with it the store. */
  inject_write_failure(err: StoreError = this.#db.io_error("injected write failure")): void {
    this.#db.next_failure = err;
  }
  /** No write fails any more, also none that is on its way. */
  end_write_failure(): void {
    this.#db.end_failure();
  }
  /** Changes stored bytes behind the store's back: `fn` gets each committed key and value. */
  damage(fn: (key: string, value: Uint8Array) => Uint8Array | undefined): void {
    for (const [key, value] of this.#db.values) {
      const bad = fn(key, value);
      if (bad) this.#db.values.set(key, bad);
    }
  }

  /**
   * Turns over one bit of the object's committed data, or of its omap values when it has no data;
   * `bit` counts from anywhere. False: there is nothing of it on the disk.
   */
  flip_bit(c: coll_t, o: hobject_t, bit: number): boolean {
    const [data, omap] = this.content_keys(c, o);
    const stored = (keys: readonly string[]) => keys.filter((k) => this.#size_of(k) > 0);
    const keys = [stored(data), stored(omap)].find((k) => k.length > 0) ?? [];
    const bits = keys.reduce((n, k) => n + this.#size_of(k) * 8, 0);
    let at = bits > 0 ? bit % bits : 0;
    for (const key of keys) {
      const value = this.#db.values.get(key);
      const size = this.#size_of(key) * 8;
      if (!value || at >= size) {
        at -= size;
        continue;
      }
      const bad = value.slice();
      const i = HEADER + (at >> 3);
      bad[i] = (bad[i] ?? 0) ^ (1 << (at & 7));
      this.#db.values.set(key, bad);
      return true;
    }
    return false;
  }
  /** Bytes of a committed value. */
  #size_of(key: string): number {
    return Math.max(0, (this.#db.values.get(key)?.length ?? 0) - HEADER);
  }

  protected capacity() {
    return { total: this.#capacity_bytes, free: undefined };
  }
}

interface Submitted {
  readonly changes: KVChanges;
  readonly done: (err?: StoreError) => void;
  failure: StoreError | undefined;
  timer: TimerHandle | undefined;
}

class MemDB implements KeyValueDB {
  readonly path: string;
  /** What is durable. */
  readonly values = new Map<string, Uint8Array>();
  latency_ms: number;
  next_failure: StoreError | undefined;
  readonly #clock: Clock;
  #in_flight: Submitted | undefined;

  constructor(options: MemStoreOptions) {
    this.path = options.path ?? "mem";
    this.latency_ms = options.commit_latency_ms ?? 0;
    this.#clock = options.clock;
  }

  get(key: string): Uint8Array | undefined {
    return this.values.get(key);
  }
  submit(changes: KVChanges, _seq: number, done: (err?: StoreError) => void): void {
    const s: Submitted = { changes, done, failure: this.next_failure, timer: undefined };
    if (this.#in_flight) throw new InvariantError("MemDB: two submits at a time");
    this.next_failure = undefined;
    this.#in_flight = s;
    const finish = () => this.#finish(s);
    if (this.latency_ms > 0) s.timer = this.#clock.set_timer(this.latency_ms, finish);
    else this.#clock.defer(finish);
  }
  finish_now(): void {
    if (this.#in_flight) this.#finish(this.#in_flight);
  }
  end_failure(): void {
    this.next_failure = undefined;
    if (this.#in_flight) this.#in_flight.failure = undefined;
  }
  /** What is in flight becomes durable; nobody is told. */
  write_in_flight(): void {
    const s = this.#in_flight;
    if (s && !s.failure) this.#write(s.changes);
  }
  drop_in_flight(): void {
    this.#in_flight?.timer?.cancel();
    this.#in_flight = undefined;
  }
  io_error(what: string): StoreError {
    return new StoreError(`${this.path}: ${what}`, { code: "EIO", path: this.path, what });
  }

  #finish(s: Submitted): void {
    // A crash or finish_now() came first.
    if (this.#in_flight !== s) return;
    this.#in_flight = undefined;
    s.timer?.cancel();
    if (s.failure) {
      s.done(s.failure);
      return;
    }
    this.#write(s.changes);
    s.done();
  }
  #write(changes: KVChanges): void {
    for (const [key, value] of changes) {
      if (value) this.values.set(key, value);
      else this.values.delete(key);
    }
  }
}

function settled(fn: () => void): Promise<void> {
  try {
    fn();
    return Promise.resolve();
  } catch (err) {
    return Promise.reject(err);
  }
}
