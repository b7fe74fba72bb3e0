/** `pg ...` commands: all from the PGMap and the map. cluster.md §7.2. */
import { pg_parse, pg_pool, type pg_t, utime_str } from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import { osd_list } from "../monitor/pg_health.ts";
import type { PGMap } from "../pgmap/PGMap.ts";
import {
  dump_osd_stat,
  dump_pg_stat,
  dump_pg_stat_brief,
  is_pg_state_name,
  type pg_stat_t,
} from "../pgmap/pg_stat.ts";
import { oneline_summary, oneline_text, STUCK_KINDS, stuck_pgs } from "../pgmap/summary.ts";
import type { Args } from "./args.ts";
import { pool_df } from "./cluster.ts";
import type { ReadCommands } from "./dispatch.ts";
import { type CommandReply, fail, json, ok } from "./reply.ts";
import type { Json } from "./shapes.ts";

type Row = [pg_t, pg_stat_t];

export const PG_COMMANDS: ReadCommands = {
  "pg stat": (mon) =>
    ok(oneline_text(mon.svc.pgmap), { pg_ready: true, pg_summary: oneline_summary(mon.svc.pgmap) }),
  "pg dump": (mon, args) => dump(mon, args.list("dumpcontents")),
  "pg dump_json": (mon, args) => dump(mon, args.list("dumpcontents")),
  "pg ls": (mon, args) => {
    const pool = args.has("pool") ? pool_number(mon, args.str("pool")) : undefined;
    return ls(mon, args, (pg) => pool === undefined || pg_pool(pg) === pool);
  },
  "pg ls-by-pool": (mon, args) => {
    const pool = args.pool(mon.osdmap, args.has("poolstr") ? "poolstr" : "pool");
    return ls(mon, args, (pg) => pg_pool(pg) === pool);
  },
  "pg ls-by-osd": (mon, args) => {
    const { osd, pool } = by_osd(mon, args);
    return ls(mon, args, (pg, s) => {
      return (s.acting.includes(osd) || s.up.includes(osd)) && in_pool(pg, pool);
    });
  },
  "pg ls-by-primary": (mon, args) => {
    const { osd, pool } = by_osd(mon, args);
    return ls(mon, args, (pg, s) => s.acting_primary === osd && in_pool(pg, pool));
  },
  "pg map": map_pg,
  "pg dump_stuck": dump_stuck,
  "pg dump_pools_json": (mon) => json(dump_pools(mon)),
};

function in_pool(pg: pg_t, pool: number | undefined): boolean {
  return pool === undefined || pg_pool(pg) === pool;
}
/** `pg ls` takes the pool's id, in Ceph; here its name, too. */
function pool_number(mon: Monitor, text: string): number {
  const by_name = mon.osdmap.lookup_pg_pool_name(text);
  if (by_name >= 0) return by_name;
  const id = /^\d{1,15}$/.test(text) ? Number(text) : -1;
  return mon.osdmap.have_pg_pool(id) ? id : fail("ENOENT", `pool ${text} does not exist`);
}
function by_osd(mon: Monitor, args: Args): { osd: number; pool: number | undefined } {
  const osd = args.osd(args.has("osd") ? "osd" : "id");
  if (!mon.osdmap.exists(osd)) return fail("ENOENT", `osd.${osd} does not exist`);
  return { osd, pool: args.has("pool") ? pool_number(mon, args.str("pool")) : undefined };
}

function ls(mon: Monitor, args: Args, wanted: (pg: pg_t, s: pg_stat_t) => boolean): CommandReply {
  const states = args.list("states").filter((s) => s !== "all");
  for (const s of states)
    if (!is_pg_state_name(s)) fail("EINVAL", `'${s}' is not a valid pg state`);
  const rows = mon.svc.pgmap
    .sorted_pgs()
    .filter(
      ([pg, s]) => wanted(pg, s) && (states.length === 0 || states.some((x) => s.states.has(x))),
    );
  return json({ pg_ready: true, pg_stats: rows.map(([pg, s]) => dump_pg_stat(pg, s)) });
}

function map_pg(mon: Monitor, args: Args): CommandReply {
  const map = mon.osdmap;
  const text = args.str("pgid");
  const raw = pg_parse(text);
  if (!raw) return fail("EINVAL", `invalid pgid '${text}'`);
  if (!map.have_pg_pool(pg_pool(raw))) return fail("ENOENT", `pg '${raw}' does not exist`);
  const pg = map.raw_pg_to_pg(raw) ?? raw;
  const m = map.pg_to_up_acting_osds(pg);
  const lists = `up ${osd_list(m.up)} acting ${osd_list(m.acting)}`;
  const outs = `osdmap e${map.epoch} pg ${raw} (${pg}) -> ${lists}`;
  return ok(outs, { epoch: map.epoch, raw_pgid: raw, pgid: pg, up: m.up, acting: m.acting });
}

