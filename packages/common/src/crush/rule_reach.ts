/** What a rule's steps choose from. Ceph counterpart: CrushTester::get_maximum_affected_by_rule. */
import type { CrushWrapper } from "./CrushWrapper.ts";
import { encoding_of } from "./encoding.ts";
import { CRUSH_RULE_OPS, type crush_rule, type crush_rule_step } from "./types.ts";

/** All but take and emit; set steps count as the original counts them. */
export function choose_steps(rule: crush_rule): crush_rule_step[] {
  const { choose_firstn, emit } = CRUSH_RULE_OPS;
  return rule.steps.filter((s) => s.op >= choose_firstn && s.op !== emit);
}

/** In how many places a rule can put copies: as many as there are buckets of the type it spreads over. */
export function get_maximum_affected_by_rule(c: CrushWrapper, rule: crush_rule): number {
  const steps = choose_steps(rule);
  let max = Math.max(encoding_of(c.map).max_buckets, c.get_max_devices());
  for (const type of new Set(steps.map((s) => s.arg2))) {
    const of_type = steps.filter((s) => s.arg2 === type);
    // A type that is chosen from twice counts twice; the last step says how many are wanted.
    const buckets = [...c.map.buckets.values()].filter((b) => b.type === type).length;
    const there = buckets * of_type.length;
    const wanted = of_type.at(-1)?.arg1 ?? 0;
    const usable = wanted > 0 && wanted < there ? wanted : there;
    if (usable > 0) max = Math.min(max, usable);
  }
  return max;
}
