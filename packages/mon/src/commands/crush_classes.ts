/** `osd crush class ...`, `osd crush set-device-class`: classes of devices. cluster.md §2.8. */
import type { CrushBuilder } from "@tako/common";
import { pending_crush, type View } from "../osdmon/pending.ts";
import { type Args, parse_osd } from "./args.ts";
import { device_class, edit, has_pending_crush, refused_with } from "./crush_edit.ts";
import type { WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_then, fail } from "./reply.ts";

export const CRUSH_CLASS_COMMANDS: WriteCommands = {
  "osd crush set-device-class": set_class,
  "osd crush rm-device-class": rm_class,
  "osd crush class create": create,
  "osd crush class rm": remove,
  "osd crush class rename": rename,
};

/** The OSDs in the order they are named in; a wildcard counts at the beginning only. */
function named_osds(v: View, args: Args): { osds: number[]; wildcard: boolean } {
  const ids = args.list("ids");
  const [first] = ids;
  if (first === undefined) return fail("EINVAL", "missing required argument: ids");
  const wildcard = ["all", "any", "*"].includes(first);
  return { wildcard, osds: wildcard ? v.osdmap.get_all_osds() : ids.map(parse_osd) };
}

function set_class(v: View, args: Args): CommandOutcome {
  const cls = device_class(args);
  const { osds, wildcard } = named_osds(v, args);
  const notes: string[] = [];
  const set: number[] = [];
  const others = has_pending_crush(v);
  const set_one = (b: CrushBuilder, o: number) => {
    const changed = b.set_device_class(o, cls);
    if (!changed) notes.push(`osd.${o} already set to class ${cls}. `);
    if (changed || others) set.push(o);
    else if (!wildcard) {
      notes.push(
        `set-device-class item id ${o} name 'osd.${o}' device_class '${cls}': no change. `,
      );
    }
  };
  edit_with_notes(v, notes, (b) => {
    for (const o of osds) if (exists_or_note(v, o, notes)) set_one(b, o);
  });
  return commit_then(`${notes.join("")}set osd(s) ${listed(set)} to class '${cls}'`);
}

function rm_class(v: View, args: Args): CommandOutcome {
  const { osds } = named_osds(v, args);
  const notes: string[] = [];
  const done: number[] = [];
  const rm_one = (b: CrushBuilder, o: number) => {
    if (b.remove_device_class(o)) done.push(o);
    else notes.push(`osd.${o} belongs to no class, `);
  };
  edit_with_notes(v, notes, (b) => {
    for (const o of osds) if (exists_or_note(v, o, notes)) rm_one(b, o);
  });
  return commit_then(`${notes.join("")}done removing class of osd(s): ${listed(done)}`);
}

function listed(osds: readonly number[]): string {
  return [...new Set(osds)].sort((a, b) => a - b).join(",");
}

/** A refusal comes after what there was to say about the OSDs before. */
function edit_with_notes(v: View, notes: readonly string[], fn: (b: CrushBuilder) => void): void {
  refused_with(
    (e) => notes.join("") + e.message,
    () => edit(v, fn),
  );
}

function exists_or_note(v: View, o: number, notes: string[]): boolean {
  if (v.osdmap.exists(o) || v.pending.inc.new_weight.has(o)) return true;
  notes.push(`osd.${o} does not exist. `);
  return false;
}

function create(v: View, args: Args): CommandOutcome {
  const cls = device_class(args);
  if (pending_crush(v).get_class_id(cls) !== undefined) {
    return commit_then(`class '${cls}' already exists`);
  }
  let id = -1;
  edit(v, (b) => {
    id = b.create_class(cls);
  });
  return commit_then(`created class ${cls} with id ${id} to crush map`);
}

function remove(v: View, args: Args): CommandOutcome {
  const cls = device_class(args);
  const id = pending_crush(v).get_class_id(cls);
  if (id === undefined) return commit_then("");
  edit(v, (b) => b.remove_class(cls));
  return commit_then(`removed class ${cls} with id ${id} from crush map`);
}

function rename(v: View, args: Args): CommandOutcome {
  const [from, to] = [device_class(args, "srcname"), device_class(args, "dstname")];
  const crush = pending_crush(v);
  if (crush.get_class_id(from) === undefined && crush.get_class_id(to) !== undefined) {
    return commit_then(`already renamed to '${to}'`);
  }
  edit(v, (b) => b.rename_device_class(from, to));
  return commit_then(`rename class '${from}' to '${to}'`);
}
