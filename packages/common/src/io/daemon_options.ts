/**
 * From the command line, the environment and the configuration file to a Config: the same for every
 * daemon, and generated from the option table. `--osd-heartbeat-grace 5` sets osd_heartbeat_grace.
 */
import { readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import { Config } from "../config/Config.ts";
import { option_text } from "../config/option.ts";
import { OPTION_NAMES, option_spec, suggest } from "../config/options.ts";
import { CommandError } from "../errors.ts";
import type { entity_name_t } from "../types/entity.ts";
import { type HostPort, parse_host_port } from "./WsMessenger.ts";

export type DaemonService = "mon" | "osd";

export interface DaemonOptions {
  readonly command: "run" | "healthcheck";
  readonly id: string;
  readonly name: entity_name_t;
  readonly config: Config;
}

/** Environment variables beginning with TAKO_ that are not options of the table. */
export const OTHER_ENV = ["TAKO_ID", "TAKO_DATA", "TAKO_CONFIG", "TAKO_DIR"];
/** Where a monitor listens when nothing else is said, as in Ceph. */
export const MON_PORT = 6789;

type Env = Readonly<Record<string, string | undefined>> & {
  readonly TAKO_ID?: string | undefined;
  readonly TAKO_DATA?: string | undefined;
  readonly TAKO_CONFIG?: string | undefined;
};

/** Wrong usage: one line for stderr; exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
/** Help or version was asked for: text for stdout; exit code 0. */
export class HelpShown extends Error {
  override readonly name = "HelpShown";
}

/** Throws UsageError naming what is wrong, or HelpShown. */
export function parse_daemon_args(
  service: DaemonService,
  version: string,
  argv: readonly string[],
  env: Env,
): DaemonOptions {
  const out: string[] = [];
  const flags = new Map<string, string>();
  const program = describe(service, version, flags, out);
  let command: DaemonOptions["command"] = "run";
  try {
    program.parse(argv.map(with_dashes), { from: "user" });
  } catch (e) {
    if (!(e instanceof CommanderError)) throw e;
    if (e.exitCode === 0) throw new HelpShown(out.join(""), { cause: e });
    throw new UsageError(hinted(e), { cause: e });
  }
  const [word] = program.args;
  if (word === "options") throw new HelpShown(option_table());
  if (word === "healthcheck") command = "healthcheck";
  else if (word !== undefined) throw new UsageError(`unexpected argument ${word}; see --help`);
  try {
    // One who only asks need not say who it is.
    if (command === "healthcheck" && !flags.has("id")) flags.set("id", env.TAKO_ID ?? "0");
    return { command, ...settle(service, flags, env) };
  } catch (e) {
    if (e instanceof CommandError) throw new UsageError(e.message, { cause: e });
    throw e;
  }
}

function describe(
  service: DaemonService,
  version: string,
  flags: Map<string, string>,
  out: string[],
): Command {
  const take = (name: string) => (v: string) => {
    flags.set(name, v);
  };
  const c = new Command(`tako-${service}`)
    .description(service === "mon" ? "Tako's monitor." : "Tako's object storage daemon.")
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (s) => out.push(s), writeErr: () => {} })
    .argument("[command]", "healthcheck: is it up and well? options: list every option. None: run.")
    .option(
      "--id <id>",
      service === "mon" ? "name of the monitor, e.g. a" : "number of the OSD",
      take("id"),
    )
    .option("--data <dir>", "data directory", take("data"))
    .option("--config <file>", "configuration file, as ceph.conf", take("config"));
  const shown = ["listen", "public_addr", "mon_host", "log_level"];
  for (const name of OPTION_NAMES) {
    const text = `${option_spec(name).desc} (${option_text(option_spec(name).default) || "unset"})`;
    const o = new Option(`--${name.replaceAll("_", "-")} <value>`, text).argParser(take(name));
    c.addOption(shown.includes(name) ? o : o.hideHelp());
  }
  return c.addHelpText(
    "after",
    `
Every option of the table (tako-${service} options) is a flag, a variable and a line in the file:
  --osd-heartbeat-grace 5    TAKO_OSD_HEARTBEAT_GRACE=5    osd_heartbeat_grace = 5

Examples:
  tako-mon --id a --data /var/lib/tako/mon.a --listen 0.0.0.0:6789
  tako-osd --id 0 --data /var/lib/tako/osd.0 --mon-host mon0:6789
  tako-${service} healthcheck --listen 127.0.0.1:6789
`,
  );
}

