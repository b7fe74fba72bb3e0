/**
 * Makes an empty store a cluster: epoch 1, its fsid, and nothing else.
 * Ceph counterpart: `ceph-mon --mkfs`, OSDMonitor::create_initial. cluster.md §4.4 (bootstrapping).
 */
import type { Config } from "@tako/common";
import type { ApplyOutcome, MonitorDBStore } from "../store/MonitorDBStore.ts";

export interface MkfsOptions {
  /** Lower-case UUID. */
  readonly fsid: string;
  /** Wall clock: `created` of the map. */
  readonly now_ms: number;
  readonly config: Config;
}

/** True when `store` holds a cluster. */
export function is_mkfs_done(store: MonitorDBStore): boolean {
  return store.get("mon", "fsid") !== undefined;
}

/** The fsid of the cluster in `store`, or undefined when there is none yet. */
export function read_fsid(store: MonitorDBStore): string | undefined {
  const v = store.get("mon", "fsid");
  return v && new TextDecoder().decode(v);
}

export function mkfs(
  store: MonitorDBStore,
  options: MkfsOptions,
  on_done: (outcome: ApplyOutcome) => void,
): void {
  void [store, options, on_done];
}
