import { describe, expect, it } from "vitest";
import { crush_test, type crush_test_options } from "./CrushTester.ts";
import { compile_crush } from "./compile.ts";
import { print_ostream_float } from "./print_float.ts";
import { get_maximum_affected_by_rule } from "./rule_reach.ts";
import { crush_vectors } from "./testing/vectors.ts";

const text = crush_vectors().find((v) => v.id === "crush-hosts-straw2-a")?.source_text ?? "";
const c = compile_crush(text);
function lines(o: Omit<crush_test_options, "print">, map = c): string[] {
  const out: string[] = [];
  crush_test(map, { ...o, print: (line) => out.push(line) });
  return out;
}
const one_rule = (rule: number) => ({ min_rule: rule, max_rule: rule });
const size = (n: number) => ({ min_rep: n, max_rep: n });

// The expected lines are crushtool's own.
describe("crushtool --test", () => {
  it("shows mappings", () => {
    const o = { ...one_rule(0), ...size(3), min_x: 0, max_x: 2, show_mappings: true };
    expect(lines(o)).toEqual([
      "CRUSH rule 0 x 0 [0,7,9]",
      "CRUSH rule 0 x 1 [3,11,4]",
      "CRUSH rule 0 x 2 [1,7,11]",
    ]);
    expect(lines({ ...o, ...one_rule(1), ...size(6), max_x: 0, pool_id: 3 })).toEqual([
      "CRUSH rule 1 x 0 [11,2,2147483647,2147483647,5,2147483647]",
    ]);
  });
  it("shows how much each device got and should have got", () => {
    const weights = new Map([
      [1, 0],
      [2, 0.5],
    ]);
    const o = { ...one_rule(0), ...size(3), min_x: 0, max_x: 99, weights };
    expect(lines({ ...o, show_utilization: true }).slice(0, 4)).toEqual([
      "rule 0 (rep), x = 0..99, numrep = 3..3",
      "rule 0 (rep) num_rep 3 result size == 3:\t100/100",
      "  device 0:\t\t stored : 52\t expected : 28.5714",
      "  device 2:\t\t stored : 18\t expected : 14.2857",
    ]);
    expect(lines({ ...o, show_utilization_all: true })[3]).toBe(
      "  device 1:\t\t stored : 0\t expected : 0",
    );
  });
  it("shows bad mappings", () => {
    const o = { ...one_rule(0), ...size(9), min_x: 4, max_x: 4, show_bad_mappings: true };
    expect(lines(o)).toEqual(["bad mapping rule 0 x 4 num_rep 9 result [5,3,11]"]);
  });
  it("runs each rule in each size that it names, unless told otherwise", () => {
    const all = lines({ ...one_rule(0), show_statistics: true });
    expect(all[0]).toBe("rule 0 (rep), x = 0..1023, numrep = 1..20");
    expect(all[20]).toBe("rule 0 (rep) num_rep 20 result size == 3:\t1024/1024");
    const { runs } = crush_test(c, { ...size(1), min_x: 0, max_x: 0 });
    expect(runs.map((r) => r.rule_id)).toEqual(c.rule_ids());
    // As the original: past the last rule there is not even one that does not exist.
    expect(lines({ ...one_rule(77), show_statistics: true })).toEqual([]);
    const gap = compile_crush(text.replace("id 3\n\ttype", "id 7\n\ttype"));
    const o = { ...size(1), min_x: 0, max_x: 0, show_statistics: true };
    expect(lines(o, gap).join("\n")).toContain("\nrule 6 dne\nrule 7 (");
  });
  it("tries nothing where no device is in", () => {
    const weights = new Map(Array.from({ length: 12 }, (_, o) => [o, 0]));
    const o = { ...one_rule(0), ...size(3), weights, show_mappings: true, show_statistics: true };
    expect(lines(o)).toEqual(["rule 0 (rep), x = 0..1023, numrep = 3..3"]);
  });
  it("counts how often searches were tried again", () => {
    const o = { ...one_rule(0), ...size(3), show_choose_tries: true };
    expect(lines(o).slice(0, 3)).toEqual([" 0:      4985", " 1:       488", " 2:       250"]);
    expect(lines({ ...o, ...one_rule(1) })).toHaveLength(50);
  });
  it("simulates with the C library's random numbers", () => {
    const o = { ...one_rule(0), ...size(3), min_x: 7, max_x: 7, show_mappings: true };
    expect(lines({ ...o, simulate: true })).toEqual(["RNG rule 0 x 7 [11,4,0]"]);
  });
  it("counts the places a rule can use", () => {
    const rule = c.get_rule(0);
    expect(rule && get_maximum_affected_by_rule(c, rule)).toBe(3);
  });
});

it("a tie goes to the even digit", () => {
  expect(print_ostream_float(86400.25)).toBe("86400.2");
  expect(print_ostream_float(86400.75)).toBe("86400.8");
  expect(print_ostream_float(-868_289 / 0x10000, 17)).toBe("-13.249038696289062");
});

it("floats print as C++ streams print them", () => {
  const vs = [0, 1, 28.571428, 0.0001, 0.00001234, 1e6, 123456.7, -0.5, 0.95];
  expect(vs.map((v) => print_ostream_float(v)).join(" ")).toBe(
    "0 1 28.5714 0.0001 1.234e-05 1e+06 123457 -0.5 0.95",
  );
});
