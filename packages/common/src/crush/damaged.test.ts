/**
 * Damaged CRUSH maps, in every form they come in: an error that says where, or a map that is what the
 * input says, to the byte, and that can be used. Never a hang, a crash or a silent default.
 */
import { describe, expect, it } from "vitest";
import { CommandError } from "../errors.ts";
import { MapError } from "../osdmap/MapError.ts";
import { decode_crush_binary, encode_crush_binary } from "./binary.ts";
import type { CrushWrapper } from "./CrushWrapper.ts";
import { compile_crush } from "./compile.ts";
import { decompile_crush } from "./decompile.ts";
import { crush_from_dump } from "./load.ts";
import { crush_vectors, from_base64 } from "./testing/vectors.ts";
import { CrushTextError } from "./tokens.ts";

const vectors = crush_vectors();
const by_id = (id: string) => {
  const v = vectors.find((x) => x.id === id);
  if (!v) throw new Error(`no vector ${id}`);
  return v;
};

/** What is done with a map; its searches must end. */
function use(c: CrushWrapper): void {
  const weights = new Array<number>(Math.min(64, c.map.max_devices)).fill(0x10000);
  for (const rule of c.map.rules.keys()) c.do_rule(rule, 1, 3, weights, 0);
  c.dump();
  decompile_crush(c);
}
const equal = (a: Uint8Array, b: Uint8Array) =>
  a.length === b.length && a.every((x, i) => x === b[i]);

function decode(bytes: Uint8Array): CrushWrapper | undefined {
  try {
    return decode_crush_binary(bytes);
  } catch (e) {
    if (!(e instanceof MapError)) throw e;
    expect(e.message).toMatch(/ \(at byte \d+ of \d+\)$/);
    return undefined;
  }
}

describe("a damaged binary CRUSH map", () => {
  const some = ["choose-args", "flat-uneven-straw2", "sparse-and-empty", "straw-buckets-calc0"];
  it.each([...some, "tree-buckets", "uniform-buckets"])(
    "%s, any byte changed, is refused or is another map",
    (id) => {
      const good = from_base64(by_id(`crush-${id}-a`).binary_base64);
      let refused = 0;
      for (let at = 0; at < good.length; at++) {
        const bytes = good.slice();
        bytes[at] = (bytes[at] ?? 0) ^ ([0x01, 0x80, 0xff, 0x10][at % 4] ?? 1);
        const c = decode(bytes);
        if (!c) refused++;
        else if (!equal(encode_crush_binary(c), bytes)) expect.fail(`byte ${at} is lost`);
        else if (at % 16 === 0) use(c);
      }
      expect(refused).toBeGreaterThan(good.length / 4);
    },
  );
});

describe("a damaged CRUSH text", () => {
  const texts = ["choose-args", "device-classes", "stretch-two-sites"].map(
    (id) => [id, by_id(`crush-${id}-a`).decompiled_text] as const,
  );
  const refused = (text: string): boolean => {
    try {
      use(compile_crush(text));
      return false;
    } catch (e) {
      if (!(e instanceof CrushTextError)) throw e;
      expect(e.line).toBeGreaterThan(0);
      expect(e.column).toBeGreaterThan(0);
      return true;
    }
  };
  it.each(texts)("%s, cut off anywhere, is refused at a line or is a shorter map", (_, text) => {
    let n = 0;
    for (let at = 0; at < text.length; at += 3) if (refused(text.slice(0, at))) n++;
    expect(n).toBeGreaterThan(text.length / 6);
  });
  it.each(texts)("%s, without any one of its words, is refused or is another map", (_, text) => {
    const words = [...text.matchAll(/\S+/g)];
    let n = 0;
    for (const [i, w] of words.entries()) {
      if (i % 4 !== 0) continue;
      if (refused(text.slice(0, w.index) + text.slice(w.index + w[0].length))) n++;
    }
    expect(n).toBeGreaterThan(words.length / 20);
  });
});

type Json = Record<string, unknown>;
/** Every object and array inside, with its path. */
function* parts(v: unknown, path = ""): Generator<[string, Json]> {
  if (typeof v !== "object" || v === null) return;
  yield [path, v as Json];
  for (const [key, inner] of Object.entries(v)) yield* parts(inner, `${path}/${key}`);
}

