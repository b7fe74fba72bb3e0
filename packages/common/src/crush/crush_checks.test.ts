import { expect, it } from "vitest";
import { CrushWrapper } from "./CrushWrapper.ts";
import { compile_crush } from "./compile.ts";
import { crush_name_fault, overlapped_rules } from "./crush_checks.ts";
import { crush_vectors } from "./testing/vectors.ts";
import type { crush_map } from "./types.ts";

const text = crush_vectors().find((v) => v.id === "crush-hosts-straw2-a")?.source_text ?? "";
const c = compile_crush(text);
const changed = (m: Partial<crush_map>) => new CrushWrapper({ ...c.map, ...m });

// What crushtool --check says of the same maps.
it("rules that are for the same ruleset, type and sizes", () => {
  const rules = new Map(c.map.rules);
  const set = (id: number, o: { ruleset?: number; type?: number; sizes: [number, number] }) => {
    const rule = rules.get(id);
    const { sizes, ...rest } = o;
    if (rule) rules.set(id, { ...rule, ...rest, min_size: sizes[0], max_size: sizes[1] });
  };
  set(0, { sizes: [1, 4] });
  set(1, { ruleset: 0, type: 1, sizes: [3, 5] });
  set(2, { ruleset: 0, sizes: [5, 8] });
  set(4, { ruleset: 3, sizes: [4, 4] });
  expect(overlapped_rules(c)).toEqual([]);
  expect(overlapped_rules(changed({ rules }))).toEqual([
    { ruleset: 0, names: ["ec", "rep"] },
    { ruleset: 0, names: ["ec", "osd_level"] },
    { ruleset: 3, names: ["ec_osd", "ec_plain"] },
  ]);
});

it("items that no tree could be printed with", () => {
  const without = <V>(m: ReadonlyMap<number, V>, id: number) =>
    new Map([...m].filter(([k]) => k !== id));
  expect(crush_name_fault(c, 12)).toBeUndefined();
  expect(crush_name_fault(c, 0)).toBeUndefined();
  expect(crush_name_fault(c, 5)).toEqual({ what: "item id too large", item: 5 });
  const no_type = changed({ type_names: without(c.map.type_names, 1) });
  expect(crush_name_fault(no_type, 0)).toEqual({ what: "unknown type name", item: -1 });
  const no_name = changed({ item_names: without(c.map.item_names, -2) });
  expect(crush_name_fault(no_name, 0)).toEqual({ what: "unknown item name", item: -2 });
});
