/**
 * A new map whose levels are said one after the other: `crushtool --build`.
 * Ceph counterpart: the build stage of src/tools/crushtool.cc, OSDMap::build_simple_crush_rules.
 */
import { CommandError } from "../errors.ts";
import { CrushWrapper } from "./CrushWrapper.ts";
import { CRUSH_BUCKET_UNIFORM, type crush_algorithm, type crush_bucket } from "./types.ts";

export interface crush_layer {
  /** Of the type and, with a number unless `size` is 0, of its buckets. */
  readonly name: string;
  readonly alg: crush_algorithm;
  /** Items of each bucket; 0: all of them in one. */
  readonly size: number;
}

/** Type of the buckets that the rule spreads over. */
const CHOOSELEAF_TYPE = 1;

/** `root` is the one the rule takes; there are `roots` of them. */
export function build_crush_layers(
  num_osds: number,
  layers: readonly crush_layer[],
): { crush: CrushWrapper; root: string; roots: number } {
  const last = layers.at(-1);
  if (!last) throw new CommandError("EINVAL", "must specify at least one layer");
  const buckets = new Map<number, crush_bucket>();
  const type_names = new Map([[0, "osd"]]);
  const item_names = new Map<number, string>();
  let lower = Array.from({ length: num_osds }, (_, id) => ({ id, weight: 0x10000 }));
  for (const { id } of lower) item_names.set(id, `osd.${id}`);
  layers.forEach((layer, i) => {
    type_names.set(i + 1, layer.name);
    const size = layer.size || lower.length;
    const made: typeof lower = [];
    for (let at = 0; at < lower.length; at += size) {
      const held = lower.slice(at, at + size);
      const b = make_bucket(-1 - buckets.size, i + 1, layer.alg, held);
      buckets.set(b.id, b);
      item_names.set(b.id, layer.size === 0 ? layer.name : `${layer.name}${made.length}`);
      // Above it counts what it holds, whatever it weighs itself.
      made.push({ id: b.id, weight: held.reduce((sum, x) => sum + x.weight, 0) });
    }
    lower = made;
  });
  const empty = new CrushWrapper().map;
  const tree = new CrushWrapper({
    ...empty,
    max_devices: num_osds,
    buckets,
    type_names,
    item_names,
  });
  const root = last.size === 0 ? last.name : `${last.name}0`;
  const domain = type_names.get(CHOOSELEAF_TYPE) ?? "";
  const crush = tree.edit((b) => b.add_simple_rule("replicated_rule", root, domain));
  return { crush, root, roots: crush.find_roots().length };
}

function make_bucket(
  id: number,
  type: number,
  alg: crush_algorithm,
  held: readonly { readonly id: number; readonly weight: number }[],
): crush_bucket {
  // All items of a uniform bucket weigh what the first one does.
  const uniform = alg === CRUSH_BUCKET_UNIFORM ? held[0] : undefined;
  const item_weights = held.map((i) => (uniform ?? i).weight);
  return {
    id,
    type,
    alg,
    hash: 0,
    weight: item_weights.reduce((sum, w) => sum + w, 0),
    items: held.map((i) => i.id),
    item_weights,
  };
}
