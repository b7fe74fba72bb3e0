/**
 * RecoveryOps: objects on their way between members: pulls, pushes, deletions of one interval.
 * Ceph counterpart: PrimaryLogPG::recovering, ReplicatedBackend::{pulling, pushing}. peering.md §7.2.
 */
import type { eversion_t, hobject_t, pg_shard_t, RecoveryProgress } from "@tako/common";
import type { ObjectContext } from "./ObjectContext.ts";

export interface PullInfo {
  readonly from: pg_shard_t;
  readonly need: eversion_t;
  /** What `from` has of it: older than `need` when the newer was given up as lost. */
  readonly version: eversion_t;
  readonly progress: RecoveryProgress;
}
export interface PushInfo {
  readonly version: eversion_t;
  /** What the peer will have once it has confirmed the chunk in flight. */
  readonly progress: RecoveryProgress;
}
export interface DeleteInfo {
  readonly version: eversion_t;
  readonly waiting_for: Set<pg_shard_t>;
}

export class RecoveryOps {
  /** From the first step to on_global_recover; with the context whose recovery read lock is held. */
  readonly recovering = new Map<hobject_t, ObjectContext | null>();
  readonly pulling = new Map<hobject_t, PullInfo>();
  /** Pulls that nobody could go on with: what has come of them is kept until the interval ends. */
  readonly partial = new Map<hobject_t, Pick<PullInfo, "version" | "progress">>();
  readonly pushing = new Map<hobject_t, Map<pg_shard_t, PushInfo>>();
  readonly deleting = new Map<hobject_t, DeleteInfo>();
  /** Objects that could not be read for a push because of writes in flight. */
  readonly blocked_by_writes = new Set<hobject_t>();
  /** Operations that the OSD counts. */
  ops_active = 0;
  /** Objects recovered in this interval: for the progress line. */
  num_recovered = 0;

  clear(): void {
    this.recovering.clear();
    this.pulling.clear();
    this.partial.clear();
    this.pushing.clear();
    this.deleting.clear();
    this.blocked_by_writes.clear();
    this.ops_active = 0;
    this.num_recovered = 0;
  }
}

export const START: RecoveryProgress = Object.freeze({
  first: true,
  data_recovered_to: 0,
  data_complete: false,
  omap_recovered_to: "",
  omap_complete: false,
});

export function is_complete(p: RecoveryProgress): boolean {
  return p.data_complete && p.omap_complete;
}
