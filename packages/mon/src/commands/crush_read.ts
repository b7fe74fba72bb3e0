/** `osd crush ...` commands that only look. cluster.md §2.9, §7.2. */
import {
  CRUSH_RULE_OPS,
  type CrushWrapper,
  crush_rule_dump,
  crush_tree_dump,
  DEFAULT_CHOOSE_ARGS,
  type OSDMap,
} from "@tako/common";
import { type Args, parse_osd } from "./args.ts";
import type { ReadCommands } from "./dispatch.ts";
import { fail, json } from "./reply.ts";

export const CRUSH_COMMANDS: ReadCommands = {
  "osd crush dump": (mon) => json(mon.osdmap.crush.dump()),
  // Ceph's name of the switch is `shadow`.
  "osd crush tree": (mon, args) =>
    json(crush_tree_dump(mon.osdmap, args.flag("show_shadow") || args.has("shadow"))),
  "osd crush ls": (mon, args) => {
    const { crush } = mon.osdmap;
    const node = args.str("node");
    const id = crush.get_item_id(node) ?? fail("ENOENT", `node '${node}' does not exist`);
    const items = id >= 0 ? [id] : (crush.get_bucket(id)?.items ?? []);
    return json(items.map((i) => crush.get_item_name(i) ?? String(i)));
  },
  "osd crush rule ls": (mon) => {
    const { crush } = mon.osdmap;
    return json(crush.rule_ids().map((id) => crush.get_rule(id)?.name ?? ""));
  },
  "osd crush rule ls-by-class": (mon, args) =>
    json(rules_by_class(mon.osdmap.crush, args.str("class"))),
  "osd crush rule dump": (mon, args) => {
    const { crush } = mon.osdmap;
    const name = args.opt_str("name");
    if (name === undefined) return json(crush.rule_ids().map((id) => crush_rule_dump(crush, id)));
    const id = crush.get_rule_id(name) ?? fail("ENOENT", `unknown crush rule '${name}'`);
    return json(crush_rule_dump(crush, id));
  },
  "osd crush class ls": (mon) =>
    json([...mon.osdmap.crush.map.class_names].sort(([a], [b]) => a - b).map(([, n]) => n)),
  "osd crush class ls-osd": (mon, args) => {
    const { crush } = mon.osdmap;
    const cls = crush.get_class_id(args.str("class"));
    const devices = [...crush.map.class_map].filter(([o, c]) => o >= 0 && c === cls);
    return json(devices.map(([o]) => o).sort((a, b) => a - b));
  },
  "osd crush get-device-class": (mon, args) => json(device_classes(mon.osdmap.crush, args)),
  "osd crush show-tunables": (mon) => json(mon.osdmap.crush.dump().tunables),
  "osd crush get-tunable": (mon, args) => {
    const tunable = args.str("tunable");
    if (tunable !== "straw_calc_version") {
      return fail("EINVAL", `unrecognized tunable '${tunable}'`);
    }
    return json({ [tunable]: mon.osdmap.crush.map.tunables.straw_calc_version });
  },
  "osd crush weight-set ls": (mon) =>
    json(set_ids(mon.osdmap.crush).map((id) => set_name(mon.osdmap, id))),
  "osd crush weight-set dump": (mon) => json(mon.osdmap.crush.dump().choose_args),
};

/** Names of the rules that take a shadow tree of the class. */
function rules_by_class(crush: CrushWrapper, cls: string): string[] {
  const id = crush.get_class_id(cls) ?? fail("ENOENT", `failed to get rules by class '${cls}'`);
  const takes = (r: number) =>
    crush
      .get_rule(r)
      ?.steps.some(
        (s) => s.op === CRUSH_RULE_OPS.take && s.arg1 < 0 && crush.map.class_map.get(s.arg1) === id,
      );
  return crush
    .rule_ids()
    .filter(takes)
    .map((r) => crush.get_rule(r)?.name ?? "");
}

function device_classes(crush: CrushWrapper, args: Args): { osd: number; device_class: string }[] {
  const ids = args.list("ids");
  if (ids.length === 0) return fail("EINVAL", "missing required argument: ids");
  const osds = new Set(ids.map(parse_osd));
  return [...osds]
    .sort((a, b) => a - b)
    .map((osd) => ({ osd, device_class: crush.get_item_class(osd) ?? "" }));
}

function set_ids(crush: CrushWrapper): number[] {
  return [...crush.map.choose_args.keys()].sort((a, b) => a - b);
}
function set_name(map: OSDMap, set: number): string {
  return set === DEFAULT_CHOOSE_ARGS ? "(compat)" : (map.get_pool_name(set) ?? String(set));
}
