/** Words of a CRUSH text with their places. `#` starts a comment that ends with its line. */
import { CommandError } from "../errors.ts";

/** The text is at fault; `line` and `column` count from 1. */
export class CrushTextError extends CommandError {
  readonly line: number;
  readonly column: number;
  readonly reason: string;
  constructor(line: number, column: number, reason: string) {
    super("EINVAL", `line ${line}, column ${column}: ${reason}`);
    this.line = line;
    this.column = column;
    this.reason = reason;
  }
}

export interface Token {
  /** Empty at the end of the text. */
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

const WORD = /[A-Za-z0-9_.+-]+|[{}[\]]/y;

export class TokenReader {
  readonly #tokens: Token[] = [];
  /** Negative ids that open a block: buckets without one stay clear of these. */
  readonly first_ids = new Set<number>();
  #next = 0;

  constructor(text: string) {
    const lines = text.split(/\r?\n/);
    lines.forEach((full, i) => {
      const hash = full.indexOf("#");
      const s = hash < 0 ? full : full.slice(0, hash);
      for (let at = 0; at < s.length; ) {
        if (/\s/.test(s[at] ?? "")) {
          at++;
          continue;
        }
        WORD.lastIndex = at;
        const word = WORD.exec(s)?.[0];
        if (word === undefined) {
          throw new CrushTextError(i + 1, at + 1, `unexpected ${JSON.stringify(s[at])}`);
        }
        this.#tokens.push({ text: word, line: i + 1, column: at + 1 });
        at += word.length;
      }
    });
    this.#tokens.forEach(({ text: id }, i) => {
      const opens = this.#tokens[i - 2]?.text === "{" && this.#tokens[i - 1]?.text === "id";
      if (opens && /^-[0-9]+$/.test(id)) this.first_ids.add(Number(id));
    });
    this.#tokens.push({ text: "", line: lines.length, column: (lines.at(-1) ?? "").length + 1 });
  }

  peek(): Token {
    const t = this.#tokens[Math.min(this.#next, this.#tokens.length - 1)];
    if (!t) throw new CrushTextError(1, 1, "no text");
    return t;
  }
  /** The token that was read last. */
  last(): Token {
    return this.#tokens[this.#next - 1] ?? this.peek();
  }
  take(): Token {
    const t = this.peek();
    if (t.text !== "") this.#next++;
    return t;
  }
  at_end(): boolean {
    return this.peek().text === "";
  }
  fail(reason: string, at = this.peek()): never {
    throw new CrushTextError(at.line, at.column, reason);
  }
  /** Takes the next word if it is this one. */
  accept(word: string): boolean {
    if (this.peek().text !== word) return false;
    this.#next++;
    return true;
  }
  expect(word: string): void {
    if (!this.accept(word)) this.fail(`expected "${word}", found ${this.#found()}`);
  }
  #found(): string {
    const { text } = this.peek();
    return text === "" ? "the end of the text" : `"${text}"`;
  }
  name(what: string): string {
    const { text } = this.peek();
    if (!/^[A-Za-z0-9_.-]+$/.test(text)) this.fail(`expected ${what}, found ${this.#found()}`);
    this.#next++;
    return text;
  }
  int(what: string, min: number, max: number): number {
    const { text } = this.peek();
    if (!/^-?[0-9]+$/.test(text)) this.fail(`expected ${what}, found ${this.#found()}`);
    const v = Number(text);
    if (v < min || v > max) this.fail(`${what} ${text} is outside of ${min} .. ${max}`);
    this.#next++;
    return v === 0 ? 0 : v;
  }
  /** A weight, as 16.16. */
  weight(max: number): number {
    const { text } = this.peek();
    if (!/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(text)) {
      this.fail(`expected a weight, found ${this.#found()}`);
    }
    // Ceph reads a float and cuts what is below 1/65536.
    const cut = Math.trunc(Math.fround(Number(text)) * 0x10000);
    // From 32768.0 on, texts of its own making say the negative number of the same bits.
    const v = cut < 0 && cut >= -(2 ** 31) ? cut + 2 ** 32 : cut;
    if (!(v >= 0 && v <= max)) {
      this.fail(`weight ${text} is outside of 0 .. ${Math.floor(max / 0x10000)}`);
    }
    this.#next++;
    return v === 0 ? 0 : v;
  }
}
