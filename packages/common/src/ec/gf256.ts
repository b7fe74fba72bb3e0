/**
 * The field GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d), and matrices over it. Pure numbers: the
 * loops over object data are in region.ts.
 * Ceph counterpart: gf-complete (w=8) and isa-l's ec_base, which use the same polynomial.
 */
import { invariant } from "../errors.ts";

export const GF_POLY = 0x11d;

/** Rows of coefficients. */
export type GfMatrix = readonly Uint8Array[];

// EXP is twice as long as the group: a sum of two logarithms needs no modulo.
const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i++) {
  EXP[i] = x;
  EXP[i + 255] = x;
  LOG[x] = i;
  x <<= 1;
  if (x & 0x100) x ^= GF_POLY;
}

/** `a[i]`, for an `i` that the caller knows to be inside. */
export function at(a: Uint8Array, i: number): number {
  return a[i] ?? 0;
}

export function gf_mul(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : at(EXP, at(LOG, a) + at(LOG, b));
}

export function gf_inv(a: number): number {
  invariant(a !== 0, "zero has no inverse in GF(2^8)");
  return at(EXP, 255 - at(LOG, a));
}

export function gf_div(a: number, b: number): number {
  return gf_mul(a, gf_inv(b));
}

/** `into ^= c * row`. */
function add_scaled(into: Uint8Array, row: Uint8Array, c: number): void {
  for (let i = 0; i < into.length; i++) into[i] = at(into, i) ^ gf_mul(c, at(row, i));
}

/** The inverse of a square matrix (Gauss-Jordan), undefined when it is singular. */
export function gf_invert(matrix: GfMatrix): GfMatrix | undefined {
  const n = matrix.length;
  const wide = matrix.map((row, r) => {
    const out = new Uint8Array(2 * n);
    out.set(row);
    out[n + r] = 1;
    return out;
  });
  for (let c = 0; c < n; c++) {
    const p = wide.findIndex((row, r) => r >= c && row[c] !== 0);
    const pivot = wide[p];
    const here = wide[c];
    if (!pivot || !here) return undefined;
    wide[p] = here;
    wide[c] = pivot;
    const scale = gf_inv(at(pivot, c));
    for (let i = 0; i < 2 * n; i++) pivot[i] = gf_mul(scale, at(pivot, i));
    for (const row of wide) {
      if (row !== pivot && row[c] !== 0) add_scaled(row, pivot, at(row, c));
    }
  }
  return wide.map((row) => row.slice(n));
}

/** `row * matrix`. */
export function gf_row_times(row: Uint8Array, matrix: GfMatrix): Uint8Array {
  const out = new Uint8Array(matrix[0]?.length ?? 0);
  for (const [j, m] of matrix.entries()) add_scaled(out, m, at(row, j));
  return out;
}
