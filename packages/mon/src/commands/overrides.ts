/** Overrides of placement and access: temps, affinity, blocklist. cluster.md §3.5, §3.14. */
import {
  CEPH_OSD_DEFAULT_PRIMARY_AFFINITY,
  CRUSH_ITEM_NONE,
  is_release_before,
  type OSDMap,
  pg_pool,
  type pg_t,
  print_ostream_float,
  utime_str,
} from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import type { View } from "../osdmon/pending.ts";
import { set_pg_temp } from "../osdmon/pg_temp.ts";
import { type Args, parse_osd } from "./args.ts";
import type { WriteCommands } from "./dispatch.ts";
import { existing, need_osd } from "./osd_write.ts";
import { type CommandOutcome, commit_then, fail, RETRY_COMMAND, reply_now } from "./reply.ts";

export const OVERRIDE_COMMANDS: WriteCommands = {
  "osd pg-temp": pg_temp,
  "osd primary-temp": primary_temp,
  "osd rm-primary-temp": (v, args) => {
    const pg = args.pgid(v.osdmap);
    if (v.osdmap.primary_temp.has(pg)) v.pending.inc.new_primary_temp.set(pg, -1);
    return commit_then(`clear ${pg} primary_temp mapping`);
  },
  "osd primary-affinity": primary_affinity,
  "pg repeer": repeer,
  "osd force-create-pg": force_create_pg,
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

function pg_temp(v: View, args: Args): CommandOutcome {
  const pg = args.pgid(v.osdmap);
  const osds = args.list("id").map(parse_osd);
  if (v.pending.inc.new_pg_temp.has(pg)) return RETRY_COMMAND;
  if (osds.length === 0) {
    set_pg_temp(v, pg, []);
    return commit_then(`done cleaning up pg_temp of ${pg}`);
  }
  for (const o of osds) need_osd(v.osdmap, o);
  const n = osds.length;
  const { size, min_size } = v.osdmap.get_pg_pool(pg_pool(pg)) ?? { size: 0, min_size: 0 };
  if (n < min_size) return fail("EINVAL", `num of osds (${n}) < pool min size (${min_size})`);
  if (n > size) return fail("EINVAL", `num of osds (${n}) > pool size (${size})`);
  set_pg_temp(v, pg, osds);
  return commit_then(`set ${pg} pg_temp mapping to [${osds.join(",")}]`);
}

/** -1 takes it away. */
function primary_temp(v: View, args: Args): CommandOutcome {
  const pg = args.pgid(v.osdmap);
  const o = args.str("id") === "-1" ? -1 : existing(v.osdmap, args);
  need_client(v.osdmap, "primary-temp");
  if (o >= 0 || v.osdmap.primary_temp.has(pg)) v.pending.inc.new_primary_temp.set(pg, o);
  else v.pending.inc.new_primary_temp.delete(pg);
  return commit_then(`set ${pg} primary_temp mapping to ${o}`);
}

function primary_affinity(v: View, args: Args): CommandOutcome {
  const w = args.float("weight", 0, 1);
  need_client(v.osdmap, "primary-affinity");
  const o = existing(v.osdmap, args);
  const a = Math.trunc(w * CEPH_OSD_DEFAULT_PRIMARY_AFFINITY);
  const { new_primary_affinity } = v.pending.inc;
  if (a !== (new_primary_affinity.get(o) ?? v.osdmap.get_primary_affinity(o))) {
    new_primary_affinity.set(o, a);
  }
  // Where Ceph means to print a hexadecimal number it prints the numbers of hex and dec around it.
  return commit_then(`set osd.${o} primary-affinity to ${print_ostream_float(w)} (8${a}2)`);
}

function need_client(map: OSDMap, what: string): void {
  const least = map.f.require_min_compat_client;
  if (least === "unknown" || !is_release_before(least, "firefly")) return;
  fail("EPERM", `require_min_compat_client ${least} < firefly, which is required for ${what}`);
}

/** A moment of another acting set makes the PG peer anew; it then asks for the right one itself. */
function repeer(v: View, args: Args): CommandOutcome {
  const pg: pg_t = args.pgid(v.osdmap, (t) => `pg '${t}' does not exist`);
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
  return commit_then("");
}

function force_create_pg(v: View, args: Args, mon: Monitor): CommandOutcome {
  const pg = args.pgid(v.osdmap, (t) => `pg ${t} should not exist`);
  if (!args.flag("yes_i_really_mean_it")) {
    return fail(
      "EPERM",
      "This command will recreate a lost (as in data lost) PG with data in it, such that the " +
        "cluster will give up ever trying to recover the lost data.  Do this only if you are " +
        "certain that all copies of the PG are in fact lost and you are willing to accept that " +
        "the data is permanently destroyed.  Pass --yes-i-really-mean-it to proceed.",
    );
  }
  if (mon.svc.osdmon.creating.pgs.has(pg)) return reply_now(`pg ${pg} already creating`);
  v.pending.force_create.add(pg);
  return commit_then(`pg ${pg} now creating, ok`);
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
