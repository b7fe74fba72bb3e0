/**
 * The directory of a local cluster (default .tako): which daemons there are, on which ports, with
 * which processes; their configuration, data and logs.
 *
 *     cluster.json   daemons, ports, pids        tako.conf   options and mon_host
 *     data/osd.0/    what a daemon stores        log/osd.0.log
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { CommandError } from "@tako/common";

export type DaemonName = `mon.${string}` | `osd.${number}`;

export interface DaemonEntry {
  readonly name: DaemonName;
  readonly port: number;
  /** Of the last process started; it may be gone. */
  pid: number;
}
export interface ClusterFile {
  readonly format: 1;
  readonly store: "level" | "mem";
  readonly daemons: DaemonEntry[];
}

export class ClusterDir {
  readonly path: string;
  constructor(path: string) {
    this.path = resolve(path);
  }
  get file(): string {
    return join(this.path, "cluster.json");
  }
  get conf(): string {
    return join(this.path, "tako.conf");
  }
  get data_dir(): string {
    return join(this.path, "data");
  }
  data(name: DaemonName): string {
    return join(this.data_dir, name);
  }
  log(name: DaemonName): string {
    return join(this.path, "log", `${name}.log`);
  }
  get exists(): boolean {
    return existsSync(this.file);
  }

  /** CommandError ENOENT when there is no cluster here, EINVAL when the file is damaged. */
  read(): ClusterFile {
    if (!this.exists) {
      const how = "start one with 'tako cluster start', or name its directory with --dir";
      throw new CommandError("ENOENT", `no local cluster in ${this.path}: ${how}`);
    }
    try {
      const parsed: unknown = JSON.parse(readFileSync(this.file, "utf8"));
      if (is_cluster_file(parsed)) return parsed;
    } catch (e) {
      if (!(e instanceof SyntaxError)) throw e;
    }
    throw new CommandError("EINVAL", `${this.file} is damaged: not a description of a cluster`);
  }
  write(c: ClusterFile): void {
    mkdirSync(join(this.path, "log"), { recursive: true });
    mkdirSync(this.data_dir, { recursive: true });
    // Whole or not at all: another command may read it at any time.
    const tmp = `${this.file}.${process.pid}`;
    writeFileSync(tmp, `${JSON.stringify(c, null, 2)}\n`);
    renameSync(tmp, this.file);
  }
  daemon(name: string): DaemonEntry {
    const { daemons } = this.read();
    const d = daemons.find((x) => x.name === name);
    if (d) return d;
    const known = daemons.map((x) => x.name).join(", ");
    throw new CommandError("ENOENT", `no daemon '${name}' in this cluster: it has ${known}`);
  }
  set_pid(name: DaemonName, pid: number): void {
    const c = this.read();
    const d = c.daemons.find((x) => x.name === name);
    if (d) d.pid = pid;
    this.write(c);
  }
}

function is_cluster_file(x: unknown): x is ClusterFile {
  if (typeof x !== "object" || x === null) return false;
  const c = x as Partial<ClusterFile>;
  return (
    c.format === 1 &&
    Array.isArray(c.daemons) &&
    c.daemons.every((d) => typeof d.name === "string" && Number.isInteger(d.port))
  );
}

/** Free TCP ports on the loopback interface, each a different one. */
export async function free_ports(n: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: n }, async () => {
      const s = createServer();
      await new Promise<void>((ok, fail) => {
        s.once("error", fail);
        s.listen(0, "127.0.0.1", ok);
      });
      return s;
    }),
  );
  const ports = servers.map((s) => {
    const a = s.address();
    return typeof a === "object" && a !== null ? a.port : 0;
  });
  await Promise.all(servers.map((s) => new Promise((ok) => s.close(ok))));
  return ports;
}
