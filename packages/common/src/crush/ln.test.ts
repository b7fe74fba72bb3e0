import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { crush_ln_table, make_ll, make_rh_lh } from "./ln.ts";

function sha256(values: Iterable<bigint>): string {
  const h = createHash("sha256");
  for (const v of values) {
    const b = Buffer.alloc(8);
    b.writeBigInt64LE(v);
    h.update(b);
  }
  return h.digest("hex");
}

describe("crush_ln", () => {
  it("has the tables that Ceph ships, to the bit", () => {
    const { rh, lh } = make_rh_lh();
    expect(sha256(rh.flatMap((r, i) => [r, lh[i] ?? 0n]))).toBe(
      "304b097c8de73930d785af5802b1f6b4e9827a69175038f910f6120565e8364c",
    );
    expect(sha256(make_ll())).toBe(
      "56fecbea65b1d35d0d20f0327d783a870652a56356e9a5326b6ab16d6c31b6ca",
    );
    expect(sha256([...crush_ln_table()].map(BigInt))).toBe(
      "c63bf688a6f74ec3f71e51c2af1a4dbae38b12944d502181ba6bb44dc0aa2196",
    );
  });
});
