/**
 * The states of a scrub on the primary, one function each: what it does, and what comes next.
 * Ceph counterpart: ScrubMachine's states (src/osd/scrubber/scrub_machine.h) and the functions of
 * PgScrubber that they call. peering.md §11.
 *
 *   ReservingReplicas -> NewChunk -> WaitPushes -> WaitLastUpdate -> BuildMap -> WaitReplicas
 *                         ^    \-> RangeBlocked       (compares)          WaitDigestUpdate -> finish
 *                         \--------------------------------------------------/
 */
import { ev_lt, ev_max } from "@tako/common";
import type { PG } from "../PG.ts";
import { last_update_in, recovering_in, select_range } from "./chunk.ts";
import { scrub_compare_maps } from "./compare_chunk.ts";
import { scrub_finish } from "./finish.ts";
import type { ScrubRun, ScrubState } from "./ScrubRun.ts";
import { new_scan } from "./scan_chunk.ts";
import { forbidden_now, NOTHING_REQUESTED } from "./schedule.ts";

/** The next state; or `wait` for what a turn of the PG may bring; or `later`, to let others in. */
export type Next = ScrubState | "wait" | "later";
type Step = (pg: PG, run: ScrubRun) => Next;

export const STEPS: { readonly [S in ScrubState]: Step } = {
  ReservingReplicas: reserving_replicas,
  NewChunk: new_chunk,
  RangeBlocked: new_chunk,
  WaitPushes: wait_pushes,
  WaitLastUpdate: wait_last_update,
  BuildMap: build_map,
  WaitReplicas: wait_replicas,
  WaitDigestUpdate: wait_digest_updates,
};

function reserving_replicas(pg: PG, run: ScrubRun): Next {
  if (run.waiting_on_whom.size > 0) return "wait";
  const { mode } = run;
  const { host, peering, scrubber } = pg;
  scrubber.planned = NOTHING_REQUESTED;
  scrubber.store = { epoch: peering.info.history.same_interval_since, objects: run.inconsistent };
  peering.state_set("scrubbing");
  if (mode.deep) peering.state_set("deep");
  if (mode.repair) peering.state_set("repair");
  host.publish_stats(pg);
  host.cluster_log("DBG", `${pg.pgid} ${run.name} starts`);
  pg.log.info({ epoch: pg.osdmap_epoch, scrub: run.name }, "scrub_start");
  return "NewChunk";
}

/** Also when the range was blocked: perhaps it is not any more. */
function new_chunk(pg: PG, run: ScrubRun): Next {
  const { peering, scrubber } = pg;
  if (forbidden_now(run.mode, scrubber.allowed)) {
    scrubber.abort(run, "flag");
    return "wait";
  }
  const chunk = select_range(pg, run.start);
  if (!chunk) {
    if (peering.have_unfound()) scrubber.abort(run, "unfound objects");
    else if (run.state !== "RangeBlocked") {
      run.state = "RangeBlocked";
      scrubber.watch(run);
    }
    return "wait";
  }
  scrubber.watch(run);
  run.end = chunk.end;
  run.max_end = chunk.end;
  run.range_held = true;
  run.maps.clear();
  run.subset_last_update = last_update_in(pg, (o) => run.in_range(o));
  return "WaitPushes";
}

function wait_pushes(pg: PG, run: ScrubRun): Next {
  return recovering_in(pg, (o) => run.in_range(o)) ? "wait" : "WaitLastUpdate";
}

/** Then everybody makes a map of the range: the members on request, we ourselves step by step. */
function wait_last_update(pg: PG, run: ScrubRun): Next {
  const { peering } = pg;
  // Writes that began before the range was held end first: their log entries may be yet to come.
  if (ev_lt(peering.last_update_applied, run.subset_last_update)) return "wait";
  if (pg.objects.writing((o) => run.in_range(o))) return "wait";
  run.subset_last_update = ev_max(
    run.subset_last_update,
    last_update_in(pg, (o) => run.in_range(o)),
  );
  for (const peer of pg.peers) {
    run.waiting_on_whom.add(peer);
    pg.send(peer, {
      type: "rep_scrub",
      map_epoch: pg.osdmap_epoch,
      min_epoch: pg.last_peering_reset,
      from: pg.whoami,
      pgid: peering.peer_spg(peer),
      tid: run.tid,
      scrub_to: run.subset_last_update,
      start: run.start,
      end: run.end,
      deep: run.mode.deep,
    });
  }
  run.scan = new_scan(pg, run.start, run.end, run.mode.deep);
  return "BuildMap";
}

function build_map(pg: PG, run: ScrubRun): Next {
  if (run.scan?.step() === false) return "later";
  if (run.scan) run.maps.set(pg.whoami, run.scan.map);
  run.scan = null;
  return "WaitReplicas";
}

function wait_replicas(pg: PG, run: ScrubRun): Next {
  if (run.waiting_on_whom.size > 0) return "wait";
  scrub_compare_maps(pg, run);
  run.range_held = false;
  pg.requeue(pg.waits.take("waiting_for_scrub"));
  run.state = "WaitDigestUpdate";
  // The writes that have waited come first.
  return "later";
}

function wait_digest_updates(pg: PG, run: ScrubRun): Next {
  if (run.digest_updates_pending > 0) return "wait";
  if (run.end === "MAX") {
    scrub_finish(pg, run);
    return "wait";
  }
  run.start = run.end;
  run.state = "NewChunk";
  return "later";
}
