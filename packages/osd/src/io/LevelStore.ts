/**
 * LevelStore: the default store of an OSD, a KStore on LevelDB.
 * Opens, checks and closes the directory; what objects are is KStore's. Ceph counterpart:
 * KStore::mount/umount with LevelDBStore. Rules: peering.md §2.8.
 *
 *   <path>/db/         LevelDB's files; its LOCK keeps a second process out
 *   <path>/committed   number of the last acknowledged group of transactions
 *
 * Mounting reads every onode and every omap key, not the data: about a second for a million.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
} from "node:fs";
import { join } from "node:path";
import { StoreError } from "@tako/common";
import { check_level_files, damaged, has_level_files, to_store_error } from "@tako/common/io";
import { DEFAULT_STRIPE_SIZE, KStore, make_format } from "../store/KStore.ts";
import { FORMAT_KEY } from "../store/keys.ts";
import { LevelStoreDB } from "./LevelStoreDB.ts";
import { LevelStoreMarker } from "./LevelStoreMarker.ts";

export interface LevelStoreOptions {
  /** The store's own directory; created by mkfs. */
  readonly path: string;
  /** Capacity; default: what is used plus what the file system has free. */
  readonly size_bytes?: number;
  /** For mkfs: object data is kept in pieces of this size. */
  readonly stripe_size?: number;
}

/** How old the file system's free space may be in statfs(), ms. */
const FREE_MAX_AGE = 1000;

export class LevelStore extends KStore {
  readonly kind = "level";
  readonly #path: string;
  readonly #options: LevelStoreOptions;
  readonly #db: LevelStoreDB;
  readonly #marker: LevelStoreMarker;
  /** The newest log as found before LevelDB took it over: where missing work would have been. */
  #log_before_open = "";
  #free: { bytes: number; at: number } | undefined;

  constructor(options: LevelStoreOptions) {
    const marker = new LevelStoreMarker(join(options.path, "committed"));
    const db = new LevelStoreDB(join(options.path, "db"), {
      on_durable: (seq) => marker.write(seq),
      on_thrown: (err) => this.fatal(err),
    });
    super(db, (fn) => queueMicrotask(fn));
    this.#path = options.path;
    this.#options = options;
    this.#db = db;
    this.#marker = marker;
  }

  async mkfs(fsid: string): Promise<void> {
    const dir = this.#db.path;
    if ((await this.#open_existing()) === "made") {
      await this.#db.close();
      const what = "there is a store already";
      const detail = { code: "wrong_identity", path: this.#path, what } as const;
      throw new StoreError(`${this.#path}: ${what}`, detail);
    }
    try {
      // What an mkfs left that was killed: LevelDB would not start over by itself.
      rmSync(dir, { recursive: true, force: true });
      mkdirSync(dir, { recursive: true });
      await this.#db.open(true);
      this.#marker.create();
      await this.#db.write(make_format(fsid, this.#options.stripe_size ?? DEFAULT_STRIPE_SIZE));
      for (const d of [dir, this.#path]) fsync_dir(d);
    } catch (err) {
      throw to_store_error(dir, err);
    } finally {
      await this.#db.close();
    }
  }

  async mount(): Promise<void> {
    if ((await this.#open_existing()) !== "made") {
      const what = "no store here: run mkfs first";
      const detail = { code: "not_found", path: this.#path, what } as const;
      throw new StoreError(`${this.#path}: ${what}`, detail);
    }
    try {
      this.begin_mount();
      this.#check_complete();
      // Collections before the objects in them, objects before their omap.
      await this.#db.scan("C/", "C0", true, (key) => this.load(key, undefined));
      await this.#db.scan("O/", "O0", true, (key, value) => this.load(key, value));
      await this.#db.scan("M", "N", false, (key) => this.load(key, undefined));
      this.end_mount();
      this.#marker.open();
    } catch (err) {
      await this.#close();
      throw err;
    }
  }

  async umount(): Promise<void> {
    if (this.mounted) await new Promise<void>((resolve) => this.when_idle(resolve));
    await this.#close();
  }

  protected capacity() {
    const total = this.#options.size_bytes;
    const now = performance.now();
    if (!this.#free || now - this.#free.at > FREE_MAX_AGE) {
      const fs = statfsSync(this.#path);
      this.#free = { bytes: fs.bavail * fs.bsize, at: now };
    }
    return { total, free: this.#free.bytes };
  }

  /**
   * Opens the database when a store was made here. `none`: nothing here; `unfinished`: an mkfs was
   * killed before it ended. StoreError for everything between, so that nobody makes a new store
   * over a damaged one.
   */
  async #open_existing(): Promise<"none" | "unfinished" | "made"> {
    const dir = this.#db.path;
    const acked = this.#marker.read();
    if (!has_level_files(dir)) {
      if (acked) throw damaged(dir, "the database is missing");
      return "none";
    }
    await this.#db.check_lock();
    // LevelDB writes CURRENT last when it makes a database, mkfs the marker after that.
    if (acked === undefined && is_bare(dir)) return "unfinished";
    this.#log_before_open = check_level_files(dir);
    await this.#db.open(false);
    try {
      if (this.#db.get(FORMAT_KEY) === undefined) {
        if (acked) throw damaged(dir, "the store's format record is missing");
        await this.#db.close();
        return "unfinished";
      }
      if (acked === undefined) throw damaged(this.#marker.path, "file is missing");
    } catch (err) {
      await this.#db.close();
      throw err;
    }
    return "made";
  }

  #check_complete(): void {
    const acked = this.#marker.read() ?? 0;
    const have = this.mounted_seq;
    if (have >= acked) return;
    const what = `acknowledged transactions are missing: ends at group ${have} of ${acked}`;
    throw damaged(this.#log_before_open, what);
  }
  async #close(): Promise<void> {
    this.forget();
    this.#marker.close();
    await this.#db.close();
  }
}

/** True for a database of which LevelDB itself had not finished the making. */
function is_bare(dir: string): boolean {
  return !readdirSync(dir).some((f) => f === "CURRENT" || f.endsWith(".ldb"));
}
/** Names of new files are durable only when their directory is. */
function fsync_dir(dir: string): void {
  const fd = openSync(dir, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
