/**
 * KStore: an ObjectStore whose every byte lies in a key-value database. MemStore and LevelStore are
 * this over two databases, so they cannot differ in what an operation means.
 * Pure: the database, the end of the turn and the free space come in; subclasses open and close.
 * Ceph counterpart: src/os/kstore/KStore.cc. Rules: peering.md §2.8, §4.7.
 *
 * Bytes handed out by reads belong to the store: callers must not change them. They stay as they are
 * when the object is written later, because no value is ever changed in place.
 */
import {
  type hobject_t,
  InvariantError,
  invariant,
  is_hobject,
  StoreError,
  type StoreErrorDetail,
} from "@tako/common";
import { CommitQueue } from "./CommitQueue.ts";
import type { KeyValueDB } from "./KeyValueDB.ts";
import { type Counters, KStoreState } from "./KStoreState.ts";
import { FORMAT_KEY, parse_key, STATE_KEY } from "./keys.ts";
import {
  Collection,
  LENGTH_UNKNOWN,
  list_omap,
  make_omap_index,
  ObjectRef,
} from "./ObjectIndex.ts";
import type { coll_t, ObjectStat, ObjectStore, StatFs } from "./ObjectStore.ts";
import type { Transaction } from "./Transaction.ts";
import { TransContext } from "./TransContext.ts";
import { decode_onode, frame_text, unframe } from "./value_format.ts";

export interface Format {
  readonly version: number;
  readonly fsid: string;
  readonly stripe_size: number;
}
const FORMAT_VERSION = 1;
/**
 * Measured on LevelDB: 4 KiB into a 4 MiB object 9.3, 3, 1.9, 1.6 k/s with stripes of 4, 16, 32, 64 KiB;
 * reading 4 MiB objects 440, 640, 530, 880 MiB/s; writing them is bound by compaction.
 */
export const DEFAULT_STRIPE_SIZE = 16 << 10;
const MAX_STRIPE_SIZE = 1 << 20;

/** The first values of a new store: what mkfs writes, in one batch. */
export function make_format(fsid: string, stripe_size: number): Map<string, Uint8Array> {
  const format: Format = { version: FORMAT_VERSION, fsid, stripe_size };
  const counters: Counters = { seq: 0, next_nid: 1, data: 0, omap: 0, meta: 0 };
  return new Map([
    [FORMAT_KEY, frame_json(format)],
    [STATE_KEY, frame_json(counters)],
  ]);
}

export abstract class KStore implements ObjectStore {
  abstract readonly kind: string;
  abstract mkfs(fsid: string): Promise<void>;
  abstract mount(): Promise<void>;
  abstract umount(): Promise<void>;
  /** Capacity given to the store and free bytes under it, as far as known. */
  protected abstract capacity(): { total: number | undefined; free: number | undefined };

  readonly #db: KeyValueDB;
  readonly #defer: (fn: () => void) => void;
  #on_fatal: (err: Error) => void = () => {};
  #state: KStoreState | undefined;
  #format: Format | undefined;
  /** Only while mounting: objects by number, to find whose omap key it is. */
  #by_nid = new Map<number, ObjectRef>();

  constructor(db: KeyValueDB, defer: (fn: () => void) => void) {
    this.#db = db;
    this.#defer = defer;
  }

  // Opening and closing, for subclasses

