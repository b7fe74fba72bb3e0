/**
 * LevelDB as the KeyValueDB of a KStore: synchronous gets, one synced batch at a time.
 * Knows nothing of objects. Ceph counterpart: src/kv/LevelDBStore.cc.
 */
import { InvariantError, type StoreError } from "@tako/common";
import { error_code, to_store_error } from "@tako/common/io";
import { ClassicLevel } from "classic-level";
import type { KeyValueDB, KVChanges } from "../store/KeyValueDB.ts";

type DB = ClassicLevel<string, Uint8Array>;

const OPTIONS = {
  keyEncoding: "utf8",
  valueEncoding: "view",
  // Object data rarely compresses, and the rest is small.
  compression: false,
  // With LevelDB's 4 MiB, large writes wait for compaction most of the time.
  writeBufferSize: 16 << 20,
  cacheSize: 8 << 20,
  maxFileSize: 8 << 20,
} as const;
const PAGE = 1000;
// classic-level 3.0 cuts long keys with characters beyond ASCII in getSync; as bytes they are safe.
const NON_ASCII = /[^\0-\x7f]/;

export interface LevelStoreDBHooks {
  /** A group became durable; called before its `done`. A throw fails the group. */
  readonly on_durable: (seq: number) => void;
  /** A `done` threw: an on_commit callback met a broken invariant. */
  readonly on_thrown: (err: Error) => void;
}

export class LevelStoreDB implements KeyValueDB {
  readonly path: string;
  #db: DB | undefined;
  readonly #hooks: LevelStoreDBHooks;

  constructor(path: string, hooks: LevelStoreDBHooks) {
    this.path = path;
    this.#hooks = hooks;
  }

  /** StoreError `locked` when another process has the database open. Changes nothing. */
  async check_lock(): Promise<void> {
    // LevelDB takes its lock before it refuses to open what exists.
    const db = new ClassicLevel(this.path, { createIfMissing: false, errorIfExists: true });
    try {
      await db.open();
    } catch (err) {
      const e = to_store_error(this.path, err);
      if (e.detail.code === "locked") throw e;
    } finally {
      await db.close();
    }
  }
  async open(create: boolean): Promise<void> {
    const db: DB = new ClassicLevel(this.path, { ...OPTIONS, createIfMissing: create });
    try {
      await db.open();
    } catch (err) {
      throw to_store_error(this.path, err);
    }
    this.#db = db;
  }
  async close(): Promise<void> {
    const db = this.#db;
    this.#db = undefined;
    await db?.close();
  }

  get(key: string): Uint8Array | undefined {
    const db = this.#open_db();
    try {
      if (!NON_ASCII.test(key)) return db.getSync(key);
      return db.getSync<Uint8Array, Uint8Array>(Buffer.from(key), { keyEncoding: "view" });
    } catch (err) {
      throw to_store_error(this.path, err);
    }
  }

  submit(changes: KVChanges, seq: number, done: (err?: StoreError) => void): void {
    this.write(changes)
      .then(() => this.#hooks.on_durable(seq))
      .then(
        () => done(),
        (err: unknown) => done(to_store_error(this.path, err)),
      )
      .catch((err: Error) => this.#hooks.on_thrown(err));
  }
  /** Durable when the promise resolves. */
  async write(changes: KVChanges): Promise<void> {
    // A chained batch costs a third of the time of an array of operations.
    const batch = this.#open_db().batch();
    for (const [key, value] of changes) {
      if (value) batch.put(key, value);
      else batch.del(key);
    }
    await batch.write({ sync: true });
  }

  /** Calls `fn` for each key of [from, to) in order, with its value when asked for. */
  async scan(
    from: string,
    to: string,
    values: boolean,
    fn: (key: string, value: Uint8Array | undefined) => void,
  ): Promise<void> {
    const range = { gte: from, lt: to, fillCache: false };
    const db = this.#open_db();
    try {
      if (values) {
        await each_page(db.iterator(range), ([key, value]) => fn(key, value));
      } else {
        await each_page(db.keys(range), (key) => fn(key, undefined));
      }
    } catch (err) {
      throw err instanceof Error && error_code(err).startsWith("LEVEL_")
        ? to_store_error(this.path, err)
        : err;
    }
  }

  #open_db(): DB {
    if (!this.#db) throw new InvariantError("database is not open", { path: this.path });
    return this.#db;
  }
}

async function each_page<T>(
  it: { nextv(size: number): Promise<T[]>; close(): Promise<void> },
  fn: (item: T) => void,
): Promise<void> {
  try {
    for (;;) {
      const page = await it.nextv(PAGE);
      if (page.length === 0) return;
      for (const item of page) fn(item);
    }
  } finally {
    await it.close();
  }
}
