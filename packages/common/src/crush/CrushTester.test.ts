import { describe, expect, it } from "vitest";
import { crush_test, get_maximum_affected_by_rule } from "./CrushTester.ts";
import { compile_crush } from "./compile.ts";
import { print_ostream_float } from "./print_float.ts";
import { crush_vectors } from "./testing/vectors.ts";

const text = crush_vectors().find((v) => v.id === "crush-hosts-straw2-a")?.source_text ?? "";
const c = compile_crush(text);
const lines = (s: string) => s.trimEnd().split("\n");

// The expected lines are crushtool's own.
describe("crushtool --test", () => {
  it("shows mappings", () => {
    const o = { rule: 0, num_rep: 3, min_x: 0, max_x: 2, show_mappings: true };
    expect(crush_test(c, o).text).toBe(
      "CRUSH rule 0 x 0 [0,7,9]\nCRUSH rule 0 x 1 [3,11,4]\nCRUSH rule 0 x 2 [1,7,11]\n",
    );
    expect(crush_test(c, { ...o, rule: 1, num_rep: 6, max_x: 0, pool_id: 3 }).text).toBe(
      "CRUSH rule 1 x 0 [11,2,2147483647,2147483647,5,2147483647]\n",
    );
  });
  it("shows how much each device got and should have got", () => {
    const weights = new Map([
      [1, 0],
      [2, 0.5],
    ]);
    const o = { rule: 0, num_rep: 3, min_x: 0, max_x: 99, weights };
    const some = lines(crush_test(c, { ...o, show_utilization: true }).text);
    expect(some.slice(0, 4)).toEqual([
      "rule 0 (rep), x = 0..99, numrep = 3..3",
      "rule 0 (rep) num_rep 3 result size == 3:\t100/100",
      "  device 0:\t\t stored : 52\t expected : 28.5714",
      "  device 2:\t\t stored : 18\t expected : 14.2857",
    ]);
    const all = lines(crush_test(c, { ...o, show_utilization_all: true }).text);
    expect(all[3]).toBe("  device 1:\t\t stored : 0\t expected : 0");
  });
  it("shows bad mappings", () => {
    const o = { rule: 0, num_rep: 9, min_x: 4, max_x: 4, show_bad_mappings: true };
    expect(crush_test(c, o).text).toBe("bad mapping rule 0 x 4 num_rep 9 result [5,3,11]\n");
  });
  it("runs each rule in each size that it names, unless told otherwise", () => {
    const r = crush_test(c, { rule: 0, show_statistics: true });
    expect(lines(r.text)[0]).toBe("rule 0 (rep), x = 0..1023, numrep = 1..20");
    expect(lines(r.text)[20]).toBe("rule 0 (rep) num_rep 20 result size == 3:\t1024/1024");
    expect(crush_test(c, { num_rep: 1, min_x: 0, max_x: 0 }).runs.map((x) => x.rule_id)).toEqual(
      c.rule_ids(),
    );
    expect(crush_test(c, { rule: 77, show_statistics: true }).text).toBe("");
    const gap = compile_crush(text.replace("id 3\n\ttype", "id 7\n\ttype"));
    const o = { num_rep: 1, min_x: 0, max_x: 0, show_statistics: true };
    expect(crush_test(gap, o).text).toContain("\nrule 6 dne\nrule 7 (");
  });
  it("tries nothing where no device is in", () => {
    const weights = new Map(Array.from({ length: 12 }, (_, o) => [o, 0]));
    const o = { rule: 0, num_rep: 3, weights, show_mappings: true, show_statistics: true };
    expect(crush_test(c, o).text).toBe("rule 0 (rep), x = 0..1023, numrep = 3..3\n");
  });
  it("counts the places a rule can use", () => {
    const rule = c.get_rule(0);
    expect(rule && get_maximum_affected_by_rule(c, rule)).toBe(3);
  });
});

it("floats print as C++ streams print them", () => {
  const vs = [0, 1, 28.571428, 0.0001, 0.00001234, 1e6, 123456.7, -0.5, 0.95];
  expect(vs.map((v) => print_ostream_float(v)).join(" ")).toBe(
    "0 1 28.5714 0.0001 1.234e-05 1e+06 123457 -0.5 0.95",
  );
});
