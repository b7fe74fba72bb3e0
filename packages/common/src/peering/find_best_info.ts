/**
 * find_best_info: which copy of the PG has the authoritative log.
 * A pure choice among infos; it asks nobody. Ceph counterpart: PeeringState::find_best_info; the
 * reasons are in doc/dev/osd_internals/last_epoch_started of Ceph. peering.md §6.5.
 */
import {
  EVERSION_MAX,
  type epoch_t,
  ev_cmp,
  ev_eq,
  ev_ge,
  ev_min,
  info_is_incomplete,
  type pg_info_t,
  type pg_shard_t,
  shard_cmp,
} from "../types/osd_types.ts";
import { sort_few } from "../types/sorted.ts";

export interface find_best_info_opts {
  readonly self: pg_shard_t;
  /** Erasure-coded: the oldest head wins, because the others can be rolled back to it. */
  readonly require_rollback: boolean;
  /** Only these may win (restrict_to_up_acting: shards of up and acting); null: anyone. */
  readonly restrict_to: ReadonlySet<pg_shard_t> | null;
  /** osd_find_best_info_ignore_history_les: the operator accepts a copy that lacks writes. */
  readonly ignore_history_les: boolean;
}

export interface best_info_t {
  /** null: no copy is usable. */
  readonly best: pg_shard_t | null;
  /**
   * Somebody's history gave the last start of the PG, and no complete copy in the order of shards
   * before it. So it is in most PGs where all is well; where no copy is usable, it says that an older
   * one might be, without the histories.
   */
  readonly history_les_bound: boolean;
}

/** What is asked of a copy here and where acting sets are chosen. */
export interface copy_info_t
  extends Pick<
    pg_info_t,
    "last_update" | "last_complete" | "log_tail" | "last_backfill" | "last_epoch_started"
  > {
  readonly history: Pick<pg_info_t["history"], "last_epoch_started">;
  readonly stats: {
    readonly stat_sum: Pick<pg_info_t["stats"]["stat_sum"], "num_objects_missing">;
  };
}
export type copy_infos_t = ReadonlyMap<pg_shard_t, copy_info_t>;

/** `infos`: of all known peers and of ourselves. */
export function find_best_info(infos: copy_infos_t, opts: find_best_info_opts): best_info_t {
  const { max_les, history_les_bound } = max_last_epoch_started(infos, opts.ignore_history_les);
  let min_last_update = EVERSION_MAX;
  for (const i of infos.values()) {
    if (i.last_epoch_started >= max_les) min_last_update = ev_min(min_last_update, i.last_update);
  }
  let best: pg_shard_t | null = null;
  let best_info: copy_info_t | null = null;
  // In shard order, so that of equals the lowest wins everywhere.
  for (const shard of sort_few([...infos.keys()], shard_cmp)) {
    const info = infos.get(shard);
    if (!info || (opts.restrict_to && !opts.restrict_to.has(shard))) continue;
    const usable =
      ev_ge(info.last_update, min_last_update) &&
      info.last_epoch_started >= max_les &&
      !info_is_incomplete(info);
    if (!usable) continue;
    if (!best_info || is_better(info, shard === opts.self, best_info, opts.require_rollback)) {
      best = shard;
      best_info = info;
    }
  }
  return { best, history_les_bound };
}

/**
 * The last start of the PG that any copy knows of. An incomplete copy's own les says nothing (it came
 * with the reset of its backfill), but its history proves that the PG was active then.
 */
function max_last_epoch_started(
  infos: copy_infos_t,
  ignore_history_les: boolean,
): { max_les: epoch_t; history_les_bound: boolean } {
  let max_les = 0;
  let history_les_bound = false;
  for (const shard of sort_few([...infos.keys()], shard_cmp)) {
    const i = infos.get(shard);
    if (!i) continue;
    if (!ignore_history_les && i.history.last_epoch_started > max_les) {
      max_les = i.history.last_epoch_started;
      history_les_bound = true;
    }
    if (!info_is_incomplete(i) && i.last_epoch_started > max_les) {
      max_les = i.last_epoch_started;
      history_les_bound = false;
    }
  }
  return { max_les, history_les_bound };
}

/** Order of preference between usable copies; equal ones: the earlier stays, unless `is_self`. */
function is_better(
  info: copy_info_t,
  is_self: boolean,
  best: copy_info_t,
  require_rollback: boolean,
): boolean {
  const newer = ev_cmp(info.last_update, best.last_update);
  if (newer !== 0) return require_rollback ? newer < 0 : newer > 0;
  const tail = ev_cmp(info.log_tail, best.log_tail);
  if (tail !== 0) return tail < 0;
  const missing = has_missing(info);
  if (missing !== has_missing(best)) return !missing;
  return is_self;
}

function has_missing(i: copy_info_t): boolean {
  return !ev_eq(i.last_complete, i.last_update);
}
