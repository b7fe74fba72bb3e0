/**
 * Four kinds of error, by whose fault it is. Each carries a union `{ code, ...data }`, so that a
 * handler can switch on it. Caught in three places only: the socket, the command, main.
 */

/** errno names and numbers as on Linux: the exit codes and reply codes of commands and ops. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENOTDIR: 20,
  EINVAL: 22,
  EFBIG: 27,
  ENOSPC: 28,
  EDOM: 33,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EOVERFLOW: 75,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  ENOTCONN: 107,
  ESHUTDOWN: 108,
  ETIMEDOUT: 110,
  EDQUOT: 122,
  ECANCELED: 125,
} as const;
export type Errno = keyof typeof ERRNO;

const NAME_OF = new Map<number, Errno>(
  (Object.entries(ERRNO) as [Errno, number][]).map(([k, v]) => [v, k]),
);
/** `ENOENT` for 2 or -2; the number as text when it has no name here. */
export function errno_name(n: number): string {
  return NAME_OF.get(Math.abs(n)) ?? String(Math.abs(n));
}

/** Ours: an assertion of the core failed. The daemon must not go on with this state. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
  readonly detail: Readonly<Record<string, unknown>>;
  constructor(
    message: string,
    detail: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.detail = detail;
  }
}

export type ProtocolErrorDetail =
  | { code: "bad_frame"; reason: string }
  | { code: "bad_message"; type: string; path: string; reason: string }
  | { code: "bad_handshake"; reason: string }
  | { code: "too_large"; bytes: number; limit: number };

/** The peer's: what it sent is not in the catalogue. Its connection is closed, nothing else. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly detail: ProtocolErrorDetail;
  constructor(message: string, detail: ProtocolErrorDetail, options?: ErrorOptions) {
    super(message, options);
    this.detail = detail;
  }
}

export type StoreErrorDetail =
  | { code: "EIO"; path: string; what: string }
  | { code: "corrupt"; path: string; what: string }
  | { code: "locked"; path: string }
  | { code: "not_found"; path: string; what: string }
  | { code: "wrong_identity"; path: string; what: string }
  | { code: "ENOSPC"; path: string };

/** The disk's. After a failed write a daemon stops. `path` names the file or directory. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly detail: StoreErrorDetail;
  constructor(message: string, detail: StoreErrorDetail, options?: ErrorOptions) {
    super(message, options);
    this.detail = detail;
  }
}

/** The user's: a command or an option that cannot be carried out. Its errno is the exit code. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly code: Errno;
  constructor(code: Errno, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
  get errno(): number {
    return ERRNO[this.code];
  }
}

/** Throws InvariantError unless `cond` holds: what cannot be, must not go on. */
export function invariant(
  cond: unknown,
  message: string,
  detail?: Readonly<Record<string, unknown>>,
): asserts cond {
  if (!cond) throw new InvariantError(message, detail);
}
/** The end of a switch over a union: compiles only when all members have been dealt with. */
export function assertNever(x: never): never {
  throw new InvariantError("unexpected value", { value: x });
}
