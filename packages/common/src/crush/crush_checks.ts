/**
 * What `crushtool --check` looks for beside faults: rules that answer for the same pools, items
 * that a tree could not be printed with.
 * Ceph counterpart: CrushTester::check_overlapped_rules, check_name_maps.
 */

import { crush_tree_items } from "./CrushTreeDumper.ts";
import type { CrushWrapper } from "./CrushWrapper.ts";
import type { crush_rule } from "./types.ts";

export interface overlap {
  readonly ruleset: number;
  /** Rules that share the ruleset, the type and some sizes. */
  readonly names: readonly string[];
}

/** Rules of one ruleset and type whose ranges of sizes overlap: `crushtool --check`. */
export function overlapped_rules(c: CrushWrapper): overlap[] {
  const groups = new Map<string, crush_rule[]>();
  for (const rule of c.map.rules.values()) {
    const key = `${rule.ruleset ?? rule.id} ${rule.type}`;
    groups.set(key, [...(groups.get(key) ?? []), rule]);
  }
  const sorted = [...groups.values()].sort((a, b) => key_of(a) - key_of(b));
  return sorted.flatMap((rules) => {
    const ruleset = rules[0]?.ruleset ?? rules[0]?.id ?? 0;
    return shared_sizes(rules).map((names) => ({ ruleset, names }));
  });
}
function key_of([first]: readonly crush_rule[]): number {
  return first ? (first.ruleset ?? first.id) * 0x100 + first.type : 0;
}

/** For each stretch of sizes that several rules are for, their names. */
function shared_sizes(rules: readonly crush_rule[]): string[][] {
  const found: string[][] = [];
  let last = "";
  const max = Math.max(...rules.map((r) => r.max_size));
  for (let size = Math.min(...rules.map((r) => r.min_size)); size <= max; size++) {
    const here = rules.filter((r) => r.min_size <= size && size <= r.max_size);
    const names = [...new Set(here.map((r) => r.name))].sort();
    const text = names.join(" ");
    if (names.length > 1 && text !== last) found.push(names);
    last = text;
  }
  return found;
}

export interface name_fault {
  readonly what: string;
  readonly item: number;
}

/** The first item, in the order of the tree, without a name or type, or of `max_id` and above. */
export function crush_name_fault(c: CrushWrapper, max_id: number): name_fault | undefined {
  for (const { id } of crush_tree_items(c)) {
    const what = item_fault(c, id, max_id);
    if (what !== undefined) return { what, item: id };
  }
  // Trees show OSDs that are nowhere in the map, too.
  const what = item_fault(c, 0, max_id);
  return what === undefined ? undefined : { what, item: 0 };
}
function item_fault(c: CrushWrapper, id: number, max_id: number): string | undefined {
  if (id < 0 && c.get_item_name(id) === undefined) return "unknown item name";
  if (id >= 0 && max_id > 0 && id >= max_id) return "item id too large";
  return c.get_type_name(c.get_item_type(id)) === undefined ? "unknown type name" : undefined;
}
