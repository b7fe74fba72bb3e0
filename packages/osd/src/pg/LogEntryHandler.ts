/**
 * LogEntryHandler: what log processing wants done to objects in the store. The PG implements it by
 * writing into the transaction of the event. Ceph counterpart: PGLog::LogEntryHandler (PGLog.h).
 */
import type { hobject_t, pg_log_entry_t, version_t } from "@tako/common";

export interface LogEntryHandler {
  /** Undo `entry` locally; called newest first. Only for entries that can_rollback. */
  rollback(entry: pg_log_entry_t): void;
  /** `entry` is final: its rollback data may go. */
  rollforward(entry: pg_log_entry_t): void;
  /** `entry` is gone and will not be undone: its rollback data may go. */
  trim(entry: pg_log_entry_t): void;
  /** Remove the object. It need not exist. */
  remove(hoid: hobject_t): void;
  /** Keep the object aside under `v`, as the deletion that follows has to be undoable. */
  try_stash(hoid: hobject_t, v: version_t): void;
}
