/**
 * pg_missing_t: the objects for which a shard's log says one version and its store has an older one
 * or none. Plain sets and rules; it reads no store and writes none.
 * Ceph counterpart: pg_missing_set (src/osd/osd_types.h). peering.md §2.4, §6.13.
 *
 * An item has need (the version wanted), have (the version in the store, 0'0 = nothing usable) and
 * is_delete (the wanted change is a deletion). `rmissing` is the same set ordered by need: recovery
 * goes through it oldest first, and its first element bounds last_complete.
 */
import {
  EVERSION_ZERO,
  ev_eq,
  ev_gt,
  ev_is_zero,
  ev_le,
  type eversion_t,
  hobject_cmp,
  hobject_hash,
  type hobject_t,
  invariant,
  type pg_log_entry_t,
  type pg_missing_item_t,
  type pg_missing_wire_t,
  type version_t,
} from "@tako/common";
import { is_clone, is_delete } from "./log_entry.ts";

/** An item seen from rmissing. */
export interface rmissing_item_t {
  readonly need: eversion_t;
  readonly oid: hobject_t;
}

/** By version number first: that is what recovery walks along. The rest makes it a total order. */
function rmissing_cmp(a: rmissing_item_t, need: eversion_t, oid: hobject_t): number {
  return (
    a.need.version - need.version ||
    a.need.epoch - need.epoch ||
    (a.oid < oid ? -1 : +(a.oid > oid))
  );
}

export class pg_missing_t {
  readonly #items = new Map<hobject_t, pg_missing_item_t>();
  /**
   * Ascending from #first on. An array fits because items come in log order (at the end) and go in
   * log order (from the front); anything else is one memmove.
   */
  #rmissing: (rmissing_item_t | undefined)[] = [];
  #first = 0;
  /** Deletions are recovered like updates; false: they were applied when they were merged. */
  may_include_deletes = true;

