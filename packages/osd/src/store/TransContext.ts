/**
 * Applies one transaction to a KStore: index in memory and values on their way to the disk.
 * Either commit() is called after every operation went through, or rollback(), which leaves no trace;
 * that is what makes an impossible operation harmless.
 * Ceph counterpart: KStore::TransContext and _txc_add_transaction.
 */
import { hobject_hash, type hobject_t, InvariantError, invariant } from "@tako/common";
import type { Counters, KStoreState } from "./KStoreState.ts";
import { coll_key } from "./keys.ts";
import { Collection, LENGTH_UNKNOWN, make_omap_index, ObjectRef } from "./ObjectIndex.ts";
import type { coll_t } from "./ObjectStore.ts";
import { is_coll, is_well_formed, type TransactionOp } from "./TransactionOp.ts";
import {
  allocate,
  DAMAGED,
  encode_onode,
  frame,
  HEADER,
  type Onode,
  seal,
} from "./value_format.ts";

const EMPTY_ONODE: Onode = { size: 0, attrs: new Map(), omap_header: undefined };
const NO_BYTES = new Uint8Array(0);
/**
 * A stripe without bytes. Every stripe below an object's size has a value, so that one that got lost
 * is an error and not a row of zeros.
 */
const HOLE = frame(NO_BYTES);

export class TransContext {
  readonly #s: KStoreState;
  readonly #changes: Map<string, Uint8Array | null>;
  #bytes = 0;

  // What rollback() restores. Nearly every transaction succeeds, so what each one has many of is kept
  // as a chain of old values, and only the rest as functions; neither kind depends on another.
  readonly #old_counters: Counters;
  /** Objects whose onode changed, and the onode before. */
  readonly #dirty = new Map<ObjectRef, Onode | undefined>();
  #old_changes: OldValue<Uint8Array | null> | undefined;
  #old_omap: OldValue<number> | undefined;
  /** Run backwards. */
  readonly #undo: (() => void)[] = [];

  constructor(state: KStoreState) {
    this.#s = state;
    this.#changes = state.queue.changes;
    this.#old_counters = { ...state.counters };
  }

