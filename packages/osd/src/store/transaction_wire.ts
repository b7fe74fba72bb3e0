/**
 * A Transaction as it travels in rep_op and the like: one row an operation, byte arguments as
 * segments of the message's `data`. Matches `txn_body` of the catalogue, which leaves the rows open;
 * what may stand in a row is decided here and nowhere else.
 * Ceph counterpart: ObjectStore::Transaction::encode/decode.
 *
 * A map travels as (names, lengths, segment): its values side by side in one segment, because many
 * small segments cost more than one small copy. A single value is its own segment, uncopied.
 */
import { type hobject_t, is_hobject, ProtocolError } from "@tako/common";
import {
  is_coll,
  is_well_formed,
  NAME_MAX,
  OBJECT_MAX_SIZE,
  type OpName,
  type TransactionOp,
} from "./TransactionOp.ts";

export interface WireTransaction {
  txn: unknown[][];
  data: Uint8Array[];
}

const HOBJECT_MAX_LEN = 16384;

export function encode_ops(ops: readonly TransactionOp[]): WireTransaction {
  const data: Uint8Array[] = [];
  return { txn: ops.map((op) => encode_op(op, data)), data };
}

function encode_op(op: TransactionOp, data: Uint8Array[]): unknown[] {
  const seg = (b: Uint8Array) => data.push(b) - 1;
  switch (op.op) {
    case "touch":
    case "remove":
    case "try_remove":
    case "rmattrs":
    case "omap_clear":
      return [op.op, op.c, op.o];
    case "write":
      return [op.op, op.c, op.o, op.off, seg(op.data)];
    case "zero":
      return [op.op, op.c, op.o, op.off, op.len];
    case "truncate":
      return [op.op, op.c, op.o, op.size];
    case "setattr":
      return [op.op, op.c, op.o, op.name, seg(op.value)];
    case "setattrs":
      return [op.op, op.c, op.o, ...pack(op.attrs, seg)];
    case "rmattr":
      return [op.op, op.c, op.o, op.name];
    case "omap_setkeys":
      return [op.op, op.c, op.o, ...pack(op.vals, seg)];
    case "omap_rmkeys":
      return [op.op, op.c, op.o, op.keys];
    case "omap_rmkeyrange":
      return [op.op, op.c, op.o, op.first, op.last];
    case "omap_setheader":
      return [op.op, op.c, op.o, seg(op.header)];
    case "collection_move_rename":
      return [op.op, op.c, op.o, op.c2, op.o2];
    case "clone":
      return [op.op, op.c, op.o, op.o2];
    case "clone_range":
      return [op.op, op.c, op.o, op.c2, op.o2, op.off, op.len, op.off2];
    case "create_collection":
    case "remove_collection":
      return [op.op, op.c];
    case "split_collection":
      return [op.op, op.c, op.bits, op.match, op.dest];
  }
}

function pack(
  m: ReadonlyMap<string, Uint8Array>,
  seg: (b: Uint8Array) => number,
): [string[], number[], number] {
  const values = [...m.values()];
  const lens = values.map((v) => v.length);
  const [only] = values;
  if (only !== undefined && values.length === 1) return [[...m.keys()], lens, seg(only)];
  const all = new Uint8Array(lens.reduce((a, b) => a + b, 0));
  let at = 0;
  for (const v of values) {
    all.set(v, at);
    at += v.length;
  }
  return [[...m.keys()], lens, seg(all)];
}

export function decode_ops(
  txn: readonly (readonly unknown[])[],
  data: readonly Uint8Array[],
): TransactionOp[] {
  if (!Array.isArray(txn)) throw bad("", "not a list");
  const r = new Row(data);
  return txn.map((row, i) => {
    if (!Array.isArray(row)) throw bad(String(i), "not a list");
    r.start(row, i);
    const op = decode_op(r);
    r.end();
    return op;
  });
}

function decode_op(r: Row): TransactionOp {
  const op = r.op();
  const c = r.coll();
  if (op === "create_collection" || op === "remove_collection") return { op, c };
  if (op === "split_collection") {
    const bits = r.uint(32);
    return { op, c, bits, match: r.uint(2 ** bits - 1), dest: r.coll() };
  }
  const o = r.hobject();
  switch (op) {
    case "touch":
    case "remove":
    case "try_remove":
    case "rmattrs":
    case "omap_clear":
      return { op, c, o };
    case "write": {
      const off = r.uint(OBJECT_MAX_SIZE);
      return { op, c, o, off, data: r.seg(OBJECT_MAX_SIZE - off) };
    }
    case "zero": {
      const off = r.uint(OBJECT_MAX_SIZE);
      return { op, c, o, off, len: r.uint(OBJECT_MAX_SIZE - off) };
    }
    case "truncate":
      return { op, c, o, size: r.uint(OBJECT_MAX_SIZE) };
    case "setattr":
      return { op, c, o, name: r.name(), value: r.seg() };
    case "setattrs":
      return { op, c, o, attrs: r.map() };
    case "rmattr":
      return { op, c, o, name: r.name() };
    case "omap_setkeys":
      return { op, c, o, vals: r.map() };
    case "omap_rmkeys":
      return { op, c, o, keys: r.names() };
    case "omap_rmkeyrange":
      return { op, c, o, first: r.name(), last: r.name() };
    case "omap_setheader":
      return { op, c, o, header: r.seg() };
    case "collection_move_rename":
      return { op, c, o, c2: r.coll(), o2: r.hobject() };
    case "clone":
      return { op, c, o, o2: r.hobject() };
    case "clone_range": {
      const [c2, o2, off] = [r.coll(), r.hobject(), r.uint(OBJECT_MAX_SIZE)];
      const len = r.uint(OBJECT_MAX_SIZE - off);
      return { op, c, o, c2, o2, off, len, off2: r.uint(OBJECT_MAX_SIZE - len) };
    }
  }
}

