/** osdmaptool: how a map is made, and changed before it is printed, tested or written. */
import { readFileSync, writeFileSync } from "node:fs";
import {
  adjust_crush_weight,
  CommandError,
  clear_temp,
  create_from_conf,
  createsimple,
  encode_crush_binary,
  find_stale_temps,
  MapError,
  mark_in,
  mark_out,
  mark_up,
  mark_up_in,
  new_incremental,
  type OSDMap,
  print_ostream_float,
} from "@tako/common";
import { file_error } from "../cli_context.ts";
import { ToolError } from "../errors.ts";
import type { OsdmaptoolRun } from "./OsdmaptoolRun.ts";
import { parse_crush } from "./read_osdmap.ts";
import { errno_text } from "./tool_args.ts";

/** --createsimple and --create-from-conf, instead of reading a map. */
export function make_map(run: OsdmaptoolRun, conf: string | undefined): void {
  const { args } = run;
  const pg_bits = args.int("--pg-bits");
  const pgp_bits = args.int("--pgp-bits");
  const options = {
    now: run.io.now_ms(),
    ...(pg_bits === undefined ? {} : { pg_bits }),
    ...(pgp_bits === undefined ? {} : { pgp_bits }),
    with_default_pool: args.has("--with-default-pool"),
  };
  const num_osd = args.int("--createsimple");
  try {
    const made =
      num_osd === undefined
        ? create_from_conf(conf === undefined ? "" : read_conf(conf), conf ?? "", options)
        : createsimple(num_osd, options);
    run.start_with(made);
  } catch (e) {
    if (e instanceof CommandError) run.fail(e.message, 1, e);
    throw e;
  }
}
function read_conf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (e) {
    throw file_error(file, e);
  }
}

/** In the order of the original, whatever the order of the words. */
export function change_map(run: OsdmaptoolRun): void {
  const { args } = run;
  if (args.has("--mark-up-in")) {
    run.need_crush();
    run.say("marking all OSDs up and in");
    run.map = mark_up_in(run.map);
  }
  mark(run, "--mark-out", "out", mark_out);
  mark(run, "--mark-up", "up", mark_up);
  mark(run, "--mark-in", "in", mark_in);
  adjust_weights(run);
  if (args.has("--clear-temp")) {
    run.say("clearing pg/primary temp");
    run.map = clear_temp(run.map);
  }
  if (args.has("--clean-temps")) clean_temps(run);
}

function mark(
  run: OsdmaptoolRun,
  key: "--mark-out" | "--mark-up" | "--mark-in",
  word: string,
  edit: (m: OSDMap, osd: number) => OSDMap,
): void {
  const osd = run.args.int(key);
  // The original passes over an OSD that no map of this size has.
  if (osd === undefined || osd < 0 || osd >= run.map.max_osd) return;
  run.say(`marking OSD@${osd} as ${word}`);
  run.map = edit(run.map, osd);
}

function adjust_weights(run: OsdmaptoolRun): void {
  const list = run.args.text("--adjust-crush-weight");
  if (list === undefined) return;
  run.need_crush();
  for (const pair of list.split(",").filter((p) => p !== "")) {
    const colon = pair.indexOf(":");
    if (colon < 0) run.usage("use ':' as separator of osd id and its weight");
    const [osd, weight] = [pair.slice(0, colon), pair.slice(colon + 1)];
    if (!/^-?\d{1,9}$/.test(osd) || !/^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(weight)) {
      run.usage(`'${pair}' is no osd:weight`);
    }
    const w = Math.fround(Number(weight));
    if (w > MAX_WEIGHT) run.usage(`weight ${weight} is above ${MAX_WEIGHT}`);
    run.map = adjust_crush_weight(run.map, Number(osd), w);
    run.say(`Adjusted osd.${Number(osd)} CRUSH weight to ${print_ostream_float(w)}`);
    if (!run.args.has("--save")) continue;
    // Each change is an epoch of its own.
    run.map = run.map.apply_incremental(new_incremental(run.map));
    run.modified = true;
  }
}
const MAX_WEIGHT = 65535;

/** Says only, as the original does: what is found goes nowhere. */
function clean_temps(run: OsdmaptoolRun): void {
  run.need_crush();
  run.say("cleaning pg temps");
  if (run.format === "plain") return;
  const { pg_temp, primary_temp } = find_stale_temps(run.map);
  const data = {
    removed_pg_temp: Object.fromEntries(pg_temp),
    removed_primary_temp: Object.fromEntries(primary_temp),
  };
  run.answer("clean_temps", data, "");
}

export function move_crush(run: OsdmaptoolRun): void {
  const from = run.args.text("--import-crush");
  if (from !== undefined) import_crush(run, from);
  const to = run.args.text("--export-crush");
  if (to !== undefined) export_crush(run, to);
}

function import_crush(run: OsdmaptoolRun, file: string): void {
  const bytes = read_crush_file(run, file);
  try {
    const crush = parse_crush(bytes);
    const { max_osd } = run.map;
    const max_devices = crush.get_max_devices();
    if (max_devices > max_osd) {
      const sizes = `crushmap max_devices ${max_devices} > osdmap max_osd ${max_osd}`;
      run.fail(`osdmaptool: ${sizes}`);
    }
    const inc = new_incremental(run.map);
    inc.crush = crush;
    run.map = run.map.apply_incremental(inc);
  } catch (e) {
    if (!(e instanceof MapError || e instanceof CommandError)) throw e;
    run.fail(`osdmaptool: error decoding crush map '${file}': ${e.message}`, 1, e);
  }
  run.say(`osdmaptool: imported ${bytes.length} byte crush map from ${file}`);
  run.modified = true;
}
function read_crush_file(run: OsdmaptoolRun, file: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(file));
  } catch (e) {
    const why = `can't open ${file}: ${errno_text(e)}`;
    return run.fail(`osdmaptool: error reading crush map from ${file}: ${why}`, 1, e);
  }
}

function export_crush(run: OsdmaptoolRun, file: string): void {
  run.need_crush();
  try {
    writeFileSync(file, encode_crush_binary(run.map.crush));
  } catch (e) {
    throw new ToolError(1, `osdmaptool: error writing crush map to ${file}: ${errno_text(e)}`);
  }
  run.say(`osdmaptool: exported crush map to ${file}`);
}
