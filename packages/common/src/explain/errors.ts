/** The input is not what it is said to be. */
import { CommandError } from "../errors.ts";

export class ExplainInputError extends CommandError {
  constructor(message: string) {
    super("EINVAL", message);
  }
}
