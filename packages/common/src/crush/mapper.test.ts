import { describe, expect, it } from "vitest";
import { crush_calc_straw } from "./bucket.ts";
import { CrushWrapper, DEFAULT_TYPE_NAMES } from "./CrushWrapper.ts";
import { crush_hash32_2, crush_hash32_3 } from "./hash.ts";
import { crush_ln_table } from "./ln.ts";
import { crush_from_dump } from "./load.ts";
import { CRUSH_ALG_NAMES, CRUSH_RULE_OPS, type crush_algorithm } from "./types.ts";

const OUT = 0;
const IN = 0x10000;

/** Map "E" of cluster.md §2.8: three hosts, two classes. */
function map_e(): CrushWrapper {
  return new CrushWrapper().edit((b) => {
    DEFAULT_TYPE_NAMES.forEach((n, t) => {
      b.set_type_name(t, n);
    });
    b.add_bucket("default", "root");
    [1, 2, 1, 1, 0.5, 1.5].forEach((w, o) => {
      const host = `h${o >> 1}`;
      b.insert_item(
        o,
        w,
        `osd.${o}`,
        new Map([
          ["host", host],
          ["root", "default"],
        ]),
      );
      b.set_device_class(o, o % 2 === 0 ? "hdd" : "ssd");
    });
    b.add_simple_rule("replicated_rule", "default", "host");
    b.add_simple_rule("ec", "default", "osd", { mode: "indep" });
    b.add_simple_rule("ssd", "default", "host", { device_class: "ssd" });
  });
}

describe("do_rule on map E", () => {
  const e = map_e();
  const all = [IN, IN, IN, IN, IN, IN];
  const some = [IN, IN, IN, OUT, IN, IN / 2];
  const run = (rule: number, n: number, w: number[]) =>
    Array.from({ length: 10 }, (_, x) => e.do_rule(rule, x, n, w).join(","));

  it("gives the shadow buckets the ids that Ceph's compiler gives them", () => {
    const shadows = [...e.map.item_names].filter(([, n]) => n.includes("~"));
    expect(new Map(shadows.map(([id, n]) => [n, id]))).toEqual(
      new Map([
        ["h0~hdd", -5],
        ["h1~hdd", -6],
        ["h2~hdd", -7],
        ["default~hdd", -8],
        ["h0~ssd", -9],
        ["h1~ssd", -10],
        ["h2~ssd", -11],
        ["default~ssd", -12],
      ]),
    );
  });

  it("chooses replicas on different hosts", () => {
    expect(run(0, 3, all).join(" ")).toBe(
      "5,0,3 0,2,5 4,3,0 5,2,1 1,5,3 5,2,0 5,1,3 1,5,2 1,3,5 5,1,3",
    );
    expect(run(0, 3, some).join(" ")).toBe(
      "0,2,4 0,2,4 4,0,2 4,2,1 1,5,2 2,0,4 1,2,4 1,5,2 1,5,2 1,4,2",
    );
  });
  it("chooses erasure shards at fixed positions", () => {
    expect(run(1, 4, all).join(" ")).toBe(
      "5,1,3,0 0,2,1,5 4,0,5,3 5,4,2,1 1,0,5,3 5,2,0,3 5,4,1,3 1,0,2,5 1,2,3,5 5,3,1,4",
    );
    expect(run(1, 4, some).join(" ")).toBe(
      "4,1,2,0 0,2,1,4 4,0,2,1 0,4,2,1 1,0,5,4 4,2,0,1 2,4,1,0 1,0,2,5 1,2,0,5 2,0,1,4",
    );
  });
  it("keeps to a device class", () => {
    expect(run(2, 3, all).join(" ")).toBe(
      "1,5,3 5,1,3 1,5,3 3,1,5 1,5,3 5,3,1 1,5,3 5,1,3 3,5,1 1,3,5",
    );
  });
});

