/** status, -s, -w, health, df, log and the monitors' own commands. cluster.md §7.2. */
import type { Command } from "commander";
import {
  type GlobalOptions,
  merged_options,
  on_interrupt,
  print,
  type Session,
  with_rados,
} from "../cli_context.ts";
import { UsageError } from "../errors.ts";
import { render_df } from "../render/df.ts";
import { Fields } from "../render/Fields.ts";
import { format_stamp } from "../render/format.ts";
import { render_health } from "../render/health.ts";
import {
  mon_addr,
  render_json,
  render_lines,
  render_log,
  render_mon_dump,
  render_mon_stat,
} from "../render/misc.ts";
import { render_status } from "../render/status.ts";
import { type MonSpec, run_mon_command } from "./mon_command.ts";

/** Flags that say nothing to an operator: every cluster has them. */
const HIDDEN_FLAGS = /^(sortbitwise|require_\w+|recovery_deletes|purged_snapdirs|pglog_hardlimit)$/;

export function set_flags(session: Session): string {
  const flags = session.osdmap.get_flag_string().split(",");
  return flags.filter((f) => f !== "" && !HIDDEN_FLAGS.test(f)).join(",");
}

/** `-s`. */
export async function print_status(session: Session, o: GlobalOptions): Promise<void> {
  const { outb } = await session.mon_command({ prefix: "status" });
  const text = o.format === "plain" ? await plain_status(outb, session, o) : "";
  print(o, outb, () => text);
}
async function plain_status(v: unknown, session: Session, o: GlobalOptions): Promise<string> {
  const s = new Fields(v);
  const quorum = s.texts("quorum_names");
  const complete = s.at("monmap").num("num_mons") <= quorum.length;
  const mons = complete ? [] : await mon_names(session);
  return render_status(v, {
    now_ms: o.io.now_ms(),
    paint: o.io.paint,
    flags: set_flags(session),
    out_of_quorum: mons.filter((name) => !quorum.includes(name)),
  });
}
async function mon_names(session: Session): Promise<string[]> {
  const { outb } = await session.mon_command({ prefix: "mon dump" });
  return new Fields(outb).list("mons").map((m) => m.text("name"));
}

/** `-w`: the status, then the cluster log until Ctrl-C. */
export async function watch_cluster(session: Session, o: GlobalOptions): Promise<void> {
  if (o.format !== "plain") throw new UsageError("-w knows no format but plain");
  await print_status(session, o);
  o.io.out("\n");
  session.watch_log((e) => {
    o.io.out(`${format_stamp(e.stamp)} ${e.name} [${e.prio}] ${e.text}\n`);
  });
  // Neither the session nor a listener for signals keeps the process alive through a lost monitor.
  const hold = setInterval(() => {}, 1 << 30);
  await new Promise<void>((ok) => on_interrupt(ok));
  clearInterval(hold);
  process.exitCode = 130;
}

export async function status_command(o: GlobalOptions, watch: boolean): Promise<void> {
  await with_rados(o, (s) => (watch ? watch_cluster(s, o) : print_status(s, o)));
}

export const STATUS_SPECS: readonly MonSpec[] = [
  {
    use: "status",
    about: "health, daemons, PGs and traffic (also: tako -s)",
    plain: (v, x) => plain_status(v, x.session, x.o),
  },
  {
    use: "health mute <code> [ttl]",
    about: "silence a health check, for a time such as 30m",
    options: [["--sticky", "also when it clears and comes back"]],
    examples: ["health mute OSD_DOWN 1h"],
  },
  { use: "health unmute [code]", about: "let one or all speak again" },
  {
    use: "df [detail]",
    about: "space used and left, by device class and pool",
    choices: { detail: ["detail"] },
    plain: (v, x) => {
      const pg_num = (pool: number) => x.session.osdmap.get_pg_pool(pool)?.pg_num ?? 0;
      return render_df(v, pg_num, x.cmd.detail !== undefined);
    },
  },
  { use: "fsid", about: "id of the cluster", plain: (v) => new Fields(v).text("fsid") },
  { use: "version", about: "version of the monitor", plain: (v) => new Fields(v).text("version") },
  { use: "versions", about: "how many daemons run which version" },
  { use: "features", about: "features of daemons and clients" },
  {
    use: "node ls [type]",
    about: "daemons by host",
    choices: { type: ["all", "osd", "mon", "mds", "mgr"] },
  },
  { use: "quorum_status", about: "the monitors' quorum" },
  {
    use: "mon stat",
    about: "the monitors on one line",
    plain: async (v, x) => {
      const { outb } = await x.session.mon_command({ prefix: "mon dump" });
      const mons = new Fields(outb).list("mons");
      return render_mon_stat(v, (rank) => {
        const m = mons.find((mon) => mon.num("rank") === rank);
        return m ? mon_addr(m) : "?";
      });
    },
  },
  { use: "mon dump [epoch]", about: "the monitor map", plain: render_mon_dump },
  { use: "mon metadata [id]", about: "what monitors say about themselves", plain: render_json },
  {
    use: "log last [num] [level] [channel]",
    about: "the newest lines of the cluster log",
    choices: {
      level: ["debug", "info", "sec", "warn", "error"],
      channel: ["*", "cluster", "audit", "cephadm"],
    },
    examples: ["log last", "log last 100 debug"],
    plain: render_log,
  },
];

/** `health` and `log` take words of their own besides their subcommands. */
export function add_health_and_log(program: Command): void {
  const health = program.commands.find((c) => c.name() === "health");
  health?.description("is the cluster well? 'detail' says what exactly is wrong");
  health?.argument("[detail]").action(async (word: string | undefined, _o, cmd: Command) => {
    if (word !== undefined && word !== "detail") {
      throw new UsageError(`health knows no '${word}': health, health detail, mute or unmute`);
    }
    const o = merged_options(cmd);
    const detail = word === undefined ? {} : { detail: word };
    const plain = (v: unknown) => render_health(v, o.io.now_ms(), o.io.paint);
    await run_mon_command(o, { prefix: "health", ...detail }, { plain });
  });
  const log = program.commands.find((c) => c.name() === "log");
  log?.description("write a line to the cluster log, or read it");
  log?.argument("[text...]").action(async (logtext: string[], _o, cmd: Command) => {
    if (logtext.length === 0) throw new UsageError("log wants a text, or 'last'");
    await run_mon_command(merged_options(cmd), { prefix: "log", logtext }, { plain: render_lines });
  });
}
