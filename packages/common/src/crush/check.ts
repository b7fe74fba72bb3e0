/**
 * What the mapper relies on: every item is there, every search ends. A map from outside is used
 * only when this finds nothing.
 */
import type { crush_map } from "./types.ts";

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
  return find_bad_shape(m);
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
