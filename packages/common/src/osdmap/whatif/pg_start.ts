/**
 * Where PGs stand before anything happens: what a PG dump says, or what the map alone allows to
 * conclude. What neither says is `unknown`, with the reason.
 */
import {
  CRUSH_ITEM_NONE,
  NO_SHARD,
  pg_shard,
  type pg_shard_t,
  type pg_t,
} from "../../types/osd_types.ts";
import type { OSDMap } from "../OSDMap.ts";
import type { pg_mapping_t } from "../OSDMapMapping.ts";
import type { pg_start } from "./ImaginedPG.ts";
import type { dumped_pg, pg_dump } from "./pg_dump.ts";
import type { pool_kind } from "./pool_kind.ts";

export const CLEAN = "active+clean";

/** States in which peering is not over, or in which nobody has reported for long. */
const NOT_PEERED = [
  "creating",
  "activating",
  "down",
  "peering",
  "incomplete",
  "stale",
  "unknown",
] as const;

export function get_pg_start(
  map: OSDMap,
  kind: pool_kind,
  pgid: pg_t,
  at: pg_mapping_t,
  dump: pg_dump | undefined,
): pg_start {
  const members = at.acting.filter((o) => o !== CRUSH_ITEM_NONE).length;
  const full = members === kind.pool.size && same_osds(at.up, at.acting);
  if (dump) return from_dump(map, kind, pgid, at, dump.pgs.get(pgid));
  const same_interval_since = map.epoch;
  const whole = { at, same_interval_since, absent: [], missing: "none" } as const;
  if (full) return { ...whole, history: "clean", state: CLEAN, reason: "" };
  const absent = absent_members(map, kind, pgid);
  const base = { ...whole, absent };
  const temp = map.pg_temp.has(pgid) || map.primary_temp.has(pgid);
  if (absent.length > 0 || temp) {
    const why = temp ? "it has a pg_temp" : "not all of its OSDs are up";
    const reason = `${why} at the start, and there is no PG dump to say whether it was active`;
    return unknown(base, "unknown", reason);
  }
  // CRUSH finds no more OSDs for it, and never did: nobody is missed.
  const active = members >= kind.pool.min_size;
  const state = active ? "active+undersized" : "undersized+peered";
  return { ...base, history: "peered", state, reason: "" };
}

function unknown(
  base: Omit<pg_start, "history" | "reason" | "state">,
  state: string,
  reason: string,
): pg_start {
  return { ...base, history: "unknown", state, reason };
}

function from_dump(
  map: OSDMap,
  kind: pool_kind,
  pgid: pg_t,
  at: pg_mapping_t,
  d: dumped_pg | undefined,
): pg_start {
  const same_interval_since = Math.min(d?.mapping_epoch ?? map.epoch, map.epoch);
  const clean = d?.state.split("+").includes("clean") ?? false;
  const absent = clean ? [] : absent_members(map, kind, pgid);
  const base = { at, same_interval_since, absent, missing: "none" } as const;
  if (!d) return unknown(base, "unknown", "the PG dump does not have it");
  if (!same_osds(d.acting, at.acting) || !same_osds(d.up, at.up)) {
    const reason = "the PG dump has it on other OSDs than the map: they are of different moments";
    return unknown(base, d.state, reason);
  }
  const words = d.state.split("+");
  if (NOT_PEERED.some((s) => words.includes(s)) || at.acting_primary < 0) {
    const by = d.blocked_by.length > 0 ? `, blocked by ${d.blocked_by.map((o) => `osd.${o}`)}` : "";
    const reason = `it was ${d.state}${by} at the start; what it went through is not in the PG dump`;
    return unknown(base, d.state, reason);
  }
  if (words.includes("clean")) return { ...base, history: "clean", state: d.state, reason: "" };
  const missing = members_have_all(kind, d, words) ? "none" : "unknown";
  return { ...base, missing, history: "peered", state: d.state, reason: "" };
}

/** Is what is degraded just what the absent members lack? */
function members_have_all(kind: pool_kind, d: dumped_pg, words: readonly string[]): boolean {
  if (d.num_objects === 0) return true;
  if (words.some((w) => w.startsWith("recover") || w === "forced_recovery")) return false;
  if (d.num_objects === undefined || d.num_objects_degraded === undefined) {
    return !words.includes("degraded");
  }
  const members = d.acting.filter((o) => o !== CRUSH_ITEM_NONE).length;
  const absent = Math.max(0, kind.pool.size - members);
  return (d.num_objects_unfound ?? 0) === 0 && d.num_objects_degraded <= d.num_objects * absent;
}

/** Who is meant to have a copy, but is down. */
function absent_members(map: OSDMap, kind: pool_kind, pgid: pg_t): pg_shard_t[] {
  const absent: pg_shard_t[] = [];
  map.pg_to_raw_upmap(pgid).forEach((o, i) => {
    if (o === CRUSH_ITEM_NONE || map.is_up(o)) return;
    absent.push(pg_shard(o, kind.ec ? i : NO_SHARD));
  });
  return absent;
}

function same_osds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((o, i) => o === b[i]);
}
