/**
 * Gathers transactions into groups, one group on its way to the disk at a time, and shows reads what
 * is queued but not written yet.
 * Knows keys and values only, nothing of objects. Ceph counterpart: BlueStore's kv_sync_thread.
 *
 * Transactions that arrive while a group is being written share the next one: the busier the store,
 * the more transactions a sync carries.
 */
import type { StoreError } from "@tako/common";
import type { KeyValueDB } from "./KeyValueDB.ts";

/** A group this large is closed: it bounds the wait of those behind it. */
const GROUP_MAX_BYTES = 8 << 20;

class Group {
  readonly changes = new Map<string, Uint8Array | null>();
  readonly on_commit: (() => void)[] = [];
  bytes = 0;
}

export interface CommitQueuePorts {
  readonly db: KeyValueDB;
  /** Runs `fn` after the current turn. */
  readonly defer: (fn: () => void) => void;
  /** Adds what every group must carry: the store's counters as of now, and the group's number. */
  readonly seal: (changes: Map<string, Uint8Array | null>) => number;
  readonly on_fatal: (err: StoreError) => void;
}

export class CommitQueue {
  readonly #ports: CommitQueuePorts;
  #open = new Group();
  /** Closed, not yet submitted; oldest first. */
  #closed: { group: Group; seq: number }[] = [];
  #in_flight: Group | undefined;
  #pump_scheduled = false;
  #failed: StoreError | undefined;
  #on_idle: (() => void)[] = [];
  /** Set by stop(): a late answer of the disk is nobody's any more. */
  #stopped = false;

  constructor(ports: CommitQueuePorts) {
    this.#ports = ports;
  }

  get failed(): StoreError | undefined {
    return this.#failed;
  }
  get idle(): boolean {
    return !this.#in_flight && this.#closed.length === 0 && this.#open.on_commit.length === 0;
  }

  /** Value queued for `key`; null = its removal is queued; undefined = ask the disk. */
  get(key: string): Uint8Array | null | undefined {
    let v = this.#open.changes.get(key);
    for (let i = this.#closed.length - 1; v === undefined && i >= 0; i--) {
      v = this.#closed[i]?.group.changes.get(key);
    }
    return v === undefined ? this.#in_flight?.changes.get(key) : v;
  }

  /** Where the transaction that is being applied puts its changes; then call commit(). */
  get changes(): Map<string, Uint8Array | null> {
    return this.#open.changes;
  }

  /** The changes put since the last commit() are one transaction of about `bytes`. */
  commit(bytes: number, on_commit: (() => void) | undefined): void {
    this.#open.bytes += bytes;
    this.#open.on_commit.push(on_commit ?? nothing);
    if (this.#open.bytes >= GROUP_MAX_BYTES) this.#close();
    this.#schedule();
  }

  /** Calls `fn` when all that is queued now has been written, or never will be. */
  when_idle(fn: () => void): void {
    if (this.idle || this.#failed) this.#ports.defer(fn);
    else this.#on_idle.push(fn);
  }

  /** Forgets what is queued, as a crash does. */
  stop(): void {
    this.#stopped = true;
    this.#open = new Group();
    this.#closed = [];
    this.#in_flight = undefined;
    this.#on_idle = [];
  }

  #close(): void {
    this.#closed.push({ group: this.#open, seq: this.#ports.seal(this.#open.changes) });
    this.#open = new Group();
  }
  #schedule(): void {
    if (this.#pump_scheduled || this.#in_flight) return;
    this.#pump_scheduled = true;
    this.#ports.defer(this.#scheduled_pump);
  }
  readonly #scheduled_pump = (): void => {
    this.#pump_scheduled = false;
    this.pump();
  };
  /** Submits the next group, if there is one and the disk is free. */
  #start(): void {
    if (this.#stopped || this.#failed || this.#in_flight) return;
    if (this.#closed.length === 0 && this.#open.changes.size > 0) this.#close();
    const next = this.#closed.shift();
    if (!next) return;
    this.#in_flight = next.group;
    this.#ports.db.submit(next.group.changes, next.seq, (err) => this.#done(next.group, err));
  }
  /** Does now what is deferred otherwise. True while a group is on its way. */
  pump(): boolean {
    this.#start();
    if (!this.#in_flight && !this.#failed && this.#open.on_commit.length > 0) {
      // Only transactions without changes: all before them is durable, so they are.
      const group = this.#open;
      this.#open = new Group();
      this.#run_callbacks(group);
    }
    if (this.idle) for (const fn of this.#on_idle.splice(0)) fn();
    return this.#in_flight !== undefined && !this.#failed;
  }
  #done(group: Group, err?: StoreError): void {
    if (this.#stopped || this.#in_flight !== group) return;
    if (err) {
      this.#failed = err;
      this.#ports.on_fatal(err);
      for (const fn of this.#on_idle.splice(0)) fn();
      return;
    }
    this.#in_flight = undefined;
    // The disk goes on with the next group while the callbacks run.
    this.#start();
    this.#run_callbacks(group);
    this.pump();
  }
  #run_callbacks(group: Group): void {
    for (const fn of group.on_commit) {
      // A callback may stop the daemon, or crash it in a simulation.
      if (!this.#stopped) fn();
    }
  }
}

function nothing(): void {}
