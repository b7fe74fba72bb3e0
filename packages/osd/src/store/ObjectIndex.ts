/**
 * What a KStore keeps in memory: which objects each collection has, in order, and which omap keys each
 * object has. Reads of the store are synchronous but a database iterates asynchronously, so listing
 * needs this; it is loaded at mount from keys (and the small onodes), never from data.
 * Cost: about 250 bytes an object and 100 bytes an omap key.
 * Ceph counterpart: KStore's Collection and OnodeHashLRU.
 */
import { HOBJECT_MAX, hobject_cmp, type hobject_t } from "@tako/common";
import { data_prefix, omap_prefix, onode_key, stripe_text } from "./keys.ts";
import type { coll_t } from "./ObjectStore.ts";
import { BTree } from "./sorted_btree.ts";
import type { Onode } from "./value_format.ts";

function cmp_key(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Length of an omap value that was not read since mount. */
export const LENGTH_UNKNOWN = -1;
/** omap keys in order, with the length of each value for statfs. */
export type OmapIndex = BTree<string, number>;
export function make_omap_index(): OmapIndex {
  return new BTree<string, number>(undefined, cmp_key);
}

/** One object. Stays the same when the object is moved; a re-created object is a new one. */
export class ObjectRef {
  /** Data and omap are stored under this number, so a move or split rewrites no data. */
  readonly nid: number;
  #coll: Collection;
  #oid: hobject_t;
  omap: OmapIndex | undefined;
  /** Bytes of the onode as last written, key included. */
  meta_bytes = 0;
  /** Decoded onode; undefined = not in the cache. */
  node: Onode | undefined;
  /** Generation of the OnodeCache that saw it last. */
  seen = 0;
  removed = false;
  // Made once while the object is in the cache: each write names several keys of the same objects.
  #onode_key: string | undefined;
  #data_prefix: string | undefined;
  #omap_prefix: string | undefined;

  constructor(nid: number, coll: Collection, oid: hobject_t) {
    this.nid = nid;
    this.#coll = coll;
    this.#oid = oid;
  }
  get coll(): Collection {
    return this.#coll;
  }
  get oid(): hobject_t {
    return this.#oid;
  }
  rename(coll: Collection, oid: hobject_t): void {
    this.#coll = coll;
    this.#oid = oid;
    this.#onode_key = undefined;
  }
  /** Out of the cache. */
  forget(): void {
    this.node = undefined;
    this.#onode_key = this.#data_prefix = this.#omap_prefix = undefined;
  }

  // Keys in the database
  onode_key(): string {
    this.#onode_key ??= onode_key(this.#coll.name, this.#oid);
    return this.#onode_key;
  }
  data_key(stripe: number): string {
    this.#data_prefix ??= data_prefix(this.nid);
    return this.#data_prefix + stripe_text(stripe);
  }
  omap_key(key: string): string {
    this.#omap_prefix ??= omap_prefix(this.nid);
    return this.#omap_prefix + key;
  }
}

export class Collection {
  readonly name: coll_t;
  readonly #by_name = new Map<hobject_t, ObjectRef>();
  readonly #order = new BTree<hobject_t, ObjectRef>(undefined, hobject_cmp);

  constructor(name: coll_t) {
    this.name = name;
  }
  get size(): number {
    return this.#by_name.size;
  }
  get(o: hobject_t): ObjectRef | undefined {
    return this.#by_name.get(o);
  }
  add(ref: ObjectRef): void {
    this.#by_name.set(ref.oid, ref);
    this.#order.set(ref.oid, ref);
  }
  delete(o: hobject_t): void {
    this.#by_name.delete(o);
    this.#order.delete(o);
  }
  all(): ObjectRef[] {
    return this.#order.valuesArray();
  }
  list(start: hobject_t, end: hobject_t, max: number): { objects: hobject_t[]; next: hobject_t } {
    const objects: hobject_t[] = [];
    for (const o of this.#order.keys(start)) {
      if (hobject_cmp(o, end) >= 0) break;
      if (objects.length >= max) return { objects, next: o };
      objects.push(o);
    }
    return { objects, next: HOBJECT_MAX };
  }
}

export function list_omap(
  omap: OmapIndex,
  start_after: string,
  prefix: string,
  max: number,
): { keys: string[]; more: boolean } {
  const keys: string[] = [];
  const from = start_after < prefix ? prefix : start_after;
  for (const key of omap.keys(from)) {
    if (key <= start_after) continue;
    if (!key.startsWith(prefix)) break;
    if (keys.length >= max) return { keys, more: true };
    keys.push(key);
  }
  return { keys, more: false };
}

/**
 * Keeps the onodes of recently used objects decoded, at least `min` and at most twice as many: two
 * generations instead of a linked list, so that a hit costs one comparison.
 */
export class OnodeCache {
  readonly #min: number;
  #generation = 1;
  #young = new Set<ObjectRef>();
  #old = new Set<ObjectRef>();

  constructor(min: number) {
    this.#min = min;
  }
  touch(ref: ObjectRef): void {
    if (ref.seen === this.#generation) return;
    ref.seen = this.#generation;
    this.#old.delete(ref);
    this.#young.add(ref);
  }
  /** Call between transactions only: those under way hold changed onodes here. */
  trim(): void {
    if (this.#young.size < this.#min) return;
    for (const ref of this.#old) ref.forget();
    this.#old = this.#young;
    this.#young = new Set();
    this.#generation++;
  }
}
