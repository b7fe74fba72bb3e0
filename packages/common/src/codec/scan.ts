/**
 * Walks msgpack bytes before anything is built from them: bounds first, allocation afterwards.
 * Lets through what the catalogue can use (nil, booleans, numbers, text, arrays, maps with text keys)
 * and refuses the rest: extension types (dates, errors, classes, references, shared structures),
 * binary (bytes travel as segments), 64-bit integers, and keys that name a prototype.
 */
import { ProtocolError } from "../errors.ts";

/** Deepest nesting of arrays and maps in a message. */
export const MAX_DEPTH = 32;
/** Most values in one frame; bounds what decoding allocates. */
export const MAX_VALUES = 8_000_000;

const PROTO = ascii("__proto__");
const CONSTRUCTOR = ascii("constructor");
const PROTOTYPE = ascii("prototype");

/** Throws ProtocolError unless bytes [from, to) are exactly one value of the permitted kind. */
export function scan_msgpack(buf: Uint8Array, from: number, to: number): void {
  const s = new Scanner(buf, from, to);
  s.value(0);
  if (s.pos !== to) throw bad_frame(`${to - s.pos} bytes after the msgpack value`);
}

export function bad_frame(reason: string): ProtocolError {
  return new ProtocolError(`bad frame: ${reason}`, { code: "bad_frame", reason });
}

class Scanner {
  readonly buf: Uint8Array;
  readonly end: number;
  pos: number;
  private left = MAX_VALUES;

  constructor(buf: Uint8Array, from: number, to: number) {
    this.buf = buf;
    this.pos = from;
    this.end = to;
  }

  value(depth: number): void {
    if (--this.left < 0) throw bad_frame(`more than ${MAX_VALUES} values`);
    const t = this.take(1);
    if (t < 0x80 || t >= 0xe0) return;
    if (t < 0x90) this.map(t & 0x0f, depth);
    else if (t < 0xa0) this.array(t & 0x0f, depth);
    else if (t < 0xc0) this.skip(t & 0x1f);
    else if (t >= 0xdc && t <= 0xdd) this.array(this.take(t === 0xdc ? 2 : 4), depth);
    else if (t >= 0xde && t <= 0xdf) this.map(this.take(t === 0xde ? 2 : 4), depth);
    else if (t >= 0xd9 && t <= 0xdb) this.skip(this.take(1 << (t - 0xd9)));
    else this.skip(scalar_bytes(t));
  }

  private array(n: number, depth: number): void {
    this.enter(n, 1, depth);
    for (let i = 0; i < n; i++) this.value(depth + 1);
  }

  private map(n: number, depth: number): void {
    this.enter(n, 2, depth);
    for (let i = 0; i < n; i++) {
      this.key();
      this.value(depth + 1);
    }
  }

  /** A container of n elements that need at least `each` bytes: is there so much left? */
  private enter(n: number, each: number, depth: number): void {
    if (depth >= MAX_DEPTH) throw bad_frame(`nested deeper than ${MAX_DEPTH}`);
    if (n * each > this.end - this.pos)
      throw bad_frame("truncated: container longer than the frame");
  }

  private key(): void {
    const t = this.take(1);
    let n: number;
    if (t >= 0xa0 && t < 0xc0) n = t & 0x1f;
    else if (t === 0xd9) n = this.take(1);
    else if (t === 0xda) n = this.take(2);
    else throw bad_frame("a map key is not text");
    const at = this.pos;
    this.skip(n);
    if (
      (n === 9 && (this.is(at, PROTO) || this.is(at, PROTOTYPE))) ||
      (n === 11 && this.is(at, CONSTRUCTOR))
    ) {
      throw bad_frame("a map key names a prototype");
    }
  }

  private is(at: number, word: readonly number[]): boolean {
    for (let i = 0; i < word.length; i++) if (this.buf[at + i] !== word[i]) return false;
    return true;
  }

  /** Big-endian unsigned of n bytes. */
  private take(n: number): number {
    if (this.pos + n > this.end) throw bad_frame("truncated");
    let v = 0;
    for (let i = 0; i < n; i++) v = v * 256 + (this.buf[this.pos++] ?? 0);
    return v;
  }
  private skip(n: number): void {
    if (this.pos + n > this.end) throw bad_frame("truncated");
    this.pos += n;
  }
}

/** How many bytes follow a scalar's type byte. */
function scalar_bytes(t: number): number {
  switch (t) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return 0;
    case 0xcc:
    case 0xd0:
      return 1;
    case 0xcd:
    case 0xd1:
      return 2;
    case 0xca:
    case 0xce:
    case 0xd2:
      return 4;
    case 0xcb:
      return 8;
    default:
      throw bad_frame(`msgpack type 0x${t.toString(16)} is not permitted`);
  }
}

function ascii(s: string): readonly number[] {
  return Array.from(s, (c) => c.charCodeAt(0));
}
