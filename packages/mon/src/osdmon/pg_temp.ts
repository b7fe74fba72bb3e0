/**
 * MOSDPGTemp: the acting primary asks for another acting set, or with an empty list for up again.
 * Pure. Ceph counterpart: OSDMonitor::preprocess_pgtemp, prepare_pgtemp. cluster.md §3.4.
 */
import { type Msg, type OSDMap, pg_parse, pg_pool, type pg_t } from "@tako/common";
import { is_up_instance, update_up_thru } from "./alive.ts";
import { pending_pool, type View } from "./pending.ts";
import {
  commit_then_maps,
  drop,
  PREPARE,
  type Prepared,
  type Preprocessed,
  type Sender,
  send_maps,
} from "./verdict.ts";

type PGTemp = Msg<"osd_pg_temp">;

export function preprocess_pgtemp(v: View, from: Sender, m: PGTemp): Preprocessed {
  if (!is_up_instance(v, from)) return drop("not up at this address");
  if (m.forced) return PREPARE;
  let ignored = 0;
  for (const { pgid, osds } of m.pg_temp) {
    const what = judge(v.osdmap, from.osd, pgid, osds);
    if (what === "change") return PREPARE;
    if (what === "ignore") ignored++;
  }
  if (ignored === m.pg_temp.length) return drop("stale interval");
  return send_maps(m.map_epoch + 1);
}

function judge(
  map: OSDMap,
  from: number,
  pgid: string,
  osds: readonly number[],
): "ignore" | "same" | "change" {
  const pg = pg_parse(pgid);
  if (!pg || !map.have_pg_pool(pg_pool(pg))) return "ignore";
  // A former primary must not override what the present one asked for.
  if (map.pg_to_up_acting_osds(pg).acting_primary !== from) return "ignore";
  const current = map.pg_temp.get(pg);
  const has_primary_temp = map.primary_temp.has(pg);
  if (osds.length === 0) return current || has_primary_temp ? "change" : "same";
  if (has_primary_temp || !current) return "change";
  return osds.length === current.length && osds.every((o, i) => o === current[i])
    ? "same"
    : "change";
}

export function prepare_pgtemp(v: View, from: Sender, m: PGTemp): Prepared {
  const { inc } = v.pending;
  for (const { pgid, osds } of m.pg_temp) {
    const pg = pg_parse(pgid);
    if (!pg || !pending_pool(v, pg_pool(pg))) continue;
    if (!m.forced && judge(v.osdmap, from.osd, pgid, osds) !== "change") continue;
    set_pg_temp(v, pg, osds);
    if (v.osdmap.primary_temp.has(pg)) inc.new_primary_temp.set(pg, -1);
    else inc.new_primary_temp.delete(pg);
  }
  // It has this map and works: the next interval needs the same statement anyway.
  update_up_thru(v, from.osd, m.map_epoch);
  return commit_then_maps(m.map_epoch + 1);
}

/** An empty list removes. */
export function set_pg_temp(v: View, pg: pg_t, osds: readonly number[]): void {
  const { new_pg_temp } = v.pending.inc;
  if (osds.length > 0 || v.osdmap.pg_temp.has(pg)) new_pg_temp.set(pg, [...osds]);
  else new_pg_temp.delete(pg);
}
