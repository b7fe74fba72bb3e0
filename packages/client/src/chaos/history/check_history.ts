/**
 * check_history: holds a recorded history against what a store may do: per object, linearizability
 * (linearize.ts); besides, cheap rules that name the commonest ways to be wrong (history_rules.ts).
 * Pure, no simulator: the history may come from real processes.
 */
import { explain_violation } from "./explain_violation.ts";
import { type Call, calls_of, type HistoryEvent } from "./history.ts";
import { check_rules } from "./history_rules.ts";
import { linearize } from "./linearize.ts";

export interface Violation {
  /** `pool/oid` */
  readonly object: string;
  /** Which rule: "not linearizable", "applied twice", ... */
  readonly rule: string;
  /** What happened, readable: the calls that matter. */
  readonly lines: readonly string[];
}
export interface Verdict {
  /** "unknown": nothing wrong found, but not everything could be decided. */
  readonly result: "ok" | "violation" | "unknown";
  readonly calls: number;
  readonly objects: number;
  /** Calls of unknown outcome. */
  readonly unknown_outcomes: number;
  readonly violations: readonly Violation[];
  /** Objects whose search was given up. */
  readonly undecided: readonly string[];
}
export interface CheckOptions {
  /** Steps of the search for one object; default 200,000. */
  readonly budget?: number;
}

const BUDGET = 200_000;

export function check_history(
  events: readonly HistoryEvent[],
  { budget = BUDGET }: CheckOptions = {},
): Verdict {
  const calls = calls_of(events);
  const objects = by_object(calls.filter((c) => c.kind !== "list"));
  const violations: Violation[] = first_of_each(check_rules(calls, objects));
  const undecided: string[] = [];
  for (const [object, own] of objects) {
    const { result } = linearize(own, budget);
    if (result === "unknown") undecided.push(object);
    if (result !== "no") continue;
    // What a rule has named needs no other proof.
    const named = violations.some((v) => v.object === object);
    const lines = named ? [] : explain_violation(own, budget / 10);
    violations.push({ object, rule: "not linearizable", lines });
  }
  return {
    result: violations.length > 0 ? "violation" : undecided.length > 0 ? "unknown" : "ok",
    calls: calls.length,
    objects: objects.size,
    unknown_outcomes: calls.filter((c) => c.outcome === null).length,
    violations,
    undecided,
  };
}

/** One violation of a rule is as good as many. */
function first_of_each(found: readonly Violation[]): Violation[] {
  return found.filter((v, i) => {
    return i === found.findIndex((x) => x.object === v.object && x.rule === v.rule);
  });
}

/** Calls of each object, objects in order of their names. */
function by_object(calls: readonly Call[]): Map<string, Call[]> {
  const out = new Map<string, Call[]>();
  for (const c of calls) {
    const own = out.get(c.object);
    if (own) own.push(c);
    else out.set(c.object, [c]);
  }
  return new Map([...out].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** All violations as text, for people; the first line says the most. */
export function render_verdict(v: Verdict): string {
  const [first] = v.violations;
  const more = v.violations.length > 1 ? `, and ${v.violations.length - 1} more` : "";
  const head = first
    ? `no store can have said this: ${first.object}: ${first.rule}${more}`
    : v.result;
  const about = `${v.calls} calls on ${v.objects} objects, ${v.unknown_outcomes} of unknown outcome`;
  const parts = v.violations.map((x) => [`${x.object}: ${x.rule}`, ...indent(x.lines)].join("\n"));
  const open = v.undecided.map((o) => `${o}: undecided`);
  return [head, about, ...parts, ...open].join("\n");
}
function indent(lines: readonly string[]): string[] {
  return lines.map((l) => `  ${l}`);
}
