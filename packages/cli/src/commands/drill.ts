/** `tako drill FILE`: a scenario file, played against a cluster of real processes. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError } from "@tako/common";
import type { Command } from "commander";
import { file_error, type GlobalOptions, merged_options } from "../cli_context.ts";
import { ClusterDir } from "../cluster/ClusterDir.ts";
import { is_running, signal_daemon } from "../cluster/processes.ts";
import { DrillError } from "../drill/DrillStage.ts";
import { type DrillOptions, play_drill } from "../drill/play_drill.ts";
import { play_seeded } from "../drill/play_seeded.ts";
import { int_arg } from "./int_arg.ts";

interface DrillFlags extends GlobalOptions {
  readonly keep?: boolean;
  readonly timeout: number;
}

const HOW = `
A cluster of its own is started in a directory of its own, and ended again. The words of scenario
files are in docs/scenario-files.md; those that only the simulator knows (hold, drop, partition,
disk ...) are refused before anything starts, expectations that only it can look at are skipped.

A file that 'npm run sim -- --seed N --shrink FILE' made is played, too: the same OSDs, pools and load,
and its faults as far as processes can have them. It is not an exact repeat; what is left out is said.

Examples:
  tako drill packages/sim/testdata/03-replica-down.txt
  printf 'cluster osds=3\\npool p\\nwrite x v1\\nkill A\\nexpect x v1\\n' | tako drill -
`;

export function add_drill(program: Command): void {
  program
    .command("drill")
    .argument("<file>", "scenario file; - is standard input")
    .description("play a scenario file against a private cluster of real processes")
    .option("--timeout <s>", "seconds that any wait may take", int_arg(1, 3600), 120)
    .option("--keep", "leave the directory with data and logs, and say where it is")
    .addHelpText("after", HOW)
    .action((file: string, _o, cmd: Command) => run(file, merged_options<DrillFlags>(cmd)));
}

async function run(file: string, o: DrillFlags): Promise<void> {
  const text = read(file);
  const path = mkdtempSync(join(tmpdir(), "tako-drill-"));
  const say = (line: string) => o.io.err(`${line}\n`);
  const dir = new ClusterDir(path);
  const clear_away = () => {
    if (!o.keep) rmSync(path, { recursive: true, force: true });
  };
  // A signal ends this process at once, and daemons are processes of their own.
  const at_exit = () => {
    kill_all(dir);
    clear_away();
  };
  process.once("exit", at_exit);
  try {
    const g = { ...o, dir: path, conf: dir.conf };
    const drill = { dir, limit_ms: o.timeout * 1000, g, say };
    o.io.out(`${file}: ${await (is_seeded(text) ? seeded(text, drill) : steps(text, drill))}\n`);
  } catch (e) {
    if (e instanceof DrillError) throw new CommandError("EINVAL", `${file}: ${e.message}`);
    throw e;
  } finally {
    process.off("exit", at_exit);
    if (o.keep) say(`data and logs: ${path}`);
    clear_away();
  }
}
function kill_all(dir: ClusterDir): void {
  const daemons = dir.exists ? dir.read().daemons : [];
  for (const d of daemons) if (is_running(d)) signal_daemon(d, "SIGKILL");
}
/** A part of a seeded run, or steps written by hand. */
function is_seeded(text: string): boolean {
  return /^sim /m.test(text);
}
async function steps(text: string, drill: DrillOptions): Promise<string> {
  const r = await play_drill(text, drill);
  const skipped = r.skipped > 0 ? `, ${r.skipped} skipped` : "";
  return `passed, ${r.played} steps${skipped}`;
}
/** DrillError when something is lost, wrong or not clean in the end, whatever the file expects. */
async function seeded(text: string, drill: DrillOptions): Promise<string> {
  const r = await play_seeded(text, drill);
  const { played, strikes, missed, left_out, ops, wrong } = r;
  if (wrong.length > 0) throw new DrillError(`fails: ${wrong.join("; ")}`);
  const less = `${missed} not possible at their moment, ${left_out} left out`;
  return `holds, ${played} of ${strikes} strikes (${less}), ${ops} operations`;
}
function read(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (e) {
    throw file_error(file, e);
  }
}
