/**
 * CRC-32C (Castagnoli), eight bytes a step.
 * Ceph counterpart: ceph_crc32c (src/common/crc32c.h), here with the usual inversion at both ends.
 */
const TABLES: readonly Uint32Array[] = make_tables();

function make_tables(): Uint32Array[] {
  const t0 = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    t0[i] = c;
  }
  const tables = [t0];
  // Table k: the effect of a byte that is followed by k others.
  for (let k = 1; k < 8; k++) {
    const prev = tables[k - 1] ?? t0;
    tables.push(prev.map((c) => (c >>> 8) ^ (t0[c & 0xff] ?? 0)));
  }
  return tables;
}

// biome-ignore format: one line of names
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [
  Uint32Array, Uint32Array, Uint32Array, Uint32Array,
  Uint32Array, Uint32Array, Uint32Array, Uint32Array,
];

/** CRC-32C of `data` from byte `from` on, u32. `seed` continues an earlier one. */
export function crc32c(data: Uint8Array, seed = 0, from = 0): number {
  let c = ~seed;
  const n = data.length;
  let i = from;
  for (; i + 8 <= n; i += 8) {
    c ^= at(data, i) | (at(data, i + 1) << 8) | (at(data, i + 2) << 16) | (at(data, i + 3) << 24);
    c =
      at(T7, c & 0xff) ^
      at(T6, (c >>> 8) & 0xff) ^
      at(T5, (c >>> 16) & 0xff) ^
      at(T4, c >>> 24) ^
      at(T3, at(data, i + 4)) ^
      at(T2, at(data, i + 5)) ^
      at(T1, at(data, i + 6)) ^
      at(T0, at(data, i + 7));
  }
  for (; i < n; i++) c = (c >>> 8) ^ at(T0, (c ^ at(data, i)) & 0xff);
  return ~c >>> 0;
}

function at(t: Uint8Array | Uint32Array, i: number): number {
  return t[i] ?? 0;
}
