/**
 * The slots of osd_max_scrubs that a scrub needs: one here, and one on each acting member, all asked
 * at once; whoever has none says so, and the scrub is tried again later.
 * Ceph counterpart: ReplicaReservations, MOSDScrubReserve. peering.md §11.
 */
import type { Msg, pg_shard_t } from "@tako/common";
import type { PG } from "../PG.ts";
import type { ScrubRun } from "./ScrubRun.ts";

type Op = Msg<"scrub_reserve">["op"];

function send(pg: PG, to: pg_shard_t, op: Op, tid: number): void {
  pg.send(to, {
    type: "scrub_reserve",
    op,
    map_epoch: pg.osdmap_epoch,
    min_epoch: pg.last_peering_reset,
    from: pg.whoami,
    pgid: pg.peering.peer_spg(to),
    tid,
  });
}

export function reserve_replicas(pg: PG, run: ScrubRun): void {
  for (const peer of pg.peers) {
    run.waiting_on_whom.add(peer);
    send(pg, peer, "REQUEST", run.tid);
  }
}
/** Also those who have not answered, or have refused: it does no harm. */
export function release_replicas(pg: PG, run: ScrubRun): void {
  for (const peer of pg.peers) send(pg, peer, "RELEASE", run.tid);
}

export function handle_scrub_reserve(pg: PG, m: Msg<"scrub_reserve">): void {
  const { scrubber } = pg;
  switch (m.op) {
    case "REQUEST":
      send(pg, m.from, scrubber.replica.reserve() ? "GRANT" : "REJECT", m.tid);
      return;
    case "RELEASE":
      scrubber.replica.release();
      return;
    case "GRANT":
    case "REJECT": {
      const { run } = scrubber;
      if (!run || run.tid !== m.tid || run.state !== "ReservingReplicas") return;
      if (m.op === "GRANT") run.waiting_on_whom.delete(m.from);
      else scrubber.abort(run, `${m.from} has no slot`);
    }
  }
}
