/** What is wrong with what somebody asked, in a form that a front end can add its hints to. */
import { CommandError, type Errno } from "../../errors.ts";

/** The user's mistake; `candidates` are the words that would have been understood. */
export class WhatifInputError extends CommandError {
  readonly word: string;
  readonly candidates: readonly string[];

  constructor(code: Errno, message: string, word = "", candidates: readonly string[] = []) {
    super(code, message);
    this.word = word;
    this.candidates = candidates;
  }
  /** The same mistake with its place: `line 3: ...`. */
  at(place: string): WhatifInputError {
    return new WhatifInputError(this.code, `${place}: ${this.message}`, this.word, this.candidates);
  }
}
