/**
 * Frames: what one WebSocket message holds. A fixed header, the lengths of the byte segments, the
 * msgpack part, the segments. Layout: docs/wire-protocol.md. Pure; knows nothing of message types.
 *
 * ```
 *  0  "TAKO"                       20  seq of the first message, u64 (0: lossy, or none)
 *  4  version, u8                  28  ack: last seq received, u64 (0: lossy)
 *  5  kind, u8                     36  segment lengths, u32 each
 *  6  flags, u16, zero              .  msgpack part
 *  8  bytes of the msgpack part     .  segments, one after the other
 * 12  messages, u32
 * 16  segments, u32                    all integers little-endian
 * ```
 */
import { Packr, Unpackr } from "msgpackr";
import { ProtocolError } from "../errors.ts";
import { bad_frame, scan_msgpack } from "./scan.ts";

export const FRAME_VERSION = 1;
export const HEADER_BYTES = 36;
/** Largest msgpack part; payloads do not count, they are segments. */
export const MAX_HEAD_BYTES = 64 << 20;
export const MAX_MESSAGES = 4096;
export const MAX_SEGMENTS = 65536;
export const MAX_FRAME_BYTES = 256 << 20;

export const KINDS = ["hello", "welcome", "refuse", "messages"] as const;
export type FrameKind = (typeof KINDS)[number];

export interface Frame {
  readonly kind: FrameKind;
  readonly seq: number;
  readonly ack: number;
  readonly messages: number;
  /** The decoded msgpack part: plain data, but not yet checked against any schema. */
  readonly body: unknown;
  /** Views into the frame: they keep it alive. */
  readonly segments: readonly Uint8Array[];
}

const MAGIC = 0x4f4b4154;
/** A field that is undefined is left out, as JSON does; nothing becomes an extension type. */
const PACK_OPTIONS = {
  useRecords: false,
  variableMapSize: true,
  skipValues: [undefined],
  encodeUndefinedAsNil: true,
};
const packr = new Packr(PACK_OPTIONS);
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: "number" });

/** The frame as parts to be written one after the other: header and msgpack part, then segments. */
export function pack_frame(f: Frame): Uint8Array[] {
  const body = packr.pack(f.body);
  const head = new Uint8Array(HEADER_BYTES + 4 * f.segments.length + body.length);
  const view = new DataView(head.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, FRAME_VERSION);
  view.setUint8(5, KINDS.indexOf(f.kind) + 1);
  view.setUint32(8, body.length, true);
  view.setUint32(12, f.messages, true);
  view.setUint32(16, f.segments.length, true);
  set_u64(view, 20, f.seq);
  set_u64(view, 28, f.ack);
  let at = HEADER_BYTES;
  for (const s of f.segments) {
    view.setUint32(at, s.length, true);
    at += 4;
  }
  head.set(body, at);
  return [head, ...f.segments];
}

/** Throws ProtocolError for anything but one whole well-formed frame. */
export function unpack_frame(buf: Uint8Array, limit = MAX_FRAME_BYTES): Frame {
  if (buf.length > limit) {
    const detail = { code: "too_large", bytes: buf.length, limit } as const;
    throw new ProtocolError(`frame of ${buf.length} bytes, at most ${limit}`, detail);
  }
  if (buf.length < HEADER_BYTES) throw bad_frame(`${buf.length} bytes are no frame`);
  const view = new DataView(buf.buffer, buf.byteOffset, buf.length);
  if (view.getUint32(0, true) !== MAGIC) throw bad_frame("does not begin with TAKO");
  const version = view.getUint8(4);
  if (version !== FRAME_VERSION) throw bad_frame(`version ${version}, expected ${FRAME_VERSION}`);
  const kind = KINDS[view.getUint8(5) - 1];
  if (kind === undefined) throw bad_frame(`unknown kind ${view.getUint8(5)}`);
  if (view.getUint16(6, true) !== 0) throw bad_frame(`unknown flags ${view.getUint16(6, true)}`);
  const body_bytes = view.getUint32(8, true);
  const messages = view.getUint32(12, true);
  const count = view.getUint32(16, true);
  if (body_bytes > MAX_HEAD_BYTES) throw bad_frame(`message part of ${body_bytes} bytes`);
  if (messages > MAX_MESSAGES) throw bad_frame(`${messages} messages`);
  if (count > MAX_SEGMENTS) throw bad_frame(`${count} segments`);
  const body_at = HEADER_BYTES + 4 * count;
  if (body_at + body_bytes > buf.length) throw bad_frame("truncated");
  const segments = cut_segments(buf, view, count, body_at + body_bytes);
  const body = unpack_body(buf, body_at, body_at + body_bytes);
  return { kind, seq: get_u64(view, 20), ack: get_u64(view, 28), messages, body, segments };
}

function cut_segments(buf: Uint8Array, view: DataView, count: number, from: number): Uint8Array[] {
  const segments: Uint8Array[] = [];
  let at = from;
  for (let i = 0; i < count; i++) {
    const n = view.getUint32(HEADER_BYTES + 4 * i, true);
    if (n > buf.length - at) throw bad_frame("truncated: segment longer than the frame");
    segments.push(buf.subarray(at, at + n));
    at += n;
  }
  if (at !== buf.length) throw bad_frame(`${buf.length - at} bytes after the last segment`);
  return segments;
}

function unpack_body(buf: Uint8Array, from: number, to: number): unknown {
  scan_msgpack(buf, from, to);
  try {
    return unpackr.unpack(buf.subarray(from, to));
  } catch (e) {
    throw new ProtocolError(
      "bad frame: msgpack",
      { code: "bad_frame", reason: "msgpack" },
      { cause: e },
    );
  }
}

function set_u64(view: DataView, at: number, v: number): void {
  view.setUint32(at, v % 0x100000000, true);
  view.setUint32(at + 4, Math.floor(v / 0x100000000), true);
}
function get_u64(view: DataView, at: number): number {
  const v = view.getUint32(at + 4, true) * 0x100000000 + view.getUint32(at, true);
  if (v > Number.MAX_SAFE_INTEGER) throw bad_frame("sequence number too large");
  return v;
}
