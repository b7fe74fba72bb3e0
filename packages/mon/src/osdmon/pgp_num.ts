/**
 * After a split the children still lie where their parents do: pgp_num follows pgp_num_target in
 * steps, each no larger than what may be misplaced at a time.
 * Ceph counterpart: DaemonServer::adjust_pgs (src/mgr), without decreases. cluster.md §3.12.
 */
import type { object_stat_sum_t } from "@tako/common";
import { edit_pool, pending_pool, type View } from "./pending.ts";

/** What is known of a pool's PGs. */
export interface PoolUsage {
  readonly sum: Readonly<object_stat_sum_t>;
  /** PGs by state: `active+clean` -> 7. */
  readonly states: () => readonly (readonly [state: string, pgs: number])[];
}

/** On tick. Waits while PGs of the pool are not active, and while too many copies are misplaced. */
export function raise_pgp_num(v: View, usage: (pool: number) => PoolUsage): void {
  const max_misplaced = v.config.get("target_max_misplaced_ratio");
  for (const id of v.osdmap.pool_ids()) {
    const p = pending_pool(v, id);
    if (!p || p.pgp_num >= p.pgp_num_target || p.pgp_num >= p.pg_num) continue;
    const { states, sum } = usage(id);
    const active = states().filter(([s]) => s.split("+").includes("active"));
    if (active.reduce((n, [, pgs]) => n + pgs, 0) < p.pg_num) continue;
    const copies = Math.max(1, sum.num_object_copies);
    const room = max_misplaced - sum.num_objects_misplaced / copies;
    if (room <= 0) continue;
    const step = Math.max(1, Math.floor(p.pg_num * room));
    const pgp_num = Math.min(p.pgp_num + step, p.pgp_num_target, p.pg_num);
    edit_pool(v, id, { pgp_num });
  }
}
