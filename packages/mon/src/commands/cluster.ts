/** status, health, df, mon and quorum commands, versions, config. cluster.md §7. */
import { utime_str } from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import type { PGMap } from "../pgmap/PGMap.ts";
import { print_summary } from "../pgmap/summary.ts";
import type { Args } from "./args.ts";
import type { ReadCommands } from "./dispatch.ts";
import { type CommandReply, fail, json, ok } from "./reply.ts";
import {
  count_by,
  ELECTION_EPOCH,
  type Json,
  monmap_dump,
  osdmap_summary,
  quorum_age,
  VERSION,
} from "./shapes.ts";

export const CLUSTER_COMMANDS: ReadCommands = {
  status: (mon) => json(status(mon)),
  health: (mon, args) => {
    mon.check_health();
    const detail = args.opt_oneOf("detail", ["detail"]) !== undefined;
    return json(mon.svc.health.dump(detail));
  },
  "health mute": health_mute,
  "health unmute": (mon, args) => {
    const code = args.opt_str("code");
    const had = mon.svc.health.unmute(code);
    if (!had && code !== undefined) return fail("ENOENT", `${code} is not muted`);
    return ok("");
  },
  df: (mon) => json(df(mon)),
  "rados df": (mon) => json(rados_df(mon)),
  fsid: (mon) => json({ fsid: mon.fsid }),
  version: () => json({ version: VERSION }),
  versions: (mon) => json(versions(mon)),
  features: (mon) => json(features(mon)),
  "node ls": node_ls,
  "mon stat": (mon) => json(mon_stat(mon)),
  "mon dump": (mon) => ok("dumped monmap epoch 1", { ...monmap_dump(mon), quorum: [0] }),
  "mon metadata": (mon) => json([mon_metadata(mon)]),
  quorum_status: (mon) => json(quorum_status(mon)),
  mon_status: (mon) => json(mon_status(mon)),
  "config show": config_show,
  "config get": config_show,
  "config dump": (mon) =>
    json(
      mon.ports.config.diff().map((r) => ({
        section: "mon",
        name: r.name,
        value: r.value,
        source: r.source,
      })),
    ),
  "config set": (mon, args) => {
    only_me(mon, args);
    const name = mon.ports.config.set(option_name(args), args.str("value"));
    mon.svc.logmon.log("INF", `config set ${name} ${mon.ports.config.get_text(name)}`, "audit");
    return ok("");
  },
  "config rm": (mon, args) => {
    only_me(mon, args);
    mon.ports.config.rm(option_name(args));
    return ok("");
  },
};

function status(mon: Monitor): Json {
  mon.check_health();
  const { pgmap, health } = mon.svc;
  return {
    fsid: mon.fsid,
    health: health.dump(false),
    election_epoch: ELECTION_EPOCH,
    quorum: [0],
    quorum_names: [mon.name],
    quorum_age: quorum_age(mon),
    monmap: { epoch: 1, min_mon_release_name: "pacific", num_mons: 1 },
    osdmap: osdmap_summary(mon.osdmap),
    pgmap: print_summary(pgmap, mon.osdmap),
    fsmap: { epoch: 1, by_rank: [], "up:standby": 0 },
    mgrmap: { available: true, num_standbys: 0, modules: [], services: {} },
    servicemap: { epoch: 1, modified: utime_str(mon.osdmap.created), services: {} },
    progress_events: {},
  };
}

function health_mute(mon: Monitor, args: Args): CommandReply {
  mon.check_health();
  const code = args.str("code");
  const check = mon.svc.health.checks.get(code);
  const sticky = args.flag("sticky");
  if (!check && !sticky) {
    return fail("ENOENT", `health alert ${code} is not currently raised; use --sticky to mute it`);
  }
  const ttl = args.has("ttl") ? parse_ttl(args.str("ttl")) : 0;
  mon.svc.health.mute({
    code,
    ttl_ms: ttl > 0 ? mon.ports.clock.now_ms() + ttl * 1000 : 0,
    sticky,
    summary: check?.summary ?? "",
    count: check?.count ?? 0,
  });
  return ok("");
}

const TTL_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  s: 1,
  m: 60,
  min: 60,
  h: 3600,
  d: 86400,
  w: 604800,
};
function parse_ttl(text: string): number {
  const m = /^(\d{1,9})\s*([a-z]*)$/.exec(text);
  const unit = m && Object.hasOwn(TTL_UNITS, m[2] ?? "") ? TTL_UNITS[m[2] ?? ""] : undefined;
  if (!m || unit === undefined)
    return fail("EINVAL", `ttl must be a time such as 30m, got '${text}'`);
  return Number(m[1]) * unit;
}

