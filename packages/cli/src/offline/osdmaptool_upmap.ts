/** osdmaptool --upmap-cleanup and --upmap: commands that change where PGs go. */
import { closeSync, openSync, writeSync } from "node:fs";
import {
  apply_upmap_cleanup,
  CRUSH_ITEM_NONE,
  calc_pg_upmaps,
  find_upmap_cleanup,
  type Incremental,
  new_incremental,
  print_inc_upmaps,
  print_ostream_float,
} from "@tako/common";
import type { OsdmaptoolRun } from "./OsdmaptoolRun.ts";
import { errno_text } from "./tool_args.ts";

export function run_upmap(run: OsdmaptoolRun): void {
  const file = run.args.text("--upmap") ?? run.args.text("--upmap-cleanup");
  if (!run.args.has("--upmap") && !run.args.has("--upmap-cleanup")) return;
  run.need_crush();
  const commands = new CommandSink(run, file ?? "");
  try {
    clean_up(run, commands);
    if (run.args.has("--upmap")) balance(run, commands);
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

function upmap_data(inc: Incremental) {
  return {
    old_pg_upmap: [...inc.old_pg_upmap],
    old_pg_upmap_items: [...inc.old_pg_upmap_items],
    new_pg_upmap_items: [...inc.new_pg_upmap_items].map(([pgid, items]) => ({
      pgid,
      mappings: items.map(([from, to]) => ({ from, to })),
    })),
  };
}

// ---------------------------------------------------------------- --upmap

function balance(run: OsdmaptoolRun, commands: CommandSink): void {
  const { args } = run;
  const max = args.int("--upmap-max") ?? 10;
  const max_deviation = args.int("--upmap-deviation") ?? 5;
  run.say(`upmap, max-count ${max}, max deviation ${max_deviation}`);
  const pools = pools_to_balance(run);
  if (pools.length === 0) {
    run.say("No pools available");
    return;
  }
  const start = run.io.now_ms();
  const rounds: unknown[] = [];
  for (;;) {
    // The original draws an order; ours is that of the ids.
    run.say(`pools ${pools.map((id) => `${run.map.get_pool_name(id) ?? ""} `).join("")}`);
    const inc = new_incremental(run.map);
    const begin = run.io.now_ms();
    const did = balance_once(run, pools, { max, max_deviation }, inc);
    run.say(`prepared ${did}/${max} changes`);
    if (args.has("--upmap-active")) run.say(`Time elapsed ${seconds(run, begin)} secs`);
    if (did === 0) break;
    rounds.push({ changes: did, ...upmap_data(inc) });
    commands.write(inc);
    if (args.has("--save") || args.has("--upmap-active")) {
      run.map = run.map.apply_incremental(inc);
      run.modified ||= args.has("--save");
    }
    if (!args.has("--upmap-active")) break;
  }
  run.answer("upmap", { max, max_deviation, pools, rounds }, "");
  if (rounds.length > 0 && !args.has("--upmap-active")) return;
  run.say("Unable to find further optimization, or distribution is already perfect");
  if (!args.has("--upmap-active")) return;
  say_spread(run, pools);
  run.say(`Total time elapsed ${seconds(run, start)} secs, ${rounds.length} rounds`);
}

function seconds(run: OsdmaptoolRun, since_ms: number): string {
  return print_ostream_float(Math.fround((run.io.now_ms() - since_ms) / 1000));
}

function pools_to_balance(run: OsdmaptoolRun): number[] {
  const names = [...new Set(run.args.all("--upmap-pool"))].sort();
  if (names.length === 0) return [...run.map.pool_ids()];
  const pools = names.map((name) => {
    const id = run.map.lookup_pg_pool_name(name);
    return id >= 0 ? id : run.fail(` pool ${name} does not exist`);
  });
  run.say(` limiting to pools ${names.join(",")} ([${pools.join(",")}])`);
  return pools;
}

/** Each pool by itself: one that is full where another is empty is not even. */
function balance_once(
  run: OsdmaptoolRun,
  pools: readonly number[],
  limits: { max: number; max_deviation: number },
  inc: Incremental,
): number {
  const aggressive = run.args.text("--osd-calc-pg-upmaps-aggressively");
  const retries = run.args.int("--osd-calc-pg-upmaps-local-fallback-retries");
  let did = 0;
  for (const pool of pools) {
    did += calc_pg_upmaps(run.map, inc, {
      max_deviation: limits.max_deviation,
      max: limits.max - did,
      only_pools: [pool],
      aggressive: !/^(false|0|no|off)$/i.test(aggressive ?? ""),
      ...(retries === undefined ? {} : { local_fallback_retries: retries }),
    });
    if (did >= limits.max) break;
  }
  return did;
}

function say_spread(run: OsdmaptoolRun, pools: readonly number[]): void {
  const count = new Map<number, number>();
  for (const pool of pools) {
    for (const pg of run.map.get_pgs(pool)) {
      for (const osd of run.map.pg_to_up_acting_osds(pg).up) {
        if (osd !== CRUSH_ITEM_NONE) count.set(osd, (count.get(osd) ?? 0) + 1);
      }
    }
  }
  for (const [osd, pgs] of [...count].sort(([a], [b]) => a - b)) run.say(`osd.${osd} pgs ${pgs}`);
}
