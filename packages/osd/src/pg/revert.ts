/**
 * Objects that go back to an older version because their newest was given up as lost: the version is
 * chosen here, and the copy that has it is relabelled to be the object as of the LOST_REVERT entry.
 * Ceph counterpart: PrimaryLogPG::pick_newest_available, recover_primary (LOST_REVERT),
 * on_local_recover. peering.md §7.2, §7.6.
 */
import {
  EVERSION_ZERO,
  ev_eq,
  ev_gt,
  ev_le,
  type eversion_t,
  type hobject_t,
  type pg_shard_t,
} from "@tako/common";
import { encode_object_info, OI_ATTR, type object_info_t } from "./object_info.ts";
import type { PG } from "./PG.ts";

/** The newest version of an unfound object that some member still has in its store; 0'0: none. */
export function pick_newest_available(pg: PG, soid: hobject_t): eversion_t {
  const { missing, peer_missing } = pg.peering;
  let newest = missing.have_version(soid) ?? EVERSION_ZERO;
  for (const peer of pg.peers) {
    const have = peer_missing.get(peer)?.have_version(soid);
    if (have && ev_gt(have, newest)) newest = have;
  }
  return newest;
}

/**
 * May `soid` be recovered? What was given up must be known to every member first: a primary that dies
 * before must not have thrown away what its successor will want.
 */
export function settled(pg: PG, soid: hobject_t): boolean {
  const e = pg.peering.pg_log.log.get_object(soid);
  const given_up = e?.op === "lost_revert" || e?.op === "lost_delete";
  return !given_up || ev_le(e.version, pg.peering.last_update_ondisk);
}

/** The version in which `from` has the object that is wanted in version `need`. */
export function version_held(
  pg: PG,
  soid: hobject_t,
  from: pg_shard_t,
  need: eversion_t,
): eversion_t {
  const { pg_log, peer_missing } = pg.peering;
  if (!peer_missing.get(from)?.is_missing(soid)) return need;
  return pg_log.reverting_to(soid) ?? need;
}

/** Is the wanted older version the one that this very shard has? */
export function has_revert_target(pg: PG, soid: hobject_t): boolean {
  const to = pg.peering.pg_log.reverting_to(soid);
  const have = pg.peering.missing.have_version(soid);
  return to !== undefined && have !== undefined && ev_eq(have, to);
}

/** The attribute that makes of an older version the object as of `version`. */
export function relabelled(oi: object_info_t, version: eversion_t): Map<string, Uint8Array> {
  return new Map([[OI_ATTR, encode_object_info({ ...oi, version, prior_version: oi.version })]]);
}
