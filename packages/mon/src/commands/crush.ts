/** `osd crush ...`: looks at and edits the CRUSH map. cluster.md §2.9, §7.1. */
import {
  type CrushBuilder,
  type CrushWrapper,
  crush_rule_dump,
  type OSDMap,
  TYPE_ERASURE,
  TYPE_REPLICATED,
} from "@tako/common";
import { bad_location } from "../osdmon/crush_edit.ts";
import { pending_crush, pending_pool, type View } from "../osdmon/pending.ts";
import { type Args, parse_osd } from "./args.ts";
import type { ReadCommands, WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_then, fail, json, reply_now } from "./reply.ts";
import type { Json } from "./shapes.ts";

const MAX_WEIGHT = 0xffff;

export const CRUSH_COMMANDS: ReadCommands = {
  "osd crush dump": (mon) => json(mon.osdmap.crush.dump()),
  "osd crush tree": (mon, args) => json(tree(mon.osdmap, args.flag("show_shadow"))),
  "osd crush ls": (mon, args) => {
    const { crush } = mon.osdmap;
    const id = need_item(crush, args.str("node"));
    const items = id >= 0 ? [id] : (crush.get_bucket(id)?.items ?? []);
    return json(items.map((i) => crush.get_item_name(i) ?? String(i)));
  },
  "osd crush rule ls": (mon) => {
    const { crush } = mon.osdmap;
    return json(crush.rule_ids().map((id) => crush.get_rule(id)?.name ?? ""));
  },
  "osd crush rule dump": (mon, args) => {
    const { crush } = mon.osdmap;
    if (!args.has("name")) return json(crush.rule_ids().map((id) => crush_rule_dump(crush, id)));
    return json(crush_rule_dump(crush, need_rule(crush, args.str("name"))));
  },
  "osd crush class ls": (mon) =>
    json([...mon.osdmap.crush.map.class_names].sort(([a], [b]) => a - b).map(([, n]) => n)),
  "osd crush class ls-osd": (mon, args) => {
    const { crush } = mon.osdmap;
    const cls = args.str("class");
    return json(mon.osdmap.get_all_osds().filter((o) => crush.get_item_class(o) === cls));
  },
  "osd crush show-tunables": (mon) => json(mon.osdmap.crush.dump().tunables),
};

export const CRUSH_WRITE_COMMANDS: WriteCommands = {
  "osd crush add": (v, args) => place(v, args, "add"),
  "osd crush set": (v, args) => place(v, args, "set"),
  "osd crush create-or-move": (v, args) => place(v, args, "create-or-move"),
  "osd crush add-bucket": add_bucket,
  "osd crush move": move,
  "osd crush link": link,
  "osd crush rm": remove,
  "osd crush remove": remove,
  "osd crush unlink": remove,
  "osd crush reweight": (v, args) => {
    const name = args.str("name");
    const id = need_item(pending_crush(v), name);
    if (id < 0) return fail("EINVAL", `device '${name}' is not a leaf in the crush map`);
    const w = args.float("weight", 0, MAX_WEIGHT);
    edit(v, (b) => b.adjust_item_weight(id, w));
    return commit_then(`reweighted item id ${id} name '${name}' to ${w} in crush map`);
  },
  "osd crush reweight-subtree": (v, args) => {
    const name = args.str("name");
    const id = need_item(pending_crush(v), name);
    const w = args.float("weight", 0, MAX_WEIGHT);
    edit(v, (b) => b.adjust_subtree_weight(id, w));
    return commit_then(`reweighted subtree id ${id} name '${name}' to ${w} in crush map`);
  },
  "osd crush rename-bucket": (v, args) => {
    const [from, to] = [args.str("srcname"), args.str("dstname")];
    edit(v, (b) => b.rename_bucket(from, to));
    return commit_then("");
  },
  "osd crush rule create-replicated": (v, args) => create_rule(v, args, args.opt_str("class")),
  "osd crush rule create-simple": (v, args) => create_rule(v, args, undefined),
  "osd crush rule rm": remove_rule,
  "osd crush rule rename": (v, args) => {
    const [from, to] = [args.str("srcname"), args.str("dstname")];
    edit(v, (b) => b.rename_rule(from, to));
    return commit_then("");
  },
  "osd crush set-device-class": set_class,
  "osd crush rm-device-class": rm_class,
  "osd crush tunables": (v, args) => {
    const profile = args.str("profile");
    edit(v, (b) => b.set_tunables_profile(profile));
    return commit_then(`adjusted tunables profile to ${profile}`);
  },
};

