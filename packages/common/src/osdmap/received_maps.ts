/**
 * Maps out of the bytes that the monitor publishes. Whoever in this process gets the very same bytes
 * on top of the very same map gets the same object: maps never change, and a simulated cluster has
 * its OSDs and clients in one process. Equal maps that came on different ways become one again, as long as
 * somebody holds them: which is for the garbage collector to say. So nobody may draw a conclusion from two
 * maps, or parts of them, being different objects.
 * Ceph counterpart: OSDMap::decode, apply_incremental, with a shared map cache (OSDMapRef).
 */
import { same_bytes } from "./bytes.ts";
import { crc32c } from "./crc32c.ts";
import { decode_incremental } from "./encode.ts";
import { OSDMap } from "./OSDMap.ts";

/** What an incremental makes of a map. `map.crc` has to be `full_crc`; else they do not fit. */
export interface received_map_t {
  readonly map: OSDMap;
  readonly full_crc: number;
}

const nexts = new WeakMap<Uint8Array, WeakMap<OSDMap, received_map_t>>();

/** The newest maps that somebody holds, by the checksum of their bytes. */
const known = new Map<number, WeakRef<OSDMap>>();
const MAX_KNOWN = 128;

function find(crc: number, bytes: Uint8Array): OSDMap | undefined {
  const map = known.get(crc)?.deref();
  return map && same_bytes(map.encode(), bytes) ? map : undefined;
}
function remember(crc: number, map: OSDMap): OSDMap {
  known.delete(crc);
  known.set(crc, new WeakRef(map));
  for (const oldest of known.keys()) {
    if (known.size <= MAX_KNOWN) break;
    known.delete(oldest);
  }
  return map;
}

/** Throws MapError for anything but an encoded map. */
export function received_full_map(bytes: Uint8Array): OSDMap {
  const crc = crc32c(bytes);
  return find(crc, bytes) ?? remember(crc, OSDMap.decode(bytes));
}

/** Throws MapError when `bytes` are no incremental, or not one for `prev`. */
export function received_next_map(prev: OSDMap, bytes: Uint8Array): received_map_t {
  const by_prev = nexts.get(bytes) ?? new WeakMap<OSDMap, received_map_t>();
  const seen = by_prev.get(prev);
  if (seen) return seen;
  const inc = decode_incremental(bytes);
  const next = prev.apply_incremental(inc);
  const map = find(next.crc, next.encode()) ?? remember(next.crc, next);
  const made = { map, full_crc: inc.full_crc };
  by_prev.set(prev, made);
  nexts.set(bytes, by_prev);
  return made;
}
