/** One daemon process of a test: started, signalled, its log read while it runs. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "./until.ts";

const PROGRAM = {
  mon: fileURLToPath(new URL("../../packages/mon/dist/main.js", import.meta.url)),
  osd: fileURLToPath(new URL("../../packages/osd/dist/main.js", import.meta.url)),
};

/** As `tako cluster start` runs them: with V8's own choice an idle daemon takes 25 MB more. */
const NODE_FLAGS = ["--max-semi-space-size=4"];

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}
export interface DaemonSpec {
  readonly service: "mon" | "osd";
  readonly id: string;
  readonly port: number;
  readonly data: string;
  readonly conf: string;
}

/** Every process of this file, so that an end of the test run is theirs too. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const p of running) p.kill("SIGKILL");
});

export class Daemon {
  readonly spec: DaemonSpec;
  readonly name: string;
  /** Lines of all starts, in order. */
  readonly lines: LogLine[] = [];
  stderr = "";
  /** Lines on stdout that are no JSON: there should be none. */
  readonly noise: string[] = [];
  #process: ChildProcess | undefined;
  #exited: Promise<Exit> = Promise.resolve({ code: null, signal: null });

  constructor(spec: DaemonSpec) {
    this.spec = spec;
    this.name = `${spec.service}.${spec.id}`;
  }

  /** Starts the process, with these arguments over the usual ones. */
  start(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): this {
    if (this.alive) throw new Error(`${this.name} runs already`);
    const { service, id, port, data, conf } = this.spec;
    const usual = [`--id=${id}`, `--data=${data}`, `--listen=127.0.0.1:${port}`];
    const p = run(service, [...usual, `--config=${conf}`, ...args], env);
    this.#process = p;
    this.#exited = exit_of(p);
    let rest = "";
    p.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) this.#take(line);
    });
    p.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    return this;
  }
  #take(line: string): void {
    try {
      this.lines.push(JSON.parse(line) as LogLine);
    } catch {
      this.noise.push(line);
    }
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }
  get alive(): boolean {
    const p = this.#process;
    return p !== undefined && p.exitCode === null && p.signalCode === null;
  }
  kill(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }
  /** How it ended, after the last of its output. */
  exited(): Promise<Exit> {
    return this.#exited;
  }
  /** kill -9 and the end of it. */
  async slay(): Promise<void> {
    this.kill("SIGKILL");
    await this.exited();
  }

  /** Lines with that event since line `from`. */
  logged(msg: string, from = 0): LogLine[] {
    return this.lines.slice(from).filter((l) => l.msg === msg);
  }
  /** Waits for a line with that event (that passes `test`) since line `from`. */
  async log(msg: string, from = 0, test: (l: LogLine) => boolean = () => true): Promise<LogLine> {
    let found: LogLine | undefined;
    await until(`${this.name} logs ${msg}`, () => {
      found = this.logged(msg, from).find(test);
      if (found === undefined && !this.alive) throw new Error(`${this.name} ended`);
      return found !== undefined;
    });
    return found as LogLine;
  }

  /** Resident memory in MB. */
  rss_mb(): number {
    const text = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) / 1024;
  }
  /** Its whole log as a file. */
  save(dir: string): void {
    mkdirSync(dir, { recursive: true });
    const text = this.lines.map((l) => `${JSON.stringify(l)}\n`).join("");
    writeFileSync(join(dir, `${this.name}.log`), text + this.noise.join("\n") + this.stderr);
  }
  /** The end of its log: for tests that failed. */
  report(): string {
    const tail = this.lines.slice(-40).map((l) => JSON.stringify(l));
    return `--- ${this.name}\n${[...tail, ...this.noise, this.stderr].join("\n")}\n`;
  }
}

/** Runs a daemon program with just these arguments. */
export function run(
  service: "mon" | "osd",
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const p = spawn(process.execPath, [...NODE_FLAGS, PROGRAM[service], ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH ?? "", ...env },
  });
  running.add(p);
  p.once("close", () => running.delete(p));
  return p;
}
export function exit_of(p: ChildProcess): Promise<Exit> {
  return new Promise((ok) => p.once("close", (code, signal) => ok({ code, signal })));
}
