/**
 * Backfill of an active PG: reservations here and on each target, then the scan (which is the PG's).
 * Ceph counterpart: WaitLocalBackfillReserved, WaitRemoteBackfillReserved, Backfilling,
 * NotBackfilling. peering.md §5.5, §7.3, §7.4.
 */
import { DISCARD, type pg_shard_t, shard_cmp, shard_id, shard_osd, sort_few } from "@tako/common";
import type { Evt } from "../events.ts";
import type { PeeringMachine } from "../PeeringMachine.ts";
import type { PeeringState } from "../PeeringState.ts";
import type { Next } from "../state_name.ts";
import { discover_all_missing } from "../unfound.ts";
import { one_shard_per_osd } from "./recovery.ts";

function send_reserve(ps: PeeringState, to: pg_shard_t, op: "REQUEST" | "RELEASE"): void {
  const request = op === "REQUEST";
  ps.get_rctx().send(shard_osd(to), {
    type: "backfill_reserve",
    pgid: ps.peer_spg(to),
    query_epoch: ps.get_osdmap_epoch(),
    op,
    priority: request ? ps.get_backfill_priority() : 0,
    // How much is to come, and how much was there before: the target checks whether it fits.
    primary_num_bytes: request ? Math.max(0, ps.info.stats.stat_sum.num_bytes) : 0,
    shard_num_bytes: request ? Math.max(0, ps.peer_bytes.get(to) ?? 0) : 0,
    from: shard_id(ps.pg_whoami),
  });
}

/** Gives back all reservations, those that were only asked for included. */
function release_all(m: PeeringMachine): void {
  const { ps } = m;
  ps.get_rctx().effect({ type: "cancel_reservation", reserver: "local" });
  const r = m.backfill_reservations;
  if (r === null) return;
  for (const to of r.targets.slice(0, r.asked)) send_reserve(ps, to, "RELEASE");
  m.backfill_reservations = null;
}

function retry_after(m: PeeringMachine, delay_s: number): void {
  release_all(m);
  m.ps.schedule_event_after({ type: "RequestBackfill" }, delay_s);
}
function retry_interval(ps: PeeringState): number {
  return ps.config.get("osd_backfill_retry_interval");
}

// ---------------------------------------------------------------- reserving

export const waitLocalBackfillReserved = {
  enter({ ps }: PeeringMachine): void {
    ps.state_set("backfill_wait");
    ps.get_rctx().effect({
      type: "request_reservation",
      reserver: "local",
      priority: ps.get_backfill_priority(),
      grant: { type: "LocalBackfillReserved" },
      preempt: { type: "DeferBackfill", delay_s: 0 },
    });
    ps.publish_stats();
  },
  DeferBackfill(m: PeeringMachine, evt: Evt<"DeferBackfill">): Next<"NotBackfilling"> {
    retry_after(m, evt.delay_s);
    return "NotBackfilling";
  },
};

function ask_next(m: PeeringMachine): void {
  const r = m.local(m.backfill_reservations);
  const next = r.targets[r.asked];
  if (next === undefined) {
    m.post_event({ type: "AllBackfillsReserved" });
    return;
  }
  r.asked++;
  send_reserve(m.ps, next, "REQUEST");
}

export const waitRemoteBackfillReserved = {
  enter(m: PeeringMachine): void {
    const { ps } = m;
    ps.state_set("backfill_wait");
    const targets = one_shard_per_osd(ps, sort_few([...ps.backfill_targets], shard_cmp));
    m.backfill_reservations = { targets, asked: 0 };
    ask_next(m);
    ps.publish_stats();
  },

  RemoteBackfillReserved(m: PeeringMachine, evt: Evt<"RemoteBackfillReserved">): Next {
    const r = m.local(m.backfill_reservations);
    if (evt.from === undefined || evt.from === r.targets[r.asked - 1]) ask_next(m);
    return DISCARD;
  },
  RemoteReservationRejectedTooFull(m: PeeringMachine): Next<"NotBackfilling"> {
    const { ps } = m;
    ps.state_clear("backfill_wait");
    ps.state_set("backfill_toofull");
    retry_after(m, retry_interval(ps));
    return "NotBackfilling";
  },
  RemoteReservationRevokedTooFull(m: PeeringMachine): Next<"NotBackfilling"> {
    return waitRemoteBackfillReserved.RemoteReservationRejectedTooFull(m);
  },
  RemoteReservationRevoked(m: PeeringMachine): Next<"NotBackfilling"> {
    m.ps.state_clear("backfill_wait");
    retry_after(m, retry_interval(m.ps));
    return "NotBackfilling";
  },
  DeferBackfill(m: PeeringMachine, evt: Evt<"DeferBackfill">): Next<"NotBackfilling"> {
    retry_after(m, evt.delay_s);
    return "NotBackfilling";
  },
};

// ---------------------------------------------------------------- the work

export const backfilling = {
  enter({ ps }: PeeringMachine): void {
    ps.backfill_reserved = true;
    ps.state_clear("backfill_wait", "backfill_toofull");
    ps.state_set("backfilling");
    const rctx = ps.get_rctx();
    rctx.effect({ type: "on_backfill_reserved" });
    rctx.effect({ type: "queue_recovery" });
    ps.publish_stats();
  },
  exit({ ps }: PeeringMachine): void {
    ps.backfill_reserved = false;
    ps.state_clear("backfilling", "forced_backfill", "forced_recovery");
    ps.get_rctx().effect({ type: "on_backfill_suspended" });
  },

  Backfilled(m: PeeringMachine): Next<"Recovered"> {
    const { ps } = m;
    if (ps.needs_recovery() || ps.needs_backfill()) {
      // Overtaken by new work: go on.
      ps.get_rctx().effect({ type: "queue_recovery" });
      return DISCARD;
    }
    release_all(m);
    return "Recovered";
  },
  DeferBackfill(m: PeeringMachine, evt: Evt<"DeferBackfill">): Next<"NotBackfilling"> {
    m.ps.state_set("backfill_wait");
    retry_after(m, evt.delay_s);
    return "NotBackfilling";
  },
  UnfoundBackfill(m: PeeringMachine): Next<"NotBackfilling"> {
    if (!m.ps.have_unfound()) return DISCARD;
    discover_all_missing(m.ps);
    m.ps.state_set("backfill_unfound");
    release_all(m);
    return "NotBackfilling";
  },
  RemoteReservationRevokedTooFull(m: PeeringMachine): Next<"NotBackfilling"> {
    m.ps.state_set("backfill_toofull");
    retry_after(m, retry_interval(m.ps));
    return "NotBackfilling";
  },
  /** A target needs the slot for something more urgent: queue up again. */
  RemoteReservationRevoked(m: PeeringMachine): Next<"WaitLocalBackfillReserved" | "Recovered"> {
    release_all(m);
    const { ps } = m;
    return ps.needs_backfill() || ps.needs_recovery() ? "WaitLocalBackfillReserved" : "Recovered";
  },
};

export const notBackfilling = {
  enter({ ps }: PeeringMachine): void {
    ps.publish_stats();
  },
  exit({ ps }: PeeringMachine): void {
    ps.state_clear("backfill_unfound");
  },
};
