/**
 * Beacons: which OSDs still speak, how far their maps are, and since when each PG has been clean.
 * Leader's memory; the rules are pure functions over it.
 * Ceph counterpart: OSDMonitor::prepare_beacon, handle_osd_timeouts, LastEpochClean.
 * cluster.md §3.9, §3.15.
 */
import { type epoch_t, type Msg, type OSDMap, pg_parse, type pg_t } from "@tako/common";
import { can_mark_down } from "./may_mark.ts";
import { is_pending_down, mark_down, type View } from "./pending.ts";

export interface Beacons {
  /** When an OSD last reported, and how often it means to (monotonic ms). */
  readonly last_report: Map<number, { readonly at_ms: number; readonly interval_ms: number }>;
  /** Map epoch of each OSD. */
  readonly osd_epoch: Map<number, epoch_t>;
  readonly last_epoch_clean: Map<pg_t, epoch_t>;
}
export function new_beacons(): Beacons {
  return { last_report: new Map(), osd_epoch: new Map(), last_epoch_clean: new Map() };
}

export function note_beacon(
  b: Beacons,
  osdmap: OSDMap,
  osd: number,
  m: Msg<"osd_beacon">,
  mono_ms: number,
): void {
  b.last_report.set(osd, { at_ms: mono_ms, interval_ms: m.report_interval_s * 1000 });
  b.osd_epoch.set(osd, Math.min(m.version, osdmap.epoch));
  for (const text of m.pgs) {
    const pg = pg_parse(text);
    if (!pg || !osdmap.pg_exists(pg)) continue;
    // What was clean once stays so: a late beacon of a former primary takes nothing back.
    const have = b.last_epoch_clean.get(pg) ?? 0;
    b.last_epoch_clean.set(pg, Math.max(have, Math.min(m.min_last_epoch_clean, osdmap.epoch)));
  }
}

/** After a commit: forget OSDs that went down or came up, and PGs that are gone. */
export function beacons_on_map(b: Beacons, prev: OSDMap, osdmap: OSDMap): void {
  for (const o of [...b.last_report.keys(), ...b.osd_epoch.keys()]) {
    const same = prev.is_up(o) && osdmap.is_up(o) && prev.get_up_from(o) === osdmap.get_up_from(o);
    if (same) continue;
    b.last_report.delete(o);
    b.osd_epoch.delete(o);
  }
  if (prev.pools === osdmap.pools) return;
  for (const pg of b.last_epoch_clean.keys()) {
    if (!osdmap.pg_exists(pg)) b.last_epoch_clean.delete(pg);
  }
}

/** Marks OSDs down that were silent for too long. True when there are any. */
export function handle_osd_timeouts(v: View, b: Beacons, leader_since_ms: number): boolean {
  const timeout = v.config.get("mon_osd_report_timeout") * 1000;
  const young = v.mono_ms - leader_since_ms < timeout;
  let found = false;
  for (const o of v.osdmap.get_up_osds()) {
    const last = b.last_report.get(o);
    if (!last) {
      b.last_report.set(o, { at_ms: v.mono_ms, interval_ms: 0 });
      continue;
    }
    const limit = Math.max(timeout, 2 * last.interval_ms);
    const silent = v.mono_ms - last.at_ms;
    if (young || silent < limit || is_pending_down(v, o) || !can_mark_down(v, o)) continue;
    mark_down(v, o);
    v.pending.log.push({
      prio: "INF",
      text: `osd.${o} marked down after no beacon for ${(silent / 1000).toFixed(6)} seconds`,
    });
    found = true;
  }
  return found;
}

/** The epoch before which no PG needs a map any more; 0 while any PG has not reported. */
export function last_epoch_clean_bound(b: Beacons, osdmap: OSDMap): epoch_t {
  let least = osdmap.epoch;
  for (const pool of osdmap.pool_ids()) {
    for (const pg of osdmap.get_pgs(pool)) {
      const e = b.last_epoch_clean.get(pg);
      if (e === undefined) return 0;
      least = Math.min(least, e);
    }
  }
  return least;
}
