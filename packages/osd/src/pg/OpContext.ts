/**
 * OpContext: one client operation while its steps are carried out: what it has read, what it would
 * write. Nothing of it takes effect before the whole operation has succeeded.
 * Ceph counterpart: PrimaryLogPG::OpContext. Semantics: cluster.md §6.7.
 *
 * Steps that read see the object as it was before the operation (the store does not have `t` yet);
 * whether it exists, and its size for append, follow the steps done so far.
 */
import type {
  Config,
  Errno,
  hobject_t,
  Msg,
  OSDOpOutcome,
  OSDOpStep,
  version_t,
} from "@tako/common";
import { ERRNO } from "@tako/common";
import type { coll_t } from "../store/ObjectStore.ts";
import { Transaction } from "../store/Transaction.ts";
import type { ObjectReader } from "./ec/ECObjectView.ts";
import type { object_info_t } from "./object_info.ts";

/** What the steps need of the PG. */
export interface OpEnv {
  readonly store: ObjectReader;
  readonly coll: coll_t;
  readonly config: Config;
  /** Erasure-coded pools without overwrites: writes go to the end, at multiples of so many bytes. */
  readonly append_alignment: number;
}

/** Change of the PG's sums by one operation. */
export interface OpDelta {
  num_objects: number;
  num_bytes: number;
  num_objects_omap: number;
  num_read: number;
  num_read_kb: number;
  num_write: number;
  num_write_kb: number;
}

export interface OpContext {
  readonly env: OpEnv;
  readonly soid: hobject_t;
  readonly msg: Msg<"osd_op">;
  /** Before the operation. */
  readonly existed: boolean;
  readonly user_version: version_t;
  readonly old: object_info_t;
  /** After the steps so far. */
  exists: boolean;
  size: number;
  omap: boolean;
  /** Some step changes the object. */
  modified: boolean;
  readonly t: Transaction;
  readonly delta: OpDelta;
  readonly outcomes: OSDOpOutcome[];
  /** Segments of the reply. */
  readonly data: Uint8Array[];
}

export function new_op_context(
  env: OpEnv,
  msg: Msg<"osd_op">,
  obc: { readonly exists: boolean; readonly oi: object_info_t },
): OpContext {
  return {
    env,
    soid: msg.hobj,
    msg,
    existed: obc.exists,
    user_version: obc.oi.user_version,
    old: obc.oi,
    exists: obc.exists,
    size: obc.oi.size,
    omap: obc.oi.omap,
    modified: false,
    t: new Transaction(),
    delta: {
      num_objects: 0,
      num_bytes: 0,
      num_objects_omap: 0,
      num_read: 0,
      num_read_kb: 0,
      num_write: 0,
      num_write_kb: 0,
    },
    outcomes: [],
    data: [],
  };
}

export const OK: OSDOpOutcome = Object.freeze({ rval: 0 });

export function fail(code: Errno): OSDOpOutcome {
  return { rval: -ERRNO[code] };
}

const EMPTY = new Uint8Array(0);

/** The step's payload; undefined when it names a segment that did not come. */
export function payload(ctx: OpContext, step: OSDOpStep): Uint8Array | undefined {
  return step.seg === undefined ? EMPTY : ctx.msg.data?.[step.seg];
}
/** Puts bytes into the reply; returns their index there. */
export function put(ctx: OpContext, bytes: Uint8Array): number {
  return ctx.data.push(bytes) - 1;
}
/** Kilobytes, rounded up: the unit of num_read_kb and num_write_kb. */
export function kb(bytes: number): number {
  return Math.ceil(bytes / 1024);
}

/** Length of `s` in UTF-8, without making the bytes. */
export function utf8_length(s: string): number {
  let n = s.length;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    // A surrogate pair takes four bytes, two for each of its units.
    if (c >= 0x80) n += c >= 0x800 && (c < 0xd800 || c > 0xdfff) ? 2 : 1;
  }
  return n;
}
