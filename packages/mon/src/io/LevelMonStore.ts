/**
 * The monitor store on disk: LevelDB in `<data>/store.db`, one synced batch a transaction.
 * LevelDB forgets silently when its newest log file is torn or deleted; `<data>/store.seq` holds
 * the number of the last acknowledged batch, so that this is found at the next start.
 * Ceph counterpart: MonitorDBStore over RocksDB. cluster.md §4.2.
 */
import fs from "node:fs";
import path from "node:path";
import { crc32c, StoreError } from "@tako/common";
import { check_level_files, damaged, has_level_files, to_store_error } from "@tako/common/io";
import { ClassicLevel } from "classic-level";
import type { ApplyOutcome, MonitorDBStore, MonTransaction } from "../store/MonitorDBStore.ts";

type DB = ClassicLevel<string, Uint8Array>;
type Done = (outcome: ApplyOutcome) => void;

const SEQ_KEY = "store/seq";
/** In the witness: as many as the greatest safe integer has. */
const SEQ_DIGITS = 16;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class LevelMonStore implements MonitorDBStore {
  private readonly db: DB;
  /** Directory of LevelDB's files, and our witness beside it. */
  private readonly dir: string;
  private readonly witness: string;
  /** Number of the last batch that was handed to LevelDB. */
  private seq: number;
  private readonly queue: { txn: MonTransaction; on_done: Done }[] = [];
  private running: Promise<void> | undefined;
  private failure: StoreError | undefined;

  private constructor(db: DB, dir: string, witness: string, seq: number) {
    this.db = db;
    this.dir = dir;
    this.witness = witness;
    this.seq = seq;
  }

  /** Opens or creates `<data>/store.db`. Throws StoreError: locked, corrupt, EIO. */
  static async open(data: string): Promise<LevelMonStore> {
    const dir = path.join(data, "store.db");
    const witness = path.join(data, "store.seq");
    await check_files(dir, witness);
    const db: DB = new ClassicLevel(dir, { keyEncoding: "utf8", valueEncoding: "view" });
    try {
      fs.mkdirSync(data, { recursive: true });
      await db.open();
    } catch (e) {
      throw to_store_error(dir, e);
    }
    try {
      const seq = check_seq(db, dir, witness);
      return new LevelMonStore(db, dir, witness, seq);
    } catch (e) {
      await db.close();
      throw e;
    }
  }

  get(prefix: string, key: string): Uint8Array | undefined {
    return checked_get(this.db, this.dir, `${prefix}/${key}`);
  }

  apply(txn: MonTransaction, on_done: Done): void {
    this.queue.push({ txn, on_done });
    this.running ??= this.run();
  }

  /** Waits for what is in flight, then closes and gives up the lock. */
  async close(): Promise<void> {
    await this.running;
    await this.db.close();
  }

  private async run(): Promise<void> {
    // The first turn is given away, so that on_done is never called from inside apply().
    await Promise.resolve();
    for (let f = this.queue.shift(); f; f = this.queue.shift()) {
      f.on_done(await this.commit(f.txn));
    }
    this.running = undefined;
  }

  private async commit(txn: MonTransaction): Promise<ApplyOutcome> {
    if (this.failure) return { status: "failed", error: this.failure };
    const seq = this.seq + 1;
    try {
      await this.db.batch(to_batch(txn, seq), { sync: true });
      this.seq = seq;
      write_witness(this.witness, this.dir, seq);
      return { status: "committed" };
    } catch (e) {
      this.failure = write_error(this.dir, e);
      return { status: "failed", error: this.failure };
    }
  }
}

type BatchOp = { type: "put"; key: string; value: Uint8Array } | { type: "del"; key: string };

function to_batch(txn: MonTransaction, seq: number): BatchOp[] {
  const ops: BatchOp[] = txn.ops.map((o) => {
    const key = `${o.prefix}/${o.key}`;
    return o.op === "put" ? { type: "put", key, value: seal(key, o.value) } : { type: "del", key };
  });
  ops.push({ type: "put", key: SEQ_KEY, value: seal(SEQ_KEY, encoder.encode(String(seq))) });
  return ops;
}

/** Stored form of a value: CRC-32C of key and value, little endian, then the value. */
function seal(key: string, value: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + value.length);
  new DataView(out.buffer).setUint32(0, crc32c(value, crc32c(encoder.encode(key))), true);
  out.set(value, 4);
  return out;
}

