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
  const n = num_objects ?? 0;
  const all = n === 0 ? "all objects" : n === 1 ? "the object" : `all ${n} objects`;
  return {
    option: "creating the PG anew, empty (osd force-create-pg)",
    would_lose: `${all} of ${pgid}, on every OSD that still has or comes back with a copy`,
  };
}
export function mark_unfound_lost(n: number, mode: "revert" | "delete"): drastic_option {
  const which = n === 1 ? "the object" : `each of the ${n} objects`;
  const would_lose =
    mode === "revert"
      ? `the newest acknowledged writes to ${which}: it goes back to an older version, or is deleted ` +
        "where there is none"
      : `${n === 1 ? "the object" : `the ${n} objects`} altogether, older versions too`;
  return { option: `mark_unfound_lost ${mode}`, would_lose };
}
export function lower_min_size(
  min_size: number | undefined,
  left: number,
  erasure: boolean,
): drastic_option {
  const from = min_size === undefined ? "" : ` from ${min_size}`;
  const copies = erasure ? `${left} shards` : left === 1 ? "a single copy" : `${left} copies`;
  return {
    option: `lowering min_size${from} to ${left}`,
    would_lose:
      `the safety of new writes: they are acknowledged with ${copies} on disk, and one more ` +
      "failure loses them, or leaves the PG down or incomplete",
  };
}
