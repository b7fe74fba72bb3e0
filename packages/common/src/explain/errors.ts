/** The input is not what it is said to be. */
import { CommandError } from "../errors.ts";

/** EINVAL: which input, and where in it. */
export class ExplainInputError extends CommandError {
  constructor(message: string) {
    super("EINVAL", message);
  }
}
