/**
 * The work of erasure coding: outputs = matrix * inputs, byte by byte over whole chunks. Two ways to do
 * it with the same result: a WebAssembly SIMD module (region_wasm.ts) where the engine has it, typed
 * arrays elsewhere. docs/performance.md has the figures.
 * Ceph counterpart: jerasure_matrix_encode, isa-l's ec_encode_data.
 */
import { at, type GfMatrix, gf_mul } from "./gf256.ts";

/** Sets each output to its row's sum; inputs and outputs have one length and do not overlap. */
export type RegionCoder = (inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]) => void;

/** Input and output blocks of one turn stay in the processor's first cache. */
const BLOCK = 4096;

/** PRODUCTS[c][x] = c * x. */
const PRODUCTS: readonly Uint8Array[] = Array.from({ length: 256 }, (_, c) =>
  Uint8Array.from({ length: 256 }, (_, x) => gf_mul(c, x)),
);

/** The coder over typed arrays: one table look-up and one XOR per byte and coefficient. */
export function typed_array_coder(matrix: GfMatrix): RegionCoder {
  return (inputs, outputs) => {
    const length = outputs[0]?.length ?? 0;
    for (let start = 0; start < length; start += BLOCK) {
      const end = Math.min(start + BLOCK, length);
      for (const [r, out] of outputs.entries()) {
        const row = matrix[r];
        if (!row) continue;
        out.fill(0, start, end);
        for (const [j, input] of inputs.entries()) add_product(out, input, at(row, j), start, end);
      }
    }
  };
}

/** `out ^= c * input` on [start, end). */
function add_product(
  out: Uint8Array,
  input: Uint8Array,
  c: number,
  start: number,
  end: number,
): void {
  if (c === 0) return;
  if (c === 1) {
    for (let i = start; i < end; i++) out[i] = at(out, i) ^ at(input, i);
    return;
  }
  const table = PRODUCTS[c] ?? new Uint8Array(256);
  for (let i = start; i < end; i++) out[i] = at(out, i) ^ at(table, at(input, i));
}
