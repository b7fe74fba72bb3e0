import type { OSDMap } from "./OSDMap.ts";
export function osdmap_dump(_m: OSDMap): Record<string, unknown> {
  throw new Error("not yet");
}
export function osd_tree_dump(_m: OSDMap): Record<string, unknown> {
  throw new Error("not yet");
}
