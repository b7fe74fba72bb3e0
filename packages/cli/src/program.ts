/**
 * The command tree: every command, and what all of them share. Options of a group (`-f`, `-p`) may
 * stand before or after the words below it.
 */
import { type Command, InvalidArgumentError, Option, Command as RootCommand } from "commander";
import { type CliIo, type GlobalOptions, lineage, merged_options, set_io } from "./cli_context.ts";
import { add_cluster_commands } from "./commands/cluster.ts";
import { add_completion } from "./commands/completion.ts";
import { CRUSH_SPECS } from "./commands/crush_specs.ts";
import { add_drill } from "./commands/drill.ts";
import { add_explain } from "./commands/explain.ts";
import { add_mon_commands } from "./commands/mon_command.ts";
import { OSD_SPECS } from "./commands/osd_specs.ts";
import { PG_SPECS } from "./commands/pg_specs.ts";
import { POOL_SPECS } from "./commands/pool_specs.ts";
import { add_rados_commands } from "./commands/rados.ts";
import { add_health_and_log, STATUS_SPECS, status_command } from "./commands/status.ts";
import { add_config, add_pg_target, add_tell } from "./commands/tell.ts";
import { path_of, unknown_command } from "./errors.ts";
import { add_crushtool } from "./offline/crushtool.ts";
import { add_osdmaptool } from "./offline/osdmaptool.ts";
import { ToolCommand } from "./offline/ToolCommand.ts";
import { add_whatif } from "./offline/whatif.ts";
import { nearest } from "./suggest.ts";
import { VERSION } from "./version.ts";

const FORMATS = ["plain", "json", "json-pretty"];
const DEFAULT_CONNECT_TIMEOUT_S = 10;

const GROUPS: Readonly<Record<string, string>> = {
  osd: "OSDs, their map and the pools",
  "osd pool": "pools: create, look at, change and remove them",
  "osd pool application": "what pools are used for",
  "osd crush": "the hierarchy and the rules that place PGs",
  "osd crush rule": "placement rules",
  "osd crush class": "device classes",
  "osd erasure-code-profile": "parameters of erasure-coded pools",
  "osd blocklist": "addresses that may not write",
  mon: "monitors",
  node: "hosts",
};

const EXAMPLES = `
Examples:
  tako cluster start --osds 3 --pool test --detach
  tako -s
  tako osd tree
  echo hello | tako rados -p test put greeting -
  tako osd map test greeting
  tako pg 1.0 query
  tako explain
  tako cluster kill osd.1
  tako -w

A cluster is found by --mon-host, --conf, TAKO_MON_HOST, --dir, TAKO_DIR, or in ./.tako.
Exit codes: 0 done, the errno of a refused command, 2 wrong usage, 3 cluster unreachable.
`;

export function build_program(io: CliIo): Command {
  const program: Command = new RootCommand("tako");
  set_io(program, io);
  program
    .description("Tako: a storage cluster to start, use, break and read")
    .usage("[options] <command> [arguments]")
    .version(`tako version ${VERSION}`, "-v, --version", "print the version")
    .option("-s, --status", "print the status of the cluster")
    .option("-w, --watch", "the status, then the cluster log as it grows");
  for (const option of shared_options()) program.addOption(option);
  add_mon_commands(program, STATUS_SPECS);
  add_health_and_log(program);
  for (const specs of [OSD_SPECS, POOL_SPECS, CRUSH_SPECS, PG_SPECS]) {
    add_mon_commands(program, specs);
  }
  add_explain(program);
  add_pg_target(program);
  add_tell(program);
  add_config(program);
  add_rados_commands(program);
  add_cluster_commands(program);
  add_drill(program);
  add_crushtool(program);
  add_whatif(program);
  add_osdmaptool(program);
  add_completion(program);
  describe_groups(program);
  program.addHelpText("after", EXAMPLES);
  program.action(() => root_action(program));
  finish(program, io, []);
  return program;
}

function shared_options(): Option[] {
  return [
    new Option("-f, --format <format>", "of the output").choices(FORMATS).default("plain"),
    new Option("-m, --mon-host <host:port>", "monitors, separated by commas"),
    new Option("-c, --conf <file>", "configuration file that names the monitors"),
    new Option("--dir <path>", "directory of a local cluster (default .tako)"),
    new Option("--connect-timeout <s>", "seconds to wait for a monitor")
      .argParser(seconds_arg)
      .default(DEFAULT_CONNECT_TIMEOUT_S),
    new Option("-i, --in-file <file>", "input of a command that takes some"),
    new Option("-o, --out-file <file>", "write the data there instead of to stdout"),
  ];
}
function seconds_arg(text: string): number {
  const n = Number(text);
  if (Number.isFinite(n) && n > 0 && n <= 86_400) return n;
  throw new InvalidArgumentError("want a number of seconds above 0");
}

