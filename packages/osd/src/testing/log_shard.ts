/**
 * A PG shard for tests of the log: its log and missing set are real, its store keeps only the
 * version of each object.
 */
import {
  EVERSION_ZERO,
  ev_eq,
  type eversion_t,
  hobject_cmp,
  type hobject_t,
  pg_info_t,
  type pg_log_entry_t,
  type pg_log_op_t,
} from "@tako/common";
import { is_delete, is_error } from "../pg/log_entry.ts";
import { type LogEntryHandler, PGLog } from "../pg/PGLog.ts";
import { entry, obj } from "./log_vectors.ts";

export const NAMES = Array.from({ length: 8 }, (_, i) => `x${i.toString(16)}`);

export interface Write {
  readonly kind: pg_log_op_t;
  readonly name: string;
}

export class Shard {
  readonly log = new PGLog();
  readonly info = pg_info_t("1.0");
  readonly store = new Map<hobject_t, eversion_t>();
  /** Newest change of each object according to the log: what the store should have. */
  readonly newest = new Map<hobject_t, pg_log_entry_t>();
  readonly rollbackable: boolean;
  readonly handler: LogEntryHandler = {
    rollback: (e) => {
      if (ev_eq(e.prior_version, EVERSION_ZERO)) this.store.delete(e.soid);
      else this.store.set(e.soid, e.prior_version);
    },
    rollforward: () => {},
    trim: () => {},
    remove: (hoid) => this.store.delete(hoid),
    try_stash: () => {},
  };

  constructor(rollbackable: boolean, last_backfill: hobject_t) {
    this.rollbackable = rollbackable;
    this.info.last_backfill = last_backfill;
  }

  /** The entry for a write at `epoch`; undefined when there is nothing to delete. */
  next_entry({ kind, name }: Write, epoch: number): pg_log_entry_t | undefined {
    const soid = obj(name);
    const last = this.newest.get(soid);
    const exists = last !== undefined && !is_delete(last);
    if (kind === "delete" && !exists) return undefined;
    const version = { epoch, version: this.log.head.version + 1 };
    return {
      ...entry({ op: kind, object: name, version: "1'1", prior_version: "0'0" }),
      version,
      prior_version: exists && kind !== "error" ? last.version : EVERSION_ZERO,
      reqid: { name: `client.${epoch}`, inc: 0, tid: version.version },
      ...(this.rollbackable ? { mod_desc: { rollbackable: true, ops: [] } } : {}),
    };
  }
  append(e: pg_log_entry_t): void {
    const { log, info } = this;
    log.add(e);
    info.last_update = e.version;
    if (!is_error(e)) this.#apply(e);
    if (!this.rollbackable) log.roll_forward(null);
    if (!log.missing.have_missing()) info.last_complete = info.last_update;
  }
  #apply(e: pg_log_entry_t): void {
    this.newest.set(e.soid, e);
    if (hobject_cmp(e.soid, this.info.last_backfill) > 0) return;
    if (this.log.missing.is_missing(e.soid)) {
      // As after a merge: the entry came without its data.
      this.log.missing.add_next_event(e);
      this.log.skip_rollforward();
    } else if (is_delete(e)) {
      this.store.delete(e.soid);
    } else {
      this.store.set(e.soid, e.version);
    }
  }
  /** The store falls behind: it has the version before, or nothing. */
  lose(name: string, keep_prior: boolean): void {
    const e = this.newest.get(obj(name));
    if (!e || hobject_cmp(e.soid, this.info.last_backfill) > 0) return;
    const have = keep_prior ? e.prior_version : EVERSION_ZERO;
    this.log.missing.add(e.soid, e.version, have, is_delete(e));
    if (ev_eq(have, EVERSION_ZERO)) this.store.delete(e.soid);
    else this.store.set(e.soid, have);
    this.log.reset_complete_to(this.info);
  }
  /** Goes by the log alone: after a rewind, older changes are the newest again. */
  relearn(): void {
    this.newest.clear();
    for (const e of this.log.log.log) if (!is_error(e)) this.newest.set(e.soid, e);
  }
  trim(n: number): void {
    if (n === 0 || this.log.log.empty()) return;
    const { log } = this.log.log;
    this.log.trim(log.at(Math.min(log.begin + n, log.end) - 1).version, this.info, 5);
  }
}
