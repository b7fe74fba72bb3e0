/** osdmaptool --upmap-cleanup and --upmap: commands that change where PGs go. */
import { closeSync, openSync, writeSync } from "node:fs";
import {
  apply_upmap_cleanup,
  find_upmap_cleanup,
  type Incremental,
  new_incremental,
  print_inc_upmaps,
} from "@tako/common";
import type { OsdmaptoolRun } from "./OsdmaptoolRun.ts";
import { errno_text } from "./tool_args.ts";

export function run_upmap(run: OsdmaptoolRun): void {
  const file = run.args.text("--upmap-cleanup");
  if (!run.args.has("--upmap-cleanup")) return;
  run.need_crush();
  const commands = new CommandSink(run, file ?? "");
  try {
    clean_up(run, commands);
  } finally {
    commands.close();
  }
}

/** Where the commands go: among the output, or into a file. */
class CommandSink {
  readonly #run: OsdmaptoolRun;
  readonly #fd: number | undefined;
  constructor(run: OsdmaptoolRun, file: string) {
    this.#run = run;
    if (file === "-") return;
    try {
      this.#fd = openSync(file, "w", 0o644);
    } catch (e) {
      run.fail(`error opening ${file}: ${errno_text(e)}`, 1, e);
    }
    run.say(`writing upmap command output to: ${file}`);
  }
  write(inc: Incremental): void {
    const text = print_inc_upmaps(inc);
    if (this.#fd !== undefined) writeSync(this.#fd, text);
    else if (this.#run.format === "plain") this.#run.io.out(text);
  }
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }
}

/** What does not hold goes first, and stays gone for what follows. */
function clean_up(run: OsdmaptoolRun, commands: CommandSink): void {
  run.say("checking for upmap cleanups");
  const found = find_upmap_cleanup(run.map);
  const inc = new_incremental(run.map);
  apply_upmap_cleanup(found, inc);
  const changes = inc.old_pg_upmap.size + inc.old_pg_upmap_items.size + inc.new_pg_upmap_items.size;
  run.answer("upmap_cleanup", upmap_data(inc), "");
  if (changes === 0) return;
  commands.write(inc);
  run.map = run.map.apply_incremental(inc);
}

function upmap_data(inc: Incremental): unknown {
  return {
    old_pg_upmap: [...inc.old_pg_upmap],
    old_pg_upmap_items: [...inc.old_pg_upmap_items],
    new_pg_upmap_items: [...inc.new_pg_upmap_items].map(([pgid, items]) => ({
      pgid,
      mappings: items.map(([from, to]) => ({ from, to })),
    })),
  };
}
