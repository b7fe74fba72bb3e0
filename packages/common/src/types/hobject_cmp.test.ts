import fc from "fast-check";
import { expect, test } from "vitest";
import {
  bitreverse32,
  hobject_cmp,
  type hobject_parts_t,
  make_hobject,
  parse_hobject,
} from "./hobject.ts";

/** By the parts themselves, as peering.md §1 has it. */
function reference(a: hobject_parts_t, b: hobject_parts_t): number {
  const text = (x: string, y: string) => (x < y ? -1 : x > y ? 1 : 0);
  const snap = (s: string) => (s === "head" ? Number.POSITIVE_INFINITY : Number.parseInt(s, 16));
  return (
    a.pool - b.pool ||
    bitreverse32(a.hash) - bitreverse32(b.hash) ||
    text(a.nspace, b.nspace) ||
    text(a.key || a.oid, b.key || b.oid) ||
    text(a.oid, b.oid) ||
    (a.snap === b.snap ? 0 : snap(a.snap) - snap(b.snap))
  );
}

test("objects are in the order of their parts, however these are escaped", () => {
  // Few characters, so that names have beginnings in common; among them what is escaped, a character
  // of several bytes, one of two UTF-16 units, and bytes of it that stand alone.
  const char = fc.constantFrom(
    "a",
    "b",
    "B",
    "%",
    ":",
    "/",
    "_",
    "é",
    "€",
    "😀",
    "\udce2",
    "\udc82",
  );
  const name = fc.array(char, { maxLength: 4 }).map((c) => c.join(""));
  const part = fc.record({
    pool: fc.constantFrom(-12, -3, 1, 2, 10),
    hash: fc.constantFrom(0, 1, 0x10, 0x80000000, 0xffffffff),
    oid: name,
    nspace: name,
    key: name,
    snap: fc.constantFrom("head", "1", "a", "10"),
  });
  fc.assert(
    fc.property(part, part, fc.boolean(), fc.boolean(), (x, y, same_hash, no_key) => {
      const [a, b] = [
        x,
        { ...y, ...(same_hash && { pool: x.pool, hash: x.hash, nspace: x.nspace }) },
      ].map((p) => make_hobject({ ...p, ...(no_key && { key: "" }) }));
      const [pa, pb] = [a, b].map((h) => parse_hobject(h ?? ""));
      if (!a || !b || !pa || !pb) throw new Error("not parsed");
      expect(Math.sign(hobject_cmp(a, b))).toBe(Math.sign(reference(pa, pb)));
    }),
    { numRuns: 3000 },
  );
});
