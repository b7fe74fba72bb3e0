/** Names of the collections that a PG instance keeps its objects in. */
import { is_erasure, type pg_pool_t, type spg_t } from "@tako/common";
import type { coll_t } from "../store/ObjectStore.ts";

/** Objects, and the PG's metadata. */
export function pg_coll(spgid: spg_t): coll_t {
  return `${spgid}_head`;
}
/** Objects that are still being received. */
export function pg_temp_coll(spgid: spg_t): coll_t {
  return `${spgid}_TEMP`;
}
/** Erasure-coded pools: what it takes to undo the newest writes. */
export function pg_stash_coll(spgid: spg_t): coll_t {
  return `${spgid}_STASH`;
}
/** All that an instance has. */
export function pg_colls(spgid: spg_t, pool: pg_pool_t): coll_t[] {
  const colls = [pg_coll(spgid), pg_temp_coll(spgid)];
  return is_erasure(pool) ? [...colls, pg_stash_coll(spgid)] : colls;
}
