/**
 * The cluster log: what an operator reads with `tako -w` and `log last`. Entries are kept, the last
 * mon_log_max of them, in the store; they are written behind, so that no log line delays an epoch.
 * Ceph counterpart: src/mon/LogMonitor.h.
 */
import type { Clock, Config, Msg, StoreError } from "@tako/common";
import { epoch_key, type MonitorDBStore, MonTransaction } from "../store/MonitorDBStore.ts";

export type LogEntry = Msg<"log">["entries"][number];
export interface StoredEntry extends LogEntry {
  readonly seq: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface LogMonitorHost {
  readonly store: MonitorDBStore;
  readonly clock: Clock;
  readonly config: Config;
  /** `mon.a` */
  readonly name: string;
  /** New entries: for those who subscribed to "log-info". */
  on_log(entries: readonly LogEntry[]): void;
  on_fatal(error: StoreError): void;
}

export class LogMonitor {
  private readonly host: LogMonitorHost;
  private readonly entries: StoredEntry[] = [];
  private unwritten: StoredEntry[] = [];
  /** Smallest sequence number in the store. */
  private stored_from: number;
  private next_seq: number;
  private writing = false;
  private stopped = false;

  constructor(host: LogMonitorHost) {
    this.host = host;
    const range = read_range(host.store);
    this.stored_from = range.first;
    this.next_seq = range.last + 1;
    for (let n = range.first; n <= range.last; n++) {
      const b = host.store.get("log", epoch_key(n));
      const entry = b && parse_entry(b);
      if (entry) this.entries.push({ ...entry, seq: n });
    }
  }

  stop(): void {
    this.stopped = true;
  }

  /** A line of the monitor itself. */
  log(prio: LogEntry["prio"], text: string, channel: LogEntry["channel"] = "cluster"): void {
    const stamp = this.host.clock.now_ms();
    this.add([{ stamp, name: this.host.name, channel, prio, text }]);
  }

  /** Lines of `from`, who may speak for nobody else. */
  handle_log(from: string, entries: readonly LogEntry[]): void {
    this.add(entries.map((e) => ({ ...e, name: from })));
  }

  /** The newest `n` entries of at least that level, oldest first. */
  last(n: number, prios: readonly LogEntry["prio"][], channel: string): StoredEntry[] {
    const wanted = this.entries.filter(
      (e) => prios.includes(e.prio) && (channel === "*" || e.channel === channel),
    );
    return n > 0 ? wanted.slice(-n) : [];
  }

  private add(entries: readonly LogEntry[]): void {
    if (this.stopped || entries.length === 0) return;
    for (const e of entries) {
      const stored = { ...e, seq: this.next_seq++ };
      this.entries.push(stored);
      this.unwritten.push(stored);
    }
    const excess = this.entries.length - this.host.config.get("mon_log_max");
    if (excess > 0) this.entries.splice(0, excess);
    this.host.on_log(entries);
    this.write_soon();
  }

  private write_soon(): void {
    if (this.writing) return;
    this.writing = true;
    this.host.clock.set_timer(100, () => this.write());
  }

  private write(): void {
    if (this.stopped) return;
    const txn = new MonTransaction();
    const batch = this.unwritten;
    this.unwritten = [];
    for (const { seq, ...e } of batch) {
      txn.put("log", epoch_key(seq), encoder.encode(JSON.stringify(e)));
    }
    const first = this.entries[0]?.seq ?? this.next_seq;
    for (let n = this.stored_from; n < first; n++) txn.erase("log", epoch_key(n));
    txn.put("log", "first", encoder.encode(String(first)));
    txn.put("log", "last", encoder.encode(String(this.next_seq - 1)));
    this.stored_from = first;
    this.host.store.apply(txn, (outcome) => {
      if (this.stopped) return;
      this.writing = false;
      if (outcome.status === "failed") this.host.on_fatal(outcome.error);
      else if (this.unwritten.length > 0) this.write_soon();
    });
  }
}

function read_range(store: MonitorDBStore): { first: number; last: number } {
  const read = (key: string) => {
    const b = store.get("log", key);
    return b ? Number(decoder.decode(b)) : Number.NaN;
  };
  const first = read("first");
  const last = read("last");
  return Number.isInteger(first) && Number.isInteger(last)
    ? { first, last }
    : { first: 1, last: 0 };
}

function parse_entry(b: Uint8Array): LogEntry | undefined {
  try {
    const e: LogEntry = JSON.parse(decoder.decode(b));
    return e;
  } catch {
    // A log line is not worth a monitor that does not start.
    return undefined;
  }
}
