/**
 * The message catalogue. One file a family; types are inferred from the schemas, so a check and its
 * type cannot drift apart. Tags are never reused. Messages are immutable once sent.
 */
import type { Static, TSchema } from "@sinclair/typebox";
import { mon_family } from "./mon.ts";
import { ops_family } from "./ops.ts";
import { osd_mon_family } from "./osd_mon.ts";
import { peering_family } from "./peering.ts";

export const CATALOGUE = [
  ...mon_family,
  ...osd_mon_family,
  ...peering_family,
  ...ops_family,
] as const satisfies readonly TSchema[];

/** Every message there is, discriminated by `type`. */
export type Message = Static<(typeof CATALOGUE)[number]>;
export type MessageType = Message["type"];
/** The message with that tag: `Msg<"pg_query">`. */
export type Msg<T extends MessageType> = Extract<Message, { type: T }>;

export type OSDOpStep = Static<typeof import("./ops.ts").osd_op_step>;
export type OSDOpOutcome = Static<typeof import("./ops.ts").osd_op_outcome>;
export type PushOp = Static<typeof import("./ops.ts").push_op>;
export type RecoveryProgress = Static<typeof import("./ops.ts").recovery_progress>;
