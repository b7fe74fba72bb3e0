/** What has become of each PG: its state in Ceph's words, and what that means for its clients. */
import { CRUSH_ITEM_NONE, type pg_shard_t, type pg_t, shard_osd } from "../../types/osd_types.ts";
import { type pg_state_t, state_string } from "../../types/pg_state.ts";
import type { OSDMap } from "../OSDMap.ts";
import type { ImaginedCluster } from "./ImaginedCluster.ts";
import type { ImaginedPG, pg_start } from "./ImaginedPG.ts";
import type { pool_kind } from "./pool_kind.ts";

export type whatif_answer = "yes" | "no" | "unknown";

export interface whatif_pg {
  readonly pgid: pg_t;
  readonly pool: string;
  /** Before the first step; `active+clean` where that is what the map alone suggests. */
  readonly was: string;
  /** After the last one, when PGs have peered but nothing has been copied yet. */
  readonly state: string;
  /** Does it serve its clients? */
  readonly active: whatif_answer;
  readonly was_active: whatif_answer;
  readonly undersized: boolean;
  readonly up: readonly number[];
  readonly acting: readonly number[];
  /** Active members above min_size; null when it is not active, or nobody knows. */
  readonly margin: number | null;
  /** OSDs without which it cannot tell which writes were acknowledged. */
  readonly blocked_by: readonly number[];
  /** Are there objects of which no current copy is up? */
  readonly unfound: whatif_answer;
  /** It went on without writes that had been acknowledged. */
  readonly lost_writes: boolean;
  /** Why the answer is `unknown`. */
  readonly reason: string;
}

/** A PG with what next_loss has to know of it. */
export interface judged_pg {
  readonly pg: whatif_pg;
  readonly kind: pool_kind;
  readonly touched: ImaginedPG | undefined;
  readonly start: pg_start;
  readonly members: readonly pg_shard_t[];
}

function shards_of(kind: pool_kind, osds: readonly number[]): pg_shard_t[] {
  return osds.flatMap((o, i): pg_shard_t[] => {
    if (o === CRUSH_ITEM_NONE) return [];
    if (kind.ec) return [`${o}(${i})`];
    return osds.indexOf(o) === i ? [`${o}`] : [];
  });
}
const has = (state: string, word: string) => state.split("+").includes(word);

export function was_active(start: pg_start, kind: pool_kind): whatif_answer {
  if (start.state !== "unknown") return has(start.state, "active") ? "yes" : "no";
  const members = shards_of(kind, start.at.acting).length;
  return members < kind.pool.min_size ? "no" : "unknown";
}

/** Where a PG stands at the end of the steps. */
export function judge_pg(cluster: ImaginedCluster, pgid: pg_t): judged_pg {
  const kind = cluster.kind_of(pgid);
  const touched = cluster.find(pgid);
  if (!touched) return untouched_pg(pgid, kind, cluster.start_of(pgid));
  if (touched.start.history === "unknown") return unknown_pg(touched, cluster.map);
  return known_pg(touched, cluster.map);
}

function common_fields(pgid: pg_t, kind: pool_kind, start: pg_start) {
  return {
    pgid,
    pool: kind.name,
    was: start.state,
    was_active: was_active(start, kind),
    blocked_by: [],
    unfound: "no",
    lost_writes: false,
    reason: start.reason,
  } as const;
}

function untouched_pg(pgid: pg_t, kind: pool_kind, start: pg_start): judged_pg {
  const { up, acting } = start.at;
  const members = shards_of(kind, acting);
  const fields = common_fields(pgid, kind, start);
  const pg: whatif_pg = {
    ...fields,
    state: start.state,
    active: fields.was_active,
    undersized: members.length < kind.pool.size,
    up,
    acting,
    margin: fields.was_active === "yes" ? members.length - kind.pool.min_size : null,
    unfound: start.state.includes("_unfound") ? "yes" : "no",
  };
  return { pg, kind, touched: undefined, start, members };
}

/** Of what is not known to have peered, it can still be said when too few are left. */
function unknown_pg(t: ImaginedPG, map: OSDMap): judged_pg {
  const { kind, start } = t;
  const { up, acting } = t.cur;
  const candidates = [...shards_of(kind, start.at.acting), ...t.shards(up), ...t.shards(acting)];
  const live = new Set(candidates.filter((s) => map.is_up(shard_osd(s))));
  const members = t.shards(acting);
  const pg: whatif_pg = {
    ...common_fields(t.pgid, kind, start),
    state: "unknown",
    active: live.size < kind.pool.min_size ? "no" : "unknown",
    undersized: members.length < kind.pool.size,
    up,
    acting,
    margin: null,
    unfound: "unknown",
  };
  return { pg, kind, touched: t, start, members };
}

function known_pg(t: ImaginedPG, map: OSDMap): judged_pg {
  const { kind, start } = t;
  const members = t.shards(t.cur.acting);
  const unfound = unfound_of(t, map);
  const active = t.is_active();
  const pg: whatif_pg = {
    ...common_fields(t.pgid, kind, start),
    state: state_of(t, unfound),
    active: active ? "yes" : "no",
    undersized: members.length < kind.pool.size,
    up: t.cur.up,
    acting: t.cur.acting,
    margin: active ? members.length - kind.pool.min_size : null,
    blocked_by: t.outcome.state === "down" ? t.outcome.blocked_by : [],
    unfound,
    lost_writes: t.lost_writes,
    reason: unfound === "unknown" ? "which of its members miss objects is not in the PG dump" : "",
  };
  return { pg, kind, touched: t, start, members };
}

function unfound_of(t: ImaginedPG, map: OSDMap): whatif_answer {
  if (t.outcome.state !== "peered") return "no";
  return UNFOUND[t.can_be_had((o) => map.is_up(o))];
}
const UNFOUND = { yes: "no", no: "yes", unknown: "unknown" } as const;

function state_of(t: ImaginedPG, unfound: whatif_answer): string {
  const bits = new Set<pg_state_t>();
  const { up, acting } = t.cur;
  if (up.length !== acting.length || up.some((o, i) => o !== acting[i])) bits.add("remapped");
  switch (t.outcome.state) {
    case "no_primary":
      return "stale";
    case "down":
    case "incomplete":
      return state_string(bits.add(t.outcome.state));
    case "unknown":
      return "unknown";
    case "peered":
      break;
  }
  bits.add(t.is_active() ? "active" : "peered");
  const undersized = t.num_acting() < t.kind.pool.size;
  const lacking = t.shards(acting).some((s) => (t.copies.get(s)?.lacks.length ?? 0) > 0);
  const filling = t.shards(up).some((s) => !t.is_whole(s));
  if (undersized) bits.add("undersized");
  if (undersized || lacking) bits.add("degraded");
  if (unfound === "yes") bits.add("recovery_unfound");
  else if (lacking) bits.add("recovery_wait");
  else if (filling) bits.add("backfill_wait");
  if (!undersized && !lacking && !filling) bits.add("clean");
  return state_string(bits);
}
