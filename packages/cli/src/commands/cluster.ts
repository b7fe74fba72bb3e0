/** `tako cluster ...`: a local cluster in a directory. */
import { CommandError } from "@tako/common";
import { type Command, Option } from "commander";
import { global_options, say, with_rados } from "../cli_context.ts";
import { ClusterDir } from "../cluster/ClusterDir.ts";
import {
  restart_daemon,
  start_cluster,
  stop_cluster,
} from "../cluster/local_cluster.ts";
import { show_logs } from "../cluster/logs.ts";
import { is_running, signal_daemon, wait_gone } from "../cluster/processes.ts";
import { int_arg } from "./int_arg.ts";
import { print_status } from "./status.ts";

function dir_of(cmd: Command): ClusterDir {
  return new ClusterDir(global_options(cmd).dir ?? process.env.TAKO_DIR ?? ".tako");
}

export function add_cluster_commands(program: Command): void {
  const cluster = program
    .command("cluster")
    .description("run a cluster on this machine: start, stop, kill and restart its daemons");
  add_start(cluster);
  cluster
    .command("stop")
    .description("stop every daemon in order; data stays")
    .action(async (_o, cmd: Command) => {
      const stopped = await stop_cluster(dir_of(cmd));
      say(stopped.length > 0 ? `stopped ${stopped.join(" ")}` : "nothing was running");
    });
  cluster
    .command("status")
    .description("the daemons of this cluster, then the status of the cluster")
    .action(async (_o, cmd: Command) => {
      const dir = dir_of(cmd);
      for (const d of dir.read().daemons) {
        say(`${d.name}  ${is_running(d) ? `running, pid ${d.pid}` : "stopped"}, port ${d.port}`);
      }
      const o = { ...global_options(cmd), conf: dir.conf };
      await with_rados(o, (rados) => print_status(rados, o));
    });
  add_break(cluster);
  add_logs(cluster);
}

function add_start(cluster: Command): void {
  cluster
    .command("start")
    .description("start a cluster, or what is not running of it; stays until Ctrl-C stops it")
    .option("--osds <n>", "number of OSDs", int_arg(1, 64), 3)
    .addOption(
      new Option("--store <kind>", "where OSDs keep data: on disk, or in memory until they end")
        .choices(["level", "mem"])
        .default("level"),
    )
    .option("--pool <name>", "create this pool if there is none of that name")
    .option("--pg-num <n>", "PGs of that pool", int_arg(1, 4096), 32)
    .option("--detach", "leave it running in the background")
    .option("--timeout <s>", "seconds to wait for all PGs to be active+clean", int_arg(1, 3600), 60)
    .addHelpText(
      "after",
      "\nExamples:\n  tako cluster start --osds 3 --pool test\n" +
        "  tako cluster start --dir /tmp/c1 --store mem --detach\n  tako cluster kill osd.1\n",
    )
    .action(async (o: StartFlags, cmd: Command) => {
      const dir = dir_of(cmd);
      const { osds, store, pgNum, timeout } = o;
      await start_cluster(dir, {
        osds,
        store,
        pg_num: pgNum,
        timeout_s: timeout,
        ...(o.pool !== undefined && { pool: o.pool }),
      });
      const g = { ...global_options(cmd), conf: dir.conf };
      await with_rados(g, (rados) => print_status(rados, g));
      say(what_next(dir, o.pool ?? "test", o.detach === true));
      if (!o.detach) await stay(dir);
    });
}
interface StartFlags {
  osds: number;
  store: "level" | "mem";
  pool?: string;
  pgNum: number;
  detach?: boolean;
  timeout: number;
}

function what_next(dir: ClusterDir, pool: string, detached: boolean): string {
  const elsewhere = dir.path === new ClusterDir(".tako").path ? "" : ` --dir ${dir.path}`;
  const t = `npx tako${elsewhere}`;
  return `
The cluster is ready (data and logs in ${dir.path}). Try, ${detached ? "" : "in another terminal, "}for example:
  ${t} -s
  echo hello | ${t} rados -p ${pool} put greeting -
  ${t} rados -p ${pool} get greeting -
  ${t} osd map ${pool} greeting
  ${t} cluster kill osd.1          then: ${t} -s, ${t} pg dump_stuck
  ${t} cluster logs -f --event pg_state
  ${t} cluster restart osd.1
${detached ? `Stop it with: ${t} cluster stop` : "Ctrl-C stops it."}
`;
}

/** Until SIGINT or SIGTERM; then stops the daemons. A second signal ends at once. */
async function stay(dir: ClusterDir): Promise<void> {
  // A timer keeps the process alive; there is nothing else to wait for.
  const hold = setInterval(() => {}, 1 << 30);
  await new Promise<void>((ok) => {
    for (const s of ["SIGINT", "SIGTERM"] as const) process.once(s, () => ok());
  });
  clearInterval(hold);
  for (const s of ["SIGINT", "SIGTERM"] as const) process.once(s, () => process.exit(130));
  say("\nstopping");
  await stop_cluster(dir);
}

const SIGNALS = ["KILL", "TERM", "INT", "STOP", "CONT", "ABRT", "HUP"] as const;

function add_break(cluster: Command): void {
  cluster
    .command("kill")
    .argument("<daemon>", "osd.N or mon.a")
    .addOption(new Option("--signal <name>", "signal to send").choices(SIGNALS).default("KILL"))
    .description("send a signal to a daemon; KILL gives it no chance to say goodbye")
    .addHelpText(
      "after",
      "\nExamples:\n  tako cluster kill osd.1\n  tako cluster kill osd.2 --signal STOP\n",
    )
    .action(async (name: string, o: { signal: string }, cmd: Command) => {
      const d = dir_of(cmd).daemon(name);
      signal_daemon(d, `SIG${o.signal}` as NodeJS.Signals);
      const ends = ["KILL", "TERM", "INT", "ABRT"].includes(o.signal);
      if (ends && !(await wait_gone(d, 15_000))) {
        throw new CommandError("EBUSY", `${name} still runs after SIG${o.signal}`);
      }
      say(`sent SIG${o.signal} to ${name} (pid ${d.pid})`);
    });
  cluster
    .command("restart")
    .argument("<daemon>", "osd.N or mon.a")
    .description("start a daemon again, after stopping it when it runs")
    .action(async (name: string, _o, cmd: Command) => {
      await restart_daemon(dir_of(cmd), name);
      say(`started ${name}`);
    });
}

function add_logs(cluster: Command): void {
  cluster
    .command("logs")
    .argument("[daemon...]", "only these: osd.0 mon.a ...")
    .description("logs of the daemons: pretty on a terminal, one JSON object a line in a pipe")
    .option("-f, --follow", "go on with new lines")
    .option("--pg <pgid>", "only lines about this PG")
    .option("--event <name>", "only this event, e.g. pg_state (see docs/logs.md)")
    .option("-n, --lines <n>", "how many of the newest lines first", int_arg(0, 10_000_000), 1000)
    .addHelpText(
      "after",
      "\nExamples:\n  tako cluster logs -f --pg 1.0\n" +
        "  tako cluster logs osd.0 osd.1 --event pg_state | jq .to\n",
    )
    .action(async (daemons: string[], o: LogFlags, cmd: Command) => {
      const dir = dir_of(cmd);
      const names = daemons.length > 0 ? daemons : dir.read().daemons.map((d) => d.name);
      await show_logs(
        dir,
        names.map((n) => dir.daemon(n).name),
        o,
      );
    });
}
interface LogFlags {
  follow?: boolean;
  pg?: string;
  event?: string;
  lines: number;
}