  /** Reads format and counters. Then load() for every key of kinds C, O, M in that order. */
  protected begin_mount(): void {
    invariant(!this.#state, "store is mounted");
    const format = this.#read_json(FORMAT_KEY);
    if (format === undefined) throw this.#error("not_found", "no store here: run mkfs first");
    if (!is_format(format)) throw this.#error("corrupt", `the value of ${FORMAT_KEY}`);
    if (format.version !== FORMAT_VERSION) {
      const what = `format ${format.version}; this build reads ${FORMAT_VERSION}`;
      throw this.#error("wrong_identity", what);
    }
    const counters = this.#read_json(STATE_KEY);
    if (!is_counters(counters)) throw this.#error("corrupt", `the value of ${STATE_KEY}`);
    this.#format = format;
    this.#by_nid = new Map();
    const queue = new CommitQueue({
      db: this.#db,
      defer: this.#defer,
      on_fatal: (err) => this.#on_fatal(err),
      seal: (changes) => {
        counters.seq++;
        changes.set(STATE_KEY, frame_json(counters));
        return counters.seq;
      },
    });
    this.#state = new KStoreState(this.#db, queue, format.stripe_size, counters);
  }
  /** Groups that the database holds; a subclass compares with what it knows was acknowledged. */
  protected get mounted_seq(): number {
    return this.#mounted().counters.seq;
  }
  /** One key found by the database. `value` is needed for kind O only. */
  protected load(key: string, value: Uint8Array | undefined): void {
    const { collections } = this.#mounted();
    const k = parse_key(key);
    if (k?.kind === "C") {
      collections.set(k.c, new Collection(k.c));
    } else if (k?.kind === "O") {
      this.#load_onode(k.c, k.o, value, key.length + (value?.length ?? 0));
    } else if (k?.kind === "M") {
      const ref = this.#by_nid.get(k.nid);
      if (!ref) throw this.#error("corrupt", `omap key ${k.key} of an unknown object`);
      ref.omap ??= make_omap_index();
      ref.omap.set(k.key, LENGTH_UNKNOWN);
    } else {
      throw this.#error("corrupt", `unknown key ${JSON.stringify(key.slice(0, 100))}`);
    }
  }
  protected end_mount(): void {
    this.#by_nid = new Map();
  }
  /** Forgets everything in memory, queued transactions too. */
  protected forget(): void {
    this.#state?.queue.stop();
    this.#state = undefined;
    this.#by_nid = new Map();
  }
  protected get mounted(): boolean {
    return this.#state !== undefined;
  }
  /** Starts at once what waits for the end of the turn; true while a write is on its way. */
  protected pump(): boolean {
    return this.#state?.queue.pump() ?? false;
  }
  /** Where the database keeps the data and the omap values of an object. */
  protected content_keys(c: coll_t, o: hobject_t): readonly [data: string[], omap: string[]] {
    const state = this.#mounted();
    const ref = state.find(c, o);
    if (!ref) return [[], []];
    const stripes = Math.ceil(this.#node(ref).size / state.stripe_size);
    const data = Array.from({ length: stripes }, (_, n) => ref.data_key(n));
    return [data, (ref.omap?.keysArray() ?? []).map((k) => ref.omap_key(k))];
  }
  protected when_idle(fn: () => void): void {
    this.#mounted().queue.when_idle(fn);
  }
  protected fatal(err: Error): void {
    this.#on_fatal(err);
  }

  #load_onode(c: coll_t, o: string, raw: Uint8Array | undefined, bytes: number): void {
    const { collections } = this.#mounted();
    const coll = collections.get(c);
    const what = `object ${o} in ${c}: its onode`;
    if (!coll || !is_hobject(o)) throw this.#error("corrupt", what);
    const payload = raw && unframe(raw);
    const decoded = payload && decode_onode(payload);
    if (!decoded || this.#by_nid.has(decoded.nid)) throw this.#error("corrupt", what);
    const ref = new ObjectRef(decoded.nid, coll, o);
    ref.meta_bytes = bytes;
    coll.add(ref);
    this.#by_nid.set(ref.nid, ref);
  }

  // Writes

  get fsid(): string {
    this.#mounted();
    return this.#format?.fsid ?? "";
  }
  set_on_fatal(fn: (err: Error) => void): void {
    this.#on_fatal = fn;
  }
  queue_transaction(t: Transaction, on_commit?: () => void): void {
    const state = this.#mounted();
    const { failed } = state.queue;
    if (failed) {
      const what = "a write failed before; nothing more is accepted";
      throw new StoreError(`${this.#db.path}: ${what}`, this.#detail("EIO", what), {
        cause: failed,
      });
    }
    const ctx = new TransContext(state);
    try {
      for (const op of t.ops) ctx.apply(op);
    } catch (err) {
      // Not handled, only undone: the caller learns of it.
      ctx.rollback();
      throw err;
    }
    state.queue.commit(ctx.commit(), on_commit);
    state.cache.trim();
  }

  // Reads

  collection_exists(c: coll_t): boolean {
    return this.#mounted().collections.has(c);
  }
  list_collections(): coll_t[] {
    return [...this.#mounted().collections.keys()].sort();
  }
  collection_list(
    c: coll_t,
    start: hobject_t,
    end: hobject_t,
    max: number,
  ): { objects: hobject_t[]; next: hobject_t } {
    const coll = this.#mounted().collections.get(c);
    // An empty answer would let a scan believe that nothing is there.
    if (!coll) throw new InvariantError("collection_list: no such collection", { coll: c });
    return coll.list(start, end, max);
  }
  exists(c: coll_t, o: hobject_t): boolean {
    return this.#mounted().find(c, o) !== undefined;
  }
  stat(c: coll_t, o: hobject_t): ObjectStat | undefined {
    const ref = this.#mounted().find(c, o);
    return ref && { size: this.#node(ref).size };
  }
  read(c: coll_t, o: hobject_t, off: number, len: number): Uint8Array | undefined {
    const state = this.#mounted();
    const ref = state.find(c, o);
    if (!ref) return undefined;
    const { size } = this.#node(ref);
    return state.read(ref, off, len === 0 ? size : Math.min(off + len, size));
  }
  getattr(c: coll_t, o: hobject_t, name: string): Uint8Array | undefined {
    const ref = this.#mounted().find(c, o);
    return ref && this.#node(ref).attrs.get(name);
  }
  getattrs(c: coll_t, o: hobject_t): Map<string, Uint8Array> | undefined {
    const ref = this.#mounted().find(c, o);
    return ref && new Map(this.#node(ref).attrs);
  }
  omap_get_header(c: coll_t, o: hobject_t): Uint8Array | undefined {
    const ref = this.#mounted().find(c, o);
    return ref && this.#node(ref).omap_header;
  }
  omap_get_values(
    c: coll_t,
    o: hobject_t,
    keys: readonly string[],
  ): Map<string, Uint8Array> | undefined {
    const state = this.#mounted();
    const ref = state.find(c, o);
    if (!ref) return undefined;
    const out = new Map<string, Uint8Array>();
    for (const key of keys) {
      // Not has(): that walks a range.
      if (ref.omap?.get(key) !== undefined) out.set(key, state.omap_value(ref, key));
    }
    return out;
  }
  omap_list(
    c: coll_t,
    o: hobject_t,
    start_after: string,
    prefix: string,
    max: number,
  ): { keys: string[]; more: boolean } | undefined {
    const ref = this.#mounted().find(c, o);
    if (!ref) return undefined;
    return ref.omap ? list_omap(ref.omap, start_after, prefix, max) : { keys: [], more: false };
  }
  statfs(): StatFs {
    const { data, omap, meta } = this.#mounted().counters;
    const used = data + omap + meta;
    const { total, free } = this.capacity();
    if (total === undefined) {
      const available = free ?? 0;
      return { total: used + available, used, available, data, omap, meta };
    }
    const unused = Math.max(total - used, 0);
    return { total, used, available: Math.min(unused, free ?? unused), data, omap, meta };
  }

  #mounted(): KStoreState {
    if (!this.#state) throw new InvariantError("store is not mounted", { path: this.#db.path });
    return this.#state;
  }
  #node(ref: ObjectRef) {
    const state = this.#mounted();
    const node = state.node(ref);
    state.cache.trim();
    return node;
  }
  #read_json(key: string): unknown {
    const raw = this.#db.get(key);
    if (raw === undefined) return undefined;
    const payload = unframe(raw);
    if (!payload) throw this.#error("corrupt", `the value of ${key}`);
    return JSON.parse(new TextDecoder().decode(payload));
  }
  #error(code: "corrupt" | "not_found" | "wrong_identity", what: string): StoreError {
    return new StoreError(`${this.#db.path}: ${describe(code)}${what}`, this.#detail(code, what));
  }
  #detail(code: "EIO" | "corrupt" | "not_found" | "wrong_identity", what: string) {
    return { code, path: this.#db.path, what } satisfies StoreErrorDetail;
  }
}

function describe(code: string): string {
  return code === "corrupt" ? "damaged: " : "";
}
function frame_json(value: unknown): Uint8Array {
  return frame_text(JSON.stringify(value));
}
function is_record(v: unknown): v is Record<string, unknown> {
  return typeof v === "object" && v !== null;
}
function is_count(v: unknown): v is number {
  return typeof v === "number" && Number.isSafeInteger(v) && v >= 0;
}
function is_format(v: unknown): v is Format {
  if (!is_record(v) || !is_count(v.version) || typeof v.fsid !== "string") return false;
  return is_count(v.stripe_size) && v.stripe_size > 0 && v.stripe_size <= MAX_STRIPE_SIZE;
}
function is_counters(v: unknown): v is Counters {
  if (!is_record(v)) return false;
  return [v.seq, v.next_nid, v.data, v.omap, v.meta].every(is_count);
}