/** The Config and who we are; later sources win: file, environment, command line. */
function settle(
  service: DaemonService,
  flags: Map<string, string>,
  env: Env,
): Omit<DaemonOptions, "command"> {
  const id = flags.get("id") ?? env.TAKO_ID;
  if (id === undefined) throw new CommandError("EINVAL", "--id is missing");
  const pattern = service === "osd" ? /^(0|[1-9]\d{0,8})$/ : /^[A-Za-z0-9_-]{1,48}$/;
  if (!pattern.test(id)) throw new CommandError("EINVAL", `--id "${id}" is no ${service} id`);
  if (id === "any") throw new CommandError("EINVAL", '--id "any" is reserved');
  const name: entity_name_t = `${service}.${id}`;
  const config = new Config();
  const file = flags.get("config") ?? env.TAKO_CONFIG;
  if (file !== undefined) config.load_file(read(file), file, name);
  config.load_env(env, OTHER_ENV);
  const data = env.TAKO_DATA;
  if (data !== undefined) config.put(`${service}_data`, data, "env");
  for (const [flag, v] of flags) {
    if (flag === "data") config.put(`${service}_data`, v, "cmdline");
    else if (flag !== "id" && flag !== "config") config.put(flag, v, "cmdline");
  }
  return { id, name, config };
}

/** Where the daemon is to listen. */
export function listen_of(service: DaemonService, config: Config): HostPort {
  const text = config.get("listen");
  if (text !== "") return parse_host_port(text, "listen");
  return { host: "127.0.0.1", port: service === "mon" ? MON_PORT : 0 };
}
export function public_addr_of(config: Config): HostPort | undefined {
  const text = config.get("public_addr");
  return text === "" ? undefined : parse_host_port(text, "public_addr");
}
/** The monitors of mon_host; port 6789 where none is given. */
export function mon_hosts_of(config: Config): HostPort[] {
  const parts = config.get("mon_host").split(/[\s,]+/);
  return parts
    .filter((s) => s !== "")
    .map((s) => parse_host_port(s, "mon_host"))
    .map((h) => (h.port === 0 ? { ...h, port: MON_PORT } : h));
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (e) {
    const why = e instanceof Error ? e.message : String(e);
    throw new CommandError("EINVAL", `cannot read the configuration file ${file}: ${why}`);
  }
}

/** --osd_heartbeat_grace as people write it for Ceph. */
function with_dashes(arg: string): string {
  if (!arg.startsWith("--")) return arg;
  const eq = arg.indexOf("=");
  const end = eq < 0 ? arg.length : eq;
  return arg.slice(0, end).replaceAll("_", "-") + arg.slice(end);
}
/** Commander does not suggest hidden options, and nearly all are. */
function hinted(e: CommanderError): string {
  const text = one_line(e.message);
  const wrong = /^unknown option '--([a-z0-9-]+)(?:=.*)?'$/.exec(text)?.[1];
  const near = wrong === undefined ? [] : suggest(wrong.replaceAll("-", "_"));
  const flags = near.map((n) => `--${n.replaceAll("_", "-")}`);
  return flags.length === 0 ? text : `${text}; did you mean ${flags.join(" or ")}?`;
}
function one_line(s: string): string {
  return s
    .replace(/^error: /, "")
    .trim()
    .replace(/\s*\n\s*/g, " ");
}

function option_table(): string {
  const rows = OPTION_NAMES.map((name) => {
    const s = option_spec(name);
    const notes = [s.startup === true ? "at start" : "", s.tako === true ? "Tako's own" : ""];
    return [name, s.type, option_text(s.default), s.desc, ...notes.filter((n) => n !== "")];
  });
  const widths = [0, 1, 2].map((i) => Math.max(...rows.map((r) => r[i]?.length ?? 0)));
  return `${rows
    .map(([name = "", type = "", value = "", desc = "", ...notes]) => {
      const head = [name, type, value].map((x, i) => x.padEnd(widths[i] ?? 0)).join("  ");
      return `${head}  ${desc}${notes.length > 0 ? ` (${notes.join(", ")})` : ""}`;
    })
    .join("\n")}\n`;
}