function bad(path: string, reason: string): ProtocolError {
  return new ProtocolError(`bad transaction: ${reason} at txn/${path}`, {
    code: "bad_message",
    type: "txn",
    path: `txn/${path}`,
    reason,
  });
}

// A record, so that an operation added to the union and forgotten here does not compile.
const OP_NAMES: Readonly<Record<OpName, true>> = {
  touch: true,
  write: true,
  zero: true,
  truncate: true,
  remove: true,
  try_remove: true,
  setattr: true,
  setattrs: true,
  rmattr: true,
  rmattrs: true,
  omap_setkeys: true,
  omap_rmkeys: true,
  omap_rmkeyrange: true,
  omap_clear: true,
  omap_setheader: true,
  create_collection: true,
  remove_collection: true,
  collection_move_rename: true,
  clone: true,
  clone_range: true,
  split_collection: true,
};
function is_op_name(v: unknown): v is OpName {
  return typeof v === "string" && Object.hasOwn(OP_NAMES, v);
}

/** Takes the elements of one row after another, each checked. */
class Row {
  #row: readonly unknown[] = [];
  #index = 0;
  readonly #data: readonly Uint8Array[];
  #at = 0;
  // The last that were found good: most operations of a transaction are on the same object.
  #coll: string | undefined;
  #hobject: hobject_t | undefined;

  constructor(data: readonly Uint8Array[]) {
    this.#data = data;
  }
  start(row: readonly unknown[], index: number): void {
    this.#row = row;
    this.#index = index;
    this.#at = 0;
  }

  op(): OpName {
    const v = this.#next();
    if (!is_op_name(v)) throw this.#bad("unknown operation");
    return v;
  }
  coll(): string {
    const v = this.#next();
    if (this.#coll !== undefined && v === this.#coll) return this.#coll;
    if (typeof v !== "string" || !is_coll(v)) throw this.#bad("not a collection");
    this.#coll = v;
    return v;
  }
  hobject(): hobject_t {
    const v = this.#next();
    if (this.#hobject !== undefined && v === this.#hobject) return this.#hobject;
    if (typeof v !== "string" || v.length > HOBJECT_MAX_LEN || !is_hobject(v)) {
      throw this.#bad("not an object name");
    }
    if (v === "MIN" || v === "MAX") throw this.#bad("MIN and MAX are no objects");
    if (!is_well_formed(v)) throw this.#bad("not an object name");
    this.#hobject = v;
    return v;
  }
  uint(max: number): number {
    const v = this.#next();
    if (typeof v !== "number" || !Number.isInteger(v) || v < 0 || v > max) {
      throw this.#bad(`not an integer from 0 to ${max}`);
    }
    return v;
  }
  name(): string {
    return this.#name(this.#next());
  }
  names(): string[] {
    const v = this.#next();
    if (!Array.isArray(v)) throw this.#bad("not a list of names");
    return v.map((n: unknown) => this.#name(n));
  }
  seg(max = OBJECT_MAX_SIZE): Uint8Array {
    const i = this.#next();
    const v = typeof i === "number" ? this.#data[i] : undefined;
    if (!(v instanceof Uint8Array)) throw this.#bad("no such segment");
    if (v.length > max) throw this.#bad("segment too long");
    return v;
  }
  map(): Map<string, Uint8Array> {
    const names = this.names();
    const lens = this.#next();
    if (!Array.isArray(lens) || lens.length !== names.length) throw this.#bad("not its lengths");
    const bytes = this.seg();
    const out = new Map<string, Uint8Array>();
    let at = 0;
    for (const [i, name] of names.entries()) {
      const len: unknown = lens[i];
      if (typeof len !== "number" || !Number.isInteger(len) || len < 0) {
        throw this.#bad("not a length");
      }
      if (at + len > bytes.length) throw this.#bad("lengths exceed the segment");
      if (out.has(name)) throw this.#bad("name given twice");
      out.set(name, bytes.subarray(at, at + len));
      at += len;
    }
    if (at !== bytes.length) throw this.#bad("segment longer than its lengths");
    return out;
  }
  end(): void {
    if (this.#at !== this.#row.length) throw this.#bad("too many elements");
  }

  #next(): unknown {
    if (this.#at >= this.#row.length) throw this.#bad("too few elements");
    return this.#row[this.#at++];
  }
  #name(v: unknown): string {
    if (typeof v !== "string" || v.length > NAME_MAX || !is_well_formed(v)) {
      throw this.#bad("not a name");
    }
    return v;
  }
  #bad(reason: string): ProtocolError {
    return bad(`${this.#index}/${Math.max(0, this.#at - 1)}`, reason);
  }
}
