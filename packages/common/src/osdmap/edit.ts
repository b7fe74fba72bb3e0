/**
 * The changes that osdmaptool tries on a map before it asks questions of it.
 * Ceph counterpart: src/tools/osdmaptool.cc.
 */
import type { CrushBuilder } from "../crush/CrushBuilder.ts";
import { CommandError } from "../errors.ts";
import { CEPH_OSD_EXISTS, CEPH_OSD_IN, CEPH_OSD_OUT, CEPH_OSD_UP } from "./flags.ts";
import { OSDMap } from "./OSDMap.ts";

/** --mark-up-in: every OSD exists, is up and in; those that weigh nothing in CRUSH weigh 1.0. */
export function mark_up_in(m: OSDMap): OSDMap {
  const weigh = [...Array(m.max_osd).keys()].filter((o) => m.crush.get_item_weight(o) === 0);
  const reweigh = (b: CrushBuilder) => {
    for (const o of weigh) b.adjust_item_weight(o, 1);
  };
  return new OSDMap({
    ...m.f,
    osd_state: m.f.osd_state.map((s) => s | CEPH_OSD_EXISTS | CEPH_OSD_UP),
    osd_weight: m.f.osd_weight.map(() => CEPH_OSD_IN),
    crush: weigh.length > 0 ? m.crush.edit(reweigh) : m.crush,
  });
}

function known(m: OSDMap, osd: number): number {
  if (Number.isInteger(osd) && osd >= 0 && osd < m.max_osd) return osd;
  throw new CommandError("ENOENT", `osd.${osd} is not below max_osd ${m.max_osd}`);
}
/** What is set on an OSD that does not exist stays without effect, unless it makes it exist. */
function set_osd(m: OSDMap, osd: number, bits: number, weight?: number): OSDMap {
  known(m, osd);
  const osd_state = m.f.osd_state.with(osd, m.get_state(osd) | bits);
  const osd_weight = weight === undefined ? m.f.osd_weight : m.f.osd_weight.with(osd, weight);
  return new OSDMap({ ...m.f, osd_state, osd_weight }, m);
}
/** --mark-out: up, and out. */
export function mark_out(m: OSDMap, osd: number): OSDMap {
  return set_osd(m, osd, CEPH_OSD_UP, CEPH_OSD_OUT);
}
/** --mark-in: a weight makes an OSD exist, as it does in an incremental. */
export function mark_in(m: OSDMap, osd: number): OSDMap {
  return set_osd(m, osd, CEPH_OSD_EXISTS, CEPH_OSD_IN);
}
/** --mark-up */
export function mark_up(m: OSDMap, osd: number): OSDMap {
  return set_osd(m, osd, CEPH_OSD_UP);
}
/** --clear-temp */
export function clear_temp(m: OSDMap): OSDMap {
  return new OSDMap({ ...m.f, pg_temp: new Map(), primary_temp: new Map() }, m);
}
/** --adjust-crush-weight: wherever it is in CRUSH; nothing happens if it is nowhere. */
export function adjust_crush_weight(m: OSDMap, osd: number, weight: number): OSDMap {
  if (m.crush.get_parents(osd).length === 0) return m;
  const crush = m.crush.edit((b) => void b.adjust_item_weight(osd, weight));
  return new OSDMap({ ...m.f, crush }, m);
}
/** --test-map-pgs --pg_num: a pool's, or every pool's. */
export function set_pg_num(m: OSDMap, pg_num: number, pool?: number): OSDMap {
  const changed = [...m.pools].map(([id, p]) => {
    const here = pool === undefined || pool === id;
    return [id, here ? { ...p, pg_num, pg_num_pending: pg_num } : p] as const;
  });
  return new OSDMap({ ...m.f, pools: new Map(changed) });
}
