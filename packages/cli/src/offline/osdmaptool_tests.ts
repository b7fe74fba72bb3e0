/** osdmaptool: the questions of where objects and PGs go. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  CommandError,
  MAX_PG_NUM,
  MapError,
  type Rng,
  set_pg_num,
  test_map_object,
  test_map_pg,
  test_map_pgs,
} from "@tako/common";
import type { CliIo } from "../cli_context.ts";
import { ToolError } from "../errors.ts";
import type { OsdmaptoolRun } from "./OsdmaptoolRun.ts";
import type { osdmaptool_key } from "./osdmaptool_options.ts";
import { parse_osdmap } from "./read_osdmap.ts";
import { errno_text, type ToolArgs } from "./tool_args.ts";

const CHANCE: Rng = {
  next: () => Math.random(),
  int: (n) => Math.floor(Math.random() * n),
};

export function test_map(run: OsdmaptoolRun): void {
  const pool = test_object(run) ?? pool_arg(run);
  test_pg(run);
  test_pgs(run, pool);
}

/** -1 is no pool in particular. */
function pool_arg(run: OsdmaptoolRun): number | undefined {
  const pool = run.args.int("--pool");
  return pool === -1 ? undefined : pool;
}
function need_pool(run: OsdmaptoolRun, pool: number): void {
  run.need_crush();
  if (!run.map.have_pg_pool(pool)) run.fail(`There is no pool ${pool}`);
}

/** Its pool: the tests that follow are about that, too. */
function test_object(run: OsdmaptoolRun): number | undefined {
  const name = run.args.text("--test-map-object");
  if (name === undefined || name === "") return undefined;
  const given = pool_arg(run);
  if (given === undefined) run.say("osdmaptool: assuming pool 1 (use --pool to override)");
  const pool = given ?? 1;
  need_pool(run, pool);
  const { text, ...data } = test_map_object(run.map, name, pool);
  run.answer("test_map_object", data, text);
  return pool;
}

function test_pg(run: OsdmaptoolRun): void {
  const pgid = run.args.text("--test-map-pg");
  if (pgid === undefined) return;
  run.need_crush();
  const found = test_map_pg(run.map, pgid);
  if (!found) return run.usage(`failed to parse pg '${pgid}`);
  const { text, ...data } = found;
  run.answer("test_map_pg", data, text);
}

function test_pgs(run: OsdmaptoolRun, pool: number | undefined): void {
  const { args } = run;
  const dump = args.has("--test-map-pgs-dump")
    ? "acting"
    : args.has("--test-map-pgs-dump-all")
      ? "all"
      : undefined;
  if (!args.has("--test-map-pgs") && dump === undefined) return;
  if (pool !== undefined) need_pool(run, pool);
  run.need_crush();
  const pg_num = args.int("--pg-num") ?? 0;
  if (pg_num > MAX_PG_NUM) run.usage(`pg_num ${pg_num} is above ${MAX_PG_NUM}`);
  if (pg_num > 0) run.map = set_pg_num(run.map, pg_num, pool);
  const random = args.has("--test-random") ? CHANCE : undefined;
  const { text, pgs, ...spread } = test_map_pgs(run.map, { pool, dump, random });
  const data = { ...spread, ...(dump === undefined ? {} : { pgs }) };
  run.answer("test_map_pgs", data, text);
}

/** --range-first A --range-last B: are the maps DIR/A to DIR/B fit to be read? */
export function read_range(io: CliIo, dir: string, first: number, last: number): void {
  for (let epoch = first; epoch <= last; epoch++) {
    const file = join(dir, String(epoch));
    let bytes: Uint8Array;
    try {
      bytes = new Uint8Array(readFileSync(file));
    } catch (e) {
      throw new ToolError(1, `unable to read ${file}: ${errno_text(e)}`, { cause: e });
    }
    io.out(`${file} got ${bytes.length} bytes\n`);
    try {
      parse_osdmap(bytes);
    } catch (e) {
      if (!(e instanceof MapError || e instanceof CommandError)) throw e;
      throw new ToolError(1, `osdmaptool: error decoding osdmap '${file}': ${e.message}`);
    }
  }
}

/** The range that the words ask for. */
export function range_of(
  args: ToolArgs<osdmaptool_key>,
): { first: number; last: number } | undefined {
  const first = args.int("--range-first") ?? -1;
  const last = args.int("--range-last") ?? -1;
  return first >= 0 && last >= 0 ? { first, last } : undefined;
}
