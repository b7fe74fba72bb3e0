import type { Incremental } from "./Incremental.ts";
import type { OSDMap } from "./OSDMap.ts";
export function apply_incremental(_prev: OSDMap, _inc: Incremental): OSDMap {
  throw new Error("not yet");
}
