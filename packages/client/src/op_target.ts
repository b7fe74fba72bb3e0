/**
 * Where an operation goes: object -> PG -> primary by one map, and whether a newer map changes that.
 * Pure. Ceph counterpart: Objecter::op_target_t, _calc_target. Rules: cluster.md §6.2.
 */
import {
  type epoch_t,
  is_new_interval,
  type OSDMap,
  pg_pool,
  pg_ps,
  type pg_t,
  pool_has_flag,
  type up_acting_t,
} from "@tako/common";

/** What the caller names: an object, or a PG itself (listing). */
export type OpBase =
  | {
      readonly kind: "object";
      readonly pool: number;
      readonly oid: string;
      readonly nspace: string;
      /** Locator key; empty = the name. */
      readonly key: string;
    }
  | { readonly kind: "pg"; readonly pgid: pg_t };

export interface OpTarget {
  readonly pgid: pg_t;
  /** Placement hash of the object; the seed for a PG operation. */
  readonly hash: number;
  readonly mapping: up_acting_t;
  /** acting_primary; -1 = nobody can take it (homeless). */
  readonly osd: number;
  /** Held back by pauserd, pausewr or a full pool. */
  readonly paused: boolean;
  readonly epoch: epoch_t;
  readonly last_force_op_resend: epoch_t;
}

export interface OpKind {
  readonly reads: boolean;
  readonly writes: boolean;
  /** Wants ENOSPC from the OSD instead of waiting for space. */
  readonly ignores_full: boolean;
}

/** undefined: the pool does not exist in this map. */
export function calc_target(base: OpBase, kind: OpKind, map: OSDMap): OpTarget | undefined {
  const pool_id = base.kind === "pg" ? pg_pool(base.pgid) : base.pool;
  const pool = map.get_pg_pool(pool_id);
  if (!pool) return undefined;
  const raw = raw_pg_of(base, map);
  const pgid = raw && map.raw_pg_to_pg(raw.raw_pg);
  if (!raw || !pgid) return undefined;
  const mapping = map.pg_to_up_acting_osds(pgid);
  const full = map.test_flag("full") || pool_has_flag(pool, "full");
  const paused =
    (kind.reads && map.test_flag("pauserd")) ||
    (kind.writes && (map.test_flag("pausewr") || (full && !kind.ignores_full)));
  return {
    pgid,
    hash: raw.hash,
    mapping,
    osd: mapping.acting_primary,
    paused,
    epoch: map.epoch,
    last_force_op_resend: pool.last_force_op_resend,
  };
}

function raw_pg_of(base: OpBase, map: OSDMap): { hash: number; raw_pg: pg_t } | undefined {
  if (base.kind === "pg") return { hash: pg_ps(base.pgid), raw_pg: base.pgid };
  return map.object_locator_to_pg(base);
}

/** Must an operation in flight to `was` be sent again, now that `map` gives `is`? */
export function needs_resend(was: OpTarget, is: OpTarget, lastmap: OSDMap, map: OSDMap): boolean {
  if (was.osd !== is.osd || was.pgid !== is.pgid) return true;
  if (was.paused && !is.paused) return true;
  if (is.last_force_op_resend > was.last_force_op_resend) return true;
  return is_new_interval(was.mapping, is.mapping, lastmap, map, is.pgid);
}
