/**
 * EventLog: what happened in a simulation, line by line, and a checksum over all of it: two runs of
 * one seed must give the same. Only the newest lines are kept.
 */
import { crc32c, type Log, type LogFields, type LogLevel } from "@tako/common";
import type { Scheduler } from "./Scheduler.ts";

const LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error", "fatal"];
const utf8 = new TextEncoder();

export class EventLog {
  readonly #scheduler: Scheduler;
  readonly #keep: number;
  readonly #lines: string[] = [];
  #hash = 0;
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
    const line = `${this.#scheduler.now_ms.toFixed(3).padStart(12)} ${who.padEnd(10)} ${text}`;
    this.#hash = crc32c(utf8.encode(line), this.#hash);
    this.#count++;
    this.#lines.push(line);
    if (this.#lines.length > 2 * this.#keep) this.#lines.splice(0, this.#keep);
    this.on_line?.(line);
  }
  get hash(): string {
    return `${this.#count}-${(this.#hash >>> 0).toString(16).padStart(8, "0")}`;
  }
  tail(n: number): string[] {
    return this.#lines.slice(-n);
  }

  /** The Log port of one process; lines below `level` are dropped. */
  log_of(who: string, level: LogLevel): Log {
    return new SimLog(this, who, LEVELS.indexOf(level), {});
  }
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
    return LEVELS.indexOf(level) >= this.#min;
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
