/** noup, nodown, noin, noout for single OSDs, CRUSH nodes and device classes. cluster.md §3.14. */
import { CEPH_OSD_NODOWN, CEPH_OSD_NOIN, CEPH_OSD_NOOUT, CEPH_OSD_NOUP } from "@tako/common";
import { pending_crush, pending_state, type View, xor_state } from "../osdmon/pending.ts";
import { type Args, parse_osd } from "./args.ts";
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
      [`osd add-${name}`, (v, args) => one_flag(v, args, bit, "set")],
      [`osd rm-${name}`, (v, args) => one_flag(v, args, bit, "unset")],
    ]),
  ),
};

/** `osd add-noout 1 2` */
function one_flag(v: View, args: Args, bit: number, how: How): CommandOutcome {
  for (const o of args.osds(v.osdmap)) set_on_osd(v, o, bit, how);
  return commit_then("");
}

/** `osd set-group noup,noout osd.0 host1 ssd`: OSDs, CRUSH nodes, device classes. */
function group(v: View, args: Args, how: How): CommandOutcome {
  const names = args.str("flags").split(",");
  let mask = 0;
  for (const n of names) {
    const bit =
      BITS.get(n) ?? fail("EINVAL", `unrecognized flag '${n}': use noup|nodown|noin|noout`);
    mask |= bit;
  }
  const who = args.list("who");
  if (who.length === 0) return fail("EINVAL", "missing required argument: who");
  for (const w of who) set_on(v, w, mask, how);
  return commit_then("");
}

function set_on(v: View, who: string, mask: number, how: How): void {
  if (who === "all" || who === "any" || who === "*") {
    for (const o of v.osdmap.get_all_osds()) set_on_osd(v, o, mask, how);
    return;
  }
  if (/^(osd\.)?\d+$/.test(who)) {
    set_on_osd(v, parse_osd(who), mask, how);
    return;
  }
  const crush = pending_crush(v);
  const { inc } = v.pending;
  const node = crush.get_item_id(who);
  const cls = crush.get_class_id(who);
  if (node !== undefined) {
    edit(inc.new_crush_node_flags, v.osdmap.f.crush_node_flags, node, mask, how);
  } else if (cls !== undefined) {
    edit(inc.new_device_class_flags, v.osdmap.f.device_class_flags, cls, mask, how);
  } else {
    fail("ENOENT", `'${who}' is no osd, crush node or device class`);
  }
}

function set_on_osd(v: View, o: number, mask: number, how: How): void {
  if (!v.osdmap.exists(o)) fail("ENOENT", `osd.${o} does not exist`);
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
