/**
 * Peering events and their envelope. Ceph counterpart: src/osd/PGPeeringEvent.h, PeeringState.h.
 * Payloads: peering.md §5.1. Sources: §4.3.
 */
import type {
  epoch_t,
  eversion_t,
  Msg,
  OSDMap,
  past_intervals_wire_t,
  pg_history_t,
  pg_info_wire_t,
  pg_lease_ack_t,
  pg_lease_t,
  pg_notify_t,
  pg_query_t,
  pg_shard_t,
} from "@tako/common";

/** An event without payload. */
type Plain<T extends string> = { readonly type: T };

export type PeeringEvent =
  | Plain<"Initialize">
  | {
      readonly type: "AdvMap";
      readonly osdmap: OSDMap;
      readonly lastmap: OSDMap;
      readonly newup: readonly number[];
      readonly up_primary: number;
      readonly newacting: readonly number[];
      readonly acting_primary: number;
    }
  | Plain<"ActMap">
  | Plain<"NullEvt">
  | { readonly type: "MNotifyRec"; readonly from: pg_shard_t; readonly notify: pg_notify_t }
  | {
      readonly type: "MInfoRec";
      readonly from: pg_shard_t;
      readonly info: pg_info_wire_t;
      readonly msg_epoch: epoch_t;
      readonly lease?: pg_lease_t;
      readonly lease_ack?: pg_lease_ack_t;
    }
  | { readonly type: "MLogRec"; readonly from: pg_shard_t; readonly msg: Msg<"pg_log"> }
  | {
      readonly type: "MQuery";
      readonly from: pg_shard_t;
      readonly query: pg_query_t;
      readonly query_epoch: epoch_t;
    }
  | {
      readonly type: "MTrim";
      readonly from: pg_shard_t;
      readonly epoch: epoch_t;
      readonly trim_to: eversion_t;
    }
  | { readonly type: "MLease"; readonly from: pg_shard_t; readonly lease: pg_lease_t }
  | { readonly type: "MLeaseAck"; readonly from: pg_shard_t; readonly lease_ack: pg_lease_ack_t }
  /** Half of the lease's interval is over. */
  | Plain<"RenewLease">
  /** A time has come after which the PG may be readable. */
  | Plain<"CheckReadable">
  | { readonly type: "Activate"; readonly activation_epoch: epoch_t }
  | {
      readonly type: "ActivateCommitted";
      /** Map epoch when activate() ran. */
      readonly epoch: epoch_t;
      readonly activation_epoch: epoch_t;
    }
  | { readonly type: "RequestRecoveryPrio"; readonly priority: number }
  | {
      readonly type: "RequestBackfillPrio";
      readonly priority: number;
      readonly primary_num_bytes: number;
      readonly local_num_bytes: number;
    }
  | { readonly type: "DeferRecovery"; readonly delay_s: number }
  | { readonly type: "DeferBackfill"; readonly delay_s: number }
  | { readonly type: "RemoteRecoveryReserved"; readonly from?: pg_shard_t }
  | { readonly type: "RemoteBackfillReserved"; readonly from?: pg_shard_t }
  | Plain<"GotInfo">
  | Plain<"GotLog">
  | Plain<"NeedUpThru">
  | Plain<"NeedActingChange">
  | Plain<"IsIncomplete">
  | Plain<"IsDown">
  | Plain<"Backfilled">
  | Plain<"MakePrimary">
  | Plain<"MakeStray">
  | Plain<"AllReplicasActivated">
  | Plain<"DoRecovery">
  | Plain<"RequestBackfill">
  | Plain<"AllReplicasRecovered">
  | Plain<"GoClean">
  /** Ours, for C_PG_FinishRecovery: that the PG is clean has become durable. */
  | Plain<"FinishRecovery">
  | Plain<"LocalRecoveryReserved">
  | Plain<"LocalBackfillReserved">
  | Plain<"AllRemotesReserved">
  | Plain<"AllBackfillsReserved">
  | Plain<"RemoteReservationRejectedTooFull">
  | Plain<"RemoteReservationRevoked">
  | Plain<"RemoteReservationRevokedTooFull">
  | Plain<"RemoteReservationCanceled">
  | Plain<"RejectTooFullRemoteReservation">
  | Plain<"RemoteRecoveryPreempted">
  | Plain<"RemoteBackfillPreempted">
  | Plain<"RecoveryDone">
  | Plain<"RecoveryTooFull">
  | Plain<"BackfillTooFull">
  | Plain<"UnfoundRecovery">
  | Plain<"UnfoundBackfill">
  | Plain<"FlushedEvt">
  | Plain<"SetForceRecovery">
  | Plain<"UnsetForceRecovery">
  | Plain<"SetForceBackfill">
  | Plain<"UnsetForceBackfill">
  | Plain<"DeleteStart">
  | Plain<"DeleteReserved">
  | Plain<"DeleteSome">
  | Plain<"DeleteInterrupted">;

export type PeeringEventType = PeeringEvent["type"];
/** The event with that name: `Evt<"MNotifyRec">`. */
export type Evt<T extends PeeringEventType> = Extract<PeeringEvent, { type: T }>;

/** What a message needs to bring so that an absent PG may be created for it (PGCreateInfo). */
export interface PGCreateInfo {
  readonly epoch: epoch_t;
  readonly history: pg_history_t;
  readonly past_intervals: past_intervals_wire_t;
  readonly by_mon: boolean;
}

/** PGPeeringEvent: peering.md §4.1. */
export interface PeeringEvt {
  readonly epoch_sent: epoch_t;
  readonly epoch_requested: epoch_t;
  readonly evt: PeeringEvent;
  readonly requires_pg: boolean;
  readonly create_info?: PGCreateInfo;
}
