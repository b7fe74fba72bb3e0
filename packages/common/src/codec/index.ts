export { MESSAGE_TYPES, message_fault, to_message } from "./catalogue.ts";
export {
  decode_frame,
  decode_messages,
  encode_messages,
  type FrameSeq,
  join_parts,
  parts_bytes,
  through_wire,
} from "./codec.ts";
export { type Frame, type FrameKind, MAX_FRAME_BYTES } from "./frame.ts";
