/** A Rados handle over real sockets, from a monitor address or a configuration file. */
import { readFileSync } from "node:fs";
import {
  CommandError,
  Config,
  type ConfigValues,
  type Log,
  type MonTarget,
  NULL_LOG,
} from "@tako/common";
import { parse_host_port, SystemClock, SystemRng, WsMessenger } from "@tako/common/io";
import { Rados } from "../Rados.ts";

export interface OpenOptions {
  /** `host:port[,host:port...]`; default: mon_host of `conf` or of the environment. */
  readonly mon_host?: string;
  /** Configuration file (ceph.conf syntax). */
  readonly conf?: string;
  /** Options by their Ceph names, over file and environment. */
  readonly config?: ConfigValues;
  readonly log?: Log;
}

/** Variables of the environment that begin with TAKO_ and are no options. */
export const NOT_OPTIONS = ["TAKO_DIR", "TAKO_DOCKER_ENGINE_UP"];

/**
 * Prepares a handle; connect() opens the session, shutdown() must be called at the end.
 * CommandError EINVAL for a bad option or when no monitor is named anywhere.
 */
export async function open_rados(o: OpenOptions = {}): Promise<Rados> {
  const config = new Config();
  if (o.conf !== undefined) {
    config.load_file(read_conf(o.conf), o.conf, "client.admin");
  }
  config.load_env(process.env, NOT_OPTIONS);
  for (const [name, v] of Object.entries(o.config ?? {})) config.put(name, v, "cmdline");
  const mon_host = o.mon_host ?? config.get("mon_host");
  const log = o.log ?? NULL_LOG;
  const clock = new SystemClock();
  const rng = new SystemRng();
  const mons = parse_mon_host(mon_host);
  const id = 1 + rng.int(0x7ffffffe);
  const messenger = await WsMessenger.open({ name: `client.${id}`, clock, rng, log, config });
  return new Rados({ messenger, clock, rng, log, config, mons });
}

/** `a:1,b:2` as targets; whoever listens there. */
export function parse_mon_host(text: string): MonTarget[] {
  const parts = text.split(/[,\s]+/).filter((s) => s !== "");
  if (parts.length === 0) {
    const how = "give --mon-host HOST:PORT, set TAKO_MON_HOST, or name a file with mon_host";
    throw new CommandError("EINVAL", `no monitor address: ${how}`);
  }
  return parts.map((p) => ({
    name: "mon.any",
    addr: { ...parse_host_port(p, "a monitor address"), nonce: 0 },
  }));
}

function read_conf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (e) {
    throw new CommandError("ENOENT", `cannot read ${file}: ${(e as Error).message}`, { cause: e });
  }
}
