/** noup, nodown, noin, noout for single OSDs, CRUSH nodes and device classes. cluster.md §3.14. */
import { CEPH_OSD_NODOWN, CEPH_OSD_NOIN, CEPH_OSD_NOOUT, CEPH_OSD_NOUP } from "@tako/common";
import { pending_crush, pending_state, type View, xor_state } from "../osdmon/pending.ts";
import { type Args, is_wildcard, parse_osd_id } from "./args.ts";
import type { WriteCommand, WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_then, fail } from "./reply.ts";

const BITS: ReadonlyMap<string, number> = new Map([
  ["noup", CEPH_OSD_NOUP],
  ["nodown", CEPH_OSD_NODOWN],
  ["noin", CEPH_OSD_NOIN],
  ["noout", CEPH_OSD_NOOUT],
]);
type How = "set" | "unset";

export const NODE_FLAG_COMMANDS: WriteCommands = {
  "osd set-group": (v, args) => group(v, args, "set"),
  "osd unset-group": (v, args) => group(v, args, "unset"),
  ...Object.fromEntries(
    [...BITS].flatMap(([name, bit]): [string, WriteCommand][] => [
      [`osd add-${name}`, (v, args) => apply(v, args.list("ids"), bit, "set")],
      [`osd rm-${name}`, (v, args) => apply(v, args.list("ids"), bit, "unset")],
    ]),
  ),
};

/** `osd set-group noup,noout osd.0 host1 ssd`: OSDs, CRUSH nodes, device classes. */
function group(v: View, args: Args, how: How): CommandOutcome {
  let mask = 0;
  for (const n of (args.opt_str("flags") ?? "").split(",")) {
    const known = [...BITS.keys()].join(",");
    const text = `unrecognized flag '${n}', must be one of {${known}}`;
    mask |= BITS.get(n) ?? fail("EINVAL", text);
  }
  return apply(v, args.list("who"), mask, how);
}

interface Targets {
  readonly osds: Set<number>;
  readonly nodes: Set<number>;
  readonly classes: Set<number>;
}

/** Who is not known is named in the answer; the others get their flags. */
function apply(v: View, who: readonly string[], mask: number, how: How): CommandOutcome {
  if (who.length === 0) fail("EINVAL", "must specify at least one or more targets to set/unset");
  const targets: Targets = { osds: new Set(), nodes: new Set(), classes: new Set() };
  let text = "";
  for (const w of who) {
    if (is_wildcard(w)) {
      for (const o of v.osdmap.get_all_osds()) targets.osds.add(o);
      break;
    }
    if (!add_target(v, w, targets)) {
      text += `unable to parse osd id or crush node or device class: "${w}". `;
    }
  }
  const { osds, nodes, classes } = targets;
  if (osds.size + nodes.size + classes.size === 0 && text !== "") return fail("EINVAL", text);
  for (const o of by_number(osds)) {
    if (v.osdmap.exists(o)) set_on_osd(v, o, mask, how);
    else text += `osd.${o} does not exist. `;
  }
  const { inc } = v.pending;
  const { crush_node_flags, device_class_flags } = v.osdmap.f;
  for (const id of nodes) edit(inc.new_crush_node_flags, crush_node_flags, id, mask, how);
  for (const id of classes) edit(inc.new_device_class_flags, device_class_flags, id, mask, how);
  return commit_then(text);
}
function by_number(ids: ReadonlySet<number>): number[] {
  return [...ids].sort((a, b) => a - b);
}

function add_target(v: View, word: string, to: Targets): boolean {
  const crush = pending_crush(v);
  const w = parse_osd_id(word);
  const node = crush.get_item_id(word);
  const cls = crush.get_class_id(word);
  if (w.why === undefined) to.osds.add(w.osd);
  else if (node !== undefined) to.nodes.add(node);
  else if (cls !== undefined) to.classes.add(cls);
  else return false;
  return true;
}

function set_on_osd(v: View, o: number, mask: number, how: How): void {
  const now = pending_state(v, o) & mask;
  const flip = how === "set" ? mask & ~now : now;
  if (flip !== 0) xor_state(v, o, flip);
}

function edit(
  pending: Map<number, number>,
  committed: ReadonlyMap<number, number>,
  id: number,
  mask: number,
  how: How,
): void {
  const old = pending.get(id) ?? committed.get(id) ?? 0;
  const next = how === "set" ? old | mask : old & ~mask;
  if (next === (committed.get(id) ?? 0)) pending.delete(id);
  else pending.set(id, next);
}
