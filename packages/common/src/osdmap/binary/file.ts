/**
 * The OSDMap as `ceph osd getmap -o` and `osdmaptool` write it: two sections, one for clients and
 * one for OSDs, and a checksum of everything before it.
 * Ceph counterpart: OSDMap::encode, OSDMap::decode. cluster.md §1.1.
 */
import { LeReader, LeWriter } from "../../crush/le_bytes.ts";
import { crc32c } from "../crc32c.ts";
import { OSDMap } from "../OSDMap.ts";
import { from_fields } from "./from_fields.ts";
import { type raw_osdmap, raw_osdmap_body } from "./raw.ts";
import { to_fields } from "./to_fields.ts";

const STRUCT_V = 8;
const STRUCT_COMPAT = 7;

/** A map, and what of its file OSDMap does not hold: cache tiers, several addresses of an OSD ... */
export interface osdmap_file {
  readonly map: OSDMap;
  readonly raw: raw_osdmap;
}

/** Do these bytes begin like such a file? Says nothing about the rest. */
export function is_osdmap_binary(bytes: Uint8Array): boolean {
  return (bytes[0] ?? 0) >= STRUCT_COMPAT && bytes[1] === STRUCT_COMPAT;
}

/** Throws MapError that names the byte or the field at fault. */
export function decode_osdmap_binary(bytes: Uint8Array): osdmap_file {
  const r = new LeReader(bytes);
  if (r.left > 1 && !is_osdmap_binary(bytes)) r.fail("not an OSDMap of a release since firefly", 0);
  const { v: raw } = r.section("OSDMap", STRUCT_V, (version) => {
    if (version !== STRUCT_V) r.fail(`OSDMap of version ${version}, not ${STRUCT_V}`, 0);
    const body = raw_osdmap_body.dec(r);
    const summed = r.pos;
    const crc = r.u32();
    const ours = ceph_crc(bytes.subarray(0, summed));
    if (crc !== ours) r.fail(`checksum is ${ours.toString(16)}, not ${crc.toString(16)}`, summed);
    if (r.left > 0) r.fail(`${r.left} bytes after the checksum`);
    return body;
  });
  r.end();
  return { map: new OSDMap(to_fields(raw)), raw };
}

/** Ceph's checksum starts at ~0 and does not invert the result. */
function ceph_crc(bytes: Uint8Array): number {
  return ~crc32c(bytes) >>> 0;
}

/** `base`: the file that `map` was read from, possibly changed since. */
export function encode_osdmap_binary(map: OSDMap, base?: raw_osdmap): Uint8Array {
  const w = new LeWriter();
  w.section(STRUCT_V, STRUCT_COMPAT, () => {
    raw_osdmap_body.enc(w, from_fields(map.f, base));
    w.u32(0);
  });
  const bytes = w.done();
  const summed = bytes.length - 4;
  const crc = ceph_crc(bytes.subarray(0, summed));
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(summed, crc, true);
  return bytes;
}
