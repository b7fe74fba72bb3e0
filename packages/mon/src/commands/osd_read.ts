/** `osd ...` commands that only look. cluster.md §7.2. */
import {
  CRUSH_ITEM_NONE,
  dump_addrvec,
  encode_osdmap_binary,
  type OSDMap,
  osd_subtree_dump,
  osd_tree_dump,
  pg_pool,
  pg_t,
  pool_hash_key,
} from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import { dump_perf_stat } from "../pgmap/pg_stat.ts";
import type { Args } from "./args.ts";
import type { ReadCommands } from "./dispatch.ts";
import { osd_df } from "./osd_df.ts";
import { type CommandReply, fail, json, ok, refused } from "./reply.ts";
import { count_by, type Json, osdmap_summary, VERSION } from "./shapes.ts";

export const OSD_COMMANDS: ReadCommands = {
  "osd stat": (mon, args) => json(osdmap_summary(map_at(mon, args))),
  "osd dump": (mon, args) => json(map_at(mon, args).dump()),
  "osd tree": (mon, args) => {
    const map = map_at(mon, args);
    return json(osd_tree_dump(map, wanted_osds(map, args)));
  },
  "osd tree-from": (mon, args) => {
    const map = map_at(mon, args);
    const bucket = args.str("bucket");
    const root = map.crush.get_item_id(bucket);
    if (root === undefined) return fail("ENOENT", `bucket '${bucket}' does not exist`);
    if (root >= 0) return fail("EINVAL", `"${bucket}" is not a bucket`);
    return json({ nodes: osd_subtree_dump(map, root, wanted_osds(map, args)) });
  },
  "osd ls": (mon, args) => json(map_at(mon, args).get_all_osds()),
  "osd ls-tree": (mon, args) => {
    const map = map_at(mon, args);
    const leaves = map.crush.get_leaves(crush_item(map, args.str("name")));
    return json(leaves.filter((o) => map.exists(o)));
  },
  "osd getmap": (mon, args) => {
    const map = map_at(mon, args);
    return { ...ok(`got osdmap epoch ${map.epoch}`), data: [encode_osdmap_binary(map)] };
  },
  "osd getmaxosd": (mon, args) => {
    const { epoch, max_osd } = map_at(mon, args);
    return json({ epoch, max_osd });
  },
  "osd find": find,
  "osd info": info,
  "osd metadata": metadata,
  "osd versions": (mon) => json(count_by(mon.osdmap.get_up_osds().map((o) => version_of(mon, o)))),
  "osd map": map_object,
  "osd df": osd_df,
  "osd perf": (mon) => {
    const osd_perf_infos = mon.svc.pgmap
      .sorted_osds()
      .map(([id, s]) => ({ id, perf_stats: dump_perf_stat(s) }));
    return json({ osdstats: { osd_perf_infos } });
  },
  "osd blocked-by": (mon) =>
    json(
      [...mon.svc.pgmap.blocked_by_sum()]
        .sort(([a], [b]) => a - b)
        .map(([osd, num_blocked]) => ({ osd, num_blocked })),
    ),
  "osd ok-to-stop": ok_to_stop,
  "osd safe-to-destroy": safe_to_destroy,
  "osd blocklist ls": (mon) => {
    const entries = [...mon.osdmap.blocklist].sort(([a], [b]) => (a < b ? -1 : 1));
    return ok(
      `listed ${entries.length} entries`,
      entries.map(([addr, until]) => ({ addr, until: until / 1000 })),
    );
  },
};

/** The map of `epoch`, or the newest. */
export function map_at(mon: Monitor, args: Args): OSDMap {
  const e = args.opt_int("epoch", 0, 0xffffffff);
  if (e === undefined || e === 0 || e === mon.osdmap.epoch) return mon.osdmap;
  const map = mon.svc.osdmon.maps.get_map(e);
  if (map) return map;
  return fail("ENOENT", `there is no map for epoch ${e}`);
}

function existing_osd(map: OSDMap, args: Args): number {
  const o = args.osd();
  return map.exists(o) ? o : fail("ENOENT", `osd.${o} does not exist`);
}

export function crush_item(map: OSDMap, name: string): number {
  return map.crush.get_item_id(name) ?? fail("ENOENT", `"${name}" does not exist`);
}

