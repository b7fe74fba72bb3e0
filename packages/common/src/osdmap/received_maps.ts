/**
 * Maps out of the bytes that the monitor publishes. Whoever in this process gets the very same bytes
 * on top of the very same map gets the same object: maps never change, and a simulated cluster has
 * its OSDs and clients in one process. Equal maps that came on different ways become one again.
 * Ceph counterpart: OSDMap::decode, apply_incremental, with a shared map cache (OSDMapRef).
 */
import { decode_incremental } from "./encode.ts";
import { OSDMap } from "./OSDMap.ts";

/** What an incremental makes of a map. `map.crc` has to be `full_crc`; else they do not fit. */
export interface received_map_t {
  readonly map: OSDMap;
  readonly full_crc: number;
}

const fulls = new WeakMap<Uint8Array, OSDMap>();
const nexts = new WeakMap<Uint8Array, WeakMap<OSDMap, received_map_t>>();

/** The newest maps that somebody holds, by what tells maps apart. */
const known = new Map<string, WeakRef<OSDMap>>();
const MAX_KNOWN = 128;

function the_one(map: OSDMap): OSDMap {
  const key = `${map.fsid} ${map.epoch} ${map.crc}`;
  const same = known.get(key)?.deref();
  if (same) return same;
  known.delete(key);
  known.set(key, new WeakRef(map));
  for (const oldest of known.keys()) {
    if (known.size <= MAX_KNOWN) break;
    known.delete(oldest);
  }
  return map;
}

/** Throws MapError for anything but an encoded map. */
export function received_full_map(bytes: Uint8Array): OSDMap {
  const seen = fulls.get(bytes);
  if (seen) return seen;
  const map = the_one(OSDMap.decode(bytes));
  fulls.set(bytes, map);
  return map;
}

/** Throws MapError when `bytes` are no incremental, or not one for `prev`. */
export function received_next_map(prev: OSDMap, bytes: Uint8Array): received_map_t {
  const by_prev = nexts.get(bytes) ?? new WeakMap<OSDMap, received_map_t>();
  const seen = by_prev.get(prev);
  if (seen) return seen;
  const inc = decode_incremental(bytes);
  const made = { map: the_one(prev.apply_incremental(inc)), full_crc: inc.full_crc };
  by_prev.set(prev, made);
  nexts.set(bytes, by_prev);
  return made;
}
