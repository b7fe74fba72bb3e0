/**
 * The frame of a daemon's main: options, log, signals, exit codes. tako-mon and tako-osd give it a
 * function that starts them; everything about processes is here.
 *
 * Exit codes: 0 stopped in order, 1 refused, 2 usage, 3 cluster unreachable, 70 invariant, 74 disk.
 */
import type { Config } from "../config/Config.ts";
import { CommandError, InvariantError, StoreError } from "../errors.ts";
import type { entity_name_t } from "../types/entity.ts";
import {
  type DaemonOptions,
  type DaemonService,
  HelpShown,
  listen_of,
  mon_hosts_of,
  parse_daemon_args,
  public_addr_of,
  UsageError,
} from "./daemon_options.ts";
import { PinoLog } from "./PinoLog.ts";
import { SystemClock } from "./SystemClock.ts";
import { SystemRng } from "./SystemRng.ts";
import { type HostPort, WsMessenger } from "./WsMessenger.ts";

export const EXIT = {
  ok: 0,
  refused: 1,
  usage: 2,
  unreachable: 3,
  invariant: 70,
  disk: 74,
} as const;

/** What a daemon gets from its frame. */
export interface DaemonContext {
  readonly id: string;
  readonly name: entity_name_t;
  /** Data directory. */
  readonly data: string;
  readonly mon_hosts: readonly HostPort[];
  readonly config: Config;
  readonly log: PinoLog;
  readonly clock: SystemClock;
  readonly rng: SystemRng;
  /** Listens as the options say. `health` answers GET /healthz, which healthcheck asks. */
  open_messenger(o: {
    readonly fsid?: string;
    readonly health: () => { readonly ok: boolean };
    readonly on_wrong_cluster?: (mon: HostPort, reason: string) => void;
  }): Promise<WsMessenger>;
  /** Ends the process: one fatal line, and the exit code that belongs to the error. */
  fatal(e: unknown): never;
  /** Stops in order, as SIGTERM does: for a daemon that finds that it should. */
  request_stop(reason: string): void;
}
export interface RunningDaemon {
  /** In order: tell the monitor, flush, close. */
  stop(): Promise<void>;
}
export interface DaemonSpec {
  readonly service: DaemonService;
  readonly version: string;
  start(ctx: DaemonContext): Promise<RunningDaemon>;
}

/** Runs the daemon until it is told to stop. Sets the exit code; the process ends by itself. */
export async function run_daemon(
  spec: DaemonSpec,
  argv: readonly string[] = process.argv.slice(2),
): Promise<void> {
  const options = usage_checked(spec, argv);
  if (options === undefined) return;
  if (options.command === "healthcheck") {
    process.exitCode = await healthcheck(listen_of(spec.service, options.config));
    return;
  }
  await new Daemon(spec, options).run();
}

function usage_checked(spec: DaemonSpec, argv: readonly string[]): DaemonOptions | undefined {
  try {
    const options = parse_daemon_args(spec.service, spec.version, argv, process.env);
    if (options.command === "run") check_runnable(spec.service, options.config);
    return options;
  } catch (e) {
    if (e instanceof HelpShown) process.stdout.write(e.message);
    else if (e instanceof UsageError) {
      process.stderr.write(`tako-${spec.service}: ${e.message}\n`);
      process.exitCode = EXIT.usage;
    } else throw e;
    return undefined;
  }
}

/** Throws UsageError for what a daemon cannot do without, before it opens or makes anything. */
function check_runnable(service: DaemonService, config: Config): void {
  if (data_of(service, config) === "") {
    throw new UsageError("--data is missing: where is the data to be?");
  }
  try {
    listen_of(service, config);
    public_addr_of(config);
    if (mon_hosts_of(config).length > 0 || service === "mon") return;
  } catch (e) {
    if (!(e instanceof CommandError)) throw e;
    throw new UsageError(e.message, { cause: e });
  }
  throw new UsageError("--mon-host is missing: where do the monitors listen?");
}
function data_of(service: DaemonService, config: Config): string {
  return config.get(service === "mon" ? "mon_data" : "osd_data");
}

class Daemon {
  private readonly spec: DaemonSpec;
  private readonly o: DaemonOptions;
  private readonly log: PinoLog;
  private running: RunningDaemon | undefined;
  private stopping = false;

