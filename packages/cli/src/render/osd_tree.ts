/** `osd tree` and `osd crush tree` as text. Ceph counterpart: OSDTreePlainDumper, CrushTreeDumper. */
import { Fields } from "./Fields.ts";
import { left, num, table } from "./table.ts";

const INDENT = "    ";

interface Placed {
  readonly node: Fields;
  readonly depth: number;
}

/** Nodes in their order, with their depth: the JSON of a bucket does not have it. */
function placed(tree: Fields): Placed[] {
  const depth = new Map<number, number>();
  return tree.list("nodes").map((node) => {
    const d = depth.get(node.num("id")) ?? 0;
    for (const child of node.nums("children")) depth.set(child, d + 1);
    return { node, depth: d };
  });
}

/** A bucket weighs what is below it; `whole` is the tree that nothing was left out of. */
function weights(whole: unknown): Map<number, number> {
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
  const tree = new Fields(v);
  const w = weights(whole);
  const row = ({ node, depth }: Placed) => {
    const id = node.num("id");
    const place = [
      id,
      node.text("device_class"),
      (w.get(id) ?? 0).toFixed(5),
      name_cell(node, depth),
    ];
    return id < 0 ? place : [...place, ...osd_cells(node)];
  };
  const stray = tree.list("stray").map((node) => ({ node, depth: 0 }));
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
  const float = (key: string) => n.num(key, 1).toFixed(5);
  return [n.text("status"), float("reweight"), float("primary_affinity")];
}

export function render_crush_tree(v: unknown): string {
  const tree = new Fields(v);
  const w = weights(v);
  const rows = placed(tree).map(({ node, depth }) => {
    const id = node.num("id");
    const weight = (w.get(id) ?? 0).toFixed(5);
    return [id, node.text("device_class"), weight, name_cell(node, depth)];
  });
  return table([num("ID"), num("CLASS"), num("WEIGHT"), left("TYPE NAME")], rows);
}
