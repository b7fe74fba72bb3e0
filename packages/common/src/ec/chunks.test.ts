/** Chunks are Ceph's to the byte: testdata/ec/chunks.json says which program wrote them. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { create_erasure_code } from "./profile.ts";
import { ecutil_decode_concat, ecutil_encode, stripe_info_t } from "./stripe_info_t.ts";

interface CodeVector {
  readonly profile: Readonly<Record<string, string>>;
  readonly stripe_unit: number;
  readonly seed: number;
  readonly stripes: number;
  readonly coding: readonly string[];
}
interface SizeVector {
  readonly profile: Readonly<Record<string, string>>;
  readonly chunk_sizes: readonly (readonly [number, number])[];
}
const vectors: { readonly codes: readonly CodeVector[]; readonly sizes: readonly SizeVector[] } =
  JSON.parse(readFileSync(new URL("../../testdata/ec/chunks.json", import.meta.url), "utf8"));

function input(v: CodeVector, k: number): Uint8Array {
  let x = BigInt(v.seed);
  return Uint8Array.from({ length: k * v.stripe_unit * v.stripes }, () => {
    x = (x * 1103515245n + 12345n) & 0x7fffffffn;
    return Number((x >> 16n) & 0xffn);
  });
}
const named = <T extends { readonly profile: Readonly<Record<string, string>> }>(
  all: readonly T[],
) => all.map((v): [string, T] => [Object.values(v.profile).join(" "), v]);

describe("coding chunks", () => {
  test.each(named(vectors.codes))("%s", (_, v) => {
    const ec = create_erasure_code(new Map(Object.entries(v.profile)));
    const k = ec.get_data_chunk_count();
    const sinfo = new stripe_info_t(k, k * v.stripe_unit);
    const bytes = input(v, k);
    const shards = ecutil_encode(sinfo, ec, bytes);
    expect(shards.slice(k).map((c) => Buffer.from(c).toString("base64"))).toEqual(v.coding);
    // The last k of the k+m, so that as many data chunks as can be are made from coding chunks.
    const some = new Map([...shards.entries()].slice(-k));
    expect(ecutil_decode_concat(sinfo, ec, some)).toEqual({ bytes });
  });
});

test.each(named(vectors.sizes))("chunk sizes: %s", (_, v) => {
  const ec = create_erasure_code(new Map(Object.entries(v.profile)));
  expect(v.chunk_sizes.map(([n]) => [n, ec.get_chunk_size(n)])).toEqual(v.chunk_sizes);
});
