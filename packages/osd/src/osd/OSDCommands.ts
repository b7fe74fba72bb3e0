/**
 * OSDCommands: `tell osd.N ...` and `pg <pgid> ...`: questions to a running OSD and changes of its
 * options. Ceph counterpart: OSD::asok_command, do_command. Shapes: cluster.md §7.3, §7.4.
 */
import {
  CommandError,
  type Connection,
  ERRNO,
  errno_name,
  find_option,
  type Msg,
  pg_parse,
  type pg_t,
} from "@tako/common";
import { mark_unfound_lost } from "../pg/mark_unfound_lost.ts";
import type { PG } from "../pg/PG.ts";
import { list_inconsistent_obj, schedule_scrub } from "../pg/scrub/dump.ts";
import {
  dump_blocklist,
  dump_osd_network,
  get_mapped_pools,
  inject_full,
  perf_dump,
  perf_reset,
  perf_schema,
} from "./dump_commands.ts";
import type { OSD } from "./OSD.ts";

type Cmd = Msg<"command">["cmd"];
/** JSON value and status line. */
interface Answer {
  readonly outb?: unknown;
  readonly outs?: string;
}
type Reply = (a: Answer | CommandError) => void;
/** null: `reply` is called later, when what was asked for is done. */
type Handler = (cmd: Cmd, reply: Reply) => Answer | null;

export class OSDCommands {
  readonly #osd: OSD;
  readonly #set_log_level: (subsys: string, level: string) => void;
  readonly #handlers: ReadonlyMap<string, { readonly help: string; readonly run: Handler }>;
  /** Slow ops already logged. */
  #slow_logged = 0;

  constructor(osd: OSD, set_log_level: (subsys: string, level: string) => void) {
    this.#osd = osd;
    this.#set_log_level = set_log_level;
    this.#handlers = this.#table();
  }

  handle(con: Connection, m: Msg<"command">): void {
    const { tid } = m;
    const reply: Reply = (a) => {
      if (a instanceof CommandError) {
        con.send({ type: "command_reply", tid, result: -a.errno, outs: a.message });
        return;
      }
      const { outb, outs = "" } = a;
      const out = outb === undefined ? {} : { outb };
      con.send({ type: "command_reply", tid, result: 0, outs, ...out });
    };
    try {
      const prefix = text_arg(m.cmd, "prefix");
      const handler = this.#handlers.get(prefix);
      if (!handler) throw new CommandError("EINVAL", `no such command: ${prefix}; see 'help'`);
      const answer = handler.run(m.cmd, reply);
      if (answer !== null) reply(answer);
    } catch (err) {
      if (!(err instanceof CommandError)) throw err;
      reply(err);
    }
  }

  // ------------------------------------------------------------ slow ops

