import { InvariantError, ProtocolError } from "@tako/common";
import { expect, it } from "vitest";
import { Transaction } from "./Transaction.ts";
import { OBJECT_MAX_SIZE } from "./TransactionOp.ts";
import { bytes } from "./testing/check.ts";
import { obj } from "./testing/subject.ts";

const A = obj("a");
const B = obj("b");
const C = "1.0_head";

function all_ops(): Transaction {
  const t = new Transaction();
  t.create_collection(C);
  t.touch(C, A);
  t.write(C, A, 7, bytes("data"));
  t.zero(C, A, 1, 2);
  t.truncate(C, A, 9);
  t.setattr(C, A, "_", bytes("info"));
  t.setattrs(
    C,
    A,
    new Map([
      ["x", bytes("1")],
      ["__proto__", bytes("22")],
    ]),
  );
  t.rmattr(C, A, "x");
  t.rmattrs(C, A);
  t.omap_setkeys(
    C,
    A,
    new Map([
      ["k", bytes("v")],
      ["l", bytes("")],
      ["m", bytes("www")],
    ]),
  );
  t.omap_setkeys(C, A, new Map());
  t.omap_rmkeys(C, A, ["k", "l"]);
  t.omap_rmkeyrange(C, A, "a", "z");
  t.omap_clear(C, A);
  t.omap_setheader(C, A, bytes("head"));
  t.clone(C, A, B);
  t.collection_move_rename(C, B, "1.0_TEMP", A);
  t.split_collection(C, 3, 5, "1.5_head");
  t.try_remove(C, B);
  t.remove(C, A);
  t.remove_collection(C);
  return t;
}

it("comes through the wire as it was, payloads uncopied", () => {
  const t = all_ops();
  const wire = t.to_wire();
  const back = Transaction.from_wire(JSON.parse(JSON.stringify(wire.txn)), wire.data);
  expect(back.ops).toEqual(t.ops);
  expect([back.num_ops, back.num_bytes]).toEqual([t.num_ops, t.num_bytes]);
  const write = t.ops.find((op) => op.op === "write");
  expect(wire.data).toContain(write?.data);
  expect(back.collections()).toEqual(new Set([C, "1.0_TEMP", "1.5_head"]));
});

it("appends another without touching it", () => {
  const a = all_ops();
  const b = all_ops();
  a.append(b);
  a.append(a);
  expect(a.ops).toEqual([...b.ops, ...b.ops, ...b.ops, ...b.ops]);
  expect([a.num_bytes, b.num_ops]).toEqual([4 * b.num_bytes, all_ops().num_ops]);
  expect([new Transaction().empty, a.empty]).toEqual([true, false]);
});

const seg = [bytes("12345")];
it.each<[string, unknown]>([
  ["not a list", "touch"],
  ["a row that is not a list", ["touch"]],
  ["an empty row", [[]]],
  ["an unknown operation", [["format_disk", C, A]]],
  ["an inherited name", [["constructor", C, A]]],
  ["too few elements", [["touch", C]]],
  ["too many elements", [["touch", C, A, 1]]],
  ["no collection", [["touch", 7, A]]],
  ["a path as collection", [["touch", "../x", A]]],
  ["no object", [["touch", C, "a"]]],
  ["MIN as object", [["touch", C, "MIN"]]],
  ["half a character", [["touch", C, `${A.slice(0, -5)}\ud800:head`]]],
  ["a negative offset", [["write", C, A, -1, 0]]],
  ["a huge offset", [["write", C, A, OBJECT_MAX_SIZE, 0]]],
  ["a fractional size", [["truncate", C, A, 1.5]]],
  ["NaN", [["truncate", C, A, Number.NaN]]],
  ["a range past the largest object", [["zero", C, A, 10, OBJECT_MAX_SIZE]]],
  ["a segment that is not there", [["write", C, A, 0, 1]]],
  ["a negative segment", [["write", C, A, 0, -1]]],
  ["a segment by name", [["write", C, A, 0, "length"]]],
  ["a long attribute name", [["setattr", C, A, "x".repeat(5000), 0]]],
  ["lengths that do not add up", [["omap_setkeys", C, A, ["a"], [4], 0]]],
  ["lengths that exceed the segment", [["omap_setkeys", C, A, ["a"], [6], 0]]],
  ["fewer lengths than names", [["omap_setkeys", C, A, ["a", "b"], [5], 0]]],
  ["a name twice", [["setattrs", C, A, ["a", "a"], [2, 3], 0]]],
  ["keys that are no names", [["omap_rmkeys", C, A, [1]]]],
  ["33 bits", [["split_collection", C, 33, 0, C]]],
  ["a match outside its bits", [["split_collection", C, 2, 4, C]]],
])("refuses %s", (_what, txn) => {
  const rows = txn as unknown[][];
  expect(() => Transaction.from_wire(rows, seg)).toThrow(ProtocolError);
});

it("refuses impossible sizes at the place that gives them", () => {
  const t = new Transaction();
  for (const fn of [
    () => t.write(C, A, -1, bytes("x")),
    () => t.write(C, A, OBJECT_MAX_SIZE, bytes("x")),
    () => t.zero(C, A, 0, Number.NaN),
    () => t.truncate(C, A, 0.5),
    () => t.split_collection(C, 2, 4, C),
  ]) {
    expect(fn).toThrow(InvariantError);
  }
  expect(t.empty).toBe(true);
});
