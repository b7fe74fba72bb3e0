/**
 * Does what a peering event asked for. Ceph counterpart: PrimaryLogPG as PeeringListener
 * (src/osd/PeeringState.h). Contract: peering/RecoveryCtx.ts; peering.md §4.7.
 */
import { assertNever, hobject_min } from "@tako/common";
import type { PeeringEvent } from "../peering/events.ts";
import type { PeeringEffect, RecoveryCtx } from "../peering/RecoveryCtx.ts";
import { on_backfill_suspended } from "./backfill_messages.ts";
import { do_delete_work } from "./delete_work.ts";
import type { PG } from "./PG.ts";
import { recount_invalid_stats } from "./pg_stats.ts";
import { found_objects, recovery_sources_down } from "./recovery.ts";

/** In the order in which they were asked for; each is done once, whoever else uses `rctx`. */
export function run_effects(pg: PG, rctx: RecoveryCtx): void {
  for (const e of rctx.effects.splice(0)) run_effect(pg, e, rctx);
}

function run_effect(pg: PG, e: PeeringEffect, rctx: RecoveryCtx): void {
  switch (e.type) {
    case "on_change":
      return pg.on_change(e.still_primary, rctx);
    case "on_activate_complete":
      return on_activate_complete(pg);
    case "on_activate_committed":
      return pg.requeue(pg.waits.take("waiting_for_peered"));
    case "on_flushed":
      return pg.requeue(pg.waits.take("waiting_for_flush"));
    case "on_readable":
      return pg.requeue(pg.waits.take("waiting_for_readable"));
    case "start_flush":
      return on_commit(pg, rctx, { type: "FlushedEvt" });
    case "schedule_event_on_commit":
      return on_commit(pg, rctx, e.evt);
    case "schedule_event_after":
      return schedule_event_after(pg, e.evt, e.delay_s);
    case "request_reservation":
      return request_reservation(pg, e);
    case "cancel_reservation":
      return reserver_of(pg, e.reserver).cancel_reservation(pg.spgid);
    case "update_reservation_priority":
      return pg.host.local_reserver.update_priority(pg.spgid, e.priority);
    case "do_delete_work":
      return do_delete_work(pg, rctx);
    case "recovery_sources_down":
      return pg.run_later(() => recovery_sources_down(pg, e.osds));
    case "found_objects":
      return pg.run_later(() => found_objects(pg));
    case "on_backfill_suspended":
      return on_backfill_suspended(pg);
    case "on_backfill_reserved":
    case "queue_recovery":
      return pg.host.queue_recovery(pg);
    default:
      return run_host_effect(pg, e, rctx);
  }
}

type HostEffect = Extract<
  PeeringEffect,
  {
    type:
      | "queue_want_pg_temp"
      | "clear_want_pg_temp"
      | "on_new_peering_reset"
      | "on_pool_change"
      | "cancel_recovery"
      | "on_clean"
      | "publish_stats"
      | "send_pg_created"
      | "update_heartbeat_peers";
  }
>;

/** What only passes through to the OSD. */
function run_host_effect(pg: PG, e: HostEffect, rctx: RecoveryCtx): void {
  const { host } = pg;
  switch (e.type) {
    case "queue_want_pg_temp":
      return host.queue_want_pg_temp(pg.pgid, e.acting);
    case "clear_want_pg_temp":
      return host.clear_want_pg_temp(pg.pgid);
    case "cancel_recovery":
      return host.cancel_recovery(pg);
    case "publish_stats":
      return host.publish_stats(pg);
    case "send_pg_created":
      return host.send_pg_created(pg.pgid);
    case "update_heartbeat_peers":
      return host.update_heartbeat_peers();
    case "on_clean":
      if (recount_invalid_stats(pg)) pg.peering.write_if_dirty(rctx.transaction);
      pg.scrubber.on_clean();
      return host.publish_stats(pg);
    case "on_new_peering_reset":
    case "on_pool_change":
      // The OSD compares last_peering_reset when messages leave; options of a pool are read when used.
      return;
    default:
      return assertNever(e);
  }
}

/** Waiters run; backfill goes on from the target that has least. */
function on_activate_complete(pg: PG): void {
  const { peering } = pg;
  const of_targets = [...peering.backfill_targets].map(
    (t) => peering.get_peer_info(t).last_backfill,
  );
  if (of_targets.length > 0) pg.backfill.start(of_targets.reduce(hobject_min, "MAX"));
  else pg.backfill.reset();
  if (peering.needs_recovery() || peering.needs_backfill()) pg.host.defer_recovery();
  pg.host.publish_stats(pg);
  pg.requeue(pg.waits.take("waiting_for_active"));
  pg.requeue(pg.waits.take("waiting_for_peered"));
}

function on_commit(pg: PG, rctx: RecoveryCtx, evt: PeeringEvent): void {
  // As of now: the filter for old events drops it when the PG is reset before the commit.
  const wrapped = pg.peering.own_evt(evt);
  rctx.on_commit.push(() => pg.host.queue_peering_event(pg, wrapped));
}

function schedule_event_after(pg: PG, evt: PeeringEvent, delay_s: number): void {
  const wrapped = pg.peering.own_evt(evt);
  const timer = pg.host.clock.set_timer(delay_s * 1000, () => {
    pg.timers.delete(timer);
    pg.host.queue_peering_event(pg, wrapped);
  });
  pg.timers.add(timer);
}

function reserver_of(pg: PG, which: "local" | "remote") {
  return which === "local" ? pg.host.local_reserver : pg.host.remote_reserver;
}
function request_reservation(
  pg: PG,
  e: Extract<PeeringEffect, { type: "request_reservation" }>,
): void {
  const feed = (evt: PeeringEvent) => {
    const wrapped = pg.peering.own_evt(evt);
    return () => pg.host.queue_peering_event(pg, wrapped);
  };
  const on_preempt = e.preempt ? feed(e.preempt) : null;
  reserver_of(pg, e.reserver).request_reservation(pg.spgid, e.priority, feed(e.grant), on_preempt);
}
