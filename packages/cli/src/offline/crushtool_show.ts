/** The stage of crushtool that shows a map. */
import {
  type CrushWrapper,
  crush_name_fault,
  crush_tree_items,
  json_text,
  overlapped_rules,
} from "@tako/common";
import type { CliIo } from "../cli_context.ts";
import { ToolError } from "../errors.ts";
import { left, num, table } from "../render/table.ts";
import { type CrushtoolArgs, ME } from "./crushtool_options.ts";

export function show_crush(a: CrushtoolArgs, crush: CrushWrapper, io: CliIo): void {
  if (a.show_location !== undefined && a.show_location >= 0) {
    const at = [...crush.get_full_location(a.show_location)];
    for (const [type, name] of at.sort(([x], [y]) => (x < y ? -1 : 1))) {
      io.out(`${type}\t${name}\n`);
    }
  }
  if (a.tree) io.out(`${crush_tree_text(crush)}\n`);
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

/** `--tree`, shadow trees too; a column for each set of choose_args. */
export function crush_tree_text(crush: CrushWrapper): string {
  const sets = [...crush.map.choose_args].sort(([a], [b]) => a - b);
  const rows = [...crush_tree_items(crush, { show_shadow: true })].map(
    ({ id, parent, depth, weight }) => {
      const pos = crush.get_bucket(parent ?? 0)?.items.indexOf(id) ?? -1;
      const set_weights = sets.map(([, args]) => {
        const first = args.get(parent ?? 0)?.weight_set[0];
        return first ? weight_text(first[pos] ?? 0) : "";
      });
      const type = crush.get_type_name(crush.get_item_type(id)) ?? "";
      const name = id < 0 ? `${type} ${crush.get_item_name(id) ?? ""}` : `osd.${id}`;
      const cls = crush.get_item_class(id) ?? "";
      return [id, cls, weight_text(weight), ...set_weights, "    ".repeat(depth) + name];
    },
  );
  const set_columns = sets.map(([id]) => num(id < 0 ? "(compat)" : String(id)));
  return table([num("ID"), num("CLASS"), num("WEIGHT"), ...set_columns, left("TYPE NAME")], rows);
}
/** weightf_t */
function weight_text(w: number): string {
  return w === 0 ? "0" : (w / 0x10000).toFixed(5);
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
