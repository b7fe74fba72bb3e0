/**
 * What every command shares: global options, the session with the cluster, output, errors.
 * Data goes to stdout, narration to stderr, the errno of a failure is the exit code.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Rados } from "@tako/client";
import { open_rados } from "@tako/client/io";
import { CommandError } from "@tako/common";
import type { Command } from "commander";

export type Format = "plain" | "json" | "json-pretty";

export interface GlobalOptions {
  readonly format: Format;
  readonly monHost?: string;
  readonly conf?: string;
  readonly dir?: string;
  /** Seconds. */
  readonly connectTimeout: number;
}

/** Exit codes besides errnos (style: 0 ok, 1 refused, 2 usage, 3 cluster unreachable). */
export const EXIT_USAGE = 2;
export const EXIT_UNREACHABLE = 3;

export function global_options(cmd: Command): GlobalOptions {
  return cmd.optsWithGlobals<GlobalOptions>();
}

/** Where the cluster is: --mon-host, --conf, TAKO_MON_HOST, the environment's or this folder's .tako. */
export function conf_of(o: GlobalOptions): string | undefined {
  if (o.conf !== undefined) return o.conf;
  if (o.monHost !== undefined || (process.env.TAKO_MON_HOST && o.dir === undefined)) {
    return undefined;
  }
  const conf = join(o.dir ?? process.env.TAKO_DIR ?? ".tako", "tako.conf");
  if (existsSync(conf)) return conf;
  if (o.dir !== undefined) throw new CommandError("ENOENT", `no local cluster in ${o.dir}`);
  return undefined;
}

export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/** Runs `fn` with a connected handle and closes it whatever happens. */
export async function with_rados<T>(
  o: GlobalOptions,
  fn: (rados: Rados) => Promise<T>,
): Promise<T> {
  const conf = conf_of(o);
  const rados = await open_rados({
    ...(o.monHost !== undefined && { mon_host: o.monHost }),
    ...(conf !== undefined && { conf }),
  });
  try {
    try {
      await rados.connect({ timeout_ms: o.connectTimeout * 1000 });
    } catch (e) {
      const s = o.connectTimeout;
      throw new UnreachableError(`no monitor answered within ${s} s: is the cluster running?`, {
        cause: e,
      });
    }
    return await fn(rados);
  } finally {
    await rados.shutdown();
  }
}

/** JSON as Ceph prints it: `json` on one line, `json-pretty` indented by 4. */
export function to_json(v: unknown, format: Format): string {
  return format === "json-pretty" ? JSON.stringify(v, null, 4) : JSON.stringify(v);
}

/** Prints data: `plain` rendering, or the JSON value. */
export function print(o: GlobalOptions, v: unknown, plain: () => string): void {
  const text = o.format === "plain" ? plain() : to_json(v, o.format);
  if (text === "") return;
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}
/** Narration: progress, acknowledgements. */
export function say(text: string): void {
  if (text !== "") process.stderr.write(text.endsWith("\n") ? text : `${text}\n`);
}
