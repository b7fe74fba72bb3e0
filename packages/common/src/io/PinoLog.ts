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

  private constructor(p: pino.Logger, levels: Levels, subsys: string | undefined) {
    this.pino = p;
    this.levels = levels;
    this.subsys = subsys;
    if (subsys !== undefined) levels.known.add(subsys);
    this.refresh();
  }

  /**
   * `base` goes on every line: { service: "osd", name: "osd.0" }. Lines are written to file
   * descriptor `fd` as they come, so none is lost when the process dies.
   */
  static open(
    base: LogFields,
    level: Threshold = "info",
    out: pino.DestinationStream = pino.destination({ fd: 1, sync: true }),
  ): PinoLog {
    const options: pino.LoggerOptions = {
      base,
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
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
    return this.pino.isLevelEnabled(level);
  }
  trace(fields: LogFields, event: string): void {
    this.refresh();
    this.pino.trace(fields, event);
  }
  debug(fields: LogFields, event: string): void {
    this.refresh();
    this.pino.debug(fields, event);
  }
  info(fields: LogFields, event: string): void {
    this.refresh();
    this.pino.info(fields, event);
  }
  warn(fields: LogFields, event: string): void {
    this.refresh();
    this.pino.warn(fields, event);
  }
  error(fields: LogFields, event: string): void {
    this.refresh();
    this.pino.error(fields, event);
  }
  fatal(fields: LogFields, event: string): void {
    this.refresh();
    this.pino.fatal(fields, event);
  }

  private refresh(): void {
    if (this.applied === this.levels.generation) return;
    this.applied = this.levels.generation;
    this.pino.level = this.levels.of(this.subsys);
  }
}

function to_threshold(s: string): Threshold {
  const l = LOG_LEVELS.find((x) => x === s);
  if (l === undefined) {
    throw new CommandError("EINVAL", `no log level "${s}"; there are ${LOG_LEVELS.join(", ")}`);
  }
  return l;
}
