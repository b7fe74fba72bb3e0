/** `osd crush add|set|move|...`: edits of the hierarchy. cluster.md §2.9, §7.1. */
import { alg_name, type CrushWrapper } from "@tako/common";
import { weight_set_mode_of } from "../osdmon/crush_edit.ts";
import { pending_crush, type View } from "../osdmon/pending.ts";
import { type Args, parse_osd } from "./args.ts";
import {
  edit,
  edit_for_clients,
  edit_if,
  has_pending_crush,
  loc_text,
  location,
  MAX_CRUSH_WEIGHT,
  need_item,
  refused_with,
  weight_text,
} from "./crush_edit.ts";
import { set_crush_map } from "./crush_map.ts";
import type { WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_then, fail, reply_now } from "./reply.ts";

export const CRUSH_WRITE_COMMANDS: WriteCommands = {
  "osd crush add": (v, args) => place(v, args, "add"),
  "osd crush set": (v, args, mon, data) =>
    args.has("id") ? place(v, args, "set") : set_crush_map(v, args, mon, data),
  "osd crush create-or-move": create_or_move,
  "osd crush add-bucket": add_bucket,
  "osd crush move": move,
  "osd crush link": link,
  "osd crush swap-bucket": swap_bucket,
  "osd crush rename-bucket": rename_bucket,
  "osd crush rm": (v, args) => remove(v, args, "remove"),
  "osd crush remove": (v, args) => remove(v, args, "remove"),
  "osd crush unlink": (v, args) => remove(v, args, "unlink"),
  "osd crush reweight": reweight,
  "osd crush reweight-subtree": reweight_subtree,
  "osd crush reweight-all": (v) => {
    edit(v, (b) => b.reweight());
    return commit_then("reweighted crush hierarchy");
  },
  "osd crush set-all-straw-buckets-to-straw2": (v) => {
    edit_for_clients(v, (b) => b.set_all_straw_buckets_to_straw2());
    return commit_then("");
  },
};

function existing_osd(v: View, args: Args): { o: number; name: string } {
  const o = parse_osd(args.str("id"));
  const name = `osd.${o}`;
  if (!v.osdmap.exists(o) && !v.pending.inc.new_weight.has(o)) {
    return fail("ENOENT", `${name} does not exist. Create it before updating the crush map`);
  }
  return { o, name };
}

function place(v: View, args: Args, how: "add" | "set"): CommandOutcome {
  const { o, name } = existing_osd(v, args);
  const w = args.float("weight", 0, MAX_CRUSH_WEIGHT);
  const loc = location(args);
  const crush = pending_crush(v);
  const at = `item id ${o} name '${name}' weight ${weight_text(w)} at location ${loc_text(loc)}`;
  if (how === "set" && !crush.item_exists(o)) {
    return fail("ENOENT", `unable to set ${at}: does not exist`);
  }
  let action = how;
  const changed = edit_if(v, (b) => {
    if (how === "set" || b.check_item_loc(o, loc)) {
      action = "set";
      return b.update_item(o, w, name, loc);
    }
    b.insert_item(o, w, name, loc);
    return true;
  });
  if (!changed && !has_pending_crush(v)) return reply_now(`${action} ${at}: no change`);
  return commit_then(`${action} ${at} to crush map`);
}

function create_or_move(v: View, args: Args): CommandOutcome {
  const o = parse_osd(args.str("id"));
  const name = `osd.${o}`;
  if (!v.osdmap.exists(o) && !v.pending.inc.new_weight.has(o)) {
    return fail("ENOENT", `${name} does not exist.  create it before updating the crush map`);
  }
  const w = args.float("weight", 0, MAX_CRUSH_WEIGHT);
  const loc = location(args);
  const changed = edit_if(v, (b) => b.create_or_move_item(o, w, name, loc, weight_set_mode_of(v)));
  const at = `item name '${name}' weight ${weight_text(w)} at location ${loc_text(loc)}`;
  return commit_then(`create-or-move ${changed ? "updating" : "updated"} ${at} to crush map`);
}

function add_bucket(v: View, args: Args): CommandOutcome {
  const [name, type] = [args.str("name"), args.str("type")];
  if (pending_crush(v).name_exists(name)) return commit_then(`bucket '${name}' already exists`);
  const loc = location(args);
  edit(v, (b) => {
    const id = b.add_bucket(name, type);
    if (loc.size === 0 || b.check_item_loc(id, loc)) return;
    refused_with(
      () => `error moving bucket '${name}' to location ${loc_text(loc)}`,
      () => b.move_bucket(id, loc),
    );
  });
  const where = loc.size > 0 ? `location ${loc_text(loc)}` : "crush map";
  return commit_then(`added bucket ${name} type ${type} to ${where}`);
}

interface Relocation {
  readonly id: number;
  readonly text: string;
  readonly loc: ReadonlyMap<string, string>;
  readonly is_there: boolean;
}
function relocation(v: View, args: Args): Relocation {
  const name = args.str("name");
  const id = need_item(pending_crush(v), name, `item ${name} does not exist`);
  const loc = location(args);
  let is_there = false;
  pending_crush(v).edit((b) => {
    is_there = b.check_item_loc(id, loc);
  });
  return { id, loc, is_there, text: `item id ${id} name '${name}' to location ${loc_text(loc)}` };
}

