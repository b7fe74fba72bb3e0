/** Skeleton: edits of a CRUSH map. */
import type { crush_algorithm, crush_location, crush_map, crush_rule_step } from "./types.ts";

export class CrushBuilder {
  readonly map: crush_map;
  constructor(map: crush_map) {
    this.map = map;
  }
  build(): crush_map {
    return this.map;
  }
  set_type_name(_type: number, _name: string): void {}
  /** New empty bucket; its id. */
  add_bucket(_name: string, _type: string, _alg?: crush_algorithm): number {
    return 0;
  }
  /** New rule; its id. Throws CommandError EEXIST, ENOENT, EINVAL. */
  add_simple_rule(
    _name: string,
    _root: string,
    _failure_domain: string,
    _opts?: { device_class?: string; mode?: "firstn" | "indep"; type?: number },
  ): number {
    return 0;
  }
  add_rule(_name: string, _type: number, _steps: readonly crush_rule_step[]): number {
    return 0;
  }
  remove_rule(_id: number): void {}
  /** Puts an item (device or bucket) at a location, making the ancestors that are missing. */
  insert_item(_item: number, _weight: number, _name: string, _loc: crush_location): void {}
  /** As insert_item, but an item that exists keeps its weight. True when something changed. */
  create_or_move_item(
    _item: number,
    _weight: number,
    _name: string,
    _loc: crush_location,
  ): boolean {
    return false;
  }
  /** Insert or move and set the weight. */
  update_item(_item: number, _weight: number, _name: string, _loc: crush_location): boolean {
    return false;
  }
  move_bucket(_id: number, _loc: crush_location): void {}
  remove_item(_item: number): void {}
  /** `weight` is a float, 1.0 = 0x10000. */
  adjust_item_weight(_item: number, _weight: number): void {}
  rename_bucket(_from: string, _to: string): void {}
  set_device_class(_device: number, _cls: string): void {}
  remove_device_class(_device: number): void {}
  set_tunables_profile(_profile: string): void {}
}
