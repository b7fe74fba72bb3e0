/**
 * Which copy of an object is the right one: not one that cannot be read, whose object info is missing
 * or not to be understood, or that contradicts it; of the others the newest, the primary's first.
 * Ceph counterpart: PGBackend::be_select_auth_object. peering.md §11.
 */
import { ev_gt, type hobject_t, type pg_shard_t, shard_cmp } from "@tako/common";
import { decode_object_info, OI_ATTR, type object_info_t } from "../object_info.ts";
import type { shard_error_t, shard_info_t } from "./inconsistent.ts";
import type { ScrubMap, ScrubObject } from "./ScrubMap.ts";

/** What the comparison must know besides the maps. */
export interface CompareOptions {
  readonly pgid: string;
  readonly whoami: pg_shard_t;
  readonly erasure: boolean;
  /** Stored bytes of a copy of an object of `size` bytes. */
  readonly ondisk_size: (size: number) => number;
  readonly max_object_size: number;
  /** The log's last word about the object is that it was deleted. */
  readonly is_deleted: (soid: hobject_t) => boolean;
  /** What wrote that version, for the log line. */
  readonly reqid_of: (soid: hobject_t, oi: object_info_t) => string;
}

export interface AuthCopy {
  readonly shard: pg_shard_t;
  readonly oi: object_info_t;
  readonly object: ScrubObject;
}

/** The primary comes first: of equals it is taken. */
export function shards_in_order(
  maps: ReadonlyMap<pg_shard_t, ScrubMap>,
  whoami: pg_shard_t,
): pg_shard_t[] {
  return [whoami, ...[...maps.keys()].filter((s) => s !== whoami).sort(shard_cmp)];
}

/** undefined: no copy is good. `shards` has all of them; what is wrong with each is noted there. */
export function select_auth_object(
  soid: hobject_t,
  shards: ReadonlyMap<pg_shard_t, shard_info_t>,
  o: CompareOptions,
  say: (line: string) => void,
): AuthCopy | undefined {
  let auth: AuthCopy | undefined;
  for (const [shard, info] of shards) {
    const { object } = info;
    if (!object) continue;
    const said: string[] = [];
    const oi = examine(object, o, (error, text) => {
      info.errors.add(error);
      if (text !== undefined) said.push(text);
    });
    if (said.length > 0) say(`${o.pgid} shard ${shard} soid ${soid} : ${said.join(", ")}`);
    if (!oi || info.errors.size > 0) continue;
    if (!auth || better(oi, auth.oi)) auth = { shard, oi, object };
  }
  return auth;
}

/** A newer version, or the same with more digests to hold it to. */
function better(a: object_info_t, b: object_info_t): boolean {
  if (ev_gt(a.version, b.version)) return true;
  return !ev_gt(b.version, a.version) && num_digests(a) > num_digests(b);
}
function num_digests(oi: object_info_t): number {
  return Number(oi.data_digest !== undefined) + Number(oi.omap_digest !== undefined);
}

/** A copy by itself. */
function examine(
  object: ScrubObject,
  o: CompareOptions,
  found: (error: shard_error_t, text?: string) => void,
): object_info_t | undefined {
  if (object.read_error) found("read_error", "candidate had a read error");
  if (object.stat_error) {
    found("stat_error", "candidate had a stat error");
    return undefined;
  }
  const attr = object.attrs.get(OI_ATTR);
  if (!attr) {
    found("info_missing", "candidate had a missing info key");
    return undefined;
  }
  const oi = decode_object_info(attr);
  if (!oi) {
    found("info_corrupted", "candidate had a corrupt info");
    return undefined;
  }
  const info_size = o.ondisk_size(oi.size);
  if (object.size !== info_size) {
    const text = `candidate size ${object.size} info size ${info_size} mismatch`;
    found("obj_size_info_mismatch", text);
  }
  if (o.erasure) return oi;
  // The comparison says this in words.
  if (differ(object.digest, oi.data_digest)) found("data_digest_mismatch_info");
  if (differ(object.omap_digest, oi.omap_digest)) found("omap_digest_mismatch_info");
  return oi;
}
export function differ(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b;
}
