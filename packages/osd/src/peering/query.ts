/**
 * `ceph pg <pgid> query`: the PG's info, its peers' and what each state on the stack has to say.
 * Ceph counterpart: QueryState reactions and PG::dump_pgstate_history users. Shape: cluster.md §7.3.
 */
import {
  type epoch_t,
  ev_str,
  info_dne,
  info_is_empty,
  info_is_incomplete,
  type PastIntervals,
  type pg_history_t,
  type pg_info_t,
  type pg_shard_t,
  shard_cmp,
  shard_osd,
  utime_str,
} from "@tako/common";
import { prior_readable_left } from "./leases.ts";
import type { PeeringState } from "./PeeringState.ts";
import type { StateName } from "./state_name.ts";
import { make_pg_stat, type pg_stat_t } from "./stats.ts";

export type QueryEntry = { name: string; enter_time: string; [field: string]: unknown };

/** What only the PG knows, for the Active entry and the end of the answer. */
export interface QueryExtra {
  readonly recovery_progress?: Readonly<Record<string, unknown>>;
  readonly scrubber?: Readonly<Record<string, unknown>>;
}

export interface PGQuery {
  readonly snap_trimq: string;
  readonly snap_trimq_len: number;
  readonly state: string;
  readonly epoch: epoch_t;
  readonly up: readonly number[];
  readonly acting: readonly number[];
  readonly async_recovery_targets?: readonly pg_shard_t[];
  readonly backfill_targets?: readonly pg_shard_t[];
  readonly acting_recovery_backfill?: readonly pg_shard_t[];
  readonly info: Record<string, unknown>;
  readonly peer_info: readonly Record<string, unknown>[];
  readonly recovery_state: readonly QueryEntry[];
  readonly scrubber?: Readonly<Record<string, unknown>>;
  readonly agent_state: Record<string, unknown>;
}

function sorted(shards: Iterable<pg_shard_t>): pg_shard_t[] {
  return [...shards].sort(shard_cmp);
}
function by_osd(a: number, b: number): number {
  return a - b;
}

export function dump_query(ps: PeeringState, extra: QueryExtra): PGQuery {
  const arb = sorted(ps.acting_recovery_backfill);
  const targets = sorted(ps.backfill_targets);
  const async_targets = sorted(ps.async_recovery_targets);
  return {
    snap_trimq: "[]",
    snap_trimq_len: 0,
    state: ps.get_pg_state_string(),
    epoch: ps.get_osdmap_epoch(),
    up: [...ps.up],
    acting: [...ps.acting],
    ...(async_targets.length > 0 ? { async_recovery_targets: async_targets } : {}),
    ...(targets.length > 0 ? { backfill_targets: targets } : {}),
    ...(arb.length > 0 ? { acting_recovery_backfill: arb } : {}),
    info: { ...dump_info(ps, ps.info), history: dump_history(current_history(ps)) },
    peer_info: sorted(ps.peer_info.keys()).map((peer) => ({
      peer,
      ...dump_info(ps, ps.get_peer_info(peer)),
    })),
    recovery_state: dump_recovery_state(ps, extra),
    ...(extra.scrubber ? { scrubber: extra.scrubber } : {}),
    agent_state: {},
  };
}

/** Its bound on older leases counts from now, not from when it was stored. */
function current_history(ps: PeeringState): pg_history_t {
  return { ...ps.info.history, prior_readable_until_ub: prior_readable_left(ps) };
}
function dump_history(h: pg_history_t): Record<string, unknown> {
  return {
    ...h,
    // Seconds; nanoseconds are the last digits.
    prior_readable_until_ub: Math.round(h.prior_readable_until_ub * 1e6) / 1e9,
    last_scrub: ev_str(h.last_scrub),
    last_scrub_stamp: utime_str(h.last_scrub_stamp),
    last_deep_scrub: ev_str(h.last_deep_scrub),
    last_deep_scrub_stamp: utime_str(h.last_deep_scrub_stamp),
    last_clean_scrub_stamp: utime_str(h.last_clean_scrub_stamp),
  };
}

