/**
 * From an object's history that has no order to the few calls that show it: cut behind the answer
 * that cannot be, and without the reads that do not matter. Pure.
 */
import type { Call } from "./history.ts";
import { type Linearization, linearize } from "./linearize.ts";
import { effect_of, type ObjectState } from "./ObjectState.ts";
import { show_call, show_seen, show_text } from "./show_call.ts";

/** Searches that looking for needless reads may take. */
const ATTEMPTS = 100;
/** Calls of the order found that are shown before what does not fit. */
const BEFORE = 8;

/** The history up to and with its first `n` answers; what had begun by then is of unknown outcome. */
function cut(calls: readonly Call[], last: number): Call[] {
  return calls
    .filter((c) => c.inv <= last)
    .map((c) => (c.ret <= last ? c : { ...c, outcome: null, ret: Number.POSITIVE_INFINITY }));
}

/** Shortest beginning that has no order. Longer ones have none either, so halving finds it. */
function shortest_failing(calls: readonly Call[], budget: number): Call[] {
  const ends = calls.flatMap((c) => (c.outcome ? [c.ret] : [])).sort((a, b) => a - b);
  let lo = 0;
  let hi = ends.length - 1;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    const fails = linearize(cut(calls, ends[mid] ?? 0), budget).result === "no";
    if (fails) hi = mid;
    else lo = mid + 1;
  }
  return cut(calls, ends[hi] ?? 0);
}

/** Without reads that are not needed to see it: what is left is still wrong. */
function without_needless(calls: readonly Call[], budget: number): Call[] {
  let kept = [...calls];
  let attempts = 0;
  const removable = (c: Call) => c.kind === "read" || c.outcome?.type === "fail";
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size >> 1) {
    for (let at = 0; at < kept.length; at += size) {
      const part = new Set(kept.slice(at, at + size).filter(removable));
      if (part.size === 0 || ++attempts > ATTEMPTS) continue;
      const rest = kept.filter((c) => !part.has(c));
      if (linearize(rest, budget).result !== "no") continue;
      kept = rest;
      at -= size;
    }
  }
  return kept;
}

export function explain_violation(calls: readonly Call[], budget: number): string[] {
  const failing = shortest_failing(calls, budget);
  const kept = without_needless(failing, budget);
  const found = linearize(kept, budget);
  const placed = new Set(found.order.map((c) => c.id));
  const left = kept.filter((c) => !placed.has(c.id));
  const shown = found.order.slice(-BEFORE);
  const hidden = found.order.length - shown.length;
  return [
    `${calls.length} calls, of which these ${kept.length} have no order. The longest found:`,
    ...(hidden > 0 ? [`  (${hidden} more before)`] : []),
    ...shown.map((c) => `  ${show_call(c)}`),
    `then the object is ${show_state(found.state)}`,
    "which does not go on with any of:",
    ...left.map((c) => `  ${show_call(c)}${expected(c, found)}`),
  ];
}

function expected(c: Call, { state }: Linearization): string {
  if (c.kind !== "read" || c.outcome === null) return "";
  const e = effect_of(c, state);
  return "after" in e
    ? `   (would be ${e.seen.map(show_seen).join(", ")})`
    : "   (would be refused)";
}

function show_state(s: ObjectState): string {
  const f = s.fields;
  if (!f.exists) return "absent";
  const ver = s.exact ? `version ${s.ver}` : `some version from ${s.ver} on`;
  const more = [
    ...[...f.xattrs].map(([k, v]) => `xattr ${k}=${show_text(v)}`),
    ...[...f.omap].map(([k, v]) => `omap ${k}=${show_text(v)}`),
    ...(f.header === "" ? [] : [`header ${show_text(f.header)}`]),
  ];
  return [`${ver}, content ${show_text(f.content)}`, ...more].join(", ");
}
