/** `osd tree` and `osd crush tree` as text. Ceph counterpart: OSDTreePlainDumper, CrushTreeDumper. */
import { Fields } from "./Fields.ts";
import { format_weight } from "./format.ts";
import { left, num, table } from "./table.ts";

const INDENT = "    ";

interface Placed {
  readonly node: Fields;
  readonly depth: number;
  /** The bucket it was found in: a linked bucket comes once for each. */
  readonly parent: number | undefined;
}

/** Nodes in their order, with their place: the JSON of a bucket does not have it. */
function placed(tree: Fields): Placed[] {
  /** Buckets that we are in, and how many of their children are to come. */
  const path: { id: number; left: number }[] = [];
  return tree.list("nodes").map((node) => {
    while (path.at(-1)?.left === 0) path.pop();
    const parent = path.at(-1);
    if (parent) parent.left--;
    const depth = path.length;
    path.push({ id: node.num("id"), left: node.items("children").length });
    return { node, depth, parent: parent?.id };
  });
}

/**
 * The JSON does not have the weights of buckets: such a one weighs what is below it. `whole` is
 * the tree that nothing was left out of.
 */
function weights(whole: unknown): ReadonlyMap<number, number> {
  const nodes = new Fields(whole).list("nodes");
  const w = new Map<number, number>();
  for (const n of [...nodes].reverse()) {
    const below = n.nums("children").reduce((sum, c) => sum + (w.get(c) ?? 0), 0);
    w.set(n.num("id"), n.has("crush_weight") ? n.num("crush_weight") : below);
  }
  return w;
}

function name_cell(node: Fields, depth: number): string {
  const name = node.num("id") < 0 ? `${node.text("type")} ${node.text("name")}` : node.text("name");
  return INDENT.repeat(depth) + name;
}

export function render_osd_tree(v: unknown, whole: unknown = v): string {
  return render_weighed_tree(v, weights(whole));
}
/** `w`: the weights of all nodes. */
export function render_weighed_tree(v: unknown, w: ReadonlyMap<number, number>): string {
  const tree = new Fields(v);
  const row = ({ node, depth }: Placed) => {
    const id = node.num("id");
    const place = [
      id,
      node.text("device_class"),
      format_weight(w.get(id) ?? 0),
      name_cell(node, depth),
    ];
    return id < 0 ? place : [...place, ...osd_cells(node)];
  };
  const stray = tree.list("stray").map((node) => ({ node, depth: 0, parent: undefined }));
  const columns = [
    num("ID"),
    num("CLASS"),
    num("WEIGHT"),
    left("TYPE NAME"),
    num("STATUS"),
    num("REWEIGHT"),
    num("PRI-AFF"),
  ];
  return table(columns, [...placed(tree), ...stray].map(row));
}
function osd_cells(n: Fields): string[] {
  if (n.num("exists", 1) === 0) return ["DNE", "0"];
  const float = (key: string) => format_weight(n.num(key, 1));
  return [n.text("status"), float("reweight"), float("primary_affinity")];
}

const COMPAT = "(compat)";

/**
 * `dump` is the map of `osd crush dump`: the JSON of the tree does not say what buckets weigh. With
 * weight sets, each has a column.
 */
export function render_crush_tree(v: unknown, dump: unknown): string {
  const rows = placed(new Fields(v));
  const weight = crush_weights(new Fields(dump));
  const sets = [...new Set(rows.flatMap(({ node }) => node.at("pool_weights").keys()))];
  // JSON has names that are numbers, of pools that are gone, before it.
  sets.sort((a, b) => Number(b === COMPAT) - Number(a === COMPAT));
  const columns = [num("ID"), num("CLASS"), num("WEIGHT"), ...sets.map(num), left("TYPE NAME")];
  const cells = ({ node, depth, parent }: Placed) => {
    const id = node.num("id");
    const own = sets.map((set) => {
      const first = node.at("pool_weights").nums(set)[0];
      return first === undefined ? "" : format_weight(first);
    });
    const w = format_weight(weight(id, parent));
    return [id, node.text("device_class"), w, ...own, name_cell(node, depth)];
  };
  return table(columns, rows.map(cells));
}

/** What an item weighs in a bucket, and a root by itself. */
function crush_weights(dump: Fields): (id: number, parent: number | undefined) => number {
  const buckets = new Map(dump.list("buckets").map((b) => [b.num("id"), b]));
  return (id, parent) => {
    const at = parent === undefined ? undefined : buckets.get(parent);
    const item = at ? at.list("items").find((i) => i.num("id") === id) : buckets.get(id);
    return (item?.num("weight") ?? 0) / 0x10000;
  };
}
