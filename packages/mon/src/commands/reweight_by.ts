/**
 * `osd reweight-by-utilization`, `osd reweight-by-pg`, what they would do, and `osd utilization`.
 * Ceph counterpart: DaemonServer::_handle_command (src/mgr). cluster.md §7.1.
 */
import { CEPH_OSD_IN, type OSDMap } from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import type { View } from "../osdmon/pending.ts";
import {
  mapping_stats,
  type ReweightPlan,
  type ReweightWish,
  reweight_plan,
  with_weights,
} from "../pgmap/reweight.ts";
import type { Args } from "./args.ts";
import type { ReadCommands, WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_then, fail, json, ok, reply_now } from "./reply.ts";
import type { Json } from "./shapes.ts";

export const REWEIGHT_COMMANDS: ReadCommands = {
  "osd utilization": (mon) => json(mapping_stats(mon.osdmap, undefined, undefined) ?? {}),
  "osd test-reweight-by-utilization": (mon, args) => ok("no change", plan(mon, args, false).outb),
  "osd test-reweight-by-pg": (mon, args) => ok("no change", plan(mon, args, true).outb),
};
export const REWEIGHT_WRITE_COMMANDS: WriteCommands = {
  "osd reweight-by-utilization": (v, args, mon) => reweight(v, plan(mon, args, false)),
  "osd reweight-by-pg": (v, args, mon) => reweight(v, plan(mon, args, true)),
};

interface Planned {
  readonly reweights: ReweightPlan["reweights"];
  readonly outb: Json;
}

function reweight(v: View, { reweights, outb }: Planned): CommandOutcome {
  if (reweights.length === 0) return reply_now("no change", outb);
  for (const r of reweights) v.pending.inc.new_weight.set(r.osd, r.new_weight);
  return commit_then("", outb);
}

function plan(mon: Monitor, args: Args, by_pg: boolean): Planned {
  const { osdmap, svc } = mon;
  const { config } = mon.ports;
  const max_change = args.has("max_change")
    ? args.float("max_change", -Number.MAX_VALUE, Number.MAX_VALUE)
    : config.get("mon_reweight_max_change");
  if (max_change <= 0) fail("EINVAL", `max_change ${max_change} must be positive`);
  const any_int = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const;
  const max_osds = args.opt_int("max_osds", ...any_int) ?? config.get("mon_reweight_max_osds");
  if (max_osds <= 0) fail("EINVAL", `max_osds ${max_osds} must be positive`);
  const wish: ReweightWish = {
    oload: args.opt_int("oload", ...any_int) ?? 120,
    max_change,
    max_osds,
    no_increasing: args.flag("no_increasing"),
    by_pg,
    pools: by_pg ? pool_set(osdmap, args) : undefined,
  };
  const p = reweight_plan(osdmap, svc.pgmap, config, wish);
  const next = with_weights(osdmap, p.reweights);
  return { reweights: p.reweights, outb: report(osdmap, next, wish, p) };
}

function pool_set(map: OSDMap, args: Args): ReadonlySet<number> | undefined {
  const names = args.list("pools");
  if (names.length === 0) return undefined;
  const ids = names.map((name) => {
    const id = map.lookup_pg_pool_name(name);
    return id >= 0 ? id : fail("ENOENT", `pool '${name}' does not exist`);
  });
  return new Set(ids);
}

function report(map: OSDMap, next: OSDMap, wish: ReweightWish, p: ReweightPlan): Json {
  return {
    overload_min: wish.oload,
    max_change: wish.max_change,
    max_change_osds: wish.max_osds,
    average_utilization: p.average_utilization,
    overload_utilization: p.overload_utilization,
    reweights: p.reweights.map(({ osd, weight, new_weight }) => ({
      osd,
      weight: weight / CEPH_OSD_IN,
      new_weight: new_weight / CEPH_OSD_IN,
    })),
    utilization: mapping_stats(map, next, wish.pools) ?? {},
  };
}
