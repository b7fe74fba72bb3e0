/**
 * State bits of a PG and the text that operators see. Ceph counterpart: PG_STATE_*,
 * pg_state_string (src/osd/osd_types). Order of the names: cluster.md §3.17.
 */
import { sort_few } from "./sorted.ts";

/** In the order in which they are printed. `stale` is the mon's and not here. */
export const PG_STATES = [
  "creating",
  "active",
  "activating",
  "clean",
  "recovery_wait",
  "recovery_toofull",
  "recovering",
  "forced_recovery",
  "down",
  "recovery_unfound",
  "backfill_unfound",
  "undersized",
  "degraded",
  "remapped",
  "premerge",
  "scrubbing",
  "deep",
  "inconsistent",
  "peering",
  "repair",
  "backfill_wait",
  "backfilling",
  "forced_backfill",
  "backfill_toofull",
  "incomplete",
  "peered",
  "snaptrim",
  "snaptrim_wait",
  "snaptrim_error",
  "failed_repair",
  "laggy",
  "wait",
] as const;
export type pg_state_t = (typeof PG_STATES)[number];

const ORDER: ReadonlyMap<pg_state_t, number> = new Map(PG_STATES.map((s, i) => [s, i]));

/** `active+undersized+degraded`; `unknown` without any bit. */
export function state_string(bits: ReadonlySet<pg_state_t>): string {
  // A PG has two or three of the thirty.
  const at = (s: pg_state_t) => ORDER.get(s) ?? -1;
  return sort_few([...bits], (a, b) => at(a) - at(b)).join("+") || "unknown";
}
