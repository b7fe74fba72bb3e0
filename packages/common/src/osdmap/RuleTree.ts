/**
 * What lies below the buckets that a CRUSH rule takes: which ancestor of a type an item has there,
 * and each device's share of the weight. Computed when first asked for, then remembered.
 * Ceph counterpart: CrushWrapper::get_parent_of_type, get_rule_weight_osd_map.
 */
import type { CrushWrapper } from "../crush/CrushWrapper.ts";
import { CRUSH_RULE_OPS, type crush_rule } from "../crush/types.ts";

const f32 = Math.fround;

/** What a rule takes from, and how much of it each device is. */
export class RuleTree {
  readonly crush: CrushWrapper;
  readonly rule: crush_rule;
  readonly #parents = new Map<number, ReadonlyMap<number, number>>();
  readonly #below = new Map<number, ReadonlySet<number>>();
  #weights: ReadonlyMap<number, number> | undefined;

  constructor(crush: CrushWrapper, rule: crush_rule) {
    this.crush = crush;
    this.rule = rule;
  }

  /** undefined: it has none, or is not below what the rule takes. Of several, the first one met. */
  parent_of_type(item: number, type: number): number | undefined {
    let of_type = this.#parents.get(type);
    if (!of_type) {
      of_type = this.#find_parents(type);
      this.#parents.set(type, of_type);
    }
    return of_type.get(item);
  }

  /** Is `item` in the subtree of `root`, or `root` itself? */
  contains(root: number, item: number): boolean {
    let below = this.#below.get(root);
    if (!below) {
      const found = new Set<number>();
      this.#walk(root, (i) => void found.add(i));
      below = found;
      this.#below.set(root, below);
    }
    return below.has(item);
  }

  /** Each device's share of the weight below what a step takes, summed over the steps. */
  weights(): ReadonlyMap<number, number> {
    this.#weights ??= this.#add_up_weights();
    return this.#weights;
  }

  #find_parents(type: number): ReadonlyMap<number, number> {
    const out = new Map<number, number>();
    const take = (parent: number) =>
      this.#walk(parent, (item) => {
        if (!out.has(item)) out.set(item, parent);
      });
    const look = (id: number) => {
      const at = id >= 0 ? 0 : this.crush.get_bucket(id)?.type;
      if (at === type) take(id);
      else if (at !== undefined && at > type) {
        for (const item of this.crush.get_bucket(id)?.items ?? []) look(item);
      }
    };
    for (const root of this.crush.find_takes_by_rule(this.rule.id)) look(root);
    return out;
  }

  #walk(id: number, each: (item: number) => void): void {
    each(id);
    for (const item of this.crush.get_bucket(id)?.items ?? []) this.#walk(item, each);
  }

  // Sums in the order and with the precision of Ceph: what is even to it has to be even here.
  #add_up_weights(): ReadonlyMap<number, number> {
    const out = new Map<number, number>();
    for (const s of this.rule.steps) {
      if (s.op !== CRUSH_RULE_OPS.take) continue;
      const below = new Map<number, number>();
      const sum = s.arg1 >= 0 ? 1 : this.#weigh_below(s.arg1, below);
      if (s.arg1 >= 0) below.set(s.arg1, 1);
      for (const [osd, w] of below) out.set(osd, f32((out.get(osd) ?? 0) + f32(w / sum)));
    }
    return new Map([...out].sort(([a], [b]) => a - b));
  }
  #weigh_below(root: number, out: Map<number, number>): number {
    let sum = 0;
    const queue = [root];
    for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
      const b = this.crush.get_bucket(id);
      b?.items.forEach((item, i) => {
        if (item < 0) {
          queue.push(item);
          return;
        }
        const w = f32(b.item_weights[i] ?? 0);
        out.set(item, w);
        sum = f32(sum + w);
      });
    }
    return sum;
  }
}
