/** Which copy is good for what: the decisions of peering, from the infos that a query shows. */
import { calc_ec_acting, calc_replicated_acting } from "../peering/choose_acting.ts";
import { type copy_info_t, type copy_infos_t, find_best_info } from "../peering/find_best_info.ts";
import { pg_shard, type pg_shard_t } from "../types/osd_types.ts";
import type { PGCase } from "./PGCase.ts";
import type { copy_view } from "./QueryView.ts";

function as_copy_info(c: copy_view): copy_info_t {
  return {
    last_update: c.last_update,
    last_complete: c.last_complete,
    log_tail: c.log_tail,
    // Where it stands is not asked, only whether it is done.
    last_backfill: c.last_backfill === "MAX" ? "MAX" : "MIN",
    last_epoch_started: c.last_epoch_started,
    history: { last_epoch_started: c.history_les },
    stats: { stat_sum: { num_objects_missing: c.num_objects_missing } },
  };
}
export function copy_infos(c: PGCase): copy_infos_t {
  return new Map((c.query?.copies ?? []).map((copy) => [copy.shard, as_copy_info(copy)]));
}

export function best_copy(c: PGCase): pg_shard_t | null {
  const self = c.query?.copies[0]?.shard;
  if (self === undefined) return null;
  return find_best_info(copy_infos(c), {
    self,
    require_rollback: c.erasure,
    restrict_to: null,
    ignore_history_les: false,
  }).best;
}

/** The acting set that peering would choose; undefined when the query does not show enough. */
export function desired_acting(c: PGCase): number[] | undefined {
  const auth_log_shard = best_copy(c);
  const { size } = c;
  if (auth_log_shard === null || size === undefined) return undefined;
  const up_primary = c.up_osds[0];
  const input = {
    auth_log_shard,
    size,
    up: c.up,
    acting: c.acting,
    up_primary: up_primary === undefined ? null : pg_shard(up_primary),
    all_info: copy_infos(c),
    restrict_to_up_acting: false,
    force_auth_primary_missing_objects: 100,
  };
  const { want } = c.erasure ? calc_ec_acting(input) : calc_replicated_acting(input);
  return [...want];
}
