/** `osd ...` commands that only look. cluster.md §7.2. */
import {
  CRUSH_ITEM_NONE,
  dump_addrvec,
  encode_osdmap_binary,
  type OSDMap,
  osd_subtree_dump,
  osd_tree_dump,
  pg_t,
  pool_hash_key,
} from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import { dump_perf_stat } from "../pgmap/pg_stat.ts";
import type { Args } from "./args.ts";
import type { ReadCommands } from "./dispatch.ts";
import { osd_df } from "./osd_df.ts";
import { type CommandReply, fail, json, ok } from "./reply.ts";
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
