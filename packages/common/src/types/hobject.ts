/**
 * hobject_t: the name of an object inside the cluster, and its order.
 * An hobject is kept as the text Ceph prints, `pool:rhash:nspace:key:name:snap`, with `MIN` and `MAX`
 * as the ends; text is at once a Map key, a log field and a wire field.
 * Ceph counterpart: src/common/hobject.{h,cc}. Order: peering.md §1.
 */

/** `1:b21da5b1:::foo:head`, `MIN` or `MAX`. rhash = bit-reversed 32-bit hash, 8 hex digits. */
export type hobject_t = "MIN" | "MAX" | `${number}:${string}`;
export const HOBJECT_MIN: hobject_t = "MIN";
export const HOBJECT_MAX: hobject_t = "MAX";

/** The parts of an hobject that is neither MIN nor MAX. */
export interface hobject_parts_t {
  /** Pool id; a temporary object of pool p has -2-p. */
  pool: number;
  /** Placement hash of the name, u32, not reversed. */
  hash: number;
  nspace: string;
  /** Locator key; empty when the object is placed by its name. */
  key: string;
  /** Object name. Empty only for a PG's own metadata object. */
  oid: string;
  /** "head", or a snapshot id in hex. */
  snap: string;
}

/**
 * A u32 with its bits in opposite order: objects are sorted by their hash read from its low end.
 */
export function bitreverse32(x: number): number {
  let v = x >>> 0;
  v = ((v >>> 1) & 0x55555555) | ((v & 0x55555555) << 1);
  v = ((v >>> 2) & 0x33333333) | ((v & 0x33333333) << 2);
  v = ((v >>> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4);
  v = ((v >>> 8) & 0x00ff00ff) | ((v & 0x00ff00ff) << 8);
  return ((v >>> 16) | (v << 16)) >>> 0;
}

// Ceph escapes what would break its text form, and every byte that is not ASCII.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
const ESCAPED = /[%:/\x00-\x1f\x7f-\uffff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same; by code point, as UTF-8 goes
const ESCAPED_EACH = /[%:/\x00-\x1f\x7f-\u{10ffff}]/gu;
const ESCAPES = /(?:%[0-9a-f]{2})+/g;
/** A byte of a name that is no UTF-8 stands for itself as a lone surrogate: 0xfd is U+DCFD. */
const RAW_BYTE = 0xdc00;

function escape_part(s: string): string {
  return ESCAPED.test(s) ? s.replace(ESCAPED_EACH, escape_char) : s;
}
function escape_char(c: string): string {
  let out = "";
  for (const b of bytes_of(c)) out += `%${b.toString(16).padStart(2, "0")}`;
  return out;
}
function bytes_of(c: string): Iterable<number> {
  const code = c.charCodeAt(0);
  if (code < 0x80) return [code];
  const raw = code - RAW_BYTE;
  return c.length === 1 && raw >= 0x80 && raw <= 0xff ? [raw] : new TextEncoder().encode(c);
}
function unescape_part(s: string): string {
  return s.includes("%") ? s.replace(ESCAPES, unescape_run) : s;
}
function unescape_run(run: string): string {
  const bytes = new Uint8Array(run.length / 3);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number.parseInt(run.slice(3 * i + 1, 3 * i + 3), 16);
  }
  let out = "";
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i] ?? 0;
    // Names of stashed objects are full of escaped ASCII.
    const n = lead < 0x80 ? 1 : utf8_length(bytes, i);
    if (lead < 0x80) out += String.fromCharCode(lead);
    else if (n > 0) out += utf8.decode(bytes.subarray(i, i + n));
    else out += String.fromCharCode(RAW_BYTE + lead);
    i += Math.max(n, 1);
  }
  return out;
}
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Bytes of the character beyond ASCII that begins at `i`; 0 when none does. */
function utf8_length(bytes: Uint8Array, i: number): number {
  const lead = bytes[i] ?? 0;
  const n = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  try {
    return n > 0 && utf8.decode(bytes.subarray(i, i + n)).length > 0 ? n : 0;
  } catch {
    return 0;
  }
}

