/**
 * Commands that a daemon answers itself: `tell osd.0 ...`, `pg <pgid> query`, `config show osd.0`.
 * Ceph counterpart: the tell part of ceph.in; argument names of the daemons' command tables.
 * cluster.md §7.4.
 */
import { CommandError, type MonCommand } from "@tako/common";
import type { Command } from "commander";
import {
  type CommandResult,
  type GlobalOptions,
  merged_options,
  type Session,
  with_rados,
} from "../cli_context.ts";
import { UsageError, unknown_command } from "../errors.ts";
import { render_config, render_help, render_json, render_pairs } from "../render/misc.ts";
import { is_pgid } from "./args.ts";
import { deliver, type Plain } from "./mon_command.ts";

type Target =
  | { readonly kind: "osd"; readonly id: number }
  | { readonly kind: "mon"; readonly name: string }
  | { readonly kind: "pg"; readonly pgid: string };

export function parse_target(text: string): Target {
  const osd = /^osd\.(\d{1,9})$/.exec(text);
  if (osd) return { kind: "osd", id: Number(osd[1]) };
  const mon = /^mon(?:\.(\S+))?$/.exec(text);
  if (mon) return { kind: "mon", name: mon[1] ?? "" };
  if (is_pgid(text)) return { kind: "pg", pgid: text };
  throw new UsageError(`'${text}' is not a daemon: osd.N, mon.NAME or a pgid such as 1.2a`);
}

/** Names of the arguments after a command's words; `*`: the rest as one list. */
const ARGUMENTS: readonly (readonly [prefix: string, args: readonly string[]])[] = [
  ["config show", []],
  ["config diff", []],
  ["config get", ["key"]],
  ["config set", ["key", "value"]],
  ["config rm", ["key"]],
  ["config unset", ["key"]],
  ["config help", ["key"]],
  ["log set", ["level", "subsys"]],
  ["query", ["pgid"]],
  ["list_unfound", ["pgid", "offset"]],
  ["mark_unfound_lost", ["mulcmd"]],
  ["scrub", ["pgid", "time"]],
  ["deep_scrub", ["pgid", "time"]],
  ["list-inconsistent-obj", ["pgid"]],
  ["injectfull", ["type", "count"]],
  ["perf dump", ["logger", "counter"]],
  ["perf schema", []],
  ["perf reset", ["var"]],
  ["dump_osd_network", ["value"]],
];
/** Those of commands sent to a PG: which PG is known already. */
const PG_ARGUMENTS: readonly (readonly [prefix: string, args: readonly string[]])[] = [
  ["scrub", ["time"]],
  ["deep_scrub", ["time"]],
  ["query", []],
  ["list_unfound", ["offset"]],
  ["mark_unfound_lost", ["mulcmd"]],
];
/** A monitor names the option differently. */
const MON_ARGUMENTS: readonly (readonly [prefix: string, args: readonly string[]])[] = [
  ["config set", ["name", "value"]],
  ["config rm", ["name"]],
];

/** `log set debug peering` -> {prefix: "log set", level: "debug", subsys: "peering"} */
export function tell_command(kind: Target["kind"], words: readonly string[]): MonCommand {
  const own = kind === "pg" ? PG_ARGUMENTS : kind === "mon" ? MON_ARGUMENTS : [];
  for (const [prefix, names] of [...own, ...ARGUMENTS]) {
    const n = prefix.split(" ").length;
    if (words.slice(0, n).join(" ") !== prefix) continue;
    const values = words.slice(n);
    if (values.length > names.length) {
      const want = names.length === 0 ? "no argument" : names.map((a) => `<${a}>`).join(" ");
      throw new UsageError(`'${prefix}' takes ${want}, got '${values.join(" ")}'`);
    }
    const args = names.flatMap((name, i) => (i < values.length ? [[name, values[i]]] : []));
    return { prefix, ...Object.fromEntries(args) };
  }
  return { prefix: words.join(" ") };
}

const PLAIN: Readonly<Record<string, Plain>> = {
  "config show": render_config,
  "config diff": render_config,
  "config get": (v) => render_pairs(v, " = "),
  "config set": (v) => render_pairs(v, " = "),
  "config rm": (v) => render_pairs(v, " = "),
  help: render_help,
};

