/**
 * States, transitions and points that no run can take, each with its reason. They stand in the chart
 * because Ceph's has them, and because what cannot come from our own code may come from a peer's.
 * What stands here is not asked for; what is merely rare does not belong here.
 */
const GRANT_FIRST =
  "AsyncReserver tells of a lost slot only who was told of having it, and both go through the PG's queue: " +
  "the grant has moved the PG on by then";
const IN_ORDER =
  "the primary gives back the slot of the one kind before it asks for the other, on one ordered connection";

const IN_ONE_TURN =
  "the slot would have to be taken away at the target and here, and both be told to the PG in one turn: " +
  "in the simulator a turn takes no time";

const NOTHING_GOES_MISSING =
  "nothing is missing when a PG gets there, and it stays only while it may not serve yet: until then no " +
  "operation is begun, scrubs need a clean PG, and recovery has read what it had to read";
const SETTLED_FIRST =
  "PGLog settles divergent entries before it appends those of the authority, which then make the object " +
  "missing in the newer version: the log never has a newer one of the object at that time";

export const UNREACHABLE: Readonly<Record<string, string>> = {
  "transition WaitLocalBackfillReserved DeferBackfill -> NotBackfilling": IN_ONE_TURN,
  "transition RepWaitBackfillReserved RejectTooFullRemoteReservation -> RepNotRecovering":
    "posted only by RepNotRecovering to itself, and processed before anything else",
  "transition RepWaitRecoveryReserved RemoteReservationCanceled -> RepNotRecovering": IN_ORDER,
  "transition RepWaitRecoveryReserved RemoteRecoveryPreempted -> RepNotRecovering": GRANT_FIRST,
  "transition RepWaitBackfillReserved RemoteBackfillPreempted -> RepNotRecovering": GRANT_FIRST,
  "transition Recovered DoRecovery -> WaitLocalRecoveryReserved": NOTHING_GOES_MISSING,
  'point "divergent object superseded"': SETTLED_FIRST,
  "transition WaitDeleteReserved DeleteInterrupted -> WaitDeleteReserved": GRANT_FIRST,
};
