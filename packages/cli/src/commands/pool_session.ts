/** What the object commands share: the pool of -p, and failures in the words of the rados tool. */
import { type IoCtx, RadosError } from "@tako/client";
import { ERRNO } from "@tako/common";
import type { Command } from "commander";
import {
  type GlobalOptions,
  merged_options,
  type Session,
  tell,
  with_rados,
} from "../cli_context.ts";
import { UsageError, WholeLineError } from "../errors.ts";

export interface RadosOptions extends GlobalOptions {
  readonly pool?: string;
  readonly namespace?: string;
  readonly all?: boolean;
}

/** An operation waits while its PG is not active: say so when a person watches. */
const WAITING_AFTER_MS = 5000;

/** Runs `fn` on the pool named by -p. */
export async function with_pool(
  cmd: Command,
  fn: (io: IoCtx, o: RadosOptions, session: Session) => Promise<void>,
): Promise<void> {
  const o = merged_options<RadosOptions>(cmd);
  const { pool } = o;
  if (pool === undefined) throw new UsageError("name the pool with -p POOL");
  await with_rados(o, async (session) => {
    const io = await session.open_ioctx(pool);
    if (o.namespace !== undefined) io.nspace = o.namespace;
    const hint = setTimeout(() => {
      if (o.io.watched) tell(o, "still waiting: 'tako health detail' may say for what");
    }, WAITING_AFTER_MS);
    try {
      await fn(io, o, session);
    } finally {
      clearTimeout(hint);
    }
  });
}

/** Failures as `error getting rbd/foo: (2) No such file or directory`, with the errno kept. */
export async function doing<T>(
  what: string,
  io: { readonly pool_name: string },
  oid: string,
  p: Promise<T>,
): Promise<T> {
  try {
    return await p;
  } catch (e) {
    if (!(e instanceof RadosError)) throw e;
    const text = `error ${what} ${io.pool_name}/${oid}: (${e.errno}) ${strerror(e.errno)}`;
    throw new WholeLineError(e.errno, text, { cause: e });
  }
}

const STRERROR: Readonly<Record<number, string>> = {
  [ERRNO.EPERM]: "Operation not permitted",
  [ERRNO.ENOENT]: "No such file or directory",
  [ERRNO.EIO]: "Input/output error",
  [ERRNO.ENXIO]: "No such device or address",
  [ERRNO.E2BIG]: "Argument list too long",
  [ERRNO.EAGAIN]: "Resource temporarily unavailable",
  [ERRNO.EACCES]: "Permission denied",
  [ERRNO.EBUSY]: "Device or resource busy",
  [ERRNO.EEXIST]: "File exists",
  [ERRNO.EINVAL]: "Invalid argument",
  [ERRNO.EFBIG]: "File too large",
  [ERRNO.ENOSPC]: "No space left on device",
  [ERRNO.ERANGE]: "Numerical result out of range",
  [ERRNO.ENAMETOOLONG]: "File name too long",
  [ERRNO.ENODATA]: "No data available",
  [ERRNO.EMSGSIZE]: "Message too long",
  [ERRNO.EOPNOTSUPP]: "Operation not supported",
  [ERRNO.ENOTCONN]: "Transport endpoint is not connected",
  [ERRNO.ESHUTDOWN]: "Cannot send after transport endpoint shutdown",
  [ERRNO.ETIMEDOUT]: "Connection timed out",
  [ERRNO.EDQUOT]: "Disk quota exceeded",
  [ERRNO.ECANCELED]: "Operation canceled",
};
export function strerror(errno: number): string {
  return STRERROR[errno] ?? `Unknown error ${errno}`;
}
