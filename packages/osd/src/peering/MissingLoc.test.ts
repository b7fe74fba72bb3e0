import {
  get_is_readable_predicate,
  get_is_recoverable_predicate,
  type hobject_t,
  InvariantError,
  type pg_info_t,
  type pg_shard_t,
} from "@tako/common";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { pg_missing_t } from "../pg/pg_missing.ts";
import { info, type MissingVector, missing, obj, ver } from "../testing/log_vectors.ts";
import { MissingLoc } from "./MissingLoc.ts";

const lacks = (v: MissingVector) => missing(v, true);
const up_to = (last_update: string, last_backfill = "MAX") => info({ last_update, last_backfill });

describe("MissingLoc", () => {
  test("a source is who reached the version, is complete there and does not lack the object", () => {
    const loc = new MissingLoc();
    loc.add_active_missing(
      lacks({ x1: { need: "2'5" }, x2: { need: "2'6" }, x3: { need: "2'7", delete: true } }),
    );
    expect([loc.num_needs_recovery(), loc.num_unfound()]).toEqual([3, 2]);

    expect(loc.add_source_info("4", up_to("2'4"), lacks({}))).toBe(false);
    expect(loc.add_source_info("5", up_to("2'6", "object after x0"), lacks({}))).toBe(false);
    expect(loc.add_source_info("6", up_to("2'6"), lacks({ x2: { need: "2'6" } }))).toBe(true);
    expect([...loc.get_locations(obj("x1"))]).toEqual(["6"]);
    expect(loc.get_unfound()).toEqual([obj("x2")]);
    expect(loc.add_source_info("6", up_to("2'6"), lacks({ x2: { need: "2'6" } }))).toBe(false);
    expect(loc.is_unfound(obj("x3"))).toBe(false);
    expect(loc.readable_with_acting(obj("x3"), new Set(["6"]))).toBe(false);
    expect(loc.readable_with_acting(obj("x1"), new Set(["6"]))).toBe(true);
    expect(loc.readable_with_acting(obj("x1"), new Set(["4"]))).toBe(false);

    expect(loc.check_recovery_sources((o) => o === 6)).toEqual(["6"]);
    expect(loc.num_unfound()).toBe(2);
  });

  test("members must agree on what they need", () => {
    const loc = new MissingLoc();
    loc.add_active_missing(lacks({ x1: { need: "2'5" } }));
    expect(() => loc.add_active_missing(lacks({ x1: { need: "3'5" } }))).toThrow(InvariantError);
  });

  test("erasure: unfound until k positions have it", () => {
    const loc = new MissingLoc();
    loc.set_backend_predicates(
      get_is_readable_predicate(2, "0(0)"),
      get_is_recoverable_predicate(2),
    );
    loc.add_missing(obj("x1"), ver("1'1"), ver("0'0"), false);
    loc.add_location(obj("x1"), "1(1)");
    loc.add_location(obj("x1"), "9(1)");
    expect(loc.is_unfound(obj("x1"))).toBe(true);
    loc.add_location(obj("x1"), "2(2)");
    expect(loc.is_unfound(obj("x1"))).toBe(false);
    expect(loc.readable_with_acting(obj("x1"), new Set(["1(1)", "2(2)"]))).toBe(false);
    expect(loc.location_counts()).toEqual([{ shards: ["1(1)", "2(2)", "9(1)"], objects: 1 }]);
  });

  test("rebuild_object finds who lacks it now and who has it", () => {
    const loc = new MissingLoc();
    const own = lacks({});
    const peer_missing = new Map<pg_shard_t, pg_missing_t>([
      ["1", lacks({ x1: { need: "2'5", have: "1'1" } })],
      ["2", lacks({})],
      ["3", lacks({})],
    ]);
    const members = {
      pg_whoami: "0" as const,
      info: up_to("2'9"),
      missing: own,
      acting_recovery_backfill: new Set<pg_shard_t>(["0", "1"]),
      peer_info: new Map<pg_shard_t, pg_info_t>([
        ["1", up_to("2'9")],
        ["2", up_to("2'4")],
        ["3", up_to("2'9")],
      ]),
      peer_missing,
    };
    loc.rebuild_object(members, obj("x1"));
    expect(loc.needs_recovery(obj("x1"))).toEqual(ver("2'5"));
    expect([...loc.get_locations(obj("x1"))]).toEqual(["0", "3"]);
    peer_missing.set("1", lacks({}));
    loc.rebuild_object(members, obj("x1"));
    expect(loc.needs_recovery(obj("x1"))).toBeUndefined();
    expect(loc.location_counts()).toEqual([]);
  });

  test("property: counts and unfound are what the single locations say", () => {
    const name = fc.constantFrom("x1", "x2", "x3", "x4");
    const shard = fc.constantFrom<pg_shard_t>("0(0)", "1(1)", "2(2)", "3(1)");
    const kind = fc.constantFrom(
      "lack",
      "lack_deletion",
      "add",
      "remove",
      "recovered",
      "drop",
      "clear",
    );
    const op = fc.record({ kind, name, shard });
    const recoverable = get_is_recoverable_predicate(2);
    fc.assert(
      fc.property(fc.array(op, { maxLength: 40 }), (ops) => {
        const loc = new MissingLoc();
        loc.set_backend_predicates(recoverable, recoverable);
        const model = new Map<hobject_t, Set<pg_shard_t> | "deletion">();
        for (const { kind, name, shard } of ops) {
          const o = obj(name);
          const at = model.get(o);
          if (kind === "lack") {
            loc.add_missing(o, ver("1'1"), ver("0'0"), false);
            model.set(o, at instanceof Set ? at : new Set());
          } else if (kind === "lack_deletion") {
            loc.add_missing(o, ver("1'1"), ver("0'0"), true);
            model.set(o, "deletion");
          } else if (kind === "add") {
            loc.add_location(o, shard);
            if (at instanceof Set) at.add(shard);
          } else if (kind === "remove") {
            loc.remove_location(o, shard);
            if (at instanceof Set) at.delete(shard);
          } else if (kind === "recovered") {
            loc.recovered(o);
            model.delete(o);
          } else if (kind === "drop") {
            loc.remove_source(shard);
            for (const s of model.values()) if (s instanceof Set) s.delete(shard);
          } else {
            loc.clear_location(o);
            if (at instanceof Set) at.clear();
          }
        }
        const lacked = [...model.values()].filter((s) => s instanceof Set);
        for (const [o, s] of model) {
          expect(loc.get_locations(o)).toEqual(s instanceof Set ? s : new Set());
          expect(loc.is_unfound(o)).toBe(s instanceof Set && !recoverable(s));
        }
        expect(loc.num_unfound()).toBe(lacked.filter((s) => !recoverable(s)).length);
        expect(loc.get_unfound()).toHaveLength(loc.num_unfound());
        expect(loc.location_counts().reduce((n, c) => n + c.objects, 0)).toBe(lacked.length);
        expect(loc.num_needs_recovery()).toBe(model.size);
      }),
    );
  });
});
