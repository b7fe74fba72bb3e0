/**
 * Compact, canonical bytes: a value has one encoding, and the reader takes no other.
 * Writer and reader of a type are one object, a Codec, so that they cannot drift.
 */
import { InvariantError } from "../errors.ts";
import { MapError } from "./MapError.ts";

const text_encoder = new TextEncoder();
const text_decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const f64_view = new DataView(new ArrayBuffer(8));

export class ByteWriter {
  #buf = new Uint8Array(1024);
  #len = 0;

  #room(n: number): void {
    if (this.#len + n <= this.#buf.length) return;
    const grown = new Uint8Array(Math.max(this.#buf.length * 2, this.#len + n));
    grown.set(this.#buf.subarray(0, this.#len));
    this.#buf = grown;
  }
  u8(v: number): void {
    this.#room(1);
    this.#buf[this.#len++] = v;
  }
  /** Non-negative integer, seven bits a byte, low ones first. */
  varint(v: number): void {
    if (!Number.isSafeInteger(v) || v < 0) throw new InvariantError("cannot encode", { v });
    this.#room(8);
    let rest = v;
    while (rest > 0x7fffffff) {
      this.#buf[this.#len++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      this.#buf[this.#len++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#buf[this.#len++] = rest;
  }
  f64(v: number): void {
    if (!Number.isFinite(v)) throw new InvariantError("cannot encode", { v });
    this.#room(8);
    f64_view.setFloat64(0, v === 0 ? 0 : v, true);
    for (let i = 0; i < 8; i++) this.#buf[this.#len++] = f64_view.getUint8(i);
  }
  text(s: string): void {
    // Nearly all texts are short and ASCII: those need no call out of JavaScript.
    this.#room(s.length * 3 + 5);
    if (s.length < 64) {
      const start = this.#len;
      this.#buf[this.#len++] = s.length;
      for (let i = 0; i < s.length; i++) {
        const c = s.charCodeAt(i);
        if (c > 127) {
          this.#len = start;
          break;
        }
        this.#buf[this.#len++] = c;
      }
      if (this.#len !== start) return;
    }
    this.blob(text_encoder.encode(s));
  }
  blob(b: Uint8Array): void {
    this.varint(b.length);
    this.#room(b.length);
    this.#buf.set(b, this.#len);
    this.#len += b.length;
  }
  /** A copy of what was written. */
  bytes(): Uint8Array {
    return this.#buf.slice(0, this.#len);
  }
  reset(): void {
    this.#len = 0;
  }
}

export class ByteReader {
  readonly #buf: Uint8Array;
  #pos = 0;

  constructor(buf: Uint8Array) {
    this.#buf = buf;
  }
  fail(reason: string): never {
    throw new MapError("bad_encoding", `${reason} (at byte ${this.#pos} of ${this.#buf.length})`);
  }
  u8(): number {
    const v = this.#buf[this.#pos];
    if (v === undefined) this.fail("truncated");
    this.#pos++;
    return v;
  }
  varint(max = Number.MAX_SAFE_INTEGER): number {
    let v = 0;
    let scale = 1;
    for (;;) {
      const b = this.u8();
      v += (b & 127) * scale;
      if (v > max) this.fail(`number above ${max}`);
      if (b < 128) {
        if (b === 0 && scale > 1) this.fail("number not in its shortest form");
        return v;
      }
      scale *= 128;
      if (scale > 2 ** 53) this.fail("number too long");
    }
  }
  f64(): number {
    for (let i = 0; i < 8; i++) f64_view.setUint8(i, this.u8());
    const v = f64_view.getFloat64(0, true);
    if (!Number.isFinite(v) || Object.is(v, -0)) this.fail("not a finite number");
    return v;
  }
  text(): string {
    const b = this.blob();
    try {
      return text_decoder.decode(b);
    } catch {
      return this.fail("text is not UTF-8");
    }
  }
  /** A view, not a copy. */
  blob(): Uint8Array {
    const n = this.count();
    const b = this.#buf.subarray(this.#pos, this.#pos + n);
    this.#pos += n;
    return b;
  }
  /** A number of things that take a byte each at least: cannot exceed what is left. */
  count(): number {
    const n = this.varint();
    if (n > this.#buf.length - this.#pos) this.fail(`${n} elements in fewer bytes`);
    return n;
  }
  end(): void {
    if (this.#pos !== this.#buf.length) this.fail("trailing bytes");
  }
}

export interface Codec<T> {
  enc(w: ByteWriter, v: T): void;
  dec(r: ByteReader): T;
}

/** Integer in [0, max]. */
export function uint(max: number): Codec<number> {
  return {
    enc: (w, v) => w.varint(v),
    dec: (r) => r.varint(max),
  };
}
export const u8 = uint(0xff);
export const u16 = uint(0xffff);
export const u32 = uint(0xffffffff);
export const u53 = uint(Number.MAX_SAFE_INTEGER);

/** Integer in [min, max], sign in the lowest bit. */
export function sint(min: number, max: number): Codec<number> {
  return {
    enc: (w, v) => w.varint(v < 0 ? -2 * v - 1 : 2 * v),
    dec: (r) => {
      const z = r.varint();
      const v = z % 2 === 1 ? -(z + 1) / 2 : z / 2;
      return v >= min && v <= max ? v : r.fail(`number outside of [${min}, ${max}]`);
    },
  };
}
export const i32 = sint(-0x80000000, 0x7fffffff);
export const f64: Codec<number> = { enc: (w, v) => w.f64(v), dec: (r) => r.f64() };
export const text: Codec<string> = { enc: (w, v) => w.text(v), dec: (r) => r.text() };
export const blob: Codec<Uint8Array> = { enc: (w, v) => w.blob(v), dec: (r) => r.blob().slice() };
export const bool: Codec<boolean> = {
  enc: (w, v) => w.u8(v ? 1 : 0),
  dec: (r) => {
    const v = r.u8();
    return v > 1 ? r.fail("not a boolean") : v === 1;
  },
};

/** One of a few values, by its place in the list. */
export function one_of<T>(...values: readonly T[]): Codec<T> {
  return {
    enc: (w, v) => {
      const i = values.indexOf(v);
      if (i < 0) throw new InvariantError("cannot encode", { v });
      w.u8(i);
    },
    dec: (r) => {
      const v = values[r.u8()];
      return v === undefined ? r.fail("unknown choice") : v;
    },
  };
}
export function nullable<T>(c: Codec<T>): Codec<T | null> {
  return {
    enc: (w, v) => {
      w.u8(v === null ? 0 : 1);
      if (v !== null) c.enc(w, v);
    },
    dec: (r) => (bool.dec(r) ? c.dec(r) : null),
  };
}
/** A field that an object may lack. */
export function optional<T>(c: Codec<T>): Codec<T | undefined> {
  return {
    enc: (w, v) => {
      w.u8(v === undefined ? 0 : 1);
      if (v !== undefined) c.enc(w, v);
    },
    dec: (r) => (bool.dec(r) ? c.dec(r) : undefined),
  };
}
export function list<T>(c: Codec<T>): Codec<readonly T[]> {
  return {
    enc: (w, v) => {
      w.varint(v.length);
      for (const e of v) c.enc(w, e);
    },
    dec: (r) => {
      const out: T[] = [];
      for (let n = r.count(); n > 0; n--) out.push(c.dec(r));
      return out;
    },
  };
}
export function pair<A, B>(a: Codec<A>, b: Codec<B>): Codec<readonly [A, B]> {
  return {
    enc: (w, v) => {
      a.enc(w, v[0]);
      b.enc(w, v[1]);
    },
    dec: (r) => [a.dec(r), b.dec(r)],
  };
}

type Compare<K> = (a: K, b: K) => number;
export const by_number: Compare<number> = (a, b) => a - b;
/** By UTF-16 unit: the order of `<`, not of any language. */
export const by_text: Compare<string> = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** Most are: they were decoded so, and grow at the end. */
function in_order<K>(keys: Iterable<K>, cmp: Compare<K>): boolean {
  let last: K | undefined;
  for (const k of keys) {
    if (last !== undefined && cmp(last, k) > 0) return false;
    last = k;
  }
  return true;
}

/** Entries by ascending key, whatever order they were inserted in. */
export function map<K, V>(key: Codec<K>, val: Codec<V>, cmp: Compare<K>): Codec<Map<K, V>> {
  return {
    enc: (w, v) => {
      w.varint(v.size);
      if (v.size === 0) return;
      const entries = in_order(v.keys(), cmp) ? v : [...v].sort((a, b) => cmp(a[0], b[0]));
      for (const [k, e] of entries) {
        key.enc(w, k);
        val.enc(w, e);
      }
    },
    dec: (r) => {
      const out = new Map<K, V>();
      let last: K | undefined;
      for (let n = r.count(); n > 0; n--) {
        const k = key.dec(r);
        if (last !== undefined && cmp(last, k) >= 0) r.fail("keys out of order");
        last = k;
        out.set(k, val.dec(r));
      }
      return out;
    },
  };
}
export function set<K>(key: Codec<K>, cmp: Compare<K>): Codec<Set<K>> {
  const m = map(key, { enc: () => {}, dec: () => true }, cmp);
  return {
    enc: (w, v) => {
      w.varint(v.size);
      for (const k of in_order(v, cmp) ? v : [...v].sort(cmp)) key.enc(w, k);
    },
    dec: (r) => new Set(m.dec(r).keys()),
  };
}

/** The fields in the order in which they are written here. */
export function struct<T extends object>(fields: { [K in keyof T]-?: Codec<T[K]> }): Codec<T> {
  const keys = Object.keys(fields) as (keyof T)[];
  return {
    enc: (w, v) => {
      for (const k of keys) fields[k].enc(w, v[k]);
    },
    dec: (r) => {
      const out: Partial<T> = {};
      for (const k of keys) {
        const v = fields[k].dec(r);
        if (v !== undefined) out[k] = v;
      }
      return out as T;
    },
  };
}

const scratch = new ByteWriter();
let scratch_busy = false;
/** Bytes of `v`. `magic` names the format and its version. */
export function encode<T>(c: Codec<T>, magic: string, v: T): Uint8Array {
  // A map encodes the CRUSH map inside: that one needs a buffer of its own.
  const w = scratch_busy ? new ByteWriter() : scratch;
  const outer = !scratch_busy;
  scratch_busy = true;
  try {
    w.reset();
    w.text(magic);
    c.enc(w, v);
    return w.bytes();
  } finally {
    if (outer) scratch_busy = false;
  }
}
export function decode<T>(c: Codec<T>, magic: string, bytes: Uint8Array): T {
  const r = new ByteReader(bytes);
  if (r.text() !== magic) r.fail(`not a ${magic}`);
  const v = c.dec(r);
  r.end();
  return v;
}

/** Equal, byte for byte. */
export function same_bytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
