/**
 * EventLog: what happened in a simulation, line by line, and a checksum over all of it: two runs of
 * one seed must give the same. Only the newest lines are kept.
 */
import type { Log, LogFields, LogLevel } from "@tako/common";
import type { Scheduler } from "./Scheduler.ts";

const RANK: Readonly<Record<LogLevel, number>> = {
  trace: 0,
  debug: 1,
  info: 2,
  warn: 3,
  error: 4,
  fatal: 5,
};

interface Entry {
  readonly at_ms: number;
  readonly who: string;
  readonly text: string;
}

export class EventLog {
  readonly #scheduler: Scheduler;
  readonly #keep: number;
  readonly #newest: Entry[] = [];
  /** Two sums of 32 bits over all lines. */
  #h1 = 0xdeadbeef;
  #h2 = 0x41c6ce57;
  #count = 0;
  /** Called with each line: `--trace`. */
  on_line: ((line: string) => void) | null = null;
  /** Called for each log line of a process: what transcripts and checkers look at. */
  on_event: ((who: string, event: string, fields: LogFields) => void) | null = null;

  constructor(scheduler: Scheduler, keep = 4000) {
    this.#scheduler = scheduler;
    this.#keep = keep;
  }

  add(who: string, text: string): void {
    const entry = { at_ms: this.#scheduler.now_ms, who, text };
    this.#mix(Math.round(entry.at_ms * 1000));
    this.#mix_text(who);
    this.#mix_text(text);
    this.#count++;
    this.#newest.push(entry);
    if (this.#newest.length > 2 * this.#keep) this.#newest.splice(0, this.#keep);
    this.on_line?.(line_of(entry));
  }
  /** Not for secrets: tells two histories apart, at the cost of a multiplication a character. */
  #mix(n: number): void {
    this.#h1 = Math.imul(this.#h1 ^ n, 2654435761);
    this.#h2 = Math.imul(this.#h2 ^ n, 1597334677);
    this.#h1 ^= this.#h2 >>> 15;
    this.#h2 ^= this.#h1 >>> 13;
  }
  #mix_text(s: string): void {
    let h1 = this.#h1;
    let h2 = this.#h2;
    for (let i = 0; i < s.length; i++) {
      const c = s.charCodeAt(i);
      h1 = Math.imul(h1 ^ c, 2654435761);
      h2 = Math.imul(h2 ^ c, 1597334677);
    }
    this.#h1 = h1;
    this.#h2 = h2;
    this.#mix(s.length);
  }
  get hash(): string {
    const hex = (n: number) => (n >>> 0).toString(16).padStart(8, "0");
    return `${this.#count}-${hex(this.#h1)}${hex(this.#h2)}`;
  }
  tail(n: number): string[] {
    return this.#newest.slice(-n).map(line_of);
  }

  /** The Log port of one process; lines below `level` are dropped. */
  log_of(who: string, level: LogLevel): Log {
    return new SimLog(this, who, RANK[level], {});
  }
}

function line_of({ at_ms, who, text }: Entry): string {
  return `${at_ms.toFixed(3).padStart(12)} ${who.padEnd(10)} ${text}`;
}

class SimLog implements Log {
  readonly #to: EventLog;
  readonly #who: string;
  readonly #min: number;
  readonly #bound: LogFields;

  constructor(to: EventLog, who: string, min: number, bound: LogFields) {
    this.#to = to;
    this.#who = who;
    this.#min = min;
    this.#bound = bound;
  }
  child(bindings: LogFields): Log {
    return new SimLog(this.#to, this.#who, this.#min, { ...this.#bound, ...bindings });
  }
  enabled(level: LogLevel): boolean {
    return RANK[level] >= this.#min;
  }
  #write(level: LogLevel, fields: LogFields, event: string): void {
    if (!this.enabled(level)) return;
    const all = { ...this.#bound, ...fields };
    this.#to.on_event?.(this.#who, event, all);
    this.#to.add(this.#who, `${event} ${JSON.stringify(all)}`);
  }
  trace(fields: LogFields, event: string): void {
    this.#write("trace", fields, event);
  }
  debug(fields: LogFields, event: string): void {
    this.#write("debug", fields, event);
  }
  info(fields: LogFields, event: string): void {
    this.#write("info", fields, event);
  }
  warn(fields: LogFields, event: string): void {
    this.#write("warn", fields, event);
  }
  error(fields: LogFields, event: string): void {
    this.#write("error", fields, event);
  }
  fatal(fields: LogFields, event: string): void {
    this.#write("fatal", fields, event);
  }
}
