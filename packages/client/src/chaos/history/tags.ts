/**
 * Tags: every payload of the workload begins with one of its own, `[c1.17]`, in brackets that stand
 * nowhere else, so that one can tell in what is read who has written it. Pure.
 */
import type { Call, Step } from "./history.ts";

const TAG = /\[[\w.]+\]/g;

export function tags_in(text: string): readonly string[] {
  return text.match(TAG) ?? [];
}

/** All that a call would leave in the object. */
export function tags_written(call: Pick<Call, "steps">): string[] {
  return call.steps.flatMap((s) => payloads(s).flatMap((p) => [...tags_in(p)]));
}
function payloads(s: Step): readonly string[] {
  switch (s.op) {
    case "append":
    case "writefull":
    case "write":
    case "omap-set-header":
      return [s.data];
    case "setxattr":
      return [s.value];
    case "omap-set-vals":
      return s.vals.map(([, v]) => v);
    default:
      return [];
  }
}

/** All that a read has shown. */
export function tags_seen(call: Pick<Call, "kind" | "outcome">): string[] {
  if (call.kind !== "read" || call.outcome?.type !== "ok") return [];
  return call.outcome.seen.flatMap((s) => (typeof s === "string" ? [...tags_in(s)] : []));
}
