/** `osd df [plain|tree] [class|name <filter>]`. Ceph counterpart: OSDUtilizationDumper. */
import type { OSDMap } from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import type { osd_stat_t } from "../pgmap/pg_stat.ts";
import type { Args } from "./args.ts";
import { type CommandReply, fail, json } from "./reply.ts";
import type { Json } from "./shapes.ts";

type Use = Pick<
  osd_stat_t,
  "kb" | "kb_used" | "kb_used_data" | "kb_used_omap" | "kb_used_meta" | "kb_avail"
>;
const NO_USE: Use = {
  kb: 0,
  kb_used: 0,
  kb_used_data: 0,
  kb_used_omap: 0,
  kb_used_meta: 0,
  kb_avail: 0,
};

interface Df {
  readonly map: OSDMap;
  readonly use: (o: number) => Use;
  readonly pgs: (o: number) => number;
  readonly wanted: (o: number) => boolean;
  readonly average: number;
}

export function osd_df(mon: Monitor, args: Args): CommandReply {
  const tree = args.opt_oneOf("output_method", ["plain", "tree"]) === "tree";
  const map = mon.osdmap;
  const by_osd = mon.svc.pgmap.num_pg_by_osd();
  const use = (o: number): Use => mon.svc.pgmap.osd_stat.get(o) ?? NO_USE;
  const wanted = filter_of(map, args);
  const osds = map.get_all_osds().filter(wanted);
  const total = sum_use(osds.map(use));
  const df: Df = {
    map,
    use,
    wanted,
    pgs: (o) => by_osd.get(o) ?? 0,
    average: percent_used(total),
  };
  const nodes: Json[] = [];
  const seen = new Set<number>();
  for (const root of map.crush.find_nonshadow_roots()) walk(df, root, 0, tree, nodes, seen);
  const stray = osds.filter((o) => !seen.has(o)).map((o) => osd_node(df, o, 0));
  return json({ nodes, stray, summary: summary(df, osds, total) });
}

function filter_of(map: OSDMap, args: Args): (o: number) => boolean {
  const by = args.opt_oneOf("filter_by", ["class", "name"]);
  if (by === undefined) return () => true;
  const filter = args.str("filter");
  if (by === "class") {
    if (map.crush.get_class_id(filter) === undefined)
      fail("EINVAL", `unknown device class '${filter}'`);
    return (o) => map.crush.get_item_class(o) === filter;
  }
  const id = map.crush.get_item_id(filter);
  if (id === undefined) {
    const pool = map.get_pg_pool(map.lookup_pg_pool_name(filter));
    if (!pool) return fail("EINVAL", `'${filter}' not a pool, crush node or device class name`);
    const below = map.crush
      .find_takes_by_rule(pool.crush_rule)
      .flatMap((r) => map.crush.get_leaves(r));
    return (o) => below.includes(o);
  }
  const leaves = new Set(map.crush.get_leaves(id));
  return (o) => leaves.has(o);
}

/** Depth first, devices by id, as `osd tree` prints them. */
function walk(
  df: Df,
  id: number,
  depth: number,
  tree: boolean,
  out: Json[],
  seen: Set<number>,
): void {
  if (id >= 0) {
    if (!df.wanted(id) || seen.has(id)) return;
    seen.add(id);
    if (df.map.exists(id)) out.push(osd_node(df, id, depth));
    return;
  }
  const items = sorted_items(df.map, id);
  if (tree) out.push(bucket_node(df, id, depth, items));
  for (const item of items) walk(df, item, depth + 1, tree, out, seen);
}

function sorted_items(map: OSDMap, id: number): number[] {
  const key = (i: number) => `${map.crush.get_item_class(i) ?? ""}_${map.crush.get_item_name(i)}`;
  return [...(map.crush.get_bucket(id)?.items ?? [])].sort((a, b) => {
    if (a >= 0 && b >= 0 && map.crush.get_item_class(a) === map.crush.get_item_class(b))
      return a - b;
    return key(a) < key(b) ? -1 : 1;
  });
}

function osd_node(df: Df, o: number, depth: number): Json {
  const { crush } = df.map;
  const cls = crush.get_item_class(o);
  return {
    id: o,
    ...(cls === undefined ? {} : { device_class: cls }),
    name: `osd.${o}`,
    type: crush.get_type_name(0) ?? "osd",
    type_id: 0,
    crush_weight: crush.get_item_weightf(o),
    depth,
    pool_weights: {},
    reweight: df.map.get_weightf(o),
    ...use_fields(df, df.use(o)),
    pgs: df.pgs(o),
    status: df.map.is_destroyed(o) ? "destroyed" : df.map.is_up(o) ? "up" : "down",
  };
}

function bucket_node(df: Df, id: number, depth: number, items: readonly number[]): Json {
  const { crush } = df.map;
  const osds = crush.get_leaves(id).filter((o) => df.map.exists(o) && df.wanted(o));
  return {
    id,
    name: crush.get_item_name(id) ?? "",
    type: crush.get_type_name(crush.get_item_type(id)) ?? "",
    type_id: crush.get_item_type(id),
    crush_weight: crush.get_item_weightf(id),
    depth,
    pool_weights: {},
    reweight: -1,
    ...use_fields(df, sum_use(osds.map(df.use))),
    pgs: 0,
    children: [...items].reverse(),
  };
}

function use_fields(df: Df, u: Use): Json {
  return {
    kb: u.kb,
    kb_used: u.kb_used,
    kb_used_data: u.kb_used_data,
    kb_used_omap: u.kb_used_omap,
    kb_used_meta: u.kb_used_meta,
    kb_avail: u.kb_avail,
    utilization: percent_used(u),
    var: df.average > 0 ? percent_used(u) / df.average : 0,
  };
}

function summary(df: Df, osds: readonly number[], total: Use): Json {
  const used = osds
    .map(df.use)
    .filter((u) => u.kb > 0)
    .map(percent_used);
  const vars = df.average > 0 ? used.map((u) => u / df.average) : [];
  const squares = used.reduce((s, u) => s + (u - df.average) ** 2, 0);
  return {
    total_kb: total.kb,
    total_kb_used: total.kb_used,
    total_kb_used_data: total.kb_used_data,
    total_kb_used_omap: total.kb_used_omap,
    total_kb_used_meta: total.kb_used_meta,
    total_kb_avail: total.kb_avail,
    average_utilization: df.average,
    min_var: vars.length > 0 ? Math.min(...vars) : 0,
    max_var: vars.length > 0 ? Math.max(...vars) : 0,
    dev: used.length > 0 ? Math.sqrt(squares / used.length) : 0,
  };
}

function percent_used(u: Use): number {
  return u.kb > 0 ? (u.kb_used / u.kb) * 100 : 0;
}
function sum_use(list: readonly Use[]): Use {
  const t = { ...NO_USE };
  for (const u of list) {
    t.kb += u.kb;
    t.kb_used += u.kb_used;
    t.kb_used_data += u.kb_used_data;
    t.kb_used_omap += u.kb_used_omap;
    t.kb_used_meta += u.kb_used_meta;
    t.kb_avail += u.kb_avail;
  }
  return t;
}