/** Told by the rest of a dump. */
const DERIVED =
  /^(type_name|item_name|pos|ruleset|profile|minimum_required_version|(has|require)_.*|.*_tunables)$/;

describe("a damaged CRUSH dump", () => {
  const good = () => structuredClone(by_id("crush-choose-args-a").crush_dump as Json);
  const refusal = (json: unknown): string => {
    try {
      use(crush_from_dump(json));
      return "";
    } catch (e) {
      if (!(e instanceof CommandError)) throw e;
      return e.message;
    }
  };

  it("is refused, with the place, wherever a value is of another kind", () => {
    expect(refusal(good())).toBe("");
    const accepted = new Set<string>();
    for (const [path, p] of parts(good())) {
      for (const key of Object.keys(p)) {
        for (const other of [null, "x", -5e9, [[]], { x: 1 }]) {
          if (typeof p[key] === "string" && other === "x") continue;
          const json = good();
          for (const [at, part] of parts(json)) if (at === path) part[key] = other;
          const why = refusal(json);
          if (why === "") accepted.add(key);
          else expect(why).toMatch(/^(not a crush dump: |rule \d+: )/);
        }
      }
    }
    expect([...accepted].filter((key) => !DERIVED.test(key))).toEqual([]);
  });

  const edit = (fn: (d: { [k: string]: Json[] }) => void): string => {
    const json = good() as { [k: string]: Json[] };
    fn(json);
    return refusal(json);
  };
  const at = (list: Json[] | undefined, i: number): Json => list?.[i] ?? {};
  it("is refused where ids or names collide", () => {
    const twice = (key: string, field: string) =>
      edit((d) => {
        at(d[key], 1)[field] = at(d[key], 0)[field];
      });
    expect(twice("devices", "id")).toBe("not a crush dump: /devices/1/id: 0 is there twice");
    expect(twice("devices", "name")).toBe(
      "not a crush dump: /devices/1/name: osd.0 is there twice",
    );
    expect(twice("types", "type_id")).toBe("not a crush dump: /types/1/type_id: 0 is there twice");
    expect(twice("types", "name")).toMatch("/types/1/name: osd is there twice");
    expect(twice("buckets", "id")).toMatch("/buckets/1/id: -1 is there twice");
    expect(twice("buckets", "name")).toMatch(/\/buckets\/1\/name: \S+ is there twice/);
    expect(
      edit((d) => {
        at(d.buckets, 0).name = "osd.0";
      }),
    ).toMatch("/buckets/0/name: osd.0 is there twice");
    expect(edit((d) => d.rules?.push(at(d.rules, 0)))).toMatch(/\/rules\/\d+\/rule_id: 0 is there/);
  });
  it("is refused for trees that are none, and for what nobody knows", () => {
    const items = (d: { [k: string]: Json[] }, i: number) => at(d.buckets, i).items as Json[];
    expect(
      edit((d) => {
        at(items(d, 0), 0).id = at(d.buckets, 0).id;
      }),
    ).toMatch(/bucket -1 contains itself/);
    expect(
      edit((d) => {
        at(items(d, 0), 0).id = -99;
      }),
    ).toMatch(/bucket -1: no item -99/);
    expect(
      edit((d) => {
        at(items(d, 0), 0).weight = 2 ** 32;
      }),
    ).toMatch("/buckets/0/items/0/weight");
    expect(
      edit((d) => {
        at(d.buckets, 0).alg = "straw3";
      }),
    ).toMatch("/buckets/0/alg");
    const step = (more: Json) =>
      edit((d) => {
        at(d.rules, 0).steps = [{ op: "take", item: -1 }, more, { op: "emit" }];
      });
    expect(step({ op: "chooseleaf_firstn", num: 0, type: "cage" })).toMatch(
      "/rules/0/steps/1/type: no type cage",
    );
    expect(step({ op: "choose_most", num: 0, type: "host" })).toMatch("unknown step choose_most");
    expect(step({ op: "chooseleaf_firstn", num: 9999, type: "host" })).toMatch("chooses 9999");
  });
});
