import type { Incremental } from "./Incremental.ts";
import type { osdmap_fields } from "./OSDMap.ts";
export function encode_osdmap(_f: osdmap_fields): Uint8Array {
  throw new Error("not yet");
}
export function decode_osdmap(_b: Uint8Array): osdmap_fields {
  throw new Error("not yet");
}
export function encode_incremental(_inc: Incremental): Uint8Array {
  throw new Error("not yet");
}
export function decode_incremental(_b: Uint8Array): Incremental {
  throw new Error("not yet");
}
