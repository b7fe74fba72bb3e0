/**
 * choose_acting: who should serve the PG; asks the mon for it when that is not who does now.
 * Ceph counterpart: PeeringState::choose_acting. peering.md §6.8.
 */
import {
  type calc_acting_result,
  calc_ec_acting,
  calc_replicated_acting,
  find_best_info,
  is_erasure,
  type pg_info_t,
  type pg_shard_t,
  recoverable_acting,
  shard_cmp,
} from "@tako/common";
import { same_osds } from "./interval.ts";
import type { PeeringState } from "./PeeringState.ts";

export interface choose_acting_opts {
  /** Only ask for another acting set if one is better; do not take over the present one. */
  readonly request_pg_temp_change_only?: boolean;
  readonly restrict_to_up_acting?: boolean;
}

/** The shard with the authoritative log; null when there is none or another acting set is wanted. */
export function choose_acting(ps: PeeringState, opts: choose_acting_opts = {}): pg_shard_t | null {
  const restrict = opts.restrict_to_up_acting ?? false;
  const infos = new Map(ps.peer_info).set(ps.pg_whoami, ps.info);
  const ec_pool = is_erasure(ps.pool.info);
  const { best, history_les_bound } = find_best_info(infos, {
    self: ps.pg_whoami,
    require_rollback: ec_pool,
    restrict_to: restrict ? new Set([...ps.upset, ...ps.actingset]) : null,
    ignore_history_les: ps.config.get("osd_find_best_info_ignore_history_les"),
  });
  ps.history_les_bound = history_les_bound;
  if (best === null) {
    // Those whom CRUSH names may know of somebody else.
    if (same_osds(ps.up, ps.acting)) ps.want_acting = [];
    else want(ps, ps.up);
    log_choice(ps, null, null);
    return null;
  }
  const choice = calc(ps, best, infos, restrict);
  const enough = recoverable_acting(choice.want, {
    ec_pool,
    min_size: ps.pool.info.min_size,
    allow_recovery_below_min_size: ps.config.get("osd_allow_recovery_below_min_size"),
    pcontdec: (have) => ps.is_recoverable(have),
  });
  if (!enough) {
    ps.want_acting = [];
    log_choice(ps, best, choice);
    return null;
  }
  if (!same_osds(choice.want, ps.acting)) {
    want(ps, choice.want);
    log_choice(ps, best, choice);
    return null;
  }
  if (opts.request_pg_temp_change_only) return best;
  ps.want_acting = [];
  // Fixed from activation to the end of the interval.
  if (!ps.is_peered() && !ps.is_activating()) {
    ps.acting_recovery_backfill = choice.acting_backfill;
    ps.backfill_targets = choice.backfill;
  }
  log_choice(ps, best, choice);
  return best;
}

function calc(
  ps: PeeringState,
  auth_log_shard: pg_shard_t,
  all_info: ReadonlyMap<pg_shard_t, pg_info_t>,
  restrict_to_up_acting: boolean,
): calc_acting_result {
  const input = {
    auth_log_shard,
    size: ps.pool.info.size,
    up: ps.up,
    acting: ps.acting,
    up_primary: ps.up_primary,
    all_info,
    restrict_to_up_acting,
    force_auth_primary_missing_objects: ps.config.get("osd_force_auth_primary_missing_objects"),
  };
  return is_erasure(ps.pool.info) ? calc_ec_acting(input) : calc_replicated_acting(input);
}

/** Asks the mon for this acting set, unless that is what we are waiting for already. */
function want(ps: PeeringState, osds: readonly number[]): void {
  if (osds.length > 0 && same_osds(ps.want_acting, osds)) return;
  ps.want_acting = osds;
  const acting = same_osds(osds, ps.up) ? [] : osds;
  ps.get_rctx().effect({ type: "queue_want_pg_temp", acting });
}

function log_choice(
  ps: PeeringState,
  auth_log_shard: pg_shard_t | null,
  choice: calc_acting_result | null,
): void {
  if (!ps.log.enabled("info")) return;
  ps.log.info(
    {
      epoch: ps.get_osdmap_epoch(),
      interval: ps.info.history.same_interval_since,
      auth_log_shard,
      auth_last_update:
        auth_log_shard === null || auth_log_shard === ps.pg_whoami
          ? ps.info.last_update
          : (ps.peer_info.get(auth_log_shard)?.last_update ?? null),
      up: ps.up,
      acting: ps.acting,
      choice: choice?.want ?? null,
      want_acting: ps.want_acting,
      backfill: [...(choice?.backfill ?? [])].sort(shard_cmp),
      history_les_bound: ps.history_les_bound,
    },
    "pg_choose_acting",
  );
}