  /** Writes the changed onodes; returns about how many bytes the transaction puts. No way back. */
  commit(): number {
    for (const ref of this.#dirty.keys()) if (!ref.removed) this.#put_onode(ref);
    return this.#bytes;
  }
  rollback(): void {
    restore(this.#old_changes);
    restore(this.#old_omap);
    for (const fn of this.#undo.reverse()) fn();
    for (const [ref, before] of this.#dirty) ref.node = before;
    Object.assign(this.#s.counters, this.#old_counters);
  }

  apply(op: TransactionOp): void {
    switch (op.op) {
      case "touch":
        this.#get_or_create(op);
        break;
      case "write":
        this.#write(this.#get_or_create(op), op.off, op.data);
        break;
      case "zero":
        this.#zero(this.#get_or_create(op), op.off, op.len);
        break;
      case "truncate":
        this.#truncate(this.#get_or_create(op), op.size);
        break;
      case "remove":
        this.#remove(this.#get(op));
        break;
      case "try_remove": {
        const ref = this.#coll(op.c, op.op).get(op.o);
        if (ref) this.#remove(ref);
        break;
      }
      case "collection_move_rename":
        this.#move(this.#get(op), this.#coll(op.c2, op.op), op.o2);
        break;
      case "clone":
        this.#clone(this.#get(op), op.o2);
        break;
      case "clone_range":
        this.#clone_range(op);
        break;
      case "create_collection":
        this.#create_collection(op.c);
        break;
      case "remove_collection":
        this.#remove_collection(op.c);
        break;
      case "split_collection":
        this.#split(op.c, op.bits, op.match, op.dest);
        break;
      default:
        this.#apply_attr(op);
    }
  }

  #apply_attr(op: TransactionOp & { op: `${string}attr${string}` | `omap_${string}` }): void {
    const ref = this.#get(op);
    switch (op.op) {
      case "setattr":
        this.#edit_attrs(ref, (attrs) => set_attr(attrs, op.name, op.value));
        break;
      case "setattrs":
        this.#edit_attrs(ref, (attrs) => {
          for (const [name, value] of op.attrs) set_attr(attrs, name, value);
        });
        break;
      case "rmattr":
        this.#edit_attrs(ref, (attrs) => attrs.delete(op.name));
        break;
      case "rmattrs":
        this.#edit_attrs(ref, (attrs) => attrs.clear());
        break;
      case "omap_setkeys":
        for (const [key, value] of op.vals) this.#omap_set(ref, key, value);
        break;
      case "omap_rmkeys":
        for (const key of op.keys) this.#omap_rm(ref, key);
        break;
      case "omap_rmkeyrange":
        for (const [key] of ref.omap?.getRange(op.first, op.last) ?? []) this.#omap_rm(ref, key);
        break;
      case "omap_clear":
        this.#omap_clear(ref);
        break;
      case "omap_setheader":
        this.#edit(ref, { omap_header: own(op.header) });
        break;
    }
  }

  // Objects and collections

  #coll(c: coll_t, op: string): Collection {
    const coll = this.#s.collections.get(c);
    if (!coll) throw new InvariantError(`${op}: no such collection`, { coll: c });
    return coll;
  }
  #get(op: { op: string; c: coll_t; o: hobject_t }): ObjectRef {
    const ref = this.#coll(op.c, op.op).get(op.o);
    if (!ref) throw new InvariantError(`${op.op}: no such object`, { coll: op.c, oid: op.o });
    return ref;
  }
  #get_or_create(op: { op: string; c: coll_t; o: hobject_t }): ObjectRef {
    const coll = this.#coll(op.c, op.op);
    return coll.get(op.o) ?? this.#create(coll, op.o);
  }
  #create(coll: Collection, o: hobject_t): ObjectRef {
    check_object_name(o);
    const ref = new ObjectRef(this.#s.counters.next_nid++, coll, o);
    this.#link(ref);
    this.#edit_from(ref, EMPTY_ONODE, {});
    return ref;
  }
  #link(ref: ObjectRef): void {
    const { coll, oid } = ref;
    coll.add(ref);
    this.#undo.push(() => coll.delete(oid));
  }
  #unlink(ref: ObjectRef): void {
    const { coll, oid } = ref;
    const { meta_bytes } = ref;
    coll.delete(oid);
    this.#del(ref.onode_key());
    this.#s.counters.meta -= meta_bytes;
    ref.meta_bytes = 0;
    this.#undo.push(() => {
      ref.rename(coll, oid);
      ref.meta_bytes = meta_bytes;
      coll.add(ref);
    });
  }

  #remove(ref: ObjectRef): void {
    const { size } = this.#s.node(ref);
    this.#omap_clear(ref);
    this.#del_stripes(ref, 0, size);
    this.#s.counters.data -= size;
    this.#unlink(ref);
    ref.removed = true;
    this.#undo.push(() => {
      ref.removed = false;
    });
  }

  #move(ref: ObjectRef, dest: Collection, o: hobject_t): void {
    check_object_name(o);
    invariant(!dest.get(o), "move: destination exists", { coll: dest.name, oid: o });
    const node = this.#s.node(ref);
    this.#unlink(ref);
    ref.rename(dest, o);
    this.#link(ref);
    this.#edit_from(ref, node, {});
  }

  #clone(from: ObjectRef, o: hobject_t): void {
    if (from.oid === o) return;
    const old = from.coll.get(o);
    if (old) this.#remove(old);
    const to = this.#create(from.coll, o);
    const node = this.#s.node(from);
    for (let n = 0; n * this.#s.stripe_size < node.size; n++) {
      const raw = this.#s.raw(from.data_key(n));
      this.#put(to.data_key(n), raw);
    }
    for (const key of from.omap?.keysArray() ?? []) {
      const raw = this.#s.raw(from.omap_key(key));
      this.#omap_put(to, key, raw);
    }
    this.#s.counters.data += node.size;
    this.#edit(to, node);
  }

  #clone_range(op: Extract<TransactionOp, { op: "clone_range" }>): void {
    const from = this.#get(op);
    const end = Math.min(op.off + op.len, this.#s.node(from).size);
    // Read before: it may be the same object.
    const bytes = this.#s.read_or_damaged(from, op.off, end);
    const to = this.#get_or_create({ ...op, c: op.c2, o: op.o2 });
    if (bytes !== DAMAGED) this.#write(to, op.off2, bytes);
    else this.#spoil(to, op.off2, end - op.off);
  }
  /** What would be written there cannot be read: neither can these stripes be, from now on. */
  #spoil(ref: ObjectRef, off: number, len: number): void {
    this.#grow(ref, off + len);
    const stripe = this.#s.stripe_size;
    for (let n = Math.floor(off / stripe); n * stripe < off + len; n++) {
      this.#put(ref.data_key(n), DAMAGED);
    }
  }

  #create_collection(c: coll_t): void {
    invariant(is_coll(c), "create_collection: bad name", { coll: c });
    const { collections } = this.#s;
    invariant(!collections.has(c), "create_collection: exists", { coll: c });
    collections.set(c, new Collection(c));
    this.#undo.push(() => collections.delete(c));
    this.#put(coll_key(c), HOLE);
  }
  #remove_collection(c: coll_t): void {
    const coll = this.#coll(c, "remove_collection");
    invariant(coll.size === 0, "remove_collection: not empty", { coll: c, objects: coll.size });
    this.#s.collections.delete(c);
    this.#undo.push(() => this.#s.collections.set(c, coll));
    this.#del(coll_key(c));
  }
  #split(c: coll_t, bits: number, match: number, dest: coll_t): void {
    const from = this.#coll(c, "split_collection");
    const to = this.#coll(dest, "split_collection");
    invariant(from !== to, "split_collection: into itself", { coll: c });
    const range = 2 ** bits;
    for (const ref of from.all()) {
      if (hobject_hash(ref.oid) % range === match) this.#move(ref, to, ref.oid);
    }
  }

  // Data

  #write(ref: ObjectRef, off: number, data: Uint8Array): void {
    if (data.length === 0) return;
    const { size } = this.#s.node(ref);
    const end = off + data.length;
    const stripe = this.#s.stripe_size;
    this.#put_holes(ref, size, Math.floor(off / stripe));
    for (let n = Math.floor(off / stripe); n * stripe < end; n++) {
      const start = n * stripe;
      const from = Math.max(off - start, 0);
      const to = Math.min(end - start, stripe);
      const piece = data.subarray(start + from - off, start + to - off);
      this.#put(ref.data_key(n), this.#merged(ref, n, size - start, from, piece));
    }
    this.#set_size(ref, Math.max(size, end));
  }

  /** Stripe `n`, of which `used` bytes may exist, with `piece` written at `from`; framed. */
  #merged(ref: ObjectRef, n: number, used: number, from: number, piece: Uint8Array): Uint8Array {
    const to = from + piece.length;
    const covers = from === 0 && to >= used;
    const old = covers || used <= 0 ? undefined : this.#s.stripe_or_damaged(ref, n);
    if (old === DAMAGED) return DAMAGED;
    const out = allocate(HEADER + Math.max(old?.length ?? 0, to));
    if (old) out.set(old, HEADER);
    out.set(piece, HEADER + from);
    return seal(out);
  }

  #zero(ref: ObjectRef, off: number, len: number): void {
    const { size } = this.#s.node(ref);
    const end = Math.min(off + len, size);
    const stripe = this.#s.stripe_size;
    for (let n = Math.floor(off / stripe); n * stripe < end; n++) {
      const start = n * stripe;
      const from = Math.max(off - start, 0);
      const to = Math.min(end - start, stripe);
      if (from === 0 && to >= Math.min(stripe, size - start)) {
        this.#put(ref.data_key(n), HOLE);
        continue;
      }
      const old = this.#s.stripe_or_damaged(ref, n);
      if (old === DAMAGED) {
        this.#put(ref.data_key(n), DAMAGED);
        continue;
      }
      if (old.length <= from) continue;
      const copy = new Uint8Array(HEADER + old.length);
      copy.set(old, HEADER);
      copy.fill(0, HEADER + from, HEADER + Math.min(to, old.length));
      this.#put(ref.data_key(n), seal(copy));
    }
    if (len > 0) this.#grow(ref, off + len);
  }

  #truncate(ref: ObjectRef, size: number): void {
    const old_size = this.#s.node(ref).size;
    if (size < old_size) {
      const stripe = this.#s.stripe_size;
      const n = Math.floor(size / stripe);
      const keep = size - n * stripe;
      if (keep > 0) {
        const old = this.#s.stripe_or_damaged(ref, n);
        // Bytes past the end must go: a later, longer size shows zeros there.
        if (old === DAMAGED) this.#put(ref.data_key(n), DAMAGED);
        else if (old.length > keep) this.#put(ref.data_key(n), frame(old.subarray(0, keep)));
      }
      this.#del_stripes(ref, keep > 0 ? n + 1 : n, old_size);
      this.#set_size(ref, size);
    } else {
      this.#grow(ref, size);
    }
  }

  /** Stripes from the one after `size` up to `end` exist but have no bytes yet. */
  #put_holes(ref: ObjectRef, size: number, end: number): void {
    for (let n = Math.ceil(size / this.#s.stripe_size); n < end; n++) {
      this.#put(ref.data_key(n), HOLE);
    }
  }
  #del_stripes(ref: ObjectRef, first: number, size: number): void {
    const count = Math.ceil(size / this.#s.stripe_size);
    for (let n = first; n < count; n++) this.#del(ref.data_key(n));
  }
  #grow(ref: ObjectRef, size: number): void {
    const old = this.#s.node(ref).size;
    if (size <= old) return;
    this.#put_holes(ref, old, Math.ceil(size / this.#s.stripe_size));
    this.#set_size(ref, size);
  }
  #set_size(ref: ObjectRef, size: number): void {
    const old = this.#s.node(ref).size;
    if (size === old) return;
    this.#s.counters.data += size - old;
    this.#edit(ref, { size });
  }

  // Attributes and omap

  #edit_attrs(ref: ObjectRef, fn: (attrs: Map<string, Uint8Array>) => void): void {
    const attrs = new Map(this.#s.node(ref).attrs);
    fn(attrs);
    this.#edit(ref, { attrs });
  }
  #edit(ref: ObjectRef, change: Partial<Onode>): void {
    this.#edit_from(ref, this.#s.node(ref), change);
  }
  #edit_from(ref: ObjectRef, node: Onode, change: Partial<Onode>): void {
    if (!this.#dirty.has(ref)) this.#dirty.set(ref, ref.node);
    ref.node = { ...node, ...change };
    this.#s.cache.touch(ref);
  }

  #omap_set(ref: ObjectRef, key: string, value: Uint8Array): void {
    this.#omap_put(ref, key, frame(value));
  }
  #omap_put(ref: ObjectRef, key: string, raw: Uint8Array): void {
    const omap = ref.omap ?? this.#make_omap(ref);
    const len = raw.length - HEADER;
    const old = omap.get(key);
    if (old === undefined) {
      invariant(is_well_formed(key), "omap key has no UTF-8 form", { oid: ref.oid, key });
      this.#s.counters.omap += key.length + len;
    } else {
      this.#s.counters.omap += len - this.#omap_len(ref, key, old);
    }
    if (old !== len) {
      this.#old_omap = { map: omap, key, old, before: this.#old_omap };
      omap.set(key, len);
    }
    this.#put(ref.omap_key(key), raw);
  }
  #omap_rm(ref: ObjectRef, key: string): void {
    const omap = ref.omap;
    const old = omap?.get(key);
    if (!omap || old === undefined) return;
    this.#s.counters.omap -= key.length + this.#omap_len(ref, key, old);
    this.#old_omap = { map: omap, key, old, before: this.#old_omap };
    omap.delete(key);
    this.#del(ref.omap_key(key));
  }
  #omap_clear(ref: ObjectRef): void {
    const omap = ref.omap;
    if (omap) {
      omap.forEachPair((key, len) => {
        this.#s.counters.omap -= key.length + this.#omap_len(ref, key, len);
        this.#del(ref.omap_key(key));
      });
      ref.omap = undefined;
      this.#undo.push(() => {
        ref.omap = omap;
      });
    }
    if (this.#s.node(ref).omap_header) this.#edit(ref, { omap_header: undefined });
  }
  #make_omap(ref: ObjectRef) {
    const omap = make_omap_index();
    ref.omap = omap;
    this.#undo.push(() => {
      ref.omap = undefined;
    });
    return omap;
  }
  #omap_len(ref: ObjectRef, key: string, known: number): number {
    if (known !== LENGTH_UNKNOWN) return known;
    return this.#s.stored_length(ref.omap_key(key));
  }

  // Values

  #put_onode(ref: ObjectRef): void {
    const key = ref.onode_key();
    const value = encode_onode(ref.nid, this.#s.node(ref));
    const bytes = key.length + value.length;
    this.#s.counters.meta += bytes - ref.meta_bytes;
    ref.meta_bytes = bytes;
    this.#bytes += bytes;
    this.#changes.set(key, value);
  }
  #put(key: string, value: Uint8Array): void {
    this.#bytes += key.length + value.length;
    this.#change(key, value);
  }
  #del(key: string): void {
    this.#bytes += key.length;
    this.#change(key, null);
  }
  #change(key: string, value: Uint8Array | null): void {
    const map = this.#changes;
    this.#old_changes = { map, key, old: map.get(key), before: this.#old_changes };
    map.set(key, value);
  }
}

/** A value as it was before a change, linked to the change before that. undefined: there was none. */
interface OldValue<V> {
  readonly map: { set(key: string, value: V): unknown; delete(key: string): unknown };
  readonly key: string;
  readonly old: V | undefined;
  readonly before: OldValue<V> | undefined;
}
function restore<V>(newest: OldValue<V> | undefined): void {
  for (let v = newest; v; v = v.before) {
    if (v.old === undefined) v.map.delete(v.key);
    else v.map.set(v.key, v.old);
  }
}

/** A copy: the cache must not keep the whole frame alive that an attribute came in. */
function own(value: Uint8Array): Uint8Array {
  const out = allocate(value.length);
  out.set(value);
  return out;
}
function set_attr(attrs: Map<string, Uint8Array>, name: string, value: Uint8Array): void {
  invariant(is_well_formed(name), "attribute name has no UTF-8 form", { name });
  attrs.set(name, own(value));
}
function check_object_name(o: hobject_t): void {
  invariant(o !== "MIN" && o !== "MAX" && is_well_formed(o), "not an object name", { oid: o });
}
