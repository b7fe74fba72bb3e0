/** Small JSON shapes that several commands share. */
import { addr_str, type entity_addr_t, type OSDMap, utime_str } from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";

export type Json = Record<string, unknown>;

export const VERSION = "tako version 0.1.0";

export function addrvec(a: entity_addr_t): Json {
  const host = a.host.includes(":") ? `[${a.host}]` : a.host;
  return { addrvec: [{ type: "v2", addr: `${host}:${a.port}`, nonce: a.nonce }] };
}

/** Seconds that a stamp is back in time, as `since` fields want it. */
export function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

/** `osdmap` of `status`, and `osd stat`. */
export function osdmap_summary(m: OSDMap): Json {
  return {
    epoch: m.epoch,
    num_osds: m.get_num_osds(),
    num_up_osds: m.get_num_up_osds(),
    osd_up_since: seconds(m.last_up_change),
    num_in_osds: m.get_num_in_osds(),
    osd_in_since: seconds(m.last_in_change),
    num_remapped_pgs: m.pg_temp.size,
  };
}

/** A single monitor has settled its one election. */
export const ELECTION_EPOCH = 2;

export function quorum_age(mon: Monitor): number {
  return seconds(mon.ports.clock.mono_ms() - mon.started_ms);
}

export function monmap_dump(mon: Monitor): Json {
  const addr = mon.ports.messenger.my_addr;
  const stamp = utime_str(mon.osdmap.created).replace("+0000", "Z");
  return {
    epoch: 1,
    fsid: mon.fsid,
    modified: stamp,
    created: stamp,
    min_mon_release: 16,
    min_mon_release_name: "pacific",
    election_strategy: 1,
    "disallowed_leaders: ": "",
    stretch_mode: false,
    tiebreaker_mon: "",
    "removed_ranks: ": "",
    features: {
      persistent: ["kraken", "luminous", "mimic", "nautilus", "octopus", "pacific"],
      optional: [],
    },
    mons: [
      {
        rank: 0,
        name: mon.name,
        public_addrs: addrvec(addr),
        addr: addr_str(addr),
        public_addr: addr_str(addr),
        priority: 0,
        weight: 0,
        crush_location: "{}",
      },
    ],
  };
}

/** Daemons by what they say in one metadata field. */
export function count_by(values: readonly string[]): Record<string, number> {
  const n: Record<string, number> = {};
  for (const v of [...values].sort()) n[v] = (Object.hasOwn(n, v) ? (n[v] ?? 0) : 0) + 1;
  return n;
}
