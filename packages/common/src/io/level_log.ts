/**
 * Reads LevelDB's log format (the write-ahead log and the MANIFEST) to tell damage from a torn tail.
 * LevelDB itself skips records that do not check, silently: acknowledged work would be gone.
 * Format: leveldb's doc/log_format.md. Bytes in, findings out; no files here.
 */
import { crc32c } from "../osdmap/crc32c.ts";

const BLOCK = 32768;
const HEADER = 7;
const FULL = 1;
const FIRST = 2;
const LAST = 4;

export interface LogScan {
  /** Whole records, when asked for. */
  readonly records: Uint8Array[];
  /** Where damage begins that is not the torn end of the last write. */
  readonly damaged_at: number | undefined;
}

/**
 * One write is under way at a time, so a crash tears at most the last record: after a bad place no
 * other record may begin.
 */
export function scan_log(b: Uint8Array, keep: "records" | "nothing"): LogScan {
  const records: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  let bad_at: number | undefined;
  let at = 0;
  while (at < b.length) {
    const left = BLOCK - (at % BLOCK);
    if (left < HEADER) {
      at += left;
      continue;
    }
    const f = fragment(b, at, left);
    if (!f) {
      bad_at ??= at;
      // Whatever follows in this block cannot be told apart; LevelDB, too, goes on with the next.
      at += left;
      continue;
    }
    if (f.type === FULL || f.type === FIRST) {
      if (bad_at !== undefined) return { records, damaged_at: bad_at };
      parts = [];
    }
    if (keep === "records" && bad_at === undefined) {
      parts.push(f.data);
      if (f.type === FULL || f.type === LAST) records.push(concat(parts));
    }
    at += HEADER + f.data.length;
  }
  return { records, damaged_at: undefined };
}

function fragment(
  b: Uint8Array,
  at: number,
  left: number,
): { type: number; data: Uint8Array } | undefined {
  if (at + HEADER > b.length) return undefined;
  const [c0 = 0, c1 = 0, c2 = 0, c3 = 0, l0 = 0, l1 = 0, type = 0] = b.subarray(at, at + HEADER);
  const len = l0 | (l1 << 8);
  if (type < FULL || type > LAST || HEADER + len > left || at + HEADER + len > b.length) {
    return undefined;
  }
  const stored = (c0 | (c1 << 8) | (c2 << 16) | (c3 << 24)) >>> 0;
  if (mask(crc32c(b.subarray(at + HEADER - 1, at + HEADER + len))) !== stored) return undefined;
  return { type, data: b.subarray(at + HEADER, at + HEADER + len) };
}
/** LevelDB stores checksums rotated and shifted by a constant. */
function mask(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
function concat(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  return only && parts.length === 1 ? only : new Uint8Array(Buffer.concat(parts));
}

/** What a MANIFEST says must be there. */
export interface ManifestState {
  /** The oldest write-ahead log still needed. */
  log_number: number | undefined;
  /** Table files by number, with their sizes in bytes. */
  readonly tables: Map<number, number>;
}

/** Undefined when a record is not a version edit. */
export function read_manifest(records: readonly Uint8Array[]): ManifestState | undefined {
  const state: ManifestState = { log_number: undefined, tables: new Map() };
  for (const record of records) {
    const r = new EditReader(record);
    while (!r.at_end) if (!read_field(r, state)) return undefined;
    if (!r.ok) return undefined;
  }
  return state;
}

function read_field(r: EditReader, state: ManifestState): boolean {
  switch (r.varint()) {
    case 1: // comparator
      r.skip_bytes();
      return true;
    case 2:
      state.log_number = r.varint();
      return true;
    case 3: // next file number
    case 4: // last sequence
    case 9: // previous log number
      r.varint();
      return true;
    case 5: // compact pointer: level, key
      r.varint();
      r.skip_bytes();
      return true;
    case 6: // deleted file: level, number
      r.varint();
      state.tables.delete(r.varint());
      return true;
    case 7: {
      // new file: level, number, size, smallest and largest key
      r.varint();
      const number = r.varint();
      state.tables.set(number, r.varint());
      r.skip_bytes();
      r.skip_bytes();
      return true;
    }
    default:
      return false;
  }
}

class EditReader {
  readonly #b: Uint8Array;
  #at = 0;
  ok = true;

  constructor(b: Uint8Array) {
    this.#b = b;
  }
  get at_end(): boolean {
    return this.#at >= this.#b.length;
  }
  varint(): number {
    let v = 0;
    for (let mul = 1; mul < 2 ** 63; mul *= 128) {
      const byte = this.#b[this.#at++];
      if (byte === undefined) break;
      v += (byte & 127) * mul;
      if (byte < 128) return v;
    }
    this.ok = false;
    return 0;
  }
  skip_bytes(): void {
    const n = this.varint();
    this.#at += n;
    if (this.#at > this.#b.length) this.ok = false;
  }
}
