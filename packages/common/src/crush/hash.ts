/**
 * rjenkins1: the integer hashes CRUSH draws with and the string hash that places objects.
 * Ceph counterpart: src/crush/hash.c, src/common/ceph_hash.cc. cluster.md §1.6, §2.1.
 */

const SEED = 1315423911;
const X = 231232;
const Y = 1232;

// The mixer changes its three operands in place, so the words of one hash lie in this scratch area:
// slots 0..4 the arguments, 5 and 6 the constants, 7 the hash.
const w = new Int32Array(8);

function mix(p: number, q: number, r: number): void {
  let a = w[p] ?? 0;
  let b = w[q] ?? 0;
  let c = w[r] ?? 0;
  a = ((a - b - c) | 0) ^ (c >>> 13);
  b = ((b - c - a) | 0) ^ (a << 8);
  c = ((c - a - b) | 0) ^ (b >>> 13);
  a = ((a - b - c) | 0) ^ (c >>> 12);
  b = ((b - c - a) | 0) ^ (a << 16);
  c = ((c - a - b) | 0) ^ (b >>> 5);
  a = ((a - b - c) | 0) ^ (c >>> 3);
  b = ((b - c - a) | 0) ^ (a << 10);
  c = ((c - a - b) | 0) ^ (b >>> 15);
  w[p] = a;
  w[q] = b;
  w[r] = c;
}

const H = 7;
function start(a: number, b: number, c: number, d: number, e: number): void {
  w[0] = a;
  w[1] = b;
  w[2] = c;
  w[3] = d;
  w[4] = e;
  w[5] = X;
  w[6] = Y;
  w[H] = SEED ^ a ^ b ^ c ^ d ^ e;
}
function finish(): number {
  return (w[H] ?? 0) >>> 0;
}

// Arguments may be negative (bucket ids): they count as their 32-bit two's complement.

/**
 * rjenkins1 of one 32-bit number, as a u32. Ceph counterpart: src/crush/hash.c. cluster.md §2.1.
 */
export function crush_hash32_1(a: number): number {
  start(a, 0, 0, 0, 0);
  w[1] = a;
  mix(1, 5, H);
  mix(6, 0, H);
  return finish();
}

/** rjenkins1 of four 32-bit numbers, as a u32. */
export function crush_hash32_4(a: number, b: number, c: number, d: number): number {
  start(a, b, c, d, 0);
  mix(0, 1, H);
  mix(2, 3, H);
  mix(0, 5, H);
  mix(6, 1, H);
  mix(2, 5, H);
  mix(6, 3, H);
  return finish();
}

/** rjenkins1 of five 32-bit numbers, as a u32. */
export function crush_hash32_5(a: number, b: number, c: number, d: number, e: number): number {
  start(a, b, c, d, e);
  mix(0, 1, H);
  mix(2, 3, H);
  mix(4, 5, H);
  mix(6, 0, H);
  mix(1, 5, H);
  mix(6, 2, H);
  mix(3, 5, H);
  mix(6, 4, H);
  return finish();
}

// The next two run for every item of every bucket that CRUSH descends through: written out over
// locals they take a third of the time of the calls above.

/** rjenkins1 of two 32-bit numbers, as a u32. */
export function crush_hash32_2(a0: number, b0: number): number {
  let a = a0 | 0;
  let b = b0 | 0;
  let x = X;
  let y = Y;
  let h = SEED ^ a ^ b;
  a = ((a - b - h) | 0) ^ (h >>> 13);
  b = ((b - h - a) | 0) ^ (a << 8);
  h = ((h - a - b) | 0) ^ (b >>> 13);
  a = ((a - b - h) | 0) ^ (h >>> 12);
  b = ((b - h - a) | 0) ^ (a << 16);
  h = ((h - a - b) | 0) ^ (b >>> 5);
  a = ((a - b - h) | 0) ^ (h >>> 3);
  b = ((b - h - a) | 0) ^ (a << 10);
  h = ((h - a - b) | 0) ^ (b >>> 15);
  x = ((x - a - h) | 0) ^ (h >>> 13);
  a = ((a - h - x) | 0) ^ (x << 8);
  h = ((h - x - a) | 0) ^ (a >>> 13);
  x = ((x - a - h) | 0) ^ (h >>> 12);
  a = ((a - h - x) | 0) ^ (x << 16);
  h = ((h - x - a) | 0) ^ (a >>> 5);
  x = ((x - a - h) | 0) ^ (h >>> 3);
  a = ((a - h - x) | 0) ^ (x << 10);
  h = ((h - x - a) | 0) ^ (a >>> 15);
  b = ((b - y - h) | 0) ^ (h >>> 13);
  y = ((y - h - b) | 0) ^ (b << 8);
  h = ((h - b - y) | 0) ^ (y >>> 13);
  b = ((b - y - h) | 0) ^ (h >>> 12);
  y = ((y - h - b) | 0) ^ (b << 16);
  h = ((h - b - y) | 0) ^ (y >>> 5);
  b = ((b - y - h) | 0) ^ (h >>> 3);
  y = ((y - h - b) | 0) ^ (b << 10);
  h = ((h - b - y) | 0) ^ (y >>> 15);
  return h >>> 0;
}

