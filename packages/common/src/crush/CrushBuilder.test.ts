import { describe, expect, it } from "vitest";
import type { CrushBuilder } from "./CrushBuilder.ts";
import { build_simple_crush_map, CrushWrapper } from "./CrushWrapper.ts";

const at = (host: string) =>
  new Map([
    ["root", "default"],
    ["host", host],
  ]);
function two_hosts(): CrushWrapper {
  return build_simple_crush_map().edit((b) => {
    for (let o = 0; o < 4; o++) b.create_or_move_item(o, 1, `osd.${o}`, at(o < 2 ? "a" : "b"));
  });
}
const weight = (c: CrushWrapper, name: string) => c.get_item_weightf(c.get_item_id(name) ?? 0);
const id = (c: CrushWrapper, name: string) => c.get_item_id(name) ?? Number.NaN;

describe("a new map", () => {
  it("has the types, a root and a rule", () => {
    const c = build_simple_crush_map();
    expect(c.get_type_id("root")).toBe(11);
    expect(c.get_item_id("default")).toBe(-1);
    expect(c.dump().rules).toEqual([
      {
        rule_id: 0,
        rule_name: "replicated_rule",
        ruleset: 0,
        type: 1,
        min_size: 1,
        max_size: 10,
        steps: [
          { op: "take", item: -1, item_name: "default" },
          { op: "chooseleaf_firstn", num: 0, type: "host" },
          { op: "emit" },
        ],
      },
    ]);
  });
  it("can spread over devices for a cluster on one machine", () => {
    const c = build_simple_crush_map("osd").edit((b) => {
      for (let o = 0; o < 3; o++) b.create_or_move_item(o, 1, `osd.${o}`, at("vm"));
    });
    const osds = c.do_rule(0, 7, 3, [0x10000, 0x10000, 0x10000]);
    expect([...osds].sort()).toEqual([0, 1, 2]);
  });
});

describe("items", () => {
  it("bring their missing ancestors, and weigh on all of them", () => {
    const c = two_hosts();
    expect(weight(c, "a")).toBe(2);
    expect(weight(c, "default")).toBe(4);
    expect([...c.get_full_location(3)]).toEqual([
      ["host", "b"],
      ["root", "default"],
    ]);
  });
  it("that a daemon finds in their place keep their weight", () => {
    const c = two_hosts().edit((b) => b.adjust_item_weight(1, 0.25));
    let changed: boolean | undefined;
    const same = c.edit((b) => {
      changed = b.create_or_move_item(1, 8, "osd.1", at("a"));
    });
    expect(changed).toBe(false);
    expect(same.get_item_weightf(1)).toBe(0.25);
    expect(weight(same, "default")).toBe(3.25);
  });
  it("that move take their weight with them", () => {
    const c = two_hosts().edit((b) => {
      b.adjust_item_weight(1, 0.25);
      b.create_or_move_item(1, 8, "osd.1", at("c"));
    });
    expect([weight(c, "a"), weight(c, "b"), weight(c, "c"), weight(c, "default")]).toEqual([
      1, 2, 0.25, 3.25,
    ]);
  });
  it("move with all that is below them", () => {
    const c = two_hosts().edit((b) => {
      const rack = new Map([
        ["rack", "r"],
        ["root", "default"],
      ]);
      b.move_bucket(-2, rack);
      b.adjust_subtree_weight(-2, 3);
    });
    expect(weight(c, "r")).toBe(6);
    expect(weight(c, "default")).toBe(8);
    expect(c.get_parent_of_type(0, 3)).toBe(id(c, "r"));
    expect(c.get_leaves(id(c, "default"))).toEqual([0, 1, 2, 3]);
  });
  it("leave nothing behind when they are removed", () => {
    const c = two_hosts().edit((b) => {
      b.remove_item(2);
      b.remove_item(3);
      b.remove_item(b.get_item_id("b") ?? 0);
    });
    expect(c.name_exists("osd.2")).toBe(false);
    expect(c.name_exists("b")).toBe(false);
    expect(weight(c, "default")).toBe(2);
    expect(c.get_bucket(-1)?.items).toEqual([id(c, "a")]);
  });
  it.each<[string, (b: CrushBuilder) => void]>([
    ["ENOTEMPTY", (b) => b.remove_item(-2)],
    ["EEXIST", (b) => b.add_bucket("a", "host")],
    ["EINVAL", (b) => b.add_bucket("x", "osd")],
    ["EINVAL", (b) => b.add_bucket("x~ssd", "host")],
    ["EINVAL", (b) => b.add_bucket("x", "planet")],
    ["EINVAL", (b) => b.insert_item(9, -1, "osd.9", at("a"))],
    ["EINVAL", (b) => b.insert_item(9, Number.NaN, "osd.9", at("a"))],
    ["EINVAL", (b) => b.insert_item(9, 1, "osd.9", new Map([["rack", "a"]]))],
    ["EINVAL", (b) => b.insert_item(9, 1, "osd.9", new Map())],
    ["EEXIST", (b) => b.insert_item(9, 1, "osd.0", at("a"))],
    ["ELOOP", (b) => b.move_bucket(-1, new Map([["host", "a"]]))],
    ["ENOENT", (b) => b.adjust_item_weight(9, 1)],
    ["ENOENT", (b) => b.add_simple_rule("r", "nowhere", "host")],
    ["EINVAL", (b) => b.add_simple_rule("r", "default", "planet")],
    ["EINVAL", (b) => b.add_simple_rule("r", "default", "host", { device_class: "ssd" })],
    ["EEXIST", (b) => b.add_simple_rule("replicated_rule", "default", "host")],
    ["ENOENT", (b) => b.remove_rule(7)],
    ["EINVAL", (b) => b.set_tunables_profile("__proto__")],
  ])("refuse with %s what cannot be done: %s", (code, fn) => {
    const c = two_hosts();
    const before = c.dump();
    expect(() => c.edit(fn)).toThrow(expect.objectContaining({ code }));
    expect(c.dump()).toEqual(before);
  });
});