function edit(v: View, fn: (b: CrushBuilder) => void): void {
  v.pending.inc.crush = pending_crush(v).edit(fn);
}
function need_item(crush: CrushWrapper, name: string): number {
  return crush.get_item_id(name) ?? fail("ENOENT", `item '${name}' does not exist`);
}
function need_rule(crush: CrushWrapper, name: string): number {
  return crush.get_rule_id(name) ?? fail("ENOENT", `unknown crush rule '${name}'`);
}

/** `root=default host=h1`, as a list of words. */
function location(crush: CrushWrapper, args: Args): Map<string, string> {
  const loc = new Map<string, string>();
  for (const word of args.list("args")) {
    const i = word.indexOf("=");
    if (i <= 0) return fail("EINVAL", `'${word}' is not of the form type=name, such as host=h1`);
    loc.set(word.slice(0, i), word.slice(i + 1));
  }
  const why = bad_location(crush, loc);
  return why === undefined ? loc : fail("EINVAL", why);
}
function loc_text(loc: ReadonlyMap<string, string>): string {
  const sorted = [...loc].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([t, n]) => `${t}=${n}`).join(",")}}`;
}

function place(v: View, args: Args, how: "add" | "set" | "create-or-move"): CommandOutcome {
  const o = parse_osd(args.str("id"));
  const name = `osd.${o}`;
  if (!v.osdmap.exists(o) && !v.pending.inc.new_weight.has(o)) {
    return fail("ENOENT", `${name} does not exist. Create it before updating the crush map`);
  }
  const w = args.float("weight", 0, MAX_WEIGHT);
  const crush = pending_crush(v);
  if (how === "set" && args.list("args").length === 0) {
    need_item(crush, name);
    edit(v, (b) => b.adjust_item_weight(o, w));
    return commit_then(`set item id ${o} name '${name}' weight ${w} in crush map`);
  }
  const loc = location(crush, args);
  let changed = false;
  const edited = crush.edit((b) => {
    changed =
      how === "create-or-move"
        ? b.create_or_move_item(o, w, name, loc)
        : b.update_item(o, w, name, loc);
  });
  if (changed) v.pending.inc.crush = edited;
  const at = `at location ${loc_text(loc)}`;
  const text =
    how === "create-or-move"
      ? `create-or-move updating item name '${name}' weight ${w} ${at} to crush map`
      : `${how} item id ${o} name '${name}' weight ${w} ${at} to crush map`;
  return commit_then(text);
}

function add_bucket(v: View, args: Args): CommandOutcome {
  const [name, type] = [args.str("name"), args.str("type")];
  const crush = pending_crush(v);
  if (crush.name_exists(name)) return reply_now(`bucket '${name}' already exists`);
  const loc = args.list("args").length > 0 ? location(crush, args) : undefined;
  edit(v, (b) => {
    const id = b.add_bucket(name, type);
    if (loc) b.move_bucket(id, loc);
  });
  const where = loc ? ` at location ${loc_text(loc)}` : "";
  return commit_then(`added bucket ${name} type ${type}${where} to crush map`);
}

function move(v: View, args: Args): CommandOutcome {
  const name = args.str("name");
  const crush = pending_crush(v);
  const id = need_item(crush, name);
  const loc = location(crush, args);
  edit(v, (b) => {
    if (id < 0) b.move_bucket(id, loc);
    else b.create_or_move_item(id, crush.get_item_weightf(id), name, loc);
  });
  return commit_then(
    `moved item id ${id} name '${name}' to location ${loc_text(loc)} in crush map`,
  );
}

function link(v: View, args: Args): CommandOutcome {
  const name = args.str("name");
  const crush = pending_crush(v);
  const id = need_item(crush, name);
  if (id >= 0) return fail("EINVAL", `'${name}' is not a bucket`);
  const loc = location(crush, args);
  edit(v, (b) => b.link_bucket(id, loc));
  return commit_then(
    `linked item id ${id} name '${name}' to location ${loc_text(loc)} in crush map`,
  );
}

function remove(v: View, args: Args): CommandOutcome {
  const name = args.str("name");
  const crush = pending_crush(v);
  const id = crush.get_item_id(name);
  if (id === undefined) return reply_now(`device '${name}' does not appear in the crush map`);
  const ancestor = args.opt_str("ancestor");
  edit(v, (b) => {
    if (ancestor === undefined) b.remove_item(id);
    else b.remove_item_under(id, need_item(crush, ancestor));
  });
  return commit_then(`removed item id ${id} name '${name}' from crush map`);
}

// ---------------------------------------------------------------- rules, classes

function create_rule(v: View, args: Args, device_class: string | undefined): CommandOutcome {
  const name = args.str("name");
  if (pending_crush(v).get_rule_id(name) !== undefined) {
    return reply_now(`rule ${name} already exists`);
  }
  const mode = args.opt_oneOf("mode", ["firstn", "indep"]) ?? "firstn";
  const options = {
    mode,
    type: mode === "indep" ? TYPE_ERASURE : TYPE_REPLICATED,
    ...(device_class === undefined ? {} : { device_class }),
  };
  edit(v, (b) => b.add_simple_rule(name, args.str("root"), args.str("type"), options));
  return commit_then("");
}

function remove_rule(v: View, args: Args): CommandOutcome {
  const name = args.str("name");
  const crush = pending_crush(v);
  const id = crush.get_rule_id(name);
  if (id === undefined) return reply_now(`rule ${name} does not exist`);
  const ids = new Set([...v.osdmap.pools.keys(), ...v.pending.inc.new_pools.keys()]);
  for (const pool of ids) {
    if (pending_pool(v, pool)?.crush_rule === id) {
      return fail(
        "EBUSY",
        `crush rule ${name} (${id}) is in use by pool ${v.osdmap.get_pool_name(pool) ?? pool}`,
      );
    }
  }
  edit(v, (b) => b.remove_rule(id));
  return commit_then("");
}

function set_class(v: View, args: Args): CommandOutcome {
  const cls = args.str("class");
  const osds = args.osds(v.osdmap);
  const crush = pending_crush(v);
  const changed = osds.filter((o) => crush.get_item_class(o) !== cls);
  if (changed.length > 0) {
    edit(v, (b) => {
      for (const o of changed) b.set_device_class(o, cls);
    });
  }
  return commit_then(`set osd(s) ${osds.join(",")} to class '${cls}'`);
}
function rm_class(v: View, args: Args): CommandOutcome {
  const osds = args.osds(v.osdmap);
  const crush = pending_crush(v);
  const changed = osds.filter((o) => crush.get_item_class(o) !== undefined);
  if (changed.length > 0) {
    edit(v, (b) => {
      for (const o of changed) b.remove_device_class(o);
    });
  }
  return commit_then(`done removing class of osd(s): ${osds.join(",")}`);
}

// ---------------------------------------------------------------- tree

function tree(map: OSDMap, with_shadow: boolean): Json {
  const { crush } = map;
  const nodes: Json[] = [];
  const walk = (id: number, depth: number) => {
    nodes.push(tree_node(crush, id, depth));
    for (const item of crush.get_bucket(id)?.items ?? []) walk(item, depth + 1);
  };
  for (const root of with_shadow ? crush.find_roots() : crush.find_nonshadow_roots()) walk(root, 0);
  return { nodes, stray: [] };
}
function tree_node(crush: CrushWrapper, id: number, depth: number): Json {
  const cls = crush.get_item_class(id);
  const type_id = crush.get_item_type(id);
  const node: Json = {
    id,
    ...(cls === undefined ? {} : { device_class: cls }),
    name: crush.get_item_name(id) ?? "",
    type: crush.get_type_name(type_id) ?? "",
    type_id,
  };
  if (id >= 0)
    return { ...node, crush_weight: crush.get_item_weightf(id), depth, pool_weights: {} };
  const items = crush.get_bucket(id)?.items ?? [];
  return { ...node, pool_weights: {}, children: [...items].reverse() };
}
