/**
 * What the mapper relies on: every item is there, every search ends. A map from outside is used
 * only when this finds nothing.
 */
import { CRUSH_RULE_OPS, type crush_map, type crush_rule } from "./types.ts";

/** Nobody has use for more; a damaged number would have the mapper search for years. */
export const MAX_TRIES = 10_000;
/** A pool's size is one byte. */
export const MAX_NUM_REP = 256;

export interface crush_fault {
  readonly what: string;
  /** The bucket that has it. */
  readonly bucket?: number;
}

export function find_crush_fault(m: crush_map): crush_fault | undefined {
  for (const [id, b] of m.buckets) {
    const at = (what: string) => ({ bucket: id, what: `bucket ${id}${what}` });
    if (b.id !== id) return at(` says it is ${b.id}`);
    if (b.type === 0) return at(" has the type of a device");
    if (b.items.length !== b.item_weights.length) return at(": weights do not match items");
    for (const i of b.items) {
      if (i < 0 ? !m.buckets.has(i) : i >= m.max_devices) return at(`: no item ${i}`);
    }
  }
  for (const [id, r] of m.rules) {
    if (r.id !== id) return { what: `rule ${id} says it is ${r.id}` };
    const what = find_rule_fault(r);
    if (what) return { what };
  }
  for (const set of m.choose_args.values()) {
    for (const [id, arg] of set) {
      const n = m.buckets.get(id)?.items.length ?? -1;
      const fits = (l: readonly number[]) => l.length === n;
      if (
        arg.bucket_id !== id ||
        !arg.weight_set.every(fits) ||
        (arg.ids.length > 0 && !fits(arg.ids))
      ) {
        return { bucket: id, what: `choose_args of bucket ${id}` };
      }
    }
  }
  const t = m.tunables;
  for (const key of TRIES) {
    if (t[key] > MAX_TRIES) return { what: `${key} ${t[key]} is above ${MAX_TRIES}` };
  }
  return find_bad_shape(m);
}

const TRIES = ["choose_local_tries", "choose_local_fallback_tries", "choose_total_tries"] as const;

function find_rule_fault(r: crush_rule): string | undefined {
  for (const s of r.steps) {
    const at = (what: string) => `rule ${r.id}: ${what}`;
    switch (s.op) {
      case CRUSH_RULE_OPS.choose_firstn:
      case CRUSH_RULE_OPS.choose_indep:
      case CRUSH_RULE_OPS.chooseleaf_firstn:
      case CRUSH_RULE_OPS.chooseleaf_indep:
        if (Math.abs(s.arg1) > MAX_NUM_REP) return at(`chooses ${s.arg1} items`);
        break;
      case CRUSH_RULE_OPS.set_choose_tries:
      case CRUSH_RULE_OPS.set_chooseleaf_tries:
      case CRUSH_RULE_OPS.set_choose_local_tries:
      case CRUSH_RULE_OPS.set_choose_local_fallback_tries:
        if (s.arg1 > MAX_TRIES) return at(`${s.arg1} tries are above ${MAX_TRIES}`);
        break;
    }
  }
  return undefined;
}

/** Deeper trees than this are nobody's data centre; walks over the tree may recurse. */
const MAX_DEPTH = 100;

function find_bad_shape(m: crush_map): crush_fault | undefined {
  /** Levels below a bucket whose tree is fine; 0 while we are on the way down from it. */
  const depth = new Map<number, number>();
  for (const root of m.buckets.keys()) {
    const stack = [root];
    while (stack.length > 0) {
      const id = stack.at(-1) ?? 0;
      const items = m.buckets.get(id)?.items ?? [];
      if (depth.has(id)) {
        const levels = items.reduce((max, i) => Math.max(max, depth.get(i) ?? 0), 0) + 1;
        if (levels > MAX_DEPTH) return { bucket: id, what: `${levels} levels below bucket ${id}` };
        depth.set(id, levels);
        stack.pop();
        continue;
      }
      depth.set(id, 0);
      for (const i of items) {
        if (depth.get(i) === 0) return { bucket: i, what: `bucket ${i} contains itself` };
        if (i < 0 && !depth.has(i)) stack.push(i);
      }
    }
  }
  return undefined;
}
