/**
 * RecoveryCtx: what one PG wants done after an event: a transaction, messages, effects. The core
 * fills it, the shell acts. One per PG and turn. Ceph counterpart: PeeringCtx (src/osd/PeeringState.h).
 *
 * Order for the caller (peering.md §4.7): run `effects` in order, queue `transaction`, and send
 * `messages` only once that transaction, and every earlier one of the PG, is durable. The OSD merges
 * notifies, queries and infos of many PGs to one destination into one message each.
 */
import type { epoch_t, Message, pg_notify_t, pg_query_t, spg_t } from "@tako/common";
import { Transaction } from "../store/Transaction.ts";
import type { PeeringEvent } from "./events.ts";

/** Addressed to an OSD, in the order in which the PG sent them. */
export type OutMessage =
  | { readonly to: number; readonly kind: "notify"; readonly notify: pg_notify_t }
  | {
      readonly to: number;
      readonly kind: "query";
      readonly pgid: spg_t;
      readonly query: pg_query_t;
    }
  | { readonly to: number; readonly kind: "info"; readonly notify: pg_notify_t }
  | { readonly to: number; readonly kind: "message"; readonly msg: Message };

/** What the shell must do besides storing and sending. */
export type PeeringEffect =
  /** Ask the mon for this acting set ([] = use up); withdrawn by clear_want_pg_temp. */
  | { readonly type: "queue_want_pg_temp"; readonly acting: readonly number[] }
  | { readonly type: "clear_want_pg_temp" }
  /** Feed `evt` after `delay_s`, unless the PG's interval has changed by then (epoch filter). */
  | { readonly type: "schedule_event_after"; readonly delay_s: number; readonly evt: PeeringEvent }
  /** Feed `evt` when this ctx's transaction is durable. */
  | { readonly type: "schedule_event_on_commit"; readonly evt: PeeringEvent }
  /** AsyncReserver of this OSD, peering.md §7.4. `grant` and `preempt` are fed back as events. */
  | {
      readonly type: "request_reservation";
      readonly reserver: "local" | "remote";
      readonly priority: number;
      readonly grant: PeeringEvent;
      readonly preempt: PeeringEvent | null;
    }
  | { readonly type: "cancel_reservation"; readonly reserver: "local" | "remote" }
  | { readonly type: "update_reservation_priority"; readonly priority: number }
  /** Place a barrier in the PG's transaction stream; FlushedEvt when it is passed (§4.7). */
  | { readonly type: "start_flush" }
  /** A new interval begins (on_change, §6.1.6): abort writes, pulls, pushes; requeue or drop waiters. */
  | { readonly type: "on_change"; readonly still_primary: boolean }
  /** Messages of the older interval that wait for a commit must not be sent any more (§4.7.6). */
  | { readonly type: "on_new_peering_reset"; readonly epoch: epoch_t }
  | { readonly type: "on_pool_change" }
  /** The primary's activation is complete on all members: waiters may run (§6.16). */
  | { readonly type: "on_activate_complete" }
  /** This shard's activation is durable: sub-ops may run. */
  | { readonly type: "on_activate_committed" }
  /** The PG is readable (again): waiting_for_readable may run (recheck_readable). */
  | { readonly type: "on_readable" }
  /** All flush barriers passed: waiting_for_flush may run. */
  | { readonly type: "on_flushed" }
  /** Entered Recovering or Backfilling: put the PG into the OSD's recovery queue. */
  | { readonly type: "queue_recovery" }
  | { readonly type: "cancel_recovery" }
  | { readonly type: "on_backfill_reserved" }
  | { readonly type: "on_backfill_suspended" }
  | { readonly type: "on_clean" }
  /** New statistics or state for the mon. */
  | { readonly type: "publish_stats" }
  | { readonly type: "send_pg_created" }
  | { readonly type: "update_heartbeat_peers" }
  /** OSDs left the map: pulls from them must be redone (check_recovery_sources). */
  | { readonly type: "recovery_sources_down"; readonly osds: readonly number[] }
  /** Objects in these ranges lost a wait reason: wake their ops. */
  | { readonly type: "found_objects" }
  /** Remove the next batch of objects; then feed DeleteSome or finish (§9.3). */
  | { readonly type: "do_delete_work" };

export class RecoveryCtx {
  readonly transaction = new Transaction();
  readonly messages: OutMessage[] = [];
  readonly effects: PeeringEffect[] = [];
  /**
   * Run in order when `transaction`, and every earlier one of the PG, is durable, before `messages`
   * leave. With an empty transaction: as soon as the earlier ones are. Filled by the PG while it
   * runs the effects (schedule_event_on_commit, start_flush, do_delete_work).
   */
  readonly on_commit: (() => void)[] = [];
  /** What share_info has said last to whom; most turns share nothing. */
  #shared: Map<string, OutMessage> | null = null;

  send_notify(to: number, notify: pg_notify_t): void {
    this.messages.push({ to, kind: "notify", notify });
  }
  send_query(to: number, pgid: spg_t, query: pg_query_t): void {
    this.messages.push({ to, kind: "query", pgid, query });
  }
  /** The answer is here before the question has left. */
  drop_query(to: number, pgid: spg_t): void {
    const asks = (m: OutMessage) => m.kind === "query" && m.to === to && m.pgid === pgid;
    const i = this.messages.findIndex(asks);
    if (i >= 0) this.messages.splice(i, 1);
  }
  send_info(to: number, notify: pg_notify_t): void {
    this.messages.push({ to, kind: "info", notify });
  }
  /** What the whole PG is to know: says all that an earlier one of this ctx would have said. */
  share_info(to: number, notify: pg_notify_t): void {
    const key = `${to}(${notify.to})`;
    this.#shared ??= new Map();
    const earlier = this.#shared.get(key);
    if (earlier) this.messages.splice(this.messages.indexOf(earlier), 1);
    const m = { to, kind: "info", notify } as const;
    this.#shared.set(key, m);
    this.messages.push(m);
  }
  send(to: number, msg: Message): void {
    this.messages.push({ to, kind: "message", msg });
  }
  effect(e: PeeringEffect): void {
    this.effects.push(e);
  }
}
