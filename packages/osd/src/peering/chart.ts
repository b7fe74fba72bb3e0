/**
 * THE peering chart: every state, and every event that it knows. What is not in this table does not
 * happen; an event that no state on the stack lists is an InvariantError (Ceph's Crashed).
 * Reactions are in states/, one file a family. Ceph counterpart: the reactions typedefs of
 * src/osd/PeeringState.h. peering.md §5. Printed in docs/peering-states.md.
 *
 * A string is a transition; `ignore` consumes; a function handles (and may let the enclosing state
 * see the event); [function, ...states] may also go to one of these states.
 */
import { type Chart, CompiledChart, ignore } from "@tako/common";
import type { PeeringEvent } from "./events.ts";
import type { PeeringMachine } from "./PeeringMachine.ts";
import type { StateName } from "./state_name.ts";
import { active } from "./states/active.ts";
import {
  backfilling,
  notBackfilling,
  waitLocalBackfillReserved,
  waitRemoteBackfillReserved,
} from "./states/backfill.ts";
import { down, getInfo } from "./states/get_info.ts";
import { getLog, incomplete } from "./states/get_log.ts";
import { getMissing, waitUpThru } from "./states/get_missing.ts";
import { peering, primary, waitActingChange } from "./states/primary.ts";
import {
  clean,
  do_recovery_if_needed,
  notRecovering,
  recovered,
  recovering,
  waitLocalRecoveryReserved,
  waitRemoteRecoveryReserved,
} from "./states/recovery.ts";
import {
  replicaActive,
  repNotRecovering,
  repRecovering,
  repWaitBackfillReserved,
  repWaitRecoveryReserved,
} from "./states/replica.ts";
import { initial, reset, start, started } from "./states/reset.ts";
import { stray } from "./states/stray.ts";
import { deleting, toDelete, waitDeleteReserved } from "./states/to_delete.ts";

