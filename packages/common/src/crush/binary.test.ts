import { describe, expect, it } from "vitest";
import { crush_decode, crush_encode } from "../osdmap/encode_crush.ts";
import { MapError } from "../osdmap/MapError.ts";
import { decode_crush_binary, encode_crush_binary } from "./binary.ts";
import { crush_vectors, from_base64 } from "./testing/vectors.ts";

const vectors = crush_vectors();
const by_id = (id: string) => {
  const v = vectors.find((x) => x.id === id);
  return from_base64(v?.binary_base64 ?? "");
};
/** Map with host a (-1: osd.0, osd.1) and root r (-2: a); bucket -1 is at byte 16. */
const small = by_id("crush-hosts-straw2-a");
const ROOT_AT = 16 + (4 + 16 + 4 + 4 * 8) * 3;

function changed(at: number, ...bytes: number[]): Uint8Array {
  const out = small.slice();
  out.set(bytes, at);
  return out;
}
function refusal(bytes: Uint8Array): string {
  try {
    decode_crush_binary(bytes);
  } catch (e) {
    if (e instanceof MapError) return e.message;
    throw e;
  }
  return "";
}

describe("the binary CRUSH map", () => {
  it.each(vectors.map((v) => [v.id, v] as const))("%s comes back to the byte", (_, v) => {
    const bytes = from_base64(v.binary_base64);
    const c = decode_crush_binary(bytes);
    expect(c.dump()).toEqual(v.crush_dump);
    expect(encode_crush_binary(c)).toEqual(bytes);
    // Also by way of our own encoding, which is how it gets through a cluster.
    expect(encode_crush_binary(crush_decode(crush_encode(c)))).toEqual(bytes);
  });

  it.each(["crush-choose-args-a", "crush-tree-buckets-a", "crush-uniform-buckets-a"])(
    "%s is refused wherever it is cut off",
    (id) => {
      const bytes = by_id(id);
      for (let n = 0; n < bytes.length; n++) {
        expect(() => decode_crush_binary(bytes.subarray(0, n))).toThrow(/ \(at byte \d+ of \d+\)$/);
      }
      expect(() => decode_crush_binary(new Uint8Array([...bytes, 0]))).toThrow(/1 bytes too many/);
    },
  );

  it("takes what older releases wrote, when told that it may be older", () => {
    const c = decode_crush_binary(small);
    // Without the sections of luminous: three empty maps and no choose_args.
    const jewel = small.subarray(0, small.length - 16);
    expect(refusal(jewel)).toMatch(/before luminous/);
    const older = decode_crush_binary(jewel, { allow_older: true });
    expect(older.dump()).toEqual(c.dump());
    expect(encode_crush_binary(older)).toEqual(jewel);
    // Without any tunables: those of argonaut.
    const oldest = small.subarray(0, small.length - 16 - 23);
    const t = decode_crush_binary(oldest, { allow_older: true }).map.tunables;
    expect(t).toMatchObject({ choose_total_tries: 19, chooseleaf_stable: 0 });
  });

  it("keeps straws that are not those of its weights", () => {
    const v = vectors.find((x) => x.id === "crush-straw-buckets-calc0-a");
    const bytes = from_base64(v?.binary_base64 ?? "");
    const c = decode_crush_binary(bytes);
    const host = c.map.buckets.get(-1);
    // magic and sizes, then of the bucket: alg, id, type, alg and hash, weight, items, a weight.
    const straw_at = 16 + 4 + 4 + 4 + 4 + 4 + 4 * (host?.items.length ?? 0) + 4;
    bytes[straw_at + 2] = (bytes[straw_at + 2] ?? 0) + 4;
    const odd = decode_crush_binary(bytes);
    expect(odd.map.buckets.get(-1)?.derived).toHaveLength(host?.items.length ?? 0);
    expect(encode_crush_binary(odd)).toEqual(bytes);
    expect(encode_crush_binary(crush_decode(crush_encode(odd)))).toEqual(bytes);
    const weights = odd.map.class_map.size === 0 ? new Array(64).fill(0x10000) : [];
    const runs = (m: typeof c) =>
      Array.from({ length: 200 }, (_, x) => m.do_rule(0, x, 3, weights));
    expect(runs(odd)).not.toEqual(runs(c));
  });

  it("names the byte at which a map is wrong", () => {
    expect(refusal(changed(0, 7))).toMatch(/wrong magic number \(at byte 0 /);
    expect(refusal(changed(4, 0xff, 0xff, 0xff, 0x7f))).toMatch(
      /max_buckets 2147483647 .* byte 4 /,
    );
    expect(refusal(changed(16, 9))).toMatch(/bucket -1: unknown algorithm 9 \(at byte 26 /);
    expect(refusal(changed(26, 9))).toMatch(/bucket -1: unknown algorithm 9 \(at byte 26 /);
    expect(refusal(changed(20, 0xfe))).toMatch(/bucket -2 in the place of bucket -1 \(at byte 20 /);
    expect(refusal(changed(24, 0))).toMatch(/bucket -1 has the type of a device \(at byte 16 /);
    expect(refusal(changed(27, 3))).toMatch(/bucket -1: unknown hash 3 \(at byte 27 /);
    expect(refusal(changed(36, 99))).toMatch(/bucket -1: no item 99 \(at byte 16 /);
  });
  it("refuses numbers that would have a search go on for years", () => {
    // The tunables are before the three maps of classes and the number of choose_args sets.
    const tunables_at = small.length - 16 - 23;
    expect(refusal(changed(tunables_at + 3, 0x10))).toMatch(
      /choose_local_tries 268435456 is above/,
    );
    expect(refusal(changed(tunables_at + 9, 0x80))).toMatch(/choose_total_tries 32818 is above/);
  });
  it("refuses a bucket that contains itself", () => {
    // The first item of a host becomes a host: itself, or one that holds it in turn.
    expect(refusal(changed(36, 0xff, 0xff, 0xff, 0xff))).toMatch(/bucket -1 contains itself/);
    const root = changed(36, 0xfc, 0xff, 0xff, 0xff);
    expect(ROOT_AT).toBeLessThan(small.length);
    expect(refusal(root)).toMatch(/contains itself \(at byte \d+ /);
  });
});
