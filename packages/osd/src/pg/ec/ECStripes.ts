/**
 * What a client's write makes of an erasure-coded object: its steps, which speak of bytes of the
 * object, are carried out on whole stripes in memory. Stripes of which only a part changes need the
 * old bytes; those that are not at hand are noted, and the caller fetches them and starts over.
 * Ceph counterpart: ECTransaction::get_write_plan, generate_transactions. peering.md §10.
 */
import { InvariantError, invariant, type stripe_info_t } from "@tako/common";
import type { TransactionOp } from "../../store/TransactionOp.ts";

/** The object's old bytes, by stripe. */
export class StripeCache {
  readonly sinfo: stripe_info_t;
  readonly #stripes = new Map<number, Uint8Array>();
  /** Stripes that somebody needed and that are not here. */
  readonly wanted = new Set<number>();
  #zeros: Uint8Array | undefined;

  constructor(sinfo: stripe_info_t) {
    this.sinfo = sinfo;
  }
  /** Whole stripes from logical offset `off` on, as they were read. */
  put(off: number, bytes: Uint8Array): void {
    const width = this.sinfo.get_stripe_width();
    for (let at = 0; at < bytes.length; at += width) {
      const n = (off + at) / width;
      this.#stripes.set(n, bytes.subarray(at, at + width));
      this.wanted.delete(n);
    }
  }
  /** Zeros in place of what is not here: nothing may come of that but another attempt. */
  get(n: number): Uint8Array {
    const have = this.#stripes.get(n);
    if (have) return have;
    this.wanted.add(n);
    this.#zeros ??= new Uint8Array(this.sinfo.get_stripe_width());
    return this.#zeros;
  }
  /** Bytes [off, end), which lie within the old object. */
  read(off: number, end: number): Uint8Array {
    const width = this.sinfo.get_stripe_width();
    const out = new Uint8Array(Math.max(0, end - off));
    for (let n = Math.floor(off / width); n * width < end; n++) {
      const start = n * width;
      const piece = this.get(n).subarray(Math.max(off - start, 0), Math.min(end - start, width));
      out.set(piece, Math.max(start - off, 0));
    }
    return out;
  }
}

/** Contiguous stripes in their new state. */
export interface StripeRun {
  readonly first: number;
  readonly bytes: Uint8Array;
}

export class ECStripes {
  readonly #width: number;
  readonly #cache: StripeCache;
  /** Stripes as they will be, whole, zeros behind the object's end. */
  readonly #dirty = new Map<number, Uint8Array>();
  /** Old bytes below this offset still count. */
  #base: number;
  /** Least size, in bytes of the object, that it had on the way: what is behind is lost. */
  low: number;
  size: number;
  exists: boolean;
  /** It was removed on the way; what there is now was made anew. */
  removed = false;
  /** Attributes as set or, null, removed by the steps; on top of the old ones unless `removed`. */
  readonly attrs = new Map<string, Uint8Array | null>();

  constructor(cache: StripeCache, existed: boolean, old_size: number) {
    this.#cache = cache;
    this.#width = cache.sinfo.get_stripe_width();
    this.#base = old_size;
    this.low = old_size;
    this.size = old_size;
    this.exists = existed;
  }

  apply(op: TransactionOp, old_attrs: () => Iterable<string>): void {
    switch (op.op) {
      case "touch":
        this.exists = true;
        return;
      case "write":
        return this.#write(op.off, op.data);
      case "zero":
        return this.#write(op.off, new Uint8Array(op.len));
      case "truncate":
        return this.#truncate(op.size);
      case "remove":
        return this.#remove();
      case "setattr":
        this.attrs.set(op.name, op.value);
        return;
      case "setattrs":
        for (const [name, value] of op.attrs) this.attrs.set(name, value);
        return;
      case "rmattr":
        this.attrs.set(op.name, null);
        return;
      case "rmattrs":
        for (const name of [...this.attrs.keys(), ...old_attrs()]) this.attrs.set(name, null);
        return;
      default:
        throw new InvariantError("no such change of an erasure-coded object", { op: op.op });
    }
  }

  #write(off: number, data: Uint8Array): void {
    this.exists = true;
    const end = off + data.length;
    for (let n = Math.floor(off / this.#width); n * this.#width < end; n++) {
      const start = n * this.#width;
      const from = Math.max(off, start);
      const to = Math.min(end, start + this.#width);
      const whole = from === start && to >= Math.min(start + this.#width, this.size);
      const stripe = whole ? this.#blank(n) : this.#stripe(n);
      stripe.set(data.subarray(from - off, to - off), from - start);
    }
    this.size = Math.max(this.size, end);
  }
  #truncate(size: number): void {
    this.exists = true;
    if (size < this.size) {
      const n = Math.floor(size / this.#width);
      for (const d of [...this.#dirty.keys()]) if (d * this.#width >= size) this.#dirty.delete(d);
      this.#base = Math.min(this.#base, size);
      const keep = size - n * this.#width;
      // What was behind the new end in its stripe reads as zeros from now on.
      if (keep > 0) this.#stripe(n).fill(0, keep);
    }
    this.low = Math.min(this.low, size);
    this.size = size;
  }
  #remove(): void {
    this.#dirty.clear();
    this.#base = 0;
    this.low = 0;
    this.size = 0;
    this.exists = false;
    this.removed = true;
    this.attrs.clear();
  }

  #blank(n: number): Uint8Array {
    const stripe = new Uint8Array(this.#width);
    this.#dirty.set(n, stripe);
    return stripe;
  }
  /** With what it held so far. */
  #stripe(n: number): Uint8Array {
    const dirty = this.#dirty.get(n);
    if (dirty) return dirty;
    const start = n * this.#width;
    const stripe = this.#blank(n);
    const keep = Math.min(this.#base - start, this.#width);
    if (keep > 0) stripe.set(this.#cache.get(n).subarray(0, keep));
    return stripe;
  }

  /** Ascending; those next to each other together. */
  runs(): StripeRun[] {
    const runs: StripeRun[] = [];
    const all = [...this.#dirty.keys()].sort((a, b) => a - b);
    for (let i = 0; i < all.length; ) {
      const first = all[i] ?? 0;
      let n = 1;
      while (all[i + n] === first + n) n++;
      runs.push({ first, bytes: this.#concat(first, n) });
      i += n;
    }
    return runs;
  }
  #concat(first: number, count: number): Uint8Array {
    const only = this.#dirty.get(first);
    if (count === 1 && only) return only;
    const out = new Uint8Array(count * this.#width);
    for (let i = 0; i < count; i++) {
      const stripe = this.#dirty.get(first + i);
      invariant(stripe, "a run of stripes has a gap", { first, count });
      out.set(stripe, i * this.#width);
    }
    return out;
  }
}
