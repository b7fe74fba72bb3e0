/** Any k of the k+m chunks give all of them back, and nothing else is passed off as a chunk. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvariantError } from "../errors.ts";
import type { DecodeResult, ErasureCode } from "./ErasureCode.ts";
import { create_erasure_code } from "./profile.ts";

function code(words: string): ErasureCode {
  return create_erasure_code(
    new Map(words.split(" ").map((w) => [w.slice(0, w.indexOf("=")), w.slice(w.indexOf("=") + 1)])),
  );
}
const JERASURE = "plugin=jerasure technique=reed_sol_van";

/** Chunks with every byte value in some order; the coding chunks made by the code. */
function chunks_of(ec: ErasureCode, size: number, seed = 1): Uint8Array[] {
  const chunks = Array.from({ length: ec.get_chunk_count() }, (_, i) =>
    Uint8Array.from({ length: size }, (_, x) => (x * 167 + i * 29 + (x >> 8) + seed) & 0xff),
  );
  const k = ec.get_data_chunk_count();
  ec.encode_chunks(chunks.slice(0, k), chunks.slice(k));
  return chunks;
}
function without(chunks: readonly Uint8Array[], lost: ReadonlySet<number>) {
  return new Map([...chunks.entries()].filter(([i]) => !lost.has(i)));
}
/** Faster than toEqual, of which there would be thousands. */
function expect_chunks(r: DecodeResult, chunks: readonly Uint8Array[], ids: Iterable<number>) {
  if ("error" in r) return expect.fail(r.why);
  expect([...r.chunks.keys()]).toEqual([...ids].sort((a, b) => a - b));
  for (const [i, c] of r.chunks) {
    if (!Buffer.from(c).equals(chunks[i] ?? c.subarray(1))) expect.fail(`chunk ${i} is wrong`);
  }
}
function all_ids(ec: ErasureCode): number[] {
  return Array.from({ length: ec.get_chunk_count() }, (_, i) => i);
}

describe("every pattern of lost chunks", () => {
  const codes = [
    ...["k=2 m=1", "k=2 m=2", "k=3 m=2", "k=4 m=2", "k=3 m=3", "k=5 m=3"].flatMap((km) => [
      `${JERASURE} ${km}`,
      `plugin=isa ${km}`,
      `plugin=isa technique=cauchy ${km}`,
      `plugin=jerasure technique=cauchy_good packetsize=8 ${km}`,
    ]),
    "plugin=jerasure technique=reed_sol_r6_op k=6 m=2",
    "plugin=jerasure technique=cauchy_orig packetsize=8 k=4 m=3",
    `${JERASURE} k=8 m=4`,
    "plugin=isa k=8 m=4",
  ];
  test.each(codes)("%s", (words) => {
    const ec = code(words);
    const chunks = chunks_of(ec, 64);
    const n = chunks.length;
    for (let mask = 0; mask < 1 << n; mask++) {
      const lost = new Set(all_ids(ec).filter((i) => mask & (1 << i)));
      const r = ec.decode(all_ids(ec), without(chunks, lost));
      if (lost.size > ec.get_coding_chunk_count()) expect(r).toMatchObject({ error: "EIO" });
      else expect_chunks(r, chunks, all_ids(ec));
    }
  });
});

test("any k of k+m, of any length, for wide codes", () => {
  const wide = fc.constantFrom(
    `${JERASURE} k=10 m=4`,
    `${JERASURE} k=20 m=12`,
    `${JERASURE} k=60 m=20`,
    "plugin=isa k=21 m=4",
    "plugin=isa k=32 m=3",
    "plugin=isa technique=cauchy k=30 m=20",
    "plugin=jerasure technique=reed_sol_r6_op k=40 m=2",
  );
  fc.assert(
    fc.property(
      wide,
      fc.integer({ min: 1, max: 9000 }),
      fc.nat(),
      fc.nat(),
      (words, size, a, b) => {
        const ec = code(words);
        const chunks = chunks_of(ec, size, a);
        const n = chunks.length;
        const m = ec.get_coding_chunk_count();
        // m ids that a stride from a start picks, all distinct as the stride has no factor of n.
        const stride = 1 + (b % n);
        const lost = new Set<number>();
        for (let i = a % n; lost.size < m; i = (i + stride) % n) {
          if (lost.has(i)) i = (i + 1) % n;
          lost.add(i);
        }
        const r = ec.decode(lost, without(chunks, lost));
        const want = new Map([...lost].sort((x, y) => x - y).map((i) => [i, chunks[i]]));
        expect(r).toEqual({ chunks: want });
      },
    ),
    { numRuns: 30, seed: 7 },
  );
});

describe("minimum_to_decode", () => {
  const ec = code(`${JERASURE} k=4 m=2`);
  test.each([
    [[0], [0, 1, 2, 3, 4, 5], [0]],
    [
      [3, 1],
      [1, 3],
      [1, 3],
    ],
    [[0], [1, 2, 3, 4, 5], [1, 2, 3, 4]],
    [
      [0, 5],
      [5, 4, 3, 2, 1],
      [1, 2, 3, 4],
    ],
    [[0], [1, 2, 3], undefined],
    [[0, 1], [0, 2, 3], undefined],
    [[], [], []],
  ])("want %j of %j: %j", (want, available, chunks) => {
    expect(ec.minimum_to_decode(want, available)).toEqual(chunks);
  });
});

describe("what is refused", () => {
  const ec = code(`${JERASURE} k=2 m=1`);
  const bytes = (n: number) => new Uint8Array(n);
  test("chunks of unequal length are the disk's or the peer's fault", () => {
    const chunks = new Map([
      [1, bytes(32)],
      [2, bytes(31)],
    ]);
    expect(ec.decode([0], chunks)).toEqual({
      error: "EINVAL",
      why: "chunk 2 has 31 bytes, another one 32",
    });
    // Also when what is wanted is there: a wrong length says that one of them is not the chunk.
    expect(ec.decode([1], chunks)).toMatchObject({ error: "EINVAL" });
  });
  test("a chunk that is not whole packets", () => {
    const cauchy = code("plugin=jerasure technique=cauchy_good packetsize=8 k=2 m=1");
    const chunks = new Map([
      [1, bytes(96)],
      [2, bytes(96)],
    ]);
    expect(cauchy.decode([0], chunks)).toEqual({
      error: "EINVAL",
      why: "a chunk of 96 bytes is not a multiple of 64",
    });
  });
  test("to encode other than k and m chunks of one length, or a chunk id that is none, is our fault", () => {
    expect(() => ec.encode_chunks([bytes(8)], [bytes(8)])).toThrow(InvariantError);
    expect(() => ec.encode_chunks([bytes(8), bytes(9)], [bytes(8)])).toThrow(InvariantError);
    expect(() => ec.encode_chunks([bytes(8), bytes(8)], [bytes(7)])).toThrow(InvariantError);
    expect(() => ec.decode([3], new Map([[0, bytes(8)]]))).toThrow(InvariantError);
    expect(() => ec.minimum_to_decode([0], [0, -1])).toThrow(InvariantError);
  });
});

test("nothing to do: no bytes, or chunks that are all there and passed on uncopied", () => {
  const ec = code(`${JERASURE} k=2 m=1`);
  const none = chunks_of(ec, 0);
  expect(ec.decode([0], without(none, new Set([0])))).toEqual({
    chunks: new Map([[0, new Uint8Array(0)]]),
  });
  const chunks = chunks_of(ec, 32);
  const r = ec.decode([1], without(chunks, new Set()));
  expect("chunks" in r && r.chunks.get(1)).toBe(chunks[1]);
});
