/**
 * The monitor store on disk: LevelDB in `<data>/store.db`, one synced batch a transaction.
 * LevelDB forgets silently when its newest log file is torn or deleted; `<data>/store.seq` holds
 * the number of the last acknowledged batch, so that this is found at the next start.
 * Ceph counterpart: MonitorDBStore over RocksDB. cluster.md §4.2.
 */
import fs from "node:fs";
import path from "node:path";
import { crc32c, StoreError } from "@tako/common";
import { ClassicLevel } from "classic-level";
import type { ApplyOutcome, MonitorDBStore, MonTransaction } from "../store/MonitorDBStore.ts";

type DB = ClassicLevel<string, Uint8Array>;
type Done = (outcome: ApplyOutcome) => void;

const SEQ_KEY = "store/seq";
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
    refuse_half_a_store(dir, witness);
    const db: DB = new ClassicLevel(dir, { keyEncoding: "utf8", valueEncoding: "view" });
    try {
      fs.mkdirSync(data, { recursive: true });
      await db.open();
    } catch (e) {
      throw open_error(dir, e);
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

// LevelDB makes a new, empty database when CURRENT is gone: that must not pass for a first start.
function refuse_half_a_store(dir: string, witness: string): void {
  const files = fs.existsSync(dir) ? fs.readdirSync(dir) : [];
  const current = path.join(dir, "CURRENT");
  const had_data = fs.existsSync(witness) || files.some((f) => /^MANIFEST-|\.(ldb|sst)$/.test(f));
  if (had_data && !files.includes("CURRENT")) {
    throw new StoreError(
      `${current} is missing; restore it or the whole data directory from a copy`,
      { code: "not_found", path: current, what: "CURRENT names the store's manifest" },
    );
  }
}

/** The number of the last batch, after making sure that no acknowledged one is gone. */
function check_seq(db: DB, dir: string, witness: string): number {
  const stored = checked_get(db, dir, SEQ_KEY);
  const seq = stored ? Number(decoder.decode(stored)) : 0;
  const seen = read_witness(witness);
  if (seen && seen.seq > seq) {
    const file = path.join(dir, seen.log);
    const state = fs.existsSync(file) ? "is torn" : "is missing or was lost";
    throw new StoreError(
      `${file} ${state}: the store ends at transaction ${seq}, ` +
        `but ${seen.seq} was acknowledged; restore the data directory from a copy`,
      corrupt(file, `transactions ${seq + 1} to ${seen.seq} are gone`),
    );
  }
  return seq;
}

function read_witness(witness: string): { seq: number; log: string } | undefined {
  if (!fs.existsSync(witness)) return undefined;
  const m = /^(\d+) (\S+)\n/.exec(fs.readFileSync(witness, "utf8"));
  // A torn witness (power cut) is no witness: it was never synced and costs nobody his data.
  return m ? { seq: Number(m[1]), log: m[2] ?? "" } : undefined;
}

// Not synced: it is there for the process that dies or the file that is deleted, and LevelDB's own
// sync has already carried the data.
function write_witness(witness: string, dir: string, seq: number): void {
  const logs = fs.readdirSync(dir).filter((f) => f.endsWith(".log"));
  fs.writeFileSync(witness, `${seq} ${logs.sort().at(-1) ?? "-"}\n`);
}

function open_error(dir: string, e: unknown): StoreError {
  const cause = e instanceof Error && e.cause instanceof Error ? e.cause : e;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const why = reason(cause);
  if (code === "LEVEL_LOCKED") {
    return new StoreError(
      `${dir} is locked: is another monitor running on this data directory?`,
      { code: "locked", path: dir },
      { cause: e },
    );
  }
  if (code === "LEVEL_CORRUPTION" || /corrupt|missing|non-existent|No such file/i.test(why)) {
    const file = /(\S*\d{6}\.(?:ldb|sst|log))|(MANIFEST-\d+)/.exec(why)?.[0];
    const where = file ? path.join(dir, path.basename(file)) : dir;
    return new StoreError(`${where} is damaged: ${why}`, corrupt(where, why), { cause: e });
  }
  return new StoreError(
    `cannot open ${dir}: ${why}`,
    { code: "EIO", path: dir, what: why },
    {
      cause: e,
    },
  );
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
