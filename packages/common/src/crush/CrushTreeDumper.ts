/**
 * The hierarchy in the order in which Ceph shows it: roots by id, below each its items by class,
 * then by name or number. Ceph counterpart: src/crush/CrushTreeDumper.h.
 */
import type { CrushWrapper } from "./CrushWrapper.ts";

export interface crush_tree_item {
  readonly id: number;
  /** undefined for a root. */
  readonly parent: number | undefined;
  readonly depth: number;
  /** 16.16: in the bucket that holds it, a root's own. */
  readonly weight: number;
}

/** Items of a bucket as they are shown: by class, then by name or number. */
export function tree_children(crush: CrushWrapper, bucket: number): number[] {
  const key = (id: number) => {
    if (id < 0) return `_${crush.get_item_name(id) ?? ""}`;
    return `${crush.get_item_class(id) ?? ""}_osd.${String(id).padStart(8, "0")}`;
  };
  const items = (crush.get_bucket(bucket)?.items ?? []).map((id) => ({ id, key: key(id) }));
  return items.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map((i) => i.id);
}

/** Every place in the hierarchy. An item that is linked comes as often as it is held. */
export function* crush_tree_items(
  crush: CrushWrapper,
  options: { readonly show_shadow?: boolean } = {},
): Generator<crush_tree_item> {
  const roots = options.show_shadow ? crush.find_roots() : crush.find_nonshadow_roots();
  const todo: crush_tree_item[] = roots
    .map((id) => ({
      id,
      parent: undefined,
      depth: 0,
      weight: crush.get_bucket(id)?.weight ?? 0,
    }))
    .reverse();
  for (let item = todo.pop(); item; item = todo.pop()) {
    yield item;
    const { id, depth } = item;
    const b = crush.get_bucket(id);
    if (!b) continue;
    for (const child of tree_children(crush, id).reverse()) {
      const weight = b.item_weights[b.items.indexOf(child)] ?? 0;
      todo.push({ id: child, parent: id, depth: depth + 1, weight });
    }
  }
}