// ---------------------------------------------------------------- df

function df(mon: Monitor): Json {
  const { pgmap } = mon.svc;
  const total = pgmap.osd_sum();
  const stats = {
    total_bytes: total.kb * 1024,
    total_avail_bytes: total.kb_avail * 1024,
    total_used_bytes: total.kb_used * 1024,
    total_used_raw_bytes: total.kb_used * 1024,
    total_used_raw_ratio: ratio(total.kb_used, total.kb),
    num_osds: mon.osdmap.get_num_osds(),
    num_per_pool_osds: mon.osdmap.get_num_osds(),
    num_per_pool_omap_osds: mon.osdmap.get_num_osds(),
  };
  const pools = mon.osdmap.pool_ids().map((id) => ({
    name: mon.osdmap.get_pool_name(id) ?? "",
    id,
    stats: pool_df(mon, id),
  }));
  return { stats, stats_by_class: df_by_class(mon), pools };
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}

function df_by_class(mon: Monitor): Json {
  const by_class = new Map<string, { kb: number; kb_avail: number; kb_used: number }>();
  for (const [o, s] of mon.svc.pgmap.sorted_osds()) {
    const name = mon.osdmap.crush.get_item_class(o) ?? "";
    const t = by_class.get(name) ?? { kb: 0, kb_avail: 0, kb_used: 0 };
    t.kb += s.kb;
    t.kb_avail += s.kb_avail;
    t.kb_used += s.kb_used;
    by_class.set(name, t);
  }
  return Object.fromEntries(
    [...by_class]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, t]) => [
        name,
        {
          total_bytes: t.kb * 1024,
          total_avail_bytes: t.kb_avail * 1024,
          total_used_bytes: t.kb_used * 1024,
          total_used_raw_bytes: t.kb_used * 1024,
          total_used_raw_ratio: ratio(t.kb_used, t.kb),
        },
      ]),
  );
}

/** `stats` of one pool in `df`. */
export function pool_df(mon: Monitor, id: number): Json {
  const pool = mon.osdmap.get_pg_pool(id);
  const { stat_sum } = mon.svc.pgmap.sum(id);
  // Copies that are not there take no space.
  const copies = stat_sum.num_object_copies - stat_sum.num_objects_degraded;
  const per_object = stat_sum.num_objects > 0 ? copies / stat_sum.num_objects : 0;
  const used = Math.floor(stat_sum.num_bytes * per_object);
  const avail = max_avail(mon, mon.svc.pgmap, id);
  const raw_avail = avail * (pool?.size ?? 1);
  return {
    stored: stat_sum.num_bytes,
    objects: stat_sum.num_objects,
    kb_used: Math.ceil(used / 1024),
    bytes_used: used,
    percent_used: ratio(used, used + raw_avail),
    max_avail: avail,
  };
}

/** What the pool can still take before the first OSD below its rule is full. */
function max_avail(mon: Monitor, pgmap: PGMap, id: number): number {
  const map = mon.osdmap;
  const pool = map.get_pg_pool(id);
  if (!pool) return 0;
  const weights = new Map<number, number>();
  let total = 0;
  for (const root of map.crush.find_takes_by_rule(pool.crush_rule)) {
    for (const o of map.crush.get_leaves(root)) {
      const w = map.crush.get_item_weightf(o) * map.get_weightf(o);
      if (!map.is_in(o) || w <= 0) continue;
      weights.set(o, w);
      total += w;
    }
  }
  let least = Number.POSITIVE_INFINITY;
  for (const [o, w] of weights) {
    const s = pgmap.osd_stat.get(o);
    if (!s || s.kb === 0) continue;
    const unusable = s.kb * (1 - map.full_ratio);
    least = Math.min(least, (Math.max(0, s.kb_avail - unusable) * total) / w);
  }
  return Number.isFinite(least) ? Math.floor((least * 1024) / pool.size) : 0;
}