function checked_get(db: DB, dir: string, key: string): Uint8Array | undefined {
  let stored: Uint8Array | undefined;
  try {
    stored = db.getSync(key);
  } catch (e) {
    throw new StoreError(`cannot read ${key} from ${dir}: ${reason(e)}`, corrupt(dir, key), {
      cause: e,
    });
  }
  if (!stored) return undefined;
  const value = stored.subarray(4);
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  const want = crc32c(value, crc32c(encoder.encode(key)));
  if (stored.length < 4 || view.getUint32(0, true) !== want) {
    throw new StoreError(`record ${key} in ${dir} has a wrong checksum`, corrupt(dir, key));
  }
  return value;
}

function corrupt(file: string, what: string): { code: "corrupt"; path: string; what: string } {
  return { code: "corrupt", path: file, what };
}

// LevelDB makes a new, empty database when CURRENT is gone, and opens many a damaged one.
async function check_files(dir: string, witness: string): Promise<void> {
  const used = fs.existsSync(witness);
  if (!has_level_files(dir)) {
    if (used) throw damaged(dir, "the database is missing; restore it from a copy");
    return;
  }
  await check_lock(dir);
  // Killed while LevelDB made it: CURRENT comes last, and nothing was in it yet.
  const bare = !fs.readdirSync(dir).some((f) => f === "CURRENT" || /\.(ldb|sst|log)$/.test(f));
  if (used || !bare) check_level_files(dir);
}

/** The files of a store in use change: whoever looks at them must have asked for the lock first. */
async function check_lock(dir: string): Promise<void> {
  // LevelDB takes its lock before it refuses to open what exists.
  const db = new ClassicLevel(dir, { createIfMissing: false, errorIfExists: true });
  try {
    await db.open();
  } catch (e) {
    const error = to_store_error(dir, e);
    if (error.detail.code === "locked") throw error;
  } finally {
    await db.close();
  }
}

/** The number of the last batch, after making sure that no acknowledged one is gone. */
function check_seq(db: DB, dir: string, witness: string): number {
  const stored = checked_get(db, dir, SEQ_KEY);
  const seq = stored ? Number(decoder.decode(stored)) : 0;
  const seen = read_witness(witness);
  // It is written after each batch: only the first one can have been without.
  if (seen === undefined && seq > 1) throw damaged(witness, "file is missing");
  if (seen && seen.seq > seq) {
    const file = path.join(dir, seen.log);
    throw new StoreError(
      `${file} is torn or was lost: the store ends at transaction ${seq}, ` +
        `but ${seen.seq} was acknowledged; restore the data directory from a copy`,
      corrupt(file, `transactions ${seq + 1} to ${seen.seq} are gone`),
    );
  }
  return seq;
}

/** Undefined when there is none. */
function read_witness(witness: string): { seq: number; log: string } | undefined {
  if (!fs.existsSync(witness)) return undefined;
  const text = fs.readFileSync(witness, "utf8");
  // Emptied by a power cut: it was never synced, and this costs nobody his data.
  if (text === "") return { seq: 0, log: "-" };
  const m = /^(\d+) (\S+)\n$/.exec(text);
  if (!m) throw damaged(witness, "damaged: not the number of a transaction");
  return { seq: Number(m[1]), log: m[2] ?? "" };
}

// Not synced: it is there for the process that dies or the file that is deleted, and LevelDB's own
// sync has already carried the data. Written over in its full length, never emptied first: a file that
// was cut off is flushed when it is closed (ext4), which stops the monitor for as long as the disk needs.
function write_witness(witness: string, dir: string, seq: number): void {
  const logs = fs.readdirSync(dir).filter((f) => f.endsWith(".log"));
  const text = encoder.encode(
    `${String(seq).padStart(SEQ_DIGITS, "0")} ${logs.sort().at(-1) ?? "-"}\n`,
  );
  const fd = fs.openSync(witness, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
  try {
    fs.writeSync(fd, text, 0, text.length, 0);
    if (fs.fstatSync(fd).size !== text.length) fs.ftruncateSync(fd, text.length);
  } finally {
    fs.closeSync(fd);
  }
}

function write_error(dir: string, e: unknown): StoreError {
  const what = reason(e);
  if (/no space/i.test(what)) {
    return new StoreError(`no space left for ${dir}`, { code: "ENOSPC", path: dir }, { cause: e });
  }
  return new StoreError(
    `cannot write ${dir}: ${what}`,
    { code: "EIO", path: dir, what },
    {
      cause: e,
    },
  );
}

function reason(e: unknown): string {
  return e instanceof Error ? e.message : String(e);
}
