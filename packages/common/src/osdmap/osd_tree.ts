/**
 * The tree of `ceph osd tree`: CRUSH's, with what the map says of each OSD; and CRUSH's alone.
 * Ceph counterpart: OSDMap::print_tree, OSDTreeFormattingDumper, CrushTreeDumper. cluster.md §7.2.
 */
import { crush_tree_items, tree_children } from "../crush/CrushTreeDumper.ts";
import { usable_choose_args } from "../crush/choose_args.ts";
import type { OSDMap } from "./OSDMap.ts";

export interface osd_tree_node {
  readonly id: number;
  readonly device_class?: string;
  readonly name: string;
  readonly type: string;
  readonly type_id: number;
  /** OSDs only, as the other optional ones. */
  readonly crush_weight?: number;
  readonly depth?: number;
  /** Not at the root: weights of choose_args sets, by pool. */
  readonly pool_weights?: Readonly<Record<string, readonly number[]>>;
  readonly exists?: 0 | 1;
  readonly status?: "up" | "down" | "destroyed";
  readonly reweight?: number;
  readonly primary_affinity?: number;
  /** Buckets only: in the reverse of the order in which the nodes follow. */
  readonly children?: readonly number[];
}
export interface osd_tree {
  readonly nodes: readonly osd_tree_node[];
  /** OSDs that exist but are nowhere in CRUSH. */
  readonly stray: readonly osd_tree_node[];
}

/** Of the OSDs only those that `keep` takes, and of the buckets those that still have one below. */
export function osd_tree_dump(m: OSDMap, keep?: (o: number) => boolean): osd_tree {
  const seen = new Set<number>();
  const nodes = m.crush.find_nonshadow_roots().flatMap((root) => subtree(m, root, keep, seen));
  const stray = m.get_all_osds().filter((o) => !seen.has(o) && (!keep || keep(o)));
  return { nodes, stray: stray.map((o) => make_node(m, o, undefined, 0)) };
}

/** The nodes of the tree below a bucket, and it itself. */
export function osd_subtree_dump(
  m: OSDMap,
  root: number,
  keep?: (o: number) => boolean,
): osd_tree_node[] {
  return subtree(m, root, keep, new Set());
}

function subtree(
  m: OSDMap,
  root: number,
  keep: ((o: number) => boolean) | undefined,
  seen: Set<number>,
): osd_tree_node[] {
  const visit = (id: number, parent: number | undefined, depth: number): osd_tree_node[] => {
    seen.add(id);
    const below = tree_children(m.crush, id).flatMap((c) => visit(c, id, depth + 1));
    if (keep && (id >= 0 ? !keep(id) : below.length === 0)) return [];
    const node = make_node(m, id, parent, depth);
    if (!keep || !node.children) return [node, ...below];
    const kept = new Set(below.map((n) => n.id));
    return [{ ...node, children: node.children.filter((c) => kept.has(c)) }, ...below];
  };
  return visit(root, undefined, 0);
}

/**
 * The tree of `osd crush tree`; with `shadow`, those of the device classes come with it. Stray are
 * devices that have a name or class in CRUSH but no place.
 */
export function crush_tree_dump(m: CrushOfMap, shadow: boolean): osd_tree {
  const { crush } = m;
  const items = [...crush_tree_items(crush, { show_shadow: shadow })];
  const seen = new Set(items.map((i) => i.id));
  const named = Array.from({ length: crush.get_max_devices() }, (_, o) => o);
  const stray = named.filter((o) => crush.item_exists(o) && !seen.has(o));
  return {
    nodes: items.map((i) => make_crush_node(m, i.id, i.parent, i.depth)),
    stray: stray.map((o) => make_crush_node(m, o, undefined, 0)),
  };
}
/** A CRUSH map, and what the pools are called that its weight sets are for. */
type CrushOfMap = Pick<OSDMap, "crush" | "get_pool_name">;

function make_node(
  m: OSDMap,
  id: number,
  parent: number | undefined,
  depth: number,
): osd_tree_node {
  const node = make_crush_node(m, id, parent, depth);
  if (id < 0) return node;
  return {
    ...node,
    exists: m.exists(id) ? 1 : 0,
    status: osd_status(m, id),
    reweight: m.get_weightf(id),
    primary_affinity: m.get_primary_affinityf(id),
  };
}

function make_crush_node(
  m: CrushOfMap,
  id: number,
  parent: number | undefined,
  depth: number,
): osd_tree_node {
  const crush = m.crush;
  const device_class = crush.get_item_class(id);
  const type_id = crush.get_item_type(id);
  const head = {
    id,
    ...(device_class === undefined ? {} : { device_class }),
    name: id >= 0 ? `osd.${id}` : (crush.get_item_name(id) ?? ""),
    type: crush.get_type_name(type_id) ?? "",
    type_id,
  };
  const weights = parent === undefined ? {} : { pool_weights: pool_weights(m, id, parent) };
  if (id < 0) return { ...head, ...weights, children: tree_children(crush, id).reverse() };
  const b = crush.get_bucket(parent ?? 0);
  const crush_weight = weightf(b?.item_weights[b.items.indexOf(id)]);
  return { ...head, crush_weight, depth, ...weights };
}

/** The plain table prints DNE for what does not exist; JSON has `exists` for that. */
export function osd_status(m: OSDMap, o: number): "up" | "down" | "destroyed" {
  if (m.is_up(o)) return "up";
  return m.is_destroyed(o) ? "destroyed" : "down";
}

/** A 16.16 weight as the float of 24 bits that is shown. */
function weightf(w = 0): number {
  return Math.fround(w) / 0x10000;
}

function pool_weights(m: CrushOfMap, id: number, parent: number): Record<string, number[]> {
  const pos = m.crush.get_bucket(parent)?.items.indexOf(id) ?? -1;
  const out: [string, number[]][] = [];
  for (const [set, args] of [...usable_choose_args(m.crush.map)].sort(([a], [b]) => a - b)) {
    const weight_set = args.get(parent)?.weight_set ?? [];
    if (weight_set.length === 0) continue;
    const name = set < 0 ? "(compat)" : (m.get_pool_name(set) ?? String(set));
    out.push([name, weight_set.map((ws) => weightf(ws[pos]))]);
  }
  return Object.fromEntries(out);
}
