/**
 * LogDeque: items in version order with cheap ends: entries come in at the back, are trimmed from
 * the front and, after a divergence, cut from the back.
 * Positions are absolute: an item keeps its position while others come and go at either end, so a
 * cursor into the log stays good. Stands for the std::list and its iterators of Ceph's pg_log_t.
 */
import { ev_cmp, type eversion_t, InvariantError } from "@tako/common";

interface Versioned {
  readonly version: eversion_t;
}

/** Holes at the front that are worth a copy. */
const COMPACT_AT = 1024;

export class LogDeque<T extends Versioned> {
  #buf: (T | undefined)[] = [];
  /** Position of #buf[0]. */
  #base = 0;
  #begin = 0;

  /** Position of the oldest item. */
  get begin(): number {
    return this.#begin;
  }
  /** Position behind the newest item. */
  get end(): number {
    return this.#base + this.#buf.length;
  }
  get length(): number {
    return this.end - this.#begin;
  }
  get front(): T | undefined {
    return this.length > 0 ? this.#buf[this.#begin - this.#base] : undefined;
  }
  get back(): T | undefined {
    return this.length > 0 ? this.#buf.at(-1) : undefined;
  }
  /** The item at an absolute position in [begin, end). */
  at(pos: number): T {
    const item = pos >= this.#begin ? this.#buf[pos - this.#base] : undefined;
    if (!item) throw new InvariantError("log: no such position", { pos, end: this.end });
    return item;
  }
  push(item: T): void {
    this.#buf.push(item);
  }
  pop(): T | undefined {
    return this.length > 0 ? this.#buf.pop() : undefined;
  }
  shift(): T | undefined {
    const i = this.#begin - this.#base;
    const item = this.#buf[i];
    if (!item) return undefined;
    this.#buf[i] = undefined;
    this.#begin++;
    if (i > COMPACT_AT && i * 2 > this.#buf.length) {
      this.#buf = this.#buf.slice(i + 1);
      this.#base = this.#begin;
    }
    return item;
  }
  /** Puts `items`, ascending, before the oldest. */
  prepend(items: readonly T[]): void {
    this.#buf = [...items, ...this.#buf.slice(this.#begin - this.#base)];
    this.#begin -= items.length;
    this.#base = this.#begin;
  }
  clear(): void {
    this.#base = this.#begin = this.end;
    this.#buf = [];
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.to_array().values();
  }
  /** Items at [from, to) as they are now. An array: each write walks some, and generators are slow. */
  range(from: number, to: number): T[] {
    const items: T[] = [];
    for (let p = from; p < to; p++) items.push(this.at(p));
    return items;
  }
  to_array(): T[] {
    return this.range(this.#begin, this.end);
  }

  /** Position of the first item with version >= `v`; `end` when there is none. */
  lower_bound(v: eversion_t): number {
    return this.#search((x) => ev_cmp(x.version, v) < 0);
  }
  /** Position of the first item with version > `v`; `end` when there is none. */
  upper_bound(v: eversion_t): number {
    // Of the head, mostly.
    const { back } = this;
    if (back && ev_cmp(back.version, v) <= 0) return this.end;
    return this.#search((x) => ev_cmp(x.version, v) <= 0);
  }
  /** Position of the first item whose version *number* is > `v`. */
  upper_bound_number(v: number): number {
    return this.#search((x) => x.version.version <= v);
  }
  /** Is there an item of exactly this version? */
  has_version(v: eversion_t): boolean {
    const p = this.upper_bound(v) - 1;
    return p >= this.#begin && ev_cmp(this.at(p).version, v) === 0;
  }
  #search(before: (x: T) => boolean): number {
    let lo = this.#begin;
    let hi = this.end;
    while (lo < hi) {
      const mid = lo + ((hi - lo) >> 1);
      if (before(this.at(mid))) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  }
}
