/**
 * What kind of change a log entry describes. Questions only.
 * Ceph counterpart: pg_log_entry_t (src/osd/osd_types.h). peering.md §2.3.
 */
import type { osd_reqid_t, pg_log_dup_t, pg_log_entry_t } from "@tako/common";

/** Leaves the object in existence. */
export function is_update(e: pg_log_entry_t): boolean {
  switch (e.op) {
    case "modify":
    case "clone":
    case "promote":
    case "clean":
    case "lost_revert":
    case "lost_mark":
      return true;
    default:
      return false;
  }
}
export function is_delete(e: pg_log_entry_t): boolean {
  return e.op === "delete" || e.op === "lost_delete";
}
export function is_lost_delete(e: pg_log_entry_t): boolean {
  return e.op === "lost_delete";
}
export function is_clone(e: pg_log_entry_t): boolean {
  return e.op === "clone";
}
/** A refused write, kept so that a resend gets the same answer. It changed no object. */
export function is_error(e: pg_log_entry_t): boolean {
  return e.op === "error";
}
/** Can this shard undo the entry by itself? There is nothing to undo of an error. */
export function can_rollback(e: pg_log_entry_t): boolean {
  return is_error(e) || e.mod_desc?.rollbackable === true;
}
/** Entries made by the cluster itself carry no request. */
export function reqid_is_set(r: osd_reqid_t): boolean {
  return r.name !== "";
}

/** What remains of an entry when it is trimmed: one record a request. */
export function dups_of(e: pg_log_entry_t): pg_log_dup_t[] {
  const { version, user_version, return_code } = e;
  const dups: pg_log_dup_t[] = [];
  if (reqid_is_set(e.reqid)) dups.push({ reqid: e.reqid, version, user_version, return_code });
  for (const x of e.extra_reqids ?? []) {
    dups.push({ reqid: x.reqid, version, user_version: x.user_version, return_code });
  }
  return dups;
}
