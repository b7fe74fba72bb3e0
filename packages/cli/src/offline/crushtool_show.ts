/** The stage of crushtool that shows a map. */
import {
  type CrushWrapper,
  crush_name_fault,
  crush_tree_dump,
  json_text,
  overlapped_rules,
} from "@tako/common";
import type { CliIo } from "../cli_context.ts";
import { ToolError } from "../errors.ts";
import { render_crush_tree } from "../render/osd_tree.ts";
import { type CrushtoolArgs, ME } from "./crushtool_options.ts";

export function show_crush(a: CrushtoolArgs, crush: CrushWrapper, io: CliIo): void {
  if (a.show_location !== undefined && a.show_location >= 0) {
    const at = [...crush.get_full_location(a.show_location)];
    for (const [type, name] of at.sort(([x], [y]) => (x < y ? -1 : 1))) {
      io.out(`${type}\t${name}\n`);
    }
  }
  if (a.tree) io.out(`${tree_text(crush)}\n`);
  if (a.bucket_tree) bucket_tree(a, crush, io);
  if (a.dump) io.out(`${dump_text(crush, a.format)}\n`);
  if (a.check !== undefined) check(crush, a.check, io);
}

function bucket_tree(a: CrushtoolArgs, crush: CrushWrapper, io: CliIo): void {
  if (a.bucket_name === "") {
    io.err(": error bucket_name is empty\n");
    return;
  }
  const id = crush.get_item_id(a.bucket_name);
  const leaves = id === undefined ? [] : crush.get_leaves(id);
  io.out(leaves.map((o) => `osd.${o}\n`).join(""));
}

/** Shadow trees too; a column for each set of choose_args, by its number. */
function tree_text(crush: CrushWrapper): string {
  const tree = crush_tree_dump({ crush, get_pool_name: () => undefined }, true);
  return render_crush_tree(tree, crush.dump());
}

function dump_text(crush: CrushWrapper, format = "json-pretty"): string {
  const dump = crush.dump();
  const sets: Record<string, unknown> = {};
  Object.assign(sets, dump.choose_args);
  // By number: an object would have those below 0 last.
  const ids = [...crush.map.choose_args.keys()].sort((a, b) => a - b);
  const choose_args = new Map(ids.map((id) => [String(id), sets[id]]));
  const indent = need_json_format(format);
  const text = json_text({ ...dump, choose_args }, indent);
  return indent === "" ? text : `${text}\n`;
}
/** What lines are indented by. */
export function need_json_format(format: string): string {
  if (format === "json") return "";
  if (format === "json-pretty") return "    ";
  throw new ToolError(1, `${ME}: format '${format}' is none of json, json-pretty`);
}

function check(crush: CrushWrapper, max_id: number, io: CliIo): void {
  for (const { ruleset, names } of overlapped_rules(crush)) {
    io.out(`overlapped rules in ruleset ${ruleset}: ${names.join(", ")}\n`);
  }
  if (max_id < 0) return;
  const fault = crush_name_fault(crush, max_id);
  if (!fault) return;
  io.out(`${fault.what}: item#${fault.item}\n`);
  throw new ToolError(1, "");
}