async function root_action(program: Command): Promise<void> {
  const flags = merged_options<GlobalOptions & { status?: boolean; watch?: boolean }>(program);
  if (program.args.length > 0) throw unknown_command(program, program.args);
  if (flags.status || flags.watch) await status_command(flags, flags.watch === true);
  else program.outputHelp();
}

function describe_groups(program: Command): void {
  for (const [path, about] of Object.entries(GROUPS)) {
    let at: Command | undefined = program;
    for (const word of path.split(" ")) at = at?.commands.find((c) => c.name() === word);
    at?.description(about);
  }
}

/** What must hold for every command of the finished tree. */
function finish(cmd: Command, io: CliIo, inherited: readonly Option[]): void {
  const taken = new Set(cmd.options.flatMap((o) => [o.short, o.long]));
  // A tool reads its options itself.
  const is_tool = cmd instanceof ToolCommand;
  for (const option of is_tool ? [] : inherited) add_inherited(cmd, option, taken);
  cmd.exitOverride();
  cmd.showSuggestionAfterError(true);
  cmd.configureHelp({
    showGlobalOptions: !is_tool,
    sortSubcommands: cmd.parent !== null,
    subcommandTerm,
    visibleGlobalOptions: (c) => lineage(c).slice(0, -1).reverse().flatMap(shared_by),
  });
  cmd.configureOutput({
    writeOut: (text) => io.out(text),
    writeErr: (text) => io.err(text),
    outputError: (text) => io.err(usage_lines(cmd, text)),
  });
  if (cmd.commands.length === 0) return;
  cmd.enablePositionalOptions();
  cmd.allowExcessArguments(true).allowUnknownOption(true);
  if (cmd.parent) cmd.helpCommand(false);
  if (!has_action(cmd)) {
    cmd.action(() => {
      throw unknown_command(cmd, cmd.args);
    });
  }
  const own = cmd.options.filter((o) => !ROOT_ONLY.has(o.long ?? ""));
  for (const sub of cmd.commands) finish(sub, io, own);
}
const ROOT_ONLY = new Set(["--version", "--status", "--watch"]);
function shared_by(group: Command): Option[] {
  return group.options.filter((o) => !o.hidden && !ROOT_ONLY.has(o.long ?? ""));
}

/** `create <pool> [pg_num]`: every command has options, that need not be said. */
function subcommandTerm(cmd: Command): string {
  const args = cmd.registeredArguments.map((a) => {
    const name = a.variadic ? `${a.name()}...` : a.name();
    return a.required ? `<${name}>` : `[${name}]`;
  });
  return [cmd.name(), ...(cmd.commands.length > 0 ? ["..."] : args)].join(" ");
}

/** Groups with an action of their own have declared arguments; the root has been given one. */
function has_action(cmd: Command): boolean {
  return cmd.parent === null || cmd.registeredArguments.length > 0;
}

/** Under the names that the command has not given away itself (`logs -f`). */
function add_inherited(cmd: Command, option: Option, taken: Set<string | undefined>): void {
  if (taken.has(option.long)) return;
  const flags = taken.has(option.short) ? option.flags.replace(/^-\w, /, "") : option.flags;
  const copy = new Option(flags, option.description).hideHelp();
  if (option.argChoices) copy.choices(option.argChoices);
  else if (option.parseArg) copy.argParser(option.parseArg);
  cmd.addOption(copy);
}

/** `tako osd find: missing required argument 'id'`, and where to read more. */
function usage_lines(cmd: Command, text: string): string {
  const what = text
    .replace(/^error: /, "")
    .trim()
    .replaceAll(/\s*\n\s*/g, " ");
  return `${path_of(cmd)}: ${in_brief(what)}\nsee '${path_of(cmd)} --help'\n`;
}

const BAD_CHOICE =
  /^.*?'([^']*)' is invalid(?: for argument '(.*?)')?\. Allowed choices are (.*)\.$/;
const BAD_VALUE = /^option '(.*?)' argument '(.*)' is invalid\. (.*)$/;
const BAD_ARGUMENT = /^command-argument value '(.*)' is invalid for argument '(.*?)'\. (.*)$/;

/** Commander's sentence about a wrong value, shorter and with the nearest right one. */
function in_brief(text: string): string {
  const choice = BAD_CHOICE.exec(text);
  if (choice) {
    const [, value = "", , list = ""] = choice;
    const near = nearest(value, list.split(", "));
    const hint = near.length > 0 ? ` (did you mean ${near.join(" or ")}?)` : "";
    return `'${value}' is none of ${list}${hint}`;
  }
  const [, name, value, want] = BAD_VALUE.exec(text) ?? [];
  if (want !== undefined) return `${name}: ${want}, got '${value}'`;
  const [, got, argument, wanted] = BAD_ARGUMENT.exec(text) ?? [];
  return wanted === undefined ? text : `${argument}: ${wanted}, got '${got}'`;
}