function dump_info(ps: PeeringState, i: pg_info_t): Record<string, unknown> {
  const stats: pg_stat_t = make_pg_stat(ps, i);
  return {
    pgid: i.pgid,
    last_update: ev_str(i.last_update),
    last_complete: ev_str(i.last_complete),
    log_tail: ev_str(i.log_tail),
    last_user_version: i.last_user_version,
    last_backfill: i.last_backfill,
    purged_snaps: [],
    history: dump_history(i.history),
    stats,
    empty: Number(info_is_empty(i)),
    dne: Number(info_dne(i)),
    incomplete: Number(info_is_incomplete(i)),
    last_epoch_started: i.last_epoch_started,
    hit_set_history: { current_last_update: "0'0", history: [] },
  };
}

// ---------------------------------------------------------------- recovery_state

type Details = (ps: PeeringState, extra: QueryExtra) => Record<string, unknown>;
const none: Details = () => ({});

/** States that answer a query; the others do not appear. */
const DETAILS: Partial<Record<StateName, Details>> = {
  Initial: none,
  Reset: none,
  Started: none,
  Peering: dump_peering,
  GetInfo: (ps) => ({
    requested_info_from: sorted(ps.machine.peer_info_requested ?? []).map((osd) => ({
      osd,
      ...(ps.peer_info.has(osd) ? { got_info: dump_info(ps, ps.get_peer_info(osd)) } : {}),
    })),
  }),
  GetLog: (ps) => ({ auth_log_shard: ps.machine.get_log?.auth_log_shard ?? "" }),
  GetMissing: (ps) => ({
    peer_missing_requested: sorted(ps.peer_missing_requested).map((osd) => ({
      osd,
      ...(ps.peer_missing.has(osd) ? { got_missing: ps.peer_missing.get(osd)?.to_wire() } : {}),
    })),
  }),
  WaitUpThru: () => ({
    comment: "waiting for osdmap to reflect a new up_thru for this osd",
  }),
  Down: () => ({ comment: "not enough up instances of this PG to go active" }),
  Incomplete: () => ({ comment: "not enough complete instances of this PG" }),
  WaitActingChange: () => ({ comment: "waiting for pg acting set to change" }),
  Active: (ps, extra) => ({
    might_have_unfound: sorted(ps.might_have_unfound).map((osd) => ({
      osd,
      status: unfound_status(ps, osd),
    })),
    recovery_progress: extra.recovery_progress ?? {},
  }),
  ReplicaActive: none,
  Stray: none,
  ToDelete: none,
};

function dump_recovery_state(ps: PeeringState, extra: QueryExtra): QueryEntry[] {
  const out: QueryEntry[] = [];
  for (const s of ps.machine.stack()) {
    const details = DETAILS[s.name];
    if (details === undefined) continue;
    out.push({ name: s.path, enter_time: utime_str(s.enter_time), ...details(ps, extra) });
  }
  return out;
}

export function unfound_status(ps: PeeringState, s: pg_shard_t): string {
  if (ps.peer_missing.has(s)) return "already probed";
  if (ps.peer_missing_requested.has(s)) return "querying";
  if (!ps.osdmap.is_up(shard_osd(s))) return "osd is down";
  return "not queried";
}

export function dump_past_intervals(p: PastIntervals): Record<string, unknown>[] {
  if (p.empty()) return [];
  return [
    {
      first: String(p.first),
      last: String(p.last),
      all_participants: sorted(p.get_all_participants()).map((s) => ({ osd: shard_osd(s) })),
      intervals: p.intervals.map((i) => ({
        first: String(i.first),
        last: String(i.last),
        acting: i.acting.join(","),
      })),
    },
  ];
}

function dump_peering(ps: PeeringState): Record<string, unknown> {
  const prior = ps.prior_set;
  const past = { past_intervals: dump_past_intervals(ps.past_intervals) };
  if (prior === null) return past;
  return {
    ...past,
    probing_osds: sorted(prior.probe),
    ...(prior.pg_down ? { blocked: "peering is blocked due to down osds" } : {}),
    down_osds_we_would_probe: [...prior.down.keys()].sort(by_osd),
    peering_blocked_by: [...prior.blocked_by]
      .sort(([a], [b]) => a - b)
      .map(([osd, lost_at]) => ({
        osd,
        current_lost_at: lost_at,
        comment: "starting or marking this osd lost may let us proceed",
      })),
    ...(ps.history_les_bound
      ? { peering_blocked_by_detail: [{ detail: "peering_blocked_by_history_les_bound" }] }
      : {}),
  };
}
