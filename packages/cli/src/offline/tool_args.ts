/**
 * The words of a tool of Ceph's, read the way the original reads them.
 * Ceph counterpart: src/common/ceph_argparse.cc.
 */
import { ToolError } from "../errors.ts";

export interface tool_option<K extends string = string> {
  /** The first one names it. Inside of a long one, `-` and `_` are the same. */
  readonly flags: readonly [K, ...string[]];
  /** What the value is, of those that have one. */
  readonly value?: string;
  /** What the values after it are, of those that have several. */
  readonly more?: readonly string[];
  /** The next word is no value if it is an option. */
  readonly optional?: true;
  /** At the end of the line it may lack its value. */
  readonly may_lack?: true;
  /** The option is in help and completion if it has this. */
  readonly about?: string;
}

const INT32 = 0x80000000;

/** An int of C, in the words of strict_strtol. */
export function int_value(text: string): number {
  const n = Number(text);
  if (!/^[+-]?\d+$/.test(text)) throw new ToolError(1, `The option value '${text}' is invalid`);
  if (n < INT32 && n >= -INT32) return n === 0 ? 0 : n;
  throw new ToolError(1, `The option value '${text}' seems to be invalid`);
}

/** What a line says, with the values of each option in their order. */
export class ToolArgs<K extends string = string> {
  /** Words that are no options: of unknown ones too. */
  readonly rest: string[] = [];
  readonly #given = new Map<K, string[]>();

  /** `key` is the first flag of an option. */
  has(key: K): boolean {
    return this.#given.has(key);
  }
  all(key: K): readonly string[] {
    return this.#given.get(key) ?? [];
  }
  /** The last one counts. An empty text is none. */
  text(key: K): string | undefined {
    return this.#given.get(key)?.at(-1) || undefined;
  }
  int(key: K): number | undefined {
    const text = this.#given.get(key)?.at(-1);
    if (text === undefined) return undefined;
    return int_value(text);
  }
  add(key: K, value: string): void {
    const before = this.#given.get(key);
    if (before) before.push(value);
    else this.#given.set(key, [value]);
  }
}

/** `--flag value` and `--flag=value`; everything after `--` is no option. */
export function parse_tool_args<K extends string>(
  argv: readonly string[],
  options: readonly tool_option<K>[],
): ToolArgs<K> {
  const by_flag = new Map(options.flatMap((o) => o.flags.map((f) => [plain(f), o] as const)));
  const out = new ToolArgs<K>();
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--") {
      out.rest.push(...argv.slice(i + 1));
      break;
    }
    const eq = word.startsWith("-") ? word.indexOf("=") : -1;
    const option = by_flag.get(plain(eq < 0 ? word : word.slice(0, eq)));
    if (!option || (eq >= 0 && option.value === undefined)) out.rest.push(word);
    else if (option.value === undefined) out.add(option.flags[0], "");
    else {
      if (eq >= 0) out.add(option.flags[0], word.slice(eq + 1));
      else if (option.optional && (argv[i + 1] ?? "-").startsWith("-"))
        out.add(option.flags[0], "");
      else {
        const value = argv[++i];
        if (value === undefined && !option.may_lack)
          throw new ToolError(1, `Option ${word} requires an argument.`);
        out.add(option.flags[0], value ?? "");
      }
      for (const _ of option.more ?? []) out.add(option.flags[0], argv[++i] ?? lacks(word));
    }
  }
  return out;
}
function lacks(word: string): never {
  throw new ToolError(1, `expecting additional argument to ${word}`);
}
function plain(flag: string): string {
  return flag.startsWith("--") ? `--${flag.slice(2).replaceAll("_", "-")}` : flag;
}

const GLIBC_WORDS: Readonly<Record<string, string>> = {
  EISDIR: "Is a directory",
  EINVAL: "Invalid argument",
};
/** `(2) No such file or directory` */
export function errno_text(e: unknown): string {
  if (!(e instanceof Error) || !("errno" in e) || !("code" in e)) return String(e);
  const words = e.message.replace(/^[A-Z]+: /, "").replace(/, \w+( '.*')?$/, "");
  const text = GLIBC_WORDS[String(e.code)] ?? words.charAt(0).toUpperCase() + words.slice(1);
  return `(${Math.abs(Number(e.errno))}) ${text}`;
}
