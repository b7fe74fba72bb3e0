/**
 * What the ways out that cost data would cost. They are named so that nobody finds out afterwards;
 * nothing here is a recommendation.
 */
import type { drastic_option } from "./explanation.ts";
import { osd_name } from "./words.ts";

export function lost_osd(osd: number, what: string): drastic_option {
  return { option: `declaring ${osd_name(osd)} lost (osd lost)`, would_lose: what };
}
export function ignore_history_les(what: string): drastic_option {
  return { option: "osd_find_best_info_ignore_history_les", would_lose: what };
}
export function force_create(pgid: string, num_objects: number | undefined): drastic_option {
  const all = num_objects === undefined ? "all objects" : `all ${num_objects} objects`;
  return {
    option: "creating the PG anew, empty (osd force-create-pg)",
    would_lose: `${all} of ${pgid}, on every OSD that still has or comes back with a copy`,
  };
}
export function mark_unfound_lost(n: number, mode: "revert" | "delete"): drastic_option {
  const lose =
    mode === "revert"
      ? `the newest acknowledged write to each of the ${n}: they go back to an older version, ` +
        "and those that have none are deleted"
      : `the ${n} themselves, older versions too`;
  const objects = n === 1 ? "object" : "objects";
  return { option: `mark_unfound_lost ${mode}`, would_lose: `${lose} (${n} ${objects})` };
}
export function lower_min_size(min_size: number | undefined, left: number): drastic_option {
  const from = min_size === undefined ? "" : ` from ${min_size}`;
  const copies = left === 1 ? "a single copy" : `${left} copies`;
  return {
    option: `lowering min_size${from} to ${left}`,
    would_lose:
      `the safety of new writes: they are acknowledged with ${copies} on disk, and one more ` +
      "failure loses them, or leaves the PG down or incomplete",
  };
}
