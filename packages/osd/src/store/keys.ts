/**
 * Keys of a KStore in its database. First letter = kind:
 *   S/format S/state          what this store is; its counters
 *   C/<coll>                  a collection
 *   O/<coll>/<hobject>        an onode
 *   D<nid>/<stripe>           object data, one stripe
 *   M<nid>/<key>              an omap value
 * Data and omap go by number, not by name, so that moving an object rewrites one onode.
 * Ceph counterpart: the prefixes of KStore.cc.
 */
import type { hobject_t } from "@tako/common";
import type { coll_t } from "./ObjectStore.ts";

export const FORMAT_KEY = "S/format";
export const STATE_KEY = "S/state";

const NID_DIGITS = 11;
/** Fixed width: 11 base-36 digits hold every safe integer. */
function nid_text(nid: number): string {
  return nid.toString(36).padStart(NID_DIGITS, "0");
}

export function coll_key(c: coll_t): string {
  return `C/${c}`;
}
export function onode_key(c: coll_t, o: hobject_t): string {
  return `O/${c}/${o}`;
}
/** What the keys of an object's data begin with, and those of its omap. */
export function data_prefix(nid: number): string {
  return `D${nid_text(nid)}/`;
}
export function omap_prefix(nid: number): string {
  return `M${nid_text(nid)}/`;
}
export function stripe_text(stripe: number): string {
  return stripe.toString(16).padStart(6, "0");
}

/** The parts of a key of kind C, O or M; undefined when it is none. */
export type ParsedKey =
  | { kind: "C"; c: coll_t }
  | { kind: "O"; c: coll_t; o: string }
  | { kind: "M"; nid: number; key: string };

export function parse_key(key: string): ParsedKey | undefined {
  if (key.startsWith("C/")) return { kind: "C", c: key.slice(2) };
  if (key.startsWith("O/")) {
    const slash = key.indexOf("/", 2);
    return slash < 0 ? undefined : { kind: "O", c: key.slice(2, slash), o: key.slice(slash + 1) };
  }
  if (key.startsWith("M") && key[NID_DIGITS + 1] === "/") {
    const nid = Number.parseInt(key.slice(1, NID_DIGITS + 1), 36);
    return { kind: "M", nid, key: key.slice(NID_DIGITS + 2) };
  }
  return undefined;
}