/** Builds the text form. `key` equal to the name is the same as no key. */
export function make_hobject(p: {
  pool: number;
  hash: number;
  oid: string;
  nspace?: string;
  key?: string;
  snap?: string;
}): hobject_t {
  const rev = bitreverse32(p.hash).toString(16).padStart(8, "0");
  const key = p.key !== undefined && p.key !== p.oid ? escape_part(p.key) : "";
  const ns = p.nspace ? escape_part(p.nspace) : "";
  return `${p.pool}:${rev}:${ns}:${key}:${escape_part(p.oid)}:${p.snap ?? "head"}`;
}

const HOBJECT_RE = /^(-?\d{1,15}):([0-9a-f]{8}):([^:]*):([^:]*):([^:]*):([0-9a-z]+)$/;

/** Parts of `h`, or undefined for MIN, MAX and text that is not an hobject. */
export function parse_hobject(h: string): hobject_parts_t | undefined {
  const m = HOBJECT_RE.exec(h);
  if (!m) return undefined;
  return {
    pool: Number(m[1]),
    hash: bitreverse32(Number.parseInt(m[2] as string, 16)),
    nspace: unescape_part(m[3] as string),
    key: unescape_part(m[4] as string),
    oid: unescape_part(m[5] as string),
    snap: m[6] as string,
  };
}

/** True for `MIN`, `MAX` and well-formed text: what a decoder may let in. */
export function is_hobject(h: string): h is hobject_t {
  return h === "MIN" || h === "MAX" || HOBJECT_RE.test(h);
}

/** Bit-reversed hash of a proper hobject, u32: its position in the order. */
export function hobject_rhash(h: hobject_t): number {
  const i = h.indexOf(":") + 1;
  return Number.parseInt(h.slice(i, i + 8), 16);
}
/** Placement hash of a proper hobject, u32. */
export function hobject_hash(h: hobject_t): number {
  return bitreverse32(hobject_rhash(h));
}

function cmp_text(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const COLON = 58;
const PERCENT = 37;

/**
 * Total order: MIN, then (pool, bit-reversed hash, namespace, key or name, name, snap), then MAX.
 * The stores ask for it all the time, so the text is taken apart only where it must be: as a rule the
 * first character that differs tells.
 */
export function hobject_cmp(a: hobject_t, b: hobject_t): number {
  if (a === b) return 0;
  if (a === "MIN" || b === "MAX") return -1;
  if (a === "MAX" || b === "MIN") return 1;
  let colons = 0;
  let i = 0;
  for (; a.charCodeAt(i) === b.charCodeAt(i); i++) if (a.charCodeAt(i) === COLON) colons++;
  const x = a.charCodeAt(i);
  const y = b.charCodeAt(i);
  if (colons === 0) return Number.parseInt(a, 10) - Number.parseInt(b, 10);
  if (colons === 1) return x - y;
  // Escaped characters have another order than their escapes.
  const escaped =
    x === PERCENT ||
    y === PERCENT ||
    a.charCodeAt(i - 1) === PERCENT ||
    a.charCodeAt(i - 2) === PERCENT;
  const in_one_name = colons === 2 || colons === 4;
  if (!in_one_name || escaped) return cmp_parts(a, b);
  return x === COLON ? -1 : y === COLON ? 1 : x - y;
}
function cmp_parts(a: hobject_t, b: hobject_t): number {
  const pa = parse_hobject(a);
  const pb = parse_hobject(b);
  if (!pa || !pb) return cmp_text(a, b);
  return (
    cmp_text(pa.nspace, pb.nspace) ||
    cmp_text(pa.key || pa.oid, pb.key || pb.oid) ||
    cmp_text(pa.oid, pb.oid) ||
    cmp_snap(pa.snap, pb.snap)
  );
}
function cmp_snap(a: string, b: string): number {
  const n = (s: string) => (s === "head" ? Number.POSITIVE_INFINITY : Number.parseInt(s, 16));
  const x = n(a);
  const y = n(b);
  return x === y ? 0 : x - y;
}
/** The later of two in {@link hobject_cmp}'s order. */
export function hobject_max(a: hobject_t, b: hobject_t): hobject_t {
  return hobject_cmp(a, b) >= 0 ? a : b;
}
/** The earlier of two in {@link hobject_cmp}'s order. */
export function hobject_min(a: hobject_t, b: hobject_t): hobject_t {
  return hobject_cmp(a, b) <= 0 ? a : b;
}
