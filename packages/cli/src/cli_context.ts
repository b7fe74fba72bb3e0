/**
 * What every command shares: global options, the session with the cluster, output.
 * Data goes to stdout (or to the -o file), narration to stderr.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CommandResult, Rados } from "@tako/client";
import { type OpenOptions, open_rados } from "@tako/client/io";
import { CommandError, type OSDMap } from "@tako/common";
import type { Command } from "commander";
import { ClusterDir } from "./cluster/ClusterDir.ts";
import { is_running } from "./cluster/processes.ts";
import { ANSI_PAINT, NO_PAINT, type Paint } from "./render/colour.ts";

export type Format = "plain" | "json" | "json-pretty";

/** The parts of Rados that commands use; tests have one of their own. */
export interface Session
  extends Pick<
    Rados,
    | "connect"
    | "shutdown"
    | "mon_command"
    | "osd_command"
    | "pg_command"
    | "watch_log"
    | "open_ioctx"
    | "pool_list"
    | "pool_lookup"
    | "pool_create"
  > {
  readonly osdmap: Pick<OSDMap, "get_flag_string" | "get_pg_pool">;
}

/** Where a command prints and whom it asks. */
export interface CliIo {
  out(data: string | Uint8Array): void;
  err(text: string): void;
  /** For stdout. */
  readonly paint: Paint;
  /** Does a person watch stderr? */
  readonly watched: boolean;
  now_ms(): number;
  open(o: OpenOptions): Promise<Session>;
}

export interface GlobalOptions {
  readonly format: Format;
  readonly monHost?: string;
  readonly conf?: string;
  readonly dir?: string;
  /** Seconds. */
  readonly connectTimeout: number;
  readonly inFile?: string;
  readonly outFile?: string;
  readonly io: CliIo;
}

export const REAL_IO: CliIo = {
  out: (data) => void process.stdout.write(data),
  err: (text) => void process.stderr.write(text),
  paint: process.stdout.isTTY && !process.env.NO_COLOR ? ANSI_PAINT : NO_PAINT,
  watched: process.stderr.isTTY === true,
  now_ms: () => Date.now(),
  open: open_rados,
};

const IO_OF_PROGRAM = new WeakMap<Command, CliIo>();
export function set_io(program: Command, io: CliIo): void {
  IO_OF_PROGRAM.set(program, io);
}

/** The command and those above it, the outermost first. */
export function lineage(cmd: Command): Command[] {
  return cmd.parent ? [...lineage(cmd.parent), cmd] : [cmd];
}

/** Options given anywhere on the line; the innermost wins, a default never over a given value. */
export function merged_options<T extends GlobalOptions = GlobalOptions>(cmd: Command): T {
  const merged: Record<string, unknown> = {};
  const commands = lineage(cmd);
  for (const c of commands) {
    const own: Record<string, unknown> = c.opts();
    for (const [name, value] of Object.entries(own)) {
      const given = c.getOptionValueSource(name) !== "default";
      if (value !== undefined && (given || !Object.hasOwn(merged, name))) merged[name] = value;
    }
  }
  merged.io = (commands[0] && IO_OF_PROGRAM.get(commands[0])) ?? REAL_IO;
  // Commander has checked the options that T names.
  return merged as unknown as T;
}
export const global_options = (cmd: Command): GlobalOptions => merged_options(cmd);

/** Where the cluster is: --mon-host, --conf, TAKO_MON_HOST, --dir or TAKO_DIR or .tako. */
export function conf_of(o: GlobalOptions): string | undefined {
  if (o.conf !== undefined) return o.conf;
  if (o.monHost !== undefined || (process.env.TAKO_MON_HOST && o.dir === undefined)) {
    return undefined;
  }
  const dir = o.dir ?? process.env.TAKO_DIR ?? ".tako";
  const conf = join(dir, "tako.conf");
  if (existsSync(conf)) return conf;
  if (o.dir !== undefined || process.env.TAKO_DIR) {
    throw new CommandError(
      "ENOENT",
      `no local cluster in ${dir}: 'tako --dir ${dir} cluster start' makes one`,
    );
  }
  throw new UnreachableError(
    "no cluster here: start one with 'tako cluster start', or say where it is with --mon-host, " +
      "--conf, --dir or TAKO_MON_HOST",
  );
}

