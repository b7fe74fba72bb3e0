/** Among how many places a pool's rule can choose: for PGs that CRUSH leaves short. */
import type { Doc } from "./Doc.ts";
import type { PGCase } from "./PGCase.ts";

export interface failure_domain_t {
  readonly rule: string;
  /** host, rack, osd */
  readonly type: string;
  /** Of these that have weight and an OSD that is up and in. */
  readonly usable: number;
}

/** From the JSON of `osd crush dump`; undefined when it is not there, or the rule is not so simple. */
export function failure_domain(c: PGCase): failure_domain_t | undefined {
  const { crush } = c.cluster;
  const id = c.pool?.crush_rule;
  if (!crush || !c.map || id === undefined) return undefined;
  const rule = crush
    .at("rules")
    .items()
    .find((r) => r.at("rule_id").num() === id);
  const steps = rule?.at("steps").items() ?? [];
  const takes = steps.filter((s) => s.at("op").str() === "take");
  const chooses = steps.filter((s) => s.at("op").str()?.startsWith("choose"));
  const [take, choose] = [takes[0], chooses[0]];
  if (!take || !choose || takes.length > 1 || chooses.length > 1) return undefined;
  const type = choose.at("type").str();
  const root = take.at("item").num();
  if (type === undefined || root === undefined) return undefined;
  const up = new Set(c.map.up_and_in.map((o) => o.osd));
  const buckets = new Map(
    crush
      .at("buckets")
      .items()
      .map((b) => [b.at("id").num() ?? 0, b]),
  );
  const usable = count_usable(root, type, buckets, up);
  return { rule: rule?.at("rule_name").str() ?? String(id), type, usable };
}

function count_usable(
  root: number,
  type: string,
  buckets: ReadonlyMap<number, Doc>,
  up: ReadonlySet<number>,
): number {
  const has_up = (id: number, depth: number): boolean => {
    if (id >= 0) return up.has(id);
    return depth > 0 && children(id).some((i) => has_up(i, depth - 1));
  };
  const children = (id: number): number[] =>
    buckets
      .get(id)
      ?.at("items")
      .items()
      // Nothing is placed on what has no weight.
      .flatMap((i) => ((i.at("weight").num() ?? 1) > 0 ? (i.at("id").num() ?? []) : [])) ?? [];
  const count = (id: number, depth: number): number => {
    const own = id >= 0 ? "osd" : buckets.get(id)?.at("type_name").str();
    if (own === type) return has_up(id, depth) ? 1 : 0;
    if (id >= 0 || depth === 0) return 0;
    return children(id).reduce((n, i) => n + count(i, depth - 1), 0);
  };
  // A hierarchy is not deeper; a broken file may be a circle.
  return count(root, 20);
}