function version_of(mon: Monitor, o: number): string {
  return mon.svc.osdmon.metadata.get(o)?.ceph_version ?? VERSION;
}

/** Location with sorted types: `{"host":"vm","root":"default"}`. */
function sorted_location(map: OSDMap, o: number): Json {
  const loc = [...map.crush.get_full_location(o)].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(loc);
}

function find(mon: Monitor, args: Args): CommandReply {
  const map = mon.osdmap;
  const o = existing_osd(map, args);
  const host = mon.svc.osdmon.metadata.get(o)?.hostname;
  return json({
    osd: o,
    addrs: dump_addrvec(map.get_addr(o)),
    osd_fsid: map.get_uuid(o),
    ...(host === undefined ? {} : { host }),
    crush_location: sorted_location(map, o),
  });
}

/** Elements of `osds` in `osd dump`. */
function osd_entries(map: OSDMap): Json[] {
  const { osds } = map.dump();
  return Array.isArray(osds) ? osds : [];
}
function info(mon: Monitor, args: Args): CommandReply {
  const entries = osd_entries(mon.osdmap);
  if (!args.has("id")) return json(entries);
  const o = args.osd();
  if (!mon.osdmap.exists(o)) return fail("EINVAL", `osd.${o} does not exist`);
  return json(entries.find((e) => e.osd === o));
}

function metadata(mon: Monitor, args: Args): CommandReply {
  const of = (id: number) => ({ id, ...mon.svc.osdmon.metadata.get(id) });
  if (args.has("id")) return json(of(existing_osd(mon.osdmap, args)));
  return json(mon.osdmap.get_all_osds().map(of));
}

function map_object(mon: Monitor, args: Args): CommandReply {
  const map = mon.osdmap;
  const pool_name = args.str("pool");
  const id = map.lookup_pg_pool_name(pool_name);
  const pool = map.get_pg_pool(id);
  if (!pool) return fail("ENOENT", `pool ${pool_name} does not exist`);
  const oid = args.str("object");
  const nspace = args.opt_str("nspace") ?? "";
  const hash = pool_hash_key(pool, oid, nspace);
  const raw = pg_t(id, hash);
  const pg = map.raw_pg_to_pg(raw) ?? raw;
  const m = map.pg_to_up_acting_osds(pg);
  const objname = nspace === "" ? oid : `${nspace}/${oid}`;
  const list = (osds: readonly number[], p: number) => `([${osds.map(osd_text)}], p${p})`;
  const outs =
    `osdmap e${map.epoch} pool '${pool_name}' (${id}) object '${objname}' -> pg ${raw} (${pg}) ` +
    `-> up ${list(m.up, m.up_primary)} acting ${list(m.acting, m.acting_primary)}`;
  return ok(outs, {
    epoch: map.epoch,
    pool: pool_name,
    pool_id: id,
    objname,
    raw_pgid: raw,
    pgid: pg,
    up: m.up,
    up_primary: m.up_primary,
    acting: m.acting,
    acting_primary: m.acting_primary,
  });
}
function osd_text(o: number): string {
  return o === CRUSH_ITEM_NONE ? "NONE" : String(o);
}

// ---------------------------------------------------------------- tree

type OsdTest = (map: OSDMap, o: number) => boolean;
const TREE_STATES: ReadonlyMap<string, OsdTest> = new Map([
  ["up", (m, o) => m.is_up(o)],
  ["down", (m, o) => m.is_down(o)],
  ["in", (m, o) => m.is_in(o)],
  ["out", (m, o) => m.is_out(o)],
  ["destroyed", (m, o) => m.is_destroyed(o)],
] satisfies [string, OsdTest][]);

/** OSDs in any of the wanted states; all when none is wanted. */
function wanted_osds(map: OSDMap, args: Args): ((o: number) => boolean) | undefined {
  const states = args.list("states");
  const tests = states.map(
    (s) => TREE_STATES.get(s) ?? fail("EINVAL", `unrecognized state '${s}'`),
  );
  const has = (s: string) => states.includes(s);
  if (has("in") && has("out")) fail("EINVAL", "cannot specify both 'in' and 'out'");
  if (["up", "down", "destroyed"].filter(has).length > 1) {
    fail("EINVAL", "can specify only one of 'up', 'down' and 'destroyed'");
  }
  return tests.length === 0 ? undefined : (o) => tests.some((t) => t(map, o));
}