export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/**
 * Runs `fn` with a connected handle and closes it whatever happens. Aborting `signal` gives up
 * connecting, with its reason.
 */
export async function with_rados<T>(
  o: GlobalOptions,
  fn: (session: Session) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const conf = conf_of(o);
  const session = await o.io.open({
    ...(o.monHost !== undefined && { mon_host: o.monHost }),
    ...(conf !== undefined && { conf }),
  });
  try {
    await connect(session, o, conf, signal);
    return await fn(session);
  } finally {
    await session.shutdown();
  }
}

async function connect(
  session: Session,
  o: GlobalOptions,
  conf: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stopped = conf !== undefined && local_mons_stopped(dirname(conf));
  // Somebody may run it by hand: look, but not for long.
  const seconds = stopped ? Math.min(o.connectTimeout, STOPPED_TIMEOUT_S) : o.connectTimeout;
  try {
    await session.connect({ timeout_ms: seconds * 1000, ...(signal && { signal }) });
  } catch (cause) {
    signal?.throwIfAborted();
    const where = o.monHost ?? conf ?? process.env.TAKO_MON_HOST ?? "";
    const text = stopped
      ? `the monitor of ${dirname(conf)} is not running: 'tako cluster start' starts it`
      : `no monitor answered within ${seconds} s (${where}): is the cluster running?`;
    throw new UnreachableError(text, { cause });
  }
}
const STOPPED_TIMEOUT_S = 1;

/** Is this the directory of a local cluster none of whose monitors runs? */
function local_mons_stopped(path: string): boolean {
  const dir = new ClusterDir(path);
  if (!dir.exists) return false;
  return !dir.read().daemons.some((d) => d.name.startsWith("mon.") && is_running(d));
}

/** JSON as Ceph prints it: `json` on one line, `json-pretty` indented by 4. */
export function to_json(v: unknown, format: Format): string {
  return format === "json" ? JSON.stringify(v) : JSON.stringify(v, null, 4);
}

/** Data on stdout, or into the file of -o. */
export function emit(o: GlobalOptions, data: string | Uint8Array): void {
  if (o.outFile === undefined || o.outFile === "-") {
    o.io.out(data);
    return;
  }
  try {
    writeFileSync(o.outFile, data);
  } catch (e) {
    throw file_error(o.outFile, e);
  }
}
/** Prints data: `plain` rendering, or the JSON value. */
export function print(o: GlobalOptions, v: unknown, plain: () => string): void {
  const text = o.format === "plain" ? plain() : to_json(v, o.format);
  if (text === "" || text === undefined) return;
  emit(o, text.endsWith("\n") ? text : `${text}\n`);
}
/** A status line or other narration. */
export function tell(o: GlobalOptions, text: string): void {
  const line = text.trimEnd();
  if (line !== "") o.io.err(`${line}\n`);
}
/** Narration of commands that have no cluster session. */
export function say(text: string): void {
  if (text !== "") process.stderr.write(text.endsWith("\n") ? text : `${text}\n`);
}

/** Bytes of the -i file; - is standard input. */
export function in_data(o: GlobalOptions): Uint8Array[] {
  if (o.inFile === undefined) return [];
  try {
    return [readFileSync(o.inFile === "-" ? 0 : o.inFile)];
  } catch (e) {
    throw file_error(o.inFile, e);
  }
}

export function file_error(file: string, e: unknown): CommandError {
  const { code, message } = e as NodeJS.ErrnoException;
  const errno = code === "ENOENT" || code === "EACCES" || code === "EPERM" ? code : "EIO";
  const why = message.replace(/^[A-Z]+: /, "").replace(/, \w+( '.*')?$/, "");
  return new CommandError(errno, `${file}: ${why}`, { cause: e });
}

/** The first Ctrl-C calls `fn` instead of ending the program. */
export function on_interrupt(fn: () => void): void {
  for (const s of ["SIGINT", "SIGTERM"] as const) {
    process.removeAllListeners(s);
    process.once(s, fn);
  }
}

export type { CommandResult };
