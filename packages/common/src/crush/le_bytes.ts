/**
 * Ceph's plain encodings: little-endian numbers, counted lists, length-prefixed texts, and
 * versioned sections. Every fault names the byte at which it was found.
 * Ceph counterpart: src/include/encoding.h.
 */
import { InvariantError } from "../errors.ts";
import { MapError } from "../osdmap/MapError.ts";

const text_encoder = new TextEncoder();
const text_decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class LeReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #pos: number;
  /** First byte that is not ours: the end of the innermost section. */
  #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#pos = start;
    this.#end = end;
  }
  get pos(): number {
    return this.#pos;
  }
  get left(): number {
    return this.#end - this.#pos;
  }
  /** `at` is the byte to blame, the current one by default. */
  fail(reason: string, at = this.#pos): never {
    throw new MapError("bad_encoding", `${reason} (at byte ${at} of ${this.#bytes.length})`);
  }
  #take(n: number): number {
    const at = this.#pos;
    if (n > this.#end - at) this.fail(`truncated: ${n} more bytes expected`);
    this.#pos = at + n;
    return at;
  }
  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }
  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }
  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8), true);
  }
  /** The next byte, left where it is. */
  peek_u8(): number {
    const v = this.u8();
    this.#pos--;
    return v;
  }
  /** The next u32, left where it is. */
  peek_u32(): number {
    const v = this.u32();
    this.#pos -= 4;
    return v;
  }
  f32(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }
  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }
  bool(): boolean {
    const at = this.#pos;
    const v = this.u8();
    return v > 1 ? this.fail(`${v} is not a boolean`, at) : v === 1;
  }
  /** A 64-bit number that has to be one JavaScript can count with. */
  safe_i64(what: string): number {
    const at = this.#pos;
    const v = Number(this.i64());
    return Number.isSafeInteger(v) ? v : this.fail(`${what} ${v} is out of range`, at);
  }
  bytes(n: number): Uint8Array {
    const at = this.#take(n);
    return this.#bytes.slice(at, at + n);
  }
  blob(): Uint8Array {
    return this.bytes(this.u32());
  }
  text(): string {
    const at = this.#pos;
    const b = this.blob();
    try {
      return text_decoder.decode(b);
    } catch {
      return this.fail("a text is not UTF-8", at);
    }
  }
  /** How many elements follow, each of `size` bytes or more: no more than the bytes left can hold. */
  count(size: number): number {
    const at = this.#pos;
    const n = this.u32();
    if (n * size > this.left) this.fail(`truncated: ${n} elements in ${this.left} bytes`, at);
    return n;
  }
  list<T>(size: number, element: () => T): T[] {
    const out: T[] = [];
    for (let n = this.count(size); n > 0; n--) out.push(element());
    return out;
  }
  /** Entries by rising key, as every writer leaves them. */
  map<K, V>(size: number, key: () => K, val: () => V, less: (a: K, b: K) => boolean): Map<K, V> {
    const out = new Map<K, V>();
    let last: K | undefined;
    for (let n = this.count(size); n > 0; n--) {
      const at = this.#pos;
      const k = key();
      if (last !== undefined && !less(last, k)) this.fail(`key ${k} follows ${last}`, at);
      last = k;
      out.set(k, val());
    }
    return out;
  }
  /**
   * A section: version, oldest version that may read it, length. `body` gets the version; what it
   * leaves unread, a newer writer's additions, is returned.
   */
  section<T>(
    what: string,
    newest: number,
    body: (version: number) => T,
  ): { v: T; compat: number; rest: Uint8Array } {
    const at = this.#pos;
    const version = this.u8();
    const compat = this.u8();
    if (compat > newest) this.fail(`${what}: version ${version} is too new to be read`, at);
    const len = this.u32();
    if (len > this.left) this.fail(`${what}: truncated: ${len} bytes announced`, at);
    const outer = this.#end;
    this.#end = this.#pos + len;
    const v = body(version);
    const rest = this.bytes(this.left);
    this.#end = outer;
    return { v, compat, rest };
  }
  end(): void {
    if (this.left > 0) this.fail(`${this.left} bytes too many`);
  }
}

export class LeWriter {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #len = 0;

  #room(n: number): number {
    const at = this.#len;
    if (at + n > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, at + n));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#len = at + n;
    return at;
  }
  get length(): number {
    return this.#len;
  }
  u8(v: number): void {
    const at = this.#room(1);
    this.#view.setUint8(at, v);
  }
  u16(v: number): void {
    const at = this.#room(2);
    this.#view.setUint16(at, v, true);
  }
  u32(v: number): void {
    if (!(v >= 0 && v <= 0xffffffff)) throw new InvariantError("not a u32", { v });
    const at = this.#room(4);
    this.#view.setUint32(at, v, true);
  }
  i32(v: number): void {
    if (v !== (v | 0)) throw new InvariantError("not an i32", { v });
    const at = this.#room(4);
    this.#view.setInt32(at, v, true);
  }
  u64(v: bigint): void {
    const at = this.#room(8);
    this.#view.setBigUint64(at, v, true);
  }
  i64(v: bigint): void {
    const at = this.#room(8);
    this.#view.setBigInt64(at, v, true);
  }
  f32(v: number): void {
    const at = this.#room(4);
    this.#view.setFloat32(at, v, true);
  }
  f64(v: number): void {
    const at = this.#room(8);
    this.#view.setFloat64(at, v, true);
  }
  bool(v: boolean): void {
    this.u8(v ? 1 : 0);
  }
  bytes(b: Uint8Array): void {
    const at = this.#room(b.length);
    this.#bytes.set(b, at);
  }
  blob(b: Uint8Array): void {
    this.u32(b.length);
    this.bytes(b);
  }
  text(s: string): void {
    this.blob(text_encoder.encode(s));
  }
  list<T>(l: readonly T[], element: (v: T) => void): void {
    this.u32(l.length);
    for (const v of l) element(v);
  }
  /** Entries by rising key. */
  map<K, V>(
    m: ReadonlyMap<K, V>,
    less: (a: K, b: K) => boolean,
    key: (k: K) => void,
    val: (v: V) => void,
  ): void {
    this.u32(m.size);
    const entries = [...m].sort(([a], [b]) => (less(a, b) ? -1 : 1));
    for (const [k, v] of entries) {
      key(k);
      val(v);
    }
  }
  section(version: number, compat: number, body: () => void): void {
    this.u8(version);
    this.u8(compat);
    const at = this.#room(4);
    body();
    this.#view.setUint32(at, this.#len - at - 4, true);
  }
  /** A copy of what was written. */
  done(): Uint8Array {
    return this.#bytes.slice(0, this.#len);
  }
}

export const less_number = (a: number, b: number) => a < b;
/** Bytewise, as std::string compares. */
export function less_text(a: string, b: string): boolean {
  const x = text_encoder.encode(a);
  const y = text_encoder.encode(b);
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const d = (x[i] ?? 0) - (y[i] ?? 0);
    if (d !== 0) return d < 0;
  }
  return x.length < y.length;
}
