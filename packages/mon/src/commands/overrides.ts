/** Overrides of placement and access: temps, upmaps, blocklist. cluster.md §3.5, §3.14. */
import {
  CRUSH_ITEM_NONE,
  type OSDMap,
  pg_pool,
  type pg_t,
  type upmap_item_t,
  utime_str,
} from "@tako/common";
import type { View } from "../osdmon/pending.ts";
import { set_pg_temp } from "../osdmon/pg_temp.ts";
import { type Args, parse_osd } from "./args.ts";
import type { WriteCommands } from "./dispatch.ts";
import { existing } from "./osd_write.ts";
import { type CommandOutcome, commit_then, fail, reply_now } from "./reply.ts";

export const OVERRIDE_COMMANDS: WriteCommands = {
  "osd pg-temp": (v, args) => {
    const pg = args.pgid(v.osdmap);
    const osds = osd_list(v.osdmap, args);
    const pool = v.osdmap.get_pg_pool(pg_pool(pg));
    if (osds.length > 0 && pool && (osds.length < pool.min_size || osds.length > pool.size)) {
      return fail(
        "EINVAL",
        `num of osds (${osds.length}) < pool min size (${pool.min_size}) or > size (${pool.size})`,
      );
    }
    set_pg_temp(v, pg, osds);
    return commit_then(`set ${pg} pg_temp mapping to [${osds.join(",")}]`);
  },
  "osd primary-temp": (v, args) => {
    const pg = args.pgid(v.osdmap);
    const o = existing(v.osdmap, args);
    v.pending.inc.new_primary_temp.set(pg, o);
    return commit_then(`set ${pg} primary_temp mapping to ${o}`);
  },
  "osd rm-primary-temp": (v, args) => {
    const pg = args.pgid(v.osdmap);
    if (v.osdmap.primary_temp.has(pg)) v.pending.inc.new_primary_temp.set(pg, -1);
    return commit_then(`clear ${pg} primary_temp mapping`);
  },
  "pg repeer": repeer,
  "osd pg-upmap": (v, args) => {
    const pg = args.pgid(v.osdmap);
    const osds = osd_list(v.osdmap, args);
    const pool = v.osdmap.get_pg_pool(pg_pool(pg));
    if (osds.length === 0 || (pool && osds.length > pool.size)) {
      return fail("EINVAL", `an upmap needs 1 to ${pool?.size ?? 0} osds`);
    }
    v.pending.inc.new_pg_upmap.set(pg, osds);
    v.pending.inc.old_pg_upmap.delete(pg);
    return commit_then(`set ${pg} pg_upmap mapping to [${osds.join(",")}]`);
  },
  "osd rm-pg-upmap": (v, args) => {
    const pg = args.pgid(v.osdmap);
    v.pending.inc.new_pg_upmap.delete(pg);
    if (v.osdmap.pg_upmap.has(pg)) v.pending.inc.old_pg_upmap.add(pg);
    return commit_then(`clear ${pg} pg_upmap mapping`);
  },
  "osd pg-upmap-items": upmap_items,
  "osd rm-pg-upmap-items": (v, args) => {
    const pg = args.pgid(v.osdmap);
    v.pending.inc.new_pg_upmap_items.delete(pg);
    if (v.osdmap.pg_upmap_items.has(pg)) v.pending.inc.old_pg_upmap_items.add(pg);
    return commit_then(`clear ${pg} pg_upmap_items mapping`);
  },
  "osd force-create-pg": (v, args) => {
    const pg = args.pgid(v.osdmap);
    if (!args.flag("yes_i_really_mean_it")) {
      return fail(
        "EPERM",
        "This command will recreate a lost (as in data lost) PG with data in it, such that the " +
          "cluster will give up ever trying to recover the lost data.  Do this only if you are " +
          "certain that all copies of the PG are in fact lost and you are willing to accept that " +
          "the data is permanently destroyed.  Pass --yes-i-really-mean-it to proceed.",
      );
    }
    v.pending.force_create.add(pg);
    return commit_then(`pg ${pg} now creating, ok`);
  },
  "osd blocklist add": blocklist_add,
  "osd blocklist rm": (v, args) => {
    const addr = blocklist_addr(args);
    const { inc } = v.pending;
    if (!v.osdmap.blocklist.has(addr) && !inc.new_blocklist.has(addr)) {
      return reply_now(`${addr} isn't blocklisted`);
    }
    inc.new_blocklist.delete(addr);
    if (v.osdmap.blocklist.has(addr)) inc.old_blocklist.add(addr);
    return commit_then(`un-blocklisting ${addr}`);
  },
  "osd blocklist clear": (v) => {
    for (const addr of v.osdmap.blocklist.keys()) v.pending.inc.old_blocklist.add(addr);
    v.pending.inc.new_blocklist.clear();
    return commit_then(" removed all blocklist entries");
  },
};