  static from_wire(w: pg_missing_wire_t): pg_missing_t {
    const m = new pg_missing_t();
    m.assign(w);
    return m;
  }
  /** Replaces the content. */
  assign(w: pg_missing_wire_t): void {
    this.clear();
    this.may_include_deletes = w.may_include_deletes;
    for (const { oid, item } of w.items) this.#set(oid, item);
  }
  /** Items in object order, so that equal sets have equal wire forms. */
  to_wire(): pg_missing_wire_t {
    const items = [...this.#items].map(([oid, item]) => ({ oid, item }));
    items.sort((a, b) => hobject_cmp(a.oid, b.oid));
    return { may_include_deletes: this.may_include_deletes, items };
  }
  copy(): pg_missing_t {
    return pg_missing_t.from_wire({
      may_include_deletes: this.may_include_deletes,
      items: [...this.#items].map(([oid, item]) => ({ oid, item })),
    });
  }

  // ---------------------------------------------------------------- reading

  get_items(): ReadonlyMap<hobject_t, pg_missing_item_t> {
    return this.#items;
  }
  get(oid: hobject_t): pg_missing_item_t | undefined {
    return this.#items.get(oid);
  }
  num_missing(): number {
    return this.#items.size;
  }
  have_missing(): boolean {
    return this.#items.size > 0;
  }
  /** With `v`: missing, and `v` would be new enough. */
  is_missing(oid: hobject_t, v?: eversion_t): boolean {
    const item = this.#items.get(oid);
    if (!item) return false;
    return v === undefined || ev_le(item.need, v);
  }
  /** Version in the store of a missing object; undefined when it is not missing. */
  have_version(oid: hobject_t): eversion_t | undefined {
    return this.#items.get(oid)?.have;
  }
  /** Need of the item to be recovered first; undefined when nothing is missing. */
  get_oldest_need(): eversion_t | undefined {
    return this.#rmissing[this.#first]?.need;
  }
  /** First item with need.version >= `v`: a cursor that survives changes of the set. */
  first_from(v: version_t): rmissing_item_t | undefined {
    return this.#rmissing[this.#lower_bound({ epoch: 0, version: v }, "" as hobject_t)];
  }
  /** The items by need, oldest first. The set must not change meanwhile. */
  *rmissing(): IterableIterator<rmissing_item_t> {
    for (let i = this.#first; i < this.#rmissing.length; i++) {
      const r = this.#rmissing[i];
      if (r) yield r;
    }
  }

  // ---------------------------------------------------------------- changing

  /** A log entry that this shard adopts without having its data (§6.13). */
  add_next_event(e: pg_log_entry_t): void {
    const is_del = is_delete(e);
    if (is_del && !this.may_include_deletes) {
      this.rm(e.soid, e.version);
      return;
    }
    const old = this.#items.get(e.soid);
    // A new object: whatever the store has under that name is of no use.
    const have =
      ev_is_zero(e.prior_version) || is_clone(e) ? EVERSION_ZERO : (old?.have ?? e.prior_version);
    this.#set(e.soid, { need: e.version, have, is_delete: is_del });
  }

  /** The version wanted is another one now; adds the object when it was not missing. */
  revise_need(oid: hobject_t, need: eversion_t, is_del: boolean): void {
    const have = this.#items.get(oid)?.have ?? EVERSION_ZERO;
    this.#set(oid, { need, have, is_delete: is_del });
  }
  /** No effect when the object is not missing. */
  revise_have(oid: hobject_t, have: eversion_t): void {
    const old = this.#items.get(oid);
    if (old) this.#set(oid, { ...old, have });
  }
  add(oid: hobject_t, need: eversion_t, have: eversion_t, is_del: boolean): void {
    this.#set(oid, { need, have, is_delete: is_del });
  }
  /** Forgets the object; with `v`, only if `v` satisfies its need. */
  rm(oid: hobject_t, v?: eversion_t): void {
    const old = this.#items.get(oid);
    if (!old || (v !== undefined && ev_gt(old.need, v))) return;
    this.#items.delete(oid);
    this.#unlink(oid, old.need);
    this.changed(oid);
  }
  /** The object has been recovered at `v`. */
  got(oid: hobject_t, v: eversion_t): void {
    const old = this.#items.get(oid);
    invariant(old && ev_le(old.need, v), "missing: got what was not missing", { oid, v, old });
    this.rm(oid);
  }
  clear(): void {
    for (const oid of this.#items.keys()) this.changed(oid);
    this.#items.clear();
    this.#rmissing = [];
    this.#first = 0;
  }
  /** Moves the objects whose hash ends in `ps` (seen through `bits` bits) to `child` (§9.2). */
  split_into(ps: number, bits: number, child: pg_missing_t): void {
    child.may_include_deletes = this.may_include_deletes;
    const mask = 2 ** bits - 1;
    for (const [oid, item] of [...this.#items]) {
      if ((hobject_hash(oid) & mask) >>> 0 !== ps) continue;
      child.add(oid, item.need, item.have, item.is_delete);
      this.rm(oid);
    }
  }

  /** Called for each object whose item was added, changed or removed. */
  protected changed(_oid: hobject_t): void {}

  #set(oid: hobject_t, item: pg_missing_item_t): void {
    const old = this.#items.get(oid);
    if (old) {
      const same_need = ev_eq(old.need, item.need);
      if (same_need && ev_eq(old.have, item.have) && old.is_delete === item.is_delete) return;
      this.#items.set(oid, item);
      if (!same_need) {
        this.#unlink(oid, old.need);
        this.#link(oid, item.need);
      }
    } else {
      this.#items.set(oid, item);
      this.#link(oid, item.need);
    }
    this.changed(oid);
  }

  /** Index of the first element that is not before (need, oid). */
  #lower_bound(need: eversion_t, oid: hobject_t): number {
    let lo = this.#first;
    let hi = this.#rmissing.length;
    while (lo < hi) {
      const mid = (lo + hi) >>> 1;
      const r = this.#rmissing[mid];
      if (r && rmissing_cmp(r, need, oid) < 0) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  }
  #link(oid: hobject_t, need: eversion_t): void {
    const last = this.#rmissing.at(-1);
    if (!last || rmissing_cmp(last, need, oid) < 0) this.#rmissing.push({ need, oid });
    else this.#rmissing.splice(this.#lower_bound(need, oid), 0, { need, oid });
  }
  #unlink(oid: hobject_t, need: eversion_t): void {
    const i = this.#lower_bound(need, oid);
    invariant(this.#rmissing[i]?.oid === oid, "missing: rmissing out of step", { oid, need });
    if (i > this.#first) {
      this.#rmissing.splice(i, 1);
      return;
    }
    this.#rmissing[this.#first++] = undefined;
    if (this.#first === this.#rmissing.length || this.#first > 1024) {
      this.#rmissing = this.#rmissing.slice(this.#first);
      this.#first = 0;
    }
  }
}

/** A missing set that remembers which of its items must be written. */
export class pg_missing_tracker_t extends pg_missing_t {
  readonly #dirty = new Set<hobject_t>();

  protected override changed(oid: hobject_t): void {
    this.#dirty.add(oid);
  }
  is_clean(): boolean {
    return this.#dirty.size === 0;
  }
  get_changed(): ReadonlySet<hobject_t> {
    return this.#dirty;
  }
  /** All changes are on their way to the store. */
  flush(): void {
    this.#dirty.clear();
  }
}
