/**
 * Daemon processes of a local cluster: starting them detached with their logs in files, asking
 * whether they live, ending them.
 */
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CommandError } from "@tako/common";
import { Fields } from "../render/Fields.ts";
import type { ClusterDir, DaemonEntry, DaemonName } from "./ClusterDir.ts";

/** Programs of the daemons; the CLI runs them, it does not import them. */
const PROGRAM = {
  mon: fileURLToPath(new URL("../../../mon/dist/main.js", import.meta.url)),
  osd: fileURLToPath(new URL("../../../osd/dist/main.js", import.meta.url)),
};

/** V8's own choice of 16 MB makes an idle daemon 25 MB larger, for no speed that can be measured. */
const NODE_FLAGS = ["--max-semi-space-size=4"];

export function kind_of(name: DaemonName): "mon" | "osd" {
  return name.startsWith("mon.") ? "mon" : "osd";
}
export function id_of(name: DaemonName): string {
  return name.slice(4);
}

/** Starts the daemon and notes its pid. Does not wait until it works. */
export function start_daemon(dir: ClusterDir, d: DaemonEntry, store: "level" | "mem"): void {
  const kind = kind_of(d.name);
  if (!existsSync(PROGRAM[kind])) {
    throw new CommandError("ENOENT", `${PROGRAM[kind]} is missing: run 'npm run build'`);
  }
  mkdirSync(dirname(dir.log(d.name)), { recursive: true });
  const out = openSync(dir.log(d.name), "a");
  const args = [
    ...NODE_FLAGS,
    PROGRAM[kind],
    `--id=${id_of(d.name)}`,
    `--data=${dir.data(d.name)}`,
    `--listen=127.0.0.1:${d.port}`,
    `--config=${dir.conf}`,
  ];
  if (kind === "osd") args.push(`--osd-objectstore=${store}`);
  const child = spawn(process.execPath, args, { detached: true, stdio: ["ignore", out, out] });
  closeSync(out);
  if (child.pid === undefined) throw new CommandError("EAGAIN", `${d.name} could not be started`);
  child.unref();
  dir.set_pid(d.name, child.pid);
}

/**
 * Does the process run, and is it still this daemon? A pid may have been given to somebody else
 * since.
 */
export function is_running(d: DaemonEntry): boolean {
  if (d.pid <= 0) return false;
  try {
    process.kill(d.pid, 0);
  } catch (e) {
    return (e as NodeJS.ErrnoException).code === "EPERM";
  }
  try {
    const cmd = readFileSync(`/proc/${d.pid}/cmdline`, "utf8");
    const stat = readFileSync(`/proc/${d.pid}/stat`, "utf8");
    const zombie = /\) Z /.test(stat);
    return !zombie && cmd.includes(`--id=${id_of(d.name)}`) && cmd.includes(`:${d.port}`);
  } catch {
    // No /proc on this system: the pid has to do.
    return !existsSync("/proc/self");
  }
}

export function signal_daemon(d: DaemonEntry, signal: NodeJS.Signals): void {
  if (!is_running(d)) throw new CommandError("ENOENT", `${d.name} is not running`);
  process.kill(d.pid, signal);
}

/** Resolves when the process has ended; false when it still runs after `timeout_ms`. */
export async function wait_gone(d: DaemonEntry, timeout_ms: number): Promise<boolean> {
  const deadline = Date.now() + timeout_ms;
  while (is_running(d)) {
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

/** Why a daemon ended: the last thing that its log says about it. */
export function last_words(dir: ClusterDir, name: DaemonName): string {
  try {
    const lines = readFileSync(dir.log(name), "utf8").trimEnd().split("\n");
    return words_of(lines.at(-1) ?? "");
  } catch {
    return "it left no log";
  }
}
/** Event and what explains it of a JSON line; other text as it is. */
export function words_of(line: string): string {
  try {
    const f = new Fields(JSON.parse(line));
    const err = f.at("err").text("message");
    const parts = [f.text("msg"), f.text("error"), f.text("reason"), err].filter((t) => t !== "");
    return parts.length > 0 ? parts.join(": ") : line;
  } catch {
    return line;
  }
}
