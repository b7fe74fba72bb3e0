/** Reading the daemons' log files: filtered, merged by time, followed. */
import { closeSync, fstatSync, openSync, readSync, watch } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import pretty from "pino-pretty";
import { on_interrupt } from "../cli_context.ts";
import type { ClusterDir, DaemonName } from "./ClusterDir.ts";

export interface LogOptions {
  readonly follow?: boolean;
  readonly pg?: string;
  readonly event?: string;
  readonly lines: number;
}

interface Line {
  readonly text: string;
  readonly time: string;
}

/** New complete lines of one file at each call. */
export class Tail {
  readonly #path: string;
  #pos = 0;
  #rest = "";
  readonly #decoder = new StringDecoder("utf8");

  constructor(path: string) {
    this.#path = path;
  }
  read(): string[] {
    let fd: number;
    try {
      fd = openSync(this.#path, "r");
    } catch {
      return [];
    }
    try {
      const { size } = fstatSync(fd);
      // Begun anew: somebody truncated it.
      if (size < this.#pos) this.#pos = 0;
      const buf = Buffer.alloc(size - this.#pos);
      const n = readSync(fd, buf, 0, buf.length, this.#pos);
      this.#pos += n;
      const parts = (this.#rest + this.#decoder.write(buf.subarray(0, n))).split("\n");
      this.#rest = parts.pop() ?? "";
      return parts;
    } finally {
      closeSync(fd);
    }
  }
}

export async function show_logs(
  dir: ClusterDir,
  names: readonly DaemonName[],
  o: LogOptions,
): Promise<void> {
  const tails = names.map((n) => new Tail(dir.log(n)));
  const print = printer();
  const next = () =>
    tails
      .flatMap((t) => t.read())
      .flatMap((text) => select(text, o))
      .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  const first = next();
  for (const l of first.slice(Math.max(0, first.length - o.lines))) print(l.text);
  if (!o.follow) return;
  const watchers = names.map((n) => {
    // A daemon that never ran has no log yet.
    closeSync(openSync(dir.log(n), "a"));
    return watch(dir.log(n), () => {
      for (const l of next()) print(l.text);
    });
  });
  await new Promise<void>((ok) => on_interrupt(ok));
  for (const w of watchers) w.close();
}

/** The line when it passes the filters. Text that is no JSON (a crash of node) always does. */
export function select(text: string, o: LogOptions): Line[] {
  if (text === "") return [];
  let line: Record<string, unknown>;
  try {
    line = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return [{ text, time: "" }];
  }
  if (o.event !== undefined && line.msg !== o.event) return [];
  if (o.pg !== undefined && line.pg !== o.pg) return [];
  return [{ text, time: String(line.time ?? "") }];
}

function printer(): (text: string) => void {
  if (!process.stdout.isTTY) return (text) => process.stdout.write(`${text}\n`);
  const show = pretty.prettyFactory({
    colorize: true,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "pid,hostname,service,name",
    singleLine: true,
    messageFormat: "{name} {msg}",
  });
  return (text) => {
    try {
      process.stdout.write(show(JSON.parse(text)));
    } catch {
      process.stdout.write(`${text}\n`);
    }
  };
}