describe("the bucket algorithms", () => {
  // cluster.md §2.8: one root each with osd.0..3; uniform weighs 1 each, the others 1, 2, 3, 3.
  const algs: [string, number, crush_algorithm, string][] = [
    ["straw", -1, CRUSH_ALG_NAMES.straw, "0,3 3,0 1,3 0,2 2,0 3,0 2,1 2,1 2,0 2,1"],
    ["list", -2, CRUSH_ALG_NAMES.list, "1,3 3,1 0,2 3,2 3,1 1,2 2,1 0,2 2,1 3,2"],
    ["tree", -3, CRUSH_ALG_NAMES.tree, "1,2 2,0 2,1 3,1 3,2 2,3 3,0 3,1 0,2 2,3"],
    ["uniform", -4, CRUSH_ALG_NAMES.uniform, "0,2 0,2 3,1 1,0 0,1 0,2 3,0 2,0 3,0 2,1"],
    ["straw2", -5, CRUSH_ALG_NAMES.straw2, "0,3 3,0 1,3 0,3 2,0 3,0 2,1 2,0 2,3 2,1"],
  ];
  const empty = new CrushWrapper().map;
  const map = new CrushWrapper({
    ...empty,
    max_devices: 4,
    type_names: new Map([
      [0, "osd"],
      [1, "root"],
    ]),
    buckets: new Map(
      algs.map(([, id, alg]) => {
        const w = alg === CRUSH_ALG_NAMES.uniform ? [1, 1, 1, 1] : [1, 2, 3, 3];
        const item_weights = w.map((x) => x * 0x10000);
        const weight = item_weights.reduce((s, x) => s + x, 0);
        return [id, { id, type: 1, alg, hash: 0, weight, items: [0, 1, 2, 3], item_weights }];
      }),
    ),
    item_names: new Map(algs.map(([name, id]) => [id, name])),
    rules: new Map(
      algs.map(([name, id], r) => [
        r,
        {
          id: r,
          name,
          type: 1,
          min_size: 1,
          max_size: 10,
          steps: [
            { op: CRUSH_RULE_OPS.take, arg1: id, arg2: 0 },
            { op: CRUSH_RULE_OPS.choose_firstn, arg1: 0, arg2: 0 },
            { op: CRUSH_RULE_OPS.emit, arg1: 0, arg2: 0 },
          ],
        },
      ]),
    ),
    choose_args: new Map([
      [
        1,
        new Map([
          [
            -5,
            {
              bucket_id: -5,
              weight_set: [
                [3, 1, 1, 1],
                [1, 1, 1, 5],
              ].map((ws) => ws.map((x) => x * 0x10000)),
              ids: [],
            },
          ],
        ]),
      ],
    ]),
  });
  const weights = [IN, IN, IN, IN];

  it.each(algs.map(([name, , , want], rule) => [name, rule, want] as const))(
    "%s",
    (_, rule, want) => {
      const got = Array.from({ length: 10 }, (_, x) => map.do_rule(rule, x, 2, weights, 0));
      expect(got.map((l) => l.join(",")).join(" ")).toBe(want);
    },
  );

  it("uses the weight set of a pool that has one, by position", () => {
    const lnv = crush_ln_table();
    /** The longest straw of osd.0..3 by the definition. */
    const winner = (x: number, r: number, ws: number[]) => {
      const draw = (o: number) =>
        Math.trunc((lnv[crush_hash32_3(x, o, r) & 0xffff] ?? 0) / ((ws[o] ?? 0) * 0x10000));
      return [0, 1, 2, 3].reduce((best, o) => (draw(o) > draw(best) ? o : best));
    };
    for (let x = 0; x < 200; x++) {
      const [first, second] = map.do_rule(4, x, 2, weights, 1);
      expect(first).toBe(winner(x, 0, [3, 1, 1, 1]));
      // With the second position's weights; unless it drew the first one's again and retried.
      if (winner(x, 1, [1, 1, 1, 5]) !== first) expect(second).toBe(winner(x, 1, [1, 1, 1, 5]));
    }
  });
  it("uses its own weights for a pool that has no set", () => {
    const pool = (id: number) =>
      Array.from({ length: 10 }, (_, x) => map.do_rule(4, crush_hash32_2(x, id), 2, weights, id))
        .map((l) => l.join(","))
        .join(" ");
    expect(pool(2)).toBe("3,1 2,3 3,1 3,2 1,3 3,2 2,0 3,0 3,2 1,0");
  });

  it("draws straws of the lengths that both versions of the formula give", () => {
    const w = [1, 2, 3, 3].map((x) => x * 0x10000);
    expect(crush_calc_straw(w, 1)).toEqual([65536, 78975, 89549, 89549]);
    expect(crush_calc_straw(w, 0)).toEqual([65536, 78975, 90257, 90257]);
  });
});

describe("do_rule at the edges", () => {
  const e = map_e();
  it("places nothing by a rule that does not exist", () => {
    expect(e.do_rule(9, 0, 3, [IN])).toEqual([]);
  });
  it("takes a device without a weight for out, and says so by position in an indep rule", () => {
    expect(e.do_rule(0, 0, 3, [IN])).toEqual([0]);
    const shards = e.do_rule(1, 0, 4, [IN]);
    expect(shards.filter((o) => o !== 0x7fffffff)).toEqual([0]);
    expect(shards).toHaveLength(4);
  });
  it("reads its own dump", () => {
    expect(crush_from_dump(e.dump()).dump()).toEqual(e.dump());
    expect(() => crush_from_dump({ devices: 3 })).toThrow(/not a crush dump/);
  });
});
