import { EVERSION_ZERO, ev_str, type hobject_t, InvariantError } from "@tako/common";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type EntryVector, entry, obj, read_vectors, ver } from "../testing/log_vectors.ts";
import { pg_missing_t, pg_missing_tracker_t } from "./pg_missing.ts";

interface Step {
  op: "none" | "add" | "event" | "revise_need" | "revise_have" | "rm_item" | "got_item";
  object: string;
  need: string;
  have: string;
  entry: EntryVector;
  then: {
    have_missing?: boolean;
    missing?: Record<string, boolean>;
    count?: number;
    index_count?: number;
    items?: Record<string, { need?: string; have?: string; delete?: boolean }>;
    index?: Record<string, string>;
  };
}

function apply(m: pg_missing_t, s: Step): void {
  switch (s.op) {
    case "none":
      return;
    case "add":
      m.add(obj(s.object), ver(s.need), ver(s.have), false);
      return;
    case "event":
      m.add_next_event(entry(s.entry));
      return;
    case "revise_need":
      m.revise_need(obj(s.object), ver(s.need), false);
      return;
    case "revise_have":
      m.revise_have(obj(s.object), ver(s.have));
      return;
    case "rm_item":
      m.rm(obj(s.object));
      return;
    case "got_item":
      m.got(obj(s.object), m.get(obj(s.object))?.need ?? EVERSION_ZERO);
  }
}
function check(m: pg_missing_t, then: Step["then"]): void {
  if (then.have_missing !== undefined) expect(m.have_missing()).toBe(then.have_missing);
  if (then.count !== undefined) expect(m.num_missing()).toBe(then.count);
  if (then.index_count !== undefined) expect([...m.rmissing()]).toHaveLength(then.index_count);
  for (const [o, is] of Object.entries(then.missing ?? {})) expect(m.is_missing(obj(o))).toBe(is);
  for (const [o, want] of Object.entries(then.items ?? {})) {
    const item = m.get(obj(o));
    const seen = item && {
      need: ev_str(item.need),
      have: ev_str(item.have),
      delete: item.is_delete,
    };
    expect(seen).toMatchObject(want);
  }
  for (const [v, o] of Object.entries(then.index ?? {})) {
    expect(m.first_from(Number(v))?.oid).toBe(obj(o));
  }
}

const sets = read_vectors<{ steps: Step[] }>("missing_set").cases;
describe.skipIf(sets.length === 0)("missing_set vectors", () => {
  test.each(sets)("$name", ({ steps }) => {
    const m = new pg_missing_t();
    for (const s of steps) {
      apply(m, s);
      check(m, s.then);
    }
  });
});

describe("pg_missing_t", () => {
  test("a deletion is recovered like an update, or removes the object from the set", () => {
    const del = entry({ op: "delete", object: "x1", version: "2'5", prior_version: "1'3" });
    const m = new pg_missing_t();
    m.add_next_event(del);
    expect(m.get(obj("x1"))).toEqual({ need: ver("2'5"), have: ver("1'3"), is_delete: true });

    const j = new pg_missing_t();
    j.may_include_deletes = false;
    j.add(obj("x1"), ver("1'4"), ver("1'3"), false);
    j.add_next_event(del);
    expect(j.have_missing()).toBe(false);
  });

  test("is_missing with a version asks whether that version would do", () => {
    const m = new pg_missing_t();
    m.add(obj("x1"), ver("3'5"), ver("1'2"), false);
    expect(m.is_missing(obj("x1"), ver("3'4"))).toBe(false);
    expect(m.is_missing(obj("x1"), ver("3'5"))).toBe(true);
    m.rm(obj("x1"), ver("3'4"));
    expect(m.is_missing(obj("x1"))).toBe(true);
    expect(() => m.got(obj("x1"), ver("3'4"))).toThrow(InvariantError);
  });

  test("split_into moves exactly the objects of the child", () => {
    const m = new pg_missing_tracker_t();
    for (let h = 0; h < 16; h++)
      m.add(obj(`x${h.toString(16)}`), ver(`1'${h + 1}`), ver("0'0"), h === 6);
    m.flush();
    const child = new pg_missing_tracker_t();
    m.split_into(2, 2, child);
    const moved = ["x2", "x6", "xa", "xe"].map(obj);
    expect([...child.rmissing()].map((r) => r.oid)).toEqual(moved);
    expect(child.get(obj("x6"))?.is_delete).toBe(true);
    expect(m.num_missing()).toBe(12);
    expect(new Set(m.get_changed())).toEqual(new Set(moved));
  });

  test("changed keys are those whose item differs from the last flush or was touched on the way", () => {
    const m = new pg_missing_tracker_t();
    m.add(obj("x1"), ver("1'1"), ver("0'0"), false);
    m.flush();
    m.revise_need(obj("x1"), ver("1'1"), false);
    m.revise_have(obj("x2"), ver("1'1"));
    m.rm(obj("x2"));
    expect(m.is_clean()).toBe(true);
    m.rm(obj("x1"));
    expect([...m.get_changed()]).toEqual([obj("x1")]);
  });

  const names = fc.constantFrom(...Array.from({ length: 12 }, (_, i) => `x${i.toString(16)}`));
  const version = fc.record({
    epoch: fc.integer({ min: 1, max: 3 }),
    version: fc.integer({ min: 1, max: 9 }),
  });
  const op = fc.record({
    kind: fc.constantFrom("add", "rm", "revise_need", "revise_have", "event"),
    name: names,
    a: version,
    b: version,
  });
  test("property: rmissing is the items by need, and the wire form loses nothing", () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
        const m = new pg_missing_t();
        const model = new Map<hobject_t, { need: object; have: object; is_delete: boolean }>();
        for (const { kind, name, a, b } of ops) {
          const o = obj(name);
          const old = model.get(o);
          if (kind === "add") {
            m.add(o, a, b, true);
            model.set(o, { need: a, have: b, is_delete: true });
          } else if (kind === "rm") {
            m.rm(o);
            model.delete(o);
          } else if (kind === "revise_need") {
            m.revise_need(o, a, false);
            model.set(o, { need: a, have: old?.have ?? EVERSION_ZERO, is_delete: false });
          } else if (kind === "revise_have") {
            m.revise_have(o, a);
            if (old) model.set(o, { ...old, have: a });
          } else {
            m.add_next_event({
              ...entry({ op: "modify", object: name, version: "1'1", prior_version: "0'0" }),
              version: a,
              prior_version: b,
            });
            model.set(o, { need: a, have: old?.have ?? b, is_delete: false });
          }
        }
        expect(new Map(m.get_items())).toEqual(model);
        const listed = [...m.rmissing()];
        expect(new Map(listed.map((r) => [r.oid, r.need]))).toEqual(
          new Map([...model].map(([o, i]) => [o, i.need])),
        );
        const numbers = listed.map((r) => r.need.version);
        expect(numbers).toEqual([...numbers].sort((x, y) => x - y));
        expect(m.get_oldest_need()).toEqual(listed[0]?.need);
        expect(m.first_from(5)).toEqual(listed.find((r) => r.need.version >= 5));
        expect(pg_missing_t.from_wire(m.to_wire()).to_wire()).toEqual(m.to_wire());
      }),
    );
  });
});
