/** What an operator does when all is over: flags, weights, sizes and overrides as they were. */
import {
  CEPH_OSD_IN,
  CEPH_OSD_NODOWN,
  CEPH_OSD_NOIN,
  CEPH_OSD_NOOUT,
  CEPH_OSD_NOUP,
  OSDMAP_FLAGS,
  type OSDMap,
} from "@tako/common";
import type { Command, Field } from "./Field.ts";

/** The shape of the pools before the first fault. */
export type Baseline = ReadonlyMap<number, { readonly size: number; readonly min_size: number }>;

export function take_baseline(f: Field): Baseline {
  return new Map(f.pools.map(({ id, info }) => [id, { size: info.size, min_size: info.min_size }]));
}

/** Flags that faults set. */
export const FLAGS = [
  "nobackfill",
  "norecover",
  "norebalance",
  "noup",
  "nodown",
  "noout",
  "noin",
  "noscrub",
  "nodeep-scrub",
] as const;
const NODE_FLAGS = [
  ["noup", CEPH_OSD_NOUP],
  ["nodown", CEPH_OSD_NODOWN],
  ["noin", CEPH_OSD_NOIN],
  ["noout", CEPH_OSD_NOOUT],
] as const;
/** A weight of 1 in a CRUSH map. */
const ONE = 0x10000;
const ROUNDS = 20;

export async function restore(f: Field, baseline: Baseline): Promise<void> {
  await f.worked();
  for (const id of f.world.osd_ids) f.world.start_osd(id);
  await f.answered();
  for (let i = 0; i < ROUNDS; i++) {
    const cmds = what_is_wrong(f, f.world.osdmap, baseline);
    if (cmds.length === 0) return;
    for (const cmd of cmds) void f.ask(cmd);
    await f.answered();
  }
}

function what_is_wrong(f: Field, map: OSDMap, baseline: Baseline): Command[] {
  return [...flags(map), ...weights(map), ...pools(f, baseline), ...temps(map)];
}
function flags(map: OSDMap): Command[] {
  const cmds: Command[] = FLAGS.filter((key) => map.test_flag(key)).map((key) => {
    return { prefix: "osd unset", key };
  });
  if (map.flags & (OSDMAP_FLAGS.pauserd | OSDMAP_FLAGS.pausewr)) {
    cmds.push({ prefix: "osd unset", key: "pause" });
  }
  for (const [name, bit] of NODE_FLAGS) {
    const ids = map.get_all_osds().filter((o) => map.get_state(o) & bit);
    if (ids.length > 0) cmds.push({ prefix: `osd rm-${name}`, ids: ids.map(String) });
  }
  return cmds;
}
function weights(map: OSDMap): Command[] {
  const cmds: Command[] = [];
  for (const o of map.get_all_osds()) {
    if (map.get_weight(o) !== CEPH_OSD_IN) {
      cmds.push({ prefix: "osd in", ids: [`${o}`] });
      cmds.push({ prefix: "osd reweight", id: o, weight: 1 });
    }
    if (map.crush.get_item_weight(o) !== ONE) {
      cmds.push({ prefix: "osd crush reweight", name: `osd.${o}`, weight: 1 });
    }
  }
  return cmds;
}
function pools(f: Field, baseline: Baseline): Command[] {
  const cmds: Command[] = [];
  for (const { id, name, info } of f.pools) {
    const was = baseline.get(id);
    if (!was) continue;
    const set = (key: string, n: number): Command => {
      return { prefix: "osd pool set", pool: name, var: key, val: `${n}` };
    };
    if (info.size !== was.size) cmds.push(set("size", was.size));
    if (info.min_size !== was.min_size) cmds.push(set("min_size", was.min_size));
  }
  return cmds;
}
/** OSDs clear their own pg_temp; a primary_temp is the operator's. */
function temps(map: OSDMap): Command[] {
  return [...map.primary_temp.keys()]
    .sort()
    .map((pgid) => ({ prefix: "osd rm-primary-temp", pgid }));
}
