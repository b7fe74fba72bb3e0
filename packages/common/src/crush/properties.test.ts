/** What must hold of every CRUSH map, whatever form it is in. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decode_crush_binary, encode_crush_binary } from "./binary.ts";
import type { CrushWrapper } from "./CrushWrapper.ts";
import { compile_crush } from "./compile.ts";
import { decompile_crush } from "./decompile.ts";
import { crush_from_dump } from "./load.ts";
import { random_crush_text } from "./testing/random_map.ts";

const crush_text = fc.nat().map(random_crush_text);

function mappings(c: CrushWrapper): readonly number[][] {
  const weights = Array.from({ length: c.map.max_devices }, (_, o) => (o % 5 ? 0x10000 : 0x4000));
  return [...c.map.rules.keys()].flatMap((rule) =>
    Array.from({ length: 12 }, (_, x) => [...c.do_rule(rule, x, 3, weights, x % 2)]),
  );
}

describe("any CRUSH map", () => {
  it("compiled, decompiled and compiled is the same map, and its text the same text", () => {
    fc.assert(
      fc.property(crush_text, (text) => {
        const c = compile_crush(text);
        const printed = decompile_crush(c);
        const again = compile_crush(printed);
        expect(decompile_crush(again)).toBe(printed);
        expect(again.dump()).toEqual(c.dump());
        expect(mappings(again)).toEqual(mappings(c));
      }),
      { numRuns: 300 },
    );
  });
  it("comes back from its bytes, and its bytes from it", () => {
    fc.assert(
      fc.property(crush_text, (text) => {
        const c = compile_crush(text);
        const bytes = encode_crush_binary(c);
        const again = decode_crush_binary(bytes);
        expect(Buffer.compare(encode_crush_binary(again), bytes)).toBe(0);
        expect(again.dump()).toEqual(c.dump());
        expect(decompile_crush(again)).toBe(decompile_crush(c));
        expect(mappings(again)).toEqual(mappings(c));
      }),
      { numRuns: 200 },
    );
  });
  it("comes back from its dump", () => {
    fc.assert(
      fc.property(crush_text, (text) => {
        const c = compile_crush(text);
        const again = crush_from_dump(JSON.parse(JSON.stringify(c.dump())));
        expect(again.dump()).toEqual(c.dump());
        expect(mappings(again)).toEqual(mappings(c));
      }),
      { numRuns: 200 },
    );
  });
});
