/**
 * Where an OSD hangs in the CRUSH tree, as far as booting and failure counting need it. Pure.
 * Ceph counterpart: CrushWrapper::create_or_move_item. cluster.md §2.9.
 */
import {
  CommandError,
  type CrushWrapper,
  type crush_location,
  type OSDMap,
  type weight_set_mode,
} from "@tako/common";
import { pending_crush, type View } from "./pending.ts";

const NAME = /^[A-Za-z0-9_.-]+$/;

/** What is wrong with a location such as {root: "default", host: "h1"}; undefined when nothing. */
export function bad_location(crush: CrushWrapper, loc: crush_location): string | undefined {
  if (loc.size === 0) return "a location is needed, such as root=default host=h1";
  for (const [type, name] of loc) {
    const id = crush.get_type_id(type);
    if (id === undefined || id === 0) return `no bucket type '${type}'`;
    if (!NAME.test(name)) return `'${name}' is not a CRUSH name (letters, digits, _ . -)`;
    const known = crush.get_item_id(name);
    if (known !== undefined && crush.get_item_type(known) !== id) {
      return `'${name}' exists and is not a ${type}`;
    }
  }
  return undefined;
}

/** Does a new weight also go into the weight sets? */
export function weight_set_mode_of(v: View): weight_set_mode {
  return v.config.get("osd_crush_update_weight_set") ? "update_weight_sets" : "keep_weight_sets";
}

/**
 * The CRUSH map with osd.`o` at `loc`; without `crush` when it is there already, or when the map
 * cannot take it, which `refused` then explains.
 */
export function crush_create_or_move(
  v: View,
  o: number,
  weight: number,
  loc: crush_location,
  device_class: string,
): { readonly crush?: CrushWrapper; readonly refused?: string } {
  const crush = pending_crush(v);
  const why = bad_location(crush, loc);
  if (why !== undefined) return { refused: why };
  const name = `osd.${o}`;
  const w = Number.isFinite(weight) && weight > 0 ? weight : 0;
  const missing_class =
    NAME.test(device_class) && crush.get_item_class(o) === undefined ? device_class : undefined;
  let changed = missing_class !== undefined;
  try {
    const edited = crush.edit((b) => {
      if (b.create_or_move_item(o, w, name, loc, weight_set_mode_of(v))) changed = true;
      if (missing_class !== undefined) b.set_device_class(o, missing_class);
    });
    return changed ? { crush: edited } : {};
  } catch (e) {
    // The location is the daemon's word, not a command: it may boot all the same.
    if (e instanceof CommandError) return { refused: e.message };
    throw e;
  }
}

/** Name of the nearest ancestor of type `level`, or the OSD's own name when it has none. */
export function subtree_of(map: OSDMap, o: number, level: string): string {
  const type = map.crush.get_type_id(level);
  if (type === undefined || type === 0) return `osd.${o}`;
  const id = map.crush.get_parent_of_type(o, type);
  return (id !== undefined && map.crush.get_item_name(id)) || `osd.${o}`;
}

/** Is every OSD below `node` down? An empty subtree is not "down". */
export function subtree_is_down(map: OSDMap, node: number): boolean {
  const leaves = map.crush.get_leaves(node).filter((o) => map.exists(o));
  return leaves.length > 0 && leaves.every((o) => map.is_down(o));
}
