/**
 * The changes that osdmaptool tries on a map before it asks questions of it.
 * Ceph counterpart: src/tools/osdmaptool.cc.
 */
import { CommandError } from "../errors.ts";
import { CEPH_OSD_EXISTS, CEPH_OSD_IN, CEPH_OSD_OUT, CEPH_OSD_UP } from "./flags.ts";
import { OSDMap } from "./OSDMap.ts";

/** --mark-up-in: every OSD exists, is up and in, and those in CRUSH weigh 1.0 there. */
export function mark_up_in(m: OSDMap): OSDMap {
  const weigh = [...Array(m.max_osd).keys()].filter((o) => m.crush.get_parents(o).length > 0);
  return new OSDMap({
    ...m.f,
    osd_state: m.f.osd_state.map((s) => s | CEPH_OSD_EXISTS | CEPH_OSD_UP),
    osd_weight: m.f.osd_weight.map(() => CEPH_OSD_IN),
    crush: m.crush.edit((b) => {
      for (const o of weigh) b.adjust_item_weight(o, 1);
    }),
  });
}

function known(m: OSDMap, osd: number): number {
  if (Number.isInteger(osd) && osd >= 0 && osd < m.max_osd) return osd;
  throw new CommandError("ENOENT", `osd.${osd} is not below max_osd ${m.max_osd}`);
}
function set_weight(m: OSDMap, osd: number, weight: number): OSDMap {
  known(m, osd);
  const osd_weight = m.f.osd_weight.with(osd, weight);
  // A weight makes an OSD exist, as it does in an incremental.
  const state = (m.f.osd_state[osd] ?? 0) | (weight === 0 ? 0 : CEPH_OSD_EXISTS);
  return new OSDMap({ ...m.f, osd_weight, osd_state: m.f.osd_state.with(osd, state) });
}
/** --mark-out */
export function mark_out(m: OSDMap, osd: number): OSDMap {
  return set_weight(m, osd, CEPH_OSD_OUT);
}
/** --mark-in */
export function mark_in(m: OSDMap, osd: number): OSDMap {
  return set_weight(m, osd, CEPH_OSD_IN);
}
/** --mark-up */
export function mark_up(m: OSDMap, osd: number): OSDMap {
  known(m, osd);
  const state = (m.f.osd_state[osd] ?? 0) | CEPH_OSD_EXISTS | CEPH_OSD_UP;
  return new OSDMap({ ...m.f, osd_state: m.f.osd_state.with(osd, state) });
}
