/**
 * `tako crushtool`: looks at, edits and tests CRUSH maps in files. Options, output and exit codes
 * are those of Ceph's tool; besides, the input may be text, binary or JSON, and -f json gives the
 * results of tests. Ceph counterpart: src/tools/crushtool.cc.
 */
import { CrushWrapper, decompile_crush, encode_crush_binary } from "@tako/common";
import type { Command } from "commander";
import { type GlobalOptions, merged_options } from "../cli_context.ts";
import { ToolError } from "../errors.ts";
import { HELP_OUTPUT } from "./crushtool_csv.ts";
import { announce_rule, build_crush, edit_crush } from "./crushtool_edit.ts";
import { compile_crush_file, read_crush_file, write_file } from "./crushtool_files.ts";
import {
  CRUSHTOOL_OPTIONS,
  type CrushtoolArgs,
  has_action,
  ME,
  read_crushtool_args,
} from "./crushtool_options.ts";
import { show_crush } from "./crushtool_show.ts";
import { compare_crush, test_crush } from "./crushtool_test.ts";
import { ToolCommand } from "./ToolCommand.ts";

const EXAMPLES = `
Examples:
  tako crushtool -d map                                   a map as text
  tako crushtool -c map.txt -o map                        and back
  tako crushtool -i map --tree
  tako crushtool -i map --test --show-utilization --rule 0 --num-rep 3
  tako crushtool -i map --add-item 12 1.0 osd.12 --loc host node4 --loc root default -o new
  tako crushtool -i map --compare new --num-rep 3
  tako crushtool --build --num-osds 12 host straw2 4 root straw2 0 -o map

Maps: binary (ceph osd getcrushmap), text, JSON (ceph osd crush dump -f json) or inside an OSDMap.
Exit codes: 0 done, 1 not done, 256 less the errno of a refused edit.
`;

export function add_crushtool(program: Command): void {
  const cmd = new ToolCommand(ME)
    .description("look at, edit and test a CRUSH map in a file, as Ceph's crushtool does")
    .usage("[-i <map> | -c <text> | -d <map> | --build <layers>] [options]")
    .argument("[words...]")
    .declare_options(CRUSHTOOL_OPTIONS)
    .addHelpText("after", EXAMPLES)
    .action((words: string[], _o, c: Command) => {
      if (words.includes("-h") || words.includes("--help")) c.outputHelp();
      else crushtool(words, merged_options(c));
    });
  program.addCommand(cmd);
}

/** Throws ToolError. */
export function crushtool(words: readonly string[], o: GlobalOptions): void {
  if (words.length === 0) throw new ToolError(1, `${ME}: -h or --help for usage`);
  const { a, rest } = read_crushtool_args(words);
  if (o.inFile !== undefined) a.in_file ??= o.inFile;
  if (o.outFile !== undefined) a.out_file ??= o.outFile;
  if (a.format === undefined && o.format !== "plain") a.format = o.format;
  if (a.help_output) {
    o.io.out(HELP_OUTPUT);
    return;
  }
  announce_rule(a, o.io);
  check_usage(a, rest, o);
  const read = input(a, rest, o);
  const { crush, modified } = edit_crush(a, read.crush, o.io);
  show_crush(a, crush, o.io);
  if (a.decompile) decompile(a, crush, o);
  if (a.test) test_crush(a, crush, o.io);
  if (a.compare !== undefined) compare_crush(a, crush, read_crush_file(a, a.compare), o.io);
  if (modified || read.made) output(a, crush, o);
}

function check_usage(a: CrushtoolArgs, rest: readonly string[], o: GlobalOptions): void {
  if (!a.build && rest.length > 0 && has_action(a)) {
    throw new ToolError(1, `unrecognized arguments: [${rest.join(",")}]`);
  }
  if (a.test && a.check === undefined && a.show.size === 0 && !a.output_csv && !a.compare) {
    o.io.err("WARNING: no output selected; use --output-csv or --show-X\n");
  }
  if ([a.decompile, a.compile !== undefined, a.build].filter(Boolean).length > 1) {
    throw new ToolError(1, "cannot specify more than one of compile, decompile, and build");
  }
  if (!has_action(a)) throw new ToolError(1, "no action specified; -h for help");
}

function input(
  a: CrushtoolArgs,
  rest: readonly string[],
  o: GlobalOptions,
): { crush: CrushWrapper; made: boolean } {
  const read = a.in_file === undefined ? undefined : read_crush_file(a, a.in_file);
  if (a.compile !== undefined) return { crush: compile_crush_file(a.compile), made: true };
  if (a.build) return { crush: build_crush(a, rest, o.io), made: true };
  return { crush: read ?? new CrushWrapper(), made: false };
}

function decompile(a: CrushtoolArgs, crush: CrushWrapper, o: GlobalOptions): void {
  const text = decompile_crush(crush);
  if (a.out_file === undefined) o.io.out(text);
  else write_file(a.out_file, text);
}

function output(a: CrushtoolArgs, crush: CrushWrapper, o: GlobalOptions): void {
  if (a.out_file === undefined) {
    const how = "Use '-o <file>' to write it out.";
    o.io.out(`${ME} successfully built or modified map.  ${how}\n`);
    return;
  }
  write_file(a.out_file, encode_crush_binary(crush));
  if (a.verbose) o.io.out(`wrote crush map to ${a.out_file}\n`);
}