function dump_stuck(mon: Monitor, args: Args): CommandReply {
  const words = args.list("stuckops");
  const kinds = STUCK_KINDS.filter((k) => words.includes(k));
  for (const w of words) {
    if (!STUCK_KINDS.some((k) => k === w)) {
      fail("EINVAL", `Unknown type: ${w}; must be one of ${STUCK_KINDS.join("|")}`);
    }
  }
  const threshold =
    args.opt_int("threshold", 0, Number.MAX_SAFE_INTEGER) ??
    mon.ports.config.get("mon_pg_stuck_threshold");
  const now = mon.ports.clock.now_ms();
  const rows = stuck_pgs(mon.svc.pgmap, kinds.length > 0 ? kinds : ["unclean"], now, threshold);
  const stuck_pg_stats = rows.map(([pg, s]) => dump_pg_stat_brief(pg, s));
  return ok("ok", { pg_ready: true, stuck_pg_stats });
}

// ---------------------------------------------------------------- dump

const CONTENTS = ["all", "summary", "sum", "delta", "pools", "osds", "pgs", "pgs_brief"];

function dump(mon: Monitor, words: readonly string[]): CommandReply {
  for (const w of words) {
    if (!CONTENTS.includes(w)) {
      fail("EINVAL", `dumpcontents must be one of ${CONTENTS.join("|")}, got '${w}'`);
    }
  }
  const what = new Set(words);
  const { pgmap } = mon.svc;
  const rows: Row[] = pgmap.sorted_pgs();
  const outs = `dumped ${words.length > 0 ? words.join(",") : "all"}`;
  if (what.size === 0 || what.has("all")) {
    return ok(outs, { pg_ready: true, pg_map: dump_all(mon, rows) });
  }
  const out: Json = { pg_ready: true };
  if (what.has("sum") || what.has("summary")) Object.assign(out, dump_basic(mon));
  if (what.has("delta")) out.pg_stats_delta = dump_delta(pgmap);
  if (what.has("pools")) out.pool_stats = dump_pools(mon);
  if (what.has("osds")) out.osd_stats = dump_osds(pgmap);
  if (what.has("pgs_brief")) out.pg_stats = rows.map(([pg, s]) => dump_pg_stat_brief(pg, s));
  if (what.has("pgs")) out.pg_stats = rows.map(([pg, s]) => dump_pg_stat(pg, s));
  return ok(outs, out);
}

function dump_all(mon: Monitor, rows: readonly Row[]): Json {
  const { pgmap } = mon.svc;
  return {
    ...dump_basic(mon),
    pg_stats_delta: dump_delta(pgmap),
    pg_stats: rows.map(([pg, s]) => dump_pg_stat(pg, s)),
    pool_stats: dump_pools(mon),
    osd_stats: dump_osds(pgmap),
    pool_statfs: [],
  };
}

function dump_basic(mon: Monitor): Json {
  const { pgmap } = mon.svc;
  return {
    version: pgmap.version,
    stamp: utime_str(pgmap.stamp),
    last_osdmap_epoch: pgmap.last_osdmap_epoch,
    last_pg_scan: 0,
    pg_stats_sum: dump_sum(pgmap),
    osd_stats_sum: { ...dump_osd_stat(pgmap.osd_sum()), num_osds: pgmap.osd_stat.size },
  };
}

const NO_STORE_STATS: Json = {
  total: 0,
  available: 0,
  internally_reserved: 0,
  allocated: 0,
  data_stored: 0,
  data_compressed: 0,
  data_compressed_allocated: 0,
  data_compressed_original: 0,
  omap_allocated: 0,
  internal_metadata: 0,
};

function dump_sum(pgmap: PGMap, pool?: number): Json {
  const s = pgmap.sum(pool);
  return {
    stat_sum: s.stat_sum,
    store_stats: NO_STORE_STATS,
    log_size: s.log_size,
    ondisk_log_size: s.ondisk_log_size,
    up: s.up,
    acting: s.acting,
    num_store_stats: 0,
  };
}

function dump_delta(pgmap: PGMap): Json {
  const { seconds, delta } = pgmap.rates();
  return {
    stat_sum: delta,
    store_stats: NO_STORE_STATS,
    log_size: 0,
    ondisk_log_size: 0,
    up: 0,
    acting: 0,
    num_store_stats: 0,
    stamp_delta: seconds.toFixed(6),
  };
}

function dump_pools(mon: Monitor): Json[] {
  const { pgmap } = mon.svc;
  return mon.osdmap.pool_ids().map((poolid) => {
    const used = pool_df(mon, poolid).bytes_used;
    const sum = dump_sum(pgmap, poolid);
    return {
      poolid,
      num_pg: pgmap.sum(poolid).num_pgs,
      ...sum,
      store_stats: { ...NO_STORE_STATS, allocated: used, data_stored: used },
    };
  });
}

function dump_osds(pgmap: PGMap): Json[] {
  return pgmap.sorted_osds().map(([o, s]) => dump_osd_stat(s, o));
}