describe("uniform buckets", () => {
  const uniform = () =>
    two_hosts().edit((b) => {
      const id = b.add_bucket("u", "host", 1);
      b.move_bucket(id, new Map([["root", "default"]]));
      for (const o of [7, 8]) b.insert_item(o, 2, `osd.${o}`, at("u"));
    });
  it("give all their items the weight of one", () => {
    const c = uniform().edit((b) => b.adjust_item_weight(7, 3));
    expect(c.get_bucket(id(c, "u"))?.item_weights).toEqual([0x30000, 0x30000]);
    expect(weight(c, "default")).toBe(10);
  });
  it("weigh less without an item, not nothing", () => {
    const c = uniform().edit((b) => b.remove_item(7));
    expect(c.get_bucket(id(c, "u"))?.item_weights).toEqual([0x20000]);
    expect([weight(c, "u"), weight(c, "default")]).toEqual([2, 6]);
  });
});

describe("device classes", () => {
  const classed = () =>
    two_hosts().edit((b) => {
      for (const o of [0, 1, 2, 3]) b.set_device_class(o, o === 3 ? "ssd" : "hdd");
    });

  it("have shadow trees with the weights of their devices", () => {
    const c = classed();
    expect(weight(c, "default~hdd")).toBe(3);
    expect(weight(c, "default~ssd")).toBe(1);
    expect(c.get_bucket(id(c, "a~ssd"))?.items).toEqual([]);
    expect(c.get_item_class(3)).toBe("ssd");
    expect(c.find_nonshadow_roots()).toEqual([-1]);
  });
  it("keep their shadows' ids through every edit, for ids decide placement", () => {
    const c = classed();
    const before = new Map([...c.map.item_names].filter(([, n]) => n.includes("~")));
    const after = c.edit((b) => {
      b.insert_item(4, 2, "osd.4", at("zz"));
      b.set_device_class(4, "hdd");
      b.adjust_item_weight(0, 0.5);
      b.rename_bucket("a", "aa");
    });
    for (const [shadow, name] of before) {
      expect(after.get_item_name(shadow)).toBe(name.replace(/^a~/, "aa~"));
    }
    expect(weight(after, "default~hdd")).toBe(4.5);
    const fresh = [id(after, "zz"), id(after, "zz~hdd"), id(after, "zz~ssd")];
    expect(fresh.some((i) => before.has(i))).toBe(false);
  });
  it("are bound to a device until they are taken off", () => {
    const set = (b: CrushBuilder) => b.set_device_class(3, "nvme");
    expect(() => classed().edit(set)).toThrow(/already bound to class 'ssd'/);
    const c = classed().edit((b) => {
      b.remove_device_class(3);
      set(b);
    });
    expect(c.get_item_class(3)).toBe("nvme");
    expect(c.name_exists("default~ssd")).toBe(false);
  });
  it("keep a root that a rule takes", () => {
    const c = classed().edit((b) => {
      b.add_simple_rule("fast", "default", "host", { device_class: "ssd" });
    });
    expect(
      c.do_rule(
        c.get_rule_id("fast") ?? -1,
        1,
        3,
        [1, 1, 1, 1].map((w) => w << 16),
      ),
    ).toEqual([3]);
    const gone = c.edit((b) => b.remove_device_class(3));
    expect(id(gone, "default~ssd")).toBe(id(c, "default~ssd"));
    expect(() => gone.edit((b) => b.remove_item(-1))).toThrow(
      expect.objectContaining({ code: "ENOTEMPTY" }),
    );
  });
});

describe("choose_args", () => {
  it("stay as long as the buckets they are for", () => {
    const c = two_hosts();
    const args = new Map([
      [-2, { bucket_id: -2, weight_set: [[65536, 32768]], ids: [] }],
      [-1, { bucket_id: -1, weight_set: [[98304, 131072]], ids: [] }],
    ]);
    const with_args = new CrushWrapper({ ...c.map, choose_args: new Map([[-1, args]]) });
    const edited = with_args.edit((b) => {
      b.insert_item(5, 2, "osd.5", at("a"));
      b.remove_item(0);
    });
    const set = edited.map.choose_args.get(-1);
    expect(set?.get(-2)?.weight_set).toEqual([[32768, 131072]]);
    expect(set?.get(-1)?.weight_set).toEqual([[163840, 131072]]);
  });
});
