/** `tako cluster ...`: a local cluster in a directory. */
import { setTimeout as sleep } from "node:timers/promises";
import { CommandError } from "@tako/common";
import { type Command, InvalidArgumentError, Option } from "commander";
import { merged_options, on_interrupt, print, say, with_rados } from "../cli_context.ts";
import { ClusterDir, type DaemonEntry } from "../cluster/ClusterDir.ts";
import { restart_daemons, start_cluster, stop_cluster } from "../cluster/local_cluster.ts";
import { show_logs } from "../cluster/logs.ts";
import { is_running, signal_daemon, wait_gone } from "../cluster/processes.ts";
import { left, num, table } from "../render/table.ts";
import { given, is_pgid } from "./args.ts";
import { int_arg } from "./int_arg.ts";
import { print_status } from "./status.ts";

function dir_of(cmd: Command): ClusterDir {
  return new ClusterDir(merged_options(cmd).dir ?? process.env.TAKO_DIR ?? ".tako");
}
/** The daemons of these names; all of them without any. */
function chosen(dir: ClusterDir, names: readonly string[]): DaemonEntry[] {
  const all = dir.read().daemons;
  return names.length === 0 || names.includes("all") ? [...all] : names.map((n) => dir.daemon(n));
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
  add_status(cluster);
  add_break(cluster);
  add_logs(cluster);
}

function add_status(cluster: Command): void {
  cluster
    .command("status")
    .description("the daemons of this cluster, then the status of the cluster")
    .action(async (_o, cmd: Command) => {
      const dir = dir_of(cmd);
      const o = { ...merged_options(cmd), conf: dir.conf };
      const daemons = dir.read().daemons.map((d) => {
        const running = is_running(d);
        return { name: d.name, running, pid: running ? d.pid : null, port: d.port };
      });
      print(o, daemons, () => {
        const rows = daemons.map((d) => [
          d.name,
          d.running ? "running" : "stopped",
          d.pid ?? "-",
          d.port,
          dir.log(d.name),
        ]);
        return table([left("DAEMON"), left("STATE"), num("PID"), num("PORT"), left("LOG")], rows);
      });
      if (o.format !== "plain" || !daemons.some((d) => d.running)) return;
      o.io.out("\n");
      await with_rados(o, (session) => print_status(session, o));
    });
}

// ---------------------------------------------------------------- start

interface StartFlags {
  osds?: number;
  store?: "level" | "mem";
  pool?: string;
  pgNum: number;
  detach?: boolean;
  timeout: number;
}

