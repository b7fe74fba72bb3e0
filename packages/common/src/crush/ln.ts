/**
 * crush_ln: 2^44 * log2(u + 1) - 2^48 in fixed point, the numerator of a straw2 draw. Placement
 * has to equal Ceph's to the bit, so the table keeps the defects that Ceph's has.
 * Ceph counterpart: src/crush/crush_ln_table.h, mapper.c. cluster.md §2.2.
 */

/** floor(2^48 * log2(n / d)) for 1 <= n/d < 2, exact. */
function floor_log2(n: bigint, d: bigint): bigint {
  const FRACTION = 160n;
  const two = 2n << FRACTION;
  let z = (n << FRACTION) / d;
  let bits = 0n;
  for (let i = 0; i < 48; i++) {
    z = (z * z) >> FRACTION;
    bits <<= 1n;
    if (z >= two) {
      bits |= 1n;
      z >>= 1n;
    }
  }
  return bits;
}

// What Ceph's LL table has in excess of the formula: a common value, with these exceptions.
const LL_EXCESS = 0x147700000n;
const LL_EXACT = new Set([
  0, 1, 203, 216, 222, 233, 237, 238, 239, 243, 244, 245, 246, 248, 249, 250, 251, 252, 253, 254,
  255,
]);
const LL_ODD = new Map<number, bigint>([
  [56, 0x13ed9b9b0n],
  [127, 0x3a4f4285n],
  [134, 0xd5e895a5n],
  [181, 0xeee4abc5n],
  [184, 0x14340b8bfn],
  [188, 0x833eb34bn],
  [193, 0xe43eed13n],
  [198, 0x95ad3c32n],
  [199, 0x9f2a5b80n],
  [200, 0xe2f45e65n],
  [207, 0x12cbacd37n],
  [210, 0x1144d0710n],
  [212, 0xdac5961cn],
  [225, 0xbf46f5f9n],
  [227, 0x5a42d14an],
  [228, 0x9eac5357n],
  [229, 0x217cfafcn],
  [231, 0xd2d5723cn],
  [235, 0x121cb06ebn],
  [236, 0x13ac6617an],
  [240, 0x9df6bfddn],
  [241, 0xfa8d3579n],
  [247, 0x15955a58n],
]);

/** RH and LH of k = 128..256, at k - 128. */
export function make_rh_lh(): { rh: bigint[]; lh: bigint[] } {
  const rh: bigint[] = [];
  const lh: bigint[] = [];
  for (let k = 128n; k <= 256n; k++) {
    rh.push(((1n << 55n) + k - 1n) / k);
    lh.push(k === 256n ? 0xffff00000000n : floor_log2(k, 128n));
  }
  return { rh, lh };
}
export function make_ll(): bigint[] {
  const ll: bigint[] = [];
  for (let t = 0; t < 256; t++) {
    const excess = LL_EXACT.has(t) ? 0n : (LL_ODD.get(t) ?? LL_EXCESS);
    ll.push(floor_log2(32768n + BigInt(t), 32768n) + excess);
  }
  return ll;
}

function make_lnv(): Float64Array {
  const { rh, lh } = make_rh_lh();
  const rh_hi = rh.map((v) => Number(v >> 24n));
  const rh_lo = rh.map((v) => Number(v & 0xffffffn));
  const lh_n = lh.map(Number);
  const ll_n = make_ll().map(Number);
  const lnv = new Float64Array(0x10000);
  for (let u = 0; u < 0x10000; u++) {
    let x = u + 1;
    let e = 15;
    for (; (x & 0x18000) === 0; e--) x <<= 1;
    const k = (x >> 8) - 128;
    // (x * RH[k]) >> 48 in two halves, each of which a double holds exactly.
    const low = Math.floor((x * (rh_lo[k] ?? 0)) / 2 ** 24);
    const t = Math.floor((x * (rh_hi[k] ?? 0) + low) / 2 ** 24) & 0xff;
    lnv[u] = e * 2 ** 44 + Math.floor(((lh_n[k] ?? 0) + (ll_n[t] ?? 0)) / 16) - 2 ** 48;
  }
  return lnv;
}

let table: Float64Array | undefined;
/**
 * The 65536 values, built on first use (some ms). They are integers in [-2^48, 0): a double holds
 * them exactly, and trunc(v / w) of doubles is the 64-bit quotient for every 1 <= w < 2^32.
 */
export function crush_ln_table(): Float64Array {
  table ??= make_lnv();
  return table;
}
