/** The two coders are one function: SIMD gives what typed arrays give, and those what the field says. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gf_div, gf_inv, gf_invert, gf_mul, gf_row_times } from "./gf256.ts";
import { type RegionCoder, typed_array_coder } from "./region.ts";
import { wasm_coder } from "./region_wasm.ts";

/** Multiplication by the book: shift and add, reduced by 0x11d. */
function slow_mul(a: number, b: number): number {
  let sum = 0;
  for (let bit = 0; bit < 8; bit++) if (b & (1 << bit)) sum ^= a << bit;
  for (let bit = 15; bit >= 8; bit--) if (sum & (1 << bit)) sum ^= 0x11d << (bit - 8);
  return sum;
}

test("products, quotients and inverses in GF(2^8)", () => {
  for (let a = 0; a < 256; a++) {
    for (let b = 0; b < 256; b++) {
      if (gf_mul(a, b) !== slow_mul(a, b)) expect.fail(`${a} * ${b}`);
      if (b !== 0 && gf_div(gf_mul(a, b), b) !== a) expect.fail(`${a} * ${b} / ${b}`);
    }
  }
  expect(() => gf_inv(0)).toThrow(/no inverse/);
});

test("a matrix times its inverse is the identity; a singular one has none", () => {
  const byte = fc.nat(255);
  const square = fc
    .integer({ min: 1, max: 8 })
    .chain((n) =>
      fc.array(fc.uint8Array({ minLength: n, maxLength: n }), { minLength: n, maxLength: n }),
    );
  fc.assert(
    fc.property(square, (m) => {
      const inverse = gf_invert(m);
      if (!inverse) return;
      for (const [r, row] of m.entries()) {
        expect([...gf_row_times(row, inverse)]).toEqual(m.map((_, c) => (c === r ? 1 : 0)));
      }
    }),
    { numRuns: 200, seed: 1 },
  );
  fc.assert(
    fc.property(byte, byte, byte, (a, b, c) => {
      expect(gf_invert([Uint8Array.of(a, b), Uint8Array.of(gf_mul(a, c), gf_mul(b, c))])).toBe(
        undefined,
      );
    }),
    { numRuns: 50, seed: 1 },
  );
});

describe("coders", () => {
  const run = (coder: RegionCoder, inputs: Uint8Array[], rows: number) => {
    const size = inputs[0]?.length ?? 0;
    // Old bytes in the outputs must not matter.
    const outputs = Array.from({ length: rows }, () => new Uint8Array(size).fill(0xaa));
    coder(inputs, outputs);
    return outputs;
  };

  test("typed arrays: every coefficient with every byte", () => {
    const all = Uint8Array.from({ length: 256 }, (_, x) => x);
    const matrix = Array.from({ length: 256 }, (_, c) => Uint8Array.of(c));
    const out = run(typed_array_coder(matrix), [all], 256);
    expect(out).toEqual(matrix.map((_, c) => all.map((x) => slow_mul(c, x))));
  });

  test("SIMD gives the same, for any shape and length", () => {
    const shape = fc.record({
      rows: fc.integer({ min: 1, max: 11 }),
      columns: fc.integer({ min: 1, max: 20 }),
      size: fc.oneof(fc.nat(100), fc.integer({ min: 8100, max: 8300 }), fc.nat(20_000)),
      seed: fc.nat(1 << 20),
    });
    fc.assert(
      fc.property(shape, ({ rows, columns, size, seed }) => {
        let x = seed + 1;
        const noise = (n: number) =>
          Uint8Array.from({ length: n }, () => {
            x = (Math.imul(x, 1664525) + 1013904223) | 0;
            return x >>> 24;
          });
        const matrix = Array.from({ length: rows }, () => noise(columns));
        // Chunks that begin anywhere in a buffer, as they come from messages.
        const inputs = Array.from({ length: columns }, (_, i) => noise(size + i).subarray(i));
        const simd = wasm_coder(matrix);
        if (!simd) return expect.fail("this engine has no WebAssembly SIMD");
        const [fast, plain] = [simd, typed_array_coder(matrix)].map((c) => run(c, inputs, rows));
        for (const [r, out] of (fast ?? []).entries()) {
          if (!Buffer.from(out).equals(plain?.[r] ?? out.subarray(1))) expect.fail(`row ${r}`);
        }
      }),
      { numRuns: 40, seed: 3 },
    );
  });

  test("two coders share one memory, and do not see each other", () => {
    const [narrow, wide] = [
      wasm_coder([Uint8Array.of(3)]),
      wasm_coder([new Uint8Array(64).fill(7)]),
    ];
    if (!narrow || !wide) return expect.fail("this engine has no WebAssembly SIMD");
    const one = Uint8Array.of(1, 2, 3);
    const before = run(narrow, [one], 1);
    run(
      wide,
      Array.from({ length: 64 }, () => new Uint8Array(9000).fill(9)),
      1,
    );
    expect(run(narrow, [one], 1)).toEqual(before);
    expect(before).toEqual([one.map((x) => slow_mul(3, x))]);
  });
});
