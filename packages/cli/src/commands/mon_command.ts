/**
 * Monitor commands from tables: a line of usage gives the words, the arguments and their names in
 * the command's JSON, so that `osd pool create <pool> [pg_num]` needs no code of its own.
 * Ceph counterpart: MonCommands.h and ceph_argparse.py.
 */
import type { MonCommand } from "@tako/common";
import { Argument, type Command, Option } from "commander";
import {
  type CommandResult,
  emit,
  type GlobalOptions,
  in_data,
  merged_options,
  print,
  type Session,
  tell,
  with_rados,
} from "../cli_context.ts";
import { render_json } from "../render/misc.ts";

export type Values = Readonly<Record<string, unknown>>;

export interface PlainContext {
  readonly cmd: Values;
  readonly outs: string;
  readonly o: GlobalOptions;
  readonly session: Session;
}
export type Plain = (v: unknown, x: PlainContext) => string | Promise<string>;

export interface MonSpec {
  /** Words, then `<required>`, `[optional]`, `<list...>`: named as in the command's JSON. */
  readonly use: string;
  readonly about: string;
  /** Switches and values: `--force`, `--size <n>`. */
  readonly options?: readonly (readonly [flags: string, about: string])[];
  readonly examples?: readonly string[];
  /** What an argument may be, where that is a short list. */
  readonly choices?: Readonly<Record<string, readonly string[]>>;
  /** Arguments out of the words after the command, where Ceph lets some of them be left out. */
  readonly fit?: (words: readonly string[]) => Values;
  /** How the answer reads as text. Without it: indented JSON. */
  readonly plain?: Plain;
  /** The status line is the data when the format is plain. */
  readonly status_is_data?: boolean;
}

const ARGUMENT = /^[<[]/;

export function prefix_of(spec: MonSpec): string {
  return words_of(spec).join(" ");
}
function words_of(spec: MonSpec): string[] {
  return spec.use.split(" ").filter((w) => !ARGUMENT.test(w));
}
function arguments_of(spec: MonSpec): Argument[] {
  const declared = spec.use.split(" ").filter((w) => ARGUMENT.test(w));
  return declared.map((w) => {
    const arg = new Argument(w);
    const choices = spec.choices?.[arg.name()];
    return choices ? arg.choices(choices) : arg;
  });
}

/** `--yes-i-really-mean-it` -> `yes_i_really_mean_it` */
function json_name(option: Option): string {
  return option.name().replaceAll("-", "_");
}

/** The command's JSON from what commander has parsed. */
export function to_mon_command(
  spec: MonSpec,
  values: readonly unknown[],
  options: Values,
): MonCommand {
  const names = arguments_of(spec).map((a) => a.name());
  const words = values.flat().filter((v) => typeof v === "string");
  const named = names.flatMap((name, i) => {
    const v = values[i];
    return v === undefined || (Array.isArray(v) && v.length === 0) ? [] : [[name, v] as const];
  });
  const args = spec.fit ? spec.fit(words) : Object.fromEntries(named);
  return { prefix: prefix_of(spec), ...args, ...options };
}

export function add_mon_commands(program: Command, specs: readonly MonSpec[]): void {
  for (const spec of specs) add_mon_command(program, spec);
}

function add_mon_command(program: Command, spec: MonSpec): void {
  const words = words_of(spec);
  const cmd = command_at(program, words).description(spec.about);
  for (const arg of arguments_of(spec)) cmd.addArgument(arg);
  const options = (spec.options ?? []).map(([flags, about]) => new Option(flags, about));
  for (const option of options) cmd.addOption(option);
  if (spec.examples) {
    const lines = spec.examples.map((e) => `  tako ${e}`);
    cmd.addHelpText("after", `\nExamples:\n${lines.join("\n")}\n`);
  }
  cmd.action(async () => {
    const given = options.flatMap((option) => {
      const v: unknown = cmd.getOptionValue(option.attributeName());
      return v === undefined ? [] : [[json_name(option), v] as const];
    });
    const mon_command = to_mon_command(spec, cmd.processedArgs, Object.fromEntries(given));
    await run_mon_command(merged_options(cmd), mon_command, spec);
  });
}

/** The command of these words, made with the groups above it where there is none yet. */
export function command_at(program: Command, words: readonly string[]): Command {
  let at = program;
  for (const word of words) at = at.commands.find((c) => c.name() === word) ?? at.command(word);
  return at;
}

export async function run_mon_command(
  o: GlobalOptions,
  cmd: MonCommand,
  how: Pick<MonSpec, "plain" | "status_is_data">,
): Promise<void> {
  const data = in_data(o);
  await with_rados(o, async (session) => {
    const result = await session.mon_command(cmd, data.length > 0 ? { data } : {});
    await deliver(o, session, cmd, result, how);
  });
}

/** The answer of a daemon: bytes or data on stdout, the status line on stderr. */
export async function deliver(
  o: GlobalOptions,
  session: Session,
  cmd: Values,
  result: CommandResult,
  how: Pick<MonSpec, "plain" | "status_is_data">,
): Promise<void> {
  const { outb, outs, data } = result;
  if (data.length > 0) emit(o, Buffer.concat(data));
  const is_data = how.status_is_data === true && o.format === "plain";
  if (is_data) print(o, undefined, () => outs);
  else if (outb !== undefined) {
    const plain = how.plain ?? render_json;
    const text = o.format === "plain" ? await plain(outb, { cmd, outs, o, session }) : "";
    print(o, outb, () => text);
  }
  if (!is_data) tell(o, outs);
}
