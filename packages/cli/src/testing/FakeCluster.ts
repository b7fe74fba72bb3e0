/** A cluster that notes what it was asked and answers from a table; runs `tako` on it. */
import { type CommandResult, RadosError } from "@tako/client";
import type { Errno, MonCommand } from "@tako/common";
import type { CliIo, Session } from "../cli_context.ts";
import { report_error } from "../errors.ts";
import { build_program } from "../program.ts";
import { NO_PAINT } from "../render/colour.ts";

export interface Answer {
  readonly outs?: string;
  readonly outb?: unknown;
  readonly data?: Uint8Array[];
  readonly errno?: Errno;
}
export interface Asked {
  readonly to: string;
  readonly cmd: MonCommand;
  readonly data?: Uint8Array[];
}
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export class FakeCluster {
  readonly asked: Asked[] = [];
  reachable = true;
  /** Answers by prefix; others answer with nothing. */
  answers: Readonly<Record<string, Answer>> = {};
  flags = "sortbitwise,recovery_deletes";

  #answer(to: string, cmd: MonCommand, data?: Uint8Array[]): Promise<CommandResult> {
    this.asked.push({ to, cmd, ...(data && { data }) });
    const a = this.answers[String(cmd.prefix)] ?? {};
    if (a.errno) return Promise.reject(RadosError.of(a.errno, a.outs ?? ""));
    return Promise.resolve({ outs: a.outs ?? "", outb: a.outb, data: a.data ?? [] });
  }

  session(): Session {
    const none = () => Promise.reject(new Error("not in this fake"));
    return {
      osdmap: { get_flag_string: () => this.flags, get_pg_pool: () => undefined },
      connect: () => (this.reachable ? Promise.resolve() : none()),
      shutdown: () => Promise.resolve(),
      mon_command: (cmd, o) => this.#answer("mon", cmd, o?.data),
      osd_command: (osd, cmd) => this.#answer(`osd.${osd}`, cmd),
      pg_command: (pgid, cmd) => this.#answer(pgid, cmd),
      watch_log: () => {},
      pool_list: () => ["a", "b"],
      pool_lookup: () => undefined,
      pool_create: none,
      open_ioctx: none,
    };
  }

  /** Runs the command line as a person types it. */
  async tako(line: string): Promise<Ran> {
    let out = "";
    let err = "";
    const decoder = new TextDecoder();
    const io: CliIo = {
      out: (d) => {
        out += typeof d === "string" ? d : decoder.decode(d);
      },
      err: (t) => {
        err += t;
      },
      paint: NO_PAINT,
      watched: false,
      now_ms: () => 1_000_000,
      open: () => Promise.resolve(this.session()),
    };
    let code = 0;
    try {
      const words = line.split(" ").filter((w) => w !== "");
      await build_program(io).parseAsync(["node", "tako", "-m", "fake:1", ...words]);
    } catch (e) {
      code = report_error(e, io);
    }
    return { code, out, err };
  }

  /** What the command line asked for last, without its prefix where that is the words themselves. */
  async asks(line: string): Promise<MonCommand | string> {
    this.asked.length = 0;
    const r = await this.tako(line);
    return this.asked.at(-1)?.cmd ?? r.err;
  }
}
