/**
 * `tako osdmaptool`: makes, prints, changes and tests maps in files, as Ceph's tool of that name
 * does: the same options, texts, order of steps and exit codes. Needs no cluster.
 * Ceph counterpart: src/tools/osdmaptool.cc. docs/tools.md tells where it does more.
 */
import {
  check_health,
  dump_osdmap_file,
  json_text,
  type OSDMap,
  type osd_tree,
  osd_tree_dump,
  print_osdmap,
} from "@tako/common";
import type { Command } from "commander";
import { type CliIo, type Format, type GlobalOptions, merged_options } from "../cli_context.ts";
import { ToolError } from "../errors.ts";
import { render_weighed_tree } from "../render/osd_tree.ts";
import { OsdmaptoolRun, usage_error } from "./OsdmaptoolRun.ts";
import { change_map, make_map, move_crush } from "./osdmaptool_change.ts";
import { OSDMAPTOOL_OPTIONS, type osdmaptool_key } from "./osdmaptool_options.ts";
import { range_of, read_range, test_map } from "./osdmaptool_tests.ts";
import { run_upmap } from "./osdmaptool_upmap.ts";
import { ToolCommand } from "./ToolCommand.ts";
import { parse_tool_args, type ToolArgs } from "./tool_args.ts";

const EXAMPLES = `
Examples:
  tako osdmaptool osdmap.bin --print
  tako osdmaptool osdmap.bin --mark-out 3 --test-map-pgs
  tako osdmaptool osd-dump.json --crush crush.txt --test-map-object foo --pool 2
  tako osdmaptool new.bin --createsimple 12 --with-default-pool
  tako osdmaptool osdmap.bin --upmap - --upmap-deviation 1
  tako osdmaptool osdmap.bin --test-map-pgs -f json

The map: binary (ceph osd getmap), JSON (ceph osd dump -f json, ceph report) or Tako's own.
`;

export function add_osdmaptool(program: Command): void {
  const cmd = new ToolCommand("osdmaptool")
    .description("look at, change and test an OSDMap in a file, as Ceph's osdmaptool does")
    .usage("[options] <mapfile>")
    .argument("[words...]")
    .declare_options(OSDMAPTOOL_OPTIONS)
    .addHelpText("after", EXAMPLES)
    .action((words: string[], _o, c: Command) => {
      if (words.includes("-h") || words.includes("--help")) c.outputHelp();
      else osdmaptool(words, merged_options(c));
    });
  program.addCommand(cmd);
}

/** Throws ToolError. */
export function osdmaptool(words: readonly string[], global: GlobalOptions): void {
  if (words.length === 0) throw new ToolError(1, "osdmaptool: -h or --help for usage");
  const { io } = global;
  const args = parse_tool_args<osdmaptool_key>(words, OSDMAPTOOL_OPTIONS);
  const [file, ...more] = args.rest;
  if (file === undefined) throw usage_error(io, "must specify osdmap filename");
  if (more.length > 0) throw usage_error(io, "too many arguments");
  check_numbers(io, args);
  const range = range_of(args);
  if (range) {
    read_range(io, file, range.first, range.last);
    return;
  }
  const run = new OsdmaptoolRun({
    io,
    args,
    file,
    format: format_of(io, args, "--format", global.format),
    out_file: args.text("--out-file") ?? global.outFile,
  });
  run_steps(run, args.text("--conf") ?? global.conf);
}

/** Those that are no numbers fail before anything is read. */
function check_numbers(io: CliIo, args: ToolArgs<osdmaptool_key>): void {
  for (const o of OSDMAPTOOL_OPTIONS) {
    if ("value" in o && NUMBERS.has(o.value)) args.int(o.flags[0]);
  }
  const deviation = args.int("--upmap-deviation") ?? 1;
  if (deviation < 1) throw usage_error(io, "upmap-deviation must be >= 1");
}
const NUMBERS = new Set(["n", "osd", "id", "bits", "epoch"]);

function format_of(
  io: CliIo,
  args: ToolArgs<osdmaptool_key>,
  key: "--format" | "--dump" | "--tree",
  otherwise: Format,
): Format {
  const text = args.text(key);
  if (text === undefined) return otherwise;
  if (text === "plain" || text === "json" || text === "json-pretty") return text;
  // A word that the original does not know is JSON to it; its formats that are not here are refused.
  if (key !== "--format" && !/^(xml|html|table)/.test(text)) return "json";
  throw usage_error(io, `${key}: '${text}' is none of plain, json and json-pretty`);
}

function run_steps(run: OsdmaptoolRun, conf: string | undefined): void {
  const { args } = run;
  const makes = args.has("--createsimple") || args.has("--create-from-conf");
  if (!makes && !args.has("--clobber")) run.load();
  else if (makes && !args.has("--clobber")) run.refuse_to_overwrite();
  if (makes) make_map(run, conf);
  change_map(run);
  run_upmap(run);
  move_crush(run);
  test_map(run);
  if (!run.modified && !ACTIONS.some((key) => args.has(key))) run.usage("no action specified?");
  // A map that is made begins with epoch 1, which is that of its first writing.
  if (run.modified && !makes) run.bump_epoch();
  print_results(run);
  run.write();
  run.finish();
}
const ACTIONS = [
  "--print",
  "--dump",
  "--tree",
  "--health",
  "--export-crush",
  "--import-crush",
  "--test-map-pg",
  "--test-map-object",
  "--test-map-pgs",
  "--test-map-pgs-dump",
  "--test-map-pgs-dump-all",
  "--adjust-crush-weight",
  "--upmap",
  "--upmap-cleanup",
  "--out-file",
] as const;

function print_results(run: OsdmaptoolRun): void {
  const { args, map, raw } = run;
  if (args.has("--health")) {
    run.need_crush();
    const { osd_features } = run;
    const checks = check_health(map, { raw, ...(osd_features && { osd_features }) });
    run.answer("health", checks, `${json_text(checks, PRETTY)}\n`);
  }
  if (args.has("--print") || args.has("--dump")) {
    const dump = raw ? dump_osdmap_file({ map, raw }) : map.dump();
    run.answer("osdmap", dump, map_text(run, dump));
  }
  if (args.has("--tree")) {
    run.need_crush();
    const tree = osd_tree_dump(map);
    run.answer("tree", tree, tree_text(format_of(run.io, args, "--tree", "plain"), map, tree));
  }
}
const PRETTY = "    ";

function map_text(run: OsdmaptoolRun, dump: unknown): string {
  const format = format_of(run.io, run.args, "--dump", "plain");
  if (format === "plain") return print_osdmap(run.map, run.raw);
  return format === "json" ? json_text(dump) : `${json_text(dump, PRETTY)}\n`;
}
function tree_text(format: Format, map: OSDMap, tree: osd_tree): string {
  if (format === "plain") {
    const weights = tree.nodes.map((n) => [n.id, map.crush.get_item_weightf(n.id)] as const);
    return `${render_weighed_tree(tree, new Map(weights))}\n`;
  }
  return format === "json" ? `${json_text(tree)}\n` : `${json_text(tree, PRETTY)}\n\n`;
}
