/** Errors that a program sees: every one carries an errno, as librados' return codes do. */
import { ERRNO, type Errno, errno_name } from "@tako/common";

/** An operation or command that failed. `errno` > 0; `code` is its name, e.g. "ENOENT". */
export class RadosError extends Error {
  override readonly name = "RadosError";
  readonly errno: number;
  readonly code: string;
  constructor(errno: number, what: string, options?: ErrorOptions) {
    super(what, options);
    this.errno = Math.abs(errno);
    this.code = errno_name(errno);
  }
  static of(code: Errno, what: string): RadosError {
    return new RadosError(ERRNO[code], what);
  }
}
