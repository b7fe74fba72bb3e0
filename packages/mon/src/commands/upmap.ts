/**
 * `osd pg-upmap`, `osd pg-upmap-items` and their removal. Whether CRUSH allows the result is not
 * asked here: an entry that it forbids goes out of the very epoch that brings it.
 * Ceph counterpart: OSDMonitor::prepare_command_impl. cluster.md §3.14.
 */
import {
  CRUSH_ITEM_NONE,
  is_release_before,
  type OSDMap,
  pg_pool,
  type pg_t,
  type upmap_item_t,
} from "@tako/common";
import { pending_pool, type View } from "../osdmon/pending.ts";
import { type Args, parse_osd } from "./args.ts";
import type { WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_then, fail, RETRY_COMMAND } from "./reply.ts";

export const UPMAP_COMMANDS: WriteCommands = {
  "osd pg-upmap": (v, args) => on_pg(v, args, is_upmap_pending, set_upmap),
  "osd rm-pg-upmap": (v, args) =>
    on_pg(v, args, is_upmap_pending, (pg) => {
      if (v.osdmap.pg_upmap.has(pg)) v.pending.inc.old_pg_upmap.add(pg);
      return commit_then(`clear ${pg} pg_upmap mapping`);
    }),
  "osd pg-upmap-items": (v, args) => on_pg(v, args, is_items_pending, set_items),
  "osd rm-pg-upmap-items": (v, args) =>
    on_pg(v, args, is_items_pending, (pg) => {
      if (v.osdmap.pg_upmap_items.has(pg)) v.pending.inc.old_pg_upmap_items.add(pg);
      return commit_then(`clear ${pg} pg_upmap_items mapping`);
    }),
};

function on_pg(
  v: View,
  args: Args,
  is_pending: (v: View, pg: pg_t) => boolean,
  edit: (pg: pg_t, v: View, args: Args) => CommandOutcome,
): CommandOutcome {
  const least = v.osdmap.f.require_min_compat_client;
  if (is_release_before(least, "luminous")) {
    return fail(
      "EPERM",
      `min_compat_client ${least} < luminous, which is required for pg-upmap. Try 'ceph osd ` +
        "set-require-min-compat-client luminous' before using the new interface",
    );
  }
  const pg = args.pgid(v.osdmap);
  if (!pending_pool(v, pg_pool(pg))) {
    return fail("ENOENT", `pool of ${pg} is pending to be removed`);
  }
  return is_pending(v, pg) ? RETRY_COMMAND : edit(pg, v, args);
}
function is_upmap_pending({ pending: { inc } }: View, pg: pg_t): boolean {
  return inc.new_pg_upmap.has(pg) || inc.old_pg_upmap.has(pg);
}
function is_items_pending({ pending: { inc } }: View, pg: pg_t): boolean {
  return inc.new_pg_upmap_items.has(pg) || inc.old_pg_upmap_items.has(pg);
}

function osd_words(args: Args): number[] {
  const words = args.list("id");
  if (words.length === 0) fail("EINVAL", "unable to parse 'id' value(s) ''");
  return words.map(parse_osd);
}
/** An OSD, or the hole that CRUSH leaves where it finds none. */
function need_target(map: OSDMap, o: number): void {
  if (o !== CRUSH_ITEM_NONE && !map.exists(o)) fail("ENOENT", `osd.${o} does not exist`);
}

function set_upmap(pg: pg_t, v: View, args: Args): CommandOutcome {
  const wanted = osd_words(args);
  const pool = v.osdmap.get_pg_pool(pg_pool(pg));
  const { size, min_size } = pool ?? { size: 0, min_size: 0 };
  const n = wanted.length;
  if (n < min_size) return fail("EINVAL", `num of osds (${n}) < pool min size (${min_size})`);
  if (n > size) return fail("EINVAL", `num of osds (${n}) > pool size (${size})`);
  let text = "";
  const osds: number[] = [];
  for (const o of wanted) {
    need_target(v.osdmap, o);
    if (osds.includes(o)) text += `osd.${o} already exists, `;
    else osds.push(o);
  }
  v.pending.inc.new_pg_upmap.set(pg, osds);
  return commit_then(`${text}set ${pg} pg_upmap mapping to [${osds.join(",")}]`);
}

function set_items(pg: pg_t, v: View, args: Args): CommandOutcome {
  const osds = osd_words(args);
  if (osds.length % 2 !== 0) {
    return fail("EINVAL", "you must specify pairs of osd ids to be remapped");
  }
  const size = v.osdmap.get_pg_pool(pg_pool(pg))?.size ?? 0;
  const pairs = osds.length / 2;
  if (pairs > size) return fail("EINVAL", `num of osd pairs (${pairs}) > pool size (${size})`);
  let text = "";
  const items: upmap_item_t[] = [];
  for (let i = 0; i < osds.length; i += 2) {
    const [from, to] = [osds[i] ?? -1, osds[i + 1] ?? -1];
    if (from === to) {
      text += `from osd.${from} == to osd.${to}, `;
      continue;
    }
    if (!v.osdmap.exists(from)) return fail("ENOENT", `osd.${from} does not exist`);
    need_target(v.osdmap, to);
    if (items.some(([f, t]) => f === from && t === to)) {
      text += `osd.${from} -> osd.${to} already exists, `;
    } else {
      items.push([from, to]);
    }
  }
  if (items.length === 0) {
    return fail("EINVAL", `${text}no valid upmap items(pairs) is specified`);
  }
  v.pending.inc.new_pg_upmap_items.set(pg, items);
  const list = items.map(([f, t]) => `${f}->${t}`).join(",");
  return commit_then(`${text}set ${pg} pg_upmap_items mapping to [${list}]`);
}