function move(v: View, args: Args): CommandOutcome {
  const { id, text, loc, is_there } = relocation(v, args);
  if (is_there) return commit_then(`no need to move ${text} in crush map`);
  edit(v, (b) => {
    if (id < 0) b.move_bucket(id, loc);
    else b.create_or_move_item(id, 0, args.str("name"), loc, weight_set_mode_of(v));
  });
  return commit_then(`moved ${text} in crush map`);
}

function link(v: View, args: Args): CommandOutcome {
  const { id, text, loc, is_there } = relocation(v, args);
  if (is_there) return commit_then(`no need to move ${text} in crush map`);
  refused_with(
    () => `cannot link ${text}`,
    () => edit(v, (b) => b.link_bucket(id, loc)),
  );
  return commit_then(`linked ${text} in crush map`);
}

function swap_bucket(v: View, args: Args): CommandOutcome {
  const [source, dest] = [args.str("source"), args.str("dest")];
  const crush = pending_crush(v);
  const sid = need_item(crush, source, `source item ${source} does not exist`);
  const did = need_item(crush, dest, `dest item ${dest} does not exist`);
  const proceed = "; pass --yes-i-really-mean-it to proceed anyway";
  if (!args.flag("yes_i_really_mean_it")) {
    if (crush.get_immediate_parent_id(sid) !== undefined) {
      return fail("EPERM", `source item ${source} is not an orphan bucket${proceed}`);
    }
    const [from, to] = [alg_of(crush, sid), alg_of(crush, did)];
    if (from !== to) {
      return fail("EPERM", `source bucket alg ${from} != dest bucket alg ${to}${proceed}`);
    }
  }
  refused_with(
    () => "failed to swap bucket contents: (22) Invalid argument",
    () => edit(v, (b) => b.swap_bucket(sid, did)),
  );
  return commit_then(`swapped bucket of ${source} to ${dest}`);
}
function alg_of(crush: CrushWrapper, id: number): string {
  const alg = crush.get_bucket(id)?.alg;
  return alg === undefined ? "unknown" : alg_name(alg);
}

function rename_bucket(v: View, args: Args): CommandOutcome {
  const [from, to] = [args.str("srcname"), args.str("dstname")];
  const crush = pending_crush(v);
  if (!crush.name_exists(from) && crush.name_exists(to)) {
    return commit_then(`srcname = '${from}' does not exist and dstname = '${to}' already exists`);
  }
  edit(v, (b) => b.rename_bucket(from, to));
  return commit_then(`renamed bucket ${from} into ${to}`);
}

function remove(v: View, args: Args, how: "remove" | "unlink"): CommandOutcome {
  const name = args.str("name");
  const crush = pending_crush(v);
  const id = crush.get_item_id(name);
  if (id === undefined) return commit_then(`device '${name}' does not appear in the crush map`);
  const under = args.opt_str("ancestor");
  const ancestor =
    under === undefined
      ? undefined
      : need_item(crush, under, `ancestor item '${under}' does not appear in the crush map`);
  const found = edit_if(v, (b) => {
    if (ancestor === undefined || ancestor >= 0) {
      return how === "remove" ? b.remove_item(id) : b.unlink_item(id);
    }
    return how === "remove" ? b.remove_item_under(id, ancestor) : b.unlink_item_under(id, ancestor);
  });
  if (!found) return commit_then(`item ${id} does not appear in that position`);
  const { crush_node_flags } = v.osdmap.f;
  const flagged = crush_node_flags.has(id) || v.pending.inc.new_crush_node_flags.has(id);
  if (how === "remove" && flagged) v.pending.inc.new_crush_node_flags.set(id, 0);
  return commit_then(`removed item id ${id} name '${name}' from crush map`);
}

function reweight(v: View, args: Args): CommandOutcome {
  const name = args.str("name");
  const id = in_crush(v, name);
  if (id < 0) return fail("EINVAL", `device '${name}' is not a leaf in the crush map`);
  const w = args.float("weight", 0, MAX_CRUSH_WEIGHT);
  edit(v, (b) => b.adjust_item_weight(id, w, weight_set_mode_of(v)));
  return commit_then(`reweighted item id ${id} name '${name}' to ${weight_text(w)} in crush map`);
}
function reweight_subtree(v: View, args: Args): CommandOutcome {
  const name = args.str("name");
  const id = in_crush(v, name);
  if (id >= 0) return fail("EINVAL", `device '${name}' is not a subtree in the crush map`);
  const w = args.float("weight", 0, MAX_CRUSH_WEIGHT);
  edit(v, (b) => b.adjust_subtree_weight(id, w, weight_set_mode_of(v)));
  return commit_then(
    `reweighted subtree id ${id} name '${name}' to ${weight_text(w)} in crush map`,
  );
}
function in_crush(v: View, name: string): number {
  return need_item(pending_crush(v), name, `device '${name}' does not appear in the crush map`);
}
