/**
 * What to do with an MOSDMap, from the range it brings and the range at hand. Pure.
 * Rules: the case table of peering.md §3.2. Ceph counterpart: OSD::handle_osd_map.
 */
import type { epoch_t } from "@tako/common";

export interface MapRange {
  /** Lowest and highest epoch in the message. */
  readonly first: epoch_t;
  readonly last: epoch_t;
  /** Oldest epoch the sender's monitor still has. */
  readonly oldest: epoch_t;
  /** Newest epoch we store; 0 = none. */
  readonly have: epoch_t;
}

export type MapPlan =
  | { readonly action: "drop" }
  /** Ask the mon for maps from `start`; the message is dropped. `again`: repeat an equal request. */
  | { readonly action: "subscribe"; readonly start: epoch_t; readonly again: boolean }
  /** Take epochs start..last. skip_maps: forget all older maps, `start` must be a full one. */
  | { readonly action: "process"; readonly start: epoch_t; readonly skip_maps: boolean };

export function plan_osd_map(r: MapRange): MapPlan {
  if (r.last <= r.have) return { action: "drop" };
  if (r.first <= r.have + 1) {
    return { action: "process", start: Math.max(r.first, r.have + 1), skip_maps: false };
  }
  if (r.oldest <= r.have + 1) return { action: "subscribe", start: r.have + 1, again: false };
  if (r.oldest < r.first) return { action: "subscribe", start: r.oldest - 1, again: true };
  return { action: "process", start: r.first, skip_maps: true };
}
