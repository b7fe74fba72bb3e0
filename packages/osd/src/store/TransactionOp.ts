/**
 * The operations that a Transaction is made of, as plain data, and the bounds that hold for each.
 * Ceph counterpart: the OP_* codes of src/os/Transaction.h. Rules: peering.md §2.8.
 */
import type { hobject_t } from "@tako/common";
import type { coll_t } from "./ObjectStore.ts";

/** Largest object a store takes, bytes (BlueStore's bound); osd_max_object_size is far below. */
export const OBJECT_MAX_SIZE = 0xffff_ffff;
/** Longest attribute name and omap key, UTF-16 units. */
export const NAME_MAX = 4096;

type on<Name extends string, Args = unknown> = {
  readonly op: Name;
  readonly c: coll_t;
  readonly o: hobject_t;
} & Readonly<Args>;

export type TransactionOp =
  | on<"touch">
  | on<"write", { off: number; data: Uint8Array }>
  | on<"zero", { off: number; len: number }>
  | on<"truncate", { size: number }>
  | on<"remove">
  | on<"try_remove">
  | on<"setattr", { name: string; value: Uint8Array }>
  | on<"setattrs", { attrs: ReadonlyMap<string, Uint8Array> }>
  | on<"rmattr", { name: string }>
  | on<"rmattrs">
  | on<"omap_setkeys", { vals: ReadonlyMap<string, Uint8Array> }>
  | on<"omap_rmkeys", { keys: readonly string[] }>
  | on<"omap_rmkeyrange", { first: string; last: string }>
  | on<"omap_clear">
  | on<"omap_setheader", { header: Uint8Array }>
  | on<"collection_move_rename", { c2: coll_t; o2: hobject_t }>
  | on<"clone", { o2: hobject_t }>
  | on<"clone_range", { c2: coll_t; o2: hobject_t; off: number; len: number; off2: number }>
  | { readonly op: "create_collection"; readonly c: coll_t }
  | { readonly op: "remove_collection"; readonly c: coll_t }
  | {
      readonly op: "split_collection";
      readonly c: coll_t;
      readonly bits: number;
      readonly match: number;
      readonly dest: coll_t;
    };

/** Name of an operation: what a wire transaction starts each row with. */
export type OpName = TransactionOp["op"];

const COLL_RE = /^[0-9A-Za-z._-]{1,64}$/;
export function is_coll(c: string): boolean {
  return COLL_RE.test(c);
}

/** Text with half a surrogate pair has no UTF-8 form, so two such names could meet on disk. */
export function is_well_formed(s: string): boolean {
  return !/\p{Surrogate}/u.test(s);
}
