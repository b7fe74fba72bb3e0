/**
 * Peering messages as events for PGs. Pure. Rules for the envelope: peering.md §4.1, §4.3.
 */
import {
  type Message,
  type Msg,
  spg_t as make_spg,
  type pg_notify_t,
  pg_shard,
  spg_pg,
  type spg_t,
} from "@tako/common";
import type { PeeringEvent, PeeringEvt, PGCreateInfo } from "../peering/events.ts";

export type PeeringMessage = Msg<
  | "pg_query"
  | "pg_notify"
  | "pg_info"
  | "pg_log"
  | "pg_lease"
  | "pg_lease_ack"
  | "pg_trim"
  | "pg_remove"
  | "backfill_reserve"
  | "recovery_reserve"
>;

const TYPES: ReadonlySet<string> = new Set<PeeringMessage["type"]>([
  "pg_query",
  "pg_notify",
  "pg_info",
  "pg_log",
  "pg_lease",
  "pg_lease_ack",
  "pg_trim",
  "pg_remove",
  "backfill_reserve",
  "recovery_reserve",
]);
export function is_peering_message(m: Message): m is PeeringMessage {
  return TYPES.has(m.type);
}

/** Map epoch of the sender. */
export function epoch_of(m: PeeringMessage): number {
  return "epoch" in m ? m.epoch : m.query_epoch;
}

export interface AddressedEvent {
  readonly spgid: spg_t;
  readonly evt: PeeringEvt;
}

/** One event for each PG that the message is about; `from` = id of the sending OSD. */
export function peering_events_of(m: PeeringMessage, from: number): AddressedEvent[] {
  switch (m.type) {
    case "pg_query":
      return m.pg_list.map(({ pgid, query }) => ({
        spgid: pgid,
        evt: {
          epoch_sent: query.epoch_sent,
          epoch_requested: query.epoch_sent,
          requires_pg: false,
          evt: {
            type: "MQuery",
            from: pg_shard(from, query.from),
            query,
            query_epoch: query.epoch_sent,
          },
        },
      }));
    case "pg_notify":
      return m.pg_list.map((notify) =>
        from_notify(
          notify,
          { type: "MNotifyRec", from: pg_shard(from, notify.from), notify },
          true,
        ),
      );
    case "pg_info":
      return m.pg_list.map((n) => {
        return from_notify(n, info_event(n, from), false);
      });
    case "pg_log":
      return [from_log(m, from)];
    case "pg_lease":
      return [
        both(m.pgid, m.epoch, { type: "MLease", from: pg_shard(from, m.from), lease: m.lease }),
      ];
    case "pg_lease_ack":
      return [
        both(m.pgid, m.epoch, {
          type: "MLeaseAck",
          from: pg_shard(from, m.from),
          lease_ack: m.lease_ack,
        }),
      ];
    case "pg_trim":
      return [
        both(m.pgid, m.epoch, {
          type: "MTrim",
          from: pg_shard(from),
          epoch: m.epoch,
          trim_to: m.trim_to,
        }),
      ];
    case "pg_remove":
      return m.pg_list.map((pgid) => both(pgid, m.epoch, { type: "DeleteStart" }));
    case "backfill_reserve":
      return [both(m.pgid, m.query_epoch, backfill_event(m, from))];
    case "recovery_reserve":
      return [both(m.pgid, m.query_epoch, recovery_event(m, from))];
  }
}

/** An event whose two epochs are the same. */
function both(spgid: spg_t, epoch: number, evt: PeeringEvent): AddressedEvent {
  return { spgid, evt: { epoch_sent: epoch, epoch_requested: epoch, requires_pg: true, evt } };
}

/** MInfoRec: an info may bring a lease, or the answer to one. */
export function info_event(n: pg_notify_t, from: number): PeeringEvent {
  return {
    type: "MInfoRec",
    from: pg_shard(from, n.from),
    info: n.info,
    msg_epoch: n.epoch_sent,
    ...(n.lease && { lease: n.lease }),
    ...(n.lease_ack && { lease_ack: n.lease_ack }),
  };
}

function from_notify(n: pg_notify_t, evt: PeeringEvent, may_create: boolean): AddressedEvent {
  const envelope = {
    epoch_sent: n.epoch_sent,
    epoch_requested: n.query_epoch,
    requires_pg: true,
    evt,
  };
  const spgid = make_spg(spg_pg(n.info.pgid), n.to);
  if (!may_create || n.past_intervals === null) return { spgid, evt: envelope };
  const create_info: PGCreateInfo = {
    epoch: n.query_epoch,
    history: n.info.history,
    past_intervals: n.past_intervals,
    by_mon: false,
  };
  return { spgid, evt: { ...envelope, create_info } };
}

function from_log(m: Msg<"pg_log">, from: number): AddressedEvent {
  const envelope = {
    epoch_sent: m.epoch,
    epoch_requested: m.query_epoch,
    requires_pg: true,
    evt: { type: "MLogRec", from: pg_shard(from, m.from), msg: m } as const,
  };
  if (m.past_intervals === null) return { spgid: m.pgid, evt: envelope };
  const create_info: PGCreateInfo = {
    epoch: m.query_epoch,
    history: m.info.history,
    past_intervals: m.past_intervals,
    by_mon: false,
  };
  return { spgid: m.pgid, evt: { ...envelope, create_info } };
}

function backfill_event(m: Msg<"backfill_reserve">, from: number): PeeringEvent {
  switch (m.op) {
    case "REQUEST":
      return {
        type: "RequestBackfillPrio",
        priority: m.priority,
        primary_num_bytes: m.primary_num_bytes,
        local_num_bytes: m.shard_num_bytes,
      };
    case "GRANT":
      return { type: "RemoteBackfillReserved", from: pg_shard(from, m.from) };
    case "REJECT_TOOFULL":
      return { type: "RemoteReservationRejectedTooFull" };
    case "RELEASE":
      return { type: "RemoteReservationCanceled" };
    case "REVOKE":
      return { type: "RemoteReservationRevoked" };
    case "REVOKE_TOOFULL":
      return { type: "RemoteReservationRevokedTooFull" };
  }
}

function recovery_event(m: Msg<"recovery_reserve">, from: number): PeeringEvent {
  switch (m.op) {
    case "REQUEST":
      return { type: "RequestRecoveryPrio", priority: m.priority };
    case "GRANT":
      return { type: "RemoteRecoveryReserved", from: pg_shard(from, m.from) };
    case "RELEASE":
      return { type: "RecoveryDone" };
    case "REVOKE":
      return { type: "DeferRecovery", delay_s: 0 };
  }
}
