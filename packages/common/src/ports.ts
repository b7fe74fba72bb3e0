/**
 * The outside world as the core sees it: time, chance and the log.
 * Core code gets these passed in; only io/ and the simulator implement them.
 */

export interface TimerHandle {
  /** No effect when it already fired. */
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since 1970: for stamps that people read. May jump. */
  now_ms(): number;
  /** Monotonic milliseconds (fractions allowed): for durations and deadlines. */
  mono_ms(): number;
  /** Calls `fn` once, not before `delay_ms` from now, never synchronously. */
  set_timer(delay_ms: number, fn: () => void): TimerHandle;
  /** Calls `fn` after the current turn, in order of registration, before any timer. */
  defer(fn: () => void): void;
}

export interface Rng {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, n). n >= 1. */
  int(n: number): number;
}

export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Structured log: `log.info({ pg, epoch, from, to }, "pg_state")`. The text is one constant event
 * name, each variable is a field. Levels: see docs/logs.md.
 */
export interface Log {
  child(bindings: LogFields): Log;
  /** True when a line of this level would be written: ask before building costly fields. */
  enabled(level: LogLevel): boolean;
  trace(fields: LogFields, event: string): void;
  debug(fields: LogFields, event: string): void;
  info(fields: LogFields, event: string): void;
  warn(fields: LogFields, event: string): void;
  error(fields: LogFields, event: string): void;
  fatal(fields: LogFields, event: string): void;
}
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal";

/** A log that drops everything. */
export const NULL_LOG: Log = {
  child: () => NULL_LOG,
  enabled: () => false,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
};
