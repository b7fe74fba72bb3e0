/** Offsets of stripes and chunks, and whole extents to shards and back. */
import { expect, test } from "vitest";
import { InvariantError } from "../errors.ts";
import { create_erasure_code } from "./profile.ts";
import { ecutil_decode_concat, ecutil_encode, stripe_info_t } from "./stripe_info_t.ts";

const profile = new Map(
  Object.entries({ plugin: "jerasure", technique: "reed_sol_van", k: "3", m: "2" }),
);

test("logical and chunk offsets", () => {
  const s = new stripe_info_t(3, 300);
  expect([s.get_stripe_width(), s.get_chunk_size()]).toEqual([300, 100]);
  expect([0, 1, 299, 300, 301, 650].map((o) => s.logical_to_prev_chunk_offset(o))).toEqual([
    0, 0, 0, 100, 100, 200,
  ]);
  expect([0, 1, 299, 300, 301, 650].map((o) => s.logical_to_next_chunk_offset(o))).toEqual([
    0, 100, 100, 100, 200, 300,
  ]);
  expect([0, 1, 300, 301].map((o) => s.logical_to_prev_stripe_offset(o))).toEqual([0, 0, 300, 300]);
  expect([0, 1, 300, 301].map((o) => s.logical_to_next_stripe_offset(o))).toEqual([
    0, 300, 300, 600,
  ]);
  expect([0, 1, 300].map((o) => s.logical_offset_is_stripe_aligned(o))).toEqual([
    true,
    false,
    true,
  ]);
  expect(s.aligned_logical_offset_to_chunk_offset(900)).toBe(300);
  expect(s.aligned_chunk_offset_to_logical_offset(300)).toBe(900);
  expect(s.aligned_offset_len_to_chunk({ offset: 300, length: 600 })).toEqual({
    offset: 100,
    length: 200,
  });
  expect(() => s.aligned_logical_offset_to_chunk_offset(1)).toThrow(InvariantError);
  expect(() => s.aligned_chunk_offset_to_logical_offset(99)).toThrow(InvariantError);
  expect(() => new stripe_info_t(3, 301)).toThrow(InvariantError);
});

test("the stripes that an extent touches", () => {
  const s = new stripe_info_t(2, 64);
  const bounds = (offset: number, length: number) => {
    const e = s.offset_len_to_stripe_bounds({ offset, length });
    return [e.offset, e.length];
  };
  expect(bounds(0, 64)).toEqual([0, 64]);
  expect(bounds(63, 1)).toEqual([0, 64]);
  expect(bounds(63, 2)).toEqual([0, 128]);
  expect(bounds(70, 58)).toEqual([64, 64]);
  expect(bounds(70, 0)).toEqual([64, 64]);
  expect(bounds(64, 0)).toEqual([64, 0]);
});

test("beyond four gigabytes offsets stay exact", () => {
  const s = new stripe_info_t(3, 3 * 4096);
  const far = 12288 * 2 ** 33;
  expect(s.logical_to_prev_chunk_offset(far + 5)).toBe(4096 * 2 ** 33);
  expect(s.logical_to_prev_stripe_offset(far + 5)).toBe(far);
});

test("stripes are dealt out to shards, and come back from any three", () => {
  const ec = create_erasure_code(profile);
  const s = new stripe_info_t(3, 96);
  const bytes = Uint8Array.from({ length: 960 }, (_, i) => (i * 31 + (i >> 5)) & 0xff);
  const shards = ecutil_encode(s, ec, bytes);
  expect(shards.map((x) => x.length)).toEqual([320, 320, 320, 320, 320]);
  expect(shards[1]?.subarray(32, 64)).toEqual(bytes.subarray(96 + 32, 96 + 64));
  for (const lost of [
    [0, 1],
    [0, 4],
    [2, 3],
    [3, 4],
  ]) {
    const some = new Map([...shards.entries()].filter(([i]) => !lost.includes(i)));
    expect(ecutil_decode_concat(s, ec, some)).toEqual({ bytes });
  }
});

test("what does not fit", () => {
  const ec = create_erasure_code(profile);
  const s = new stripe_info_t(3, 96);
  expect(() => ecutil_encode(s, ec, new Uint8Array(95))).toThrow(InvariantError);
  const odd = new Map([0, 1, 2].map((i) => [i, new Uint8Array(33)]));
  expect(ecutil_decode_concat(s, ec, odd)).toEqual({
    error: "EINVAL",
    why: "a shard is not whole chunks",
  });
  odd.delete(0);
  expect(ecutil_decode_concat(s, ec, odd)).toMatchObject({ error: "EIO" });
});
