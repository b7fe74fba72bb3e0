/**
 * Transaction: an ordered list of changes that a store applies all or not at all.
 * Only builds and describes; what an operation does is written down here and done by the stores.
 * Ceph counterpart: src/os/Transaction.h. Rules: peering.md §2.8.
 *
 * Byte arguments are kept by reference: nobody may change them after they were handed over.
 *
 * Which operations need what (else the store throws InvariantError and nothing happens):
 * every collection named must exist; touch, write, zero and truncate create an absent object; all
 * other operations on an object need it to be there, except try_remove. Removing an absent attribute
 * or omap key does nothing.
 */
import { type hobject_t, invariant } from "@tako/common";
import type { coll_t } from "./ObjectStore.ts";
import { OBJECT_MAX_SIZE, type TransactionOp } from "./TransactionOp.ts";
import { decode_ops, encode_ops, type WireTransaction } from "./transaction_wire.ts";

/** What one operation costs beside its payload, for num_bytes. */
const OP_OVERHEAD = 64;

export class Transaction {
  readonly #ops: TransactionOp[] = [];
  #payload = 0;

  get ops(): readonly TransactionOp[] {
    return this.#ops;
  }
  get empty(): boolean {
    return this.#ops.length === 0;
  }
  get num_ops(): number {
    return this.#ops.length;
  }
  /** About how many bytes this will write: payload, keys and a constant an operation. */
  get num_bytes(): number {
    return this.#payload + this.#ops.length * OP_OVERHEAD;
  }
  /** Every collection that this reads or changes; a receiver checks them against its PG. */
  collections(): Set<coll_t> {
    const out = new Set<coll_t>();
    for (const op of this.#ops) {
      out.add(op.c);
      if (op.op === "collection_move_rename" || op.op === "clone_range") out.add(op.c2);
      if (op.op === "split_collection") out.add(op.dest);
    }
    return out;
  }

