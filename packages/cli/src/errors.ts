/**
 * Failures as lines on stderr and exit codes: 0 ok, the errno of a refused command, 2 usage,
 * 3 cluster unreachable, 70 a fault of ours; the offline tools end with the codes of Ceph's.
 * Never a stack trace: NODE_DEBUG=tako shows it.
 */
import { RadosError } from "@tako/client";
import { CommandError, StoreError } from "@tako/common";
import { type Command, CommanderError } from "commander";
import { type CliIo, UnreachableError } from "./cli_context.ts";
import { nearest } from "./suggest.ts";

export const EXIT_USAGE = 2;
export const EXIT_UNREACHABLE = 3;
export const EXIT_INTERNAL = 70;
export const EXIT_DISK = 74;

/** The line is no command that could be sent. One line says what would be right. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
/** A failure whose text is whole already, as those of the rados tool are. */
export class WholeLineError extends RadosError {
  override readonly name = "RadosError";
}

/** An offline tool gives up: with its line, unless that is printed already, and its exit code. */
export class ToolError extends Error {
  override readonly name = "ToolError";
  readonly exit_code: number;
  constructor(exit_code: number, line: string, options?: ErrorOptions) {
    super(line, options);
    this.exit_code = exit_code;
  }
}

/** `tako osd pool` of the command `pool`. */
export function path_of(cmd: Command): string {
  return cmd.parent ? `${path_of(cmd.parent)} ${cmd.name()}` : cmd.name();
}

/** All commands below, as they are typed. */
export function command_paths(cmd: Command): string[] {
  return cmd.commands.flatMap((c) => {
    const below = command_paths(c);
    const runs = below.length === 0 ? [c.name()] : [];
    return [...runs, ...below.map((p) => `${c.name()} ${p}`)];
  });
}

/** For words that name no command of the group `cmd`. */
export function unknown_command(cmd: Command, words: readonly string[]): UsageError {
  const group = path_of(cmd);
  const names = cmd.commands.map((c) => c.name());
  const first = words[0];
  if (first === undefined) {
    return new UsageError(`'${group}' wants a command: ${names.join(", ")}`);
  }
  const here = nearest(first, names);
  // Nothing like it here: the words may be those of a command elsewhere (`tako pool ls`).
  const tail = words.filter((w) => !w.startsWith("-")).slice(0, 3);
  const elsewhere = here.length > 0 ? [] : elsewhere_in(cmd, tail);
  const found = [...here.map((c) => `${group} ${c}`), ...elsewhere];
  const hint = found.length > 0 ? `did you mean ${quoted(found)}?` : `see '${group} --help'`;
  return new UsageError(`unknown command '${group} ${first}': ${hint}`);
}
function elsewhere_in(cmd: Command, words: readonly string[]): string[] {
  const root = root_of(cmd);
  const paths = command_paths(root);
  const typed = words.join(" ");
  const whole = paths.filter((p) => p === typed || p.endsWith(` ${typed}`));
  const by_word = paths.filter((p) => p.split(" ").includes(words[0] ?? ""));
  const found = whole.length > 0 ? whole : by_word;
  return found.slice(0, 3).map((p) => `${root.name()} ${p}`);
}
function root_of(cmd: Command): Command {
  return cmd.parent ? root_of(cmd.parent) : cmd;
}
function quoted(list: readonly string[]): string {
  return list.map((s) => `'${s}'`).join(" or ");
}

/** Prints why a command failed and says with which code to end. */
export function report_error(e: unknown, io: CliIo): number {
  if (process.env.NODE_DEBUG?.split(",").includes("tako") && e instanceof Error) {
    io.err(`${e.stack}\n`);
  }
  const [line, code] = explain(e);
  if (line !== "") io.err(`${line}\n`);
  return code;
}

function explain(e: unknown): [line: string, exit_code: number] {
  // Commander has printed its own already (program.ts).
  if (e instanceof CommanderError) return ["", e.exitCode === 0 ? 0 : EXIT_USAGE];
  if (e instanceof UsageError) return [`tako: ${e.message}`, EXIT_USAGE];
  if (e instanceof UnreachableError) return [`Error: ${e.message}`, EXIT_UNREACHABLE];
  if (e instanceof ToolError) return [e.message.trimEnd(), e.exit_code];
  if (e instanceof WholeLineError) return [one_line(e.message), e.errno];
  if (e instanceof RadosError || e instanceof CommandError) {
    return [`Error ${e.code}: ${one_line(e.message)}`, exit_code(e.errno)];
  }
  if (e instanceof StoreError) return [`Error: ${one_line(e.message)}`, EXIT_DISK];
  const text = e instanceof Error ? e.message : String(e);
  return [`Error: this should not happen: ${one_line(text)}`, EXIT_INTERNAL];
}
function one_line(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, "; ");
}
/** What a process may end with. */
function exit_code(errno: number): number {
  return errno > 0 && errno < 256 ? errno : 1;
}
