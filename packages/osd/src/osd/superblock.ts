/**
 * OSDSuperblock: identity of the OSD and the range of maps it stores, in one object of `meta`.
 * Written in the transaction that stores the maps it describes. Ceph counterpart: OSDSuperblock in
 * src/osd/osd_types.h. Fields: peering.md §2.7.
 */
import { type epoch_t, type hobject_t, make_hobject, StoreError } from "@tako/common";
import { pack, unpack } from "msgpackr";
import { COLL_META, type ObjectStore } from "../store/ObjectStore.ts";
import type { Transaction } from "../store/Transaction.ts";

export interface OSDSuperblock {
  cluster_fsid: string;
  osd_fsid: string;
  whoami: number;
  /** Map in use; = newest_map after commit. */
  current_epoch: epoch_t;
  /** Stored maps are exactly the contiguous range [oldest_map, newest_map]; 0 = none. */
  oldest_map: epoch_t;
  newest_map: epoch_t;
  /** Highest "oldest map the mon keeps" ever seen. */
  cluster_osdmap_trim_lower_bound: epoch_t;
  /** Epoch since which this incarnation has been up; last epoch it was known to be cleanly up. */
  mounted: epoch_t;
  clean_thru: epoch_t;
}

const OID: hobject_t = make_hobject({ pool: -1, hash: 0, oid: "osd_superblock" });
const FORMAT = 1;

export function new_superblock(whoami: number, osd_fsid: string): OSDSuperblock {
  return {
    cluster_fsid: "",
    osd_fsid,
    whoami,
    current_epoch: 0,
    oldest_map: 0,
    newest_map: 0,
    cluster_osdmap_trim_lower_bound: 0,
    mounted: 0,
    clean_thru: 0,
  };
}

/** Adds the superblock to `t`. The collection must exist or be created earlier in `t`. */
export function write_superblock(t: Transaction, sb: OSDSuperblock): void {
  t.touch(COLL_META, OID);
  t.omap_setkeys(COLL_META, OID, new Map([["superblock", pack({ v: FORMAT, ...sb })]]));
}

/** The stored superblock; undefined when this store never held one. */
export function read_superblock(store: ObjectStore): OSDSuperblock | undefined {
  if (!store.collection_exists(COLL_META)) return undefined;
  const raw = store.omap_get_values(COLL_META, OID, ["superblock"])?.get("superblock");
  if (!raw) return undefined;
  const sb = unpacked(raw);
  if (is_superblock(sb)) return sb;
  const what = "fields missing or of the wrong type";
  const path = "meta/osd_superblock";
  throw new StoreError(`${path} is not readable: ${what}`, { code: "corrupt", path, what });
}
/** Undefined when it is no msgpack at all. */
function unpacked(raw: Uint8Array): unknown {
  try {
    return unpack(raw);
  } catch {
    return undefined;
  }
}

function is_superblock(x: unknown): x is OSDSuperblock & { v: number } {
  if (typeof x !== "object" || x === null) return false;
  const o = x as Record<string, unknown>;
  const texts = ["cluster_fsid", "osd_fsid"];
  const numbers = ["v", ...Object.keys(new_superblock(0, "")).filter((k) => !texts.includes(k))];
  return (
    texts.every((k) => typeof o[k] === "string") &&
    numbers.every((k) => Number.isSafeInteger(o[k])) &&
    o.v === FORMAT
  );
}
