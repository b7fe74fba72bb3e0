import { describe, expect, it } from "vitest";
import { decode_crush_binary, encode_crush_binary } from "./binary.ts";
import { CrushTester } from "./CrushTester.ts";
import { compile_crush } from "./compile.ts";
import { decompile_crush, print_fixedpoint } from "./decompile.ts";
import { crush_from_dump } from "./load.ts";
import { crush_oddities, crush_vectors, from_base64 } from "./testing/vectors.ts";
import { CrushTextError } from "./tokens.ts";

const HEAD = `device 0 osd.0
device 1 osd.1 class hdd
device 2 osd.2
type 0 osd
type 1 host
type 2 root
`;
/** "line:column reason" of the refusal of HEAD and what follows; lines counted from the latter. */
function refusal(text: string): string {
  try {
    compile_crush(HEAD + text);
  } catch (e) {
    if (!(e instanceof CrushTextError)) throw e;
    return `${e.line - 6}:${e.column} ${e.message.slice(e.message.indexOf(": ") + 2)}`;
  }
  return "";
}
const host = (body: string, name = "a") => `host ${name} { ${body} }\n`;

describe("CRUSH as text", () => {
  it.each(crush_vectors().map((v) => [v.id, v] as const))("%s", (_, v) => {
    const c = compile_crush(v.source_text);
    expect(c.dump()).toEqual(v.crush_dump);
    expect(encode_crush_binary(c)).toEqual(from_base64(v.binary_base64));
    expect(decompile_crush(c)).toBe(v.decompiled_text);
    expect(decompile_crush(compile_crush(v.decompiled_text))).toBe(v.decompiled_text);
  });

  it.each(crush_oddities().map((v) => [v.id, v] as const))("as crushtool: %s", (_, v) => {
    const binary = from_base64(v.binary_base64);
    expect(encode_crush_binary(compile_crush(v.source_text))).toEqual(binary);
    const c = decode_crush_binary(binary);
    expect(encode_crush_binary(c)).toEqual(binary);
    expect(c.dump()).toEqual(v.crush_dump);
    expect(decompile_crush(c)).toBe(v.decompiled_text);
    expect(crush_from_dump(v.crush_dump).dump()).toEqual(v.crush_dump);
    const tester = new CrushTester(c);
    expect(v.mappings?.map((_, x) => tester.map(0, x, 3))).toEqual(v.mappings);
  });

  it("fills in ids, weights and positions that are left out", () => {
    const c = compile_crush(
      `${HEAD}host a { id -1 class hdd alg tree item osd.0 weight 1 pos 1 item osd.1 weight 2 item osd.2 }
       root r { alg straw2 hash rjenkins1 item a } # the rest of the line is a comment {
       rule { ruleset 7 type erasure step take r class hdd step emit }`,
    );
    const [a, r] = [c.get_item_id("a") ?? 0, c.get_item_id("r") ?? 0];
    expect([a, r]).toEqual([-2, -3]);
    expect(c.get_bucket(a)).toMatchObject({ items: [1, 0, 2], weight: 4 * 0x10000 });
    expect(c.get_item_name(-1)).toBe("a~hdd");
    expect(c.get_rule(7)).toMatchObject({ name: "", type: 3, min_size: 1, max_size: 10 });
    expect(c.get_rule(7)?.steps[0]?.arg1).toBe(c.get_item_id("r~hdd"));
    expect(c.map.tunables.choose_total_tries).toBe(19);
  });

  it("takes the default set of choose_args, which the original can print only", () => {
    const text = `${HEAD}${host("id -1 alg straw2 item osd.0 weight 1.000")}
      choose_args -1 { { bucket_id -1 weight_set [ [ 2.000 ] ] ids [ -7 ] } }`;
    const c = compile_crush(text);
    const printed = decompile_crush(c);
    expect(printed).toContain("choose_args 18446744073709551615 {\n  {\n    bucket_id -1\n");
    expect(decompile_crush(compile_crush(printed))).toBe(printed);
  });

  it("prints weights as C does, ties to the even digit", () => {
    expect([0x1000, 0x3000, 0x10000, 21823].map(print_fixedpoint)).toEqual([
      "0.062",
      "0.188",
      "1.000",
      "0.333",
    ]);
  });

  it.each([
    [host("id -1 alg straw2 item osd.7"), "1:32 item 'osd.7' in bucket 'a' is not defined"],
    [host("id -1 alg foo"), "1:20 unknown bucket alg 'foo'"],
    [host("id -1 alg straw2 hash 5"), "1:32 hash 5 is outside of 0 .. 0"],
    [host("id 3 alg straw2"), "1:13 a bucket id 3 is outside of -1048576 .. -1"],
    [`${host("id -1 alg list")}${host("id -1 alg list", "b")}`, "2:13 duplicate bucket id -1"],
    [host("id -1 id -1 class hdd alg list"), "1:19 duplicate bucket id -1"],
    [`${host("alg list")}${host("alg list")}`, "2:6 bucket or device 'a' is already defined"],
    [host("alg list item a"), "1:24 item 'a' in bucket 'a' is not defined"],
    [host("alg list item osd.0 weight 101"), "1:37 weight 101 is outside of 0 .. 100"],
    [host("alg list item osd.0 weight -1"), "1:37 weight -1 is outside of 0 .. 100"],
    [host("alg list item osd.0 weight x"), '1:37 expected a weight, found "x"'],
    [
      host("alg uniform item osd.0 weight 1 item osd.1 weight 2"),
      "1:47 items of uniform bucket 'a' must have identical weights",
    ],
    [host("alg tree item osd.0 pos 1"), "1:24 pos 1 in bucket 'a' of 1 items"],
    ["rack a { alg straw2 }", "1:1 type 'rack' not defined"],
    ["osd a { alg straw2 }", "1:1 a bucket cannot have the type of devices"],
    ["device 0 osd.9", "1:8 device 0 is already defined"],
    ["tunable choose_total_tries 10001", "1:28 a number 10001 is outside of 0 .. 10000"],
    [
      `${host("alg list")}tunable choose_total_tries 3`,
      "2:1 tunables, devices and types come before buckets and rules",
    ],
    [`${host("alg list")}choose_args 0 { } ${host("alg list", "b")}`, "2:19 choose_args come last"],
    ["tunable foo 3", "1:9 tunable foo not recognized"],
    ["host a {", '1:9 expected "alg", found the end of the text'],
    ["host a~b {", '1:7 unexpected "~"'],
    [
      "rule q { id 0 type replicated step take zz step emit }",
      "1:41 in rule 'q' item 'zz' not defined",
    ],
    ["rule q { id 0 type replicated }", '1:31 expected "step", found "}"'],
    ["rule q { id 300 type replicated step emit }", "1:13 a rule id 300 is outside of 0 .. 255"],
    [
      `${host("id -1 alg list item osd.0")}choose_args 0 { { bucket_id -1 weight_set [ [ 1 2 ] ] } }`,
      "2:45 2 values for a bucket of 1 items",
    ],
  ])("refuses %s", (text, want) => {
    expect(refusal(text)).toBe(want);
  });
});
