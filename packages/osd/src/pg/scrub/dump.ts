/** What can be asked about scrubbing: `pg query`, `rados list-inconsistent-obj`. cluster.md §7.3, §7.5. */
import { CommandError, ev_str, shard_cmp, utime_str } from "@tako/common";
import type { PG } from "../PG.ts";
import { last_reqid } from "./compare_chunk.ts";
import { dump_inconsistent } from "./inconsistent.ts";

/** `scrubber` of `pg query`. */
export function dump_scrubber(pg: PG): Record<string, unknown> {
  const { run, planned } = pg.scrubber;
  if (!run) {
    const { must_scrub, must_deep_scrub, must_repair } = planned;
    return {
      epoch_start: "0",
      active: false,
      ...(must_scrub && { must_scrub, must_deep_scrub, must_repair }),
    };
  }
  return {
    epoch_start: String(run.epoch_start),
    active: true,
    state: run.state,
    start: run.start,
    end: run.end,
    max_end: run.max_end,
    subset_last_update: ev_str(run.subset_last_update),
    deep: run.mode.deep,
    must_scrub: run.mode.required,
    must_deep_scrub: run.mode.required && run.mode.deep,
    must_repair: run.mode.repair,
    shallow_errors: run.shallow_errors,
    deep_errors: run.deep_errors,
    fixed: run.fixed,
    waiting_on_whom: [...run.waiting_on_whom].sort(shard_cmp),
  };
}

/**
 * `tell <pgid> scrub|deep_scrub [time]`: moves the stamps back, so that the schedule does the rest.
 * Ceph counterpart: PrimaryLogPG::do_command.
 */
export function schedule_scrub(pg: PG, deep: boolean, seconds: number): Record<string, unknown> {
  const { config, clock, scrubs } = pg.host;
  const due_s = config.get(deep ? "osd_deep_scrub_interval" : "osd_scrub_max_interval");
  // A little more, for good measure.
  const stamp = clock.now_ms() - (seconds > 0 ? seconds : due_s) * 1000 - 100_000;
  const { history } = pg.peering.info;
  if (deep) history.last_deep_scrub_stamp = stamp;
  history.last_scrub_stamp = stamp;
  pg.peering.dirty_info = true;
  pg.host.publish_stats(pg);
  scrubs.kick();
  return { deep, stamp: utime_str(stamp) };
}

/** What the last scrub found; ENOENT when there was none since this OSD leads the PG. */
export function list_inconsistent_obj(pg: PG): Record<string, unknown> {
  const { store } = pg.scrubber;
  if (!store) {
    throw new CommandError("ENOENT", `No scrub information available for pg ${pg.pgid}`);
  }
  return {
    epoch: store.epoch,
    inconsistents: store.objects.map((o) => {
      return dump_inconsistent(o, (soid, oi) => last_reqid(pg, soid, oi));
    }),
  };
}