/** What `rados df` shows: sizes in kB but for `size_bytes`, totals in kB. */
function rados_df(mon: Monitor): Json {
  const { pgmap } = mon.svc;
  const total = pgmap.osd_sum();
  const pools = mon.osdmap.pool_ids().map((id) => {
    const { stat_sum: s } = pgmap.sum(id);
    const used = pool_df(mon, id);
    return {
      name: mon.osdmap.get_pool_name(id) ?? "",
      id,
      size_bytes: used.bytes_used,
      size_kb: used.kb_used,
      num_objects: s.num_objects,
      num_object_clones: s.num_object_clones,
      num_object_copies: s.num_object_copies,
      num_objects_missing_on_primary: s.num_objects_missing_on_primary,
      num_objects_unfound: s.num_objects_unfound,
      num_objects_degraded: s.num_objects_degraded,
      read_ops: s.num_read,
      read_kb: s.num_read_kb,
      read_bytes: s.num_read_kb * 1024,
      write_ops: s.num_write,
      write_kb: s.num_write_kb,
      write_bytes: s.num_write_kb * 1024,
      compress_bytes_used: 0,
      compress_under_bytes: 0,
      compress_ratio: 0,
    };
  });
  return {
    pools,
    total_objects: pgmap.sum().stat_sum.num_objects,
    total_used: total.kb_used,
    total_avail: total.kb_avail,
    total_space: total.kb,
  };
}

// ---------------------------------------------------------------- monitors, daemons

function quorum_status(mon: Monitor): Json {
  return {
    election_epoch: ELECTION_EPOCH,
    quorum: [0],
    quorum_names: [mon.name],
    quorum_leader_name: mon.name,
    quorum_age: quorum_age(mon),
    monmap: monmap_dump(mon),
  };
}

function mon_status(mon: Monitor): Json {
  return {
    name: mon.name,
    rank: 0,
    state: "leader",
    election_epoch: ELECTION_EPOCH,
    quorum: [0],
    quorum_age: quorum_age(mon),
    outside_quorum: [],
    monmap: monmap_dump(mon),
    feature_map: features(mon),
  };
}

function mon_stat(mon: Monitor): Json {
  return {
    epoch: 1,
    min_mon_release_name: "pacific",
    num_mons: 1,
    leader: mon.name,
    quorum: [{ rank: 0, name: mon.name }],
  };
}

function mon_metadata(mon: Monitor): Json {
  const { my_addr } = mon.ports.messenger;
  return {
    name: mon.name,
    addrs: `${my_addr.host}:${my_addr.port}/${my_addr.nonce}`,
    ceph_version: VERSION,
    hostname: mon.hostname,
  };
}

function versions(mon: Monitor): Json {
  const osd = mon.osdmap
    .get_up_osds()
    .map((o) => mon.svc.osdmon.metadata.get(o)?.ceph_version ?? VERSION);
  return {
    mon: count_by([VERSION]),
    mgr: {},
    osd: count_by(osd),
    mds: {},
    overall: count_by([VERSION, ...osd]),
  };
}

function features(mon: Monitor): Json {
  const group = (num: number) =>
    num === 0 ? [] : [{ features: "0x3f01cfb9fffdffff", release: "luminous", num }];
  const names = mon.session_names();
  return {
    mon: group(1),
    osd: group(mon.osdmap.get_num_up_osds()),
    client: group(names.filter((n) => n.startsWith("client.")).length),
  };
}

function node_ls(mon: Monitor, args: Args): CommandReply {
  const type = args.opt_oneOf("type", ["all", "osd", "mon", "mds", "mgr"]) ?? "all";
  const osd: Record<string, number[]> = {};
  for (const o of mon.osdmap.get_all_osds()) {
    const host = mon.svc.osdmon.metadata.get(o)?.hostname ?? "unknown";
    osd[host] = [...(Object.hasOwn(osd, host) ? (osd[host] ?? []) : []), o];
  }
  const all: Json = { mon: { [mon.hostname]: [mon.name] }, osd, mds: {}, mgr: {} };
  return json(type === "all" ? all : all[type]);
}

// ---------------------------------------------------------------- config

/** `name` in `config set`, `key` in `tell mon.a config set`. */
function option_name(args: Args): string {
  return args.opt_str("name") ?? args.str("key", "name");
}

/** Options of other daemons are asked of them: `tell osd.0 config show`. */
function only_me(mon: Monitor, args: Args): void {
  const who = args.opt_str("who");
  if (who === undefined || who === "mon" || who === "global" || who === `mon.${mon.name}`) return;
  fail("EINVAL", `this monitor only knows its own options: use 'tell ${who} config ...'`);
}

function config_show(mon: Monitor, args: Args): CommandReply {
  only_me(mon, args);
  const key = args.opt_str("key");
  if (key !== undefined) return json({ [key]: mon.ports.config.get_text(key) });
  return json(
    mon.ports.config.show("mon").map((r) => ({ name: r.name, value: r.value, source: r.source })),
  );
}
