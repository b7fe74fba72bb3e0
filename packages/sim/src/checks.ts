/**
 * What must hold of a cluster once faults have stopped (I26 of peering.md §12.1): all PGs clean, all
 * copies the same, nothing left over.
 */

import { crc32c, InvariantError, type OSDMap, type pg_t } from "@tako/common";
import { COLL_META, type OSD, type PG } from "@tako/osd";
import { check_copies } from "./check_copies.ts";
import type { World } from "./World.ts";

/** PGs of all pools in `map`. */
export function all_pgs(map: OSDMap): pg_t[] {
  return [...map.pools.keys()].sort((a, b) => a - b).flatMap((id) => [...map.get_pgs(id)]);
}

function primary_of(w: World, map: OSDMap, pgid: pg_t): PG | undefined {
  const { acting_primary } = map.pg_to_up_acting_osds(pgid);
  if (acting_primary < 0) return undefined;
  const pg = w.osd(acting_primary)?.pgs.find_primary(pgid);
  return pg?.is_primary() ? pg : undefined;
}

/** Why the cluster is not all active+clean; undefined when it is. */
export function why_not_clean(w: World): string | undefined {
  if (!w.mon_running) return "no monitor";
  const map = w.osdmap;
  for (const o of w.running_osds) {
    if (!map.is_up(o.whoami)) return `osd.${o.whoami} is not up`;
    if (o.osdmap_epoch !== map.epoch) return `osd.${o.whoami} lacks the newest map`;
  }
  for (const pgid of all_pgs(map)) {
    const pg = primary_of(w, map, pgid);
    const state = pg?.peering.get_pg_state_string() ?? "no primary";
    if (state !== "active+clean") return `pg ${pgid} is ${state}`;
  }
  return undefined;
}

/** Every PG that is not active+clean, with what keeps it from being so. */
export function pgs_not_clean(w: World): string[] {
  if (!w.mon_running) return ["no monitor"];
  const map = w.osdmap;
  return all_pgs(map).flatMap((pgid) => {
    const why = reason_not_clean(w, map, pgid);
    return why === undefined ? [] : [`pg ${pgid}: ${why}`];
  });
}

function reason_not_clean(w: World, map: OSDMap, pgid: pg_t): string | undefined {
  const { up, acting, acting_primary } = map.pg_to_up_acting_osds(pgid);
  const where = `up [${up}] acting [${acting}]`;
  if (acting_primary < 0) return `nobody is there to lead it, ${where}`;
  const pg = primary_of(w, map, pgid);
  if (!pg) return `osd.${acting_primary} does not lead it yet, ${where}`;
  const p = pg.peering;
  const state = p.get_pg_state_string();
  if (state === "active+clean") return undefined;
  const lacks = [p.pg_whoami, ...p.peers()].flatMap((s) => {
    const n = p.get_shard_missing(s)?.num_missing() ?? 0;
    return n > 0 ? [`${s} lacks ${n}`] : [];
  });
  const parts = [
    state,
    `in ${p.state_name}`,
    where,
    p.blocked_by.size > 0 ? `waits for osd.${[...p.blocked_by].sort((a, b) => a - b)}` : "",
    p.get_num_unfound() > 0 ? `${p.get_num_unfound()} objects have no copy` : "",
    p.backfill_targets.size > 0 ? `backfill of ${[...p.backfill_targets]}` : "",
    lacks.join(", "),
  ];
  return parts.filter((t) => t !== "").join(", ");
}

export function check_quiescent(w: World): void {
  const map = w.osdmap;
  if (map.pg_temp.size > 0) fail("pg_temp left", { pg_temp: [...map.pg_temp] });
  for (const osd of w.running_osds) check_osd(w, osd, map);
  check_map_history(w);
  for (const pgid of all_pgs(map)) check_copies(w, map, pgid);
}

/** Without a gap, and the same at the monitor and everywhere, to the byte. */
function check_map_history(w: World): void {
  const seen = new Map<number, { who: string; crc: number }>();
  const { maps } = w.mon.svc.osdmon;
  check_maps(seen, "mon.a", maps.first_committed, maps.last_committed, (e) => maps.get_full(e));
  if (maps.last_committed !== w.osdmap.epoch) fail("the newest map is not the stored one", {});
  for (const osd of w.running_osds) {
    const { oldest_map, newest_map } = osd.superblock;
    const get = (e: number) => osd.maps.get_map_bl(e);
    check_maps(seen, `osd.${osd.whoami}`, oldest_map, newest_map, get);
  }
}
function check_maps(
  seen: Map<number, { who: string; crc: number }>,
  who: string,
  oldest: number,
  newest: number,
  get: (epoch: number) => Uint8Array | undefined,
): void {
  for (let epoch = Math.max(1, oldest); epoch <= newest; epoch++) {
    const bytes = get(epoch);
    if (!bytes) fail("a map of the history is not there", { who, epoch });
    const crc = crc32c(bytes);
    const first = seen.get(epoch);
    if (!first) seen.set(epoch, { who, crc });
    else if (first.crc !== crc) {
      fail("there are two different maps of one epoch", { who: [first.who, who], epoch });
    }
  }
}

function check_osd(w: World, osd: OSD, map: OSDMap): void {
  const id = osd.whoami;
  for (const r of [osd.service.local_reserver, osd.service.remote_reserver]) {
    const dump = r.dump();
    if (r.granted_count > 0 || dump.queues.length > 0) {
      fail("reservations left", { osd: id, dump });
    }
  }
  if (osd.recovery.in_flight > 0) fail("recovery ops left", { osd: id });
  for (const pg of osd.pgs.all()) check_pg(osd, pg, map);
  for (const c of w.store(id).list_collections()) {
    if (c === COLL_META || c.endsWith("_head")) continue;
    const { objects } = w.store(id).collection_list(c, "MIN", "MAX", 10);
    if (objects.length > 0) fail("temporary objects left", { osd: id, coll: c, objects });
  }
}

function check_pg(osd: OSD, pg: PG, map: OSDMap): void {
  const at = { osd: osd.whoami, pg: pg.spgid };
  const { acting } = map.pg_to_up_acting_osds(pg.pgid);
  if (!acting.includes(osd.whoami)) fail("stray left", at);
  const p = pg.peering;
  p.check_invariants();
  if (p.missing.num_missing() > 0) fail("missing left", at);
  if (!p.past_intervals.empty()) {
    fail("past_intervals left", { ...at, past: p.past_intervals.to_wire() });
  }
  if (pg.recovery.recovering.size > 0) fail("recovery left", at);
  if (pg.waits.size > 0) fail("operations wait for ever", { ...at, ops: pg.waits.size });
  if (pg.repops.size > 0) fail("writes left on their way", at);
  if (!pg.is_primary()) return;
  for (const s of p.peers()) {
    const n = p.peer_missing.get(s)?.num_missing() ?? 0;
    if (n > 0) fail("the primary takes something for missing", { ...at, peer: s, n });
  }
  const lost = p.missing_loc.num_needs_recovery();
  if (lost > 0) fail("the primary looks for something", { ...at, objects: lost });
}

function fail(what: string, detail: Record<string, unknown>): never {
  throw new InvariantError(`after faults stopped: ${what}`, detail);
}