  slow_ops(): { count: number; oldest_s: number } {
    const { count, oldest_s } = this.#osd.service.op_tracker.slow_ops();
    return { count, oldest_s };
  }
  /** Each tick: one line when operations have become slow, and one when none is any more. */
  check_slow_ops(): void {
    const { count, oldest_s } = this.slow_ops();
    if (count === this.#slow_logged) return;
    this.#slow_logged = count;
    if (count > 0) this.#osd.log.warn({ count, oldest_s }, "slow_op");
  }

  // ------------------------------------------------------------ the commands

  #table(): ReadonlyMap<string, { help: string; run: Handler }> {
    const osd = this.#osd;
    const t = new Map<string, { help: string; run: Handler }>();
    const add = (name: string, help: string, run: Handler) => t.set(name, { help, run });
    add("help", "list available commands", () => ({
      outb: Object.fromEntries([...t].map(([name, h]) => [name, h.help]).sort()),
    }));
    add("version", "show version", () => ({ outb: { version: osd.version } }));
    add("status", "high-level status of the OSD", () => ({ outb: this.#status() }));
    this.#add_pg_commands(add);
    this.#add_op_commands(add);
    this.#add_perf_commands(add);
    this.#add_config_commands(add);
    add("dump_scrubs", "show when the pgs will be scrubbed", () => ({
      outb: osd.service.scrubs.dump_scrubs(),
    }));
    add("dump_scrub_reservations", "show scrub reservations", () => ({
      outb: osd.service.scrubs.dump_scrub_reservations(),
    }));
    add("dump_recovery_reservations", "show recovery reservations", () => ({
      outb: {
        local_reservations: osd.service.local_reserver.dump(),
        remote_reservations: osd.service.remote_reserver.dump(),
      },
    }));
    add("send_beacon", "tell the monitor now that this OSD lives", () => {
      osd.send_beacon();
      return {};
    });
    add("injectfull", "for tests, say to be so full: injectfull [type] [count]", (cmd) => {
      inject_full(osd, optional_text(cmd, "type"), optional_text(cmd, "count"));
      return {};
    });
    add("flush_pg_stats", "send statistics to the monitor now", () => {
      osd.stats.report_all();
      return { outs: "" };
    });
    add("get_latest_osdmap", "ask the monitor for newer maps", () => {
      const have = osd.superblock.newest_map;
      osd.monc.sub_want_again("osdmap", have + 1);
      return { outb: { epoch: have } };
    });
    add("log set", "set the level of a subsystem: log set <level> [subsystem]", (cmd) => {
      const level = text_arg(cmd, "level");
      const subsys = optional_text(cmd, "subsys") ?? "*";
      this.#set_log_level(subsys, level);
      return { outs: `log level of ${subsys === "*" ? "everything" : subsys} set to ${level}` };
    });
    return t;
  }
  #status(): unknown {
    const { superblock: sb, boot, pgs, whoami } = this.#osd;
    return {
      cluster_fsid: sb.cluster_fsid,
      osd_fsid: sb.osd_fsid,
      whoami,
      state: boot.state,
      oldest_map: sb.oldest_map,
      cluster_osdmap_trim_lower_bound: this.#osd.service.oldest_map(),
      newest_map: sb.newest_map,
      num_pgs: pgs.size,
    };
  }

  #add_pg_commands(add: (name: string, help: string, run: Handler) => void): void {
    const osd = this.#osd;
    add("query", "show details of a pg: query <pgid>", (cmd) => ({ outb: this.#pg(cmd).query() }));
    add("list_unfound", "list unfound objects of a pg: list_unfound <pgid>", (cmd) => ({
      outb: this.#pg(cmd).list_unfound(optional_text(cmd, "offset")),
    }));
    add(
      "mark_unfound_lost",
      "give up objects: mark_unfound_lost <pgid> revert|delete",
      (cmd, reply) => {
        mark_unfound_lost(this.#pg(cmd), text_arg(cmd, "mulcmd"), (a) =>
          reply(a instanceof CommandError ? a : { outs: a }),
        );
        return null;
      },
    );
    add("scrub", "let the pg's scrub fall due: scrub <pgid> [seconds ago]", (cmd) => ({
      outb: schedule_scrub(this.#pg(cmd), false, seconds_arg(cmd)),
    }));
    add(
      "deep_scrub",
      "let the pg's deep scrub fall due: deep_scrub <pgid> [seconds ago]",
      (cmd) => ({
        outb: schedule_scrub(this.#pg(cmd), true, seconds_arg(cmd)),
      }),
    );
    add(
      "list-inconsistent-obj",
      "what the last scrub found: list-inconsistent-obj <pgid>",
      (cmd) => ({
        outb: list_inconsistent_obj(this.#pg(cmd)),
      }),
    );
    add("dump_pgstate_history", "show recent state history of the pgs", () => ({
      outb: { pgs: osd.pgs.all().map((pg) => pg.dump_pgstate_history()) },
    }));
  }
  #add_op_commands(add: (name: string, help: string, run: Handler) => void): void {
    const ops = this.#osd.service.op_tracker;
    add("dump_ops_in_flight", "show the ops currently in flight", () => ({
      outb: ops.dump_ops_in_flight(),
    }));
    add("ops", "show the ops currently in flight", () => ({ outb: ops.dump_ops_in_flight() }));
    add("dump_blocked_ops", "show the blocked ops currently in flight", () => ({
      outb: ops.dump_blocked_ops(),
    }));
    add("dump_historic_ops", "show recent ops", () => ({ outb: ops.dump_historic_ops() }));
    add("dump_historic_ops_by_duration", "show recent ops, the longest first", () => ({
      outb: ops.dump_historic_ops_by_duration(),
    }));
    add("dump_historic_slow_ops", "show slowest recent ops", () => ({
      outb: ops.dump_historic_slow_ops(),
    }));
    // Nobody can watch an object here.
    add("dump_watchers", "show clients which have active watches", () => ({ outb: [] }));
  }
  #add_perf_commands(add: (name: string, help: string, run: Handler) => void): void {
    const osd = this.#osd;
    add("dump_pg_recovery_stats", "show how long PGs were in which peering state", () => ({
      outb: osd.service.state_times.dump(),
    }));
    add("reset_pg_recovery_stats", "count these anew", () => {
      osd.service.state_times.reset();
      return {};
    });
    add("perf dump", "show counters: perf dump [logger] [counter]", (cmd) => ({
      outb: perf_dump(osd, optional_text(cmd, "logger"), optional_text(cmd, "counter")),
    }));
    add("perf schema", "show what the counters are", () => ({ outb: perf_schema(osd) }));
    add("perf reset", "count anew: perf reset all|<logger>", (cmd) => ({
      outb: perf_reset(osd, text_arg(cmd, "var")),
    }));
    add(
      "dump_osd_network",
      "show slow heartbeats: dump_osd_network [at least so many ms]",
      (cmd) => ({ outb: dump_osd_network(osd, ms_arg(cmd)) }),
    );
    add("dump_blocklist", "show clients that are kept out, and until when", () => ({
      outb: dump_blocklist(osd),
    }));
    add("get_mapped_pools", "show pools that have PGs here", () => ({
      outb: get_mapped_pools(osd),
    }));
  }
  #add_config_commands(add: (name: string, help: string, run: Handler) => void): void {
    const { config } = this.#osd;
    add("config show", "options with value and origin", () => ({ outb: config.show("osd") }));
    add("config diff", "options that are not at their default", () => ({ outb: config.diff() }));
    add("config get", "value of an option: config get <key>", (cmd) => {
      const key = find_option(text_arg(cmd, "key"));
      return { outb: { [key]: config.get_text(key) } };
    });
    add("config set", "change an option until the restart: config set <key> <value>", (cmd) => {
      const key = config.set(text_arg(cmd, "key"), text_arg(cmd, "value"));
      return { outb: { [key]: config.get_text(key) } };
    });
    // Ceph's name for it, and the monitor's.
    for (const name of ["config unset", "config rm"]) {
      add(name, `take a config set back: ${name} <key>`, (cmd) => {
        const key = config.rm(text_arg(cmd, "key"));
        return { outb: { [key]: config.get_text(key) } };
      });
    }
  }

  /** The PG that the command names; ENXIO when it is not here or we are not its primary. */
  #pg(cmd: Cmd): PG {
    const text = text_arg(cmd, "pgid");
    const pgid: pg_t | undefined = pg_parse(text);
    if (!pgid) throw new CommandError("EINVAL", `invalid pgid '${text}': want <pool>.<hex>`);
    const pg = this.#osd.pgs.find_primary(pgid);
    if (!pg?.is_primary()) {
      throw new CommandError("ENXIO", `i don't have pgid ${pgid} as primary`);
    }
    return pg;
  }
}

function optional_text(cmd: Cmd, name: string): string | undefined {
  const v: unknown = cmd[name];
  if (v === undefined || v === null) return undefined;
  if (typeof v === "string") return v;
  if (typeof v === "number") return String(v);
  throw new CommandError("EINVAL", `argument '${name}' must be text`);
}
/** `time` of Ceph's scrub commands: how long ago the last one is to have been; 0: long enough. */
function seconds_arg(cmd: Cmd): number {
  const text = optional_text(cmd, "time") ?? "0";
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new CommandError("EINVAL", `'${text}' is no number of seconds`);
}
function ms_arg(cmd: Cmd): number | undefined {
  const text = optional_text(cmd, "value");
  if (text === undefined || /^\d{1,10}$/.test(text))
    return text === undefined ? text : Number(text);
  throw new CommandError("EINVAL", `'${text}' is no number of milliseconds`);
}
function text_arg(cmd: Cmd, name: string): string {
  const v = optional_text(cmd, name);
  if (v === undefined) {
    throw new CommandError(
      "EINVAL",
      `missing required argument '${name}' (${errno_name(ERRNO.EINVAL)})`,
    );
  }
  return v;
}
