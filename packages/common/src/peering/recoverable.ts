/**
 * From which shards can the data of a PG be had, and from which can it be read now?
 * Ceph counterpart: IsPGRecoverablePredicate, IsPGReadablePredicate (src/osd/osd_types.h, ECBackend,
 * ReplicatedBackend). peering.md §6.4, §10.
 */
import type { IsPGRecoverablePredicate } from "../osdmap/intervals.ts";
import { type pg_shard_t, shard_id } from "../types/osd_types.ts";

/** Can an object be read that these shards have? */
export type IsPGReadablePredicate = (have: ReadonlySet<pg_shard_t>) => boolean;

export const replicated_recoverable: IsPGRecoverablePredicate = (have) => have.size > 0;

/** The code is MDS: any k different positions decode. Two OSDs in one position count once. */
export function ec_recoverable(k: number): IsPGRecoverablePredicate {
  return (have) => {
    if (have.size < k) return false;
    const positions = new Set<number>();
    for (const s of have) positions.add(shard_id(s));
    return positions.size >= k;
  };
}

/** `k` null: replicated. */
export function get_is_recoverable_predicate(k: number | null): IsPGRecoverablePredicate {
  return k === null ? replicated_recoverable : ec_recoverable(k);
}

/** Reads are answered by the primary: it must have the object, or its chunk of it. */
export function get_is_readable_predicate(
  k: number | null,
  whoami: pg_shard_t,
): IsPGReadablePredicate {
  const recoverable = get_is_recoverable_predicate(k);
  return (have) => have.has(whoami) && recoverable(have);
}
