/**
 * Peers an imagined PG: the decisions are those of an OSD (prior set, best info, acting set), with
 * copies in place of what peers would answer. Peering.md §6.4-6.8.
 */
import {
  calc_ec_acting,
  calc_replicated_acting,
  recoverable_acting,
} from "../../peering/choose_acting.ts";
import { type copy_info_t, find_best_info } from "../../peering/find_best_info.ts";
import { PriorSet } from "../../peering/PriorSet.ts";
import { CRUSH_ITEM_NONE, pg_shard, type pg_shard_t, shard_osd } from "../../types/osd_types.ts";
import type { OSDMap } from "../OSDMap.ts";
import type { ImaginedPG } from "./ImaginedPG.ts";

export type peering_result =
  | { readonly result: "no_primary" | "incomplete" }
  | { readonly result: "down"; readonly blocked_by: readonly number[] }
  /** Another acting set is wanted; empty: what CRUSH says. */
  | { readonly result: "want_acting"; readonly want: readonly number[] }
  | {
      readonly result: "peered";
      readonly auth: pg_shard_t;
      readonly backfill: ReadonlySet<pg_shard_t>;
    };

/** osd_force_auth_primary_missing_objects: never reached by counts of moments. */
const FORCE_AUTH_PRIMARY = 100;

export function peer_pg(pg: ImaginedPG, map: OSDMap): peering_result {
  const { up, acting, up_primary, acting_primary } = pg.cur;
  if (acting_primary < 0 || !map.is_up(acting_primary)) return { result: "no_primary" };
  // Members that never had it hear of a PG from those who have: if none is up, nobody peers.
  if (![...pg.copies.keys()].some((s) => map.is_up(shard_osd(s)))) return { result: "no_primary" };
  const last_epoch_started = known_les(pg, map);
  pg.learn(last_epoch_started);
  const prior = PriorSet.build({
    past_intervals: pg.past,
    osdmap: map,
    up,
    acting,
    info: { history: { last_epoch_started } },
    pool: { info: pg.kind.pool },
    is_recoverable: pg.kind.is_recoverable,
  });
  if (prior.pg_down) {
    return { result: "down", blocked_by: [...prior.blocked_by.keys()].sort((a, b) => a - b) };
  }
  const infos = infos_of(pg, map, prior.probe);
  const { best: auth } = find_best_info(infos, {
    self: pg.primary_shard(),
    require_rollback: pg.kind.ec,
    restrict_to: null,
    ignore_history_les: false,
  });
  if (auth === null) {
    return same(up, acting) ? { result: "incomplete" } : { result: "want_acting", want: [] };
  }
  const calc = pg.kind.ec ? calc_ec_acting : calc_replicated_acting;
  const { want, backfill } = calc({
    auth_log_shard: auth,
    size: pg.kind.pool.size,
    up,
    acting,
    up_primary: up_primary < 0 ? null : pg_shard(up_primary),
    all_info: infos,
    restrict_to_up_acting: false,
    force_auth_primary_missing_objects: FORCE_AUTH_PRIMARY,
  });
  const enough = recoverable_acting(want, {
    ec_pool: pg.kind.ec,
    min_size: pg.kind.pool.min_size,
    allow_recovery_below_min_size: true,
    pcontdec: pg.kind.is_recoverable,
  });
  if (!enough) return { result: "incomplete" };
  if (!same(want, acting)) {
    return { result: "want_acting", want: same(want, up) ? [] : want };
  }
  return { result: "peered", auth, backfill };
}

/** The last start that anybody knows of who can be asked. */
function known_les(pg: ImaginedPG, map: OSDMap): number {
  let les = 0;
  for (const [s, c] of pg.copies) if (map.is_up(shard_osd(s))) les = Math.max(les, c.history_les);
  return les;
}

/** Answers of the prior set, and of strays: those who hold a copy notify the primary by themselves. */
function infos_of(
  pg: ImaginedPG,
  map: OSDMap,
  probe: ReadonlySet<pg_shard_t>,
): Map<pg_shard_t, copy_info_t> {
  const infos = new Map<pg_shard_t, copy_info_t>();
  for (const s of probe) infos.set(s, pg.info(s));
  for (const s of pg.copies.keys()) {
    if (!infos.has(s) && map.is_up(shard_osd(s))) infos.set(s, pg.info(s));
  }
  return infos;
}

function same(a: readonly number[], b: readonly number[]): boolean {
  if (a.length === b.length) return a.every((o, i) => o === b[i]);
  // An erasure list that was never filled ends in holes.
  const n = Math.max(a.length, b.length);
  for (let i = 0; i < n; i++) {
    if ((a[i] ?? CRUSH_ITEM_NONE) !== (b[i] ?? CRUSH_ITEM_NONE)) return false;
  }
  return true;
}