function osd_list(map: OSDMap, args: Args): number[] {
  const osds = args.list("id").map(parse_osd);
  for (const o of osds) if (!map.exists(o)) fail("ENOENT", `osd.${o} does not exist`);
  if (new Set(osds).size !== osds.length) fail("EINVAL", "each osd may be given only once");
  return osds;
}

/** A moment of another acting set makes the PG peer anew; it then asks for the right one itself. */
function repeer(v: View, args: Args): CommandOutcome {
  const pg: pg_t = args.pgid(v.osdmap);
  const { acting, acting_primary } = v.osdmap.pg_to_up_acting_osds(pg);
  if (acting_primary < 0) return fail("EAGAIN", "pg currently has no primary");
  const members = acting.filter((o) => o !== CRUSH_ITEM_NONE);
  if (members.length > 1) {
    set_pg_temp(v, pg, [acting_primary]);
  } else {
    const other = v.osdmap.get_up_osds().find((o) => o !== acting_primary);
    if (other === undefined) return fail("EAGAIN", "the cluster has only one osd that is up");
    set_pg_temp(v, pg, [acting_primary, other]);
  }
  return commit_then(`pg ${pg} repeer started`);
}

function upmap_items(v: View, args: Args): CommandOutcome {
  const pg = args.pgid(v.osdmap);
  const osds = args.list("id").map(parse_osd);
  if (osds.length === 0 || osds.length % 2 !== 0) {
    return fail("EINVAL", "give pairs of osds: <from> <to> ...");
  }
  const items: upmap_item_t[] = [];
  for (let i = 0; i < osds.length; i += 2) {
    const [from, to] = [osds[i] ?? -1, osds[i + 1] ?? -1];
    for (const o of [from, to]) {
      if (!v.osdmap.exists(o)) return fail("ENOENT", `osd.${o} does not exist`);
    }
    if (from === to) return fail("EINVAL", `osd.${from} is mapped to itself`);
    items.push([from, to]);
  }
  v.pending.inc.new_pg_upmap_items.set(pg, items);
  v.pending.inc.old_pg_upmap_items.delete(pg);
  const text = items.map(([f, t]) => `${f}->${t}`).join(",");
  return commit_then(`set ${pg} pg_upmap_items mapping to [${text}]`);
}

/** `host:port/nonce`; what is left out is 0 and matches everything on that host. */
function blocklist_addr(args: Args): string {
  const text = args.str("addr");
  const m = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::(\d{1,5}))?(?:\/(\d{1,10}))?$/.exec(text);
  if (!m) return fail("EINVAL", `'${text}' is not an address: host[:port[/nonce]]`);
  return `${m[1]}:${m[2] ?? 0}/${m[3] ?? 0}`;
}

function blocklist_add(v: View, args: Args): CommandOutcome {
  const addr = blocklist_addr(args);
  const expire = args.has("expire")
    ? args.float("expire", 0, 10 * 365 * 86400)
    : v.config.get("mon_osd_blocklist_default_expire");
  const until = v.now_ms + expire * 1000;
  v.pending.inc.new_blocklist.set(addr, until);
  v.pending.inc.old_blocklist.delete(addr);
  return commit_then(`blocklisting ${addr} until ${utime_str(until)} (${expire} sec)`);
}
