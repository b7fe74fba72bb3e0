/** What a command answers, and when. cluster.md §7. */
import { CommandError, ERRNO, type Errno } from "@tako/common";

export interface CommandReply {
  /** 0 or -errno. */
  readonly result: number;
  /** The status line, for a person. */
  readonly outs: string;
  /** The JSON document, for a program. */
  readonly outb?: unknown;
  /** Bytes: `osd getmap`. */
  readonly data?: Uint8Array[];
}

/** What a command that changes the map comes to. */
export type CommandOutcome =
  | { readonly do: "reply"; readonly reply: CommandReply }
  /** Answer when the pending epoch is committed. */
  | { readonly do: "commit"; readonly reply: CommandReply }
  /** The object is being changed already: wait for that, then look again. */
  | { readonly do: "retry" };

export function ok(outs: string, outb?: unknown): CommandReply {
  return outb === undefined ? { result: 0, outs } : { result: 0, outs, outb };
}
export function json(outb: unknown): CommandReply {
  return { result: 0, outs: "", outb };
}
export function reply_now(outs: string, outb?: unknown): CommandOutcome {
  return { do: "reply", reply: ok(outs, outb) };
}
export function commit_then(outs: string, outb?: unknown): CommandOutcome {
  return { do: "commit", reply: ok(outs, outb) };
}
/** Part of what was asked is done, and committed; the rest is refused. */
export function commit_refused(code: Errno, text: string): CommandOutcome {
  return { do: "commit", reply: refused(code, text) };
}
export const RETRY_COMMAND: CommandOutcome = Object.freeze({ do: "retry" });

export function refused(code: Errno, text: string): CommandReply {
  return { result: -ERRNO[code], outs: text };
}
export function reply_of_error(e: CommandError): CommandReply {
  return { result: -e.errno, outs: e.message };
}
/** Throws: one line that says what was wrong and, where it helps, what would be right. */
export function fail(code: Errno, text: string): never {
  throw new CommandError(code, text);
}
