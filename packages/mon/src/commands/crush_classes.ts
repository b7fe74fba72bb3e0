/** `osd crush class ...`, `osd crush set-device-class`: classes of devices. cluster.md §2.8. */
import { pending_crush, type View } from "../osdmon/pending.ts";
import type { Args } from "./args.ts";
import { device_class, edit, edit_if, has_pending_crush } from "./crush_edit.ts";
import type { WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_then } from "./reply.ts";

export const CRUSH_CLASS_COMMANDS: WriteCommands = {
  "osd crush set-device-class": set_class,
  "osd crush rm-device-class": rm_class,
  "osd crush class create": create,
  "osd crush class rm": remove,
  "osd crush class rename": rename,
};

/** A wildcard that touches what is fine already need not say so for each. */
function names_each(args: Args): boolean {
  return !["all", "any", "*"].includes(args.list("ids")[0] ?? "");
}

function set_class(v: View, args: Args): CommandOutcome {
  const cls = device_class(args);
  const notes: string[] = [];
  const set: number[] = [];
  const others = has_pending_crush(v);
  edit_if(v, (b) => {
    for (const o of args.osds(v.osdmap)) {
      if (!exists_or_note(v, o, notes)) continue;
      if (b.set_device_class(o, cls) || others) set.push(o);
      else if (names_each(args)) {
        notes.push(
          `set-device-class item id ${o} name 'osd.${o}' device_class '${cls}': no change. `,
        );
      }
    }
    return set.length > 0;
  });
  return commit_then(`${notes.join("")}set osd(s) ${set.join(",")} to class '${cls}'`);
}

function rm_class(v: View, args: Args): CommandOutcome {
  const notes: string[] = [];
  const done: number[] = [];
  edit_if(v, (b) => {
    for (const o of args.osds(v.osdmap)) {
      if (!exists_or_note(v, o, notes)) continue;
      if (b.remove_device_class(o)) done.push(o);
      else if (names_each(args)) notes.push(`osd.${o} belongs to no class, `);
    }
    return done.length > 0;
  });
  return commit_then(`${notes.join("")}done removing class of osd(s): ${done.join(",")}`);
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
