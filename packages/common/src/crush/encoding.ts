/** How the binary map of today is laid out, beside its content. Ceph counterpart: builder.c. */
import type { crush_encoding, crush_map } from "./types.ts";

/** Those after the names: see SECTIONS in binary.ts. */
export const LATER_SECTIONS = 8;

/** How a map is or would be written. */
export function encoding_of(m: crush_map): crush_encoding {
  return m.encoding ?? written_today(m);
}

/** With as much room for buckets and rules as there was `before`, or as is needed. */
export function written_today(
  m: Pick<crush_map, "buckets" | "rules">,
  before?: crush_encoding,
): crush_encoding {
  return {
    max_buckets: bucket_slots(m.buckets, before?.max_buckets ?? 0),
    max_rules: [...m.rules.keys()].reduce((n, id) => Math.max(n, id + 1), before?.max_rules ?? 0),
    sections: LATER_SECTIONS,
    stale_rule_names: before?.stale_rule_names ?? new Map(),
  };
}

/** Buckets have slots in an array that starts with 8 and doubles. */
function bucket_slots(buckets: crush_map["buckets"], before: number): number {
  const needed = [...buckets.keys()].reduce((n, id) => Math.max(n, -id), 0);
  let n = needed === 0 ? before : before || 8;
  while (n < needed) n *= 2;
  return n;
}
