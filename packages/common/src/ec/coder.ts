/** Which way a matrix is applied: to bytes, or to packets of bits; by SIMD where the engine has it. */
import { type GfMatrix, gf_mul } from "./gf256.ts";
import { type RegionCoder, typed_array_coder } from "./region.ts";
import { wasm_coder } from "./region_wasm.ts";

export function region_coder(matrix: GfMatrix): RegionCoder {
  return wasm_coder(matrix) ?? typed_array_coder(matrix);
}

/** Bits of a symbol, and so packets of a chunk's turn. */
const WORD = 8;

/**
 * The coder of jerasure's Cauchy techniques: a chunk is cut into groups of eight packets, and a
 * coefficient is a matrix of eight by eight bits that says which packets are XORed. The inverse over
 * GF(2^8) stands for the inverse over bits, so decoding needs no arithmetic of its own.
 * Ceph counterpart: jerasure_matrix_to_bitmatrix, jerasure_schedule_encode.
 */
export function bitmatrix_coder(matrix: GfMatrix, packetsize: number): RegionCoder {
  const coder = region_coder(to_bitmatrix(matrix));
  return (inputs, outputs) => {
    const length = outputs[0]?.length ?? 0;
    for (let start = 0; start < length; start += WORD * packetsize) {
      const packets = (chunk: Uint8Array) =>
        Array.from({ length: WORD }, (_, i) => {
          const from = start + i * packetsize;
          return chunk.subarray(from, from + packetsize);
        });
      coder(inputs.flatMap(packets), outputs.flatMap(packets));
    }
  };
}

/** Column x of the bits of a coefficient c is the bits of c * 2^x. */
function to_bitmatrix(matrix: GfMatrix): GfMatrix {
  return matrix.flatMap((row) =>
    Array.from({ length: WORD }, (_, bit) =>
      Uint8Array.from(
        [...row].flatMap((c) =>
          Array.from({ length: WORD }, (_, x) => (gf_mul(c, 1 << x) >> bit) & 1),
        ),
      ),
    ),
  );
}