async function send(s: Session, t: Target, cmd: MonCommand): Promise<CommandResult> {
  if (t.kind === "osd") return s.osd_command(t.id, cmd);
  if (t.kind === "pg") return s.pg_command(t.pgid, cmd);
  await check_mon(s, t.name);
  return s.mon_command(cmd);
}
/** The session is with one monitor: it had better be the one that is meant. */
async function check_mon(s: Session, name: string): Promise<void> {
  if (name === "" || name === "*") return;
  const { outb } = await s.mon_command({ prefix: "mon_status" });
  const here = typeof outb === "object" && outb !== null ? Reflect.get(outb, "name") : undefined;
  if (here !== undefined && here !== name) {
    throw new CommandError("ENXIO", `mon.${name} is not the monitor that answers: mon.${here} is`);
  }
}

export async function run_tell(
  o: GlobalOptions,
  target: string,
  words: readonly string[],
): Promise<void> {
  const t = parse_target(target);
  const cmd = tell_command(t.kind, words);
  await with_rados(o, async (session) => {
    const result = await send(session, t, cmd);
    const plain = PLAIN[String(cmd.prefix)] ?? render_json;
    await deliver(o, session, cmd, result, { plain });
  });
}

export function add_tell(program: Command): void {
  program
    .command("tell")
    .argument("<target>", "osd.N, mon.NAME or a pgid")
    .argument("<command...>", "what it should do; 'help' lists what it can")
    .description("send a command to one daemon")
    .addHelpText(
      "after",
      "\nExamples:\n  tako tell osd.0 help\n  tako tell osd.0 log set debug peering\n" +
        "  tako tell osd.0 config set osd_max_backfills 4\n" +
        "  tako tell osd.0 dump_ops_in_flight\n  tako tell 1.2 query\n",
    )
    .action((target: string, words: string[], _o, cmd: Command) =>
      run_tell(merged_options(cmd), target, words),
    );
}

/** `pg 1.2 query`: what is no subcommand of `pg` may be a PG. */
export function add_pg_target(program: Command): void {
  const pg = program.commands.find((c) => c.name() === "pg");
  if (!pg) return;
  pg.description("placement groups; 'pg <pgid> query' asks the primary of one")
    .argument("[pgid]")
    .argument("[command...]")
    .addHelpText(
      "after",
      "\nCommands to the primary of a PG:\n  <pgid> query              all about its peering, " +
        "log and recovery\n  <pgid> list_unfound       objects that nobody has\n" +
        "  <pgid> mark_unfound_lost revert|delete\n                            gives those up: " +
        "back to the version before, or gone\n" +
        "\nExamples:\n  tako pg stat\n  tako pg 1.0 query\n  tako pg dump_stuck inactive\n",
    )
    .action(async (first: string | undefined, rest: string[], _o, cmd: Command) => {
      const words = first === undefined ? [] : [first, ...rest];
      const at = words.findIndex(is_pgid);
      // `pg query 1.2` says the same.
      const verb = words.filter((_, i) => i !== at);
      if (at < 0 || at > 1) throw unknown_command(cmd, words);
      if (verb.length === 0) throw new UsageError(`pg ${first} wants a command, such as 'query'`);
      await run_tell(merged_options(cmd), words[at] ?? "", verb);
    });
}

export function add_config(program: Command): void {
  const config = program
    .command("config")
    .description("options of a running daemon: value and where it comes from");
  const add = (use: string, about: string, words: (args: string[]) => string[]) => {
    const [name = "", ...args] = use.split(" ");
    const cmd = config.command(name).description(about).argument("<who>", "osd.N or mon.NAME");
    for (const a of args) cmd.argument(a);
    cmd.action(async () => {
      const [who = "", ...values] = cmd.processedArgs.filter((v) => typeof v === "string");
      await run_tell(merged_options(cmd), who, words(values));
    });
  };
  add("show [key]", "all options, or one", (a) => (a.length > 0 ? ["config", "get", ...a] : SHOW));
  add("diff", "options that are not at their default", () => ["config", "diff"]);
  add("get <key>", "one option", (a) => ["config", "get", ...a]);
  add("set <key> <value>", "change an option until the daemon restarts", (a) => [
    "config",
    "set",
    ...a,
  ]);
  add("rm <key>", "take a change back", (a) => ["config", "rm", ...a]);
  config.addHelpText(
    "after",
    "\nExamples:\n  tako config show osd.0\n  tako config show mon.a mon_osd_min_down_reporters\n" +
      "  tako config set osd.0 osd_heartbeat_grace 5\n",
  );
}
const SHOW = ["config", "show"];
