/**
 * Points that are seldom passed and that tests must pass: what the simulator asks for after many seeds,
 * so that nobody takes a corner for tested that no run has been in. Counting is all that happens here.
 * Model: the "sometimes" assertions of FoundationDB's simulation (TEST, CODE_PROBE).
 */

// biome-ignore format: read as a table
export const SOMETIMES = {
  "divergent entry rolled back": "a shard undid a write that the authority does not have",
  "divergent object fetched again": "a replica had written what the authority has not, and takes the object as it was before",
  "divergent object superseded": "what the authority has is newer than the divergent write",
  "divergent object removed": "the divergent write had made the object",
  "divergent entry of a missing object": "the data had not come yet when the entry turned out divergent",
  "backfill resumed": "a target goes on from its last_backfill",
  "log trimmed past a peer": "a peer's log does not reach the primary's tail: backfill",
  "dup op answered from the log": "a resend of a write that had committed",
  "dup op waits for its commit": "a resend of a write that is on its way",
  "refusal kept in the log": "a failed write, so that its resend fails alike",
  "up_thru waited for": "the monitor had not recorded yet that the primary was alive",
  "pg_temp asked for": "others serve until the up set has caught up",
  "pg_temp withdrawn": "the up set can serve by itself again",
  "wait: an earlier primary may still serve": "a new primary does not answer yet",
  "laggy: the read lease has run out": "a primary that its members do not answer serves nobody",
  "blocked_by": "peering waits for an answer",
  "unfound": "an object of which no copy is known",
  "unfound found again": "a copy has turned up",
  "split during recovery": "a PG that missed objects was divided",
  "a stray undid writes before it became a source": "erasure-coded: what it had diverged",
  "aborted writes queued again": "an interval ended under writes in flight",
  "op waits for a degraded object": "a write to what some member lacks",
  "op waits for a missing object": "the primary lacks it itself",
  "op waits for the object's lock": "behind a write, or a read-modify-write",
  "write waits for scrub": "the object is being compared",
  "pull goes on with another holder": "the holder went away in the middle",
  "reservation taken away for another": "a slot went to a higher priority",
  "map gap": "an OSD was away for longer than maps are kept",
  "copy found damaged": "what was read does not match its checksum",
} as const satisfies Readonly<Record<string, string>>;

export type SometimesPoint = keyof typeof SOMETIMES;

const passed = new Map<SometimesPoint, number>();

/** This point was passed. */
export function sometimes(point: SometimesPoint): void {
  passed.set(point, (passed.get(point) ?? 0) + 1);
}
/** How often each point was passed in this process; what is absent never was. */
export function sometimes_counts(): ReadonlyMap<SometimesPoint, number> {
  return passed;
}
