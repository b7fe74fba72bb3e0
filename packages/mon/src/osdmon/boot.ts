/**
 * MOSDBoot: an OSD says that it is there. Marks it up at its address, or first marks its former
 * instance down: a restart must always cost a down epoch. Pure.
 * Ceph counterpart: OSDMonitor::preprocess_boot, prepare_boot. cluster.md §3.2, peering.md §3.7.
 */
import {
  addr_eq,
  addr_is_blank,
  addr_str,
  BLANK_UUID,
  CEPH_OSD_AUTOOUT,
  CEPH_OSD_EXISTS,
  CEPH_OSD_IN,
  CEPH_OSD_NEW,
  type Msg,
} from "@tako/common";
import { crush_create_or_move } from "./crush_edit.ts";
import { can_mark_in, can_mark_up } from "./may_mark.ts";
import { edit_xinfo, mark_down, pending_max_osd, pending_xinfo, type View } from "./pending.ts";
import {
  commit_then_maps,
  drop,
  PREPARE,
  type Prepared,
  type Preprocessed,
  RETRY,
  type Sender,
  send_maps,
} from "./verdict.ts";

type Boot = Msg<"osd_boot">;

function has_uuid(uuid: string): boolean {
  return uuid !== "" && uuid !== BLANK_UUID;
}

export function preprocess_boot(v: View, from: Sender, m: Boot): Preprocessed {
  const { osdmap } = v;
  const o = m.osd;
  if (from.osd !== o) return drop("boot for somebody else");
  if (m.cluster_fsid !== osdmap.fsid) return drop("fsid of another cluster");
  if (addr_is_blank(m.addr)) return drop("blank address");
  if (osdmap.is_up(o) && addr_eq(osdmap.get_addr(o), m.addr)) return send_maps(m.current_epoch + 1);
  if (osdmap.exists(o)) {
    const known = osdmap.get_uuid(o);
    if (has_uuid(known) && known !== m.osd_fsid) return drop("id belongs to another uuid");
    const same = addr_eq(osdmap.get_addr(o), m.addr);
    if (same && osdmap.get_up_from(o) > m.version) return send_maps(m.current_epoch + 1);
    if (osdmap.is_destroyed(o)) return send_maps(m.current_epoch + 1);
  }
  // Flags forbid it: the OSD sees them in the map and waits.
  if (!can_mark_up(v, o)) return send_maps(m.current_epoch + 1);
  return PREPARE;
}

export function prepare_boot(v: View, m: Boot): Prepared {
  const { osdmap, pending } = v;
  const o = m.osd;
  if (!osdmap.exists(o)) {
    const why = why_not_created(v, m);
    if (why) return drop(why);
  }
  if (osdmap.is_up(o)) {
    // The old instance. Down and up cannot share an epoch: up would win and hide the restart.
    mark_down(v, o);
    return RETRY;
  }
  const removal = ((pending.inc.new_state.get(o) ?? 0) & CEPH_OSD_EXISTS) !== 0;
  if (pending.inc.new_up_client.has(o) || removal) return RETRY;
  mark_up(v, m);
  return commit_then_maps(m.current_epoch + 1);
}

function why_not_created(v: View, m: Boot): string | undefined {
  if (!v.config.get("mon_osd_auto_create")) return "no such osd, and it is not created at boot";
  if (m.osd >= v.config.get("mon_max_osd")) return "id not below mon_max_osd";
  if (!has_uuid(m.osd_fsid)) return "a new osd needs a uuid";
  // What an operator has purged does not come back by itself.
  if (m.mounted > 0) return "it was removed from the cluster; 'osd new' with its uuid lets it back";
  const clash = v.osdmap.identify_osd(m.osd_fsid);
  return clash < 0 ? undefined : `uuid belongs to osd.${clash}`;
}

