import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FAULT_KINDS } from "../nemesis/registry.ts";
import { apply_plant, find_plant, PLANTS } from "./plants.ts";

const packages = new URL("../../../", import.meta.url);

describe("planted bugs", () => {
  it.each(PLANTS)("$name has its place in the built code, once", (plant) => {
    const source = readFileSync(new URL(plant.file, packages), "utf8");
    const planted = apply_plant(plant, source);
    expect(planted).not.toBe(source);
    expect(planted).toContain(plant.to);
  });

  it("refuses a place that is gone or is not the only one", () => {
    const plant = { name: "p", what: "", file: "f.js", from: "a  = 1;", to: "a = 2;" };
    expect(apply_plant(plant, "x\na\n= 1;\ny")).toBe("x\na = 2;\ny");
    expect(() => apply_plant(plant, "b = 1;")).toThrow("occurs 0 times");
    expect(() => apply_plant(plant, "a = 1; a = 1;")).toThrow("occurs 2 times");
  });

  it("is looked for with a fault that there is", () => {
    const alone = PLANTS.flatMap((p) => (p.alone === undefined ? [] : [p.alone]));
    expect(alone.filter((kind) => !FAULT_KINDS.includes(kind))).toEqual([]);
  });

  it("has a name for each", () => {
    expect(new Set(PLANTS.map((p) => p.name)).size).toBe(PLANTS.length);
    expect(find_plant(PLANTS[0]?.name ?? "")).toBe(PLANTS[0]);
    expect(find_plant("no_such")).toBeUndefined();
  });
});