/** rjenkins1 of three 32-bit numbers, as a u32. */
export function crush_hash32_3(a0: number, b0: number, c0: number): number {
  let a = a0 | 0;
  let b = b0 | 0;
  let c = c0 | 0;
  let x = X;
  let y = Y;
  let h = SEED ^ a ^ b ^ c;
  a = ((a - b - h) | 0) ^ (h >>> 13);
  b = ((b - h - a) | 0) ^ (a << 8);
  h = ((h - a - b) | 0) ^ (b >>> 13);
  a = ((a - b - h) | 0) ^ (h >>> 12);
  b = ((b - h - a) | 0) ^ (a << 16);
  h = ((h - a - b) | 0) ^ (b >>> 5);
  a = ((a - b - h) | 0) ^ (h >>> 3);
  b = ((b - h - a) | 0) ^ (a << 10);
  h = ((h - a - b) | 0) ^ (b >>> 15);
  c = ((c - x - h) | 0) ^ (h >>> 13);
  x = ((x - h - c) | 0) ^ (c << 8);
  h = ((h - c - x) | 0) ^ (x >>> 13);
  c = ((c - x - h) | 0) ^ (h >>> 12);
  x = ((x - h - c) | 0) ^ (c << 16);
  h = ((h - c - x) | 0) ^ (x >>> 5);
  c = ((c - x - h) | 0) ^ (h >>> 3);
  x = ((x - h - c) | 0) ^ (c << 10);
  h = ((h - c - x) | 0) ^ (x >>> 15);
  y = ((y - a - h) | 0) ^ (h >>> 13);
  a = ((a - h - y) | 0) ^ (y << 8);
  h = ((h - y - a) | 0) ^ (a >>> 13);
  y = ((y - a - h) | 0) ^ (h >>> 12);
  a = ((a - h - y) | 0) ^ (y << 16);
  h = ((h - y - a) | 0) ^ (a >>> 5);
  y = ((y - a - h) | 0) ^ (h >>> 3);
  a = ((a - h - y) | 0) ^ (y << 10);
  h = ((h - y - a) | 0) ^ (a >>> 15);
  b = ((b - x - h) | 0) ^ (h >>> 13);
  x = ((x - h - b) | 0) ^ (b << 8);
  h = ((h - b - x) | 0) ^ (x >>> 13);
  b = ((b - x - h) | 0) ^ (h >>> 12);
  x = ((x - h - b) | 0) ^ (b << 16);
  h = ((h - b - x) | 0) ^ (x >>> 5);
  b = ((b - x - h) | 0) ^ (h >>> 3);
  x = ((x - h - b) | 0) ^ (b << 10);
  h = ((h - b - x) | 0) ^ (x >>> 15);
  y = ((y - c - h) | 0) ^ (h >>> 13);
  c = ((c - h - y) | 0) ^ (y << 8);
  h = ((h - y - c) | 0) ^ (c >>> 13);
  y = ((y - c - h) | 0) ^ (h >>> 12);
  c = ((c - h - y) | 0) ^ (y << 16);
  h = ((h - y - c) | 0) ^ (c >>> 5);
  y = ((y - c - h) | 0) ^ (h >>> 3);
  c = ((c - h - y) | 0) ^ (y << 10);
  h = ((h - y - c) | 0) ^ (c >>> 15);
  return h >>> 0;
}

const encoder = new TextEncoder();
/** Up to here engines keep bytes on their own heap. */
const SHORT = 64;
/** UTF-8 bytes of `s`. A lone surrogate becomes U+FFFD. */
export function utf8(s: string): Uint8Array {
  // Nearly all names are short and ASCII: those need no call out of JavaScript.
  if (s.length > SHORT) return encoder.encode(s);
  const bytes = new Uint8Array(s.length);
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c > 127) return encoder.encode(s);
    bytes[i] = c;
  }
  return bytes;
}

/** Object names to 32 bits, 12 bytes a round; the length takes the lowest byte of the last word. */
export function ceph_str_hash_rjenkins(s: Uint8Array): number {
  let a = 0x9e3779b9 | 0;
  let b = a;
  let c = 0;
  let i = 0;
  for (;;) {
    const left = s.length - i;
    const last = left < 12;
    a = (a + word(s, i)) | 0;
    b = (b + word(s, i + 4)) | 0;
    c = last ? (c + s.length + (word(s, i + 8) << 8)) | 0 : (c + word(s, i + 8)) | 0;
    a = ((a - b - c) | 0) ^ (c >>> 13);
    b = ((b - c - a) | 0) ^ (a << 8);
    c = ((c - a - b) | 0) ^ (b >>> 13);
    a = ((a - b - c) | 0) ^ (c >>> 12);
    b = ((b - c - a) | 0) ^ (a << 16);
    c = ((c - a - b) | 0) ^ (b >>> 5);
    a = ((a - b - c) | 0) ^ (c >>> 3);
    b = ((b - c - a) | 0) ^ (a << 10);
    c = ((c - a - b) | 0) ^ (b >>> 15);
    if (last) return c >>> 0;
    i += 12;
  }
}

/** Little-endian word at i; bytes past the end count as 0. */
function word(s: Uint8Array, i: number): number {
  return (s[i] ?? 0) | ((s[i + 1] ?? 0) << 8) | ((s[i + 2] ?? 0) << 16) | ((s[i + 3] ?? 0) << 24);
}

/** The hash of Linux's dentry cache, for pools with object_hash 1. */
export function ceph_str_hash_linux(s: Uint8Array): number {
  let h = 0;
  for (const c of s) h = Math.imul(h + (c << 4) + (c >> 4), 11);
  return h >>> 0;
}
