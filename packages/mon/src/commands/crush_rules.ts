/** `osd crush rule ...` and `osd crush tunables`. cluster.md §2.3, §7.1. */
import { type crush_tunables, TYPE_REPLICATED } from "@tako/common";
import { add_erasure_rule, keep_profile, need_profile } from "../osdmon/erasure.ts";
import { pending_crush, pending_pool, type View } from "../osdmon/pending.ts";
import type { Args } from "./args.ts";
import { edit, edit_for_clients } from "./crush_edit.ts";
import type { WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_then, fail } from "./reply.ts";

export const CRUSH_RULE_COMMANDS: WriteCommands = {
  "osd crush rule create-replicated": (v, args) =>
    create_rule(v, args, "firstn", args.opt_str("class")),
  "osd crush rule create-simple": (v, args) =>
    create_rule(v, args, args.opt_oneOf("mode", ["firstn", "indep"]) ?? "firstn", undefined),
  "osd crush rule create-erasure": create_erasure,
  "osd crush rule rm": remove_rule,
  "osd crush rule rename": rename_rule,
  "osd crush tunables": (v, args) => {
    const profile = args.str("profile");
    edit_for_clients(v, (b) => b.set_tunables_profile(profile));
    return commit_then(`adjusted tunables profile to ${profile}`);
  },
  "osd crush set-tunable": set_tunable,
};

function create_rule(
  v: View,
  args: Args,
  mode: "firstn" | "indep",
  device_class: string | undefined,
): CommandOutcome {
  const name = args.str("name");
  if (pending_crush(v).get_rule_id(name) !== undefined) {
    return commit_then(`rule ${name} already exists`);
  }
  const [root, type] = [args.str("root"), args.str("type")];
  const options = { mode, type: TYPE_REPLICATED };
  const with_class = device_class === undefined ? options : { ...options, device_class };
  edit(v, (b) => b.add_simple_rule(name, root, type, with_class));
  return commit_then("");
}

/** The rule that an erasure code profile asks for. */
function create_erasure(v: View, args: Args): CommandOutcome {
  const name = args.str("name");
  const profile_name = args.opt_str("profile") ?? "default";
  const crush = pending_crush(v);
  if (crush.get_rule_id(name) !== undefined) return commit_then(`rule ${name} already exists`);
  const profile = need_profile(v, profile_name);
  const made = add_erasure_rule(crush, name, profile);
  v.pending.inc.crush = made.crush;
  keep_profile(v, profile_name, profile);
  return commit_then(`created rule ${name} at ${made.rule}`);
}

function remove_rule(v: View, args: Args): CommandOutcome {
  const name = args.str("name");
  const id = pending_crush(v).get_rule_id(name);
  if (id === undefined) return commit_then(`rule ${name} does not exist`);
  const pools = new Set([...v.osdmap.pools.keys(), ...v.pending.inc.new_pools.keys()]);
  if ([...pools].some((pool) => pending_pool(v, pool)?.crush_rule === id)) {
    return fail("EBUSY", `crush ruleset ${name} ${id} is in use`);
  }
  edit(v, (b) => b.remove_rule(id));
  return commit_then("");
}

function rename_rule(v: View, args: Args): CommandOutcome {
  const [from, to] = [args.str("srcname"), args.str("dstname")];
  if (from === to) return commit_then("destination rule name is equal to source rule name");
  const crush = pending_crush(v);
  if (crush.get_rule_id(from) === undefined && crush.get_rule_id(to) !== undefined) {
    return commit_then(`already renamed to '${to}'`);
  }
  edit(v, (b) => b.rename_rule(from, to));
  return commit_then("");
}

function set_tunable(v: View, args: Args): CommandOutcome {
  const tunable = args.str("tunable");
  const value = args.int("value", -0x80000000, 0x7fffffff);
  if (tunable !== "straw_calc_version") {
    return fail("EINVAL", `unrecognized tunable '${tunable}'`);
  }
  if (value !== 0 && value !== 1) return fail("EINVAL", `value must be 0 or 1; got ${value}`);
  const t: Partial<crush_tunables> = { straw_calc_version: value };
  edit_for_clients(v, (b) => b.set_tunables(t));
  return commit_then(`adjusted tunable ${tunable} to ${value}`);
}