// ---------------------------------------------------------------- may it go?

/** PGs that stopping these OSDs would make inactive, or that cannot be judged. */
function ok_to_stop(mon: Monitor, args: Args): CommandReply {
  const osds = args.osds(mon.osdmap);
  const stop = new Set(osds);
  const groups: Record<
    "ok" | "bad_no_pool" | "bad_become_inactive" | "bad_already_inactive",
    string[]
  > = {
    ok: [],
    bad_no_pool: [],
    bad_become_inactive: [],
    bad_already_inactive: [],
  };
  const unknown: string[] = [];
  for (const [pg, s] of mon.svc.pgmap.sorted_pgs()) {
    if (s.states.has("unknown")) {
      unknown.push(pg);
      continue;
    }
    if (!s.acting.some((o) => stop.has(o))) continue;
    const pool = mon.osdmap.get_pg_pool(pg_pool(pg));
    const left = s.acting.filter((o) => o !== CRUSH_ITEM_NONE && !stop.has(o)).length;
    if (!pool) groups.bad_no_pool.push(pg);
    else if (!s.states.has("active")) groups.bad_already_inactive.push(pg);
    else if (left < pool.min_size) groups.bad_become_inactive.push(pg);
    else groups.ok.push(pg);
  }
  const bad =
    groups.bad_no_pool.length +
    groups.bad_become_inactive.length +
    groups.bad_already_inactive.length;
  const outb = {
    ok_to_stop: {
      ok: bad + unknown.length === 0,
      osds,
      num_ok_pgs: groups.ok.length,
      num_not_ok_pgs: bad,
      ok_become_degraded: groups.ok,
      ...(bad > 0 ? { bad_become_inactive: groups.bad_become_inactive } : {}),
      ...(bad > 0 ? { bad_already_inactive: groups.bad_already_inactive } : {}),
    },
  };
  if (unknown.length > 0) {
    const text = `${unknown.length} pgs have unknown state; cannot draw any conclusions`;
    return { ...refused("EAGAIN", text), outb };
  }
  if (bad === 0) return json(outb);
  const text = `unsafe to stop osd(s) at this time (${bad} PGs are or would become offline)`;
  return { ...refused("EBUSY", text), outb };
}

function safe_to_destroy(mon: Monitor, args: Args): CommandReply {
  const { pgmap } = mon.svc;
  const safe: number[] = [];
  const active: number[] = [];
  const missing_stats: number[] = [];
  const stored_pgs: number[] = [];
  const dirty = [...pgmap.pg_stat.values()].some((s) => s.states.has("unknown"));
  if (dirty) return fail("EAGAIN", "some pgs have unknown state; cannot draw any conclusions");
  const unclean = [...pgmap.pg_stat.values()].some((s) => !s.states.has("clean"));
  const by_osd = pgmap.num_pg_by_osd();
  for (const o of args.osds(mon.osdmap)) {
    const stat = pgmap.osd_stat.get(o);
    if (!mon.osdmap.exists(o)) safe.push(o);
    else if ((by_osd.get(o) ?? 0) > 0) active.push(o);
    else if (!stat && unclean) missing_stats.push(o);
    else if (stat && stat.num_pgs > 0 && unclean) stored_pgs.push(o);
    else safe.push(o);
  }
  const outb = { safe_to_destroy: safe, active, missing_stats, stored_pgs };
  const list = (osds: readonly number[]) => osds.map((o) => `osd.${o}`).join(",");
  if (active.length + missing_stats.length + stored_pgs.length === 0) {
    return ok(
      `OSD(s) ${safe.join(",")} are safe to destroy without reducing data durability.`,
      outb,
    );
  }
  const parts: string[] = [];
  if (active.length > 0) parts.push(`OSD(s) ${list(active)} have PGs mapped to them.`);
  if (missing_stats.length > 0) {
    parts.push(`OSD(s) ${list(missing_stats)} have no reported stats, and not all PGs are clean.`);
  }
  if (stored_pgs.length > 0) parts.push(`OSD(s) ${list(stored_pgs)} store PGs still.`);
  return { ...refused("EBUSY", parts.join(" ")), outb };
}