// biome-ignore format: read as a table
const chart: Chart<StateName, PeeringMachine, PeeringEvent> = {
  Initial: { on: {
    Initialize: [initial.Initialize, "Reset"],
    NullEvt: ignore,
  } },
  Reset: { enter: reset.enter, on: {
    AdvMap: reset.AdvMap,
    ActMap: [reset.ActMap, "Started"],
    FlushedEvt: ignore,
    NullEvt: ignore,
    // An order for an interval that is over.
    SetForceRecovery: ignore, UnsetForceRecovery: ignore,
    SetForceBackfill: ignore, UnsetForceBackfill: ignore,
  } },
  Started: { initial: "Start", exit: started.exit, on: {
    AdvMap: [started.AdvMap, "Reset"],
    ActMap: ignore,
    FlushedEvt: started.FlushedEvt,
    NullEvt: ignore,
    SetForceRecovery: ignore, UnsetForceRecovery: ignore,
    SetForceBackfill: ignore, UnsetForceBackfill: ignore,
  } },
    Start: { in: "Started", enter: start.enter, on: {
      MakePrimary: "Primary",
      MakeStray: "Stray",
    } },

    Primary: { in: "Started", initial: "Peering", enter: primary.enter, exit: primary.exit, on: {
      ActMap: primary.ActMap,
      MNotifyRec: primary.MNotifyRec,
      // An order of an older primary: we lead the PG now.
      DeleteStart: ignore,
      SetForceRecovery: primary.SetForceRecovery, UnsetForceRecovery: primary.UnsetForceRecovery,
      SetForceBackfill: primary.SetForceBackfill, UnsetForceBackfill: primary.UnsetForceBackfill,
    } },
      Peering: { in: "Primary", initial: "GetInfo", enter: peering.enter, exit: peering.exit, on: {
        AdvMap: [peering.AdvMap, "Reset"],
        Activate: "Active",
      } },
        GetInfo: { in: "Peering", enter: getInfo.enter, exit: getInfo.exit, on: {
          MNotifyRec: getInfo.MNotifyRec,
          GotInfo: "GetLog",
          IsDown: "Down",
        } },
        GetLog: { in: "Peering", enter: getLog.enter, exit: getLog.exit, on: {
          AdvMap: [getLog.AdvMap, "Reset"],
          MLogRec: getLog.MLogRec,
          GotLog: [getLog.GotLog, "GetMissing"],
          NeedActingChange: "WaitActingChange",
          IsIncomplete: "Incomplete",
        } },
        GetMissing: { in: "Peering", enter: getMissing.enter, exit: getMissing.exit, on: {
          MLogRec: getMissing.MLogRec,
          NeedUpThru: "WaitUpThru",
        } },
        WaitUpThru: { in: "Peering", enter: waitUpThru.enter, on: {
          ActMap: waitUpThru.ActMap,
          MLogRec: waitUpThru.MLogRec,
        } },
        Down: { in: "Peering", enter: down.enter, exit: down.exit, on: {
          MNotifyRec: [down.MNotifyRec, "GetInfo"],
        } },
        Incomplete: { in: "Peering", enter: incomplete.enter, exit: incomplete.exit, on: {
          AdvMap: [incomplete.AdvMap, "Reset"],
          MNotifyRec: [incomplete.MNotifyRec, "GetLog"],
        } },

      WaitActingChange: { in: "Primary", enter: waitActingChange.enter, exit: waitActingChange.exit, on: {
        AdvMap: [waitActingChange.AdvMap, "Reset"],
        MLogRec: ignore, MInfoRec: ignore, MNotifyRec: ignore,
      } },

      Active: { in: "Primary", initial: "Activating", enter: active.enter, exit: active.exit, on: {
        AdvMap: active.AdvMap,
        ActMap: active.ActMap,
        MNotifyRec: active.MNotifyRec,
        MInfoRec: active.MInfoRec,
        MLogRec: active.MLogRec,
        MTrim: active.MTrim,
        MLeaseAck: active.MLeaseAck,
        RenewLease: active.RenewLease,
        CheckReadable: active.CheckReadable,
        ActivateCommitted: active.ActivateCommitted,
        AllReplicasActivated: active.AllReplicasActivated,
        FinishRecovery: active.FinishRecovery,
        // Late: the state that they were meant for has been left.
        DoRecovery: ignore, RequestBackfill: ignore,
        AllReplicasRecovered: ignore, Backfilled: ignore,
        DeferRecovery: ignore, DeferBackfill: ignore,
        UnfoundRecovery: ignore, UnfoundBackfill: ignore,
        BackfillTooFull: ignore,
        LocalRecoveryReserved: ignore, LocalBackfillReserved: ignore,
        RemoteRecoveryReserved: ignore, RemoteBackfillReserved: ignore,
        RemoteReservationRejectedTooFull: ignore,
        RemoteReservationRevoked: ignore, RemoteReservationRevokedTooFull: ignore,
      } },
        Activating: { in: "Active", on: {
          AllReplicasRecovered: "Recovered",
          DoRecovery: "WaitLocalRecoveryReserved",
          RequestBackfill: "WaitLocalBackfillReserved",
        } },
        WaitLocalRecoveryReserved: { in: "Active", enter: waitLocalRecoveryReserved.enter, on: {
          LocalRecoveryReserved: "WaitRemoteRecoveryReserved",
          RecoveryTooFull: [waitLocalRecoveryReserved.RecoveryTooFull, "NotRecovering"],
          DeferRecovery: [waitLocalRecoveryReserved.DeferRecovery, "NotRecovering"],
        } },
        WaitRemoteRecoveryReserved: { in: "Active", enter: waitRemoteRecoveryReserved.enter, on: {
          RemoteRecoveryReserved: waitRemoteRecoveryReserved.RemoteRecoveryReserved,
          AllRemotesReserved: "Recovering",
          DeferRecovery: [waitRemoteRecoveryReserved.DeferRecovery, "NotRecovering"],
        } },
        Recovering: { in: "Active", enter: recovering.enter, exit: recovering.exit, on: {
          AllReplicasRecovered: [recovering.AllReplicasRecovered, "Recovered"],
          RequestBackfill: [recovering.RequestBackfill, "WaitLocalBackfillReserved"],
          DeferRecovery: [recovering.DeferRecovery, "NotRecovering"],
          UnfoundRecovery: [recovering.UnfoundRecovery, "NotRecovering"],
        } },
        NotRecovering: { in: "Active", enter: notRecovering.enter, exit: notRecovering.exit, on: {
          DoRecovery: "WaitLocalRecoveryReserved",
        } },
        WaitLocalBackfillReserved: { in: "Active", enter: waitLocalBackfillReserved.enter, on: {
          LocalBackfillReserved: "WaitRemoteBackfillReserved",
          DeferBackfill: [waitLocalBackfillReserved.DeferBackfill, "NotBackfilling"],
        } },
        WaitRemoteBackfillReserved: { in: "Active", enter: waitRemoteBackfillReserved.enter, on: {
          RemoteBackfillReserved: waitRemoteBackfillReserved.RemoteBackfillReserved,
          AllBackfillsReserved: "Backfilling",
          RemoteReservationRejectedTooFull: [waitRemoteBackfillReserved.RemoteReservationRejectedTooFull, "NotBackfilling"],
          RemoteReservationRevokedTooFull: [waitRemoteBackfillReserved.RemoteReservationRevokedTooFull, "NotBackfilling"],
          RemoteReservationRevoked: [waitRemoteBackfillReserved.RemoteReservationRevoked, "NotBackfilling"],
          DeferBackfill: [waitRemoteBackfillReserved.DeferBackfill, "NotBackfilling"],
        } },
        Backfilling: { in: "Active", enter: backfilling.enter, exit: backfilling.exit, on: {
          Backfilled: [backfilling.Backfilled, "Recovered"],
          DeferBackfill: [backfilling.DeferBackfill, "NotBackfilling"],
          UnfoundBackfill: [backfilling.UnfoundBackfill, "NotBackfilling"],
          RemoteReservationRevokedTooFull: [backfilling.RemoteReservationRevokedTooFull, "NotBackfilling"],
          RemoteReservationRevoked: [backfilling.RemoteReservationRevoked, "WaitLocalBackfillReserved", "Recovered"],
        } },
        NotBackfilling: { in: "Active", enter: notBackfilling.enter, exit: notBackfilling.exit, on: {
          RequestBackfill: "WaitLocalBackfillReserved",
          DoRecovery: [do_recovery_if_needed, "WaitLocalRecoveryReserved"],
        } },
        Recovered: { in: "Active", enter: recovered.enter, on: {
          AllReplicasActivated: recovered.AllReplicasActivated,
          GoClean: [recovered.GoClean, "Clean"],
          DoRecovery: [do_recovery_if_needed, "WaitLocalRecoveryReserved"],
        } },
        Clean: { in: "Active", enter: clean.enter, exit: clean.exit, on: {
          DoRecovery: [do_recovery_if_needed, "WaitLocalRecoveryReserved"],
          SetForceRecovery: ignore, SetForceBackfill: ignore,
        } },

    Stray: { in: "Started", enter: stray.enter, on: {
      MLogRec: [stray.MLogRec, "ReplicaActive"],
      MInfoRec: [stray.MInfoRec, "ReplicaActive"],
      MQuery: stray.MQuery,
      ActMap: stray.ActMap,
      DeleteStart: [stray.DeleteStart, "ToDelete"],
      MTrim: ignore, RecoveryDone: ignore, RemoteReservationCanceled: ignore,
    } },

    ReplicaActive: { in: "Started", initial: "RepNotRecovering", enter: replicaActive.enter, exit: replicaActive.exit, on: {
      Activate: replicaActive.Activate,
      ActivateCommitted: replicaActive.ActivateCommitted,
      MInfoRec: replicaActive.MInfoRec,
      MLogRec: replicaActive.MLogRec,
      MTrim: replicaActive.MTrim,
      MLease: replicaActive.MLease,
      MQuery: stray.MQuery,
      ActMap: stray.ActMap,
      DeleteStart: [stray.DeleteStart, "ToDelete"],
      DeferRecovery: ignore, DeferBackfill: ignore,
      UnfoundRecovery: ignore, UnfoundBackfill: ignore,
    } },
      RepNotRecovering: { in: "ReplicaActive", on: {
        RequestRecoveryPrio: [repNotRecovering.RequestRecoveryPrio, "RepWaitRecoveryReserved"],
        RequestBackfillPrio: [repNotRecovering.RequestBackfillPrio, "RepWaitBackfillReserved"],
        RejectTooFullRemoteReservation: repNotRecovering.RejectTooFullRemoteReservation,
        // Late: the primary has given the reservation back, or we have.
        RecoveryDone: ignore, RemoteReservationCanceled: ignore,
        RemoteRecoveryReserved: ignore, RemoteBackfillReserved: ignore,
        RemoteRecoveryPreempted: ignore, RemoteBackfillPreempted: ignore,
        BackfillTooFull: ignore,
      } },
      RepWaitRecoveryReserved: { in: "ReplicaActive", on: {
        RemoteRecoveryReserved: [repWaitRecoveryReserved.RemoteRecoveryReserved, "RepRecovering"],
        RecoveryDone: [repWaitRecoveryReserved.release, "RepNotRecovering"],
        RemoteReservationCanceled: [repWaitRecoveryReserved.release, "RepNotRecovering"],
        RemoteRecoveryPreempted: [repWaitRecoveryReserved.RemoteRecoveryPreempted, "RepNotRecovering"],
        RemoteBackfillReserved: ignore, RemoteBackfillPreempted: ignore,
        BackfillTooFull: ignore,
      } },
      RepWaitBackfillReserved: { in: "ReplicaActive", on: {
        RemoteBackfillReserved: [repWaitBackfillReserved.RemoteBackfillReserved, "RepRecovering", "RepNotRecovering"],
        RejectTooFullRemoteReservation: [repWaitBackfillReserved.RejectTooFullRemoteReservation, "RepNotRecovering"],
        // Of an earlier reservation: this one is given back by RemoteReservationCanceled.
        RecoveryDone: ignore,
        RemoteReservationCanceled: [repWaitRecoveryReserved.release, "RepNotRecovering"],
        RemoteBackfillPreempted: [repWaitBackfillReserved.RemoteBackfillPreempted, "RepNotRecovering"],
        RemoteRecoveryReserved: ignore, RemoteRecoveryPreempted: ignore,
        BackfillTooFull: ignore,
      } },
      RepRecovering: { in: "ReplicaActive", exit: repRecovering.exit, on: {
        RecoveryDone: "RepNotRecovering",
        RemoteReservationCanceled: "RepNotRecovering",
        BackfillTooFull: [repRecovering.BackfillTooFull, "RepNotRecovering"],
        RemoteBackfillPreempted: [repRecovering.RemoteBackfillPreempted, "RepNotRecovering"],
        RemoteRecoveryPreempted: [repRecovering.RemoteRecoveryPreempted, "RepNotRecovering"],
        RemoteRecoveryReserved: ignore, RemoteBackfillReserved: ignore,
      } },

    ToDelete: { in: "Started", initial: "WaitDeleteReserved", exit: toDelete.exit, on: {
      ActMap: toDelete.ActMap,
      MQuery: stray.MQuery,
      // What was on its way when we were told to delete.
      DeleteStart: ignore, MTrim: ignore, MInfoRec: ignore, ActivateCommitted: ignore,
      RecoveryDone: ignore, RemoteReservationCanceled: ignore,
      DeleteReserved: ignore, DeleteInterrupted: ignore, DeleteSome: ignore,
    } },
      WaitDeleteReserved: { in: "ToDelete", enter: waitDeleteReserved.enter, on: {
        DeleteReserved: "Deleting",
        // The slot was lost before we heard of it: ask again.
        DeleteInterrupted: "WaitDeleteReserved",
      } },
      Deleting: { in: "ToDelete", enter: deleting.enter, exit: deleting.exit, on: {
        DeleteSome: deleting.DeleteSome,
        DeleteInterrupted: "WaitDeleteReserved",
      } },
};

export const peering_chart = new CompiledChart(chart, "Initial");
