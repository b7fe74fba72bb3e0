/** Damaged `ceph osd dump` output: an error with the place, or a map that can be used. */
import { describe, expect, it } from "vitest";
import { crush_from_dump } from "../crush/load.ts";
import { osdmap_vectors } from "../crush/testing/vectors.ts";
import { osdmap_from_dump } from "./load.ts";
import { MapError } from "./MapError.ts";

type Json = Record<string, unknown>;
const vector = osdmap_vectors().find((v) => v.id === "osdmap-upmap-and-temps-affinity-0");
if (!vector) throw new Error("no such vector");
const crush = crush_from_dump(vector.crush_dump);
const good = () => structuredClone(vector.osdmap) as { [key: string]: Json[] } & Json;

/** Every object and array inside, with its path. */
function* parts(v: unknown, path = ""): Generator<[string, Json]> {
  if (typeof v !== "object" || v === null) return;
  yield [path, v as Json];
  for (const [key, inner] of Object.entries(v)) yield* parts(inner, `${path}/${key}`);
}
function refusal(json: unknown): string {
  try {
    const m = osdmap_from_dump(json, crush);
    for (const id of m.pool_ids()) m.pg_to_up_acting_osds(`${id}.0`);
    m.dump();
    return "";
  } catch (e) {
    if (!(e instanceof MapError)) throw e;
    return e.message;
  }
}

describe("a damaged osd dump", () => {
  it("ends with a MapError or a map, whatever kind a value is of", () => {
    expect(refusal(good())).toBe("");
    let refused = 0;
    const places = [...parts(good())].flatMap(([path, p]) => {
      // One of each kind is enough.
      if (/\/(\d\d|[2-9])(\/|$)/.test(path)) return [];
      return Object.keys(p).map((key) => [path, key] as const);
    });
    for (const [path, key] of places) {
      for (const other of [null, "x", -7, 2 ** 60]) {
        const json = good();
        for (const [at, part] of parts(json)) if (at === path) part[key] = other;
        if (refusal(json) !== "") refused++;
      }
    }
    expect(refused).toBeGreaterThan(places.length);
  });

  const edit = (fn: (d: { [key: string]: Json[] } & Json) => void): string => {
    const json = good();
    fn(json);
    return refusal(json);
  };
  const at = (list: Json[] | undefined, i: number): Json => list?.[i] ?? {};
  it("is refused where ids collide or lead out of the map", () => {
    const twice = (list: string, field: string) =>
      edit((d) => {
        at(d[list], 1)[field] = at(d[list], 0)[field];
      });
    expect(twice("osds", "osd")).toBe("not an osd dump: /osds/1/osd: 0 is there twice");
    expect(twice("osd_xinfo", "osd")).toMatch("/osd_xinfo/1/osd: 0 is there twice");
    expect(twice("pools", "pool")).toMatch(/\/pools\/1\/pool: \d+ is there twice/);
    expect(twice("pools", "pool_name")).toMatch("is there twice");
    expect(twice("pg_upmap_items", "pgid")).toMatch("/pg_upmap_items/1/pgid: ");
    expect(twice("pg_temp", "pgid")).toMatch("/pg_temp/1/pgid: ");
    expect(
      edit((d) => {
        d.max_osd = 1 as never;
      }),
    ).toMatch("/osds/1/osd: 1 is outside of 0 .. 0");
    expect(
      edit((d) => {
        d.max_osd = (2 ** 40) as never;
      }),
    ).toMatch("/max_osd: 1099511627776 is outside");
    expect(edit((d) => d.primary_temp?.pop())).toMatch("/primary_temp: the last PG has no OSD");
  });
  it("is refused for numbers and names that no map can mean", () => {
    const set = (list: string, field: string, value: unknown) =>
      edit((d) => {
        at(d[list], 0)[field] = value;
      });
    expect(set("osds", "weight", 1.5)).toMatch("/osds/0/weight: 1.5 is outside of 0 .. 1");
    expect(set("osds", "weight", -0.1)).toMatch("/osds/0/weight");
    expect(set("osds", "primary_affinity", 2)).toMatch("/osds/0/primary_affinity");
    expect(set("osds", "state", ["exists", "half-up"])).toMatch("half-up is not known");
    expect(set("pools", "pg_num", 0)).toMatch("/pools/0/pg_num");
    expect(set("pools", "pg_num", 2 ** 31)).toMatch("/pools/0/pg_num");
    expect(set("pools", "pg_placement_num", 2 ** 20)).toMatch("/pools/0/pg_placement_num");
    expect(set("pools", "size", 300)).toMatch("/pools/0/size");
    expect(set("pools", "type", 2)).toMatch("/pools/0/type");
    expect(set("pg_temp", "osds", [-3])).toMatch("/pg_temp/0/osds");
  });
});