  /** Adds the operations of `other` behind those here; `other` stays as it is. */
  append(other: Transaction): void {
    // Not push(...ops): a batch of removals can be longer than the argument limit.
    for (const op of other.#ops.slice()) this.#ops.push(op);
    this.#payload += other.#payload;
  }

  /** Creates `o`, empty, when it is absent. */
  touch(c: coll_t, o: hobject_t): void {
    this.#ops.push({ op: "touch", c, o });
  }
  /** Writes `data` at `off`; a gap before it reads as zeros. Empty `data` is touch. */
  write(c: coll_t, o: hobject_t, off: number, data: Uint8Array): void {
    check_extent(off, data.length);
    this.#ops.push({ op: "write", c, o, off, data });
    this.#payload += data.length;
  }
  /** Makes [off, off+len) read as zeros; the object grows to off+len when it is shorter. */
  zero(c: coll_t, o: hobject_t, off: number, len: number): void {
    check_extent(off, len);
    this.#ops.push({ op: "zero", c, o, off, len });
  }
  /** Cuts the object, or grows it with zeros. */
  truncate(c: coll_t, o: hobject_t, size: number): void {
    check_extent(0, size);
    this.#ops.push({ op: "truncate", c, o, size });
  }
  /** Removes data, attributes and omap of `o`, which must exist. */
  remove(c: coll_t, o: hobject_t): void {
    this.#ops.push({ op: "remove", c, o });
  }
  /** remove, but nothing happens when there is no such object. */
  try_remove(c: coll_t, o: hobject_t): void {
    this.#ops.push({ op: "try_remove", c, o });
  }

  setattr(c: coll_t, o: hobject_t, name: string, value: Uint8Array): void {
    this.#ops.push({ op: "setattr", c, o, name, value });
    this.#payload += name.length + value.length;
  }
  setattrs(c: coll_t, o: hobject_t, attrs: ReadonlyMap<string, Uint8Array>): void {
    this.#ops.push({ op: "setattrs", c, o, attrs });
    this.#payload += size_of(attrs);
  }
  rmattr(c: coll_t, o: hobject_t, name: string): void {
    this.#ops.push({ op: "rmattr", c, o, name });
  }
  /** Removes all attributes. */
  rmattrs(c: coll_t, o: hobject_t): void {
    this.#ops.push({ op: "rmattrs", c, o });
  }

  omap_setkeys(c: coll_t, o: hobject_t, vals: ReadonlyMap<string, Uint8Array>): void {
    this.#ops.push({ op: "omap_setkeys", c, o, vals });
    this.#payload += size_of(vals);
  }
  omap_rmkeys(c: coll_t, o: hobject_t, keys: Iterable<string>): void {
    const list = [...keys];
    this.#ops.push({ op: "omap_rmkeys", c, o, keys: list });
    for (const k of list) this.#payload += k.length;
  }
  /** Removes the keys with first <= key < last. */
  omap_rmkeyrange(c: coll_t, o: hobject_t, first: string, last: string): void {
    this.#ops.push({ op: "omap_rmkeyrange", c, o, first, last });
  }
  /** Removes all keys and the header. */
  omap_clear(c: coll_t, o: hobject_t): void {
    this.#ops.push({ op: "omap_clear", c, o });
  }
  omap_setheader(c: coll_t, o: hobject_t, header: Uint8Array): void {
    this.#ops.push({ op: "omap_setheader", c, o, header });
    this.#payload += header.length;
  }

  /** `c` must not exist. */
  create_collection(c: coll_t): void {
    this.#ops.push({ op: "create_collection", c });
  }
  /** `c` must be empty. */
  remove_collection(c: coll_t): void {
    this.#ops.push({ op: "remove_collection", c });
  }
  /** `o` of `c` becomes `o2` of `c2`, where no `o2` may be. */
  collection_move_rename(c: coll_t, o: hobject_t, c2: coll_t, o2: hobject_t): void {
    this.#ops.push({ op: "collection_move_rename", c, o, c2, o2 });
  }
  /** `o2` becomes a copy of `o`: data, attributes, omap; what `o2` was is gone. */
  clone(c: coll_t, o: hobject_t, o2: hobject_t): void {
    this.#ops.push({ op: "clone", c, o, o2 });
  }
  /**
   * Writes bytes [off, off+len) of `o`, as far as there are any, to `o2` of `c2` from `off2` on; `o2`
   * is created when it is absent.
   */
  clone_range(
    c: coll_t,
    o: hobject_t,
    c2: coll_t,
    o2: hobject_t,
    off: number,
    len: number,
    off2: number,
  ): void {
    check_extent(off, len);
    check_extent(off2, len);
    this.#ops.push({ op: "clone_range", c, o, c2, o2, off, len, off2 });
  }
  /** Moves the objects with (hash & (2^bits - 1)) == match from `c` to `dest`; both must exist. */
  split_collection(c: coll_t, bits: number, match: number, dest: coll_t): void {
    invariant(Number.isInteger(bits) && bits >= 0 && bits <= 32, "split_collection: bits", {
      bits,
    });
    invariant(Number.isInteger(match) && match >= 0 && match < 2 ** bits, "split: match", {
      match,
    });
    this.#ops.push({ op: "split_collection", c, bits, match, dest });
  }

  /** Rows and byte segments for a message; small values of one map share a segment. */
  to_wire(): WireTransaction {
    return encode_ops(this.#ops);
  }
  /** ProtocolError on anything that to_wire could not have written. Segments are not copied. */
  static from_wire(
    txn: readonly (readonly unknown[])[],
    data: readonly Uint8Array[] = [],
  ): Transaction {
    const t = new Transaction();
    for (const op of decode_ops(txn, data)) {
      t.#ops.push(op);
      t.#payload += payload_of(op);
    }
    return t;
  }
}

function check_extent(off: number, len: number): void {
  invariant(
    Number.isInteger(off) && Number.isInteger(len) && off >= 0 && len >= 0,
    "transaction: offset or length is not a size",
    { off, len },
  );
  invariant(off + len <= OBJECT_MAX_SIZE, "transaction: object too large", { off, len });
}

function size_of(m: ReadonlyMap<string, Uint8Array>): number {
  let n = 0;
  for (const [k, v] of m) n += k.length + v.length;
  return n;
}

function payload_of(op: TransactionOp): number {
  switch (op.op) {
    case "write":
      return op.data.length;
    case "setattr":
      return op.name.length + op.value.length;
    case "setattrs":
      return size_of(op.attrs);
    case "omap_setkeys":
      return size_of(op.vals);
    case "omap_rmkeys":
      return op.keys.reduce((n, k) => n + k.length, 0);
    case "omap_setheader":
      return op.header.length;
    default:
      return 0;
  }
}