function add_start(cluster: Command): void {
  cluster
    .command("start")
    .description("start a cluster, or what is not running of it; stays until Ctrl-C stops it")
    .option("--osds <n>", "number of OSDs; 3 for a new cluster", int_arg(1, 64))
    .addOption(
      new Option(
        "--store <kind>",
        "where a new cluster keeps its data: on disk (default), or in memory until it ends",
      ).choices(["level", "mem"]),
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
    .action(start);
}

async function start(f: StartFlags, cmd: Command): Promise<void> {
  const dir = dir_of(cmd);
  const g = { ...merged_options(cmd), conf: dir.conf };
  if (!f.detach) on_interrupt(() => void stop_and_exit(dir));
  const { osds, store, pgNum: pg_num, timeout: timeout_s } = f;
  const more = { ...given("pool", f.pool), ...given("store", store), ...given("osds", osds) };
  await start_cluster(dir, { pg_num, timeout_s, ...more }, g);
  const pools = await with_rados(g, async (session) => {
    await print_status(session, g);
    return session.pool_list();
  });
  say(what_next(dir, f.pool ?? pools[0], f.detach === true));
  if (!f.detach) await stay(dir);
}

function what_next(dir: ClusterDir, existing: string | undefined, detached: boolean): string {
  const pool = existing ?? "test";
  const elsewhere = dir.path === new ClusterDir(".tako").path ? "" : ` --dir ${dir.path}`;
  const t = `npx tako${elsewhere}`;
  const create = existing === undefined ? `\n  ${t} osd pool create ${pool} 32` : "";
  return `
The cluster is ready (data and logs in ${dir.path}). Try${detached ? "" : ", in another terminal"}:
  ${t} -s${create}
  echo hello | ${t} rados -p ${pool} put greeting -
  ${t} rados -p ${pool} get greeting -
  ${t} osd map ${pool} greeting
  ${t} cluster kill osd.1          then: ${t} -s, ${t} pg dump_stuck
  ${t} cluster logs -f --event pg_state
  ${t} cluster restart osd.1
${detached ? `Stop it with: ${t} cluster stop` : "Ctrl-C stops it."}
`;
}

/** Until Ctrl-C. Meanwhile says which daemons end and come back. */
async function stay(dir: ClusterDir): Promise<void> {
  const ran = new Map<string, boolean>();
  for (;;) {
    for (const d of dir.exists ? dir.read().daemons : []) {
      const runs = is_running(d);
      const before = ran.get(d.name);
      if (before !== undefined && before !== runs)
        say(`${d.name} ${runs ? "runs again" : "ended"}`);
      ran.set(d.name, runs);
    }
    await sleep(500);
  }
}
/** A second signal ends at once and leaves what still runs. */
async function stop_and_exit(dir: ClusterDir): Promise<void> {
  on_interrupt(() => process.exit(130));
  say("\nstopping");
  try {
    await stop_cluster(dir);
  } finally {
    process.exit(130);
  }
}

// ---------------------------------------------------------------- kill, restart

const SIGNALS = ["KILL", "TERM", "INT", "STOP", "CONT", "ABRT", "HUP"] as const;
type SignalName = (typeof SIGNALS)[number];
/** After these the process is gone. */
const ENDING: readonly SignalName[] = ["KILL", "TERM", "INT", "ABRT"];

function signal_arg(text: string): SignalName {
  const name = text.toUpperCase().replace(/^SIG/, "");
  const found = SIGNALS.find((s) => s === name);
  if (found) return found;
  throw new InvalidArgumentError(`want one of ${SIGNALS.join(", ")}`);
}

function add_break(cluster: Command): void {
  cluster
    .command("kill")
    .argument("<daemon...>", "osd.N, mon.a or all")
    .option("--signal <name>", `one of ${SIGNALS.join(" ")}`, signal_arg, "KILL")
    .description("send a signal to daemons; KILL gives them no chance to say goodbye")
    .addHelpText(
      "after",
      "\nExamples:\n  tako cluster kill osd.1\n  tako cluster kill osd.0 osd.2\n" +
        "  tako cluster kill osd.2 --signal STOP\n",
    )
    .action(async (names: string[], o: { signal: SignalName }, cmd: Command) => {
      const all = chosen(dir_of(cmd), names);
      const victims = names.includes("all") ? all.filter(is_running) : all;
      for (const d of victims) signal_daemon(d, `SIG${o.signal}`);
      for (const d of victims) {
        if (ENDING.includes(o.signal) && !(await wait_gone(d, 15_000))) {
          throw new CommandError("EBUSY", `${d.name} still runs after SIG${o.signal}`);
        }
        say(`sent SIG${o.signal} to ${d.name} (pid ${d.pid})`);
      }
    });
  cluster
    .command("restart")
    .argument("<daemon...>", "osd.N, mon.a or all")
    .description("start daemons again, after stopping them when they run")
    .action(async (names: string[], _o, cmd: Command) => {
      const dir = dir_of(cmd);
      const daemons = chosen(dir, names);
      await restart_daemons(dir, daemons, merged_options(cmd));
      say(`started ${daemons.map((d) => d.name).join(" ")}`);
    });
}

// ---------------------------------------------------------------- logs

interface LogFlags {
  follow?: boolean;
  pg?: string;
  event?: string;
  lines: number;
}

function pgid_arg(text: string): string {
  if (is_pgid(text)) return text.toLowerCase();
  throw new InvalidArgumentError("want a pgid: <pool>.<hex>, such as 1.2a");
}

function add_logs(cluster: Command): void {
  cluster
    .command("logs")
    .argument("[daemon...]", "only these: osd.0 mon.a ...")
    .description("logs of the daemons: pretty on a terminal, one JSON object a line in a pipe")
    .option("-f, --follow", "go on with new lines")
    .option("--pg <pgid>", "only lines about this PG", pgid_arg)
    .option("--event <name>", "only this event, e.g. pg_state (see docs/logs.md)")
    .option("-n, --lines <n>", "how many of the newest lines first", int_arg(0, 10_000_000), 1000)
    .addHelpText(
      "after",
      "\nExamples:\n  tako cluster logs -f --pg 1.0\n" +
        "  tako cluster logs osd.0 osd.1 --event pg_state | jq .to\n",
    )
    .action(async (names: string[], o: LogFlags, cmd: Command) => {
      const dir = dir_of(cmd);
      const daemons = chosen(dir, names).map((d) => d.name);
      await show_logs(dir, daemons, o);
    });
}
