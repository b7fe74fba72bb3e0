/**
 * The log of a daemon: one JSON object a line on stdout, by pino. Fields and events: docs/logs.md.
 * Every line has level, time, service and name; a child adds what it is bound to. A child bound to
 * `subsys` has a level of its own, which `log set debug peering` changes while the daemon runs.
 */
import pino from "pino";
import { CommandError } from "../errors.ts";
import type { Log, LogFields, LogLevel } from "../ports.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type Threshold = (typeof LOG_LEVELS)[number];

/** Levels shared by a log and all its children. */
class Levels {
  general: Threshold;
  readonly by_subsys = new Map<string, Threshold>();
  /** Parts of the daemon whose level can be set: those that have bound a child. */
  readonly known = new Set<string>();
  /** Changes with each change of a level: children compare it with what they applied last. */
  generation = 0;
  constructor(general: Threshold) {
    this.general = general;
  }
  of(subsys: string | undefined): Threshold {
    return (subsys === undefined ? undefined : this.by_subsys.get(subsys)) ?? this.general;
  }
}

export class PinoLog implements Log {
  private readonly pino: pino.Logger;
  private readonly levels: Levels;
  private readonly subsys: string | undefined;
  private applied = -1;
  /** Place in LOG_LEVELS. */
  private threshold = 0;

  private constructor(p: pino.Logger, levels: Levels, subsys: string | undefined) {
    this.pino = p;
    this.levels = levels;
    this.subsys = subsys;
    if (subsys !== undefined) levels.known.add(subsys);
    this.refresh();
  }

  /** `base` goes on every line: { service: "osd", name: "osd.0" }. */
  static open(
    base: LogFields,
    level: Threshold = "info",
    out: pino.DestinationStream = stdout_by_turns(),
  ): PinoLog {
    const options: pino.LoggerOptions = {
      base,
      level,
      timestamp: make_iso_time(),
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err },
    };
    return new PinoLog(pino(options, out), new Levels(level), undefined);
  }

  child(bindings: LogFields): PinoLog {
    const own = bindings.subsys;
    const subsys = typeof own === "string" ? own : this.subsys;
    return new PinoLog(this.pino.child({ ...bindings }), this.levels, subsys);
  }

  /** The least level that is written, for one subsystem or (without) for all. */
  set_level(level: string, subsys?: string): void {
    const l = to_threshold(level);
    if (subsys === undefined || subsys === "all") {
      this.levels.general = l;
      this.levels.by_subsys.clear();
    } else {
      if (!this.levels.known.has(subsys)) {
        const names = [...this.levels.known].sort().join(", ");
        throw new CommandError("EINVAL", `no subsystem "${subsys}"; there are ${names}`);
      }
      this.levels.by_subsys.set(subsys, l);
    }
    this.levels.generation++;
  }

  /** Levels as `log get` shows them. */
  get_levels(): Readonly<Record<string, Threshold>> {
    const out: Record<string, Threshold> = { all: this.levels.general };
    for (const s of [...this.levels.known].sort()) out[s] = this.levels.of(s);
    return out;
  }

  enabled(level: LogLevel): boolean {
    this.refresh();
    return LOG_LEVELS.indexOf(level) >= this.threshold;
  }
  trace(fields: LogFields, event: string): void {
    if (this.enabled("trace")) this.pino.trace(fields, event);
  }
  debug(fields: LogFields, event: string): void {
    if (this.enabled("debug")) this.pino.debug(fields, event);
  }
  info(fields: LogFields, event: string): void {
    if (this.enabled("info")) this.pino.info(fields, event);
  }
  warn(fields: LogFields, event: string): void {
    if (this.enabled("warn")) this.pino.warn(fields, event);
  }
  error(fields: LogFields, event: string): void {
    if (this.enabled("error")) this.pino.error(fields, event);
  }
  fatal(fields: LogFields, event: string): void {
    if (this.enabled("fatal")) this.pino.fatal(fields, event);
  }

  private refresh(): void {
    if (this.applied === this.levels.generation) return;
    this.applied = this.levels.generation;
    const level = this.levels.of(this.subsys);
    this.threshold = LOG_LEVELS.indexOf(level);
    this.pino.level = level;
  }
}

function to_threshold(s: string): Threshold {
  const l = LOG_LEVELS.find((x) => x === s);
  if (l === undefined) {
    throw new CommandError("EINVAL", `no log level "${s}"; there are ${LOG_LEVELS.join(", ")}`);
  }
  return l;
}

/** Characters that are written before the work that logs them is done: 64 KB. */
const WRITE_SIZE = 1 << 16;

/**
 * Standard output, written when the work that logged is done, before anything else happens: one
 * system call for many lines, since a line in a peering of many PGs follows the last one within
 * microseconds. Nothing is lost when the process ends by itself; a SIGKILL takes the lines of the
 * very moment. The lines are gathered here, not by the stream, whose flushSync is an fsync, too: on
 * a file that stops the whole daemon for as long as the disk needs.
 */
export function stdout_by_turns(fd = 1): pino.DestinationStream {
  const out = pino.destination({ fd, sync: true });
  let lines = "";
  const flush = () => {
    const text = lines;
    lines = "";
    if (text !== "") out.write(text);
  };
  process.on("exit", flush);
  return {
    write(line: string): void {
      if (lines === "") queueMicrotask(flush);
      lines += line;
      if (lines.length >= WRITE_SIZE) flush();
    },
  };
}

/** Pino's isoTime, worked out once a millisecond. */
function make_iso_time(): () => string {
  let at = Number.NaN;
  let text = "";
  return () => {
    const now = Date.now();
    if (now !== at) {
      at = now;
      text = `,"time":"${new Date(now).toISOString()}"`;
    }
    return text;
  };
}