  constructor(spec: DaemonSpec, o: DaemonOptions) {
    this.spec = spec;
    this.o = o;
    const level = o.config.get("log_level");
    this.log = PinoLog.open({ service: spec.service, name: o.name }, "info");
    this.log.set_level(level);
    o.config.observe(["log_level"], () => this.log.set_level(o.config.get("log_level")));
  }

  async run(): Promise<void> {
    process.on("uncaughtException", (e) => this.fatal(e));
    process.on("unhandledRejection", (e) => this.fatal(e));
    for (const s of ["SIGTERM", "SIGINT"] as const) process.on(s, () => this.signalled(s));
    const { config } = this.o;
    const set = Object.fromEntries(config.diff().map((r) => [r.name, r.value]));
    const about = { version: this.spec.version, pid: process.pid, node: process.version };
    this.log.info({ ...about, options: set }, "daemon_start");
    try {
      const ctx = this.context();
      this.running = await this.spec.start(ctx);
    } catch (e) {
      this.fatal(e);
    }
    // The signal may have come while it started.
    if (this.stopping) await this.stop();
    else this.log.info({}, "daemon_running");
  }

  private context(): DaemonContext {
    const { config, id, name } = this.o;
    const { service } = this.spec;
    const data = data_of(service, config);
    const clock = new SystemClock();
    const rng = new SystemRng();
    const listen = listen_of(service, config);
    const public_addr = public_addr_of(config);
    const { log } = this;
    return {
      id,
      name,
      data,
      mon_hosts: mon_hosts_of(config),
      config,
      log,
      clock,
      rng,
      open_messenger: (o) =>
        WsMessenger.open({
          name,
          clock,
          rng,
          log,
          config,
          listen,
          ...o,
          ...(public_addr === undefined ? {} : { public_addr }),
        }),
      fatal: (e) => this.fatal(e),
      request_stop: (reason) => this.begin_stop(reason),
    };
  }

  private signalled(signal: "SIGTERM" | "SIGINT"): void {
    if (this.stopping) process.exit(signal === "SIGTERM" ? 143 : 130);
    this.begin_stop(signal);
  }
  private begin_stop(reason: string): void {
    if (this.stopping) return;
    this.stopping = true;
    this.log.info({ reason }, "daemon_stopping");
    if (this.running !== undefined) void this.stop();
  }
  private async stop(): Promise<void> {
    try {
      await this.running?.stop();
    } catch (e) {
      this.fatal(e);
    }
    this.log.info({}, "daemon_stopped");
    process.exit(EXIT.ok);
  }

  /** One line in the log, one on stderr; a stack only when the fault is ours. */
  private fatal(e: unknown): never {
    const code = exit_code(e);
    const message = e instanceof Error ? e.message : String(e);
    const detail = e instanceof StoreError || e instanceof InvariantError ? e.detail : undefined;
    const ours = code === EXIT.invariant ? { err: e } : {};
    this.log.fatal({ exit_code: code, reason: message, detail, ...ours }, "daemon_fatal");
    process.stderr.write(`tako-${this.spec.service}: ${message.replace(/\s*\n\s*/g, " ")}\n`);
    process.exit(code);
  }
}

export function exit_code(e: unknown): number {
  if (e instanceof StoreError) return EXIT.disk;
  if (e instanceof UsageError) return EXIT.usage;
  if (e instanceof CommandError) return e.code === "ETIMEDOUT" ? EXIT.unreachable : EXIT.refused;
  return EXIT.invariant;
}

/** Asks the daemon that listens there how it is. Its answer on stdout, or one line on stderr. */
async function healthcheck(listen: HostPort): Promise<number> {
  const any = listen.host === "0.0.0.0" || listen.host === "::";
  const host = any ? "127.0.0.1" : listen.host;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${listen.port}/healthz`;
  try {
    const r = await fetch(url, { signal: AbortSignal.timeout(3000) });
    process.stdout.write(await r.text());
    return r.ok ? EXIT.ok : EXIT.refused;
  } catch (e) {
    const cause = e instanceof Error && e.cause instanceof Error ? e.cause : e;
    process.stderr.write(
      `no answer from ${url}: ${cause instanceof Error ? cause.message : cause}\n`,
    );
    return EXIT.unreachable;
  }
}
