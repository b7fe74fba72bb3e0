/** The incremental that a step is: what the monitor would write for it. Cluster.md §3.14. */
import { CEPH_OSD_AUTOOUT, CEPH_OSD_DESTROYED, CEPH_OSD_IN, CEPH_OSD_UP } from "../flags.ts";
import { type Incremental, new_incremental } from "../Incremental.ts";
import type { OSDMap } from "../OSDMap.ts";
import { WhatifInputError } from "./errors.ts";
import type { whatif_osd_verb } from "./steps.ts";

/** Changes `inc`, if there is something to change. */
type Change = (map: OSDMap, osd: number, inc: Incremental) => void;

const CHANGES: Readonly<Record<whatif_osd_verb, Change>> = {
  down(map, o, inc) {
    if (map.is_up(o)) inc.new_state.set(o, CEPH_OSD_UP);
  },
  up(map, o, inc) {
    if (map.is_up(o)) return;
    if ((map.get_state(o) & CEPH_OSD_DESTROYED) !== 0) {
      throw new WhatifInputError("EINVAL", `osd.${o} is destroyed: it cannot come up`);
    }
    inc.new_up_client.set(o, map.get_addr(o));
    // What the monitor marked out by itself it marks in again.
    if (map.is_out(o) && (map.get_state(o) & CEPH_OSD_AUTOOUT) !== 0) CHANGES.in(map, o, inc);
  },
  out(map, o, inc) {
    if (map.is_out(o)) return;
    inc.new_weight.set(o, 0);
    inc.new_xinfo.set(o, { ...map.get_xinfo(o), old_weight: map.get_weight(o) });
  },
  in(map, o, inc) {
    if (map.is_out(o)) inc.new_weight.set(o, map.get_xinfo(o).old_weight || CEPH_OSD_IN);
  },
  lost(map, o, inc) {
    if (map.is_up(o)) {
      throw new WhatifInputError("EBUSY", `osd.${o} is up: only what is down can be lost`);
    }
    inc.new_lost.set(o, map.get_down_at(o));
  },
};

/** Also says for how many of the OSDs the step changes nothing. */
export function step_incremental(
  map: OSDMap,
  verb: whatif_osd_verb,
  osds: readonly number[],
): { readonly inc: Incremental; readonly unchanged: readonly number[] } {
  const inc = new_incremental(map);
  const count = () =>
    inc.new_state.size + inc.new_up_client.size + inc.new_weight.size + inc.new_lost.size;
  const unchanged = osds.filter((o) => {
    const before = count();
    CHANGES[verb](map, o, inc);
    return count() === before;
  });
  return { inc, unchanged };
}
