/**
 * How KStore writes a value: [version u8][crc32c of the payload u32 LE][payload]. So a value that
 * the disk tore or changed is noticed when it is read, not when it is believed.
 * Also the onode's payload. Ceph counterpart: kstore_onode_t; BlueStore's checksums.
 */
import { crc32c } from "@tako/common";

const VALUE_VERSION = 1;
export const HEADER = 5;

/**
 * V8 keeps up to 64 bytes in the array object itself; what is longer costs a malloc and more work for
 * the garbage collector, several times a write. So short values share slabs, as Node's Buffers do; one
 * of them that is kept keeps its slab.
 */
const INLINE_MAX = 64;
const SHARED_MAX = 512;
const SLAB_SIZE = 8 << 10;
let slab = new ArrayBuffer(SLAB_SIZE);
let slab_used = 0;

/** Zeros, to be filled in once. */
export function allocate(length: number): Uint8Array {
  if (length <= INLINE_MAX || length > SHARED_MAX) return new Uint8Array(length);
  if (slab_used + length > SLAB_SIZE) {
    slab = new ArrayBuffer(SLAB_SIZE);
    slab_used = 0;
  }
  const out = new Uint8Array(slab, slab_used, length);
  slab_used += length;
  return out;
}

export function frame(payload: Uint8Array): Uint8Array {
  const out = allocate(HEADER + payload.length);
  out.set(payload, HEADER);
  return seal(out);
}
/** frame() of `text` as UTF-8. */
export function frame_text(text: string): Uint8Array {
  const out = allocate(HEADER + text.length);
  // Nearly all is ASCII: faster than the way to an encoder and back.
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c > 0x7f) return frame(text_encoder.encode(text));
    out[HEADER + i] = c;
  }
  return seal(out);
}
/** Fills in the header of a buffer whose payload already stands behind HEADER bytes. */
export function seal(out: Uint8Array): Uint8Array {
  const crc = crc32c(out, 0, HEADER);
  out[0] = VALUE_VERSION;
  out[1] = crc;
  out[2] = crc >>> 8;
  out[3] = crc >>> 16;
  out[4] = crc >>> 24;
  return out;
}
/**
 * Stands for a value that was damaged when a part of it was to be changed: the change is made, and
 * what is left remains unreadable, instead of being believed or of failing the whole transaction.
 */
export const DAMAGED = new Uint8Array(HEADER);
/** As unframe, of bytes that have just been framed here and not yet been to the disk. */
export function unframe_queued(raw: Uint8Array): Uint8Array | undefined {
  return raw[0] === VALUE_VERSION ? raw.subarray(HEADER) : undefined;
}

/** The payload, or undefined when this is not what frame() made. */
export function unframe(raw: Uint8Array): Uint8Array | undefined {
  if (raw.length < HEADER || raw[0] !== VALUE_VERSION) return undefined;
  const at = (i: number) => raw[i] ?? 0;
  const stored = (at(1) | (at(2) << 8) | (at(3) << 16) | (at(4) << 24)) >>> 0;
  return crc32c(raw, 0, HEADER) === stored ? raw.subarray(HEADER) : undefined;
}

/** What is kept of an object beside data and omap values. */
export interface Onode {
  /** Bytes. */
  readonly size: number;
  readonly attrs: ReadonlyMap<string, Uint8Array>;
  readonly omap_header: Uint8Array | undefined;
}

const text_encoder = new TextEncoder();
const text_decoder = new TextDecoder("utf-8", { fatal: true });

/** Framed. `nid` is the number that the keys of the object's data and omap start with. */
export function encode_onode(nid: number, node: Onode): Uint8Array {
  const w = new Writer();
  w.uint(nid);
  w.uint(node.size);
  w.uint(node.attrs.size);
  for (const [name, value] of node.attrs) {
    w.text(name);
    w.bytes(value);
  }
  w.uint(node.omap_header ? 1 : 0);
  if (node.omap_header) w.bytes(node.omap_header);
  return seal(w.take());
}

/** Undefined when the payload is not an onode. */
export function decode_onode(payload: Uint8Array): { nid: number; node: Onode } | undefined {
  const r = new Reader(payload);
  const nid = r.uint();
  const size = r.uint();
  const attrs = new Map<string, Uint8Array>();
  for (let n = r.uint(); n > 0 && r.ok; n--) {
    const name = r.text();
    attrs.set(name, r.bytes());
  }
  const omap_header = r.uint() === 1 ? r.bytes() : undefined;
  return r.ok && r.at_end ? { nid, node: { size, attrs, omap_header } } : undefined;
}

/** Grows; shared between calls, so that a small onode costs one allocation. */
let scratch = new Uint8Array(4096);

class Writer {
  #at = HEADER;

  uint(n: number): void {
    this.#room(8);
    let v = n;
    while (v >= 128) {
      scratch[this.#at++] = (v % 128) | 128;
      v = Math.floor(v / 128);
    }
    scratch[this.#at++] = v;
  }
  bytes(b: Uint8Array): void {
    this.uint(b.length);
    this.#room(b.length);
    scratch.set(b, this.#at);
    this.#at += b.length;
  }
  text(s: string): void {
    const start = this.#at;
    this.uint(s.length);
    this.#room(s.length);
    for (let i = 0; i < s.length; i++) {
      const c = s.charCodeAt(i);
      if (c > 0x7f) {
        this.#at = start;
        this.bytes(text_encoder.encode(s));
        return;
      }
      scratch[this.#at++] = c;
    }
  }
  take(): Uint8Array {
    const out = allocate(this.#at);
    out.set(scratch.subarray(0, this.#at));
    return out;
  }
  #room(n: number): void {
    if (this.#at + n <= scratch.length) return;
    const bigger = new Uint8Array(Math.max(scratch.length * 2, this.#at + n));
    bigger.set(scratch);
    scratch = bigger;
  }
}

/** Never throws: `ok` turns false at the first thing out of place. */
class Reader {
  readonly #b: Uint8Array;
  #at = 0;
  ok = true;

  constructor(b: Uint8Array) {
    this.#b = b;
  }
  get at_end(): boolean {
    return this.#at === this.#b.length;
  }
  uint(): number {
    let v = 0;
    for (let mul = 1; mul <= 2 ** 49; mul *= 128) {
      const byte = this.#b[this.#at++];
      if (byte === undefined) break;
      v += (byte & 127) * mul;
      if (byte < 128) return Number.isSafeInteger(v) ? v : this.#bad();
    }
    return this.#bad();
  }
  bytes(): Uint8Array {
    const n = this.uint();
    if (this.#at + n > this.#b.length) this.#bad();
    const out = this.#b.subarray(this.#at, this.#at + n);
    this.#at += n;
    return out;
  }
  text(): string {
    try {
      return text_decoder.decode(this.bytes());
    } catch {
      this.#bad();
      return "";
    }
  }
  #bad(): number {
    this.ok = false;
    return 0;
  }
}
