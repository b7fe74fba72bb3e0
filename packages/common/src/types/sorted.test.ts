import fc from "fast-check";
import { expect, test } from "vitest";
import { sort_few } from "./sorted.ts";

test("sort_few does what sort does, in place, however long the list", () => {
  const item = fc.record({ key: fc.integer({ min: 0, max: 5 }), n: fc.nat() });
  fc.assert(
    fc.property(fc.array(item, { maxLength: 40 }), (list) => {
      const by_key = (a: { key: number }, b: { key: number }) => a.key - b.key;
      const mine = [...list];
      expect(sort_few(mine, by_key)).toBe(mine);
      expect(mine).toEqual([...list].sort(by_key));
    }),
  );
});
