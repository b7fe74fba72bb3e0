/**
 * object_info_t: what a PG remembers of an object besides its bytes, kept in attribute "_" of the
 * object; and the names of the other attributes. Ceph counterpart: object_info_t, OI_ATTR.
 */
import { EVERSION_ZERO, type eversion_t, type version_t } from "@tako/common";
import { pack, unpack } from "msgpackr";

export const OI_ATTR = "_";

export interface object_info_t {
  readonly version: eversion_t;
  readonly prior_version: eversion_t;
  readonly user_version: version_t;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970, given by the client. */
  readonly mtime: number;
  /** Has, or had since its creation, keys or a header. */
  readonly omap: boolean;
  /** crc32c of data and of omap that a deep scrub has recorded; a write takes them away. */
  readonly data_digest?: number;
  readonly omap_digest?: number;
}

/** Of an object that does not exist. */
export const NO_OBJECT: object_info_t = Object.freeze({
  version: EVERSION_ZERO,
  prior_version: EVERSION_ZERO,
  user_version: 0,
  size: 0,
  mtime: 0,
  omap: false,
});

export function encode_object_info(oi: object_info_t): Uint8Array {
  return pack(oi);
}

/** undefined when the bytes are not an object_info_t: the object cannot be served. */
export function decode_object_info(bytes: Uint8Array): object_info_t | undefined {
  let x: unknown;
  try {
    x = unpack(bytes);
  } catch {
    return undefined;
  }
  return is_object_info(x) ? x : undefined;
}

function is_object_info(x: unknown): x is object_info_t {
  if (typeof x !== "object" || x === null) return false;
  const o: Partial<Record<keyof object_info_t, unknown>> = x;
  return (
    is_eversion(o.version) &&
    is_eversion(o.prior_version) &&
    Number.isSafeInteger(o.user_version) &&
    Number.isSafeInteger(o.size) &&
    typeof o.mtime === "number" &&
    typeof o.omap === "boolean" &&
    (o.data_digest === undefined || Number.isSafeInteger(o.data_digest)) &&
    (o.omap_digest === undefined || Number.isSafeInteger(o.omap_digest))
  );
}
function is_eversion(x: unknown): x is eversion_t {
  if (typeof x !== "object" || x === null) return false;
  const v: Partial<Record<keyof eversion_t, unknown>> = x;
  return Number.isSafeInteger(v.epoch) && Number.isSafeInteger(v.version);
}

/** Store attribute of the user's xattr `name`. */
export function xattr_attr(name: string): string {
  return `_${name}`;
}
/** The user's name of a store attribute; undefined for our own. */
export function attr_xattr(attr: string): string | undefined {
  return attr.length > 1 && attr.startsWith("_") ? attr.slice(1) : undefined;
}
