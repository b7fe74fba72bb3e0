/**
 * The coding matrices of Ceph's plugins: m rows of k coefficients, coding chunk r is the sum over j of
 * matrix[r][j] * data chunk j. Which matrix decides every byte on disk, so each is made exactly as the
 * library makes it; testdata/ec holds chunks that the libraries wrote.
 * Ceph counterpart: jerasure's reed_sol.c and cauchy.c, isa-l's erasure_code/ec_base.c.
 */
import { invariant } from "../errors.ts";
import { at, type GfMatrix, gf_inv, gf_mul } from "./gf256.ts";

/**
 * jerasure reed_sol_van. An extended Vandermonde matrix of k+m rows (first row 1 0 0.., last row
 * 0 0 ..1, row i between: the powers of i) is brought by column operations to an identity on top; these
 * keep every k rows independent. Then columns and rows below are scaled so that the first coding row
 * and the first column are all ones: the first coding chunk is a plain XOR.
 */
export function jerasure_reed_sol_van(k: number, m: number): GfMatrix {
  const rows = extended_vandermonde(k + m, k);
  for (let i = 1; i < k; i++) {
    const j = rows.findIndex((row, r) => r >= i && row[i] !== 0);
    const [a, b] = [rows[i], rows[j]];
    invariant(a && b, "reed_sol_van: no pivot", { k, m, column: i });
    rows[i] = b;
    rows[j] = a;
    scale_column(rows, i, gf_inv(at(b, i)));
    for (let c = 0; c < k; c++) {
      const factor = at(b, c);
      if (c !== i && factor !== 0) add_column(rows, c, i, factor);
    }
  }
  const coding = rows.slice(k);
  const first = coding[0] ?? new Uint8Array(k);
  for (let c = 0; c < k; c++) scale_column(coding, c, gf_inv(at(first, c)));
  for (const row of coding.slice(1)) {
    const scale = gf_inv(at(row, 0));
    for (let c = 0; c < k; c++) row[c] = gf_mul(at(row, c), scale);
  }
  return coding;
}

function extended_vandermonde(rows: number, k: number): Uint8Array[] {
  return Array.from({ length: rows }, (_, i) => {
    const row = new Uint8Array(k);
    if (i === 0) row[0] = 1;
    else if (i === rows - 1) row[k - 1] = 1;
    else {
      for (let c = 0, power = 1; c < k; c++) {
        row[c] = power;
        power = gf_mul(power, i);
      }
    }
    return row;
  });
}

function scale_column(rows: readonly Uint8Array[], c: number, by: number): void {
  for (const row of rows) row[c] = gf_mul(at(row, c), by);
}

/** Column `c` += factor * column `from`. */
function add_column(rows: readonly Uint8Array[], c: number, from: number, factor: number): void {
  for (const row of rows) row[c] = at(row, c) ^ gf_mul(factor, at(row, from));
}

/** jerasure reed_sol_r6_op: P is the XOR, Q weighs data chunk j with 2^j, as RAID-6. */
export function jerasure_reed_sol_r6_op(k: number): GfMatrix {
  return isa_reed_sol_van(k, 2);
}

/** isa reed_sol_van: coding row r is the powers of 2^r. Not invertible for every k, m: see profile.ts. */
export function isa_reed_sol_van(k: number, m: number): GfMatrix {
  let generator = 1;
  return Array.from({ length: m }, () => {
    const row = new Uint8Array(k);
    for (let c = 0, power = 1; c < k; c++) {
      row[c] = power;
      power = gf_mul(power, generator);
    }
    generator = gf_mul(generator, 2);
    return row;
  });
}

/** isa cauchy: 1 / (i xor j), i counted from k on. With one coding chunk isa writes a plain XOR. */
export function isa_cauchy(k: number, m: number): GfMatrix {
  if (m === 1) return [new Uint8Array(k).fill(1)];
  return Array.from({ length: m }, (_, r) =>
    Uint8Array.from({ length: k }, (_, c) => gf_inv((k + r) ^ c)),
  );
}

/** jerasure cauchy_orig: 1 / (row xor (m + column)). */
export function jerasure_cauchy_orig(k: number, m: number): Uint8Array[] {
  return Array.from({ length: m }, (_, r) =>
    Uint8Array.from({ length: k }, (_, c) => gf_inv(r ^ (m + c))),
  );
}

/**
 * jerasure cauchy_good: scaled so that few bits are set, for each bit is an XOR of packets. With two
 * coding chunks: ones, then the k elements with the fewest bits. Otherwise cauchy_orig with its first
 * row scaled to ones, then each row divided by that one of its elements which leaves the fewest bits.
 */
export function jerasure_cauchy_good(k: number, m: number): GfMatrix {
  if (m === 2) {
    const best = Array.from({ length: 255 }, (_, i) => i + 1).sort(
      (a, b) => ones_of(a) - ones_of(b) || a - b,
    );
    return [new Uint8Array(k).fill(1), Uint8Array.from(best.slice(0, k))];
  }
  const rows = jerasure_cauchy_orig(k, m);
  const first = rows[0] ?? new Uint8Array(k);
  for (let c = 0; c < k; c++) scale_column(rows, c, gf_inv(at(first, c)));
  const ones_in = (row: Uint8Array) => row.reduce((sum, e) => sum + ones_of(e), 0);
  return rows.map((row, r) => {
    if (r === 0) return row;
    let best = row;
    for (const e of row) {
      const scaled = row.map((x) => gf_mul(x, gf_inv(e)));
      if (ones_in(scaled) < ones_in(best)) best = scaled;
    }
    return best;
  });
}

/** The bits set in the eight by eight matrix that stands for `e`. */
function ones_of(e: number): number {
  let ones = 0;
  for (let x = 0; x < 8; x++) {
    for (let bits = gf_mul(e, 1 << x); bits !== 0; bits >>= 1) ones += bits & 1;
  }
  return ones;
}
