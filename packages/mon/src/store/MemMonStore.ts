/**
 * A monitor store in memory, for tests and the simulator. Pure: a commit takes the time that the
 * Clock gives it, and a crash loses or applies what is in flight, never a part of it.
 */
import { type Clock, InvariantError, StoreError } from "@tako/common";
import type { ApplyOutcome, MonitorDBStore, MonTransaction } from "./MonitorDBStore.ts";

interface InFlight {
  readonly txn: MonTransaction;
  readonly on_done: (outcome: ApplyOutcome) => void;
}

export class MemMonStore implements MonitorDBStore {
  private readonly clock: Clock;
  private readonly commit_ms: () => number;
  private readonly data = new Map<string, Uint8Array>();
  private readonly in_flight: InFlight[] = [];
  /** Counts crashes: a commit that began before one never completes after it. */
  private incarnation = 0;
  private failure: StoreError | undefined;

  /** `commit_ms`: how long one commit takes; 0 completes it right after the current turn. */
  constructor(clock: Clock, commit_ms: () => number = () => 0) {
    this.clock = clock;
    this.commit_ms = commit_ms;
  }

  get(prefix: string, key: string): Uint8Array | undefined {
    return this.data.get(db_key(prefix, key));
  }

  apply(txn: MonTransaction, on_done: (outcome: ApplyOutcome) => void): void {
    this.in_flight.push({ txn, on_done });
    if (this.in_flight.length === 1) this.begin_commit();
  }

  /** Transactions not yet durable: what a crash at this moment may lose. */
  get num_in_flight(): number {
    return this.in_flight.length;
  }

  /**
   * The process dies. Of the transactions in flight the first `applied` had reached the disk; no
   * callback of any of them is ever called. What is durable stays for the next process.
   */
  crash(applied = 0): void {
    if (applied > this.in_flight.length) {
      throw new InvariantError("more applied than in flight", { applied });
    }
    for (const f of this.in_flight.slice(0, applied)) this.write(f.txn);
    this.in_flight.length = 0;
    this.incarnation++;
    this.failure = undefined;
  }

  /** From now on each commit fails, until the next crash(): a full or broken disk. */
  fail_commits(what = "injected"): void {
    this.failure = new StoreError(`write failed: ${what}`, { code: "EIO", path: "(memory)", what });
  }

  /** Replaces one durable record: how tests damage the disk. */
  poke(prefix: string, key: string, value: Uint8Array | undefined): void {
    if (value) this.data.set(db_key(prefix, key), value);
    else this.data.delete(db_key(prefix, key));
  }

  private begin_commit(): void {
    const mine = this.incarnation;
    const done = () => {
      if (mine === this.incarnation) this.end_commit();
    };
    const ms = this.commit_ms();
    if (ms > 0) this.clock.set_timer(ms, done);
    else this.clock.defer(done);
  }

  private end_commit(): void {
    const f = this.in_flight.shift();
    if (!f) throw new InvariantError("commit completed with nothing in flight");
    if (this.in_flight.length > 0) this.begin_commit();
    if (this.failure) {
      f.on_done({ status: "failed", error: this.failure });
      return;
    }
    this.write(f.txn);
    f.on_done({ status: "committed" });
  }

  private write(txn: MonTransaction): void {
    for (const o of txn.ops) {
      const k = db_key(o.prefix, o.key);
      if (o.op === "put") this.data.set(k, o.value);
      else this.data.delete(k);
    }
  }
}

function db_key(prefix: string, key: string): string {
  return `${prefix}/${key}`;
}
