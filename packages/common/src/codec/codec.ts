/**
 * Messages to bytes and back. The msgpack part of a `messages` frame is a list
 * [message, segments, message, segments, ...]: each message without its `data`, followed by how many
 * byte segments are its `data`, or null when it has none.
 * Pure. Ceph counterpart: src/messages/*.h encode_payload/decode_payload.
 */
import { ProtocolError } from "../errors.ts";
import type { Message } from "../messages/index.ts";
import { entry_of, to_message } from "./catalogue.ts";
import { type Frame, MAX_FRAME_BYTES, pack_frame, unpack_frame } from "./frame.ts";
import { bad_frame } from "./scan.ts";

/** What a lossless session adds to a frame; zeros on a lossy one. */
export interface FrameSeq {
  /** Sequence number of the first message. */
  readonly seq: number;
  /** Last sequence number received from the peer. */
  readonly ack: number;
}
const NO_SEQ: FrameSeq = { seq: 0, ack: 0 };

/** Parts to be written one after the other. Segments are not copied. */
export function encode_messages(
  messages: readonly Message[],
  seq: FrameSeq = NO_SEQ,
): Uint8Array[] {
  const body: unknown[] = [];
  const segments: Uint8Array[] = [];
  for (const m of messages) {
    if ("data" in m && m.data !== undefined) {
      const { data, ...head } = m;
      body.push(head, data.length);
      for (const d of data) segments.push(d);
    } else {
      body.push(m, null);
    }
  }
  return pack_frame({
    kind: "messages",
    seq: seq.seq,
    ack: seq.ack,
    messages: messages.length,
    body,
    segments,
  });
}

/** The messages of a frame, each checked against the catalogue. ProtocolError if any is not right. */
export function decode_messages(f: Frame): Message[] {
  const { body } = f;
  if (f.kind !== "messages") throw bad_frame(`a ${f.kind} frame where messages were expected`);
  if (!Array.isArray(body) || body.length !== 2 * f.messages) {
    throw bad_frame("the number of messages is not what the header says");
  }
  const out: Message[] = [];
  let seg = 0;
  for (let i = 0; i < body.length; i += 2) {
    const head: unknown = body[i];
    const n: unknown = body[i + 1];
    if (typeof head !== "object" || head === null || "data" in head) {
      throw bad_frame("not a message");
    }
    if (n === null) {
      out.push(to_message(head));
      continue;
    }
    if (typeof n !== "number" || !Number.isInteger(n) || n < 0 || seg + n > f.segments.length) {
      throw bad_frame("wrong number of segments");
    }
    const entry = "type" in head ? entry_of(head.type) : undefined;
    const data = f.segments.slice(seg, seg + n);
    // A field unknown here is dropped, and so is the data that goes with it.
    out.push(to_message(entry?.has_data === false ? head : Object.assign(head, { data })));
    seg += n;
  }
  if (seg !== f.segments.length) throw bad_frame("segments that belong to no message");
  return out;
}

/** One frame, from a buffer that holds nothing else. */
export function decode_frame(buf: Uint8Array, limit = MAX_FRAME_BYTES): Frame {
  return unpack_frame(buf, limit);
}

/** Parts in one buffer. */
export function join_parts(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  const out = new Uint8Array(parts_bytes(parts));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}
/** Length of a frame's parts together, in bytes. */
export function parts_bytes(parts: readonly Uint8Array[]): number {
  let n = 0;
  for (const p of parts) n += p.length;
  return n;
}

/** Through the codec and back: for a simulator that wants to see what a real socket would. */
export function through_wire(m: Message): Message {
  const [out] = decode_messages(decode_frame(join_parts(encode_messages([m]))));
  if (out === undefined)
    throw new ProtocolError("no message", { code: "bad_frame", reason: "empty" });
  return out;
}