function mark_up(v: View, m: Boot): void {
  const { osdmap } = v;
  const { inc, new_metadata, log } = v.pending;
  const o = m.osd;
  if (o >= pending_max_osd(v)) inc.new_max_osd = o + 1;
  const exists = osdmap.exists(o);
  const oldstate = (exists ? osdmap.get_state(o) : CEPH_OSD_NEW) ^ (inc.new_state.get(o) ?? 0);
  inc.new_up_client.set(o, m.addr);
  inc.new_up_cluster.set(o, m.addr);
  const known = exists && has_uuid(osdmap.get_uuid(o));
  if (!known) inc.new_uuid.set(o, m.osd_fsid);
  const info = osdmap.get_info(o);
  if (exists && (m.newest_map === 0 || !known) && info.up_from > info.lost_at) {
    // A fresh disk under a known id: what the old one held is gone, and nobody may wait for it.
    inc.new_lost.set(o, osdmap.epoch);
  }
  new_metadata.set(o, metadata_of(m));
  if (
    m.mounted > info.last_clean_begin ||
    (m.mounted === info.last_clean_begin && m.clean_thru > info.last_clean_end)
  ) {
    inc.new_last_clean_interval.set(o, [m.mounted, m.clean_thru]);
  }
  update_laggy(v, m);
  mark_in(v, o, oldstate);
  enter_crush(v, m);
  log.push({ prio: "INF", text: `osd.${o} ${addr_str(m.addr)} boot` });
}

/** A process that was alive while marked down was laggy; one that restarted was not. */
function update_laggy(v: View, m: Boot): void {
  const xi = pending_xinfo(v, m.osd);
  const w = v.config.get("mon_osd_laggy_weight");
  if (m.boot_epoch === 0) {
    if (xi.laggy_probability === 0 && xi.laggy_interval === 0) return;
    edit_xinfo(v, m.osd, {
      laggy_probability: xi.laggy_probability * (1 - w),
      laggy_interval: Math.trunc(xi.laggy_interval * (1 - w)),
    });
    return;
  }
  if (xi.down_stamp === 0) return;
  const max = v.config.get("mon_osd_laggy_max_interval");
  const interval = Math.min(Math.max(0, (v.now_ms - xi.down_stamp) / 1000), max);
  edit_xinfo(v, m.osd, {
    laggy_interval: Math.trunc(interval * w + xi.laggy_interval * (1 - w)),
    laggy_probability: w + xi.laggy_probability * (1 - w),
  });
}

function mark_in(v: View, o: number, oldstate: number): void {
  const c = v.config;
  const wanted =
    (c.get("mon_osd_auto_mark_auto_out_in") && (oldstate & CEPH_OSD_AUTOOUT) !== 0) ||
    (c.get("mon_osd_auto_mark_new_in") && (oldstate & CEPH_OSD_NEW) !== 0) ||
    c.get("mon_osd_auto_mark_in");
  const { inc } = v.pending;
  if (wanted && can_mark_in(v, o)) {
    const old_weight = pending_xinfo(v, o).old_weight;
    inc.new_weight.set(o, old_weight > 0 ? old_weight : CEPH_OSD_IN);
    if (old_weight > 0) edit_xinfo(v, o, { old_weight: 0 });
  } else if (!v.osdmap.exists(o)) {
    // Up but out, and still new: it is taken in when the operator says so.
    inc.new_state.set(o, CEPH_OSD_NEW);
  }
}

function enter_crush(v: View, m: Boot): void {
  const loc = new Map(Object.entries(m.crush_location));
  if (loc.size === 0) return;
  const r = crush_create_or_move(v, m.osd, m.crush_weight, loc, m.device_class);
  if (r.crush) v.pending.inc.crush = r.crush;
  if (r.refused === undefined) return;
  v.pending.log.push({ prio: "WRN", text: `osd.${m.osd} is not placed in CRUSH: ${r.refused}` });
}

function metadata_of(m: Boot): Record<string, string> {
  const addr = addr_str(m.addr);
  const known: Record<string, string> = {
    back_addr: addr,
    front_addr: addr,
    hb_back_addr: addr,
    hb_front_addr: addr,
  };
  const sorted: Record<string, string> = {};
  for (const [k, t] of Object.entries({ ...known, ...m.metadata }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  )) {
    sorted[k] = t;
  }
  return sorted;
}
