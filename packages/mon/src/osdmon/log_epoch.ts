/** What an epoch changed, for the daemon's log: docs/logs.md. */
import { CEPH_OSD_UP, type Log, type OSDMap } from "@tako/common";
import type { Pending } from "./pending.ts";

const ids = (keys: Iterable<number>) => [...keys].sort((a, b) => a - b);

export function log_epoch(log: Log, prev: OSDMap, osdmap: OSDMap, pending: Pending): void {
  if (!log.enabled("info")) return;
  const { inc } = pending;
  const { epoch } = osdmap;
  log.info({ epoch, ...summary(osdmap), changes: changes(pending) }, "osdmap_epoch");
  for (const o of ids(inc.new_up_client.keys())) {
    log.info({ epoch, osd: o, addr: osdmap.get_addr(o), up_from: epoch }, "osd_up");
  }
  for (const o of ids(inc.new_state.keys())) {
    if (!((inc.new_state.get(o) ?? 0) & CEPH_OSD_UP) || !prev.is_up(o)) continue;
    const reason = pending.log.find((l) => l.text.startsWith(`osd.${o} `))?.text ?? "restarted";
    log.info({ epoch, osd: o, reason, was_up_from: prev.get_up_from(o) }, "osd_down");
  }
  for (const o of ids(inc.new_up_thru.keys())) {
    log.info({ epoch, osd: o, up_thru: inc.new_up_thru.get(o) }, "up_thru");
  }
  for (const pg of [...inc.new_pg_temp.keys()].sort()) {
    log.info({ epoch, pg, acting: inc.new_pg_temp.get(pg) }, "pg_temp");
  }
  for (const id of ids(inc.new_pools.keys())) {
    const event = prev.have_pg_pool(id) ? "pool_changed" : "pool_created";
    const pool = osdmap.get_pg_pool(id);
    const name = osdmap.get_pool_name(id);
    log.info({ epoch, pool: id, name, pg_num: pool?.pg_num, size: pool?.size }, event);
  }
  for (const id of ids(inc.old_pools)) {
    log.info({ epoch, pool: id, name: prev.get_pool_name(id) }, "pool_removed");
  }
}

function summary(m: OSDMap): { num_osds: number; num_up: number; num_in: number } {
  return { num_osds: m.get_num_osds(), num_up: m.get_num_up_osds(), num_in: m.get_num_in_osds() };
}

/** Names of the fields that this epoch touches, with how many entries. */
function changes(pending: Pending): Record<string, number | string> {
  const out: Record<string, number | string> = {};
  for (const [name, v] of Object.entries(pending.inc)) {
    if ((v instanceof Map || v instanceof Set) && v.size > 0) out[name] = v.size;
  }
  if (pending.inc.crush) out.crush = 1;
  if (pending.inc.new_flags >= 0) out.new_flags = pending.inc.new_flags;
  if (pending.created_pgs.size > 0) out.created_pgs = pending.created_pgs.size;
  return out;
}
