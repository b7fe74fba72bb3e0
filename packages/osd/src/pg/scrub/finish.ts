/**
 * The end of a scrub: what it found is said, counted and kept in the PG's history, and with a repair
 * the bad copies become missing ones, which recovery replaces.
 * Ceph counterpart: PgScrubber::scrub_finish, scrub_process_inconsistent, PrimaryLogScrub::_scrub_finish,
 * PG::repair_object. peering.md §11.
 */
import type { object_stat_sum_t } from "@tako/common";
import { RecoveryCtx } from "../../peering/RecoveryCtx.ts";
import { Transaction } from "../../store/Transaction.ts";
import type { PG } from "../PG.ts";
import type { ScrubRun } from "./ScrubRun.ts";

export function scrub_finish(pg: PG, run: ScrubRun): void {
  const { host, peering, scrubber } = pg;
  const { mode } = run;
  const num_bad = run.repairable.length + run.unexpected.length;
  const few = num_bad <= host.config.get("osd_scrub_auto_repair_num_errors");
  if (mode.auto_repair && !few) run.repair = false;
  if (run.repair && mode.auto_repair && num_bad > 0) peering.state_set("repair");
  check_sums(pg, run);
  const repairs = process_inconsistent(pg, run);
  const errors = run.shallow_errors + run.deep_errors;
  say_result(pg, run);
  // Not a single copy to take the others from.
  if (run.repair && errors > 0 && run.fixed === 0) peering.state_set("failed_repair");
  note_in_history(pg, run);
  const { num_scrub_errors } = peering.info.stats.stat_sum;
  if (mode.check_repair && num_scrub_errors > 0) peering.state_set("failed_repair");
  pg.log.info(
    {
      epoch: pg.osdmap_epoch,
      scrub: run.name,
      objects: run.sums.num_objects,
      shallow_errors: run.shallow_errors,
      deep_errors: run.deep_errors,
      fixed: run.fixed,
    },
    "scrub_done",
  );
  if (repairs) {
    scrubber.scrub_after_recovery = true;
    pg.queue_peering_event({ type: "DoRecovery" });
  }
  scrubber.cleanup(run);
  // The slot is free for the next.
  host.scrubs.kick();
  if (mode.deep_scrub_on_error && num_bad > 0 && few) {
    scrubber.request(true, true);
  }
}

// ---------------------------------------------------------------- sums

const COUNTED = ["num_objects", "num_bytes", "num_objects_omap", "num_objects_dirty"] as const;

/** The PG's sums are what was counted, or something is wrong with them. */
function check_sums(pg: PG, run: ScrubRun): void {
  const { stats } = pg.peering.info;
  const counted: Partial<object_stat_sum_t> = Object.fromEntries(
    COUNTED.map((f) => [f, run.sums[f]]),
  );
  if (stats.stats_invalid) {
    Object.assign(stats.stat_sum, counted);
    stats.stats_invalid = false;
    return;
  }
  if (COUNTED.every((f) => run.sums[f] === stats.stat_sum[f])) return;
  const got = (f: keyof object_stat_sum_t) => `${run.sums[f]}/${stats.stat_sum[f]}`;
  pg.host.cluster_log(
    "ERR",
    `${pg.spgid} ${run.name} : stat mismatch, got ${got("num_objects")} objects, 0/0 clones, ` +
      `${got("num_objects_dirty")} dirty, ${got("num_objects_omap")} omap, 0/0 pinned, ` +
      `0/0 hit_set_archive, 0/0 whiteouts, ${got("num_bytes")} bytes, 0/0 manifest objects, ` +
      "0/0 hit_set_archive bytes.",
  );
  run.shallow_errors++;
  if (!run.repair) return;
  run.fixed++;
  Object.assign(stats.stat_sum, counted);
}

// ---------------------------------------------------------------- repair

/** True when recovery has something to do now. */
function process_inconsistent(pg: PG, run: ScrubRun): boolean {
  const { repairable, unexpected } = run;
  if (repairable.length + unexpected.length === 0) return false;
  const missing = repairable.filter((x) => x.missing.length > 0).length;
  const inconsistent = repairable.filter((x) => x.inconsistent.length > 0).length;
  const objects = inconsistent + unexpected.length;
  pg.host.cluster_log(
    "ERR",
    `${pg.spgid} ${run.name} ${missing} missing, ${objects} inconsistent objects`,
  );
  if (!run.repair) return false;
  const t = new Transaction();
  for (const x of repairable) {
    for (const shard of [...x.missing, ...x.inconsistent]) {
      pg.peering.force_object_missing(shard, x.soid, x.oi.version, t);
      run.fixed++;
    }
  }
  for (const x of unexpected) {
    const need = pg.peering.pg_log.log.get_object(x.soid)?.version;
    if (!need) continue;
    for (const shard of x.shards) {
      pg.peering.force_object_deleted(shard, x.soid, need, t);
      run.fixed++;
    }
  }
  if (!t.empty) pg.host.store.queue_transaction(t);
  // What is known of these objects may have been read from a bad copy.
  for (const x of repairable) pg.objects.reload(x.soid);
  return true;
}

// ---------------------------------------------------------------- the result

function say_result(pg: PG, run: ScrubRun): void {
  const errors = run.shallow_errors + run.deep_errors;
  const { num_deep_scrub_errors: deep } = pg.peering.info.stats.stat_sum;
  const lost =
    !run.mode.deep && deep > 0 ? ` ( ${deep} remaining deep scrub error details lost)` : "";
  const fixed = run.repair ? `, ${run.fixed} fixed` : "";
  const result = errors > 0 ? `${errors} errors` : "ok";
  const text = `${pg.pgid} ${run.name} ${result}${lost}${fixed}`;
  pg.host.cluster_log(errors > 0 ? "ERR" : "DBG", text);
}

/**
 * Stamps and error counts, for all members. A repair takes no error back: the scrub that follows it
 * does, when it finds none.
 */
function note_in_history(pg: PG, run: ScrubRun): void {
  const { peering } = pg;
  const { deep } = run.mode;
  const now = pg.host.clock.now_ms();
  const rctx = new RecoveryCtx();
  peering.update_and_share(rctx, ({ history, last_update, stats }) => {
    history.last_scrub = last_update;
    history.last_scrub_stamp = now;
    if (deep) {
      history.last_deep_scrub = last_update;
      history.last_deep_scrub_stamp = now;
    }
    const errors = deep ? run.shallow_errors + run.deep_errors : run.shallow_errors;
    if (errors === 0) history.last_clean_scrub_stamp = now;
    const sum = stats.stat_sum;
    sum.num_shallow_scrub_errors = run.shallow_errors;
    if (deep) {
      sum.num_deep_scrub_errors = run.deep_errors;
      sum.num_omap_keys = run.sums.num_omap_keys;
      sum.num_omap_bytes = run.sums.num_omap_bytes;
    }
    sum.num_scrub_errors = sum.num_shallow_scrub_errors + sum.num_deep_scrub_errors;
  });
  pg.host.dispatch_context(pg, rctx);
}
