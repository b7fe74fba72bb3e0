/** Device classes of a draft. Ceph counterpart: CrushWrapper::update_device_class. cluster.md §2.8. */
import { CommandError } from "../errors.ts";
import type { CrushDraft } from "./CrushDraft.ts";
import { need_crush_name } from "./names.ts";
import { CRUSH_RULE_OPS, type crush_rule } from "./types.ts";

export function set_device_class(d: CrushDraft, device: number, cls: string): boolean {
  if (!d.item_exists(device)) d.set_item_name(device, `osd.${device}`);
  const old = d.class_names.get(d.class_map.get(device) ?? -1);
  if (old === cls) return false;
  if (old !== undefined) {
    throw new CommandError(
      "EBUSY",
      `osd.${device} has already bound to class '${old}', can not reset class to '${cls}'; ` +
        "use 'ceph osd crush rm-device-class <id>' to remove old class first",
    );
  }
  need_crush_name(cls);
  let id = d.get_class_id(cls);
  if (id === undefined) {
    id = Math.max(-1, ...d.class_names.keys()) + 1;
    d.class_names.set(id, cls);
  }
  d.class_map.set(device, id);
  d.rebuild_shadows_later();
  return true;
}

/** Rules that take a shadow tree of the class. */
export function class_in_use_by(d: CrushDraft, cls: number): crush_rule[] {
  d.settle_shadows();
  const roots = new Set<number>();
  for (const by_class of d.class_bucket.values()) {
    const id = by_class.get(cls);
    if (id !== undefined) roots.add(id);
  }
  return [...d.rules.values()]
    .filter((r) => r.steps.some((s) => s.op === CRUSH_RULE_OPS.take && roots.has(s.arg1)))
    .sort((a, b) => a.id - b.id);
}
